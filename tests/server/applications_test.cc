// README, "How applications authenticate": the lines of every row let that application's users in,
// with credentials made the way the application makes them.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "auth/rest_secrets.h"
#include "server/authentication.h"
#include "server/config_checks.h"
#include "tests/server/config_reading.h"
#include "tests/source_dir.h"

namespace uturn {
namespace {

constexpr CalendarTime kNow{1'800'000'000s};
const ClientAddress kClient = client_address(*TransportAddress::parse("192.0.2.1:4000"));

/// The YAML of each row: application -> what stands between back-ticks in the column of uturn.
std::map<std::string, std::string> rows_of_readme() {
  std::ifstream file{source_dir() + "/README.md"};
  std::map<std::string, std::string> rows;
  bool is_in_table = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("## ")) is_in_table = line == "## How applications authenticate";
    if (!is_in_table || !line.starts_with("| ") || line.starts_with("| ---")) continue;
    std::istringstream cells{line.substr(1)};
    std::string application;
    std::string theirs;
    std::string ours;
    std::getline(cells, application, '|');
    std::getline(cells, theirs, '|');
    std::getline(cells, ours, '|');
    const size_t first = ours.find('`');
    if (first == ours.npos) continue;
    rows[application.substr(1, application.size() - 2)] =
        ours.substr(first + 1, ours.rfind('`') - first - 1);
  }
  return rows;
}

struct Credential {
  std::string username;
  std::string password;
};

/// base64(HMAC-SHA1(secret, username)), as every one of them computes it.
Credential by_secret(const std::string& username) {
  return {username, rest_password("the shared secret", username)};
}

const std::map<std::string, Credential>& credentials() {
  static const std::map<std::string, Credential> kCredentials{
      // "{expiry}:{user id}", where a Matrix id holds a colon itself
      {"Synapse", by_secret("1800086400:@alice:example.org")},
      // "{expiry}:{random text}"
      {"Nextcloud Talk", by_secret("1800086400:Rz3vJbkyLQ4nTdXw")},
      // Prosody's mod_external_services: the expiry alone
      {"Jitsi Meet", by_secret("1800086400")},
      // "{expiry}:{internal user id}"
      {"BigBlueButton", by_secret("1800086400:w_kxn0fyvnqjgy")},
      // the expiry alone
      {"NetBird", by_secret("1800043200")},
      {"LiveKit", {"livekit", "a long password"}},
      // credentialType hmac-sha1: "{expiry}:{username}"
      {"Galène", by_secret("1800086400:galene")},
      {"Janus", {"janus", "a long password"}},
      // in a database: tests/directories/directories.py starts one, and the server by this line
      {"FilePizza", {}},
  };
  return kCredentials;
}

std::string verdict_of(const Authenticator& server, const Credential& credential) {
  std::array<uint8_t, 512> challenge{};
  MessageBuilder answer{challenge, Method::allocate, MessageClass::error, TransactionId{}};
  const Now now{Instant{} + 1h, kNow};
  server.add_challenge(answer, kClient, now);
  const auto challenged = MessageView::parse(answer.finish());
  CHECK(challenged);

  std::array<uint8_t, 1024> out{};
  MessageBuilder request{out, Method::allocate, MessageClass::request, TransactionId{}};
  request.add_requested_transport(17)
      .add_text(AttributeType::username, credential.username)
      .add_text(AttributeType::realm, *challenged->text(AttributeType::realm))
      .add_text(AttributeType::nonce, *challenged->text(AttributeType::nonce));
  request.add_integrity(
      Key::derive(PasswordAlgorithm::md5, credential.username, server.realm(), credential.password)
          .bytes());
  const auto message = MessageView::parse(request.finish());
  CHECK(message);
  const auto verdict = server.check(*message, kClient, nullptr, kNoTicket, now);
  if (std::holds_alternative<Accepted>(verdict)) return "accepted";
  const auto* rejected = std::get_if<Rejected>(&verdict);
  return rejected ? std::string{name_of(rejected->why)} : "no answer";
}

TEST(HowApplicationsAuthenticate, EveryRowOfTheReadmeLetsItsUsersIn) {
  ConfigReading reading;
  reading.environment["TURN_SECRET"] = "the shared secret";
  reading.environment["TURN_PASSWORD"] = "a long password";
  reading.environment["REDIS_URL"] = "redis://:password@127.0.0.1/0";
  const auto rows = rows_of_readme();
  for (const auto& [application, credential] : credentials()) {
    ASSERT_TRUE(rows.contains(application)) << application << " has no row in README.md";
    const ReadConfig read = reading.yaml(rows.at(application));
    EXPECT_EQ(problem_of(read), "") << application;
    EXPECT_TRUE(find_contradictions(read.config).empty()) << application;
    if (credential.username.empty()) {
      EXPECT_FALSE(read.config.auth.database.empty()) << application;
      continue;
    }
    const auto server = make_authenticator(read.config, read.config.server.realm, {NonceKey{}});
    EXPECT_EQ(verdict_of(*server, credential), "accepted") << application;
    EXPECT_NE(verdict_of(*server, {credential.username, "another password"}), "accepted")
        << application;
  }
  EXPECT_EQ(rows.size(), credentials().size()) << "a row that no test tries";
}

}  // namespace
}  // namespace uturn
