// Redis: the keys of coturn's userdb. Keys are found by SCAN, a little at a time, never by KEYS.
#include <hiredis/hiredis.h>

#include <charconv>
#include <functional>
#include <set>
#include <span>

#include "server/directories/backends.h"

namespace uturn {
namespace {

struct Free {
  void operator()(redisContext* context) const { redisFree(context); }
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Context = std::unique_ptr<redisContext, Free>;
using Reply = std::unique_ptr<redisReply, Free>;

constexpr std::string_view kRealmPrefix = "turn/realm/";
constexpr std::string_view kOriginPrefix = "turn/origin/";
constexpr std::string_view kOauthPrefix = "turn/oauth/kid/";
constexpr size_t kMaxKeys = 1'000'000;  ///< looked at in one scan

std::string text_of(const redisReply* reply) {
  const bool is_text = reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS ||
                       reply->type == REDIS_REPLY_ERROR;
  if (reply->type == REDIS_REPLY_INTEGER) return std::to_string(reply->integer);
  return is_text ? std::string(reply->str, reply->len) : std::string{};
}

/// The server is there and cannot serve, today or on this connection.
bool means_gone(std::string_view error) {
  for (const std::string_view word :
       {"LOADING", "NOAUTH", "MASTERDOWN", "READONLY", "CLUSTERDOWN", "WRONGPASS"}) {
    if (error.starts_with(word)) return true;
  }
  return false;
}

/// A pattern of SCAN that means this very text.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '*' || c == '?' || c == '[' || c == ']' || c == '\\' || c == '^') out += '\\';
    out += c;
  }
  return out;
}

std::string key_of(std::string_view realm, std::string_view rest) {
  return std::string(kRealmPrefix).append(realm).append("/").append(rest);
}
std::string user_key(std::string_view realm, std::string_view name) {
  return key_of(realm, "user/").append(name).append("/key");
}

class RedisStore final : public CredentialStore {
 public:
  explicit RedisStore(Context context) : context_(std::move(context)) {}

  Stored<Reply> ask(std::initializer_list<std::string_view> words) {
    std::vector<const char*> texts;
    std::vector<size_t> sizes;
    for (const std::string_view word : words) {
      texts.push_back(word.data());
      sizes.push_back(word.size());
    }
    Reply reply(static_cast<redisReply*>(redisCommandArgv(
        context_.get(), static_cast<int>(texts.size()), texts.data(), sizes.data())));
    if (!reply) return Failure{StoreError{context_->errstr, true}};
    if (reply->type == REDIS_REPLY_ERROR) {
      const std::string error = text_of(reply.get());
      return Failure{StoreError{error, means_gone(error)}};
    }
    return reply;
  }

  Stored<std::optional<StoredKeys>> find_user(std::string_view realm,
                                              std::string_view name) override {
    const auto reply = ask({"GET", user_key(realm, name)});
    if (!reply) return Failure{reply.error()};
    std::optional<StoredKeys> keys;
    if ((*reply)->type == REDIS_REPLY_STRING) {
      keys.emplace();
      keys->md5 = Secret(text_of(reply->get()));
    }
    return keys;
  }

  Stored<StoredSettings> read_settings() override {
    std::set<std::string> keys;
    // Users are many and not looked at; MATCH keeps them from crossing the wire where it can.
    for (const std::string_view pattern :
         {"turn/realm/*/secret", "turn/realm/*/max-bps", "turn/realm/*-quota",
          "turn/realm/*-peer-ip", "turn/origin/*", "turn/oauth/kid/*"}) {
      const auto scanned = scan(pattern, StoredSettings::kMaxRows,
                                [&](std::string key) { keys.insert(std::move(key)); });
      if (!scanned) return Failure{scanned.error()};
    }
    StoredSettings settings;
    for (const std::string& key : keys) {
      const auto read = read_key(key, settings);
      if (!read && read.error().is_gone) return Failure{read.error()};
      if (!read) ++settings.unreadable;
    }
    return settings;
  }

