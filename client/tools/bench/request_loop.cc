// RequestLoop: loop and sockets.
#include "client/tools/bench/request_loop.h"

#include <algorithm>
#include <utility>

#include "client/tools/bench/generator_sockets.h"
#include "io/make_loop.h"

namespace uturn {
namespace {

constexpr uint64_t kOtherDescriptors = 128;  // the loop's, a flood's, /proc's, standard streams

}  // namespace

Result<RequestLoop, std::string> RequestLoop::open(const BenchOptions& options,
                                                   const BenchServer& server, uint32_t sockets) {
  const uint64_t limit = raise_descriptor_limit();
  const uint64_t most = limit > 2 * kOtherDescriptors ? limit - kOtherDescriptors : limit / 2;
  sockets = static_cast<uint32_t>(std::min<uint64_t>(sockets, most));

  auto place = find_place(options.client_addresses, options.client_netns, server.address);
  if (!place) return Failure{place.error()};
  const auto choice = choose_io(IoWish::automatic);
  if (!choice) return Failure{choice.error()};
  // Answers are small; bursts of them wait in the sockets.
  auto loop = try_make_loop(
      choice->kind,
      {.max_sockets = sockets + 16, .large_buffers = 16, .max_streams = 2 * sockets + 1});
  if (!loop) return Failure{loop.error()};

  RequestLoop made{.loop = *std::move(loop),
                   .sockets = {},
                   .address = place->addresses.front(),
                   .place = std::make_unique<SocketPlace>(*place)};
  made.loop->start();
  if (server.has_connections()) {
    made.sockets.resize(sockets);
    made.connections =
        std::make_unique<ClientConnections>(*made.loop, server, *made.place, sockets);
    return made;
  }
  auto opened = open_sockets(*made.loop, *place, sockets, 0);
  if (!opened) return Failure{opened.error()};
  made.sockets = *std::move(opened);
  return made;
}

}  // namespace uturn
