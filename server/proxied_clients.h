// ProxiedClients: clients of UDP for whom a proxy speaks, and where their answers go.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "auth/address_range.h"
#include "auth/random.h"
#include "protocol/bytes.h"
#include "protocol/proxy_header.h"
#include "protocol/time.h"
#include "protocol/transport_address.h"
#include "server/relay/deadline_queue.h"

namespace uturn {

struct ProxyCounters {
  uint64_t datagrams_in = 0;
  uint64_t no_header = 0;  ///< from a proxy, and without a header that is right: dropped
  uint64_t clients = 0;    ///< remembered now
  uint64_t table_full = 0;
};

/// A header of version 2 stands before every datagram of a configured proxy; the address that it
/// announces is the client's. Answers go bare to where their request came from, and so does what
/// peers send, for which the proxy's address is remembered once the client has an allocation:
/// before it has proven who it is, nothing is kept of it.
class ProxiedClients {
 public:
  static constexpr uint32_t kMost = 65'536;
  static constexpr uint32_t kMostWaiting = 256;
  static constexpr Duration kCheck = std::chrono::seconds(60);
  static constexpr uint32_t kChecksPerPass = 64;

  ProxiedClients(std::vector<AddressRange> proxies, Random& random, Now now);

  /// Others are believed from here on. Clients stay remembered, and those whom nobody speaks for
  /// any more are answered directly.
  void set_proxies(std::vector<AddressRange> proxies) { proxies_ = std::move(proxies); }
  bool is_on() const { return !proxies_.empty(); }
  bool is_proxy(const IpAddress& source) const;

  /// Whom a datagram of a proxy is from, and what it says. Nothing: it is to be dropped.
  struct Announced {
    std::optional<TransportAddress> client;  ///< nothing: it is the proxy's own (a health check)
    Bytes payload;
  };
  std::optional<Announced> read(Bytes datagram);

  /// The client may have come by another of the proxy's addresses. False: it is not remembered.
  bool update(SocketId listener, const FiveTuple& client, const TransportAddress& proxy);
  void remember(SocketId listener, const FiveTuple& client, const TransportAddress& proxy);
  /// A request waits for its answer: a few are remembered, and the oldest forgotten.
  void await(SocketId listener, const FiveTuple& client, const TransportAddress& proxy);
  /// Where an answer goes that was waited for; to the client, where nobody speaks for it.
  TransportAddress route_of_waiting(SocketId listener, const FiveTuple& client) const;
  /// Where what a peer sent to a client goes, likewise.
  TransportAddress route(SocketId listener, const TransportAddress& client,
                         const IpAddress& server) const;

  /// Forgets clients of whom `is_living(five_tuple)` is false.
  template <class IsLiving>
  void expire(Now now, IsLiving is_living);
  Instant next_deadline() const { return deadlines_.next(); }

  const ProxyCounters& counters() const { return counters_; }

 private:
  struct Key {
    SocketId listener;
    TransportAddress client;
    IpAddress server;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct Hash {
    uint64_t seed;
    size_t operator()(const Key& key) const {
      return hash_of(key.client, seed ^ key.listener.slot);
    }
  };
  struct Entry {
    FiveTuple five_tuple;
    TransportAddress proxy;
    uint64_t number = 0;
  };
  struct Waiting {
    Key key;
    TransportAddress proxy;
  };
  static Key key_of(SocketId listener, const FiveTuple& client) {
    return {listener, client.client, client.server.ip};
  }

  std::vector<AddressRange> proxies_;
  std::unordered_map<Key, Entry, Hash> clients_;
  std::unordered_map<uint64_t, Key> by_number_;  ///< what deadlines name
  uint64_t next_number_ = 0;
  std::vector<Waiting> waiting_;  ///< a ring
  size_t next_waiting_ = 0;
  DeadlineQueue deadlines_;
  Now now_;
  ProxyCounters counters_;
};

template <class IsLiving>
void ProxiedClients::expire(Now now, IsLiving is_living) {
  now_ = now;
  deadlines_.expire(now, kChecksPerPass, [&](uint64_t number) {
    const auto named = by_number_.find(number);
    const auto found = clients_.find(named->second);
    if (is_living(found->second.five_tuple)) {
      deadlines_.add(now.monotonic + kCheck, number);
      return;
    }
    clients_.erase(found);
    by_number_.erase(named);
    --counters_.clients;
  });
}

}  // namespace uturn
