// Signing what the test page logs in with.
#include "server/admin/test_credentials.h"

#include <nlohmann/json.hpp>

#include "server/credentials.h"

namespace uturn {
namespace {

constexpr std::string_view kTestId = "dashboard-test";

}  // namespace

HttpResponse make_test_credentials(const TestFacts& facts, CalendarTime now) {
  using Json = nlohmann::ordered_json;
  Json json{{"urls", Json::array()},
            {"username", nullptr},
            {"credential", nullptr},
            {"ttl", std::chrono::seconds(kTestCredentialTtl).count()}};
  for (const std::string& url : facts.urls) {
    if (url.starts_with("turn")) json["urls"].push_back(url);
  }
  if (!facts.secrets.empty()) {
    const auto made =
        make_rest_credential(facts.secrets.front(), facts.rest, kTestId, now + kTestCredentialTtl);
    json["username"] = made.username;
    json["credential"] = made.password;
  } else if (!facts.needs_credential) {
    // Browsers insist on some; nobody looks at it.
    json["username"] = kTestId;
    json["credential"] = kTestId;
  } else {
    json["because"] = "There is no shared secret in auth.secrets to sign a credential with.";
  }
  return {.body = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"};
}

}  // namespace uturn
