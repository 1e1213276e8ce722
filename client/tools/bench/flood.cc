// Flood: what is sent, from where, how often, and what came back.
#include "client/tools/bench/flood.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>
#include <utility>

#include "auth/random.h"
#include "client/tools/bench/cpu_affinity.h"
#include "client/tools/bench/generator_sockets.h"
#include "client/tools/bench/pacing.h"
#include "client/turn_request.h"
#include "io/make_loop.h"
#include "protocol/attributes.h"
#include "protocol/error_code.h"
#include "protocol/message_builder.h"

namespace uturn {
namespace {

constexpr uint32_t kSources = 16;  // addresses of loopback, where none are given
constexpr uint32_t kMostSources = 256;
constexpr uint32_t kFloodPerPass = 256;  // a flood that is late is not made good at once
constexpr size_t kGarbageSize = 100;
constexpr Duration kQuiet = 300ms;  // for the last answers
constexpr size_t kTransactionIdAt = 8;

std::vector<IpAddress> loopback_sources() {
  std::vector<IpAddress> sources;
  for (uint32_t i = 1; i <= kSources; ++i) {
    sources.push_back(IpAddress::v4(std::array<uint8_t, 4>{127, 1, 0, static_cast<uint8_t>(i)}));
  }
  return sources;
}

/// One socket of one kind of flood, and what it sends.
struct Source {
  SocketId socket;
  size_t flood = 0;
  std::vector<uint8_t> packet;
};

std::vector<uint8_t> allocate_request(const LongTermCredentials& credentials) {
  return encode(AllocationRequest{}, TransactionId{}, credentials,
                {.software = {}, .fingerprint = false});
}

std::vector<uint8_t> first_packet(FloodKind kind, Random& random) {
  if (kind == FloodKind::garbage) {
    std::vector<uint8_t> packet(kGarbageSize);
    random.fill(packet);
    return packet;
  }
  if (kind != FloodKind::binding) return allocate_request({});
  std::array<uint8_t, 32> buffer;
  MessageBuilder request{buffer, Method::binding, MessageClass::request, TransactionId{}};
  const Bytes bytes = request.finish();
  return {bytes.begin(), bytes.end()};
}

}  // namespace

/// Lives in the flood's thread but for `loop->wake()`, `stopping` and, before and after, all of it.
struct Flood::Run final : LoopHandler {
  void live(const std::vector<uint32_t>& cpus, uint32_t number);
  void send_due(Now now);
  void send(Source& source);
  void take_challenge(Source& source, Bytes answer);

  void on_datagrams(std::span<ReceivedDatagram> batch) override;
  void on_icmp_error(const IcmpError&) override {}
  void on_wake() override {}

