// Managing users and shared secrets in a credential database.
#include "server/user_commands.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "auth/key.h"
#include "auth/opaque_string.h"
#include "server/command_line.h"
#include "server/config_texts.h"
#include "server/config_yaml.h"
#include "server/directories/credential_store.h"
#include "server/privileges.h"
#include "server/terminal.h"

namespace uturn {
namespace {

using Arguments = std::vector<std::string>;
using Json = nlohmann::json;

constexpr size_t kMaxName = 508;     // RFC 8489, Section 14.3: fewer than 509 bytes
constexpr size_t kMaxSecret = 127;   // of turn_secret, in the database that coturn makes itself
constexpr size_t kMaxRealmIn = 127;  // of every table

/// The command line as far as both commands share it, and the database that it names.
class DatabaseCommand {
 public:
  DatabaseCommand(CLI::App& app, const ValueSources& sources, std::ostream& out, std::ostream& err)
      : app_(app), sources_(sources), out(out), err(err) {
    app.require_subcommand(1);
    app.fallthrough();
    app.add_option("-c,--config", file_, "Take database and realm from here")->type_name("FILE");
    app.add_option("--database", database_,
                   "sqlite:///PATH, postgresql://…, mysql://…, redis://…; ${ENV} or file:PATH")
        ->type_name("URL");
    app.add_option("--realm", realm_, "The realm users log in to")->type_name("R");
    app.add_flag("--json", is_json, "list: one JSON object");
  }

  std::optional<int> parse(const Arguments& arguments) {
    try {
      app_.parse(Arguments(arguments.rbegin(), arguments.rend()));
    } catch (const CLI::CallForHelp&) {
      out << app_.help("", CLI::AppFormatMode::All);
      return kExitSuccess;
    } catch (const CLI::ParseError& error) {
      return usage(printable(error.what()));
    }
    return read_config();
  }

  /// `makes`: what is missing is made, a file of SQLite included. Null: it has been said why.
  std::unique_ptr<CredentialStore> connect(bool may_write, bool makes) {
    if (makes && url_->kind == DatabaseKind::sqlite && is_root()) {
      // The server reads it once it has given up root.
      const auto account = find_account_or_nobody(config_.server.run_as);
      if (account) (void)create_file_for(*account, url_->path);
    }
    const StoreOptions options{std::chrono::seconds(5), may_write, makes};
    auto store = connect_store(*url_, options);
    if (!store) {
      fail(store.error());
      return nullptr;
    }
    if (makes) {
      if (auto prepared = (*store)->prepare(); !prepared) {
        fail(prepared.error());
        return nullptr;
      }
    }
    return *std::move(store);
  }

  int fail(const StoreError& error) const {
    err << app_.get_name() << ": " << url_->to_string() << ": " << printable(error.said) << "\n";
    return kExitFailure;
  }
  int usage(const std::string& sentence) const {
    err << app_.get_name() << ": " << sentence << "\n";
    return kExitUsage;
  }
  /// ${ENV} and file:PATH; without a value from the terminal or standard input.
  Result<Secret, std::string> secret_from(const std::string& value, const std::string& what) const {
    if (value.empty()) return read_new_secret(what);
    auto text = expand_value(value, sources_);
    if (!text) return Failure{text.error()};
    if (text->empty()) return Failure{"the " + what + " is empty"};
    return Secret(*std::move(text));
  }
  const std::string& realm() const { return config_.server.realm; }
  std::string database() const { return url_->to_string(); }

 private:
  std::optional<int> read_config() {
    ConfigReader reader(config_, sources_);
    if (!file_.empty()) read_config_file(file_, reader);
    if (!realm_.empty()) reader.read_flag("server.realm", Setting::of_text(realm_), "--realm");
    if (!database_.empty()) {
      reader.read_flag("auth.database", Setting::of_text(database_), "--database");
    }
    for (const ConfigProblem& problem : reader.problems()) {
      err << app_.get_name() << ": " << problem.to_string() << "\n";
    }
    if (!reader.problems().empty()) return kExitUsage;
    const std::string text = config_.auth.database.empty()
                                 ? "sqlite://" + config_.server.state_dir + "/uturn.db"
                                 : config_.auth.database.reveal();
    auto url = DatabaseUrl::parse(text);
    if (!url) return usage(url.error());
    if (config_.server.realm.size() > kMaxRealmIn) {
      return usage("a realm in a database has at most 127 bytes");
    }
    url_ = *std::move(url);
    return std::nullopt;
  }

