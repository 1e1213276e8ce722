// Laws: what must hold for every datagram that leaves the server, seen from the wire alone.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "protocol/message_view.h"
#include "tests/simulation/world/virtual_network.h"

namespace uturn {

/// Knows nothing of the server's tables. It reads the requests and the success responses that pass
/// by, keeps a model of who was permitted what and until when, and holds every datagram against it:
///   - from a relayed address only to a peer that its client has a living permission or channel
///   for;
///   - from the listener only to somebody who sent to it before, and to who proved nothing no more
///   datagrams than
///     came from there.
class Laws {
 public:
  Laws(TransportAddress listener, std::vector<IpAddress> relay_ips);
  void observe(const VirtualDatagram& datagram, Instant now);
  const std::vector<std::string>& violations() const { return violations_; }
  uint64_t relayed() const { return relayed_; }  ///< datagrams to peers that were lawful

 private:
  struct Asked {
    std::vector<IpAddress> peers;
    bool is_channel = false;
  };
  struct Client {
    TransportAddress relayed;
    uint64_t received = 0;  ///< datagrams from it to the listener
    uint64_t answered = 0;
    bool is_proved = false;
  };
  void on_request(const VirtualDatagram& datagram);
  void on_answer(const VirtualDatagram& datagram, Instant now);
  void on_relayed(const VirtualDatagram& datagram, Instant now);
  void violate(std::string what) { violations_.push_back(std::move(what)); }

  TransportAddress listener_;
  std::vector<IpAddress> relay_ips_;
  std::map<std::array<uint8_t, 12>, Asked> asked_;
  std::map<TransportAddress, Client> clients_;
  std::map<TransportAddress, std::map<IpAddress, Instant>> permitted_;  ///< by relayed address
  std::vector<std::string> violations_;
  uint64_t relayed_ = 0;
};

}  // namespace uturn
