// Asking a running server over its admin socket, by libcurl.
#include "server/admin/admin_client.h"

#include <curl/curl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace uturn {
namespace {

constexpr size_t kMaxAnswer = size_t{64} << 20;

size_t append(char* data, size_t size, size_t count, void* to) {
  auto& body = *static_cast<std::string*>(to);
  if (body.size() + size * count > kMaxAnswer) return 0;
  body.append(data, size * count);
  return size * count;
}

/// What stands in the way, where curl only knows that there was no connection.
std::string explain(const std::string& path) {
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) {
    if (errno == EACCES) return path + ": permission denied; ask as root, or as the server's group";
    return path + ": no server runs here (its admin.socket may be another: --admin-socket PATH)";
  }
  if (::access(path.c_str(), W_OK) != 0) {
    return path + ": permission denied; ask as root, or as the server's group";
  }
  return path + ": no server answers here";
}

}  // namespace

Result<AdminAnswer, std::string> ask_admin(const std::string& socket_path, std::string_view method,
                                           std::string_view target, std::string_view body,
                                           Duration patience) {
  if (socket_path.size() >= sizeof(sockaddr_un::sun_path)) {
    return Failure{socket_path + ": too long for a socket's path"};
  }
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(),
                                                                 &curl_easy_cleanup);
  if (!curl) return Failure{std::string("libcurl cannot be used")};
  AdminAnswer answer;
  const std::string url = "http://localhost" + std::string(target);
  const std::string verb(method);
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(patience).count();
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(
      curl_slist_append(nullptr, "Content-Type: application/json"), &curl_slist_free_all);
  curl_easy_setopt(curl.get(), CURLOPT_UNIX_SOCKET_PATH, socket_path.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(milliseconds));
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &append);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer.body);
  if (method != "GET") {
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
    curl_easy_setopt(curl.get(), CURLOPT_COPYPOSTFIELDS, std::string(body).c_str());
    curl_easy_setopt(curl.get(), CURLOPT_CUSTOMREQUEST, verb.c_str());
  }
  const CURLcode result = curl_easy_perform(curl.get());
  if (result == CURLE_COULDNT_CONNECT) return Failure{explain(socket_path)};
  if (result != CURLE_OK) {
    return Failure{socket_path + ": " + curl_easy_strerror(result)};
  }
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  answer.status = static_cast<int>(status);
  return answer;
}

std::string query_value(std::string_view text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (kPlain.find(c) != kPlain.npos) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += {'%', kHex[byte >> 4], kHex[byte & 15]};
  }
  return out;
}

}  // namespace uturn
