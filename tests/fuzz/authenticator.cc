// Fuzz target: a datagram through the authenticator. Who cannot compute an HMAC is never accepted.
#include "auth/authenticator.h"

#include "auth/static_users.h"

namespace uturn {
namespace {

constexpr std::string_view kMatrix =
    "マトリックス";  // signs the vectors that the corpus starts with

Authenticator make_authenticator() {
  auto users = std::make_shared<StaticUsers>("example.org");
  users->add_password(kMatrix, "TheMatrIX");
  auto secrets = std::make_shared<RestSecrets>("example.org", std::vector<std::string>{"a", "b"});
  return {{.realm = "example.org", .nonce = {.keys = {NonceKey{.id = 1, .secret = {0x5A}}}}},
          std::move(users),
          std::move(secrets),
          {}};
}

void expect_refusal(const AuthVerdict& verdict) {
  const auto* rejected = std::get_if<Rejected>(&verdict);
  CHECK(rejected != nullptr);
  const bool is_about_form =
      rejected->code == ErrorCode::bad_request || rejected->code == ErrorCode::unknown_attribute;
  CHECK(rejected->challenge != is_about_form);
  CHECK(rejected->proved.has_value() == (rejected->code == ErrorCode::stale_nonce));
}

void authenticate(Bytes datagram) {
  static const Authenticator kAuthenticator = make_authenticator();
  static const Identity kKnown{
      .username = std::string{kMatrix},
      .key = Key::derive(PasswordAlgorithm::md5, kMatrix, "example.org", "TheMatrIX")};
  const auto message = MessageView::parse(datagram);
  if (!message) return;
  const Now now{Instant{}, CalendarTime{std::chrono::seconds{1'800'000'000}}};
  const auto client = client_address(*TransportAddress::parse("192.0.2.1:4000"));
  expect_refusal(kAuthenticator.check(*message, client, nullptr, 1, now));
  expect_refusal(kAuthenticator.check(*message, client, &kKnown, 1, now));
  expect_refusal(kAuthenticator.complete(*message, client, UserUnknown{}, now));
}

}  // namespace
}  // namespace uturn

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  uturn::authenticate({data, size});
  return 0;
}
