// The loop contract, life: sockets that come, go and move. Its other parts are the files named
// loop_*_contract_test.cc beside this one.
#include <dirent.h>
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <set>
#include <thread>

#include "tests/io/loop_harness.h"

namespace uturn {
namespace {

using testing::ElementsAre;

class LoopLife : public LoopContract {
 protected:
  static UdpSocketSpec spec_of(const TransportAddress& address) {
    UdpSocketSpec spec;
    spec.address = address;
    return spec;
  }
  // A bound socket that no loop has any more.
  LooseSocket loose_socket(TransportAddress& address) {
    const auto maker = new_loop();
    const auto id = maker->open(spec_of(at("127.0.0.1:0")), 0);
    CHECK(id);
    address = maker->local_address(*id);
    return maker->detach(*id);
  }
  static size_t open_descriptors() {
    size_t count = 0;
    DIR* directory = ::opendir("/proc/self/fd");
    CHECK(directory);
    while (::readdir(directory)) ++count;
    ::closedir(directory);
    return count;
  }
};

TEST_P(LoopLife, ASocketIsBoundToWhatWasAskedAndSaysItsPort) {
  const SocketId one = open("127.0.0.3:0");
  EXPECT_EQ(address_of(one).ip, ip("127.0.0.3"));
  EXPECT_NE(address_of(one).port, 0);
  const auto taken = loop->open(spec_of(address_of(one)), 0);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error(), OpenError::address_in_use);
  const auto elsewhere = loop->open(spec_of(at("192.0.2.1:0")), 0);
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error(), OpenError::address_not_available);
}

TEST_P(LoopLife, AClosedSocketIsNotHeardAnyMoreNotEvenWhatWasQueued) {
  const SocketId relay = open("127.0.0.1:0");
  const auto peer = stranger();
  pass();
  for (int i = 0; i < 20; ++i) peer->send(address_of(relay), "too late");
  loop->close(relay);
  settle();
  EXPECT_TRUE(notebook.received.empty());
}

TEST_P(LoopLife, ClosingWithinABatchSilencesTheRestOfIt) {
  const SocketId closing = open("127.0.0.1:0");
  const SocketId staying = open("127.0.0.1:0");
  const auto peer = stranger();
  for (int i = 0; i < 600; ++i) peer->send(address_of(closing), "bye");
  for (int i = 0; i < 10; ++i) peer->send(address_of(staying), "hi");
  bool closed = false;
  notebook.on_datagram = [&](ReceivedDatagram& d) {
    if (d.socket == closing) {
      EXPECT_FALSE(closed) << "a datagram of a closed socket still names it";
      loop->close(closing);
      closed = true;
    }
  };
  ASSERT_TRUE(pass_until([&] { return closed && notebook.texts_of(staying).size() == 10; }));
  settle();
  EXPECT_EQ(notebook.texts_of(closing).size(), 1u);
}

TEST_P(LoopLife, ATrainThatWasHalfDeliveredEndsWithItsSocket) {
  LoopSettings settings = small_settings();
  settings.batch = 8;
  restart(settings);
  const SocketId listener = open_listener("127.0.0.1:0");
  const SocketId other = open_listener("127.0.0.1:0");
  const auto client = stranger();
  client->send_train(address_of(listener), pattern(40 * 100, 0), 100);
  ASSERT_TRUE(receive(1));
  loop->close(listener);
  const size_t before = notebook.received.size();
  client->send(address_of(other), "next");
  ASSERT_TRUE(receive(before + 1));
  EXPECT_EQ(notebook.received.back().bytes, "next");
}

TEST_P(LoopLife, AClosedPortIsFreeAtOnce) {
  const SocketId first = open("127.0.0.1:0");
  const TransportAddress address = address_of(first);
  pass();  // it is being received on
  loop->close(first);
  const auto again = loop->open(spec_of(address), 0);
  ASSERT_TRUE(again);
  loop->close(*again);  // not received on yet
  EXPECT_TRUE(loop->open(spec_of(address), 0));
}

TEST_P(LoopLife, ALoopsEndFreesItsPorts) {
  const TransportAddress address = address_of(open("127.0.0.1:0"));
  pass();
  restart(small_settings());
  EXPECT_TRUE(loop->open(spec_of(address), 0));
}

TEST_P(LoopLife, ASlotsNextSocketHearsNothingOfTheLast) {
  for (int round = 0; round < 20; ++round) {
    const SocketId old = open("127.0.0.1:0", 1);
    const auto peer = stranger();
    pass();
    for (int i = 0; i < 10; ++i) peer->send(address_of(old), "for the old one");
    if (round % 2) pass();
    notebook.received.clear();
    loop->close(old);
    const SocketId next = open("127.0.0.1:0", 2);
    EXPECT_NE(old, next);
    peer->send(address_of(next), "for the new one");
    ASSERT_TRUE(receive(1));
    settle();
    EXPECT_THAT(notebook.texts(), ElementsAre("for the new one"));
    EXPECT_EQ(notebook.received[0].tag, 2u);
    loop->close(next);
    notebook.received.clear();
  }
}

