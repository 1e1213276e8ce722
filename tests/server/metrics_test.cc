// Metrics: a sample of several shards becomes one text, bounded in its labels.
#include "server/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/shard_meter.h"

namespace uturn {
namespace {

using testing::HasSubstr;
using testing::Not;

ServerAddress at(const char* text) { return server_address(*TransportAddress::parse(text)); }
ListenerUri uri(const char* text) { return *ListenerUri::parse(text); }

TrafficClass traffic(const char* server, uint64_t packets) {
  TrafficClass one;
  one.server = at(server);
  one.realm = "example.org";
  one.families[0].to_peers = {packets, packets * 100};
  one.allocations = 1;
  return one;
}

TEST(Metrics, AddressesOfAWildcardAreOneListener) {
  ServerSample sample;
  sample.shards.resize(2);
  sample.shards[0].traffic = {traffic("192.0.2.1:3478", 3), traffic("192.0.2.2:3478", 4)};
  sample.shards[1].traffic = {traffic("192.0.2.1:3478", 5)};
  const std::string text = metrics_text(sample, {.listeners = {uri("udp://0.0.0.0:3478")}});
  EXPECT_THAT(text, HasSubstr("uturn_relayed_packets_total{listener=\"udp://0.0.0.0:3478\","
                              "transport=\"udp\",family=\"ipv4\",realm=\"example.org\","
                              "direction=\"to_peer\"} 12\n"));
  EXPECT_THAT(text, HasSubstr("uturn_allocations{listener=\"udp://0.0.0.0:3478\","
                              "transport=\"udp\",realm=\"example.org\"} 3\n"));
}

TEST(Metrics, TheListenerIsTheOneThatTakesSuchClients) {
  const std::vector<ListenerUri> listeners = {uri("udp://0.0.0.0:3478"), uri("tcp://0.0.0.0:3478"),
                                              uri("udp://192.0.2.1:3478"), uri("udp://[::]:3478")};
  EXPECT_EQ(listener_of(at("192.0.2.1:3478"), Transport::udp, listeners), "udp://192.0.2.1:3478");
  EXPECT_EQ(listener_of(at("192.0.2.2:3478"), Transport::udp, listeners), "udp://0.0.0.0:3478");
  EXPECT_EQ(listener_of(at("192.0.2.2:3478"), Transport::tls, listeners), "tcp://0.0.0.0:3478");
  EXPECT_EQ(listener_of(at("[2001:db8::1]:3478"), Transport::dtls, listeners), "udp://[::]:3478");
  EXPECT_EQ(listener_of(at("192.0.2.2:443"), Transport::tls, listeners), "other");
}

TEST(Metrics, ACounterOfManyDigitsIsExact) {
  ServerSample sample;
  sample.shards.resize(1);
  sample.shards[0].loop.bytes_in = 9'007'199'254'740'991;  // the last that a double holds
  EXPECT_THAT(metrics_text(sample, {}), HasSubstr("uturn_received_bytes_total 9007199254740991\n"));
}

TEST(Metrics, TcpAllocationsRelayBytesAndNoPackets) {
  ServerSample sample;
  sample.shards.resize(1);
  TrafficClass tcp = traffic("192.0.2.1:3478", 0);
  tcp.transport = Transport::tcp;
  tcp.families[0].to_peers.bytes = 1'234;
  sample.shards[0].traffic = {tcp};
  EXPECT_THAT(metrics_text(sample, {.listeners = {uri("tcp://0.0.0.0:3478")}}),
              HasSubstr("uturn_relayed_bytes_total{listener=\"tcp://0.0.0.0:3478\","
                        "transport=\"tcp\",family=\"ipv4\",realm=\"example.org\","
                        "direction=\"to_peer\"} 1234\n"));
}

TEST(Metrics, ADirectorysAnswersAreTimedByHowTheyEnded) {
  ServerSample sample;
  DirectoryReport webhook{"webhook", {}, {}};
  webhook.counters.latency[0].counts[1] = 3;  // found, within 500 microseconds
  webhook.counters.latency[0].sum_us = 1'200;
  webhook.counters.latency[3].counts.back() = 1;
  webhook.counters.waiting = 2;
  sample.directories = {webhook};
  const std::string text = metrics_text(sample, {});
  const std::string name = "uturn_directory_answer_seconds";
  const std::string found = "{backend=\"webhook\",outcome=\"found\"";
  EXPECT_THAT(text, HasSubstr(name + "_bucket" + found + ",le=\"0.0005\"} 3\n"));
  EXPECT_THAT(text, HasSubstr(name + "_sum" + found + "} 0.0012\n"));
  EXPECT_THAT(text, HasSubstr(name + "_count{backend=\"webhook\",outcome=\"timed_out\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("uturn_directory_waiting{backend=\"webhook\"} 2\n"));
  EXPECT_THAT(text, Not(HasSubstr("uturn_database_queries_total{"))) << "it is no database";
}

TEST(Metrics, AHostileUserNameStaysInItsLabel) {
  ServerSample sample;
  sample.top_users = {{"x\"} 1\nuturn_workers 99", 1, 5}};
  const std::string text = metrics_text(sample, {});
  EXPECT_THAT(text, HasSubstr("uturn_top_user_bytes{user=\"x\\\"} 1\\nuturn_workers 99\"} 5\n"));
  EXPECT_THAT(text, Not(HasSubstr("\nuturn_workers 99")));
}

TEST(TrafficClasses, AreBoundedAndTheRestIsOne) {
  TrafficClasses classes;
  for (uint16_t port = 1; port <= 2'000; ++port) {
    TransportAddress address = at("192.0.2.1:1");
    address.port = port;
    classes.of(server_address(address), Transport::udp, "r").allocations += 1;
  }
  EXPECT_EQ(classes.all().size(), TrafficClasses::kMost);
  EXPECT_TRUE(classes.all().back()->is_rest);
  EXPECT_EQ(classes.all().back()->allocations, 2'000 - TrafficClasses::kMost + 1);
}

TEST(ShardMeter, CountsIntoTheBucketWhoseBoundIsNotBelow) {
  ShardMeter meter;
  for (const size_t size : {1, 2, 3, 4, 256, 257}) meter.count_batch(size);
  EXPECT_EQ(meter.batches[0], 1u);
  EXPECT_EQ(meter.batches[1], 1u);
  EXPECT_EQ(meter.batches[2], 2u);
  EXPECT_EQ(meter.batches[8], 1u);
  EXPECT_EQ(meter.batches[9], 1u);
  EXPECT_EQ(meter.datagrams, 523u);
  meter.count_pass(10us);
  meter.count_pass(11us);
  meter.count_pass(1s);
  EXPECT_EQ(meter.passes.front(), 1u);
  EXPECT_EQ(meter.passes[1], 1u);
  EXPECT_EQ(meter.passes.back(), 1u);
}

}  // namespace
}  // namespace uturn
