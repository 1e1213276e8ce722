// The listeners of a server: one socket for each shard, all bound before any is read.
#include <utility>

#include "server/server.h"

namespace uturn {
namespace {

constexpr std::chrono::seconds kAddressPatience{30};

}  // namespace

// At boot an address may come later than we do; anything else that is wrong stays wrong.
template <class Open>
auto Server::open_patiently(const ListenerUri& uri, Signals& signals, Open open)
    -> decltype(open()) {
  for (auto waited = 0s;; waited += 1s) {
    auto group = open();
    if (group || waited >= kAddressPatience) return group;
    using Error = std::remove_cvref_t<decltype(group.error())>;
    if (group.error() != Error::address_not_available) return group;
    if (waited == 0s) {
      log_.warn("the address is not there yet; trying again each second",
                {{"uri", uri.to_string()}, {"for", "30s"}});
    }
    if (signals.wait(1s) == ServerSignal::stop) {
      stopped_while_waiting_ = true;
      return group;
    }
  }
}

template <class Error>
Result<bool, std::string> Server::not_opened(const ListenerUri& uri, Error error) {
  const bool are_defaults = config_.listeners == default_listeners();
  if (are_defaults && error == Error::family_not_supported) {
    // Nobody asked for it by name.
    log_.info("this kernel lacks the family of a default listener", {{"uri", uri.to_string()}});
    return false;
  }
  return Failure{uri.to_string() + ": " + std::string{text_of(error)} +
                 (stopped_while_waiting_ ? "; stopped while waiting for it" : "")};
}

Result<Done, std::string> Server::open_listeners(Signals& signals) {
  for (const ListenerUri& uri : config_.listeners) {
    const auto opened = is_stream(uri.transport) ? open_stream_listener(uri, signals)
                                                 : open_datagram_listener(uri, signals);
    if (!opened) return Failure{opened.error()};
  }
  if (uris_.empty()) return Failure{std::string{"this kernel has neither IPv4 nor IPv6"}};
  return Done{};
}

Result<bool, std::string> Server::open_datagram_listener(const ListenerUri& uri, Signals& signals) {
  UdpSocketSpec spec;
  spec.kind = SocketKind::listener;
  spec.address = uri.address;
  spec.reuse_port = true;
  spec.freebind = config_.server.freebind;
  spec.receive_buffer = spec.send_buffer = static_cast<int>(config_.server.listener_buffer);
  spec.busy_poll = config_.server.busy_poll;
  auto group = open_patiently(
      uri, signals, [&] { return open_listener_group(spec, workers_, segmentation_.gro); });
  if (!group) return not_opened(uri, group.error());

  UdpSocket first{group->sockets.front().handle};
  uris_.push_back({uri.transport, group->address, uri.realm});
  log_.info("listening", {{"uri", uris_.back().to_string()},
                          {"receive_buffer", static_cast<uint64_t>(first.granted_receive_buffer())},
                          {"send_buffer", static_cast<uint64_t>(first.granted_send_buffer())}});
  first.release();
  spec.address = group->address;
  listeners_.push_back({spec, std::move(*group), takes_plain(uri), uri.realm});
  return true;
}

Result<bool, std::string> Server::open_stream_listener(const ListenerUri& uri, Signals& signals) {
  StreamSpec spec;
  spec.address = uri.address;
  spec.freebind = config_.server.freebind;
  auto group =
      open_patiently(uri, signals, [&] { return open_stream_listener_group(spec, workers_); });
  if (!group) return not_opened(uri, group.error());
  uris_.push_back({uri.transport, group->address, uri.realm});
  log_.info("listening", {{"uri", uris_.back().to_string()}});
  stream_listeners_.push_back({takes_plain(uri), std::move(*group), uri.realm});
  return true;
}

Result<Done, std::string> Server::hand_listeners_to(Shard& shard, uint8_t index) {
  const auto not_read = [](std::string_view why) {
    return Failure{"a listener cannot be read: " + std::string{why}};
  };
  const auto realm_of = [this](const auto& listener) {
    return listener.realm.empty() ? kAnyRealm : realms_->id_of(listener.realm);
  };
  for (Listener& listener : listeners_) {
    const LooseSocket socket = std::exchange(listener.group.sockets[index], {});
    const auto opened = shard.listen(socket, listener.spec, server_address(listener.group.address),
                                     listener.plain, realm_of(listener));
    if (!opened) return not_read(text_of(opened.error()));
  }
  for (StreamListener& listener : stream_listeners_) {
    const LooseSocket socket = std::exchange(listener.group.sockets[index], {});
    const auto opened = shard.listen(socket, listener.plain, realm_of(listener));
    if (!opened) return not_read(text_of(opened.error()));
  }
  return Done{};
}

}  // namespace uturn
