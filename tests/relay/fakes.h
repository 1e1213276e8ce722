// Fakes: what a relay stands on, played by the test: sockets, answer buffers, randomness, shards.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "server/relay/relay.h"

namespace uturn {

/// The same numbers in every run.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : engine_(seed) {}
  void fill(MutableBytes out) override {
    for (uint8_t& byte : out) byte = static_cast<uint8_t>(engine_());
  }

 private:
  std::mt19937_64 engine_;
};

/// Sockets that exist on paper. A socket's port must be held as long as the socket is open.
class FakeSockets final : public RelaySockets {
 public:
  explicit FakeSockets(const RelayPorts& ports) : ports_(ports) {}

  struct Open {
    RelayedAddress address;
    RelayTag tag;
    bool receives = false;
  };
  void occupy_next(uint32_t times) { occupied_ = times; }  ///< another process holds those ports
  void exhaust(bool is_exhausted) { is_exhausted_ = is_exhausted; }  ///< no descriptors are left
  void exhaust_after(uint32_t more) { left_ = more; }
  void refuse_to_receive(bool refuses) { refuses_to_receive_ = refuses; }

  uint32_t opened() const { return opened_; }
  uint32_t asked() const { return asked_; }
  uint32_t closed() const { return closed_; }
  size_t open_now() const { return open_.size(); }
  size_t held_now() const { return held_.size(); }
  const Open* find(SocketId id) const {
    const auto found = open_.find(id.slot);
    return found == open_.end() ? nullptr : &found->second;
  }
  std::optional<SocketId> at(const TransportAddress& address) const {
    for (const auto& [slot, socket] : open_) {
      if (static_cast<const TransportAddress&>(socket.address) == address) return SocketId{slot, 1};
    }
    return std::nullopt;
  }
  const std::map<uint32_t, Open>& all() const { return open_; }

  Result<SocketId, SocketFailure> open(const RelayedAddress& address, RelayTag tag) override {
    if (const auto failure = failure_for(address)) return Failure{*failure};
    return add(address, tag);
  }
  bool begin_receiving(SocketId id, const RelayedAddress& address) override {
    Open& socket = open_.at(id.slot);
    EXPECT_EQ(socket.address, address);
    EXPECT_FALSE(socket.receives) << "asked for twice";
    socket.receives = !refuses_to_receive_;
    return socket.receives;
  }
  void close(SocketId id) override {
    const Open* socket = find(id);
    CHECK(socket != nullptr);
    EXPECT_TRUE(ports_.held().is_held(socket->address)) << "a port was given back before its close";
    open_.erase(id.slot);
    ++closed_;
  }
  Result<HeldSocket, SocketFailure> hold(const RelayedAddress& address) override {
    if (const auto failure = failure_for(address)) return Failure{*failure};
    held_.emplace(++handles_, address);
    return HeldSocket{handles_};
  }
  Result<SocketId, SocketFailure> adopt(HeldSocket socket, const RelayedAddress& address,
                                        RelayTag tag) override {
    drop(socket);
    if (is_exhausted_) return Failure{SocketFailure::exhausted};
    return add(address, tag);
  }
  void drop(HeldSocket socket) override {
    const auto found = held_.find(socket.handle);
    CHECK(found != held_.end());
    EXPECT_TRUE(ports_.held().is_held(found->second)) << "a port was given back before its socket";
    held_.erase(found);
  }
  /// A reservation moves to another shard with its socket: a plain descriptor, so it can.
  void hand_over(HeldSocket socket, FakeSockets& to) {
    const auto found = held_.find(socket.handle);
    CHECK(found != held_.end());
    if (&to == this) return;
    to.held_.emplace(socket.handle, found->second);
    held_.erase(found);
  }
  void number_handles_from(int first) { handles_ = first; }

 private:
  std::optional<SocketFailure> failure_for(const RelayedAddress& address) {
    ++asked_;
    EXPECT_TRUE(ports_.held().is_held(address)) << "a socket on a port that is nobody's";
    EXPECT_FALSE(at(address)) << "two sockets on one port";
    if (is_exhausted_ || left_ == 0) return SocketFailure::exhausted;
    if (occupied_ > 0) {
      --occupied_;
      return SocketFailure::occupied;
    }
    --left_;
    return std::nullopt;
  }
  SocketId add(const RelayedAddress& address, RelayTag tag) {
    ++opened_;
    open_.emplace(++slots_, Open{.address = address, .tag = tag});
    return {slots_, 1};
  }

