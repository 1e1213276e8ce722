// Plain system calls on non-blocking sockets, and the lists of who is ready.
#include "io/stream_sockets.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "io/control_messages.h"
#include "io/stream_socket.h"

namespace uturn {
namespace {

constexpr size_t kPiecesPerCall = 64;

TransportAddress name_of(int fd, int (*ask)(int, sockaddr*, socklen_t*)) {
  SocketName name{};
  socklen_t size = sizeof name;
  if (ask(fd, &name.any, &size) != 0) return {};  // not connected any more, or not yet
  return read_name(name);
}

bool is_listening(int fd) {
  int listening = 0;
  socklen_t size = sizeof listening;
  return ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening == 1;
}

bool is_for_want_of_room(int error) {
  return stream_error_of(error) == StreamError::no_descriptors;
}

// What one connection met before it was accepted says nothing about the next (accept(2)).
bool is_of_one_connection(int error) {
  switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPERM:
    case EPROTO:
    case ENOPROTOOPT:
    case ENONET:
    case ENETDOWN:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENETUNREACH:
      return true;
    default:
      return false;
  }
}

// The kernel tells an error once; the first one is why the stream failed, and whatever is asked of
// the socket later says that again.
StreamError failure_of(OpenStream& stream, int error_number) {
  const StreamError error = stream_error_of(error_number);
  if (error == StreamError::would_block) return error;
  if (stream.error != StreamError::would_block) return stream.error;
  if (error != StreamError::ended) stream.error = error;
  return error;
}

ssize_t send_pieces(int fd, std::span<const Bytes> pieces, size_t& asked, int flags) {
  std::array<iovec, kPiecesPerCall> vector;
  asked = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    vector[i] = {const_cast<uint8_t*>(pieces[i].data()), pieces[i].size()};
    asked += pieces[i].size();
  }
  msghdr message{};
  message.msg_iov = vector.data();
  message.msg_iovlen = pieces.size();
  return asked == 0 ? 0 : ::sendmsg(fd, &message, flags | MSG_NOSIGNAL);
}

}  // namespace

StreamSockets::StreamSockets(const LoopSettings& settings, StreamPoller& poller,
                             LoopCounters& counters)
    : poller_(poller),
      counters_(counters),
      events_per_pass_(settings.stream_events),
      accepts_per_pass_(settings.accepts_per_pass),
      streams_(settings.max_streams) {
  CHECK(events_per_pass_ > 0 && accepts_per_pass_ > 0);
  ready_.reserve(settings.max_streams);
  accepted_.reserve(accepts_per_pass_);
  events_.reserve(events_per_pass_);
}

StreamSockets::~StreamSockets() {
  streams_.for_each([](SocketId, OpenStream& stream) { ::close(stream.fd); });
}

void StreamSockets::unwatch_all() {
  streams_.for_each([this](SocketId id, OpenStream& stream) { poller_.unwatch(id, stream.fd); });
}

Result<SocketId, StreamError> StreamSockets::listen(const StreamSpec& spec, uint64_t tag) {
  const auto fd = open_stream_listener(spec);
  if (!fd) return Failure{fd.error()};
  return adopt_listener({*fd}, tag);
}

Result<SocketId, StreamError> StreamSockets::adopt_listener(LooseSocket listener, uint64_t tag) {
  CHECK(is_listening(listener.handle));
  return add({.fd = listener.handle,
              .is_listener = true,
              .tag = tag,
              .local = name_of(listener.handle, ::getsockname)});
}

void StreamSockets::pause_accepting(SocketId listener) {
  OpenStream* stream = streams_.find(listener);
  if (!stream || !stream->is_listener) return;
  stream->is_paused = true;
  unqueue(listener, *stream);
}

// Whoever came meanwhile told it then.
void StreamSockets::resume_accepting(SocketId listener) {
  OpenStream* stream = streams_.find(listener);
  if (!stream || !stream->is_listener) return;
  stream->is_paused = false;
  queue(listener, *stream);
}

Result<SocketId, StreamError> StreamSockets::connect(const StreamSpec& from,
                                                     const TransportAddress& to, uint64_t tag) {
  const auto fd = open_stream_socket(from);
  if (!fd) return Failure{fd.error()};
  SocketName name;
  const socklen_t size = write_name(to, name);
  if (::connect(*fd, &name.any, size) != 0 && errno != EINPROGRESS) {
    const int error = errno;
    ::close(*fd);
    return Failure{stream_error_of(error)};
  }
  return add({.fd = *fd, .tag = tag, .local = name_of(*fd, ::getsockname), .remote = to});
}