TEST_P(LoopLife, ClosingAStaleIdDoesNothing) {
  const SocketId old = open("127.0.0.1:0");
  loop->close(old);
  const SocketId next = open("127.0.0.1:0");
  loop->close(old);
  loop->close(SocketId{});
  const auto peer = stranger();
  peer->send(address_of(next), "alive");
  EXPECT_TRUE(receive(1));
}

TEST_P(LoopLife, AnAdoptedSocketBringsWhatWasQueued) {
  TransportAddress address;
  const LooseSocket loose = loose_socket(address);
  const auto peer = stranger();
  peer->send(address, "early");
  const auto id = loop->adopt(loose, spec_of(address), 42, false);
  ASSERT_TRUE(id);
  EXPECT_EQ(address_of(*id), address);
  peer->send(address, "late");
  ASSERT_TRUE(receive(2));
  EXPECT_THAT(notebook.texts(), ElementsAre("early", "late"));
  EXPECT_EQ(notebook.received[0].tag, 42u);
}

TEST_P(LoopLife, AdoptingCanDiscardWhatWasQueued) {
  TransportAddress address;
  const LooseSocket loose = loose_socket(address);
  const auto peer = stranger();
  for (const char* text : {"early", "", "earlier"}) peer->send(address, text);
  const auto id = loop->adopt(loose, spec_of(address), 0, true);
  ASSERT_TRUE(id);
  peer->send(address, "late");
  ASSERT_TRUE(receive(1));
  settle();
  EXPECT_THAT(notebook.texts(), ElementsAre("late"));
}

TEST_P(LoopLife, SocketsMayComeBeforeTheLoopStartsInAnotherThread) {
  if (!world_has().real_time) GTEST_SKIP() << "one thread has all of the simulation";
  auto early = GetParam().loop(small_settings());
  ASSERT_TRUE(early);
  TransportAddress address;
  const LooseSocket loose = loose_socket(address);
  ASSERT_TRUE(early->adopt(loose, spec_of(address), 0, false));
  const auto opened = early->open(spec_of(at("127.0.0.1:0")), 0);
  ASSERT_TRUE(opened);
  const TransportAddress second = early->local_address(*opened);
  early->wake();
  std::thread shard([&] {
    early->start();
    notebook.on_datagram = echo_on(*early);
    EXPECT_TRUE(pass_until(*early, notebook,
                           [&] { return notebook.received.size() == 2 && notebook.wakes == 1; }));
  });
  const auto peer = stranger();
  peer->send(address, "one");
  EXPECT_TRUE(peer->hear());
  peer->send(second, "two");
  EXPECT_TRUE(peer->hear());
  shard.join();
}

TEST_P(LoopLife, ADetachedSocketMovesToAnotherLoopWithoutLosingADatagram) {
  LoopSettings settings = small_settings();
  settings.batch = 8;
  restart(settings);
  const auto other = new_loop();
  const SocketId here = open("127.0.0.1:0", 1);
  const TransportAddress address = address_of(here);
  const auto peer = stranger();
  std::multiset<std::string> sent;
  for (int i = 0; i < 100; ++i) {
    const std::string text = std::to_string(i);
    sent.insert(text);
    peer->send(address, text);
  }
  pass();  // some are handled, some perhaps taken from the kernel, the others queued
  const LooseSocket loose = loop->detach(here);
  const auto there = other->adopt(loose, spec_of(address), 2, false);
  ASSERT_TRUE(there);
  Notebook theirs;
  ASSERT_TRUE(pass_until(*other, theirs, [&] {
    pass();
    return notebook.received.size() + theirs.received.size() >= sent.size();
  }));
  for (const Received& r : notebook.received) EXPECT_EQ(r.tag, 1u);
  for (const Received& r : theirs.received) EXPECT_EQ(r.tag, 2u);
  std::multiset<std::string> heard;
  for (const Notebook* n : {&notebook, &theirs}) {
    for (const std::string& text : n->texts()) heard.insert(text);
  }
  EXPECT_EQ(heard, sent);
  notebook.received.clear();
  peer->send(address, "to the new home");
  ASSERT_TRUE(pass_until(*other, theirs, [&] {
    pass();
    return theirs.texts().back() == "to the new home";
  }));
  EXPECT_TRUE(notebook.received.empty());
}

