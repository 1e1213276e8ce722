// Credentials for the test page: enough to try this server, for a few minutes.
//
// | request | answer |
// | --- | --- |
// | POST /v1/test-credentials | {"urls": [turn:…], "username", "credential", "ttl": seconds}; where
//   this server cannot sign any, "username" and "credential" are null and "because" says why |
#pragma once

#include <string>
#include <vector>

#include "auth/rest_secrets.h"
#include "protocol/time.h"
#include "server/http/http_message.h"
#include "server/secret.h"

namespace uturn {

struct TestFacts {
  std::vector<std::string> urls;  ///< of the live listeners, stun: among them
  std::vector<Secret> secrets;    ///< the first one signs
  RestOptions rest{};
  bool needs_credential = true;
};

inline constexpr std::chrono::minutes kTestCredentialTtl{10};

HttpResponse make_test_credentials(const TestFacts& facts, CalendarTime now);

}  // namespace uturn