  CLI::App& app_;
  const ValueSources& sources_;
  std::string file_;
  std::string database_;
  std::string realm_;
  Config config_;
  std::optional<DatabaseUrl> url_;

 public:
  std::ostream& out;
  std::ostream& err;
  bool is_json = false;
};

std::string hex_of(const Key& key) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : key.bytes()) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 0xF];
  }
  return text;
}

bool is_storable_name(const std::string& name) {
  return !name.empty() && name.size() <= kMaxName && name == printable(name);
}

int add_user(DatabaseCommand& command, const std::string& given_name, const std::string& password,
             const std::string& md5_key) {
  const std::string name = opaque_string_or_same(given_name);
  if (!is_storable_name(name)) {
    return command.usage("a name has 1 to 508 bytes without control characters");
  }
  StoredKeys keys;
  if (md5_key.empty()) {
    const auto given = command.secret_from(password, "password");
    if (!given) return command.usage(given.error());
    const Secret prepared(opaque_string_or_same(given->reveal()));
    const auto hex = [&](PasswordAlgorithm algorithm) {
      return Secret(hex_of(Key::derive(algorithm, name, command.realm(), prepared.reveal())));
    };
    keys = {hex(PasswordAlgorithm::md5), hex(PasswordAlgorithm::sha256)};
  } else {
    const auto given = command.secret_from(md5_key, "key");
    const auto key = given ? Key::from_hex(given->reveal()) : std::nullopt;
    if (!key || key->algorithm() != PasswordAlgorithm::md5) {
      return command.usage("--key: expected 32 hex digits, MD5 of NAME:REALM:PASSWORD");
    }
    keys.md5 = Secret(hex_of(*key));
  }
  const auto store = command.connect(true, true);
  if (!store) return kExitFailure;
  if (auto put = store->put_user(command.realm(), name, keys); !put) {
    return command.fail(put.error());
  }
  command.out << name << " may log in to realm " << command.realm() << " of " << command.database()
              << "\n";
  return kExitSuccess;
}

int remove_user(DatabaseCommand& command, const std::string& given_name) {
  const std::string name = opaque_string_or_same(given_name);
  const auto store = command.connect(true, false);
  if (!store) return kExitFailure;
  const auto removed = store->remove_user(command.realm(), name);
  if (!removed) return command.fail(removed.error());
  if (*removed) return kExitSuccess;
  command.err << "uturn user: there is no " << printable(name) << " in realm " << command.realm()
              << "\n";
  return kExitFailure;
}

int list_users(DatabaseCommand& command) {
  const auto store = command.connect(false, false);
  if (!store) return kExitFailure;
  const auto users = store->list_users(command.realm());
  if (!users) return command.fail(users.error());
  if (command.is_json) {
    Json all = {
        {"database", command.database()}, {"realm", command.realm()}, {"users", Json::array()}};
    for (const ListedUser& user : *users) {
      Json algorithms = Json::array({"MD5"});
      if (user.has_sha256) algorithms.push_back("SHA-256");
      all["users"].push_back({{"name", user.name}, {"password_algorithms", algorithms}});
    }
    command.out << all.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
    return kExitSuccess;
  }
  for (const ListedUser& user : *users) {
    command.out << printable(user.name) << (user.has_sha256 ? "" : "  (MD5 only)") << "\n";
  }
  return kExitSuccess;
}

int add_secret(DatabaseCommand& command, const std::string& value) {
  const auto secret = command.secret_from(value, "secret");
  if (!secret) return command.usage(secret.error());
  if (secret->reveal().size() > kMaxSecret) {
    return command.usage("a secret in a database has at most 127 bytes");
  }
  const auto store = command.connect(true, true);
  if (!store) return kExitFailure;
  if (auto added = store->add_secret(command.realm(), *secret); !added) {
    return command.fail(added.error());
  }
  command.out << "a secret of realm " << command.realm() << " was added to " << command.database()
              << "\n";
  return kExitSuccess;
}

