// Issuing credentials over HTTP and over a Unix socket.
#include "server/credential_service.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "server/config_problem.h"
#include "server/config_texts.h"
#include "server/ice_servers.h"

namespace uturn {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxId = 256;  // with the expiry well below the 509 of RFC 8489, Section 14.3

HttpResponse json_response(const Json& json) {
  return {.body = json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"};
}

std::string_view shown_key(const HttpRequest& request) {
  constexpr std::string_view kBearer = "Bearer ";
  if (const auto key = request.parameter("key")) return *key;
  const std::string_view authorization = request.header("Authorization");
  if (authorization.starts_with(kBearer)) return authorization.substr(kBearer.size());
  return request.header("X-Api-Key");
}

/// Each hash is compared, in constant time: how long it takes says nothing.
const ApiKey* find_key(const std::map<std::string, ApiKey>& keys, std::string_view shown) {
  std::array<uint8_t, 32> hash{};
  SHA256(reinterpret_cast<const uint8_t*>(shown.data()), shown.size(), hash.data());
  const ApiKey* found = nullptr;
  for (const auto& [name, key] : keys) {
    if (CRYPTO_memcmp(key.sha256.data(), hash.data(), hash.size()) == 0) found = &key;
  }
  return shown.empty() ? nullptr : found;
}

/// The first secret of a class: the relay knows the class of whoever shows what it has signed.
/// Null: there is none.
const Secret* secret_of_class(const CredentialFacts::OfRealm& realm,
                              std::string_view credential_class) {
  for (size_t i = 0; i < realm.secrets.size(); ++i) {
    const bool has_class = i < realm.secret_classes.size();
    if ((has_class ? std::string_view(realm.secret_classes[i]) : "") == credential_class) {
      return &realm.secrets[i];
    }
  }
  return nullptr;
}

/// Seconds, or a duration like 1h.
std::optional<Duration> read_ttl(std::string_view text) {
  if (const auto seconds = parse_count(text)) return std::chrono::seconds(*seconds);
  return parse_duration(text);
}

bool is_fit_for_a_name(std::string_view id) {
  return id.size() <= kMaxId && std::ranges::none_of(id, [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
         });
}

// RFC 8288, Section 3; quoted-string of RFC 9110, Section 5.6.4.
std::string quoted_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out + "\"";
}

/// The names of WHIP (RFC 9725, Section 4.6): stun: needs no credential.
void add_links(HttpResponse& response, const std::vector<std::string>& urls,
               const RestCredential& credential) {
  for (const std::string& url : urls) {
    std::string link = "<" + url + ">; rel=\"ice-server\"";
    if (!url.starts_with("stun")) {
      link += "; username=" + quoted_string(credential.username) +
              "; credential=" + quoted_string(credential.password) +
              "; credential-type=\"password\"";
    }
    response.headers.emplace_back("Link", link);
  }
}

void allow_origin(HttpResponse& response, const HttpRequest& request,
                  const std::vector<std::string>& origins) {
  const std::string origin(request.header("Origin"));
  if (origin.empty()) return;
  const bool any = std::ranges::count(origins, "*") > 0;
  if (!any && std::ranges::count(origins, origin) == 0) return;
  response.headers.emplace_back("Access-Control-Allow-Origin", any ? "*" : origin);
  response.headers.emplace_back("Access-Control-Expose-Headers", "Link");
  response.headers.emplace_back("Vary", "Origin");
}

}  // namespace

/// What somebody asks for.
struct CredentialService::Wish {
  std::string id;
  std::string realm;
  std::optional<Duration> ttl;
};

struct CredentialService::Issued {
  const CredentialFacts::OfRealm* realm = nullptr;  ///< of the facts
  RestCredential credential;
  std::chrono::seconds ttl{};
};

CredentialService::CredentialService(CredentialFacts facts)
    : facts_(std::make_shared<const CredentialFacts>(std::move(facts))) {}

void CredentialService::reload(CredentialFacts facts) {
  auto fresh = std::make_shared<const CredentialFacts>(std::move(facts));
  const std::lock_guard lock(mutex_);
  facts_ = std::move(fresh);
}

std::shared_ptr<const CredentialFacts> CredentialService::facts() const {
  const std::lock_guard lock(mutex_);
  return facts_;
}

std::optional<HttpResponse> CredentialService::refuse(const HttpRequest& request,
                                                      const CredentialFacts& facts,
                                                      std::string_view shown, const ApiKey*& key,
                                                      Now now) {
  {
    const std::lock_guard lock(mutex_);
    if (!rates_.allows(request.client.ip, facts.config.requests_per_second, facts.config.burst,
                       now.monotonic)) {
      HttpResponse too_often = http_error(429, "too many requests from this address");
      too_often.headers.emplace_back("Retry-After", "1");
      return too_often;
    }
  }
  key = find_key(facts.config.keys, shown);
  if (key) return std::nullopt;
  HttpResponse refusal = http_error(401, "a key is needed");
  refusal.headers.emplace_back("WWW-Authenticate", "Bearer");
  return refusal;
}

