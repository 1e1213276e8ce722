// BlockingClient: a TurnClient on a real socket whose every wish waits for its answer.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "auth/random.h"
#include "client/turn_client.h"
#include "tests/threads/udp_end.h"

namespace uturn {

/// Hears its server only: an answer from another address than it was asked at is no answer.
class BlockingClient {
 public:
  struct Login {
    std::string username = "alice";
    std::string password = "secret";
  };
  explicit BlockingClient(const TransportAddress& server, std::string_view from = "127.0.0.1")
      : BlockingClient(server, from, Login{}) {}
  BlockingClient(const TransportAddress& server, std::string_view from, const Login& login);

  // False or nothing: refused, as failure() says, or no answer in time.
  std::optional<Allocated> allocate(const AllocationRequest& request = {});
  bool permit(const TransportAddress& peer);
  std::optional<ChannelNumber> bind_channel(const TransportAddress& peer);
  bool refresh();
  bool release();

  /// By the peer's channel where there is one, else as a Send indication.
  bool send(const TransportAddress& peer, std::string_view text);

  struct Received {
    TransportAddress peer;
    std::string text;
    bool by_channel = false;
  };
  std::optional<Received> receive();

  const std::optional<RequestFailure>& failure() const { return failure_; }
  uint16_t error_code() const { return failure_ ? failure_->code : 0; }

 private:
  bool wait_for(const std::function<bool()>& is_done);
  void transmit();
  void take(const TurnEvent& event);

  TransportAddress server_;
  UdpEnd end_;
  CsprngRandom random_;
  TurnClient turn_;
  std::optional<Allocated> allocated_;
  std::optional<ChannelNumber> channel_;
  std::optional<Received> received_;
  std::optional<RequestFailure> failure_;
  bool is_permitted_ = false;
  bool is_refreshed_ = false;
  bool is_released_ = false;
};

}  // namespace uturn
