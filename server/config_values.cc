// Reads one text into one member of Config.
#include "server/config_values.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "auth/opaque_string.h"
#include "server/directories/database_url.h"

namespace uturn {
namespace {

bool has_control_character(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

}  // namespace

Misread read_count(std::string_view text, uint32_t& to, uint32_t min, uint32_t max) {
  const auto count = parse_count(text);
  if (!count || *count < min || *count > max) {
    return "expected a number from " + std::to_string(min) + " to " + std::to_string(max);
  }
  to = *count;
  return std::nullopt;
}

Misread read_duration(std::string_view text, Duration& to, Duration min, Duration max) {
  const auto duration = parse_duration(text);
  if (!duration || *duration < min || *duration > max) {
    return "expected a duration from " + print_duration(min) + " to " + print_duration(max) +
           ", written like 200us, 30s, 10m or 1h";
  }
  to = *duration;
  return std::nullopt;
}

Misread read_seconds(std::string_view text, std::chrono::seconds& to, Duration min, Duration max) {
  Duration duration{};
  if (const auto misread = read_duration(text, duration, min, max)) return misread;
  if (duration % 1s != 0s) return "expected whole seconds";
  to = std::chrono::duration_cast<std::chrono::seconds>(duration);
  return std::nullopt;
}

Misread read_size(std::string_view text, uint64_t& to, uint64_t min, uint64_t max) {
  const auto size = parse_size(text);
  if (!size || *size < min || *size > max) {
    return "expected a size from " + print_size(min) + " to " + print_size(max) +
           ", written like 256KiB or 4MiB";
  }
  to = *size;
  return std::nullopt;
}

Misread read_rate(std::string_view text, uint64_t& to) {
  const auto rate = parse_rate(text);
  if (!rate) return "expected a rate, written like 500kbit/s, 2Mbit/s or 1Gbit/s, or 0 for any";
  to = *rate;
  return std::nullopt;
}

Misread read_truth(std::string_view text, bool& to) {
  const auto value = parse_truth(text);
  if (!value) return "expected true or false";
  to = *value;
  return std::nullopt;
}

std::string print_truth(bool value) { return value ? "true" : "false"; }

Misread read_path(std::string_view text, std::string& to) {
  if (!text.starts_with('/') || has_control_character(text)) return "expected an absolute path";
  to = text;
  return std::nullopt;
}

Misread read_path_or_none(std::string_view text, std::string& to) {
  if (!text.empty() && read_path(text, to)) return "expected an absolute path, or \"\" for none";
  to = text;
  return std::nullopt;
}

Misread read_realm(std::string_view text, std::string& to) {
  // RFC 8489, Section 14.9: fewer than 128 characters, which can be as long as 763 bytes.
  constexpr size_t kMaxRealmBytes = 763;
  if (text.empty() || text.size() > kMaxRealmBytes || has_control_character(text)) {
    return "expected a realm of 1 to 763 bytes without control characters";
  }
  auto prepared = opaque_string(text);
  if (!prepared) return "expected text that OpaqueString allows (RFC 8265)";
  to = *std::move(prepared);
  return std::nullopt;
}

Misread read_software(std::string_view text, std::string& to) {
  constexpr size_t kMaxSoftware = 127;  // RFC 8489, Section 14.14: fewer than 128 characters
  if (text.size() > kMaxSoftware || has_control_character(text)) {
    return "expected at most 127 bytes without control characters, or nothing";
  }
  to = text;
  return std::nullopt;
}

Misread read_workers(std::string_view text, uint32_t& to) {
  constexpr uint32_t kMaxWorkers = 64;
  if (text == "auto") {
    to = 0;
    return std::nullopt;
  }
  if (read_count(text, to, 1, kMaxWorkers)) return "expected auto or a number from 1 to 64";
  return std::nullopt;
}

std::string print_workers(uint32_t workers) {
  return workers == 0 ? "auto" : std::to_string(workers);
}

Misread read_account(std::string_view text, std::string& to) {
  const size_t colon = text.find(':');
  const bool is_empty = text.empty() || colon == 0 || colon + 1 == text.size();
  if (is_empty || std::ranges::count(text, ':') > 1 || has_control_character(text)) {
    return "expected USER or USER:GROUP";
  }
  to = text;
  return std::nullopt;
}

Misread read_buffer(std::string_view text, uint64_t& to) {
  constexpr uint64_t kMin = 16 * 1024;
  constexpr uint64_t kMax = 1024 * 1024 * 1024;  // the kernel counts in int and doubles it
  return read_size(text, to, kMin, kMax);
}

Misread read_listener(std::string_view text, std::vector<ListenerUri>& to) {
  const auto listener = ListenerUri::parse(text);
  if (!listener) return "expected a listener like udp://192.0.2.1:3478 or udp://[2001:db8::1]:3478";
  const auto is_same = [&](const ListenerUri& other) {
    return other.transport == listener->transport && other.address == listener->address;
  };
  if (listener->address.port != 0 && std::ranges::any_of(to, is_same)) return "given twice";
  to.push_back(*listener);
  return std::nullopt;
}

Misread read_alternate(std::string_view text, std::vector<TransportAddress>& to) {
  const auto address = TransportAddress::parse(text);
  if (!address || address->port == 0 || address->ip.is_unspecified()) {
    return "expected the IP:PORT of another server";
  }
  to.push_back(*address);
  return std::nullopt;
}

// RFC 8489, Section 14.16: at most 255 bytes, with A-labels where it is not ASCII.
Misread read_domain(std::string_view text, std::string& to) {
  const bool is_name = text.size() <= 255 && std::ranges::all_of(text, [](char c) {
                         return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                (c >= '0' && c <= '9') || c == '-' || c == '.';
                       });
  if (!is_name) return "expected a DNS name in ASCII, or nothing";
  to = text;
  return std::nullopt;
}

Misread read_service(std::string_view text, std::optional<TransportAddress>& to) {
  if (text.empty()) {
    to.reset();
    return std::nullopt;
  }
  const auto address = TransportAddress::parse(text);
  if (!address) return "expected IP:PORT, or \"\" for none";
  to = *address;
  return std::nullopt;
}

std::string print_service(const std::optional<TransportAddress>& address) {
  return address ? address->to_string() : "";
}

std::vector<std::string> print_listeners(const std::vector<ListenerUri>& listeners) {
  std::vector<std::string> texts;
  for (const ListenerUri& listener : listeners) {
    const std::string uri = yaml_quoted(listener.to_string());
    texts.push_back(listener.realm.empty()
                        ? uri
                        : "{uri: " + uri + ", realm: " + yaml_quoted(listener.realm) + "}");
  }
  return texts;
}

Misread read_origin(std::string_view text, std::vector<std::string>& to) {
  const bool is_origin = text == "*" || text.starts_with("https://") || text.starts_with("http://");
  if (!is_origin || text.ends_with('/') || has_control_character(text)) {
    return "expected an origin like https://meet.example.org, or *";
  }
  to.emplace_back(text);
  return std::nullopt;
}

Misread read_relay_address(std::string_view text, std::vector<IpAddress>& to) {
  if (text == "auto") return std::nullopt;
  const auto address = IpAddress::parse(text);
  if (!address) return "expected auto or an IP address";
  if (address->is_unspecified() || address->is_multicast()) {
    return "expected an address that peers can answer to";
  }
  if (std::ranges::count(to, *address) > 0) return "given twice";
  to.push_back(*address);
  return std::nullopt;
}

Misread read_external(std::string_view text, std::vector<ExternalMapping>& to) {
  const auto external = ExternalMapping::parse(text);
  if (!external) return "expected PUBLIC or PUBLIC/PRIVATE, IP addresses of one family";
  for (const ExternalMapping& other : to) {
    if (other.public_address.family() != external->public_address.family()) continue;
    if (!other.private_address || !external->private_address) {
      return "several addresses of one family must all be written PUBLIC/PRIVATE";
    }
    if (*other.private_address == *external->private_address)
      return "its private address is given twice";
  }
  to.push_back(*external);
  return std::nullopt;
}

Misread read_ports(std::string_view text, PortRange& to) {
  const auto range = parse_port_range(text);
  if (!range) return "expected ports MIN-MAX, 1 to 65535, like 49152-65535";
  to = *range;
  return std::nullopt;
}

Misread read_range(std::string_view text, std::vector<AddressRange>& to) {
  const auto range = AddressRange::parse(text);
  if (!range) {
    return "expected an address, a prefix without host bits or a range, like 192.0.2.1, 10.0.0.0/8 "
           "or 10.0.0.1-10.0.0.9";
  }
  to.push_back(*range);
  return std::nullopt;
}

Misread read_secret(std::string_view text, std::vector<Secret>& to) {
  if (text.empty()) return "expected a secret, not an empty text";
  if (to.size() >= RestSecrets::kMaxSecrets) return "more than 16 secrets";
  to.emplace_back(std::string(text));
  return std::nullopt;
}

Misread read_database(std::string_view text, Secret& to) {
  if (!text.empty()) {
    const auto url = DatabaseUrl::parse(text);
    if (!url) return url.error();
  }
  to = Secret(std::string(text));
  return std::nullopt;
}

// A login in it would stand in logs and error messages; there is auth.webhook.secret for that. Only
// to itself does a machine speak without TLS.
Misread read_webhook_url(std::string_view text, std::string& to) {
  constexpr std::string_view kLocal[] = {"http://127.0.0.1:", "http://127.0.0.1/",
                                         "http://[::1]:",     "http://[::1]/",
                                         "http://localhost:", "http://localhost/"};
  const bool is_local = std::ranges::any_of(
      kLocal, [&](std::string_view prefix) { return text.starts_with(prefix); });
  const bool is_https = text.starts_with("https://") && text.size() > 8;
  const bool is_plain = text.find_first_of("@ \"") == text.npos && text.size() <= 2'048;
  if (!text.empty() && (!(is_local || is_https) || !is_plain || has_control_character(text))) {
    return "expected an https:// URL without a login, or http:// to this machine itself";
  }
  to = text;
  return std::nullopt;
}

Misread read_server_name(std::string_view text, std::string& to) {
  constexpr size_t kMaxServerName = 255;
  if (text.size() > kMaxServerName || has_control_character(text)) {
    return "expected at most 255 bytes without control characters, or nothing";
  }
  to = text;
  return std::nullopt;
}

Misread read_header_secret(std::string_view text, Secret& to) {
  if (text.size() > 512 || has_control_character(text)) {
    return "expected at most 512 bytes without control characters";
  }
  to = Secret(std::string(text));
  return std::nullopt;
}

// What an Authorization header carries unchanged (RFC 9110, Section 5.5).
Misread read_bearer_token(std::string_view text, Secret& to) {
  constexpr size_t kShortest = 16;
  const auto is_visible = [](char c) { return c >= ' ' && c <= '~'; };
  if (!text.empty() && (text.size() < kShortest || text.size() > 512 || text.front() == ' ' ||
                        text.back() == ' ' || !std::ranges::all_of(text, is_visible))) {
    return "expected 16 to 512 ASCII characters";
  }
  to = Secret(std::string(text));
  return std::nullopt;
}

std::string print_database(const Secret& url) {
  const auto parsed = DatabaseUrl::parse(url.reveal());
  return parsed ? parsed->to_string() : std::string();
}

Misread read_calendar_time(std::string_view text, CalendarTime& to) {
  int parts[3] = {};
  size_t count = 0;
  int64_t seconds = 0;
  const char* const end = text.data() + text.size();
  const auto whole = std::from_chars(text.data(), end, seconds);
  if (whole.ec == std::errc{} && whole.ptr == end && seconds >= 0) {
    to = CalendarTime{std::chrono::seconds{seconds}};
    return std::nullopt;
  }
  for (const char* at = text.data(); count < 3;) {
    const auto [next, error] = std::from_chars(at, end, parts[count]);
    if (error != std::errc{}) break;
    ++count;
    if (next == end || *next != '-' || count == 3) {
      if (next != end) count = 0;
      break;
    }
    at = next + 1;
  }
  const std::chrono::year_month_day day{std::chrono::year{parts[0]},
                                        std::chrono::month{static_cast<unsigned>(parts[1])},
                                        std::chrono::day{static_cast<unsigned>(parts[2])}};
  if (count != 3 || !day.ok()) return "expected seconds since 1970, or a day like 2027-01-15";
  to = CalendarTime{std::chrono::sys_days{day}};
  return std::nullopt;
}

Misread read_token_key(std::string_view text, TokenKey& to) {
  std::vector<uint8_t> bytes;
  if (const auto hex = Key::from_hex(text); hex && text.starts_with("0x")) {
    bytes.assign(hex->bytes().begin(), hex->bytes().end());
  } else if (!text.empty() && text.size() % 4 == 0 && text.size() <= 256) {
    bytes.resize(text.size() / 4 * 3);
    const int size = EVP_DecodeBlock(bytes.data(), reinterpret_cast<const uint8_t*>(text.data()),
                                     static_cast<int>(text.size()));
    const auto padding = static_cast<size_t>(std::ranges::count(text, '='));
    bytes.resize(size < 0 ? 0 : static_cast<size_t>(size) - std::min<size_t>(padding, 2));
  }
  const size_t wanted = key_size_of(to.algorithm);
  const bool is_long_enough = bytes.size() >= wanted;
  if (is_long_enough) std::copy_n(bytes.begin(), wanted, to.key.begin());
  OPENSSL_cleanse(bytes.data(), bytes.size());
  if (!is_long_enough) {
    return "expected a key of " + std::to_string(wanted) + " bytes, in base64 or as 0x and hex";
  }
  return std::nullopt;
}

Misread read_separator(std::string_view text, char& to) {
  if (text.size() != 1 || has_control_character(text) || (text[0] >= '0' && text[0] <= '9')) {
    return "expected one character that is no digit";
  }
  to = text[0];
  return std::nullopt;
}

Misread read_max_lifetime(std::string_view text, std::chrono::seconds& to) {
  // Below the default lifetime no request could be granted what RFC 8656, Section 7.2 promises it.
  return read_seconds(text, to, kDefaultLifetime, 24h);
}

Misread read_stream_queue(std::string_view text, uint64_t& to) {
  constexpr uint64_t kMin = 128 * 1024;  // the longest message and something behind it
  constexpr uint64_t kMax = 16 * 1024 * 1024;
  return read_size(text, to, kMin, kMax);
}

Misread read_log_file(std::string_view text, std::string& to) {
  if (text == "stderr") {
    to.clear();
    return std::nullopt;
  }
  if (text == "stdout" || text == "journald" || text == "syslog") {
    to = text;
    return std::nullopt;
  }
  if (read_path(text, to)) return "expected stderr, stdout, journald, syslog or an absolute path";
  return std::nullopt;
}

Misread read_component_level(std::string_view text, std::vector<ComponentLevel>& to) {
  const size_t equals = text.find('=');
  ComponentLevel read;
  const std::string_view name = text.substr(0, equals);
  const std::string_view level = equals == text.npos ? std::string_view{} : text.substr(equals + 1);
  if (equals == text.npos) return "expected COMPONENT=LEVEL, like sessions=off";
  if (auto wrong = read_word(name, kLogComponentWords, read.component)) return wrong;
  if (auto wrong = read_word(level, kLogLevelWords, read.level)) return wrong;
  to.push_back(read);
  return std::nullopt;
}

std::vector<std::string> print_component_levels(const std::vector<ComponentLevel>& levels) {
  std::vector<std::string> texts;
  for (const auto& [component, level] : levels) {
    texts.push_back(print_word(kLogComponentWords, component) + "=" +
                    print_word(kLogLevelWords, level));
  }
  return texts;
}

Misread read_metrics_listener(std::string_view text, std::optional<TransportAddress>& to) {
  if (text == "none") {
    to.reset();
    return std::nullopt;
  }
  const auto address = TransportAddress::parse(text);
  if (!address) return "expected IP:PORT or none";
  to = *address;
  return std::nullopt;
}

std::string print_metrics_listener(const std::optional<TransportAddress>& listener) {
  return listener ? listener->to_string() : "none";
}

std::string print_log_file(const std::string& file) { return file.empty() ? "stderr" : file; }

}  // namespace uturn
