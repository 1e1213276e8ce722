// The credential service: hands out short-lived TURN REST credentials with the URIs of this server.
//
// | request | answer |
// | --- | --- |
// | GET or POST /turn?service=turn&username=ID&key=KEY[&ttl=S][&realm=R] | {"username", "password",
//   "ttl", "uris"} (draft-uberti-rtcweb-turn-rest-00, Section 2.2) |
// | POST /v1/ice-servers {"user": ID, "ttl": seconds or "1h", "realm": R}, all optional |
//   {"iceServers": [...]} as RTCPeerConnection takes it |
//
// A realm's credentials are signed by a secret of its own. The realm is the one that the request
// names, or else its key's, or else the default.
//
// Both carry Link headers with rel="ice-server" (WHIP, RFC 9725, Section 4.6; WHEP). The key comes
// as `key`, as `Authorization: Bearer KEY` or as `X-Api-Key: KEY`. 401: no key of ours; 403: not
// for this realm; 429: too often.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.h"
#include "server/config.h"
#include "server/credential_config.h"
#include "server/credentials.h"
#include "server/http/http_message.h"
#include "server/source_rates.h"

namespace uturn {

/// What credentials are made of. Replaced as a whole by a reload.
struct CredentialFacts {
  struct OfRealm {
    std::vector<Secret> secrets;
    std::vector<std::string> secret_classes{};  ///< of their users; shorter: none
    std::vector<std::string> urls;              ///< of its live listeners
  };
  CredentialServiceConfig config;
  std::string realm;  ///< that is meant where neither the request nor its key names one
  std::map<std::string, OfRealm> realms;
  RestOptions rest{};
};

/// Any thread may ask; told the time.
class CredentialService {
 public:
  explicit CredentialService(CredentialFacts facts);
  void reload(CredentialFacts facts);

  HttpResponse on_turn(const HttpRequest& request, Now now);
  HttpResponse on_ice_servers(const HttpRequest& request, Now now);
  /// Of a browser that asks whether it may (CORS).
  HttpResponse on_preflight(const HttpRequest& request) const;
  /// "USER:PASSWORD", for a line "ID" or "ID TTL" of the Unix socket, with " realm=R" behind it or
  /// not.
  std::string on_line(std::string_view line, Now now) const;

 private:
  struct Wish;
  struct Issued;
  std::shared_ptr<const CredentialFacts> facts() const;
  std::optional<HttpResponse> refuse(const HttpRequest& request, const CredentialFacts& facts,
                                     std::string_view shown_key, const ApiKey*& key, Now now);
  static Result<Issued, HttpResponse> issue(const CredentialFacts& facts, const ApiKey& key,
                                            const Wish& wish, Now now);

  mutable std::mutex mutex_;
  std::shared_ptr<const CredentialFacts> facts_;
  SourceRates rates_;
};

}  // namespace uturn
