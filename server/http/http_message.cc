// Targets, routes and look-ups in requests.
#include "server/http/http_message.h"

#include <strings.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace uturn {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// RFC 3986, Section 2.1; a plus is a space in queries only.
std::optional<std::string> decoded(std::string_view text, bool is_query) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '+' && is_query) c = ' ';
    if (c == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') return std::nullopt;
    out.push_back(c);
  }
  return out;
}

std::optional<HttpFields> parse_query(std::string_view query) {
  HttpFields fields;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view field = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (field.empty()) continue;
    const size_t equals = std::min(field.find('='), field.size());
    auto name = decoded(field.substr(0, equals), true);
    auto value = decoded(field.substr(std::min(equals + 1, field.size())), true);
    if (!name || !value) return std::nullopt;
    fields.emplace_back(std::move(*name), std::move(*value));
  }
  return fields;
}

bool is_same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

bool matches(const HttpRoute& route, std::string_view path) {
  const std::string_view pattern = route.path;
  if (!pattern.ends_with("/*")) return path == pattern;
  return path.starts_with(pattern.substr(0, pattern.size() - 1));
}

}  // namespace

std::string_view HttpRequest::header(std::string_view name) const {
  for (const auto& [its_name, value] : headers) {
    if (is_same_name(its_name, name)) return value;
  }
  return {};
}

std::optional<std::string_view> HttpRequest::parameter(std::string_view name) const {
  for (const auto& [its_name, value] : query) {
    if (its_name == name) return value;
  }
  return std::nullopt;
}

HttpResponse http_error(int status, std::string_view what) {
  const nlohmann::json body = {{"error", what}};
  return {.status = status,
          .body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"};
}

HttpMatch find_route(const std::vector<HttpRoute>& routes, std::string_view method,
                     std::string_view path) {
  const HttpRoute* found = nullptr;
  std::string allowed;
  for (const HttpRoute& route : routes) {
    if (!matches(route, path)) continue;
    if (route.method != method) {
      if (!allowed.empty()) allowed += ", ";
      allowed += route.method;
    } else if (found == nullptr || route.path == path) {
      found = &route;
    }
  }
  if (found != nullptr) return {found};
  if (allowed.empty()) return {nullptr, http_error(404, "there is nothing at this path")};
  HttpResponse refusal = http_error(405, "this path is asked by " + allowed);
  refusal.headers.emplace_back("Allow", allowed);
  return {nullptr, std::move(refusal)};
}

std::optional<HttpTarget> parse_target(std::string_view target) {
  if (!target.starts_with('/')) return std::nullopt;
  target = target.substr(0, target.find('#'));
  const size_t question = std::min(target.find('?'), target.size());
  auto path = decoded(target.substr(0, question), false);
  auto query = parse_query(target.substr(std::min(question + 1, target.size())));
  if (!path || !query) return std::nullopt;
  return HttpTarget{std::move(*path), std::move(*query)};
}

}  // namespace uturn
