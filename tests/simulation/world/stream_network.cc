// Handshakes, segments, windows and ends.
#include "tests/simulation/world/stream_network.h"

#include <vector>

#include "tests/simulation/world/virtual_network.h"

namespace uturn {
namespace {

constexpr size_t kLongestSegment = 1'448;
constexpr Duration kTimeWait = std::chrono::seconds(60);
constexpr Duration kConnectTimeout = std::chrono::seconds(127);  // six SYNs, as Linux does it
constexpr Duration kSynRetransmission = std::chrono::seconds(1);

}  // namespace

Result<StreamNetwork::Listener, StreamError> StreamNetwork::listen(const StreamSpec& spec,
                                                                   std::function<void()> came) {
  StreamSpec bound = spec;
  if (bound.address.port == 0) bound.address = with_port(spec.address, {});
  if (const auto refusal = refusal_to_bind(bound)) return Failure{*refusal};
  const Listener id = next_id_++;
  listeners_.emplace(id, Waiting{bound, {}, std::move(came)});
  return id;
}

void StreamNetwork::watch_listener(Listener listener, std::function<void()> came) {
  listeners_.at(listener).came = std::move(came);
}

std::optional<StreamNetwork::End> StreamNetwork::accept(Listener listener) {
  auto& queue = listeners_.at(listener).queue;
  if (queue.empty()) return std::nullopt;
  const End end = queue.front();
  queue.pop_front();
  return end;
}

bool StreamNetwork::has_connections(Listener listener) const {
  return !listeners_.at(listener).queue.empty();
}

TransportAddress StreamNetwork::address_of(Listener listener) const {
  return listeners_.at(listener).spec.address;
}

void StreamNetwork::close_listener(Listener listener) {
  auto node = listeners_.extract(listener);
  if (node.empty()) return;
  for (const End end : node.mapped().queue) reset(end);
}

Result<StreamNetwork::End, StreamError> StreamNetwork::connect(const StreamSpec& from,
                                                               const TransportAddress& to,
                                                               StreamWatch watch) {
  StreamSpec own = from;
  if (own.address.ip.family() != to.ip.family()) return Failure{StreamError::other};
  if (own.address.ip.is_unspecified()) own.address.ip = to.ip;
  if (own.address.port == 0) {
    own.address = with_port(own.address, to);
  } else if (const auto refusal = refusal_to_bind(own)) {
    return Failure{*refusal};
  }
  if (is_taken({own.address, to})) return Failure{StreamError::address_not_available};

  const End id = next_id_++;
  StreamEnd& end = ends_.emplace(id, StreamEnd{own, own.address, to}).first->second;
  end.watch = std::move(watch);
  after_delay(end, [this, id] { on_syn(id); });
  network_.at(network_.now().monotonic + kConnectTimeout, [this, id] {
    const StreamEnd* waiting = find(id);
    if (waiting != nullptr && !waiting->is_connected) fail(id, StreamError::timed_out);
  });
  return id;
}

// Linux: listeners on one port must all want SO_REUSEPORT; connections there, those in TIME_WAIT
// too, are no obstacle to who wants SO_REUSEADDR.
std::optional<StreamError> StreamNetwork::refusal_to_bind(const StreamSpec& spec) const {
  for (const auto& [id, other] : listeners_) {
    if (other.spec.address != spec.address) continue;
    if (!spec.reuse_port || !other.spec.reuse_port) return StreamError::address_in_use;
  }
  if (spec.reuse_address || spec.reuse_port) return std::nullopt;
  const auto is_here = [&](const auto& entry) { return entry.second.local == spec.address; };
  const auto was_here = [&](const auto& entry) {
    return entry.first.first == spec.address && is_in_time_wait(entry.first);
  };
  const bool is_used = std::ranges::any_of(ends_, is_here) ||  //
                       std::ranges::any_of(time_wait_, was_here);
  if (is_used) return StreamError::address_in_use;
  return std::nullopt;
}

TransportAddress StreamNetwork::with_port(TransportAddress address, const TransportAddress& to) {
  StreamSpec spec;
  spec.reuse_address = to.port != 0;  // for a connection the four-tuple decides
  do {
    address.port = static_cast<uint16_t>(20'000 + network_.random().below(20'000));
    spec.address = address;
  } while (refusal_to_bind(spec) || is_taken({address, to}));
  return address;
}

