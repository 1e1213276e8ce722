// What actors over TCP do.
#include "tests/simulation/world/stream_actors.h"

#include "tests/simulation/world/simulated_server.h"

namespace uturn {

PoliteStreamClient::PoliteStreamClient(VirtualNetwork& network, TransportAddress server,
                                       Habits habits, uint64_t seed)
    : network_(network), server_(server), habits_(std::move(habits)), random_(seed) {}

void PoliteStreamClient::start() {
  pings_ = true;
  begin();
}

void PoliteStreamClient::begin() {
  end_life();
  StreamSpec spec;
  spec.address = {habits_.ip, 0, 0};
  const auto end =
      network_.streams().connect(spec, server_, [this, life = life_](const StreamChange& change) {
        if (life == life_) on_change(change);
      });
  if (!end) return begin_later();
  end_ = *end;
  address_ = network_.streams().find(end_)->local;
  client_.emplace(TurnClient::Settings{.credentials = {habits_.user,
                                                       SimulatedServer::password_of(habits_.user)},
                                       .retransmission = {},
                                       .decoration = {},
                                       .reliable = true},
                  random_);
  client_->allocate({}, network_.now());
}

// As a person would.
void PoliteStreamClient::begin_later() {
  end_life();
  network_.at(network_.now().monotonic + 5s, [this, life = life_] {
    if (life == life_) begin();
  });
}

void PoliteStreamClient::end_life() {
  ++life_;
  if (end_ != 0) network_.streams().close(end_);
  end_ = 0;
  client_.reset();
  frames_.clear();
  unsent_.clear();
  armed_ = kNever;
  is_pinging_ = false;
}

void PoliteStreamClient::leave() {
  pings_ = false;
  end_life();
}

void PoliteStreamClient::vanish() {
  pings_ = false;
  if (end_ != 0) network_.streams().reset(end_);
  end_ = 0;
  end_life();
}

void PoliteStreamClient::on_change(const StreamChange& change) {
  if ((change.readable || change.failed) && !read()) return begin_later();
  pump();
}

// False: the connection is no more.
bool PoliteStreamClient::read() {
  for (;;) {
    std::array<uint8_t, 1'500> buffer;
    const auto size = network_.streams().read(end_, buffer);
    if (!size) return size.error() == StreamError::would_block;
    const bool is_turn =
        frames_.feed(MutableBytes{buffer}.first(*size), [this](MutableBytes frame) {
          network_.tap({server_, address_, {frame.begin(), frame.end()}});
          client_->handle(frame, network_.now());
        });
    CHECK(is_turn);  // a message was torn
  }
}

void PoliteStreamClient::pump() {
  for (bool busy = true; busy && client_;) {
    busy = false;
    while (const auto frame = client_->poll_transmit(network_.now())) {
      say(*frame);
      busy = true;
    }
    const uint64_t life = life_;
    while (const auto event = client_->poll_event()) {
      on_event(*event);
      if (life != life_) return;
      busy = true;
    }
  }
  write();
  arm();
}

void PoliteStreamClient::say(Bytes frame) {
  network_.tap({address_, server_, {frame.begin(), frame.end()}});
  unsent_.insert(unsent_.end(), frame.begin(), frame.end());
}

void PoliteStreamClient::write() {
  while (end_ != 0 && !unsent_.empty()) {
    const Bytes piece{unsent_};
    const auto size = network_.streams().write(end_, {&piece, 1});
    if (!size) return;
    unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<ptrdiff_t>(*size));
  }
}

void PoliteStreamClient::arm() {
  if (!client_) return;
  const Instant next = client_->next_deadline();
  if (next == kNever || next >= armed_) return;
  armed_ = next;
  network_.at(next, [this, life = life_] {
    if (life != life_ || !client_) return;
    armed_ = kNever;
    client_->on_deadline(network_.now());
    pump();
  });
}

void PoliteStreamClient::ping() {
  is_pinging_ = false;
  if (!client_ || !pings_) return;
  std::array<uint8_t, 512> out;
  const std::string text(random_.below(200), 'p');
  if (const auto frame =
          client_->send_on_channel(habits_.peer, bytes_of(text), out, network_.now())) {
    ++sent_;
    say(*frame);
    write();
  }
  is_pinging_ = true;
  network_.at(network_.now().monotonic + habits_.pause, [this, life = life_] {
    if (life == life_) ping();
  });
}

void PoliteStreamClient::on_event(const TurnEvent& event) {
  if (std::holds_alternative<Allocated>(event)) {
    client_->bind_channel(habits_.peer, network_.now());
  } else if (std::holds_alternative<ChannelBound>(event)) {
    if (!is_pinging_) ping();
  } else if (std::holds_alternative<PeerDatagram>(event)) {
    ++heard_;
  } else if (std::holds_alternative<AllocationLost>(event) ||
             (std::holds_alternative<RequestFailure>(event) &&
              client_->state() == TurnClient::State::idle)) {
    begin_later();
  }
}

void StreamVillain::overhear(Bytes words) {
  constexpr size_t kRemembered = 32;
  if (overheard_.size() < kRemembered) overheard_.emplace_back();
  overheard_[random_.below(overheard_.size())].assign(words.begin(), words.end());
}

void StreamVillain::strike() {
  constexpr size_t kOpen = 12;
  const std::array<uint8_t, 4> ip{203, 0, 113, static_cast<uint8_t>(200 + random_.below(4))};
  StreamSpec spec;
  spec.address = {IpAddress::v4(ip), 0, 0};
  spec.receive_buffer = 512;  // it never reads, and soon holds the server back
  const auto end = network_.streams().connect(spec, server_, {});
  if (!end) return;
  open_.push_back(*end);
  network_.streams().watch(*end, [this, id = *end](const StreamChange& change) {
    if (!change.writable) return;
    const std::vector<uint8_t> words = something();
    const Bytes piece{words};
    if (!words.empty()) (void)network_.streams().write(id, {&piece, 1});
  });
  while (open_.size() > kOpen || (!open_.empty() && random_.chance(300))) {
    const StreamNetwork::End oldest = open_.front();
    open_.pop_front();
    random_.chance(500) ? network_.streams().reset(oldest) : network_.streams().close(oldest);
  }
}

void StreamVillain::give_up() {
  for (const StreamNetwork::End end : open_) network_.streams().reset(end);
  open_.clear();
}

std::vector<uint8_t> StreamVillain::something() {
  std::vector<uint8_t> words;
  switch (random_.below(5)) {
    case 0:
      return words;
    case 1:
      words.resize(random_.below(100));
      random_.fill(words);
      return words;
    case 2: {
      constexpr std::string_view kWords[] = {"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02",
                                             "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n", "\x7F\xFF\xFF"};
      const Bytes chosen = bytes_of(kWords[random_.below(std::size(kWords))]);
      return {chosen.begin(), chosen.end()};
    }
    default:
      if (overheard_.empty()) return words;
      for (uint64_t i = random_.below(20); i < 20; ++i) {
        const auto& one = overheard_[random_.below(overheard_.size())];
        words.insert(words.end(), one.begin(), one.end());
      }
      if (!words.empty() && random_.chance(300)) words[random_.below(words.size())] ^= 1;
      if (random_.chance(300)) words.resize(random_.below(words.size() + 1));
      return words;
  }
}

}  // namespace uturn