int remove_secret(DatabaseCommand& command, const std::string& value) {
  const auto secret = command.secret_from(value, "secret");
  if (!secret) return command.usage(secret.error());
  const auto store = command.connect(true, false);
  if (!store) return kExitFailure;
  const auto removed = store->remove_secret(command.realm(), *secret);
  if (!removed) return command.fail(removed.error());
  if (*removed) return kExitSuccess;
  command.err << "uturn secret: there is no such secret in realm " << command.realm() << "\n";
  return kExitFailure;
}

/// Enough to tell one from another, too little to use it.
std::string hint_of(const Secret& secret) {
  const std::string& text = secret.reveal();
  const size_t shown = text.size() >= 16 ? 4 : 0;
  return printable(text.substr(0, shown)) + "… (" + std::to_string(text.size()) + " bytes)";
}

int list_secrets(DatabaseCommand& command, bool reveals) {
  const auto store = command.connect(false, false);
  if (!store) return kExitFailure;
  const auto secrets = store->list_secrets(command.realm());
  if (!secrets) return command.fail(secrets.error());
  const auto shown = [&](const Secret& secret) {
    return reveals ? secret.reveal() : hint_of(secret);
  };
  if (command.is_json) {
    Json all = {
        {"database", command.database()}, {"realm", command.realm()}, {"secrets", Json::array()}};
    for (const Secret& secret : *secrets) all["secrets"].push_back(shown(secret));
    command.out << all.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
    return kExitSuccess;
  }
  for (const Secret& secret : *secrets) command.out << shown(secret) << "\n";
  return kExitSuccess;
}

}  // namespace

int run_user_command(const Arguments& arguments, const ValueSources& sources, std::ostream& out,
                     std::ostream& err) {
  CLI::App app("Manages the users of a credential database, coturn's too.", "uturn user");
  DatabaseCommand command(app, sources, out, err);
  std::string name;
  std::string password;
  std::string key;
  CLI::App* const add = app.add_subcommand("add", "Add a user, or give one another password");
  CLI::App* const remove = app.add_subcommand("remove", "Remove a user");
  app.add_subcommand("list", "Print the names");
  add->add_option("NAME", name, "User name")->required();
  add->add_option("--password", password,
                  "${ENV} or file:PATH; without: asked for, or a line of standard input")
      ->type_name("P");
  add->add_option("--key", key, "Instead of a password: MD5 of NAME:REALM:PASSWORD in hex digits")
      ->type_name("0xHEX")
      ->excludes("--password");
  remove->add_option("NAME", name, "User name")->required();
  if (const auto status = command.parse(arguments)) return *status;
  if (add->parsed()) return add_user(command, name, password, key);
  if (remove->parsed()) return remove_user(command, name);
  return list_users(command);
}

int run_secret_command(const Arguments& arguments, const ValueSources& sources, std::ostream& out,
                       std::ostream& err) {
  CLI::App app("Manages the TURN REST secrets of a credential database, coturn's too.",
               "uturn secret");
  DatabaseCommand command(app, sources, out, err);
  std::string value;
  bool reveals = false;
  CLI::App* const add = app.add_subcommand("add", "Add a secret");
  CLI::App* const remove = app.add_subcommand("remove", "Remove a secret");
  CLI::App* const list = app.add_subcommand("list", "Print a hint of each");
  for (CLI::App* const one : {add, remove}) {
    one->add_option("--secret", value,
                    "${ENV} or file:PATH; without: asked for, or a line of standard input")
        ->type_name("S");
  }
  list->add_flag("--reveal", reveals, "Print them as they are");
  if (const auto status = command.parse(arguments)) return *status;
  if (add->parsed()) return add_secret(command, value);
  if (remove->parsed()) return remove_secret(command, value);
  return list_secrets(command, reveals);
}

}  // namespace uturn