bool StreamNetwork::is_taken(const FourTuple& tuple) const {
  const auto is_it = [&](const auto& entry) {
    return FourTuple{entry.second.local, entry.second.remote} == tuple;
  };
  return is_in_time_wait(tuple) || std::ranges::any_of(ends_, is_it);
}

bool StreamNetwork::is_in_time_wait(const FourTuple& tuple) const {
  const auto found = time_wait_.find(tuple);
  return found != time_wait_.end() && !is_past(found->second, network_.now());
}

StreamNetwork::Waiting* StreamNetwork::listener_for(const TransportAddress& to,
                                                    const TransportAddress& from) {
  const TransportAddress wildcard{IpAddress::any(to.ip.family()), to.port, 0};
  for (const TransportAddress& wanted : {to, wildcard}) {
    std::vector<Waiting*> group;
    for (auto& [id, listener] : listeners_) {
      if (listener.spec.address == wanted) group.push_back(&listener);
    }
    if (!group.empty()) return group[hash_of(from, 7) % group.size()];
  }
  return nullptr;
}

void StreamNetwork::on_syn(End id) {
  StreamEnd* const end = find_end(id);
  if (end == nullptr || end->failure || swallowing_.contains(end->remote.ip)) return;
  Waiting* const listener = listener_for(end->remote, end->local);
  if (listener == nullptr) {
    after_delay(*end, [this, id] { fail(id, StreamError::refused); });
    return;
  }
  if (listener->queue.size() >= static_cast<size_t>(listener->spec.backlog)) {
    network_.at(network_.now().monotonic + kSynRetransmission, [this, id] { on_syn(id); });
    return;
  }
  const End other_id = next_id_++;
  StreamEnd accepted(listener->spec, end->remote, end->local);
  accepted.other = id;
  accepted.window = end->receive_room;
  accepted.is_connected = true;
  after_delay(accepted, [this, id, other_id] { on_syn_ack(id, other_id); });
  ends_.emplace(other_id, std::move(accepted));
  listener->queue.push_back(other_id);
  if (listener->came) listener->came();
}

void StreamNetwork::on_syn_ack(End id, End other_id) {
  StreamEnd* const end = find_end(id);
  const StreamEnd* const other = find(other_id);
  if (end == nullptr || end->failure) return fail(other_id, StreamError::reset);
  if (other == nullptr) return fail(id, StreamError::reset);
  end->other = other_id;
  end->window = other->receive_room;
  end->is_connected = true;
  end->is_short_of_room = true;  // whoever waited for the connection
  pump(id);
}

const StreamEnd* StreamNetwork::find(End end) const {
  return const_cast<StreamNetwork*>(this)->find_end(end);
}

StreamEnd* StreamNetwork::find_end(End end) {
  const auto found = ends_.find(end);
  return found == ends_.end() ? nullptr : &found->second;
}

void StreamNetwork::watch(End id, StreamWatch watch) {
  if (StreamEnd* const end = find_end(id)) end->watch = std::move(watch);
}

// What is read opens the window, once the other end hears of it.
Result<size_t, StreamError> StreamNetwork::read(End id, MutableBytes into) {
  StreamEnd* const end = find_end(id);
  if (end == nullptr) return Failure{StreamError::other};
  const auto size = end->read(into);
  if (size) {
    network_.at(network_.now().monotonic + network_.segment_delay(),
                [this, other = end->other, opened = *size] { on_window(other, opened); });
  }
  return size;
}

Result<size_t, StreamError> StreamNetwork::write(End id, std::span<const Bytes> pieces) {
  StreamEnd* const end = find_end(id);
  if (end == nullptr) return Failure{StreamError::other};
  const auto size = end->write(pieces);
  if (size) pump(id);
  return size;
}

void StreamNetwork::end_writing(End id) {
  StreamEnd* const end = find_end(id);
  if (end == nullptr || end->failure) return;
  end->ends_writing = true;
  pump(id);
}

void StreamNetwork::close(End id) {
  StreamEnd* const end = find_end(id);
  if (end == nullptr) return;
  if (!end->is_connected || end->failure) return forget(id);
  if (!end->received.empty()) return reset(id);
  end->watch = nullptr;
  end->is_closed = true;
  end->ends_writing = true;
  pump(id);
}

