// Reading and writing, through a TLS session or past it.
//
// Also: RFC 8446, Section 6.1.
#include "server/streams/byte_stream.h"

#include <algorithm>
#include <array>
#include <utility>

namespace uturn {

void ByteStream::start_tls(std::unique_ptr<TlsSession> session, Bytes first) {
  CHECK(tls_ == nullptr);
  tls_ = std::move(session);
  feed(first);
}

Result<size_t, StreamError> ByteStream::read(MutableBytes into, size_t most) {
  CHECK(most > 0);
  if (tls_ == nullptr) {
    return shared_->streams.read(socket_, into.first(std::min(most, into.size())));
  }
  if (!has_unread()) {
    const MutableBytes ciphertext{shared_->ciphertext.get(), std::min(most, kReadSize)};
    const auto size = shared_->streams.read(socket_, ciphertext);
    if (!size) return size;
    tls_->feed(ciphertext.first(*size));
  }
  if (const size_t size = tls_->read(into); size > 0) return size;
  if (tls_->state() == TlsState::ended) return Failure{StreamError::ended};
  if (tls_->state() == TlsState::failed) return Failure{StreamError::other};
  // It has made us answer more than it reads. Who goes on with that is no client.
  if (has_unread() && flush_records() != Flushed::all) return Failure{StreamError::other};
  return size_t{0};
}

Flushed ByteStream::flush() {
  if (is_blocked_) return Flushed::blocked;
  std::array<Bytes, kPiecesPerFlush> pieces;
  for (;;) {
    if (const Flushed records = flush_records(); records != Flushed::all) return records;
    const size_t most = tls_ != nullptr ? TlsSession::kMaxPlaintext : SIZE_MAX;
    const auto gathered = std::span(pieces).first(queue_.gather(pieces, most, shared_->now));
    if (gathered.empty()) return Flushed::all;
    size_t written = 0;
    if (tls_ != nullptr) {
      written = tls_->write(gathered);
      if (written == 0) {
        return tls_->state() == TlsState::handshaking ? Flushed::blocked : Flushed::failed;
      }
      queue_.sent(written);
      continue;
    }
    const Flushed result = write(gathered, written);
    queue_.sent(written);
    if (result != Flushed::all) return result;
  }
}

Flushed ByteStream::flush_records() {
  while (tls_ != nullptr && !tls_->pending_ciphertext().empty()) {
    const Bytes pending = tls_->pending_ciphertext();
    size_t written = 0;
    const Flushed result = write({&pending, 1}, written);
    tls_->sent(written);
    if (result != Flushed::all) return result;
  }
  return Flushed::all;
}

// Less than all of it: the rest would block.
Flushed ByteStream::write(std::span<const Bytes> pieces, size_t& written) {
  const auto taken = shared_->streams.write(socket_, pieces);
  if (!taken && taken.error() != StreamError::would_block) return Flushed::failed;
  written = taken ? *taken : 0;
  size_t asked = 0;
  for (const Bytes piece : pieces) asked += piece.size();
  is_blocked_ = written < asked;
  return is_blocked_ ? Flushed::blocked : Flushed::all;
}

void ByteStream::end_writing() {
  if (tls_ != nullptr) {
    tls_->end();
    if (!is_blocked_) (void)flush_records();
  }
  shared_->streams.end_writing(socket_);
}

ByteStream::Parts ByteStream::take_apart() {
  CHECK(!has_unsent());
  Parts parts;
  if (tls_ != nullptr) {
    const Bytes unread = tls_->unread();
    parts.ciphertext.assign(unread.begin(), unread.end());
    parts.tls = std::move(tls_);
  }
  parts.socket = shared_->streams.detach(std::exchange(socket_, {}));
  return parts;
}

void ByteStream::resume_tls(std::unique_ptr<TlsSession> session, Bytes ciphertext) {
  session->move_to(shared_->tls_buffers);
  tls_ = std::move(session);
  feed(ciphertext);
}

void ByteStream::feed(Bytes ciphertext) {
  const MutableBytes place{shared_->ciphertext.get(), SharedStreams::kCiphertextSize};
  CHECK(ciphertext.size() <= place.size());
  std::ranges::copy(ciphertext, place.begin());
  tls_->feed(place.first(ciphertext.size()));
}

}  // namespace uturn
