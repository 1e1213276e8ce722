// What the contract tests of streams speak with: strangers' ends of connections, and a notebook.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/io/loop_harness.h"

namespace uturn {

class VirtualNetwork;

/// An end of a connection that belongs to no loop. Nothing of it waits.
class StreamStranger {
 public:
  virtual ~StreamStranger() = default;  ///< closes it
  virtual TransportAddress address() const = 0;
  /// Returns how many bytes there was room for.
  virtual size_t write(std::string_view bytes) = 0;
  /// What is there, `most` bytes of it.
  virtual std::string read(size_t most = 1 << 20) = 0;
  virtual void end_writing() = 0;
  virtual void reset() = 0;      ///< RST
  virtual bool has_ended() = 0;  ///< the other side's FIN is next to be read
  virtual bool was_reset() = 0;
};

/// A listener that belongs to no loop.
class StreamHost {
 public:
  virtual ~StreamHost() = default;
  virtual TransportAddress address() const = 0;
  virtual std::unique_ptr<StreamStranger> accept() = 0;  ///< null: nobody came yet
};

/// Those of a world.
class StreamStrangers {
 public:
  virtual ~StreamStrangers() = default;
  virtual std::unique_ptr<StreamStranger> connect(std::string_view ip,
                                                  const TransportAddress& to) = 0;
  virtual std::unique_ptr<StreamHost> host(std::string_view ip) = 0;
};
std::shared_ptr<StreamStrangers> kernel_stream_strangers();
std::shared_ptr<StreamStrangers> simulated_stream_strangers(
    std::function<VirtualNetwork&()> network);

/// Writes everything down; `on_connection` and `on_event` may act upon each one.
class StreamNotebook : public Notebook {
 public:
  void on_accepted(std::span<const AcceptedStream> batch) override;
  void on_stream_events(std::span<const StreamEvent> batch) override;

  /// The events of one socket, folded into one.
  StreamEvent told_of(SocketId id) const;

  std::function<void(const AcceptedStream&)> on_connection;
  std::function<void(const StreamEvent&)> on_event;
  std::vector<AcceptedStream> accepted;
  std::vector<StreamEvent> events;
  std::vector<size_t> accept_batches;
  std::vector<size_t> event_batches;
};

/// A started loop in a world that has streams.
class StreamContract : public LoopContract {
 protected:
  struct Connection {
    SocketId here;
    std::unique_ptr<StreamStranger> there;
  };

  void SetUp() override;
  Streams& streams() const { return loop->streams(); }
  StreamStrangers& strangers() const { return *GetParam().streams; }

  SocketId listen(std::string_view address = "127.0.0.1:0", uint64_t tag = 0);
  TransportAddress address_of(SocketId id) const { return streams().local_address(id); }
  std::unique_ptr<StreamStranger> stranger_to(SocketId listener) const {
    return strangers().connect("127.0.0.1", address_of(listener));
  }
  /// One that was accepted.
  Connection connection();

  bool until(const std::function<bool()>& enough) { return pass_until(*loop, book, enough); }
  void pass() { LoopContract::pass(*loop, book); }
  void passes(int count) {
    for (int i = 0; i < count; ++i) pass();
  }

  /// Reads until there is no more; `last_error` says why.
  std::string read_all(SocketId id) { return read_all(*loop, id); }
  std::string read_all(Loop& from, SocketId id);
  /// Passes and reads until that text has come.
  bool hears(SocketId id, std::string_view text);
  bool hears(StreamStranger& stranger, std::string_view text);
  Result<size_t, StreamError> write(SocketId id, std::string_view text) {
    const Bytes piece = bytes_of(text);
    return streams().write(id, {&piece, 1});
  }

  StreamNotebook book;
  StreamError last_error{};
};

}  // namespace uturn
