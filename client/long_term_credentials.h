// LongTermCredentials: the client's half of the long-term mechanism (RFC 8489, Sections 9.2.3 and
// 9.2.5).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/key.h"
#include "protocol/message_builder.h"
#include "protocol/message_integrity.h"
#include "protocol/message_view.h"

namespace uturn {

/// What a 401 or 438 asks for, decided by RFC 8489, Section 9.2.5.
enum class Challenge : uint8_t {
  retry,                ///< send the request anew, signed with what was learned
  no_credentials,       ///< nothing to answer with
  refused,              ///< 401 to a request that was signed for this very realm and name
  bid_down,             ///< PASSWORD-ALGORITHMS were announced by the nonce and are not there
  no_common_algorithm,  ///< PASSWORD-ALGORITHMS has none of ours
  malformed,            ///< no realm or no nonce, or longer than text may be
};

/// A name and a password, and what one server has told about its realm. All three are prepared with
/// OpaqueString (RFC 8489, Section 9.2.2); what that does not allow is taken as it is, for servers
/// that know nothing of it. Never printed; the password is wiped when it goes.
class LongTermCredentials {
 public:
  LongTermCredentials() = default;  ///< none: a challenge ends the request
  LongTermCredentials(std::string username, std::string password);
  LongTermCredentials(const LongTermCredentials&) = default;
  LongTermCredentials& operator=(const LongTermCredentials&) = default;
  ~LongTermCredentials();

  bool are_given() const { return !username_.empty(); }
  /// False before the first challenge: the first request carries nothing (Section 9.2.3.1).
  bool can_sign() const { return key_.has_value(); }

  /// USERNAME or USERHASH, REALM, NONCE, PASSWORD-ALGORITHMS and PASSWORD-ALGORITHM as the server
  /// demanded, then the integrity attribute. Only where can_sign().
  void sign(MessageBuilder& request) const;

  /// Learns from a 401 or 438. `was_signed`: by sign(), in the request that is answered.
  Challenge take_challenge(const MessageView& response, bool was_signed);

  /// Was this response made by somebody who knows the password? It has the kind of integrity that
  /// the request had: a server answers SHA-256 with SHA-256 (Section 9.2.4).
  bool verify(const MessageView& response) const;

 private:
  std::string username_;
  std::string password_;
  std::string realm_;
  std::string nonce_;
  std::vector<uint8_t> offered_algorithms_;  ///< PASSWORD-ALGORITHMS, echoed as it came
  std::optional<PasswordAlgorithm> algorithm_;
  bool sends_userhash_ = false;
  std::optional<Key> key_;
};

/// The nonce's cookie announces PASSWORD-ALGORITHMS and the response has none: somebody on the way
/// took them out (Section 9.2.1).
bool is_bid_down(const MessageView& response);

}  // namespace uturn
