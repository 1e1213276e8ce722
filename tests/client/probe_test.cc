// Probe: the whole tool, sockets included, against a small relay on loopback.
#include "client/tools/probe.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>
#include <vector>

#include "protocol/attributes.h"
#include "protocol/channel_data.h"
#include "protocol/message_builder.h"
#include "tests/client/conversation.h"

namespace uturn {
namespace {

/// What the small relay does wrong.
struct Fault {
  std::optional<ErrorCode> allocate{};
  std::optional<ErrorCode> create_permission{};
  bool relays = true;
};

/// Answers without authentication; the n-th client that allocates is relayed at 192.0.2.n:5000n and
/// the second one's data goes to the first and back.
class SmallRelay {
 public:
  explicit SmallRelay(Fault fault = {}) : fault_(fault) {
    sockaddr_in any{
        .sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
    socklen_t size = sizeof any;
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&any), size), 0);
    EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&any), &size), 0);
    port_ = ntohs(any.sin_port);
    thread_ = std::thread{[this] { serve(); }};
  }
  ~SmallRelay() {
    ::eventfd_write(stop_, 1);
    thread_.join();
    ::close(socket_);
    ::close(stop_);
  }
  std::string at() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  void serve() {
    for (;;) {
      pollfd waiting[] = {{socket_, POLLIN, 0}, {stop_, POLLIN, 0}};
      ::poll(waiting, 2, -1);
      if (waiting[1].revents != 0) return;
      sockaddr_in from;
      socklen_t size = sizeof from;
      std::array<uint8_t, 1500> buffer;
      const ssize_t length = ::recvfrom(socket_, buffer.data(), buffer.size(), 0,
                                        reinterpret_cast<sockaddr*>(&from), &size);
      if (length <= 0) continue;
      const auto datagram = MutableBytes{buffer}.first(static_cast<size_t>(length));
      if (const auto message = MessageView::parse(datagram)) {
        on_message(*message, from);
      } else if (fault_.relays) {
        send(datagram, other_than(from));  // both have bound the same number
      }
    }
  }

  void on_message(const MessageView& request, const sockaddr_in& from) {
    if (request.message_class() == MessageClass::indication) return on_send(request, from);
    const auto refused = request.method() == Method::allocate            ? fault_.allocate
                         : request.method() == Method::create_permission ? fault_.create_permission
                                                                         : std::nullopt;
    std::array<uint8_t, 500> buffer;
    MessageBuilder answer{buffer, request.method(),
                          refused ? MessageClass::error : MessageClass::success,
                          request.transaction_id()};
    if (refused) answer.add_error(*refused);
    if (!refused && request.method() == Method::allocate) clients_.push_back(from);
    answer.add_xor_address(AttributeType::xor_mapped_address, address("192.0.2.200:4000"));
    if (!refused && request.method() == Method::allocate) {
      answer.add_xor_address(AttributeType::xor_relayed_address, relayed(clients_.size()));
      answer.add_u32(AttributeType::lifetime, 600);
    }
    send(answer.finish(), from);
  }

  void on_send(const MessageView& indication, const sockaddr_in& from) {
    if (!fault_.relays) return;
    const bool first = from.sin_port == clients_[0].sin_port;
    std::array<uint8_t, 500> buffer;
    MessageBuilder data{buffer, Method::data, MessageClass::indication, {}};
    data.add_xor_address(AttributeType::xor_peer_address, relayed(first ? 1 : 2));
    data.add(AttributeType::data, indication.find(AttributeType::data)->value);
    send(data.finish(), other_than(from));
  }

  static TransportAddress relayed(size_t client) {
    const std::string n = std::to_string(client);
    return address("192.0.2." + n + ":5000" + n);
  }
  sockaddr_in other_than(const sockaddr_in& client) const {
    return client.sin_port == clients_[0].sin_port ? clients_.back() : clients_[0];
  }
  void send(Bytes datagram, const sockaddr_in& to) {
    ::sendto(socket_, datagram.data(), datagram.size(), 0, reinterpret_cast<const sockaddr*>(&to),
             sizeof to);
  }

  Fault fault_;
  int socket_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int stop_ = ::eventfd(0, EFD_CLOEXEC);
  uint16_t port_ = 0;
  std::vector<sockaddr_in> clients_;
  std::thread thread_;
};

struct Probed {
  int status = 0;
  nlohmann::json report;
  /// "binding ok, allocate failed, …"
  std::string steps() const {
    std::string text;
    for (const auto& step : report["steps"]) {
      text += text.empty() ? "" : ", ";
      text += step["name"].get<std::string>() + " " + step["status"].get<std::string>();
    }
    return text;
  }
  const nlohmann::json& step(size_t i) const { return report["steps"].at(i); }
};

