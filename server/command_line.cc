// The command line: dispatch, and the small commands.
#include "server/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <ostream>

#include "auth/random.h"
#include "server/bench_arguments.h"
#include "server/check.h"
#include "server/config_checks.h"
#include "server/config_texts.h"
#include "server/config_yaml.h"
#include "server/credentials.h"
#include "server/quick_start.h"
#include "server/serve_arguments.h"
#include "server/user_commands.h"

namespace uturn {
namespace {

using Arguments = std::vector<std::string>;

struct Invocation {
  const Arguments& arguments;  ///< without the command
  const CommandActions& actions;
  const ValueSources& sources;
  std::ostream& out;
  std::ostream& err;
};

int run_serve(const Invocation& invocation);
int run_check(const Invocation& invocation);
int run_credentials(const Invocation& invocation);
int run_user(const Invocation& invocation);
int run_secret(const Invocation& invocation);
int run_probe_command(const Invocation& invocation);
int run_bench_command(const Invocation& invocation);
int run_help(const Invocation& invocation);

template <size_t index>
int run_admin(const Invocation& invocation);

struct Command {
  std::string_view name;
  std::string_view synopsis;
  std::string_view help;
  int (*run)(const Invocation& invocation);
};

constexpr Command kCommands[] = {
    {"serve", "serve [-c FILE] [flags]", "run the server; without a file: quick start", run_serve},
    {"check", "check FILE", "explain a configuration; exit status 0 or 2", run_check},
    {"user", "user add|remove|list [NAME] [--database URL] [--realm R] [-c FILE]",
     "manage the users of a credential database", run_user},
    {"secret", "secret add|remove|list [--database URL] [--realm R] [-c FILE]",
     "manage its TURN REST secrets", run_secret},
    {"credentials", "credentials [--user ID] [--ttl S] [--secret S] [--realm R] [-c FILE]",
     "print iceServers with a time-limited credential", run_credentials},
    {"probe", "probe URI [--user U --password P]", "be a client of a STUN or TURN server",
     run_probe_command},
    {"bench", "bench URI [--user U --password P] [flags]",
     "load a TURN server; packets/s, loss, latency, its CPU", run_bench_command},
    {"status", "status [--json] [--admin-socket PATH]", "how a running server is", run_admin<0>},
    {"sessions",
     "sessions [--user U] [--client CIDR] [--min-age D] [--min-idle D] [--all] [--json]",
     "list the allocations of a running server", run_admin<1>},
    {"kick", "kick ID... | --user U | --client CIDR | --min-idle D | --all",
     "end allocations of a running server", run_admin<2>},
    {"drain", "drain [--deadline D] [--wait] | --cancel",
     "refuse new clients, and stop with the last allocation", run_admin<3>},
    {"reload", "reload [--json]", "read the configuration again; calls go on", run_admin<4>},
    {"log-level", "log-level [COMPONENT] [LEVEL]", "show or change how much is logged",
     run_admin<5>},
    {"top", "top [--interval S]", "watch a running server in a terminal", run_admin<6>},
    {"help", "help [COMMAND]", "tell more about a command", run_help},
};

constexpr std::string_view kLaterCommands[] = {"import", "doctor", "cat"};

const Command* find_command(std::string_view name) {
  const auto* found = std::ranges::find(kCommands, name, &Command::name);
  return found == std::end(kCommands) ? nullptr : found;
}

void print_usage(std::ostream& to) {
  to << "uturn " UTURN_VERSION ", a STUN and TURN server\n\nusage:\n";
  for (const Command& command : kCommands) {
    to << "  uturn " << command.synopsis << "\n      " << command.help << "\n";
  }
  to << "  uturn --version\n";
}

int refuse_command(const std::string& name, std::ostream& err) {
  if (std::ranges::count(kLaterCommands, name) > 0) {
    err << "uturn " << name << ": this version does not have this command yet\n";
    return kExitUsage;
  }
  err << "uturn: there is no command '" << printable(name) << "'";
  const auto nearest = std::ranges::min_element(
      kCommands, {}, [&](const Command& c) { return edit_distance(c.name, name.substr(0, 64)); });
  if (edit_distance(nearest->name, name.substr(0, 64)) <= 2) {
    err << "; did you mean " << nearest->name << "?";
  }
  err << "\n";
  return kExitUsage;
}

/// Parses into what was declared on `app`. An exit status where there is nothing more to do.
std::optional<int> parse(CLI::App& app, const Invocation& invocation) {
  try {
    app.parse(Arguments(invocation.arguments.rbegin(), invocation.arguments.rend()));
    return std::nullopt;
  } catch (const CLI::CallForHelp&) {
    invocation.out << app.help();
    return kExitSuccess;
  } catch (const CLI::ParseError& error) {
    invocation.err << app.get_name() << ": " << printable(error.what()) << "\n";
    return kExitUsage;
  }
}

int print_problems(const CLI::App& app, const ConfigProblems& problems, std::ostream& err) {
  for (const ConfigProblem& problem : problems) {
    err << app.get_name() << ": " << problem.to_string() << "\n";
  }
  return kExitUsage;
}

bool has_external_of(const Config& config, AddressFamily family) {
  return std::ranges::any_of(config.relay.external, [&](const ExternalMapping& mapping) {
    return mapping.public_address.family() == family;
  });
}

/// Asks before anything starts, and says what was asked.
int detect(const DetectWish& wish, const Invocation& invocation, Config& config) {
  std::vector<std::string> asked;
  const auto detected = invocation.actions.detect(wish, asked);
  for (const std::string& line : asked) invocation.err << "uturn serve: " << line << "\n";
  if (!detected) {
    invocation.err << "uturn serve: --detect-external: " << detected.error() << "\n";
    return kExitFailure;
  }
  if (has_external_of(config, detected->address.family())) {
    invocation.err << "uturn serve: --detect-external: " << detected->said
                   << ", but relay.external names an address of that family already\n";
    return kExitUsage;
  }
  config.relay.external.push_back({detected->address, std::nullopt});
  config.start.detected_external = detected->address;
  return kExitSuccess;
}

int run_serve(const Invocation& invocation) {
  CLI::App app("Runs the server. Values may be ${ENV} or file:PATH, since others see arguments.",
               "uturn serve");
  ServeArguments arguments(app);
  if (const auto status = parse(app, invocation)) return *status;

  Config config;
  config.start.arguments = invocation.arguments;
  ConfigReader reader(config, invocation.sources);
  arguments.read_into(config, reader);
  if (!arguments.parse_detect_wish()) {
    reader.add_problem({"--detect-external", "", "expected metadata or stun:HOST"});
  }
  if (!reader.problems().empty()) return print_problems(app, reader.problems(), invocation.err);

  CsprngRandom random;
  complete_quick_start(config, random);
  const ConfigProblems contradictions = find_contradictions(config);
  if (!contradictions.empty()) return print_problems(app, contradictions, invocation.err);
  if (const auto& wish = arguments.detect_wish()) {
    if (const int status = detect(*wish, invocation, config); status != kExitSuccess) return status;
  }
  return invocation.actions.serve(config);
}

int run_check(const Invocation& invocation) {
  CLI::App app("Explains a configuration and says whether it would be served.", "uturn check");
  std::string file;
  app.add_option("FILE", file, "Configuration file (YAML)")->required();
  if (const auto status = parse(app, invocation)) return *status;
  return check_config_file(file, invocation.sources, invocation.out);
}

int run_credentials(const Invocation& invocation) {
  CLI::App app("Prints iceServers with a time-limited TURN REST credential.", "uturn credentials");
  std::string file;
  std::string secret;
  std::string realm;
  std::string ttl = "1d";
  CredentialsOptions options;
  app.add_option("-c,--config", file, "Take secret, listeners and addresses from here")
      ->type_name("FILE");
  app.add_option("--user", options.id, "Whom the credential is for")->type_name("ID");
  app.add_option("--ttl", ttl, "How long it lasts: seconds, or like 12h (default 1d)")
      ->type_name("S");
  app.add_option("--secret", secret, "The shared secret; ${ENV} or file:PATH")->type_name("S");
  app.add_option("--realm", realm, "Of FILE, whose secret and listeners are taken")->type_name("R");
  if (const auto status = parse(app, invocation)) return *status;

  Config config;
  ConfigReader reader(config, invocation.sources);
  if (!file.empty()) read_config_file(file, reader);
  if (!secret.empty()) reader.read_flag("auth.secrets", Setting::of_list({secret}), "--secret");
  const auto seconds = parse_count(ttl);
  const auto lasting = seconds ? std::chrono::seconds(*seconds) : parse_duration(ttl);
  if (!lasting || *lasting < 1s) {
    reader.add_problem({"--ttl", "", "expected seconds, or a duration like 12h"});
  }
  if (!realm.empty()) {
    if (const auto misread = read_realm(realm, options.realm)) {
      reader.add_problem({"--realm", "", *misread});
    }
  }
  if (!reader.problems().empty()) return print_problems(app, reader.problems(), invocation.err);

  if (!secret.empty()) options.secret = config.auth.secrets.front();
  options.ttl = std::chrono::floor<std::chrono::seconds>(*lasting);
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const auto locals = read_local_addresses();
  if (!locals) {
    invocation.err << "uturn credentials: " << locals.error() << "\n";
    return kExitFailure;
  }
  return print_credentials(options, config, *locals, now, invocation.out, invocation.err);
}

int run_user(const Invocation& invocation) {
  return run_user_command(invocation.arguments, invocation.sources, invocation.out, invocation.err);
}

int run_secret(const Invocation& invocation) {
  return run_secret_command(invocation.arguments, invocation.sources, invocation.out,
                            invocation.err);
}

int run_probe_command(const Invocation& invocation) {
  CLI::App app("Visits a STUN or TURN server as a client: Binding, Allocate, relay loop.",
               "uturn probe");
  ProbeOptions options;
  uint32_t timeout = 10;
  app.add_option("URI", options.uri, "stun: stuns: turn: or turns:HOST[:PORT]")->required();
  app.add_option("--user", options.username, "User name")->type_name("U");
  app.add_option("--password", options.password, "Password; ${ENV} or file:PATH")->type_name("P");
  app.add_flag("--insecure", options.security.insecure, "Believe any certificate");
  app.add_option("--ca", options.security.authorities_file,
                 "Believe certificates of these authorities (PEM), not the system's")
      ->type_name("FILE");
  app.add_flag("--json", options.json, "One JSON object instead of a table");
  app.add_option("--timeout", timeout, "Seconds for the whole visit")
      ->type_name("S")
      ->check(CLI::Range(1, 3600));
  if (const auto status = parse(app, invocation)) return *status;

  const auto password = expand_value(options.password, invocation.sources);
  if (!password) {
    invocation.err << "uturn probe: --password: " << password.error() << "\n";
    return kExitUsage;
  }
  options.password = *password;
  options.timeout = std::chrono::seconds(timeout);
  return invocation.actions.probe(options, invocation.out, invocation.err);
}

int run_bench_command(const Invocation& invocation) {
  CLI::App app("Loads a TURN server: packets/s, loss, latency, and what it costs the server.",
               "uturn bench");
  BenchOptions options;
  add_bench_arguments(app, options);
  if (const auto status = parse(app, invocation)) return *status;
  if (options.workload == "list") {
    invocation.out << list_workloads();
    return kExitSuccess;
  }
  if (options.uri.empty()) {
    invocation.err << "uturn bench: URI is required\n";
    return kExitUsage;
  }

  const auto password = expand_value(options.password, invocation.sources);
  if (!password) {
    invocation.err << "uturn bench: --password: " << password.error() << "\n";
    return kExitUsage;
  }
  options.password = *password;
  const auto secret = expand_value(options.auth_secret, invocation.sources);
  if (!secret) {
    invocation.err << "uturn bench: --auth-secret: " << secret.error() << "\n";
    return kExitUsage;
  }
  options.auth_secret = *secret;
  return invocation.actions.bench(options, invocation.out, invocation.err);
}

/// The commands that ask a running server, and what their help begins with.
constexpr std::pair<std::string_view, std::string_view> kAdminCommands[] = {
    {"status", "Says how a running server is."},
    {"sessions", "Lists the allocations of a running server."},
    {"kick", "Ends allocations of a running server: by id, or all that match."},
    {"drain", "Has a server refuse new clients, and stop with its last allocation."},
    {"reload", "Has a server read its configuration again; calls go on."},
    {"log-level", "Shows or changes how much a running server logs."},
    {"top", "Watches a running server in a terminal; q quits."},
};

template <size_t index>
int run_admin(const Invocation& invocation) {
  const auto& [command, help] = kAdminCommands[index];
  CLI::App app(std::string(help), "uturn " + std::string(command));
  AdminCommandOptions options;
  add_admin_arguments(command, app, options);
  if (const auto status = parse(app, invocation)) return *status;
  if (command == "top") {
    return invocation.actions.top(options, invocation.actions.ask_admin, invocation.err);
  }
  if (command == "kick") {
    const bool filters = !options.user.empty() || !options.realm.empty() ||
                         !options.client.empty() || !options.min_age.empty() ||
                         !options.min_idle.empty();
    if (int{!options.ids.empty()} + int{filters} + int{options.all} != 1) {
      invocation.err << "uturn kick: say ids, or a filter, or --all: one of them\n";
      return kExitUsage;
    }
  }
  return run_admin_command(command, options, invocation.actions.ask_admin, invocation.out,
                           invocation.err);
}

int run_help(const Invocation& invocation) {
  if (invocation.arguments.empty()) {
    print_usage(invocation.out);
    return kExitSuccess;
  }
  const std::string& name = invocation.arguments.front();
  const Command* command = find_command(name);
  if (command == nullptr) return refuse_command(name, invocation.err);
  if (command->run == run_help) {
    print_usage(invocation.out);
    return kExitSuccess;
  }
  return command->run(
      {{"--help"}, invocation.actions, invocation.sources, invocation.out, invocation.err});
}

}  // namespace

int run_command_line(const std::vector<std::string>& arguments, const CommandActions& actions,
                     const ValueSources& sources, std::ostream& out, std::ostream& err) {
  if (arguments.empty()) {
    print_usage(err);
    return kExitUsage;
  }
  const std::string& name = arguments.front();
  if (name == "--version") {
    out << "uturn " UTURN_VERSION "\n";
    return kExitSuccess;
  }
  const Arguments rest(arguments.begin() + 1, arguments.end());
  const Invocation invocation{rest, actions, sources, out, err};
  if (name == "--help" || name == "-h") return run_help(invocation);
  const Command* command = find_command(name);
  return command == nullptr ? refuse_command(name, err) : command->run(invocation);
}

}  // namespace uturn
