// DirectorySettings: how a source of users outside this process is asked.
#pragma once

#include <cstdint>
#include <string>

#include "protocol/time.h"
#include "server/secret.h"

namespace uturn {

/// How answers are kept, and how long anybody waits for one.
struct DirectorySettings {
  Duration cache_ttl = std::chrono::minutes(1);      ///< of a user
  Duration negative_ttl = std::chrono::seconds(10);  ///< of "there is no such user"
  /// While the source is gone, users that were known go on so long.
  Duration stale_ttl = std::chrono::hours(1);
  uint32_t cache_size = 65'536;                      ///< users; and as many names of nobody
  uint32_t queue = 4'096;                            ///< users asked for at once
  Duration answer_within = std::chrono::seconds(3);  ///< who waits longer gets 500
  bool unknown_while_gone = false;  ///< instead of 500: another source may know better
};

/// `auth.directory`.
struct DirectoryConfig {
  DirectorySettings answers;
  uint32_t connections = 4;                    ///< to the database; one more polls
  Duration timeout = std::chrono::seconds(2);  ///< to connect, and for each query
  Duration poll = std::chrono::seconds(10);    ///< secrets and realm options are read so often
};

/// `auth.webhook`: an operator's own user store, asked over HTTP.
struct WebhookConfig {
  std::string url;          ///< empty: none
  Secret secret;            ///< sent along, so that the store knows who asks
  std::string authorities;  ///< PEM file of those to believe; empty: the system's
  /// While it is gone: false, its users get 500; true, who was known before goes on, and who was
  /// not is unknown.
  bool fails_open = false;
};

}  // namespace uturn
