// Edges, tags and batches over the virtual network's streams.
#include "tests/simulation/world/simulated_streams.h"

#include <algorithm>
#include <memory>

#include "tests/simulation/world/virtual_network.h"

namespace uturn {
namespace {

constexpr Duration kRestWithoutDescriptors = std::chrono::milliseconds(100);

}  // namespace

SimulatedStreams::SimulatedStreams(VirtualNetwork& network, const LoopSettings& settings,
                                   LoopCounters& counters)
    : network_(network), streams_(network.streams()), settings_(settings), counters_(counters) {}

SimulatedStreams::~SimulatedStreams() {
  for (uint32_t slot = 0; slot < table_.size(); ++slot) close({slot, table_[slot].generation});
}

void SimulatedStreams::deliver(LoopHandler& handler) {
  accept_some();
  if (!accepted_.empty()) handler.on_accepted(accepted_);
  accepted_.clear();
  take_events();
  if (!events_.empty()) handler.on_stream_events(events_);
  events_.clear();
}

// One of each listener in turn. Where nothing is left to accept with, the connection waits.
void SimulatedStreams::accept_some() {
  while (accepted_.size() < settings_.accepts_per_pass && !accepting_.empty()) {
    const SocketId id = accepting_.front();
    accepting_.pop_front();
    Stream& listener = table_[id.slot];
    listener.is_waiting = false;
    if (listener.is_paused || listener.is_resting) continue;
    if (is_full() || network_.random().chance(no_descriptors_)) {
      ++counters_.streams_refused;
      listener.is_resting = true;
      network_.at(network_.now().monotonic + kRestWithoutDescriptors,
                  [this, id, lives = std::weak_ptr(lives_)] {
                    if (lives.expired() || find(id) == nullptr) return;
                    find(id)->is_resting = false;
                    on_connection(id);
                  });
      continue;
    }
    const auto end = streams_.accept(listener.in_network);
    const uint64_t listener_tag = listener.tag;
    if (end && streams_.find(*end) != nullptr) {
      ++counters_.streams_accepted;
      ++counters_.streams;
      const SocketId accepted = add(*end, 0, false);
      const StreamEnd& of = *streams_.find(*end);
      accepted_.push_back({accepted, listener_tag, of.remote, of.local});
      watch(accepted);
    }
    on_connection(id);
  }
}

void SimulatedStreams::take_events() {
  while (events_.size() < settings_.stream_events && !waiting_.empty()) {
    const SocketId id = waiting_.front();
    waiting_.pop_front();
    Stream& stream = table_[id.slot];
    stream.is_waiting = false;
    const StreamChange news = std::exchange(stream.news, {});
    stream.told.readable |= news.readable;
    stream.told.writable |= news.writable;
    stream.told.failed |= news.failed;
    events_.push_back({id, stream.tag, news.readable, news.writable, news.failed});
  }
}

void SimulatedStreams::on_change(SocketId id, const StreamChange& change) {
  Stream* const stream = find(id);
  if (stream == nullptr) return;
  stream->news.readable |= change.readable && !stream->told.readable;
  stream->news.writable |= change.writable && !stream->told.writable;
  stream->news.failed |= change.failed && !stream->told.failed;
  const bool has_news = stream->news.readable || stream->news.writable || stream->news.failed;
  if (!has_news || std::exchange(stream->is_waiting, true)) return;
  waiting_.push_back(id);
}

void SimulatedStreams::on_connection(SocketId id) {
  Stream* const listener = find(id);
  if (listener == nullptr || listener->is_paused || listener->is_resting) return;
  if (!streams_.has_connections(listener->in_network)) return;
  if (std::exchange(listener->is_waiting, true)) return;
  accepting_.push_back(id);
}

Result<SocketId, StreamError> SimulatedStreams::listen(const StreamSpec& spec, uint64_t tag) {
  if (is_full()) return Failure{StreamError::no_descriptors};
  if (!spec.freebind && !has_address_(spec.address.ip)) {
    return Failure{StreamError::address_not_available};
  }
  const auto listener = streams_.listen(spec, nullptr);
  if (!listener) return Failure{listener.error()};
  const SocketId id = add(*listener, tag, true);
  watch(id);
  return id;
}

Result<SocketId, StreamError> SimulatedStreams::adopt_listener(LooseSocket listener, uint64_t tag) {
  return adopt(listener, tag);
}

void SimulatedStreams::pause_accepting(SocketId listener) {
  if (Stream* const stream = find(listener)) stream->is_paused = true;
}

void SimulatedStreams::resume_accepting(SocketId listener) {
  Stream* const stream = find(listener);
  if (stream == nullptr || !stream->is_listener) return;
  stream->is_paused = false;
  on_connection(listener);
}

Result<SocketId, StreamError> SimulatedStreams::connect(const StreamSpec& from,
                                                        const TransportAddress& to, uint64_t tag) {
  if (is_full()) return Failure{StreamError::no_descriptors};
  if (!from.freebind && !has_address_(from.address.ip)) {
    return Failure{StreamError::address_not_available};
  }
  const auto end = streams_.connect(from, to, nullptr);
  if (!end) return Failure{end.error()};
  ++counters_.streams;
  const SocketId id = add(*end, tag, false);
  watch(id);
  return id;
}

LooseSocket SimulatedStreams::detach(SocketId id) {
  const Stream* const stream = find(id);
  if (stream == nullptr) return {};
  const LooseSocket loose{streams_.make_loose(stream->in_network)};
  remove(id);
  return loose;
}

Result<SocketId, StreamError> SimulatedStreams::adopt(LooseSocket loose, uint64_t tag) {
  const auto in_network = streams_.take_loose(loose.handle);
  CHECK(in_network);
  const bool is_listener = streams_.is_listener(*in_network);
  if (is_full()) {
    streams_.close_either(*in_network);
    return Failure{StreamError::no_descriptors};
  }
  if (!is_listener) ++counters_.streams;
  const SocketId id = add(*in_network, tag, is_listener);
  watch(id);
  return id;
}

void SimulatedStreams::set_tag(SocketId id, uint64_t tag) {
  if (Stream* const stream = find(id)) stream->tag = tag;
}

TransportAddress SimulatedStreams::local_address(SocketId id) const {
  const Stream* const stream = find(id);
  if (stream == nullptr) return {};
  if (stream->is_listener) return streams_.address_of(stream->in_network);
  return streams_.find(stream->in_network)->local;
}

TransportAddress SimulatedStreams::remote_address(SocketId id) const {
  const Stream* const stream = find(id);
  if (stream == nullptr || stream->is_listener) return {};
  return streams_.find(stream->in_network)->remote;
}

Result<size_t, StreamError> SimulatedStreams::read(SocketId id, MutableBytes into) {
  Stream* const stream = find(id);
  if (stream == nullptr || stream->is_listener) return Failure{StreamError::other};
  const auto size = streams_.read(stream->in_network, into);
  if (size) {
    ++counters_.stream_reads;
    counters_.stream_bytes_in += *size;
  } else if (size.error() == StreamError::would_block) {
    stream->told.readable = false;
  }
  return size;
}

Result<size_t, StreamError> SimulatedStreams::write(SocketId id, std::span<const Bytes> pieces) {
  Stream* const stream = find(id);
  if (stream == nullptr || stream->is_listener) return Failure{StreamError::other};
  size_t wanted = 0;
  for (const Bytes& piece : pieces) wanted += piece.size();
  const auto size = streams_.write(stream->in_network, pieces);
  const bool would_block = size ? *size < wanted : size.error() == StreamError::would_block;
  if (would_block) {
    stream->told.writable = false;
    // What was taken may have left already, and made room again.
    if (streams_.find(stream->in_network)->is_writable()) on_change(id, {.writable = true});
  }
  if (size && *size > 0) ++counters_.stream_writes;
  if (size) counters_.stream_bytes_out += *size;
  return size;
}

StreamError SimulatedStreams::error(SocketId id) {
  const Stream* const stream = find(id);
  if (stream == nullptr) return StreamError::other;
  if (stream->is_listener) return StreamError::would_block;
  return streams_.find(stream->in_network)->failure.value_or(StreamError::would_block);
}

void SimulatedStreams::remind(SocketId id) {
  Stream* const stream = find(id);
  if (stream == nullptr || stream->is_listener) return;
  const StreamEnd& end = *streams_.find(stream->in_network);
  if (!end.is_connected && !end.failure) return;  // writable would say that the connection stands
  stream->told.readable = stream->told.writable = false;
  on_change(id, {.readable = true, .writable = true});
}

void SimulatedStreams::end_writing(SocketId id) {
  const Stream* const stream = find(id);
  if (stream != nullptr && !stream->is_listener) streams_.end_writing(stream->in_network);
}

void SimulatedStreams::reset_on_close(SocketId id) {
  if (Stream* const stream = find(id)) stream->resets_on_close = true;
}

void SimulatedStreams::close(SocketId id) {
  const Stream* const stream = find(id);
  if (stream == nullptr) return;
  if (stream->is_listener) {
    streams_.close_listener(stream->in_network);
  } else if (stream->resets_on_close) {
    streams_.reset(stream->in_network);
  } else {
    streams_.close(stream->in_network);
  }
  remove(id);
}

const SimulatedStreams::Stream* SimulatedStreams::find(SocketId id) const {
  if (id.slot >= table_.size()) return nullptr;
  const Stream& stream = table_[id.slot];
  return stream.in_network != 0 && stream.generation == id.generation ? &stream : nullptr;
}

SocketId SimulatedStreams::add(uint64_t in_network, uint64_t tag, bool is_listener) {
  if (free_.empty()) {
    free_.push_back(static_cast<uint32_t>(table_.size()));
    table_.emplace_back();
  }
  const uint32_t slot = free_.back();
  free_.pop_back();
  Stream& stream = table_[slot];
  stream = Stream{.in_network = in_network,
                  .generation = stream.generation,
                  .tag = tag,
                  .is_listener = is_listener,
                  .news = {},
                  .told = {}};
  ++open_;
  return {slot, stream.generation};
}

void SimulatedStreams::remove(SocketId id) {
  Stream& stream = table_[id.slot];
  if (!stream.is_listener) --counters_.streams;
  stream.in_network = 0;
  ++stream.generation;
  free_.push_back(id.slot);
  --open_;
  std::erase(waiting_, id);
  std::erase(accepting_, id);
  for (AcceptedStream& accepted : accepted_) {
    if (accepted.socket == id) accepted.socket = SocketId{};
  }
  for (StreamEvent& event : events_) {
    if (event.socket == id) event.socket = SocketId{};
  }
}

// Tells anew what it is ready for.
void SimulatedStreams::watch(SocketId id) {
  const Stream& stream = *find(id);
  if (stream.is_listener) {
    streams_.watch_listener(stream.in_network, [this, id] { on_connection(id); });
    return on_connection(id);
  }
  streams_.watch(stream.in_network, [this, id](const StreamChange& c) { on_change(id, c); });
  const StreamEnd& end = *streams_.find(stream.in_network);
  on_change(id, {.readable = end.is_readable(),
                 .writable = end.is_writable(),
                 .failed = end.failure.has_value()});
}

}  // namespace uturn