TEST_P(LoopLife, ATrainThatWasHalfDeliveredArrivesWholeWhereItsSocketIsDetached) {
  LoopSettings settings = small_settings();
  settings.batch = 8;
  restart(settings);
  const auto other = new_loop();
  const SocketId here = open_listener("127.0.0.1:0", 1);
  const TransportAddress address = address_of(here);
  const auto client = stranger();
  const std::string train = pattern(40 * 100, 0);
  client->send_train(address, train, 100);
  ASSERT_TRUE(receive(1));
  const auto there = other->adopt(loop->detach(here), spec_of(address), 2, false);
  ASSERT_TRUE(there);
  EXPECT_EQ(address_of(here), TransportAddress{}) << "stale";
  const SocketId successor = open_listener("127.0.0.1:0", 3);  // perhaps in the same slot
  Notebook theirs;
  EXPECT_TRUE(pass_until(*other, theirs, [&] {
    pass();
    return notebook.received.size() + theirs.received.size() == 40;
  }));
  for (const Received& r : notebook.received) {
    EXPECT_EQ(r.socket, here);
    EXPECT_NE(r.socket, successor);
    EXPECT_EQ(r.tag, 1u);
  }
  std::vector<std::string> heard = notebook.texts();
  for (const std::string& text : theirs.texts()) heard.push_back(text);
  ASSERT_EQ(heard.size(), 40u);
  for (size_t i = 0; i < 40; ++i) EXPECT_EQ(heard[i], train.substr(i * 100, 100)) << i;
}

TEST_P(LoopLife, ADatagramOfADetachedSocketIsStillHandledInItsBatchButNotAnswered) {
  const SocketId relay = open("127.0.0.1:0", 1);
  const auto peer = stranger();
  for (const char* text : {"one", "two", "three"}) peer->send(address_of(relay), text);
  LooseSocket loose;
  notebook.on_datagram = [&](ReceivedDatagram& d) {
    if (loose.handle < 0) loose = loop->detach(relay);
    EXPECT_EQ(d.socket, relay);
    loop->send({d.socket, d.from, {}, d.packet.bytes(), {}});
  };
  ASSERT_TRUE(receive(1));
  settle();
  const size_t handled = notebook.received.size();
  EXPECT_EQ(loop->counters().send_error_drops, handled);
  loop->close(relay);  // stale
  EXPECT_TRUE(peer->has_heard_nothing());
  loop->close_loose(loose);
}

TEST_P(LoopLife, ADetachedSocketMayBeClosedLoose) {
  const SocketId relay = open("127.0.0.1:0");
  const TransportAddress address = address_of(relay);
  pass();
  const LooseSocket loose = loop->detach(relay);
  EXPECT_GE(loose.handle, 0);
  EXPECT_FALSE(loop->open(spec_of(address), 0)) << "it is still bound";
  loop->close_loose(loose);
  EXPECT_TRUE(loop->open(spec_of(address), 0));
  EXPECT_EQ(loop->detach(relay).handle, -1) << "stale";
}

TEST_P(LoopLife, OpeningAndClosingLeaksNoDescriptorSlotOrBuffer) {
  LoopSettings settings = small_settings();
  settings.max_sockets = 300;
  settings.small_buffers = 64;
  settings.batch = 16;
  restart(settings);
  const auto peer = stranger();
  const size_t before = open_descriptors();
  for (int round = 0; round < 10; ++round) {
    std::vector<SocketId> sockets;
    for (int i = 0; i < 300; ++i) sockets.push_back(open("127.0.0.1:0"));
    for (const SocketId socket : sockets) peer->send(address_of(socket), round % 3 ? "x" : "");
    for (int i = 0; i < 6; ++i) pass();  // a third is handled, the rest dies with its socket
    for (const SocketId socket : sockets) loop->close(socket);
  }
  EXPECT_EQ(open_descriptors(), before);
  const SocketId last = open("127.0.0.1:0");
  notebook.received.clear();
  for (int i = 0; i < 200; ++i) peer->send(address_of(last), "all buffers are here");
  EXPECT_TRUE(receive(200));
}

TEST_P(LoopLife, AFullSocketTableIsSaid) {
  LoopSettings settings = small_settings();
  settings.max_sockets = 4;
  restart(settings);
  std::vector<SocketId> sockets;
  for (int i = 0; i < 4; ++i) sockets.push_back(open("127.0.0.1:0"));
  const size_t before = open_descriptors();
  const auto fifth = loop->open(spec_of(at("127.0.0.1:0")), 0);
  ASSERT_FALSE(fifth);
  EXPECT_EQ(fifth.error(), OpenError::no_descriptors);
  EXPECT_EQ(open_descriptors(), before);
  loop->close(sockets[2]);
  EXPECT_TRUE(loop->open(spec_of(at("127.0.0.1:0")), 0));
}

TEST_P(LoopLife, WithoutDescriptorsLeftTheLoopLivesOn) {
  if (!world_has().descriptors) GTEST_SKIP() << "a simulated socket takes no descriptor";
  const SocketId relay = open("127.0.0.1:0");
  notebook.on_datagram = echo_on(*loop);
  const auto peer = stranger();
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none_left{3, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none_left), 0);
  const auto refused = loop->open(spec_of(at("127.0.0.1:0")), 0);
  peer->send(address_of(relay), "still there?");
  const bool received = receive(1);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), OpenError::no_descriptors);
  EXPECT_TRUE(received);
  EXPECT_TRUE(peer->hear());
  EXPECT_TRUE(loop->open(spec_of(at("127.0.0.1:0")), 0));
}

INSTANTIATE_TEST_SUITE_P(Worlds, LoopLife, testing::ValuesIn(all_worlds()), name_of_world);

}  // namespace
}  // namespace uturn
