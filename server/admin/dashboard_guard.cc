// The token and the budget of the dashboard.
#include "server/admin/dashboard_guard.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <array>
#include <string_view>
#include <utility>

namespace uturn {
namespace {

using Digest = std::array<uint8_t, SHA256_DIGEST_LENGTH>;

Digest digest_of(std::string_view text) {
  Digest digest{};
  SHA256(reinterpret_cast<const uint8_t*>(text.data()), text.size(), digest.data());
  return digest;
}

/// Digests are compared, in constant time: how long it takes says nothing, of the length either.
bool is_token(std::string_view shown, const Secret& token) {
  const Digest a = digest_of(shown);
  const Digest b = digest_of(token.reveal());
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0 && !token.empty();
}

std::string_view shown_token(const HttpRequest& request) {
  constexpr std::string_view kScheme = "Bearer ";
  std::string_view shown = request.header("Authorization");
  if (!shown.starts_with(kScheme)) return {};
  shown.remove_prefix(kScheme.size());
  return shown;
}

HttpResponse too_often() {
  return {.status = 429, .body = {}, .type = "text/plain", .headers = {{"Retry-After", "5"}}};
}

}  // namespace

void DashboardGuard::set_token(Secret token) {
  const std::lock_guard lock(mutex_);
  token_ = std::move(token);
}

std::optional<HttpResponse> DashboardGuard::refuse(const HttpRequest& request, Instant now) {
  const std::lock_guard lock(mutex_);
  if (!allows(request, now)) return too_often();
  if (is_token(shown_token(request), token_)) return std::nullopt;
  rates_.charge(request.client.ip, kGuess);
  return HttpResponse{
      .status = 401, .body = {}, .type = "text/plain", .headers = {{"WWW-Authenticate", "Bearer"}}};
}

std::optional<HttpResponse> DashboardGuard::refuse_haste(const HttpRequest& request, Instant now) {
  const std::lock_guard lock(mutex_);
  if (!allows(request, now)) return too_often();
  return std::nullopt;
}

bool DashboardGuard::allows(const HttpRequest& request, Instant now) {
  return rates_.allows(request.client.ip, kRequestsPerSecond, kBurst, now);
}

}  // namespace uturn