  const RelayPorts& ports_;
  std::map<uint32_t, Open> open_;
  std::map<int, TransportAddress> held_;
  uint32_t slots_ = 1'000;  // listeners have smaller ones
  int handles_ = 0;
  uint32_t occupied_ = 0;
  uint32_t left_ = UINT32_MAX;
  bool is_exhausted_ = false;
  bool refuses_to_receive_ = false;
  uint32_t asked_ = 0;
  uint32_t opened_ = 0;
  uint32_t closed_ = 0;
};

/// Lends blocks of exactly the size asked for, so that the sanitizer sees whatever writes beyond.
class ExactAnswers final : public AnswerSpace {
 public:
  MutableBytes lend(size_t size) override {
    blocks_.push_back(std::make_unique<uint8_t[]>(size));
    return {blocks_.back().get(), size};
  }
  void take_back() { blocks_.clear(); }

 private:
  std::vector<std::unique_ptr<uint8_t[]>> blocks_;
};

/// Questions to other shards wait here until the test lets them through.
class FakeShards final : public OtherShards {
 public:
  struct Question {
    uint8_t asker;
    uint8_t shard;
    uint64_t token;
    std::string username;
    PendingId waiting;
    bool is_to_yield = false;
    RealmId realm{};
  };
  FakeShards(uint8_t self, std::deque<Question>& questions) : self_(self), questions_(questions) {}
  void fill_up(bool is_full) { is_full_ = is_full; }
  bool ask_for_reservation(uint8_t shard, uint64_t token, std::string_view owner,
                           PendingId waiting) override {
    EXPECT_NE(shard, self_) << "a shard asks itself";
    if (is_full_) return false;
    questions_.push_back({self_, shard, token, std::string{owner}, waiting});
    return true;
  }
  bool ask_to_yield(uint8_t shard, std::string_view quota_id, RealmId realm,
                    PendingId waiting) override {
    EXPECT_NE(shard, self_) << "a shard asks itself";
    if (is_full_) return false;
    questions_.push_back({self_, shard, 0, std::string{quota_id}, waiting, true, realm});
    return true;
  }
  void expect_shortcuts_to(uint8_t shard) override {
    EXPECT_NE(shard, self_) << "a shard needs no way to itself";
    expected_.insert(shard);
  }
  const std::set<uint8_t>& expected_shortcuts() const { return expected_; }

 private:
  uint8_t self_;
  std::deque<Question>& questions_;
  std::set<uint8_t> expected_;
  bool is_full_ = false;
};

/// Packets and bytes; when somebody was heard last is not a sum.
inline void add(Traffic& sum, const Traffic& part) {
  sum.packets_to_peers += part.packets_to_peers;
  sum.bytes_to_peers += part.bytes_to_peers;
  sum.packets_to_client += part.packets_to_client;
  sum.bytes_to_client += part.bytes_to_client;
}

/// Remembers what an operator would read.
class FakeObserver final : public RelayObserver {
 public:
  std::vector<PeerDecision> denied;
  std::vector<AuthFailure> failures;
  std::vector<AddressFamily> exhausted;
  std::vector<EndReason> ended;
  Traffic of_ended;  ///< what they relayed, added up
  void on_peer_denied(const PeerDecision& decision) override { denied.push_back(decision); }
  void on_auth_failure(AuthFailure why, const ClientAddress&) override { failures.push_back(why); }
  std::vector<std::string> failed_logins;  ///< user and realm
  void on_failed_login(AuthFailure, const ClientAddress&, std::string_view username,
                       std::string_view realm) override {
    failed_logins.push_back(std::string{username} + " of " + std::string{realm});
  }
  void on_ports_exhausted(AddressFamily family) override { exhausted.push_back(family); }
  void on_allocation_ended(const Allocation& allocation, EndReason why) override {
    ended.push_back(why);
    add(of_ended, allocation.traffic);
  }
};

}  // namespace uturn