LooseSocket StreamSockets::detach(SocketId id) {
  OpenStream* stream = streams_.find(id);
  if (!stream) return {};
  for (AcceptedStream& accepted : accepted_) {
    if (accepted.socket == id) accepted.socket = {};
  }
  for (StreamEvent& event : events_) {
    if (event.socket == id) event.socket = {};
  }
  const LooseSocket loose{stream->fd};
  poller_.unwatch(id, loose.handle);
  unqueue(id, *stream);  // the poller may just have heard of it
  counters_.streams -= !stream->is_listener;
  streams_.remove(id);
  return loose;
}

Result<SocketId, StreamError> StreamSockets::adopt(LooseSocket stream, uint64_t tag) {
  return add({.fd = stream.handle,
              .tag = tag,
              .local = name_of(stream.handle, ::getsockname),
              .remote = name_of(stream.handle, ::getpeername)});
}

void StreamSockets::set_tag(SocketId id, uint64_t tag) {
  if (OpenStream* stream = streams_.find(id)) stream->tag = tag;
}

TransportAddress StreamSockets::local_address(SocketId id) const {
  const OpenStream* stream = streams_.find(id);
  return stream ? stream->local : TransportAddress{};
}

TransportAddress StreamSockets::remote_address(SocketId id) const {
  const OpenStream* stream = streams_.find(id);
  return stream ? stream->remote : TransportAddress{};
}

// A read that brought less than it asked for has emptied the socket (epoll(7), question 9), which
// spares the call that would say so. Where the end has been heard of, only that call tells it.
Result<size_t, StreamError> StreamSockets::read(SocketId id, MutableBytes into) {
  CHECK(!into.empty());
  OpenStream* stream = find_stream(id);
  if (!stream) return Failure{StreamError::other};
  if (stream->is_drained) return Failure{StreamError::would_block};
  const ssize_t got = ::recv(stream->fd, into.data(), into.size(), 0);
  if (got < 0) return Failure{failure_of(*stream, errno)};
  // A connection that was reset looks as if it had ended, once the kernel has told why.
  if (got == 0) return Failure{failure_of(*stream, EPIPE)};
  stream->is_drained = static_cast<size_t>(got) < into.size() && !stream->is_ending;
  ++counters_.stream_reads;
  counters_.stream_bytes_in += static_cast<uint64_t>(got);
  return static_cast<size_t>(got);
}

Result<size_t, StreamError> StreamSockets::write(SocketId id, std::span<const Bytes> pieces) {
  OpenStream* stream = find_stream(id);
  if (!stream) return Failure{StreamError::other};
  size_t written = 0;
  while (!pieces.empty()) {
    const auto part = pieces.first(std::min(pieces.size(), kPiecesPerCall));
    pieces = pieces.subspan(part.size());
    size_t asked = 0;
    const ssize_t sent = send_pieces(stream->fd, part, asked, pieces.empty() ? 0 : MSG_MORE);
    if (sent < 0) {
      const StreamError error = failure_of(*stream, errno);
      if (written == 0) return Failure{error};
      break;
    }
    written += static_cast<size_t>(sent);
    if (static_cast<size_t>(sent) < asked) break;
  }
  counters_.stream_writes += written > 0;
  counters_.stream_bytes_out += written;
  return written;
}

StreamError StreamSockets::error(SocketId id) {
  OpenStream* stream = find_stream(id);
  if (!stream) return StreamError::other;
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) return failure_of(*stream, error);
  return stream->error;
}

void StreamSockets::remind(SocketId id) {
  OpenStream* stream = find_stream(id);
  if (!stream) return;
  stream->readable = true;
  stream->writable = true;
  queue(id, *stream);
}

void StreamSockets::end_writing(SocketId id) {
  if (const OpenStream* stream = find_stream(id)) ::shutdown(stream->fd, SHUT_WR);
}

