// Reads one text into one member of Config; what is wrong comes back as a sentence.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/rest_secrets.h"
#include "server/config.h"
#include "server/config_texts.h"

namespace uturn {

/// Why a value was not accepted; nullopt: it was. A member is left alone by what is not.
using Misread = std::optional<std::string>;

inline constexpr std::pair<std::string_view, IoWish> kIoWords[] = {
    {"auto", IoWish::automatic}, {"uring", IoWish::uring}, {"epoll", IoWish::epoll}};
inline constexpr std::pair<std::string_view, ChannelRange> kChannelWords[] = {
    {"rfc8656", ChannelRange::rfc8656}, {"rfc5766", ChannelRange::rfc5766}};
inline constexpr std::pair<std::string_view, DefaultFamily> kFamilyWords[] = {
    {"ipv4", DefaultFamily::ipv4}, {"ipv6", DefaultFamily::ipv6}, {"keep", DefaultFamily::keep}};
inline constexpr std::pair<std::string_view, FeatureBitOrder> kBitOrderWords[] = {
    {"erratum6290", FeatureBitOrder::erratum_6290},
    {"rfc8489", FeatureBitOrder::most_significant_first}};
inline constexpr std::pair<std::string_view, RestHash> kRestHashWords[] = {
    {"sha1", RestHash::sha1}, {"sha256", RestHash::sha256}, {"any", RestHash::any}};
inline constexpr std::pair<std::string_view, TokenAlgorithm> kTokenAlgorithmWords[] = {
    {"A256GCM", TokenAlgorithm::a256gcm}, {"A128GCM", TokenAlgorithm::a128gcm}};
inline constexpr std::pair<std::string_view, LogLevel> kLogLevelWords[] = {
    {"trace", LogLevel::trace}, {"debug", LogLevel::debug}, {"info", LogLevel::info},
    {"warn", LogLevel::warn},   {"error", LogLevel::error}, {"off", LogLevel::off}};
inline constexpr std::pair<std::string_view, LogFormat> kLogFormatWords[] = {
    {"text", LogFormat::text}, {"json", LogFormat::json}};
inline constexpr std::pair<std::string_view, LogPrivacy> kPrivacyWords[] = {
    {"full", LogPrivacy::full},
    {"truncated", LogPrivacy::truncated},
    {"hashed", LogPrivacy::hashed},
    {"none", LogPrivacy::none}};
inline constexpr std::pair<std::string_view, LogComponent> kLogComponentWords[] = {
    {"server", LogComponent::server}, {"auth", LogComponent::auth},
    {"peers", LogComponent::peers},   {"sessions", LogComponent::sessions},
    {"tls", LogComponent::tls},       {"directories", LogComponent::directories},
    {"admin", LogComponent::admin}};

inline constexpr std::pair<std::string_view, TlsVersion> kTlsVersionWords[] = {
    {"1.2", TlsVersion::tls1_2}, {"1.3", TlsVersion::tls1_3}};

inline constexpr std::pair<std::string_view, bool> kFailureWords[] = {{"closed", false},
                                                                      {"open", true}};

template <class E, size_t n>
Misread read_word(std::string_view text, const std::pair<std::string_view, E> (&words)[n], E& to) {
  const auto value = parse_word(Words<E>(words), text);
  if (!value) return "expected " + list_words(Words<E>(words));
  to = *value;
  return std::nullopt;
}
template <class E, size_t n>
std::string print_word(const std::pair<std::string_view, E> (&words)[n], E value) {
  return print_word(Words<E>(words), value);
}

Misread read_count(std::string_view text, uint32_t& to, uint32_t min, uint32_t max);
Misread read_duration(std::string_view text, Duration& to, Duration min, Duration max);
Misread read_seconds(std::string_view text, std::chrono::seconds& to, Duration min, Duration max);
Misread read_size(std::string_view text, uint64_t& to, uint64_t min, uint64_t max);
Misread read_rate(std::string_view text, uint64_t& to);
Misread read_truth(std::string_view text, bool& to);
std::string print_truth(bool value);
Misread read_path(std::string_view text, std::string& to);
Misread read_path_or_none(std::string_view text, std::string& to);  ///< "" is none

// server
Misread read_realm(std::string_view text, std::string& to);
Misread read_software(std::string_view text, std::string& to);
Misread read_workers(std::string_view text, uint32_t& to);  ///< auto, or 1 to 64
std::string print_workers(uint32_t workers);
Misread read_account(std::string_view text, std::string& to);
Misread read_buffer(std::string_view text, uint64_t& to);

Misread read_alternate(std::string_view text, std::vector<TransportAddress>& to);
Misread read_domain(std::string_view text, std::string& to);  ///< a DNS name, or "" for none

// listeners, relay, peers: one item each
Misread read_listener(std::string_view text, std::vector<ListenerUri>& to);
/// As YAML has them: "udp://…", or {uri: "udp://…", realm: "…"}.
std::vector<std::string> print_listeners(const std::vector<ListenerUri>& listeners);
Misread read_relay_address(std::string_view text, std::vector<IpAddress>& to);
Misread read_external(std::string_view text, std::vector<ExternalMapping>& to);
Misread read_ports(std::string_view text, PortRange& to);
Misread read_range(std::string_view text, std::vector<AddressRange>& to);

// realms
Misread read_realm_origin(std::string_view text, std::vector<std::string>& to);
/// "unknown key; did you mean users? a realm has users, secrets and …"
std::string nearest_word(std::string_view unknown, std::string_view what,
                         const std::vector<std::string_view>& words);

// credentials
Misread read_service(std::string_view text, std::optional<TransportAddress>& to);  ///< "": none
std::string print_service(const std::optional<TransportAddress>& address);
Misread read_origin(std::string_view text, std::vector<std::string>& to);

// auth, limits, tls, log
Misread read_secret(std::string_view text, std::vector<Secret>& to);
Misread read_database(std::string_view text, Secret& to);  ///< "" is none
std::string print_database(const Secret& url);             ///< without the password
Misread read_webhook_url(std::string_view text, std::string& to);
Misread read_header_secret(std::string_view text, Secret& to);
/// Empty, or what an Authorization header can carry, and nobody guesses.
Misread read_bearer_token(std::string_view text, Secret& to);
Misread read_server_name(std::string_view text, std::string& to);
/// 1800000000, or 2027-01-15 for the beginning of that day.
Misread read_calendar_time(std::string_view text, CalendarTime& to);
/// base64, or hex digits behind 0x; at least as long as the algorithm's, like coturn's.
Misread read_token_key(std::string_view text, TokenKey& to);
Misread read_separator(std::string_view text, char& to);
Misread read_max_lifetime(std::string_view text, std::chrono::seconds& to);
Misread read_stream_queue(std::string_view text, uint64_t& to);
/// stderr, stdout, journald, syslog, or an absolute path
Misread read_log_file(std::string_view text, std::string& to);
Misread read_component_level(std::string_view text, std::vector<ComponentLevel>& to);
std::vector<std::string> print_component_levels(const std::vector<ComponentLevel>& levels);
Misread read_metrics_listener(std::string_view text, std::optional<TransportAddress>& to);
std::string print_metrics_listener(const std::optional<TransportAddress>& listener);
std::string print_log_file(const std::string& file);

template <class T>
std::vector<std::string> print_all(const std::vector<T>& values) {
  std::vector<std::string> texts;
  for (const T& value : values) texts.push_back(value.to_string());
  return texts;
}

}  // namespace uturn