Result<CredentialService::Issued, HttpResponse> CredentialService::issue(
    const CredentialFacts& facts, const ApiKey& key, const Wish& wish, Now now) {
  if (!key.realm.empty() && !wish.realm.empty() && key.realm != wish.realm) {
    return Failure{http_error(403, "the key is not for this realm")};
  }
  const std::string& named = wish.realm.empty() ? key.realm : wish.realm;
  const auto realm = facts.realms.find(named.empty() ? facts.realm : named);
  if (realm == facts.realms.end()) return Failure{http_error(403, "there is no such realm")};
  if (!is_fit_for_a_name(wish.id)) {
    return Failure{http_error(400, "the user's id is too long, or holds control characters")};
  }
  const Secret* const secret = secret_of_class(realm->second, key.credential_class);
  if (!secret) {
    return Failure{http_error(503, "there is no shared secret for this key and realm")};
  }
  Duration ttl = wish.ttl.value_or(facts.config.ttl);
  if (ttl < std::chrono::seconds(1)) return Failure{http_error(400, "ttl: at least a second")};
  ttl = std::min(ttl, facts.config.max_ttl);
  if (key.max_ttl > Duration{}) ttl = std::min(ttl, key.max_ttl);
  Issued issued{.realm = &realm->second, .credential = {}};
  issued.ttl = std::chrono::floor<std::chrono::seconds>(ttl);
  issued.credential = make_rest_credential(*secret, facts.rest, wish.id, now.calendar + issued.ttl);
  return issued;
}

HttpResponse CredentialService::on_turn(const HttpRequest& request, Now now) {
  const auto facts = this->facts();
  const ApiKey* key = nullptr;
  if (auto refusal = refuse(request, *facts, shown_key(request), key, now)) return *refusal;
  if (request.parameter("service").value_or("") != "turn") {
    return http_error(400, "service: expected turn");
  }
  Wish wish{.id = std::string(request.parameter("username").value_or("")),
            .realm = std::string(request.parameter("realm").value_or("")),
            .ttl = {}};
  if (const auto ttl = request.parameter("ttl")) {
    wish.ttl = read_ttl(*ttl);
    if (!wish.ttl) return http_error(400, "ttl: expected seconds, or a duration like 1h");
  }
  const auto issued = issue(*facts, *key, wish, now);
  if (!issued) return issued.error();
  std::vector<std::string> relays;
  std::ranges::copy_if(issued->realm->urls, std::back_inserter(relays),
                       [](const std::string& url) { return url.starts_with("turn"); });
  HttpResponse response = json_response({{"username", issued->credential.username},
                                         {"password", issued->credential.password},
                                         {"ttl", issued->ttl.count()},
                                         {"uris", relays}});
  add_links(response, issued->realm->urls, issued->credential);
  allow_origin(response, request, facts->config.origins);
  return response;
}

HttpResponse CredentialService::on_ice_servers(const HttpRequest& request, Now now) {
  const auto facts = this->facts();
  const ApiKey* key = nullptr;
  if (auto refusal = refuse(request, *facts, shown_key(request), key, now)) return *refusal;
  const Json body =
      request.body.empty() ? Json::object() : Json::parse(request.body, nullptr, false);
  if (!body.is_object()) return http_error(400, "expected a JSON object");
  Wish wish;
  for (const auto& [name, value] : body.items()) {
    if (name == "user" && value.is_string()) {
      wish.id = value.get<std::string>();
    } else if (name == "realm" && value.is_string()) {
      wish.realm = value.get<std::string>();
    } else if (name == "ttl" && (value.is_number_unsigned() || value.is_string())) {
      wish.ttl = read_ttl(value.is_string() ? value.get<std::string>() : value.dump());
      if (!wish.ttl) return http_error(400, "ttl: expected seconds, or a duration like 1h");
    } else {
      return http_error(400, "expected user and realm, texts, and ttl, seconds");
    }
  }
  const auto issued = issue(*facts, *key, wish, now);
  if (!issued) return issued.error();
  HttpResponse response;
  response.body = ice_servers_json(issued->realm->urls, issued->credential.username,
                                   issued->credential.password) +
                  "\n";
  add_links(response, issued->realm->urls, issued->credential);
  allow_origin(response, request, facts->config.origins);
  return response;
}

HttpResponse CredentialService::on_preflight(const HttpRequest& request) const {
  HttpResponse response{.status = 204, .body = {}};
  allow_origin(response, request, facts()->config.origins);
  if (!response.headers.empty()) {
    response.headers.emplace_back("Access-Control-Allow-Methods", "GET, POST");
    response.headers.emplace_back("Access-Control-Allow-Headers",
                                  "Authorization, Content-Type, X-Api-Key");
    response.headers.emplace_back("Access-Control-Max-Age", "600");
  }
  return response;
}

// Who may open the socket needs no key.
std::string CredentialService::on_line(std::string_view line, Now now) const {
  constexpr std::string_view kRealm = " realm=";
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  Wish wish;
  if (const size_t at = line.rfind(kRealm); at != line.npos) {
    wish.realm = line.substr(at + kRealm.size());
    line = line.substr(0, at);
  }
  const size_t space = line.rfind(' ');
  wish.id = line.substr(0, space);
  if (space != line.npos) {
    wish.ttl = read_ttl(line.substr(space + 1));
    if (!wish.ttl) return "error: expected ID, or ID TTL, and realm=REALM behind it or not\n";
  }
  const auto facts = this->facts();
  const auto issued = issue(*facts, ApiKey{}, wish, now);
  if (!issued) return "error: " + printable(issued.error().body) + "\n";
  return issued->credential.username + ":" + issued->credential.password + "\n";
}

}  // namespace uturn
