// Detecting the public address, where an operator asks for it: from the cloud's metadata service or
// a STUN server. Runs before the start; blocks, within bounds.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.h"
#include "protocol/transport_address.h"

namespace uturn {

/// What --detect-external says.
struct DetectWish {
  bool by_metadata = false;  ///< else by STUN
  std::string stun_host;     ///< HOST, HOST:PORT or [IPv6]:PORT

  static std::optional<DetectWish> parse(std::string_view text);
};

struct Detected {
  IpAddress address;
  std::string said;  ///< "AWS's metadata service says 203.0.113.7"
};

/// `asked` gets one line for each question that went out, answered or not.
Result<Detected, std::string> detect_external(const DetectWish& wish,
                                              std::vector<std::string>& asked);

/// Asks AWS (IMDSv2), Google Cloud and Azure in turn. Their address is link-local and the same;
/// a test has its own.
Result<Detected, std::string> ask_metadata(const std::string& base_url,
                                           std::vector<std::string>& asked);

/// A Binding request over IPv4 or IPv6, whatever the name resolves to first.
Result<Detected, std::string> ask_stun(const std::string& host, std::vector<std::string>& asked,
                                       std::chrono::milliseconds patience);

}  // namespace uturn