  TransportAddress server;
  std::string username;
  std::unique_ptr<Loop> loop;
  CsprngRandom random;
  std::vector<Source> sources;
  std::vector<FloodReport> reports;
  std::vector<uint32_t> rates;  ///< packets per second, by flood
  std::vector<TurnSchedule> schedules;
  uint32_t per_flood = 0;  ///< sources
  uint64_t sequence = 0;
  std::atomic<bool> stopping = false;
  std::thread thread;
};

Result<Flood, std::string> Flood::start(const BenchOptions& options,
                                        const TransportAddress& server) {
  const bool is_near = server.ip.is_loopback() && server.ip.is_v4();
  const auto wanted =
      options.flood_addresses.empty() && is_near ? loopback_sources() : options.flood_addresses;
  auto place = find_place(wanted, options.client_netns, server);
  if (!place) return Failure{place.error()};
  const auto choice = choose_io(IoWish::automatic);
  if (!choice) return Failure{choice.error()};

  auto run = std::make_unique<Run>();
  run->server = server;
  run->username = options.username.empty() ? "flood" : options.username;
  const auto addresses =
      static_cast<uint32_t>(std::min<size_t>(place->addresses.size(), kMostSources));
  run->per_flood = std::max(addresses, 1u);
  const auto count = static_cast<uint32_t>(run->per_flood * options.floods.size());
  auto loop = try_make_loop(choice->kind, {.max_sockets = count + 16, .large_buffers = 16});
  if (!loop) return Failure{loop.error()};
  run->loop = *std::move(loop);
  const auto sockets = open_sockets(*run->loop, *place, count, 0);
  if (!sockets) return Failure{sockets.error()};
  for (size_t i = 0; i < sockets->size(); ++i) {
    const size_t flood = i / run->per_flood;
    run->sources.push_back({.socket = (*sockets)[i],
                            .flood = flood,
                            .packet = first_packet(options.floods[flood].kind, run->random)});
  }
  for (const FloodWish& wish : options.floods) {
    run->reports.push_back({.kind = wish.kind});
    run->rates.push_back(wish.packets_per_second);
  }
  Run* const living = run.get();
  run->thread = std::thread{
      [living, cpus = options.cpus, number = options.threads + 1] { living->live(cpus, number); }};
  return Flood{std::move(run)};
}

Flood::Flood(std::unique_ptr<Run> run) : run_(std::move(run)) {}
Flood::Flood(Flood&&) noexcept = default;

Flood::~Flood() {
  if (run_) stop();
}

std::vector<FloodReport> Flood::stop() {
  if (run_->thread.joinable()) {
    run_->stopping = true;
    run_->loop->wake();
    run_->thread.join();
  }
  return run_->reports;
}

void Flood::Run::live(const std::vector<uint32_t>& cpus, uint32_t number) {
  pin_this_thread(cpus, number);
  loop->start();
  Now now = loop->now();
  for (const uint32_t rate : rates) schedules.emplace_back(rate, 1, 0, per_flood, now.monotonic);
  while (!stopping) {
    send_due(now);
    Instant next = kNever;
    for (const TurnSchedule& schedule : schedules) next = std::min(next, schedule.next_at());
    loop->run_pass(*this, next);
    now = loop->now();
  }
  const Instant end = now.monotonic + kQuiet;
  for (; !is_past(end, now); now = loop->now()) loop->run_pass(*this, end);
}

void Flood::Run::send_due(Now now) {
  for (size_t flood = 0; flood < schedules.size(); ++flood) {
    for (uint32_t i = 0; i < kFloodPerPass && schedules[flood].next_at() <= now.monotonic; ++i) {
      const size_t source = flood * per_flood + schedules[flood].take().allocation;
      send(sources[source]);
    }
  }
}

// Another transaction each time, so that none is taken for a retransmission. Whatever was signed
// has the wrong password anyway.
void Flood::Run::send(Source& source) {
  store_be64(source.packet.data() + kTransactionIdAt, ++sequence);
  const MutableBytes buffer = loop->lend(source.packet.size()).first(source.packet.size());
  std::ranges::copy(source.packet, buffer.begin());
  loop->send({.via = source.socket, .to = server, .header = {}, .payload = buffer, .ip = {}});
  FloodReport& report = reports[source.flood];
  ++report.sent;
  report.bytes_sent += source.packet.size();
}

void Flood::Run::on_datagrams(std::span<ReceivedDatagram> batch) {
  for (const ReceivedDatagram& datagram : batch) {
    if (datagram.from != server || datagram.tag >= sources.size()) continue;
    Source& source = sources[datagram.tag];
    FloodReport& report = reports[source.flood];
    ++report.answers;
    report.answer_bytes += datagram.packet.size();
    if (report.kind == FloodKind::bad_hmac) take_challenge(source, datagram.packet.bytes());
  }
}

// Only a request with a nonce of the server's costs it an HMAC, so each source learns one, and the
// next one when that is stale. Refusals of the wrong password teach nothing.
void Flood::Run::take_challenge(Source& source, Bytes answer) {
  const auto message = MessageView::parse(answer);
  const auto attribute =
      message ? message->find(AttributeType::error_code) : std::optional<AttributeView>{};
  const auto error = attribute ? decode_error_code(attribute->value) : std::nullopt;
  const auto request = MessageView::parse(source.packet);
  const bool knows_nonce = request && request->has(AttributeType::nonce);
  const bool is_stale = error && error->code == static_cast<uint16_t>(ErrorCode::stale_nonce);
  if (!error || (knows_nonce && !is_stale)) return;
  LongTermCredentials wrong{username, "a password that is not right"};
  if (wrong.take_challenge(*message, false) != Challenge::retry) return;
  source.packet = allocate_request(wrong);
}

}  // namespace uturn
