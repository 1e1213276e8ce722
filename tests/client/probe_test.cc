// Probe: the whole tool, sockets included, against a small relay on loopback.
#include "client/tools/probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/client/small_relay.h"

namespace uturn {
namespace {

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

Probed probe(const std::string& uri, const SecurityWish& security = {},
             std::chrono::seconds timeout = std::chrono::seconds{20}) {
  std::ostringstream out;
  std::ostringstream err;
  Probed probed;
  probed.status =
      run_probe({.uri = uri, .security = security, .json = true, .timeout = timeout}, out, err);
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
  SmallRelay relay{Transport::udp, {.allocate = ErrorCode::allocation_quota_reached}};
  const Probed probed = probe("turn:" + relay.at());
  EXPECT_EQ(probed.status, kProbeUnhealthy);
  EXPECT_EQ(probed.step(1)["error_code"], 486);
  EXPECT_EQ(probed.step(1)["cause_id"], "error_response");
  EXPECT_THAT(probed.step(1)["cause"].get<std::string>(), ::testing::HasSubstr("quota"));
  EXPECT_EQ(probed.step(6)["status"], "skipped");
}

TEST(Probe, AForbiddenPeerIsExplained) {
  SmallRelay relay{Transport::udp, {.create_permission = ErrorCode::forbidden}};
  const Probed probed = probe("turn:" + relay.at());
  EXPECT_EQ(probed.status, kProbeUnhealthy);
  EXPECT_EQ(probed.step(3)["name"], "permission");
  EXPECT_EQ(probed.step(3)["error_code"], 403);
  EXPECT_THAT(probed.step(3)["cause"].get<std::string>(), ::testing::HasSubstr("peer rules"));
}

TEST(Probe, ARelayThatRelaysNothingIsUnhealthy) {
  SmallRelay relay{Transport::udp, {.relays = false}};
  const Probed probed = probe("turn:" + relay.at(), {}, std::chrono::seconds{1});
  EXPECT_EQ(probed.status, kProbeUnhealthy);
  EXPECT_EQ(probed.step(4)["name"], "relay by indication");
  EXPECT_EQ(probed.step(4)["cause_id"], "not_relayed");
}

TEST(Probe, OverTcpTheConnectionIsAStepOfItsOwn) {
  SmallRelay relay{Transport::tcp};
  const Probed probed = probe("turn:" + relay.at() + "?transport=tcp");
  EXPECT_EQ(probed.steps(),
            "connect ok, binding ok, allocate ok, second allocate ok, permission ok, "
            "relay by indication ok, channel bind ok, relay by channel ok");
  EXPECT_EQ(probed.status, kProbeHealthy);
}

TEST(Probe, ATcpPortWhereNobodyListensIsSaidSo) {
  std::string at;
  {
    at = SmallRelay{Transport::tcp}.at();
  }
  const Probed probed = probe("turn:" + at + "?transport=tcp");
  EXPECT_EQ(probed.steps(), "connect failed");
  EXPECT_EQ(probed.step(0)["cause_id"], "unreachable");
  EXPECT_THAT(probed.step(0)["cause"].get<std::string>(), ::testing::HasSubstr("refused"));
}

TEST(Probe, OverTlsTheConnectionSaysWhatWasAgreedOn) {
  SmallRelay relay{Transport::tls};
  const Probed probed = probe("turns:" + relay.at(), {.authorities_file = relay.authority()});
  EXPECT_EQ(probed.status, kProbeHealthy) << probed.report;
  EXPECT_EQ(probed.step(0)["version"], "TLSv1.3");
  EXPECT_EQ(probed.step(0)["alpn"], "stun.turn");
  EXPECT_THAT(probed.step(0)["days_left"].get<int>(), ::testing::AnyOf(29, 30));
  EXPECT_THAT(probed.step(0)["cipher"].get<std::string>(), ::testing::HasSubstr("AES"));
}

TEST(Probe, OverDtlsTheSame) {
  SmallRelay relay{Transport::dtls};
  const Probed probed =
      probe("turns:" + relay.at() + "?transport=udp", {.authorities_file = relay.authority()});
  EXPECT_EQ(probed.status, kProbeHealthy) << probed.report;
  EXPECT_EQ(probed.step(0)["version"], "DTLSv1.2");
  EXPECT_EQ(probed.step(0)["alpn"], "stun.turn");
}

TEST(Probe, ACertificateThatNobodyKnowsIsNotBelieved) {
  for (const Transport transport : {Transport::tls, Transport::dtls}) {
    SmallRelay relay{transport};
    const std::string uri =
        "turns:" + relay.at() + (transport == Transport::dtls ? "?transport=udp" : "");
    const Probed refused = probe(uri);
    EXPECT_EQ(refused.steps(), "connect failed");
    EXPECT_EQ(refused.step(0)["cause_id"], "tls_failed");
    EXPECT_THAT(refused.step(0)["cause"].get<std::string>(), ::testing::HasSubstr("--insecure"));
    EXPECT_EQ(probe(uri, {.insecure = true}).status, kProbeHealthy);
  }
}

TEST(Probe, AServerThatHangsUpIsUnhealthyAtOnce) {
  SmallRelay relay{Transport::tcp, {.hangs_up_at = Method::allocate}};
  const Probed probed = probe("turn:" + relay.at() + "?transport=tcp");
  EXPECT_EQ(probed.step(2)["name"], "allocate");
  EXPECT_EQ(probed.step(2)["cause_id"], "connection_ended");
}

TEST(Probe, AServerThatSpeaksSmtpIsNoTurnServer) {
  SmallRelay relay{Transport::tcp, {.speaks_smtp = true}};
  const Probed probed = probe("turn:" + relay.at() + "?transport=tcp");
  EXPECT_EQ(probed.step(1)["name"], "binding");
  EXPECT_EQ(probed.step(1)["cause_id"], "not_turn");
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
      {{.uri = "turns:x", .security = {.authorities_file = "/nowhere/ca.pem"}}, "/nowhere/ca.pem"},
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
