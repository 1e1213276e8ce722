// The keys of what operators work with, in the order in which they are documented and printed.
#include "server/config_key_tables.h"
#include "server/config_texts.h"

namespace uturn {
namespace {

using Shape = ConfigKey::Shape;
using Text = std::string_view;
using Texts = std::vector<std::string>;

constexpr ConfigKey kKeys[] = {
    {.path = "credentials.listen",
     .read = [](Text text, Config& c) { return read_service(text, c.credentials.listen); },
     .print = [](const Config& c) { return Texts{print_service(c.credentials.listen)}; }},
    {.path = "credentials.certificate",
     .read = [](Text text,
                Config& c) { return read_path_or_none(text, c.credentials.certificate); },
     .print = [](const Config& c) { return Texts{c.credentials.certificate}; }},
    {.path = "credentials.key",
     .read = [](Text text, Config& c) { return read_path_or_none(text, c.credentials.key); },
     .print = [](const Config& c) { return Texts{c.credentials.key}; }},
    {.path = "credentials.socket",
     .read = [](Text text, Config& c) { return read_path_or_none(text, c.credentials.socket); },
     .print = [](const Config& c) { return Texts{c.credentials.socket}; }},
    {.path = "credentials.ttl",
     .read = [](Text text,
                Config& c) { return read_duration(text, c.credentials.ttl, 1min, 24h * 365); },
     .print = [](const Config& c) { return Texts{print_duration(c.credentials.ttl)}; }},
    {.path = "credentials.max_ttl",
     .read = [](Text text,
                Config& c) { return read_duration(text, c.credentials.max_ttl, 1min, 24h * 365); },
     .print = [](const Config& c) { return Texts{print_duration(c.credentials.max_ttl)}; }},
    {.path = "credentials.requests_per_second",
     .read =
         [](Text text, Config& c) {
           return read_count(text, c.credentials.requests_per_second, 1, 1'000'000);
         },
     .print =
         [](const Config& c) { return Texts{std::to_string(c.credentials.requests_per_second)}; }},
    {.path = "credentials.burst",
     .read = [](Text text,
                Config& c) { return read_count(text, c.credentials.burst, 1, 1'000'000); },
     .print = [](const Config& c) { return Texts{std::to_string(c.credentials.burst)}; }},
    {.path = "credentials.origins",
     .shape = Shape::list,
     .read = [](Text text, Config& c) { return read_origin(text, c.credentials.origins); },
     .print = [](const Config& c) { return Texts(c.credentials.origins); },
     .clear = [](Config& c) { c.credentials.origins.clear(); }},
    {.path = "credentials.keys", .shape = Shape::api_keys, .is_secret = true},
    {.path = "metrics.listen",
     .read = [](Text text, Config& c) { return read_metrics_listener(text, c.metrics.listen); },
     .print = [](const Config& c) { return Texts{print_metrics_listener(c.metrics.listen)}; }},
    {.path = "metrics.coturn_names",
     .read = [](Text text, Config& c) { return read_truth(text, c.metrics.coturn_names); },
     .print = [](const Config& c) { return Texts{print_truth(c.metrics.coturn_names)}; }},
    {.path = "metrics.top_users",
     .read = [](Text text, Config& c) { return read_count(text, c.metrics.top_users, 0, 1'000); },
     .print = [](const Config& c) { return Texts{std::to_string(c.metrics.top_users)}; }},
    {.path = "admin.socket",
     .read = [](Text text, Config& c) { return read_path_or_none(text, c.admin.socket); },
     .print = [](const Config& c) { return Texts{c.admin.socket}; }},
    {.path = "admin.listen",
     .read = [](Text text, Config& c) { return read_service(text, c.admin.listen); },
     .print = [](const Config& c) { return Texts{print_service(c.admin.listen)}; }},
    {.path = "admin.token",
     .read = [](Text text, Config& c) { return read_bearer_token(text, c.admin.token); },
     .print =
         [](const Config& c) {
           return Texts{c.admin.token.empty() ? std::string() : std::string(kMasked)};
         },
     .is_secret = true},
    {.path = "admin.certificate",
     .read = [](Text text, Config& c) { return read_path_or_none(text, c.admin.certificate); },
     .print = [](const Config& c) { return Texts{c.admin.certificate}; }},
    {.path = "admin.key",
     .read = [](Text text, Config& c) { return read_path_or_none(text, c.admin.key); },
     .print = [](const Config& c) { return Texts{c.admin.key}; },
     .is_secret = true},

    {.path = "log.level",
     .read = [](Text text, Config& c) { return read_word(text, kLogLevelWords, c.log.level); },
     .print = [](const Config& c) { return Texts{print_log_level(c.log.level)}; }},
    {.path = "log.levels",
     .shape = Shape::list,
     .read = [](Text text, Config& c) { return read_component_level(text, c.log.levels); },
     .print = [](const Config& c) { return print_component_levels(c.log.levels); },
     .clear = [](Config& c) { c.log.levels.clear(); }},
    {.path = "log.format",
     .read = [](Text text, Config& c) { return read_word(text, kLogFormatWords, c.log.format); },
     .print = [](const Config& c) { return Texts{print_word(kLogFormatWords, c.log.format)}; }},
    {.path = "log.privacy",
     .read = [](Text text, Config& c) { return read_word(text, kPrivacyWords, c.log.privacy); },
     .print = [](const Config& c) { return Texts{print_word(kPrivacyWords, c.log.privacy)}; }},
    {.path = "log.failed_logins",
     .read = [](Text text, Config& c) { return read_truth(text, c.log.failed_logins); },
     .print = [](const Config& c) { return Texts{print_truth(c.log.failed_logins)}; }},
    {.path = "log.file",
     .read = [](Text text, Config& c) { return read_log_file(text, c.log.file); },
     .print = [](const Config& c) { return Texts{print_log_file(c.log.file)}; }},
};

}  // namespace

std::span<const ConfigKey> operation_keys() { return kKeys; }

}  // namespace uturn
