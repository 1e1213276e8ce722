// HTTP requests and answers as values, and the routes that turn one into the other.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/transport_address.h"

namespace uturn {

using HttpFields = std::vector<std::pair<std::string, std::string>>;

/// Who is at the other end of a Unix socket, by the kernel's word.
struct HttpPeer {
  pid_t process = 0;
  uid_t user = 0;
  gid_t group = 0;
};

struct HttpRequest {
  std::string method;            ///< GET, POST …; a HEAD asks as a GET does
  std::string path;              ///< "/v1/status", percent-decoded, without the query
  HttpFields query;              ///< decoded, in their order
  HttpFields headers;            ///< names as they were sent
  std::string body;              ///< whole, within HttpLimits
  TransportAddress client;       ///< of a network listener
  std::optional<HttpPeer> peer;  ///< of a Unix socket
  bool is_secure = false;        ///< came through TLS

  /// Empty where there is none. Names compare without case.
  std::string_view header(std::string_view name) const;
  /// The first of this name.
  std::optional<std::string_view> parameter(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string body;
  std::string type = "application/json";
  HttpFields headers{};
};

/// {"error": "what is wrong"}: what clients of ours get to read.
HttpResponse http_error(int status, std::string_view what);

using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

/// A path that ends in "/*" stands for all that begin so; exact ones come first.
struct HttpRoute {
  std::string method;
  std::string path;
  HttpHandler handle;
};

/// 404 where no route has the path, 405 with Allow where none has the method.
struct HttpMatch {
  const HttpRoute* route = nullptr;
  HttpResponse refusal{};  ///< where there is no route
};
HttpMatch find_route(const std::vector<HttpRoute>& routes, std::string_view method,
                     std::string_view path);

/// The two parts of a request's target. Nothing for an absolute form, a malformed escape or a NUL.
struct HttpTarget {
  std::string path;
  HttpFields query;
};
std::optional<HttpTarget> parse_target(std::string_view target);

}  // namespace uturn
