// Serving the files that are built in.
#include "server/admin/dashboard_pages.h"

#include <openssl/sha.h>

#include <array>
#include <string>

namespace uturn {
namespace {

// Chart and bar widths are set by scripts, which a policy for styles does not concern.
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

std::string type_of(std::string_view name) {
  if (name.ends_with(".html")) return "text/html; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  return "text/javascript; charset=utf-8";
}

std::string path_of(std::string_view name) {
  if (name == "index.html") return "/";
  if (name == "test.html") return "/test";
  return "/" + std::string(name);
}

// RFC 9110, Section 8.8.3: another one for any other content.
std::string entity_tag(std::string_view content) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  constexpr size_t kBytes = 12;
  std::array<uint8_t, SHA256_DIGEST_LENGTH> hash{};
  SHA256(reinterpret_cast<const uint8_t*>(content.data()), content.size(), hash.data());
  std::string tag = "\"";
  for (size_t i = 0; i < kBytes; ++i) {
    tag += kDigits[hash[i] >> 4];
    tag += kDigits[hash[i] & 0xF];
  }
  return tag + "\"";
}

HttpResponse serve(const DashboardFile& file, const std::string& tag, const HttpRequest& request) {
  HttpResponse response{.body = {},
                        .type = type_of(file.name),
                        .headers = {{"ETag", tag},
                                    {"Cache-Control", "no-cache"},
                                    {"Content-Security-Policy", std::string(kPolicy)},
                                    {"Referrer-Policy", "no-referrer"},
                                    {"Cross-Origin-Opener-Policy", "same-origin"},
                                    {"Cross-Origin-Resource-Policy", "same-origin"}}};
  if (request.header("If-None-Match").find(tag) != std::string_view::npos) {
    response.status = 304;
  } else {
    response.body = file.content;
  }
  return response;
}

}  // namespace

std::vector<HttpRoute> dashboard_pages() {
  std::vector<HttpRoute> routes;
  for (const DashboardFile& file : dashboard_files()) {
    routes.push_back({"GET", path_of(file.name),
                      [file, tag = entity_tag(file.content)](const HttpRequest& request) {
                        return serve(file, tag, request);
                      }});
  }
  return routes;
}

}  // namespace uturn