  Stored<bool> has_sha256_of_all(std::string_view realm) override {
    bool found = false;
    const auto scanned =
        scan(key_of(escaped(realm), "user/*/key"), 1, [&](auto&&) { found = true; });
    if (!scanned) return Failure{scanned.error()};
    return !found;
  }

  Stored<Done> prepare() override { return Done{}; }

  Stored<Done> put_user(std::string_view realm, std::string_view name,
                        const StoredKeys& keys) override {
    return done(ask({"SET", user_key(realm, name), keys.md5.reveal()}));
  }
  Stored<bool> remove_user(std::string_view realm, std::string_view name) override {
    return counted(ask({"DEL", user_key(realm, name)}));
  }
  Stored<std::vector<ListedUser>> list_users(std::string_view realm) override {
    const std::string prefix = key_of(realm, "user/");
    std::set<std::string> names;
    const auto scanned = scan(escaped(prefix) + "*/key", kMaxKeys, [&](const std::string& key) {
      names.insert(key.substr(prefix.size(), key.size() - prefix.size() - 4));
    });
    if (!scanned) return Failure{scanned.error()};
    std::vector<ListedUser> users;
    for (const std::string& name : names) users.push_back({name, false});
    return users;
  }
  Stored<Done> add_secret(std::string_view realm, const Secret& secret) override {
    return done(ask({"SADD", key_of(realm, "secret"), secret.reveal()}));
  }
  Stored<bool> remove_secret(std::string_view realm, const Secret& secret) override {
    return counted(ask({"SREM", key_of(realm, "secret"), secret.reveal()}));
  }
  Stored<std::vector<Secret>> list_secrets(std::string_view realm) override {
    const auto reply = ask({"SMEMBERS", key_of(realm, "secret")});
    if (!reply) return Failure{reply.error()};
    std::set<std::string> sorted;
    for (const redisReply* item : items_of(**reply)) sorted.insert(text_of(item));
    std::vector<Secret> secrets;
    for (const std::string& secret : sorted) secrets.emplace_back(secret);
    return secrets;
  }

 private:
  static std::span<redisReply* const> items_of(const redisReply& reply) {
    if (reply.type != REDIS_REPLY_ARRAY) return {};
    return {reply.element, reply.elements};
  }
  static Stored<Done> done(const Stored<Reply>& reply) {
    if (!reply) return Failure{reply.error()};
    return Done{};
  }
  static Stored<bool> counted(const Stored<Reply>& reply) {
    if (!reply) return Failure{reply.error()};
    return (*reply)->integer > 0;
  }

  /// A key may be told twice.
  Stored<Done> scan(std::string_view pattern, size_t most,
                    const std::function<void(std::string)>& on_key) {
    std::string cursor = "0";
    size_t found = 0;
    do {
      const auto reply = ask({"SCAN", cursor, "MATCH", pattern, "COUNT", "1000"});
      if (!reply) return Failure{reply.error()};
      const auto parts = items_of(**reply);
      if (parts.size() != 2) return Failure{StoreError{"SCAN answered something else", true}};
      cursor = text_of(parts[0]);
      for (const redisReply* key : items_of(*parts[1])) {
        if (found++ < most) on_key(text_of(key));
      }
    } while (cursor != "0" && found < most);
    return Done{};
  }

  Stored<Done> read_key(const std::string& key, StoredSettings& settings) {
    if (key.starts_with(kOriginPrefix)) {
      const auto realm = ask({"GET", key});
      if (!realm) return Failure{realm.error()};
      settings.realm_by_origin.emplace(key.substr(kOriginPrefix.size()), text_of(realm->get()));
      return Done{};
    }
    if (key.starts_with(kOauthPrefix)) return read_oauth_key(key, settings);
    const size_t slash = key.rfind('/');
    if (!key.starts_with(kRealmPrefix) || slash < kRealmPrefix.size()) return Done{};
    const std::string realm = key.substr(kRealmPrefix.size(), slash - kRealmPrefix.size());
    return read_realm_key(key, realm, std::string_view(key).substr(slash + 1), settings);
  }