Probed probe(const std::string& uri, std::chrono::seconds timeout = std::chrono::seconds{20}) {
  std::ostringstream out;
  std::ostringstream err;
  Probed probed;
  probed.status = run_probe(
      {.uri = uri, .username = {}, .password = {}, .json = true, .timeout = timeout}, out, err);
  EXPECT_EQ(err.str(), "");
  probed.report = nlohmann::json::parse(out.str());
  return probed;
}

TEST(Probe, AHealthyRelayCarriesDataBothWaysByIndicationAndChannel) {
  SmallRelay relay;
  const Probed probed = probe("turn:" + relay.at());
  EXPECT_EQ(probed.steps(),
            "binding ok, allocate ok, second allocate ok, permission ok, relay by indication ok, "
            "channel bind ok, relay by channel ok");
  EXPECT_EQ(probed.status, kProbeHealthy);
  EXPECT_EQ(probed.report["healthy"], true);
  EXPECT_EQ(probed.report["server"], relay.at());
  EXPECT_EQ(probed.step(0)["mapped"], "192.0.2.200:4000");
  EXPECT_EQ(probed.step(1)["relayed"], "192.0.2.1:50001");
  EXPECT_EQ(probed.step(1)["lifetime"], 600);
}

TEST(Probe, AStunUriAsksForABindingOnly) {
  SmallRelay relay;
  const Probed probed = probe("stun:" + relay.at());
  EXPECT_EQ(probed.steps(), "binding ok");
  EXPECT_EQ(probed.status, kProbeHealthy);
}

TEST(Probe, ARefusedAllocationIsExplained) {
  SmallRelay relay{{.allocate = ErrorCode::allocation_quota_reached}};
  const Probed probed = probe("turn:" + relay.at());
  EXPECT_EQ(probed.status, kProbeUnhealthy);
  EXPECT_EQ(probed.step(1)["error_code"], 486);
  EXPECT_EQ(probed.step(1)["cause_id"], "error_response");
  EXPECT_THAT(probed.step(1)["cause"].get<std::string>(), ::testing::HasSubstr("quota"));
  EXPECT_EQ(probed.step(6)["status"], "skipped");
}

TEST(Probe, AForbiddenPeerIsExplained) {
  SmallRelay relay{{.create_permission = ErrorCode::forbidden}};
  const Probed probed = probe("turn:" + relay.at());
  EXPECT_EQ(probed.status, kProbeUnhealthy);
  EXPECT_EQ(probed.step(3)["name"], "permission");
  EXPECT_EQ(probed.step(3)["error_code"], 403);
  EXPECT_THAT(probed.step(3)["cause"].get<std::string>(), ::testing::HasSubstr("peer rules"));
}

TEST(Probe, ARelayThatRelaysNothingIsUnhealthy) {
  SmallRelay relay{{.relays = false}};
  const Probed probed = probe("turn:" + relay.at(), std::chrono::seconds{1});
  EXPECT_EQ(probed.status, kProbeUnhealthy);
  EXPECT_EQ(probed.step(4)["name"], "relay by indication");
  EXPECT_EQ(probed.step(4)["cause_id"], "not_relayed");
}

TEST(Probe, AServerThatIsNotThereIsUnhealthy) {
  std::string at;
  {
    at = SmallRelay{}.at();
  }  // its port is free now, and nobody listens
  const Probed probed = probe("turn:" + at);
  EXPECT_EQ(probed.status, kProbeUnhealthy);
  EXPECT_EQ(probed.steps(), "binding failed");
  EXPECT_EQ(probed.step(0)["cause_id"], "unreachable");
}

TEST(Probe, TheTableSaysTheVerdict) {
  SmallRelay relay;
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(run_probe({.uri = "stun:" + relay.at()}, out, err), kProbeHealthy);
  EXPECT_THAT(out.str(), ::testing::HasSubstr("mapped 192.0.2.200:4000"));
  EXPECT_THAT(out.str(), ::testing::EndsWith("\nhealthy\n"));
}

TEST(Probe, WhatItCannotDoIsAUsageError) {
  struct {
    ProbeOptions options;
    std::string_view message;
  } const cases[] = {
      {{.uri = "http://x"}, "must start with stun:"},
      {{.uri = "turn:x?transport=tcp"}, "tcp is not supported yet"},
      {{.uri = "turns:x"}, "tls is not supported yet"},
      {{.uri = "turns:x?transport=udp"}, "dtls is not supported yet"},
      {{.uri = "turn:x", .username = "alice"}, "belong together"},
      {{.uri = "turn:x", .timeout = std::chrono::seconds{0}}, "1 second at least"},
  };
  for (const auto& expected : cases) {
    std::ostringstream out;
    std::ostringstream err;
    EXPECT_EQ(run_probe(expected.options, out, err), kProbeUsage) << expected.options.uri;
    EXPECT_THAT(err.str(), ::testing::HasSubstr(expected.message));
    EXPECT_EQ(out.str(), "");
  }
}

}  // namespace
}  // namespace uturn
