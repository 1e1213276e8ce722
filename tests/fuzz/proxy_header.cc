// Fuzz target: a stream and a datagram behind a proxy; every beginning of a header waits for the
// rest.
#include "protocol/proxy_header.h"

#include "tests/protocol/read_everything.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace uturn;
  const Bytes input{data, size};
  const auto header = read_stream_proxy_header(ExactCopy(input).bytes());
  if (header) CHECK(header->consumed <= std::min(size, kMaxProxyHeaderSize));
  if (!header && header.error() == ProxyHeaderError::incomplete) CHECK(size < kMaxProxyHeaderSize);

  // Whatever comes behind, and in whichever pieces, the answer stays.
  const size_t decided = header ? header->consumed : std::min(size, kMaxProxyHeaderSize);
  for (size_t arrived = 0; arrived < decided; ++arrived) {
    const auto early = read_stream_proxy_header(ExactCopy(input.first(arrived)).bytes());
    CHECK(!early);
    if (early.error() == ProxyHeaderError::incomplete) continue;
    CHECK(!header && header.error() == early.error());
    break;
  }

  const auto in_datagram = read_datagram_proxy_header(ExactCopy(input).bytes());
  if (in_datagram) CHECK(in_datagram->consumed <= size);
  if (!in_datagram) CHECK(in_datagram.error() != ProxyHeaderError::incomplete);
  return 0;
}
