// Runs against a naive model: cut at their segment size, they are what was queued, in the order of
// each flow, and within the kernel's limits.
#include "io/send_runs.h"

#include <gmock/gmock.h>
#include <netinet/udp.h>

#include <deque>
#include <map>
#include <random>
#include <string>

namespace uturn {
namespace {

using testing::ElementsAre;

constexpr Instant kStart{1h};

struct Cut {
  std::string bytes;
  uint8_t dscp = 0;
  std::optional<IpAddress> source;
  friend bool operator==(const Cut&, const Cut&) = default;
};
using Flow = std::pair<uint32_t, TransportAddress>;  // socket's slot and destination

uint16_t segment_of(const msghdr& message) {
  msghdr copy = message;
  for (cmsghdr* head = CMSG_FIRSTHDR(&copy); head; head = CMSG_NXTHDR(&copy, head)) {
    if (head->cmsg_level != IPPROTO_UDP || head->cmsg_type != UDP_SEGMENT) continue;
    uint16_t segment = 0;
    std::memcpy(&segment, CMSG_DATA(head), sizeof segment);
    return segment;
  }
  return 0;
}

std::string bytes_in(const msghdr& message) {
  std::string bytes;
  for (size_t i = 0; i < message.msg_iovlen; ++i) {
    bytes.append(static_cast<const char*>(message.msg_iov[i].iov_base), message.msg_iov[i].iov_len);
  }
  return bytes;
}

// What a receiver would see of one send: the kernel cuts at the segment size.
std::vector<Cut> cut(const msghdr& message) {
  const Bytes control{static_cast<const uint8_t*>(message.msg_control), message.msg_controllen};
  // The control messages of a send read like those of a receive, but for the type of TOS.
  std::optional<IpAddress> source;
  int tos = 0;
  msghdr copy = message;
  for (cmsghdr* head = control.empty() ? nullptr : CMSG_FIRSTHDR(&copy); head;
       head = CMSG_NXTHDR(&copy, head)) {
    if (head->cmsg_level == IPPROTO_IP && head->cmsg_type == IP_TOS) {
      std::memcpy(&tos, CMSG_DATA(head), sizeof tos);
    }
    if (head->cmsg_level == IPPROTO_IP && head->cmsg_type == IP_PKTINFO) {
      in_pktinfo info;
      std::memcpy(&info, CMSG_DATA(head), sizeof info);
      std::array<uint8_t, 4> bytes;
      std::memcpy(bytes.data(), &info.ipi_spec_dst, bytes.size());
      source = IpAddress::v4(bytes);
    }
  }
  const std::string bytes = bytes_in(message);
  const size_t segment =
      control.empty() || segment_of(message) == 0 ? bytes.size() : segment_of(message);
  std::vector<Cut> cuts;
  size_t at = 0;
  do {
    cuts.push_back({bytes.substr(at, segment), static_cast<uint8_t>(tos >> 2), source});
    at += segment;
  } while (at < bytes.size());
  return cuts;
}

class Queue : public testing::Test {
 protected:
  explicit Queue(uint32_t capacity = 1'024, bool gso = true) : queue(capacity, gso) {}

  static TransportAddress peer(uint8_t number) {
    return {IpAddress::v4(std::array<uint8_t, 4>{198, 51, 100, number}), 5'000};
  }

  // Keeps the bytes and queues a datagram of them.
  void send(std::string_view text, const TransportAddress& to, IpFields ip = {},
            uint32_t slot = 0) {
    kept_.emplace_back(text);
    queue.add(socket, {{slot, 1}, to, {}, bytes_of(kept_.back()), ip}, now);
  }

  // How many datagrams each send carries.
  std::vector<uint32_t> lengths() {
    std::vector<uint32_t> all;
    for (const SendRun& run : queue.build()) all.push_back(run.datagrams);
    return all;
  }

  std::map<Flow, std::vector<Cut>> arrivals() {
    std::map<Flow, std::vector<Cut>> arrived;
    const auto runs = queue.build();
    for (size_t i = 0; i < runs.size(); ++i) {
      for (Cut& c : cut(queue.messages()[i].msg_hdr)) {
        arrived[{runs[i].via.slot, runs[i].to}].push_back(std::move(c));
      }
    }
    return arrived;
  }

  SendQueue queue;
  OpenSocket socket{.fd = 0, .address = *TransportAddress::parse("0.0.0.0:3478")};
  Instant now = kStart;

 private:
  std::deque<std::string> kept_;
};

using SendRuns = Queue;

TEST_F(SendRuns, EqualLengthsAreOneRunAndAShorterOneEndsIt) {
  for (const char* text : {"aaaa", "bbbb", "cc", "dddd", "eeee"}) send(text, peer(1));
  EXPECT_THAT(lengths(), ElementsAre(3, 2));
}

TEST_F(SendRuns, ALongerOneOpensTheNextRun) {
  for (const char* text : {"aa", "bb", "cccc", "dddd"}) send(text, peer(1));
  EXPECT_THAT(lengths(), ElementsAre(2, 2));
}

TEST_F(SendRuns, AnEmptyDatagramIsAlone) {
  for (const char* text : {"aa", "", "bb", "", ""}) send(text, peer(1));
  EXPECT_THAT(lengths(), ElementsAre(1, 1, 1, 1, 1));
}

TEST_F(SendRuns, CollectAcrossInterleavedDestinations) {
  for (int i = 0; i < 3; ++i) {
    for (uint8_t number = 1; number <= 4; ++number) send("same", peer(number));
  }
  EXPECT_THAT(lengths(), ElementsAre(3, 3, 3, 3));
}

TEST_F(SendRuns, OtherIpFieldsOpenTheNextRun) {
  const IpAddress here = *IpAddress::parse("192.0.2.1");
  for (const IpFields& ip :
       {IpFields{}, IpFields{.dscp = 46}, IpFields{.dscp = 46, .ecn = 1},
        IpFields{.dscp = 46, .ecn = 1, .ttl = 7}, IpFields{.source = here}, IpFields{}}) {
    send("same", peer(1), ip);
  }
  EXPECT_THAT(lengths(), ElementsAre(1, 1, 1, 1, 1, 1));
}

TEST_F(SendRuns, TwoSocketsAreTwoRuns) {
  for (uint32_t i = 0; i < 6; ++i) send("same", peer(1), {}, i % 2);
  EXPECT_THAT(lengths(), ElementsAre(3, 3));
}

TEST_F(SendRuns, AreAtMost64Datagrams) {
  for (int i = 0; i < 65; ++i) send("x", peer(1));
  EXPECT_THAT(lengths(), ElementsAre(64, 1));
}

TEST_F(SendRuns, AreAtMost65507Bytes) {
  const std::string third(21'836, 'x');  // three are 65,508 bytes
  for (int i = 0; i < 3; ++i) send(third, peer(1));
  EXPECT_THAT(lengths(), ElementsAre(2, 1));
}

TEST_F(SendRuns, AContiguousTrainIsOnePiece) {
  const std::string train(8 * 100, 'x');
  const Bytes bytes = bytes_of(train);
  for (size_t i = 0; i < 8; ++i) {
    const Bytes datagram = bytes.subspan(i * 100, 100);
    queue.add(socket, {{}, peer(1), datagram.first(4), datagram.subspan(4), {}}, now);
  }
  EXPECT_THAT(lengths(), ElementsAre(8));
  EXPECT_EQ(queue.messages()[0].msg_hdr.msg_iovlen, 1u);
}

TEST_F(SendRuns, ASocketBoundToOneAddressNeedsNoSource) {
  socket.address = *TransportAddress::parse("192.0.2.1:3478");
  send("same", peer(1), {.source = *IpAddress::parse("192.0.2.1")});
  queue.build();
  EXPECT_EQ(queue.messages()[0].msg_hdr.msg_controllen, 0u);
}

TEST_F(SendRuns, AreForgottenWhenCleared) {
  send("same", peer(1));
  queue.clear();
  EXPECT_TRUE(queue.empty());
  send("same", peer(1));
  EXPECT_THAT(lengths(), ElementsAre(1));
}

TEST_F(SendRuns, AgreeWithANaiveModel) {
  std::mt19937 random(20'261'123);
  const auto pick = [&](uint32_t below) { return static_cast<uint32_t>(random() % below); };
  for (int pass = 0; pass < 60; ++pass) {
    std::map<Flow, std::vector<Cut>> queued;
    const uint32_t count = 1 + pick(1'024);
    const uint32_t peers = 1 + pick(pass % 2 ? 4 : 250);
    const std::vector<size_t> sizes = {0, 1, 40, 160, 1'200, 1'200, 1'200, 9'000, 65'507};
    for (uint32_t i = 0; i < count; ++i) {
      const std::string text(sizes[pick(static_cast<uint32_t>(sizes.size()))],
                             static_cast<char>('a' + i % 26));
      IpFields ip{.dscp = static_cast<uint8_t>(pick(20) == 0 ? 46 : 0)};
      if (pick(20) == 0) ip.source = *IpAddress::parse("192.0.2.9");
      const auto to = peer(static_cast<uint8_t>(pick(peers)));
      const uint32_t slot = pick(3);
      send(text, to, ip, slot);
      Cut sent{text, ip.dscp, std::nullopt};
      if (!ip.source.is_unspecified()) sent.source = ip.source;
      queued[{slot, to}].push_back(std::move(sent));
    }
    ASSERT_TRUE(arrivals() == queued) << "pass " << pass;
    for (const SendRun& run : queue.runs()) {
      EXPECT_LE(run.datagrams, kMaxRunDatagrams);
      EXPECT_LE(run.bytes, kMaxRunBytes);
    }
    queue.clear();
  }
}

struct WithoutGso : Queue {
  WithoutGso() : Queue(16, false) {}
};
TEST_F(WithoutGso, EveryDatagramIsASend) {
  for (int i = 0; i < 16; ++i) send("same", peer(1));
  EXPECT_EQ(lengths(), std::vector<uint32_t>(16, 1));
  EXPECT_TRUE(queue.is_full());
}

class Refusal : public Queue {
 protected:
  // A run of two to `to`, which the kernel answers by `error`.
  SendFate refuse(const TransportAddress& to, int error, int repeats = 0) {
    queue.clear();
    send("same", to);
    send("same", to);
    const SendFate fate = queue.fate_of(queue.build()[0], error, repeats, now);
    queue.clear();
    return fate;
  }
  bool makes_runs(const TransportAddress& to) {
    queue.clear();
    send("same", to);
    send("same", to);
    const size_t sends = queue.build().size();
    queue.clear();
    return sends == 1;
  }
};

TEST_F(Refusal, OfARunIsRememberedForThatDestinationForAMinute) {
  EXPECT_EQ(refuse(peer(1), EINVAL), SendFate::send_singly);
  EXPECT_FALSE(makes_runs(peer(1)));
  EXPECT_TRUE(makes_runs(peer(2))) << "a peer must not cost others their runs";
  now += 59s;
  EXPECT_FALSE(makes_runs(peer(1)));
  now += 1s;
  EXPECT_TRUE(makes_runs(peer(1)));
}

TEST_F(Refusal, TooLongMayBeAnotherDestinationsErrorOnce) {
  EXPECT_EQ(refuse(peer(1), EMSGSIZE, 0), SendFate::repeat);
  EXPECT_TRUE(makes_runs(peer(1)));
  EXPECT_EQ(refuse(peer(1), EMSGSIZE, 1), SendFate::send_singly);
  EXPECT_FALSE(makes_runs(peer(1)));
}

TEST_F(Refusal, OfTheDeviceHoldsForItsRoute) {
  EXPECT_EQ(refuse(peer(1), EIO), SendFate::send_singly);
  EXPECT_FALSE(makes_runs(peer(2))) << "the same /24";
  EXPECT_TRUE(makes_runs(*TransportAddress::parse("203.0.113.1:5000")));
  now += 600s;
  EXPECT_TRUE(makes_runs(peer(2)));
}

TEST_F(Refusal, HoldsForAnIpv6Slash64) {
  socket.address = *TransportAddress::parse("[::]:3478");
  EXPECT_EQ(refuse(*TransportAddress::parse("[2001:db8::1]:9"), EIO), SendFate::send_singly);
  EXPECT_FALSE(makes_runs(*TransportAddress::parse("[2001:db8::ffff]:9")));
  EXPECT_TRUE(makes_runs(*TransportAddress::parse("[2001:db8:0:1::1]:9")));
}

TEST_F(Refusal, PendingErrorsAreRepeatedAndOthersAreDrops) {
  EXPECT_EQ(SendQueue::fate_of_single(ECONNREFUSED, 0), SendFate::repeat);
  EXPECT_EQ(SendQueue::fate_of_single(EHOSTUNREACH, 0), SendFate::repeat);
  EXPECT_EQ(SendQueue::fate_of_single(EHOSTUNREACH, 1), SendFate::drop_failed);
  EXPECT_EQ(SendQueue::fate_of_single(ECONNREFUSED, 4), SendFate::drop_failed);
  EXPECT_EQ(SendQueue::fate_of_single(EMSGSIZE, 1), SendFate::drop_failed);
  EXPECT_EQ(SendQueue::fate_of_single(EAGAIN, 0), SendFate::drop_blocked);
  EXPECT_EQ(SendQueue::fate_of_single(ENOBUFS, 0), SendFate::drop_blocked);
  EXPECT_EQ(SendQueue::fate_of_single(EPERM, 0), SendFate::drop_failed);
}

TEST_F(Refusal, SinglySentDatagramsAreThoseOfTheRunWithoutASegmentSize) {
  const IpFields ip{.dscp = 46};
  for (const char* text : {"one.", "two.", "end"}) send(text, peer(1), ip);
  const SendRun& run = queue.build()[0];
  ASSERT_EQ(run.datagrams, 3u);
  std::vector<std::string> sent;
  queue.for_each_single(run, [&](const msghdr& message, size_t bytes) {
    sent.push_back(bytes_in(message));
    EXPECT_EQ(bytes, sent.back().size());
    EXPECT_EQ(segment_of(message), 0);
    EXPECT_EQ(cut(message)[0].dscp, 46);
  });
  EXPECT_THAT(sent, ElementsAre("one.", "two.", "end"));
}

TEST_F(Refusal, OfARunOfPaddedDatagramsLosesNoPadding) {
  const std::string head = "head";
  const std::string body = "abcdefgh";
  for (const size_t size : {8u, 7u, 6u, 5u, 1u}) {
    const auto padding = static_cast<uint8_t>((4 - size % 4) % 4);
    queue.add(socket, {{}, peer(1), bytes_of(head), bytes_of(body).first(size), {}, padding}, now);
  }
  const SendRun& run = queue.build()[0];
  ASSERT_EQ(run.datagrams, 5u);
  const std::string together = bytes_in(queue.messages()[0].msg_hdr);
  std::vector<std::string> sent;
  queue.for_each_single(run, [&](const msghdr& message, size_t bytes) {
    sent.push_back(bytes_in(message));
    EXPECT_EQ(bytes, sent.back().size());
  });
  const std::string zeros(3, '\0');
  EXPECT_THAT(sent,
              ElementsAre("headabcdefgh", "headabcdefg" + zeros.substr(2),
                          "headabcdef" + zeros.substr(1), "headabcde" + zeros, "heada" + zeros));
  EXPECT_EQ(together, sent[0] + sent[1] + sent[2] + sent[3] + sent[4]);
}

TEST(GsoRefusals, StayBoundedUnderMoreDestinationsThanTheyHold) {
  GsoRefusals refusals(1);
  const auto address = [](uint32_t i) {
    std::array<uint8_t, 4> bytes;
    store_be32(bytes.data(), 0xC6120000 + i);
    return IpAddress::v4(bytes);
  };
  for (uint32_t i = 0; i < 10'000; ++i) refusals.remember_destination(address(i), kStart);
  refusals.remember_destination(address(42), kStart + 1s);
  EXPECT_TRUE(refusals.contains(address(42), kStart + 1s));
  uint32_t held = 0;
  for (uint32_t i = 0; i < 10'000; ++i) held += refusals.contains(address(i), kStart + 1s);
  EXPECT_GT(held, 256u);
  EXPECT_LE(held, 512u);
}

}  // namespace
}  // namespace uturn
