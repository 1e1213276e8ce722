// Fuzz target: any body as a webhook's answer; a user that it makes can be checked by some key.
#include "server/directories/webhook_answer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto answer = uturn::read_webhook_answer(200, {reinterpret_cast<const char*>(data), size},
                                                 "example.org", "dora");
  if (const auto* found = std::get_if<uturn::SourceFound>(&answer)) {
    CHECK(found->user.md5 || found->user.sha256);
    CHECK(!found->ttl || *found->ttl >= uturn::Duration{});
  }
  return 0;
}
