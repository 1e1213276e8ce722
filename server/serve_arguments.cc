// The arguments of `uturn serve`.
#include "server/serve_arguments.h"

#include <filesystem>

#include "server/config_yaml.h"
#include "server/yaml_document.h"

namespace uturn {
namespace {

/// A flag that stands for one key of the configuration.
struct KeyFlag {
  const char* name;
  const char* key;
  const char* value;
  const char* help;
  bool is_repeatable = false;
  bool is_file = false;  ///< of the shell that said it, so relative to its directory
};

constexpr KeyFlag kKeyFlags[] = {
    {"--listen", "listeners", "URI", "Listen here, like udp://192.0.2.1:3478; port 0: any", true},
    {"--realm", "server.realm", "R", "The realm users log in to"},
    {"--auth-secret", "auth.secrets", "S", "A shared secret of the TURN REST API", true},
    {"--database", "auth.database", "URL",
     "Users in sqlite:///PATH, postgresql:, mysql: or redis:"},
    {"--relay-ip", "relay.addresses", "IP", "Relay from this address", true},
    {"--external-ip", "relay.external", "PUBLIC[/PRIVATE]", "The world sees PUBLIC (1:1 NAT)",
     true},
    {"--relay-ports", "relay.ports", "MIN-MAX", "Ports of relayed addresses"},
    {"--channels", "relay.channels", "rfc8656|rfc5766", "Channel numbers that may be bound"},
    {"--default-family", "relay.default_family", "ipv4|ipv6|keep",
     "Family of an allocation that names none"},
    {"--allow-peer", "peers.allow", "CIDR|IP-IP|IP", "Relay to these peers, whatever denies them",
     true},
    {"--deny-peer", "peers.deny", "CIDR|IP-IP|IP", "Never relay to these peers", true},
    {"--cert", "tls.certificate", "FILE", "Certificate for TLS and DTLS with its chain, PEM", false,
     true},
    {"--key", "tls.key", "FILE", "Its private key, PEM", false, true},
    {"--proxy-from", "proxy.from", "CIDR|IP-IP|IP", "Believe the PROXY protocol from here", true},
    {"--workers", "server.workers", "N", "Worker threads; auto: one for each CPU granted"},
    {"--io", "server.io", "auto|uring|epoll", "How datagrams are read and sent"},
    {"--state-dir", "server.state_dir", "DIR", "Where nonce keys survive a restart"},
    {"--run-as", "server.run_as", "USER[:GROUP]", "Become this user after binding, as root"},
    {"--admin-socket", "admin.socket", "PATH", "Serve administration here; \"\": nowhere"},
    {"--log-level", "log.level", "L", "trace, debug, info, warn, error or off"},
    {"--log-format", "log.format", "text|json", "How log lines are written"},
    {"--metrics", "metrics.listen", "IP:PORT|none", "Serve metrics and health here; none: nowhere"},
    // Known, and refused by their keys: the frame is stable before the features are there.
};

/// The absolute path; a value that comes from elsewhere stays as it is.
std::string from_here(const std::string& file) {
  if (file.empty() || file.starts_with("file:") || file.starts_with("${")) return file;
  return std::filesystem::absolute(file).lexically_normal().string();
}

}  // namespace

ServeArguments::ServeArguments(CLI::App& app) {
  app.add_option("-c,--config", file_, "Configuration file (YAML); without one: quick start")
      ->type_name("FILE");
  for (const KeyFlag& flag : kKeyFlags) {
    CLI::Option* option = app.add_option(flag.name, texts_[flag.name], flag.help);
    option->type_name(flag.value)->allow_extra_args(false);
    if (!flag.is_repeatable) option->expected(1);
  }
  app.add_option("--user", users_, "A user; the password may be ${ENV} or file:PATH")
      ->type_name("NAME:PASSWORD|NAME:0xHEXKEY")
      ->allow_extra_args(false);
  app.add_flag("--no-auth", no_auth_, "Relay for everybody. Think twice");
  app.add_option("--detect-external", detect_, "Ask who we are; the answer is an --external-ip")
      ->type_name("metadata|stun:HOST");
  app.add_option("--ready-file", ready_file_, "Written once every listener is up: one URI per line")
      ->type_name("PATH");
  app.add_option("--set", settings_, "Any key of the configuration")
      ->type_name("PATH=VALUE")
      ->allow_extra_args(false);
}

void ServeArguments::read_into(Config& config, ConfigReader& reader) const {
  config.start.config_file = file_;
  config.start.ready_file = ready_file_;
  if (!file_.empty()) read_config_file(file_, reader);

  for (const KeyFlag& flag : kKeyFlags) {
    auto texts = texts_.at(flag.name);
    if (texts.empty()) continue;
    if (flag.is_file) texts.back() = from_here(texts.back());
    const Setting value =
        flag.is_repeatable ? Setting::of_list(texts) : Setting::of_text(texts.back());
    reader.read_flag(flag.key, value, flag.name);
  }
  read_users(reader);
  if (no_auth_) reader.read_flag("auth.required", Setting::of_text("false"), "--no-auth");
  read_settings(reader);
}

void ServeArguments::read_users(ConfigReader& reader) const {
  if (users_.empty()) return;
  Setting all;
  all.kind = Setting::Kind::map;
  for (const std::string& user : users_) {
    const size_t colon = user.find(':');
    if (colon == 0 || colon == user.npos) {
      reader.add_problem({"--user", "", "expected NAME:PASSWORD or NAME:0xHEXKEY"});
      return;
    }
    const std::string name = user.substr(0, colon);
    for (const auto& [known, value] : all.entries) {
      if (known != name) continue;
      reader.add_problem({"--user", "", printable(name) + " is given twice"});
      return;
    }
    Setting value;
    value.kind = Setting::Kind::map;
    const std::string secret = user.substr(colon + 1);
    value.entries.push_back(
        {secret.starts_with("0x") ? "key" : "password", Setting::of_text(secret)});
    all.entries.push_back({name, std::move(value)});
  }
  reader.read_flag("auth.users", all, "--user");
}

void ServeArguments::read_settings(ConfigReader& reader) const {
  for (const std::string& setting : settings_) {
    const size_t equals = setting.find('=');
    if (equals == 0 || equals == setting.npos) {
      reader.add_problem({"--set", "", "expected PATH=VALUE, like limits.allocations=1000"});
      continue;
    }
    const std::string path = setting.substr(0, equals);
    const auto value = parse_yaml(setting.substr(equals + 1));
    if (!value) {
      reader.add_problem({"--set", path, printable(value.error().sentence)});
      continue;
    }
    Setting said = *value;
    if (equals + 1 == setting.size()) said = Setting::of_text("");  // an empty text, no empty map
    reader.read_flag(path, said, "--set");
  }
}

bool ServeArguments::parse_detect_wish() {
  if (detect_.empty()) return true;
  detect_wish_ = DetectWish::parse(detect_);
  return detect_wish_.has_value();
}

}  // namespace uturn