void StreamSockets::reset_on_close(SocketId id) {
  const OpenStream* stream = find_stream(id);
  if (!stream) return;
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(stream->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void StreamSockets::close(SocketId id) {
  const LooseSocket loose = detach(id);
  if (loose.handle >= 0) ::close(loose.handle);
}

// POLLHUP is the end of both directions, whichever way: read() tells it.
void StreamSockets::on_ready(SocketId id, uint32_t events) {
  OpenStream* stream = streams_.find(id);
  if (!stream || stream->is_paused) return;
  stream->readable |= (events & (POLLIN | POLLRDHUP | POLLHUP | POLLERR)) != 0;
  stream->writable |= (events & POLLOUT) != 0;
  stream->failed |= (events & POLLERR) != 0;
  stream->is_ending |= (events & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
  stream->is_drained = false;
  queue(id, *stream);
}

Instant StreamSockets::due() const {
  if (!ready_.empty()) return Instant{};
  return ready_listeners_.empty() ? kNever : accept_again_at_;
}

void StreamSockets::hand_over(LoopHandler& handler, Instant now) {
  accept_from_all(now);
  if (!accepted_.empty()) handler.on_accepted(accepted_);
  accepted_.clear();
  take_events();
  if (!events_.empty()) handler.on_stream_events(events_);
  events_.clear();
}

OpenStream* StreamSockets::find_stream(SocketId id) {
  OpenStream* stream = streams_.find(id);
  return stream && !stream->is_listener ? stream : nullptr;
}

// The descriptor is closed where there is no room for it.
Result<SocketId, StreamError> StreamSockets::add(const OpenStream& stream) {
  const auto id = streams_.add(stream);
  if (id && poller_.watch(*id, stream.fd)) {
    counters_.streams += !stream.is_listener;
    return *id;
  }
  if (id) streams_.remove(*id);
  ::close(stream.fd);
  return Failure{StreamError::no_descriptors};
}

void StreamSockets::queue(SocketId id, OpenStream& stream) {
  if (std::exchange(stream.is_ready, true)) return;
  (stream.is_listener ? ready_listeners_ : ready_).push_back(id);
}

void StreamSockets::unqueue(SocketId id, OpenStream& stream) {
  if (!std::exchange(stream.is_ready, false)) return;
  std::erase(stream.is_listener ? ready_listeners_ : ready_, id);
}

// In turn, so that no listener has another's share.
void StreamSockets::accept_from_all(Instant now) {
  if (ready_listeners_.empty() || now < accept_again_at_) return;
  accept_again_at_ = {};
  const size_t count = ready_listeners_.size();
  const auto share = std::max<uint32_t>(1, accepts_per_pass_ / static_cast<uint32_t>(count));
  for (size_t i = 0; i < count && accepted_.size() < accepts_per_pass_; ++i) {
    const SocketId id = ready_listeners_.front();
    OpenStream& listener = *streams_.find(id);
    unqueue(id, listener);
    const Accepting how = accept_from(id, share);
    if (how != Accepting::drained) queue(id, listener);
    if (how != Accepting::no_room) continue;
    accept_again_at_ = now + kAcceptAgainAfter;
    return;
  }
}

StreamSockets::Accepting StreamSockets::accept_from(SocketId listener, uint32_t most) {
  for (uint32_t i = 0; i < most; ++i) {
    const Accepting how = accept_one(listener);
    if (how != Accepting::may_have_more) return how;
  }
  return Accepting::may_have_more;
}

// Where there is no room the connection stays in the backlog; only one that the poller has none for
// was taken out of it, and is closed.
StreamSockets::Accepting StreamSockets::accept_one(SocketId id) {
  const OpenStream& listener = *streams_.find(id);
  if (streams_.size() == streams_.capacity()) {
    ++counters_.streams_refused;
    return Accepting::no_room;
  }
  SocketName name{};
  socklen_t size = sizeof name;
  const int fd = ::accept4(listener.fd, &name.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    const int error = errno;
    counters_.streams_refused += error != EAGAIN;
    if (is_for_want_of_room(error)) return Accepting::no_room;
    return is_of_one_connection(error) ? Accepting::may_have_more : Accepting::drained;
  }
  const bool is_wildcard = listener.local.ip.is_unspecified();
  const TransportAddress to = is_wildcard ? name_of(fd, ::getsockname) : listener.local;
  const auto stream = add({.fd = fd, .local = to, .remote = read_name(name)});
  if (!stream) {
    ++counters_.streams_refused;
    return Accepting::no_room;
  }
  ++counters_.streams_accepted;
  accepted_.push_back({*stream, listener.tag, read_name(name), to});
  return Accepting::may_have_more;
}

void StreamSockets::take_events() {
  const size_t count = std::min<size_t>(ready_.size(), events_per_pass_);
  for (const SocketId id : std::span(ready_).first(count)) {
    OpenStream& stream = *streams_.find(id);
    stream.is_ready = false;
    events_.push_back({id, stream.tag, std::exchange(stream.readable, false),
                       std::exchange(stream.writable, false), std::exchange(stream.failed, false)});
  }
  ready_.erase(ready_.begin(), ready_.begin() + static_cast<std::ptrdiff_t>(count));
}

}  // namespace uturn
