// RelayGenerator: sockets, set-up, sending in time, counting what arrives.
#include "client/tools/bench/relay_generator.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/tools/bench/forward_clients.h"
#include "client/tools/bench/relay_datagram.h"
#include "client/tools/bench/turn_clients.h"

namespace uturn {
namespace {

constexpr uint64_t kPeerTag = uint64_t{1} << 32;  // client tags are below
constexpr uint32_t kArenaSlots = 1'024;
constexpr size_t kSlotSize = FlowHeader::kMaxSize + kStampSize;
constexpr Duration kLate = 5ms;           // a turn that began so much after its time
constexpr Duration kLongestSleep = 10ms;  // of a pass: lost packets and refreshes need no more
constexpr Duration kQuietPeriod = 300ms;  // what is not there by then is lost
constexpr Duration kReleaseTime = 5s;

uint32_t flows_per_allocation(const BenchOptions& options) {
  return options.direction == RelayDirection::both ? options.fanout + 1 : options.fanout;
}

/// Packets of the largest turn.
uint32_t largest_turn(const BenchOptions& options) {
  const uint32_t burst = std::max(options.burst, options.frames ? options.frames->packets : 0);
  return burst * flows_per_allocation(options);
}

/// Of one thread: as many as the options say for all, and a fan-out's at least.
uint32_t peers_of(const BenchOptions& options, uint32_t allocations) {
  if (!options.peers) return allocations * options.fanout;
  return std::max(options.fanout, *options.peers / options.threads);
}

std::unique_ptr<ClientConnections> make_connections(Loop& loop, const RelayRun& run,
                                                    uint32_t allocations) {
  if (!run.server.has_connections()) return nullptr;
  return std::make_unique<ClientConnections>(loop, run.server, run.clients, allocations);
}

std::unique_ptr<RelayClients> make_clients(const ServerRoute& route, Random& random,
                                           const RelayRun& run) {
  if (!run.options.is_forwarder()) {
    return std::make_unique<TurnClients>(route, random, run.options);
  }
  return std::make_unique<ForwardClients>(route, run.options.request_window);
}

}  // namespace

LoopSettings RelayGenerator::loop_settings(const BenchOptions& options, Transport transport,
                                           uint32_t allocations) {
  LoopSettings settings;
  settings.max_sockets = allocations + peers_of(options, allocations);
  // Those that close keep their places for a pass.
  settings.max_streams = is_reliable(transport) ? 2 * allocations : 1;
  settings.send_queue = std::max(kArenaSlots, largest_turn(options));
  settings.gso = options.sender == SenderKind::gso;
  settings.gro = options.receiver == ReceiverKind::gro;
  return settings;
}

RelayGenerator::RelayGenerator(std::unique_ptr<Loop> loop, RelayRun& run, uint32_t allocations)
    : run_(run),
      options_(run.options),
      loop_(std::move(loop)),
      allocations_(allocations),
      connections_(make_connections(*loop_, run, allocations)),
      clients_(make_clients({*loop_, run.server, connections_.get()}, random_, run)),
      is_forwarder_(run.options.is_forwarder()),
      run_id_(static_cast<uint32_t>(random_.next_u64())),
      flows_per_allocation_(uturn::flows_per_allocation(options_)),
      filler_(std::max(options_.payload, kAudioPayload)),
      arena_slots_(std::max(kArenaSlots, largest_turn(options_))),
      outstanding_(std::max(1u, options_.window / options_.threads)) {
  random_.fill(filler_);
  arena_.resize(arena_slots_ * kSlotSize);
}

Result<Done, std::string> RelayGenerator::open_sockets() {
  loop_->start();
  const auto peers =
      uturn::open_sockets(*loop_, run_.peers, peers_of(options_, allocations_), kPeerTag);
  if (!peers) return Failure{"peers: " + peers.error()};
  peer_sockets_ = *peers;
  return open_clients();
}

Result<Done, std::string> RelayGenerator::open_clients() {
  std::vector<SocketId> sockets(allocations_);  // connections are begun by the first request
  if (!connections_) {
    auto opened = uturn::open_sockets(*loop_, run_.clients, allocations_, 0);
    if (!opened) return Failure{"clients: " + opened.error()};
    sockets = *std::move(opened);
  }
  for (uint32_t i = 0; i < allocations_; ++i) {
    std::vector<PeerAddress> of_client;
    for (uint32_t j = 0; j < options_.fanout; ++j) {
      const size_t peer = (size_t{i} * options_.fanout + j) % peer_sockets_.size();
      of_client.push_back(peer_address(loop_->local_address(peer_sockets_[peer])));
    }
    clients_->add(sockets[i], std::move(of_client));
  }
  return Done{};
}

Result<Done, std::string> RelayGenerator::set_up() {
  uint64_t told = 0;
  while (clients_->set_up_more(loop_->now())) {
    run_pass(clients_->next_deadline());
    run_.ready.fetch_add(clients_->ready() - told, std::memory_order_relaxed);
    told = clients_->ready();
  }
  if (clients_->ready() == 0) return Failure{clients_->first_failure()};
  make_flows();
  return Done{};
}

void RelayGenerator::make_flows() {
  const bool to_peer = options_.direction != RelayDirection::to_client;
  const bool to_client =
      options_.direction == RelayDirection::to_client || options_.direction == RelayDirection::both;
  // Beside an SFU's many peers the client sends one stream.
  const size_t uplinks = to_client ? 1 : options_.fanout;
  const auto& clients = clients_->clients();
  for (size_t i = 0; i < clients.size(); ++i) {
    if (clients[i].state != RelayClients::Client::State::ready) continue;
    for (size_t j = 0; to_peer && j < uplinks; ++j) add_flow(i, j, false);
    for (size_t j = 0; to_client && j < options_.fanout; ++j) add_flow(i, j, true);
  }
  CHECK(flows_.size() == clients_->ready() * flows_per_allocation_);
}

void RelayGenerator::add_flow(size_t index, size_t peer, bool to_client) {
  const RelayClients::Client& client = clients_->clients()[index];
  const size_t socket = (index * options_.fanout + peer) % peer_sockets_.size();
  RelayFlow flow;
  flow.is_to_client = to_client;
  if (to_client) {
    flow.via = peer_sockets_[socket];
    flow.to = client.relayed;
    flow.sender = kPeerTag + socket;
    flow.receiver = index;
  } else {
    flow.via = client.socket;
    flow.to = run_.server.address;
    flow.header = clients_->header_to(index, peer);
    flow.sender = index;
    flow.receiver = kPeerTag + socket;
  }
  flows_.push_back(flow);
}

void RelayGenerator::run_pass(Instant wake_at) {
  if (connections_) {
    const Now now = loop_->now();
    connections_->run_due(*this, now);
    wake_at = std::min(wake_at, connections_->next_deadline(now));
  }
  loop_->run_pass(*this, wake_at);
}

void RelayGenerator::relay(const RelayTimes& times) {
  times_ = times;
  const auto allocations = static_cast<uint32_t>(clients_->ready());
  if (options_.is_open_loop()) pacer_.emplace(options_, allocations, times.start);
  for (Now now = loop_->now(); now.monotonic < times.end; now = loop_->now()) {
    if (now.monotonic >= times.start) {
      pacer_ ? send_open_loop(now) : send_closed_loop(now);
      clients_->keep_up(now);
    }
    const uint64_t before = finished_;
    run_pass(next_wake(now));
    arena_used_ = 0;
    run_.relayed.fetch_add(finished_ - before, std::memory_order_relaxed);
  }
  if (pacer_) counts_.unsent = pacer_->packets_due_before(times.end) * flows_per_allocation_;
  drain();
  take_generator_drops();
}

void RelayGenerator::send_closed_loop(Now now) {
  outstanding_.expire(now.monotonic);
  const uint32_t cost = options_.burst * flows_per_allocation_;
  const auto has_room = [&] { return outstanding_.room() >= cost || outstanding_.is_empty(); };
  while (has_room() && arena_slots_ - arena_used_ >= cost) {
    send_turn({next_turn_, options_.burst, options_.payload, now.monotonic});
    outstanding_.sent(now.monotonic, cost);
    next_turn_ = (next_turn_ + 1) % static_cast<uint32_t>(clients_->ready());
  }
}

void RelayGenerator::send_open_loop(Now now) {
  const uint32_t most = largest_turn(options_);
  while (arena_slots_ - arena_used_ >= most) {
    const auto turn = pacer_->take_due(now.monotonic);
    if (!turn) return;
    send_turn(*turn);
    if (now.monotonic - turn->at > kLate && is_measured(turn->at)) {
      counts_.late += uint64_t{turn->packets} * flows_per_allocation_;
    }
  }
}

void RelayGenerator::send_turn(const Turn& turn) {
  const uint32_t first = turn.allocation * flows_per_allocation_;
  for (uint32_t flow = first; flow < first + flows_per_allocation_; ++flow) {
    for (uint32_t i = 0; i < turn.packets; ++i) send_packet(flow, turn.payload, turn.at);
    if (!is_measured(turn.at)) continue;
    LegCounts& leg = flows_[flow].is_to_client ? counts_.to_client : counts_.to_peer;
    leg.sent += turn.packets;
  }
  begun_ += uint64_t{turn.packets} * flows_per_allocation_;
}

void RelayGenerator::send_packet(uint32_t index, uint32_t payload, Instant time) {
  RelayFlow& flow = flows_[index];
  uint8_t* slot = &arena_[kSlotSize * arena_used_++];
  const size_t header = flow.header.size();
  flow.header.write(slot, payload);
  write_stamp(std::span<uint8_t, kStampSize>{slot + header, kStampSize},
              {.run = run_id_, .flow = index, .sequence = flow.next_sequence++, .time = time});
  const Bytes beginning{slot, header + kStampSize};
  const Bytes rest = Bytes{filler_}.first(payload - kStampSize);
  if (connections_ && !flow.is_to_client) {
    connections_->send(flow.sender, beginning, rest, padding_of(payload));
    return;
  }
  loop_->send({.via = flow.via,
               .to = flow.to,
               .header = beginning,
               .payload = rest,
               .ip = {},
               .padding = flow.header.padding(payload)});
}

Instant RelayGenerator::next_wake(Now now) const {
  Instant wake = now.monotonic + kLongestSleep;
  if (pacer_) wake = std::min(wake, pacer_->next_at());
  return std::min(wake, now.monotonic < times_.start ? times_.start : times_.end);
}

// Every packet is given its time: the last ones sent as much as the first.
void RelayGenerator::drain() {
  const Instant until = loop_->now().monotonic + kQuietPeriod;
  while (finished_ < begun_ && loop_->now().monotonic < until) run_pass(until);
}

void RelayGenerator::take_generator_drops() {
  const LoopCounters& loop = loop_->counters();
  counts_.generator_drops = loop.send_would_block_drops + loop.send_error_drops +
                            loop.kernel_drops + loop.truncated_drops + loop.control_truncated_drops;
  if (connections_) counts_.generator_drops += connections_->dropped();
}

void RelayGenerator::release() {
  const Instant until = loop_->now().monotonic + kReleaseTime;
  for (Now now = loop_->now(); now.monotonic < until && clients_->release_more(now);
       now = loop_->now()) {
    run_pass(std::min(until, clients_->next_deadline()));
  }
  if (connections_) connections_->hang_up_all();
}

void RelayGenerator::on_datagrams(std::span<ReceivedDatagram> batch) {
  const Now now = loop_->now();
  for (const ReceivedDatagram& datagram : batch) {
    if (datagram.tag >= kPeerTag) {
      on_peer_datagram(datagram, now);
    } else {
      on_client_datagram(datagram, now);
    }
  }
}

void RelayGenerator::on_icmp_error(const IcmpError& error) {
  if (error.tag >= kPeerTag || !is_hard_error(error)) return;
  connections_ ? connections_->on_unreachable(error.tag)
               : clients_->on_unreachable(error.tag, loop_->now());
}

void RelayGenerator::on_stream_events(std::span<const StreamEvent> events) {
  connections_->on_stream_events(events, *this, loop_->now());
}

void RelayGenerator::on_client_gone(size_t client, const ConnectionEnd& end, Now now) {
  clients_->on_gone(client, end, now);
}

void RelayGenerator::on_client_datagram(const ReceivedDatagram& datagram, Now now) {
  if (datagram.from != run_.server.address) {
    ++counts_.unknown;
  } else if (connections_) {
    connections_->on_datagram(datagram.tag, datagram.packet.bytes(), *this, now);
  } else {
    on_client_frame(datagram.tag, datagram.packet.bytes(), now);
  }
}

void RelayGenerator::on_client_frame(size_t client, MutableBytes frame, Now now) {
  const auto data = is_forwarder_ ? forwarded_data_in(frame) : relayed_data_in(frame);
  if (data) {
    on_payload(*data, client, now);
  } else {
    clients_->on_answer(client, frame, now);
  }
}

void RelayGenerator::on_peer_datagram(const ReceivedDatagram& datagram, Now now) {
  const MutableBytes payload = datagram.packet.bytes();
  on_payload(payload, datagram.tag, now);
  if (options_.direction != RelayDirection::echo) return;
  const auto stamp = read_stamp(payload, run_id_);
  if (!stamp) return;
  turn_stamp(payload, *stamp, now.monotonic);
  if (is_measured(stamp->time)) ++counts_.to_client.sent;
  loop_->send(
      {.via = datagram.socket, .to = datagram.from, .header = {}, .payload = payload, .ip = {}});
}

void RelayGenerator::on_payload(Bytes payload, uint64_t tag, Now now) {
  const auto stamp = read_stamp(payload, run_id_);
  if (!stamp || stamp->flow >= flows_.size() ||
      stamp->sequence >= flows_[stamp->flow].next_sequence) {
    ++counts_.unknown;
    return;
  }
  RelayFlow& flow = flows_[stamp->flow];
  if (!stamp->is_echo() && tag == flow.receiver) {
    on_arrival(flow, *stamp, payload.size(), now);
  } else if (stamp->is_echo() && tag == flow.sender) {
    on_return(flow, *stamp, payload.size(), now);
  } else {
    ++counts_.unknown;
  }
}

void RelayGenerator::on_arrival(RelayFlow& flow, const PayloadStamp& stamp, size_t size, Now now) {
  if (!is_new(flow.arrived, stamp)) return;
  if (options_.direction != RelayDirection::echo) {
    ++finished_;
    outstanding_.received(stamp.time);
  }
  if (!is_measured(stamp.time)) return;
  LegCounts& leg = flow.is_to_client ? counts_.to_client : counts_.to_peer;
  ++leg.received;
  leg.bytes_received += size;
  leg.latency.record(now.monotonic - stamp.time);
}

void RelayGenerator::on_return(RelayFlow& flow, const PayloadStamp& stamp, size_t size, Now now) {
  if (!is_new(flow.returned, stamp)) return;
  ++finished_;
  outstanding_.received(stamp.time);
  if (!is_measured(stamp.time)) return;
  ++counts_.to_client.received;
  counts_.to_client.bytes_received += size;
  counts_.to_client.latency.record(now.monotonic - stamp.turned_at());
  counts_.round_trip.record(now.monotonic - stamp.time);
}

bool RelayGenerator::is_new(SequenceWindow& window, const PayloadStamp& stamp) {
  switch (window.take(stamp.sequence)) {
    case SequenceWindow::Verdict::in_order:
      return true;
    case SequenceWindow::Verdict::reordered:
      if (is_measured(stamp.time)) ++counts_.reordered;
      return true;
    case SequenceWindow::Verdict::duplicate:
      if (is_measured(stamp.time)) ++counts_.duplicates;
      return false;
    case SequenceWindow::Verdict::too_old:
      break;
  }
  if (is_measured(stamp.time)) ++counts_.unknown;
  return false;
}

}  // namespace uturn
