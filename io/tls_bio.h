// A BIO between OpenSSL and a session of ours: no copy of its own, no file descriptor.
#pragma once

#include <openssl/bio.h>

#include "protocol/bytes.h"

namespace uturn {

/// Both ends of the BIO are functions of `Session`:
///
///   size_t take_input(MutableBytes out)   what OpenSSL reads; a datagram at once for DTLS
///   size_t give_output(Bytes bytes)       what OpenSSL writes
///
/// Each tells how many bytes it moved; 0 is "not now", which OpenSSL reports as WANT_READ or
/// WANT_WRITE.
template <class Session>
class TlsBio {
 public:
  /// `session` outlives it; OpenSSL frees it with the SSL that it was set to.
  static BIO* make(Session& session) {
    static BIO_METHOD* const kMethod = make_method();
    BIO* bio = BIO_new(kMethod);
    CHECK(bio != nullptr);
    BIO_set_data(bio, &session);
    BIO_set_init(bio, 1);
    return bio;
  }

 private:
  static BIO_METHOD* make_method() {
    BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "uturn session");
    CHECK(method != nullptr);
    BIO_meth_set_read(method, read);
    BIO_meth_set_write(method, write);
    BIO_meth_set_ctrl(method, control);
    return method;
  }

  static Session& session_of(BIO* bio) { return *static_cast<Session*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* out, int size) {
    BIO_clear_retry_flags(bio);
    const size_t moved = session_of(bio).take_input(
        {reinterpret_cast<uint8_t*>(out), static_cast<size_t>(std::max(size, 0))});
    if (moved != 0) return static_cast<int>(moved);
    BIO_set_retry_read(bio);
    return -1;
  }

  static int write(BIO* bio, const char* bytes, int size) {
    BIO_clear_retry_flags(bio);
    const size_t moved = session_of(bio).give_output(
        {reinterpret_cast<const uint8_t*>(bytes), static_cast<size_t>(std::max(size, 0))});
    if (moved != 0) return static_cast<int>(moved);
    BIO_set_retry_write(bio);
    return -1;
  }

  // Nothing is buffered here, so a flush is done; whatever else a socket's BIO knows (the path's
  // MTU, the next timeout) is unknown, which is 0.
  static long control(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }
};

}  // namespace uturn
