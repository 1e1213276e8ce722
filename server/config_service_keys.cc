// The keys of what clients are served, in the order in which they are documented and printed.
#include "server/config_key_tables.h"
#include "server/config_texts.h"

namespace uturn {
namespace {

using Shape = ConfigKey::Shape;
using Text = std::string_view;
using Texts = std::vector<std::string>;

constexpr uint32_t kAnyCount = UINT32_MAX;

constexpr ConfigKey kKeys[] = {
    {.path = "server.realm",
     .read = [](Text text, Config& c) { return read_realm(text, c.server.realm); },
     .print = [](const Config& c) { return Texts{c.server.realm}; }},
    {.path = "server.workers",
     .read = [](Text text, Config& c) { return read_workers(text, c.server.workers); },
     .print = [](const Config& c) { return Texts{print_workers(c.server.workers)}; }},
    {.path = "server.io",
     .read = [](Text text, Config& c) { return read_word(text, kIoWords, c.server.io); },
     .print = [](const Config& c) { return Texts{print_word(kIoWords, c.server.io)}; }},
    {.path = "server.state_dir",
     .read = [](Text text, Config& c) { return read_path(text, c.server.state_dir); },
     .print = [](const Config& c) { return Texts{c.server.state_dir}; }},
    {.path = "server.run_as",
     .read = [](Text text, Config& c) { return read_account(text, c.server.run_as); },
     .print = [](const Config& c) { return Texts{c.server.run_as}; }},
    {.path = "server.socket_buffer.listeners",
     .read = [](Text text, Config& c) { return read_buffer(text, c.server.listener_buffer); },
     .print = [](const Config& c) { return Texts{print_size(c.server.listener_buffer)}; }},
    {.path = "server.socket_buffer.relay",
     .read = [](Text text, Config& c) { return read_buffer(text, c.server.relay_buffer); },
     .print = [](const Config& c) { return Texts{print_size(c.server.relay_buffer)}; }},
    {.path = "server.freebind",
     .read = [](Text text, Config& c) { return read_truth(text, c.server.freebind); },
     .print = [](const Config& c) { return Texts{print_truth(c.server.freebind)}; }},
    {.path = "server.software",
     .read = [](Text text, Config& c) { return read_software(text, c.server.software); },
     .print = [](const Config& c) { return Texts{c.server.software}; }},
    {.path = "server.alternates",
     .shape = Shape::list,
     .read = [](Text text, Config& c) { return read_alternate(text, c.server.alternates); },
     .print = [](const Config& c) { return print_all(c.server.alternates); },
     .clear = [](Config& c) { c.server.alternates.clear(); }},
    {.path = "server.alternate_domain",
     .read = [](Text text, Config& c) { return read_domain(text, c.server.alternate_domain); },
     .print = [](const Config& c) { return Texts{c.server.alternate_domain}; }},
    {.path = "server.drain_timeout",
     .read = [](Text text,
                Config& c) { return read_duration(text, c.server.drain_timeout, 0s, 24h * 30); },
     .print = [](const Config& c) { return Texts{print_duration(c.server.drain_timeout)}; }},
    {.path = "server.batch_wait",
     .read = [](Text text,
                Config& c) { return read_duration(text, c.server.batch_wait, 0s, 10ms); },
     .print = [](const Config& c) { return Texts{print_duration(c.server.batch_wait)}; }},
    {.path = "server.busy_poll",
     .read = [](Text text, Config& c) { return read_duration(text, c.server.busy_poll, 0s, 1ms); },
     .print = [](const Config& c) { return Texts{print_duration(c.server.busy_poll)}; }},

    {.path = "listeners",
     .shape = Shape::listeners,
     .read = [](Text text, Config& c) { return read_listener(text, c.listeners); },
     .print = [](const Config& c) { return print_listeners(c.listeners); },
     .clear = [](Config& c) { c.listeners.clear(); }},

    {.path = "relay.addresses",
     .shape = Shape::list,
     .read = [](Text text, Config& c) { return read_relay_address(text, c.relay.addresses); },
     .print =
         [](const Config& c) {
           return c.relay.addresses.empty() ? Texts{"auto"} : print_all(c.relay.addresses);
         },
     .clear = [](Config& c) { c.relay.addresses.clear(); }},
    {.path = "relay.external",
     .shape = Shape::list,
     .read = [](Text text, Config& c) { return read_external(text, c.relay.external); },
     .print = [](const Config& c) { return print_all(c.relay.external); },
     .clear = [](Config& c) { c.relay.external.clear(); }},
    {.path = "relay.ports",
     .read = [](Text text, Config& c) { return read_ports(text, c.relay.ports); },
     .print = [](const Config& c) { return Texts{print_port_range(c.relay.ports)}; }},
    {.path = "relay.channels",
     .read = [](Text text, Config& c) { return read_word(text, kChannelWords, c.relay.channels); },
     .print = [](const Config& c) { return Texts{print_word(kChannelWords, c.relay.channels)}; }},
    {.path = "relay.default_family",
     .read = [](Text text,
                Config& c) { return read_word(text, kFamilyWords, c.relay.default_family); },
     .print =
         [](const Config& c) { return Texts{print_word(kFamilyWords, c.relay.default_family)}; }},
    {.path = "relay.shortcut",
     .read = [](Text text, Config& c) { return read_truth(text, c.relay.shortcut); },
     .print = [](const Config& c) { return Texts{print_truth(c.relay.shortcut)}; }},

    {.path = "peers.allow",
     .shape = Shape::list,
     .read = [](Text text, Config& c) { return read_range(text, c.peers.allow); },
     .print = [](const Config& c) { return print_all(c.peers.allow); },
     .clear = [](Config& c) { c.peers.allow.clear(); }},
    {.path = "peers.deny",
     .shape = Shape::list,
     .read = [](Text text, Config& c) { return read_range(text, c.peers.deny); },
     .print = [](const Config& c) { return print_all(c.peers.deny); },
     .clear = [](Config& c) { c.peers.deny.clear(); }},

    {.path = "auth.required",
     .read = [](Text text, Config& c) { return read_truth(text, c.auth.required); },
     .print = [](const Config& c) { return Texts{print_truth(c.auth.required)}; }},
    {.path = "auth.users", .shape = Shape::users, .is_secret = true},
    {.path = "auth.secrets",
     .shape = Shape::secrets,
     .read = [](Text text, Config& c) { return read_secret(text, c.auth.secrets); },
     .print = [](const Config& c) { return Texts(c.auth.secrets.size(), std::string(kMasked)); },
     .clear =
         [](Config& c) {
           c.auth.secrets.clear();
           c.auth.secret_classes.clear();
         },
     .is_secret = true},
    {.path = "auth.rest_separator",
     .read = [](Text text, Config& c) { return read_separator(text, c.auth.rest.separator); },
     .print = [](const Config& c) { return Texts{std::string(1, c.auth.rest.separator)}; }},
    {.path = "auth.rest_hash",
     .read = [](Text text, Config& c) { return read_word(text, kRestHashWords, c.auth.rest.hash); },
     .print = [](const Config& c) { return Texts{print_word(kRestHashWords, c.auth.rest.hash)}; }},
    {.path = "auth.rest_grace",
     .read = [](Text text, Config& c) { return read_seconds(text, c.auth.rest.grace, 0s, 24h); },
     .print = [](const Config& c) { return Texts{print_duration(c.auth.rest.grace)}; }},
    {.path = "auth.nonce_lifetime",
     .read = [](Text text,
                Config& c) { return read_duration(text, c.auth.nonce_lifetime, 1min, 24h); },
     .print = [](const Config& c) { return Texts{print_duration(c.auth.nonce_lifetime)}; }},
    {.path = "auth.feature_bit_order",
     .read = [](Text text,
                Config& c) { return read_word(text, kBitOrderWords, c.auth.feature_bit_order); },
     .print =
         [](const Config& c) {
           return Texts{print_word(kBitOrderWords, c.auth.feature_bit_order)};
         }},
    {.path = "auth.username_anonymity",
     .read = [](Text text, Config& c) { return read_truth(text, c.auth.username_anonymity); },
     .print = [](const Config& c) { return Texts{print_truth(c.auth.username_anonymity)}; }},
    {.path = "auth.oauth.server_name",
     .read = [](Text text, Config& c) { return read_server_name(text, c.auth.oauth.server_name); },
     .print = [](const Config& c) { return Texts{c.auth.oauth.server_name}; }},
    {.path = "auth.oauth.keys", .shape = Shape::token_keys, .is_secret = true},
    {.path = "auth.end_at_expiry",
     .read = [](Text text, Config& c) { return read_truth(text, c.auth.end_at_expiry); },
     .print = [](const Config& c) { return Texts{print_truth(c.auth.end_at_expiry)}; }},
    {.path = "auth.database",
     .read = [](Text text, Config& c) { return read_database(text, c.auth.database); },
     .print = [](const Config& c) { return Texts{print_database(c.auth.database)}; },
     .is_secret = true},
    {.path = "auth.directory.cache_ttl",
     .read =
         [](Text text, Config& c) {
           return read_duration(text, c.auth.directory.answers.cache_ttl, 0s, 24h);
         },
     .print =
         [](const Config& c) { return Texts{print_duration(c.auth.directory.answers.cache_ttl)}; }},
    {.path = "auth.directory.negative_ttl",
     .read =
         [](Text text, Config& c) {
           return read_duration(text, c.auth.directory.answers.negative_ttl, 0s, 1h);
         },
     .print =
         [](const Config& c) {
           return Texts{print_duration(c.auth.directory.answers.negative_ttl)};
         }},
    {.path = "auth.directory.stale_ttl",
     .read =
         [](Text text, Config& c) {
           return read_duration(text, c.auth.directory.answers.stale_ttl, 0s, 168h);
         },
     .print =
         [](const Config& c) { return Texts{print_duration(c.auth.directory.answers.stale_ttl)}; }},
    {.path = "auth.directory.cache_size",
     .read =
         [](Text text, Config& c) {
           return read_count(text, c.auth.directory.answers.cache_size, 0, 10'000'000);
         },
     .print =
         [](const Config& c) {
           return Texts{std::to_string(c.auth.directory.answers.cache_size)};
         }},
    {.path = "auth.directory.queue",
     .read =
         [](Text text, Config& c) {
           return read_count(text, c.auth.directory.answers.queue, 1, 1'000'000);
         },
     .print =
         [](const Config& c) { return Texts{std::to_string(c.auth.directory.answers.queue)}; }},
    {.path = "auth.directory.answer_within",
     .read =
         [](Text text, Config& c) {
           return read_duration(text, c.auth.directory.answers.answer_within, 100ms, 9s);
         },
     .print =
         [](const Config& c) {
           return Texts{print_duration(c.auth.directory.answers.answer_within)};
         }},
    {.path = "auth.directory.connections",
     .read = [](Text text,
                Config& c) { return read_count(text, c.auth.directory.connections, 1, 64); },
     .print = [](const Config& c) { return Texts{std::to_string(c.auth.directory.connections)}; }},
    {.path = "auth.directory.timeout",
     .read = [](Text text,
                Config& c) { return read_duration(text, c.auth.directory.timeout, 100ms, 1min); },
     .print = [](const Config& c) { return Texts{print_duration(c.auth.directory.timeout)}; }},
    {.path = "auth.directory.poll",
     .read = [](Text text,
                Config& c) { return read_duration(text, c.auth.directory.poll, 100ms, 1h); },
     .print = [](const Config& c) { return Texts{print_duration(c.auth.directory.poll)}; }},

    {.path = "auth.webhook.url",
     .read = [](Text text, Config& c) { return read_webhook_url(text, c.auth.webhook.url); },
     .print = [](const Config& c) { return Texts{c.auth.webhook.url}; },
     .is_secret = true},
    {.path = "auth.webhook.secret",
     .read = [](Text text, Config& c) { return read_header_secret(text, c.auth.webhook.secret); },
     .print =
         [](const Config& c) {
           return Texts{c.auth.webhook.secret.empty() ? std::string() : std::string(kMasked)};
         },
     .is_secret = true},
    {.path = "auth.webhook.ca",
     .read = [](Text text,
                Config& c) { return read_path_or_none(text, c.auth.webhook.authorities); },
     .print = [](const Config& c) { return Texts{c.auth.webhook.authorities}; }},
    {.path = "auth.webhook.on_failure",
     .read = [](Text text,
                Config& c) { return read_word(text, kFailureWords, c.auth.webhook.fails_open); },
     .print =
         [](const Config& c) {
           return Texts{print_word(kFailureWords, c.auth.webhook.fails_open)};
         }},

    {.path = "realms", .shape = Shape::realms, .is_secret = true},

    {.path = "limits.allocations",
     .read = [](Text text,
                Config& c) { return read_count(text, c.limits.allocations, 1, 1'000'000); },
     .print = [](const Config& c) { return Texts{std::to_string(c.limits.allocations)}; }},
    {.path = "limits.allocations_per_user",
     .read =
         [](Text text, Config& c) {
           return read_count(text, c.limits.allocations_per_user, 0, kAnyCount);
         },
     .print = [](const Config& c) { return Texts{std::to_string(c.limits.allocations_per_user)}; }},
    {.path = "limits.allocations_per_client_ip",
     .read =
         [](Text text, Config& c) {
           return read_count(text, c.limits.allocations_per_client_ip, 0, kAnyCount);
         },
     .print =
         [](const Config& c) { return Texts{std::to_string(c.limits.allocations_per_client_ip)}; }},
    {.path = "limits.idle_gives_way",
     .read = [](Text text, Config& c) { return read_truth(text, c.quota.idle_gives_way); },
     .print = [](const Config& c) { return Texts{print_truth(c.quota.idle_gives_way)}; }},
    {.path = "limits.bandwidth",
     .read = [](Text text, Config& c) { return read_rate(text, c.quota.bandwidth); },
     .print = [](const Config& c) { return Texts{print_rate(c.quota.bandwidth)}; }},
    {.path = "limits.bandwidth_per_user",
     .read = [](Text text, Config& c) { return read_rate(text, c.quota.bandwidth_per_user); },
     .print = [](const Config& c) { return Texts{print_rate(c.quota.bandwidth_per_user)}; }},
    {.path = "limits.bandwidth_per_allocation",
     .read = [](Text text, Config& c) { return read_rate(text, c.quota.bandwidth_per_allocation); },
     .print = [](const Config& c) { return Texts{print_rate(c.quota.bandwidth_per_allocation)}; }},
    {.path = "limits.classes", .shape = Shape::classes},
    {.path = "limits.permissions_per_allocation",
     .read =
         [](Text text, Config& c) {
           return read_count(text, c.limits.permissions_per_allocation, 1, 65'536);
         },
     .print =
         [](const Config& c) {
           return Texts{std::to_string(c.limits.permissions_per_allocation)};
         }},
    {.path = "limits.channels_per_allocation",
     .read =
         [](Text text, Config& c) {
           return read_count(text, c.limits.channels_per_allocation, 1, 16'384);
         },
     .print =
         [](const Config& c) { return Texts{std::to_string(c.limits.channels_per_allocation)}; }},
    {.path = "limits.pending_requests",
     .read = [](Text text,
                Config& c) { return read_count(text, c.limits.pending_requests, 1, 1'000'000); },
     .print = [](const Config& c) { return Texts{std::to_string(c.limits.pending_requests)}; }},
    {.path = "limits.reservations",
     .read = [](Text text,
                Config& c) { return read_count(text, c.limits.reservations, 1, 65'536); },
     .print = [](const Config& c) { return Texts{std::to_string(c.limits.reservations)}; }},
    {.path = "limits.answers_per_second",
     .read = [](Text text,
                Config& c) { return read_count(text, c.limits.answers_per_second, 1, kAnyCount); },
     .print = [](const Config& c) { return Texts{std::to_string(c.limits.answers_per_second)}; }},
    {.path = "limits.answers_burst",
     .read = [](Text text,
                Config& c) { return read_count(text, c.limits.answers_burst, 1, kAnyCount); },
     .print = [](const Config& c) { return Texts{std::to_string(c.limits.answers_burst)}; }},
    {.path = "limits.answer_sources",
     .read = [](Text text,
                Config& c) { return read_count(text, c.limits.answer_sources, 1, 1'000'000); },
     .print = [](const Config& c) { return Texts{std::to_string(c.limits.answer_sources)}; }},
    {.path = "limits.max_lifetime",
     .read = [](Text text, Config& c) { return read_max_lifetime(text, c.limits.max_lifetime); },
     .print = [](const Config& c) { return Texts{print_duration(c.limits.max_lifetime)}; }},
    {.path = "limits.connections",
     .read = [](Text text,
                Config& c) { return read_count(text, c.stream_limits.connections, 1, 1'000'000); },
     .print = [](const Config& c) { return Texts{std::to_string(c.stream_limits.connections)}; }},
    {.path = "limits.connections_per_source",
     .read =
         [](Text text, Config& c) {
           return read_count(text, c.stream_limits.connections_per_source, 0, kAnyCount);
         },
     .print =
         [](const Config& c) {
           return Texts{std::to_string(c.stream_limits.connections_per_source)};
         }},
    {.path = "limits.handshakes",
     .read = [](Text text,
                Config& c) { return read_count(text, c.stream_limits.handshakes, 1, 1'000'000); },
     .print = [](const Config& c) { return Texts{std::to_string(c.stream_limits.handshakes)}; }},
    {.path = "limits.handshake_timeout",
     .read =
         [](Text text, Config& c) {
           return read_duration(text, c.stream_limits.handshake_timeout, 1s, 5min);
         },
     .print =
         [](const Config& c) { return Texts{print_duration(c.stream_limits.handshake_timeout)}; }},
    {.path = "limits.first_message_timeout",
     .read =
         [](Text text, Config& c) {
           return read_duration(text, c.stream_limits.first_message_timeout, 1s, 5min);
         },
     .print =
         [](const Config& c) {
           return Texts{print_duration(c.stream_limits.first_message_timeout)};
         }},
    {.path = "limits.idle_timeout",
     .read = [](Text text,
                Config& c) { return read_duration(text, c.stream_limits.idle_timeout, 1s, 1h); },
     .print = [](const Config& c) { return Texts{print_duration(c.stream_limits.idle_timeout)}; }},
    {.path = "limits.stream_queue",
     .read = [](Text text,
                Config& c) { return read_stream_queue(text, c.stream_limits.stream_queue); },
     .print = [](const Config& c) { return Texts{print_size(c.stream_limits.stream_queue)}; }},
    {.path = "limits.stream_queue_age",
     .read =
         [](Text text, Config& c) {
           return read_duration(text, c.stream_limits.stream_queue_age, 10ms, 1min);
         },
     .print =
         [](const Config& c) { return Texts{print_duration(c.stream_limits.stream_queue_age)}; }},
    {.path = "limits.tcp_connections_per_allocation",
     .read =
         [](Text text, Config& c) {
           return read_count(text, c.stream_limits.tcp_connections_per_allocation, 1, 65'536);
         },
     .print =
         [](const Config& c) {
           return Texts{std::to_string(c.stream_limits.tcp_connections_per_allocation)};
         }},

    {.path = "tls.certificate",
     .read = [](Text text, Config& c) { return read_path_or_none(text, c.tls.main.certificate); },
     .print = [](const Config& c) { return Texts{c.tls.main.certificate}; }},
    // Somebody may put the key itself here.
    {.path = "tls.key",
     .read = [](Text text, Config& c) { return read_path_or_none(text, c.tls.main.key); },
     .print = [](const Config& c) { return Texts{c.tls.main.key}; },
     .is_secret = true},
    {.path = "tls.certificates", .shape = Shape::certificates, .is_secret = true},
    {.path = "tls.plain",
     .read = [](Text text, Config& c) { return read_truth(text, c.tls.plain); },
     .print = [](const Config& c) { return Texts{print_truth(c.tls.plain)}; }},
    {.path = "tls.minimum_version",
     .read = [](Text text,
                Config& c) { return read_word(text, kTlsVersionWords, c.tls.minimum_version); },
     .print =
         [](const Config& c) {
           return Texts{print_word(kTlsVersionWords, c.tls.minimum_version)};
         }},
    {.path = "tls.tickets",
     .read = [](Text text, Config& c) { return read_truth(text, c.tls.tickets); },
     .print = [](const Config& c) { return Texts{print_truth(c.tls.tickets)}; }},

    {.path = "proxy.from",
     .shape = Shape::list,
     .read = [](Text text, Config& c) { return read_range(text, c.proxy.from); },
     .print = [](const Config& c) { return print_all(c.proxy.from); },
     .clear = [](Config& c) { c.proxy.from.clear(); }},
};

}  // namespace

std::span<const ConfigKey> service_keys() { return kKeys; }

}  // namespace uturn
