// What sessions say, apart from their streams.
#include "server/http/http_session.h"

#include <ctime>

namespace uturn {

std::string http_date() {
  std::array<char, 40> text{};
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  const size_t length =
      std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text.data(), length};
}

std::optional<HttpResponse> answer_to(const error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return http_error(431, "request line and headers are too long");
  }
  if (error == http::error::body_limit) return http_error(413, "the body is too long");
  if (error == http::error::end_of_stream || error == http::error::partial_message) {
    return std::nullopt;
  }
  if (error.category() == make_error_code(http::error::bad_method).category()) {
    return http_error(400, "this is no HTTP/1.1 request");
  }
  return std::nullopt;
}

// Libraries that handlers use may throw.
HttpResponse run(const HttpRoute& route, const HttpRequest& request) {
  try {
    return route.handle(request);
  } catch (const std::exception&) {
    return http_error(500, "the request could not be carried out");
  }
}

}  // namespace uturn
