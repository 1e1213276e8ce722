// Both ends of a DTLS association and the network between them, where every datagram can be lost,
// kept back or copied.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "io/dtls_listener.h"
#include "io/dtls_session.h"
#include "tests/io/tls_harness.h"

namespace uturn {

using Datagram = std::vector<uint8_t>;

inline const FiveTuple kAlice{client_address(*TransportAddress::parse("192.0.2.1:4000")),
                              server_address(*TransportAddress::parse("203.0.113.1:5349")),
                              Transport::dtls};

/// OpenSSL's DTLS timers read gettimeofday(), which this program answers itself: with the system's
/// time and whatever was added by then.
void let_openssl_time_pass(Duration time);

Datagram next_datagram(DtlsSession& session);  ///< empty: none
std::string read_all(DtlsSession& session);
std::string hears(DtlsSession& session, const Datagram& datagram);

class DtlsPair {
 public:
  explicit DtlsPair(std::shared_ptr<const TlsContext> server_context = uturn::server_context(),
                    ClientTlsSettings client_settings = {.verify = false});

  /// What the server's port does with a datagram of Alice's.
  void to_server(Bytes datagram);
  void to_client(Bytes datagram);
  /// Carries datagrams both ways until neither has any.
  void settle();
  bool both_open() const { return server != nullptr && server->is_open() && client->is_open(); }
  std::string server_hears(std::string_view message);  ///< said by the client
  std::string client_hears(std::string_view message);
  /// The flights of whoever waits for an answer are due.
  void time_out();

  /// Asked for each datagram, in the order of sending: how often shall it arrive?
  std::function<size_t()> arrivals = [] { return size_t{1}; };
  Now now = morning();
  DtlsListener listener;
  std::unique_ptr<DtlsSession> client;
  std::unique_ptr<DtlsSession> server;     ///< null until a cookie came back
  std::unique_ptr<DtlsSession> successor;  ///< of a client that began anew
  std::vector<Datagram> answers;           ///< HelloVerifyRequests on their way
  size_t largest = 0;                      ///< of the datagrams that the sessions transmitted

 private:
  Datagram transmitted_by(DtlsSession& session);
};

/// One message as a datagram of application data; empty: refused.
Datagram encrypt(DtlsSession& session, std::string_view message);

}  // namespace uturn
