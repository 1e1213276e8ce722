// What the loop contract tests speak with: the worlds a loop can live in, strangers' sockets, and a
// handler that writes down what it was told.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "io/loop.h"

namespace uturn {

/// What a stranger received, and what its IP header said.
struct Heard {
  std::string bytes;
  TransportAddress from;
  uint8_t dscp = 0;
  uint8_t ecn = 0;
  uint8_t ttl = 0;
};

/// A socket that belongs to no loop: a client or a peer.
class Stranger {
 public:
  virtual ~Stranger() = default;
  virtual TransportAddress address() const = 0;
  virtual void send(const TransportAddress& to, std::string_view bytes,
                    const IpFields& ip = {}) = 0;
  /// One GSO send: datagrams of `segment` bytes, the last one shorter.
  virtual void send_train(const TransportAddress& to, std::string_view bytes, uint16_t segment) = 0;
  /// The next datagram; waits some seconds for it.
  virtual std::optional<Heard> hear() = 0;
  virtual bool has_heard_nothing() = 0;
};

/// What only a kernel has. A test that needs it says so, and is skipped elsewhere.
struct Capabilities {
  bool segmentation = false;   ///< GSO and GRO
  bool fragmentation = false;  ///< an MTU, DF and raw sockets that see them
  bool descriptors = false;    ///< a limit of them
  bool real_time = false;      ///< clocks that go on by themselves, and other threads
  bool no_allocation = false;  ///< a loop made for the data path
};

class StreamStrangers;  // stream_harness.h

/// Where a loop and its strangers live: the kernel, or a simulation.
struct World {
  std::string name;
  std::function<void()> begin = [] {};  ///< before each test
  std::function<std::unique_ptr<Loop>(const LoopSettings&)> loop;
  std::function<std::unique_ptr<Stranger>(std::string_view ip)> stranger;  ///< on an ephemeral port
  std::shared_ptr<StreamStrangers> streams;  ///< null: this world has none
  std::string missing;                       ///< why this machine cannot run it; empty: it can
  Capabilities has;
  friend std::ostream& operator<<(std::ostream& out, const World& w) { return out << w.name; }
};

std::unique_ptr<Stranger> kernel_stranger(std::string_view ip);

/// What a handler was given, copied out of the loop's buffers.
struct Received {
  SocketId socket;
  uint64_t tag = 0;
  TransportAddress from;
  IpAddress to;
  uint8_t dscp = 0;
  uint8_t ecn = 0;
  uint8_t ttl = 0;
  std::string bytes;
};

/// Writes everything down; `on_datagram` may act upon each one first.
class Notebook : public LoopHandler {
 public:
  void on_datagrams(std::span<ReceivedDatagram> batch) override;
  void on_icmp_error(const IcmpError& error) override { errors.push_back(error); }
  void on_wake() override { ++wakes; }

  /// Each datagram's text, in order of arrival.
  std::vector<std::string> texts() const;
  std::vector<std::string> texts_of(SocketId socket) const;

  std::function<void(ReceivedDatagram&)> on_datagram;
  std::vector<Received> received;
  std::vector<size_t> batches;  ///< how many datagrams each call brought
  std::vector<IcmpError> errors;
  int wakes = 0;
};

/// Sends every datagram back to where it came from, from the address it came to.
std::function<void(ReceivedDatagram&)> echo_on(Loop& loop);

TransportAddress at(std::string_view text);
IpAddress ip(std::string_view text);
std::string as_string(Bytes bytes);
/// `size` bytes that differ from those of another `seed`.
std::string pattern(size_t size, unsigned seed);

/// Every contract test: a started loop in one of the worlds, and a notebook.
class LoopContract : public testing::TestWithParam<World> {
 protected:
  void SetUp() override;
  std::unique_ptr<Loop> new_loop(const LoopSettings& settings = small_settings()) const;
  /// Replaces `loop` by one with other settings.
  void restart(const LoopSettings& settings);
  std::unique_ptr<Stranger> stranger(std::string_view ip = "127.0.0.1") const;
  SocketId open(std::string_view address, uint64_t tag = 0, SocketKind kind = SocketKind::relay);
  SocketId open_listener(std::string_view address, uint64_t tag = 0);
  TransportAddress address_of(SocketId id) const { return loop->local_address(id); }
  /// Keeps the payload for as long as the loop may need it.
  void send(SocketId via, const TransportAddress& to, std::string_view payload, IpFields ip = {});
  const Capabilities& world_has() const { return GetParam().has; }

  /// One pass that does not wait.
  void pass() { pass(*loop, notebook); }
  static void pass(Loop& loop, LoopHandler& handler);
  /// Passes until `enough`, at most some seconds; says whether it came true.
  bool pass_until(const std::function<bool()>& enough) {
    return pass_until(*loop, notebook, enough);
  }
  static bool pass_until(Loop& loop, LoopHandler& handler, const std::function<bool()>& enough);
  /// Passes until `count` datagrams were received in all.
  bool receive(size_t count);
  /// Passes that find nothing: whatever was still under way has arrived afterwards.
  void settle();

  static LoopSettings small_settings();

  std::unique_ptr<Loop> loop;
  Notebook notebook;

 private:
  std::deque<std::string> said_;
};

/// epoll and io_uring on this machine's kernel, and the simulation.
std::vector<World> all_worlds();
World simulated_world();
std::string name_of_world(const testing::TestParamInfo<World>& info);

}  // namespace uturn
