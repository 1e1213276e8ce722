// Integrity: MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256 and FINGERPRINT of a message of 144 bytes.
#include "bench/micro/samples.h"
#include "protocol/fingerprint.h"
#include "protocol/message_integrity.h"

namespace uturn {
namespace {

constexpr size_t kMessage = 144;

/// A message of kMessage bytes whose last attribute `sign` adds; it takes `last` bytes.
template <class Sign>
std::vector<uint8_t> signed_message(size_t last, Sign sign) {
  const std::string filler(kMessage - kStunHeaderSize - 4 - last, 'x');
  auto message =
      sample_message(Method::refresh, MessageClass::request, [&](MessageBuilder& builder) {
        builder.add_text(AttributeType::username, filler);
        sign(builder);
      });
  CHECK(message.size() == kMessage);
  return message;
}

void verify_sha1(benchmark::State& state) {
  const Key key = sample_key();
  const auto bytes = signed_message(24, [&](auto& builder) { builder.add_integrity(key.bytes()); });
  const auto message = MessageView::parse(bytes);
  for (auto _ : state) CHECK(verify_integrity(*message, key.bytes()));
  set_rates(state, kMessage);
}
BENCHMARK(verify_sha1)->Name("integrity/verify_sha1");

void verify_sha256(benchmark::State& state) {
  const Key key = sample_key();
  const auto bytes =
      signed_message(36, [&](auto& builder) { builder.add_integrity_sha256(key.bytes()); });
  const auto message = MessageView::parse(bytes);
  for (auto _ : state) CHECK(verify_integrity_sha256(*message, key.bytes()));
  set_rates(state, kMessage);
}
BENCHMARK(verify_sha256)->Name("integrity/verify_sha256");

// Building the message around the MAC costs little beside it.
template <class Sign>
void sign(benchmark::State& state, size_t last, Sign sign_with) {
  for (auto _ : state) benchmark::DoNotOptimize(signed_message(last, sign_with));
  set_rates(state, kMessage);
}
void sign_sha1(benchmark::State& state) {
  const Key key = sample_key();
  sign(state, 24, [&](auto& builder) { builder.add_integrity(key.bytes()); });
}
BENCHMARK(sign_sha1)->Name("integrity/sign_sha1");

void sign_sha256(benchmark::State& state) {
  const Key key = sample_key();
  sign(state, 36, [&](auto& builder) { builder.add_integrity_sha256(key.bytes()); });
}
BENCHMARK(sign_sha256)->Name("integrity/sign_sha256");

void verify_fingerprint(benchmark::State& state) {
  const auto bytes = signed_message(8, [&](auto& builder) { builder.add_fingerprint(); });
  const auto message = MessageView::parse(bytes);
  for (auto _ : state) CHECK(fingerprint_is_absent_or_right(*message));
  set_rates(state, kMessage);
}
BENCHMARK(verify_fingerprint)->Name("integrity/fingerprint");

}  // namespace
}  // namespace uturn