  Stored<Done> read_realm_key(const std::string& key, const std::string& realm,
                              std::string_view what, StoredSettings& settings) {
    // The name of a user may end like a setting: turn/realm/R/user/N/key is not looked for here.
    if (what == "secret" || what == "allowed-peer-ip" || what == "denied-peer-ip") {
      const auto reply = ask({"SMEMBERS", key});
      if (!reply) return Failure{reply.error()};
      std::set<std::string> members;
      for (const redisReply* item : items_of(**reply)) members.insert(text_of(item));
      for (const std::string& member : members) {
        if (what == "secret") {
          settings.secrets[realm].emplace_back(member);
        } else {
          settings.add_peers(what == "allowed-peer-ip", realm, member);
        }
      }
    } else if (what == "max-bps" || what == "total-quota" || what == "user-quota") {
      const auto reply = ask({"GET", key});
      if (!reply) return Failure{reply.error()};
      settings.add_option(realm, what, text_of(reply->get()));
    }
    return Done{};
  }

  Stored<Done> read_oauth_key(const std::string& key, StoredSettings& settings) {
    const auto reply = ask({"HGETALL", key});
    if (!reply) return Failure{reply.error()};
    OauthKey oauth;
    oauth.kid = key.substr(kOauthPrefix.size());
    const auto fields = items_of(**reply);
    for (size_t i = 0; i + 1 < fields.size(); i += 2) {
      const std::string name = text_of(fields[i]);
      const std::string value = text_of(fields[i + 1]);
      if (name == "ikm_key") oauth.key_base64 = Secret(value);
      if (name == "as_rs_alg") oauth.algorithm = value;
      if (name == "realm") oauth.realm = value;
      if (name == "timestamp") read_number(value, oauth.timestamp);
      if (name == "lifetime") read_number(value, oauth.lifetime);
    }
    settings.oauth_keys.push_back(std::move(oauth));
    return Done{};
  }
  template <class Number>
  static void read_number(const std::string& text, Number& to) {
    std::from_chars(text.data(), text.data() + text.size(), to);
  }

  Context context_;
};

timeval timeval_of(Duration duration) {
  const auto micros = std::chrono::ceil<std::chrono::microseconds>(duration).count();
  return {static_cast<time_t>(micros / 1'000'000), static_cast<suseconds_t>(micros % 1'000'000)};
}

}  // namespace

ConnectedStore connect_redis(const DatabaseUrl& url, const StoreOptions& options) {
  const timeval timeout = timeval_of(options.timeout);
  constexpr int kUsualPort = 6379;
  Context context(url.socket.empty()
                      ? redisConnectWithTimeout(url.host.c_str(),
                                                url.port == 0 ? kUsualPort : url.port, timeout)
                      : redisConnectUnixWithTimeout(url.socket.c_str(), timeout));
  if (!context) return Failure{StoreError{"no memory", true}};
  if (context->err != 0) return Failure{StoreError{context->errstr, true}};
  redisSetTimeout(context.get(), timeout);
  if (url.socket.empty()) redisEnableKeepAlive(context.get());

  auto store = std::make_unique<RedisStore>(std::move(context));
  if (!url.password.empty()) {
    const auto entered = url.user.empty() ? store->ask({"AUTH", url.password.reveal()})
                                          : store->ask({"AUTH", url.user, url.password.reveal()});
    if (!entered) return Failure{StoreError{entered.error().said, true}};
  }
  if (!url.database.empty()) {
    const auto selected = store->ask({"SELECT", url.database});
    if (!selected) return Failure{StoreError{selected.error().said, true}};
  }
  const auto answered = store->ask({"PING"});
  if (!answered) return Failure{StoreError{answered.error().said, true}};
  return std::unique_ptr<CredentialStore>(std::move(store));
}

}  // namespace uturn