void StreamNetwork::reset(End id) {
  StreamEnd* const end = find_end(id);
  if (end == nullptr) return;
  if (end->is_connected && !end->failure) {
    after_delay(*end, [this, other = end->other] { fail(other, StreamError::reset); });
  }
  forget(id);
}

// Segments of any size as far as the window goes; then FIN, where it is wanted.
void StreamNetwork::pump(End id) {
  StreamEnd& end = ends_.at(id);
  if (!end.is_connected) return;
  while (!end.unsent.empty() && end.in_flight < end.window) {
    const size_t most = std::min({kLongestSegment, end.unsent.size(), end.window - end.in_flight});
    const auto size = static_cast<std::ptrdiff_t>(1 + network_.random().below(most));
    std::vector<uint8_t> bytes(end.unsent.begin(), end.unsent.begin() + size);
    end.unsent.erase(end.unsent.begin(), end.unsent.begin() + size);
    end.in_flight += bytes.size();
    after_delay(end,
                [this, id, to = end.other, bytes = std::move(bytes)] { on_bytes(to, id, bytes); });
  }
  if (end.unsent.empty() && end.ends_writing && !end.has_sent_end) {
    end.has_sent_end = true;
    after_delay(end, [this, to = end.other] { on_end(to); });
  }
  if (end.is_closed && end.has_sent_end) return forget(id);
  if (end.is_short_of_room && end.unsent.size() <= end.send_room / 2) {
    end.is_short_of_room = false;
    // Not from within a write: whoever is called back would write the same bytes once more.
    network_.at(network_.now().monotonic, [this, id] {
      if (const StreamEnd* const told = find(id)) told->tell({.writable = true});
    });
  }
}

// Bytes for an end that nobody will read from are answered with RST.
void StreamNetwork::on_bytes(End id, End sender, const std::vector<uint8_t>& bytes) {
  StreamEnd* const end = find_end(id);
  if (end != nullptr && end->failure) return;
  if (end == nullptr || end->is_closed) {
    forget(id);
    network_.at(network_.now().monotonic + network_.segment_delay(),
                [this, sender] { fail(sender, StreamError::reset); });
    return;
  }
  network_.note_delivery(end->remote, end->local, bytes);
  end->received.insert(end->received.end(), bytes.begin(), bytes.end());
  end->tell({.readable = true});
}

void StreamNetwork::on_window(End id, size_t size) {
  StreamEnd* const end = find_end(id);
  if (end == nullptr || end->failure) return;
  end->in_flight -= size;
  pump(id);
}

void StreamNetwork::on_end(End id) {
  StreamEnd* const end = find_end(id);
  if (end == nullptr || end->failure) return;
  end->has_end = true;
  end->tell({.readable = true});
}

void StreamNetwork::fail(End id, StreamError why) {
  StreamEnd* const end = find_end(id);
  if (end == nullptr || end->failure) return;
  if (end->is_closed) return forget(id);
  end->failure = why;
  end->unsent.clear();
  end->tell({.readable = end->is_connected, .failed = true});
}

// Whose FIN left first keeps the four-tuple for a while.
void StreamNetwork::forget(End id) {
  const auto node = ends_.extract(id);
  if (node.empty()) return;
  const StreamEnd& end = node.mapped();
  const Now now = network_.now();
  std::erase_if(time_wait_, [&](const auto& entry) { return is_past(entry.second, now); });
  if (!end.has_sent_end || end.has_end || end.failure) return;
  time_wait_[{end.local, end.remote}] = now.monotonic + kTimeWait;
}

void StreamNetwork::after_delay(StreamEnd& sender, std::function<void()> what) {
  const Instant arrival = network_.now().monotonic + network_.segment_delay();
  sender.last_arrival = std::max(sender.last_arrival, arrival);
  network_.at(sender.last_arrival, std::move(what));
}

int StreamNetwork::make_loose(uint64_t id) {
  if (is_listener(id)) {
    watch_listener(id, nullptr);
  } else {
    watch(id, nullptr);
  }
  loose_[next_handle_] = id;
  return next_handle_++;
}

std::optional<uint64_t> StreamNetwork::take_loose(int handle) {
  const auto node = loose_.extract(handle);
  if (node.empty()) return std::nullopt;
  return node.mapped();
}

}  // namespace uturn
