// Detecting the public address: the metadata services of AWS, Google Cloud and Azure.
#include <curl/curl.h>

#include <memory>

#include "server/external_address.h"

namespace uturn {
namespace {

constexpr size_t kMaxAnswer = 4096;
constexpr long kConnectTimeoutMs = 500;  // the service is on the same host or not there at all
constexpr long kTimeoutMs = 2000;

size_t append_bounded(char* data, size_t size, size_t count, void* to) {
  auto& answer = *static_cast<std::string*>(to);
  const size_t bytes = size * count;
  if (answer.size() + bytes > kMaxAnswer) return 0;  // curl gives up
  answer.append(data, bytes);
  return bytes;
}

struct Header {
  std::string_view name;
  std::string value;
};

/// The body of a 200; nullopt for everything else.
std::optional<std::string> request(const std::string& url, bool put, const Header& header) {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(),
                                                                 curl_easy_cleanup);
  if (!curl) return std::nullopt;
  const std::string line = std::string(header.name) + ": " + header.value;
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(
      curl_slist_append(nullptr, line.c_str()), curl_slist_free_all);
  std::string answer;
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  if (put) curl_easy_setopt(curl.get(), CURLOPT_CUSTOMREQUEST, "PUT");
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http");
  curl_easy_setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl.get(), CURLOPT_NOPROXY, "*");  // a proxy would answer for its own machine
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, kTimeoutMs);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, append_bounded);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer);
  if (curl_easy_perform(curl.get()) != CURLE_OK) return std::nullopt;

  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) return std::nullopt;
  return answer;
}

/// IMDSv2: a token first, then the question with it.
std::optional<std::string> ask_aws(const std::string& base) {
  const auto token =
      request(base + "/latest/api/token", true, {"X-aws-ec2-metadata-token-ttl-seconds", "60"});
  if (!token || token->find_first_of("\r\n") != token->npos) return std::nullopt;
  return request(base + "/latest/meta-data/public-ipv4", false,
                 {"X-aws-ec2-metadata-token", *token});
}

std::optional<std::string> ask_google(const std::string& base) {
  return request(base +
                     "/computeMetadata/v1/instance/network-interfaces/0/access-configs/0/"
                     "external-ip",
                 false, {"Metadata-Flavor", "Google"});
}

std::optional<std::string> ask_azure(const std::string& base) {
  return request(base +
                     "/metadata/instance/network/interface/0/ipv4/ipAddress/0/publicIpAddress"
                     "?api-version=2021-02-01&format=text",
                 false, {"Metadata", "true"});
}

struct Cloud {
  std::string_view name;
  std::optional<std::string> (*ask)(const std::string& base);
};
constexpr Cloud kClouds[] = {{"AWS", ask_aws}, {"Google Cloud", ask_google}, {"Azure", ask_azure}};

}  // namespace

Result<Detected, std::string> ask_metadata(const std::string& base_url,
                                           std::vector<std::string>& asked) {
  for (const Cloud& cloud : kClouds) {
    const std::string whom(cloud.name);
    auto answer = cloud.ask(base_url);
    while (answer && !answer->empty() && (answer->back() == '\n' || answer->back() == '\r')) {
      answer->pop_back();
    }
    const auto address = answer ? IpAddress::parse(*answer) : std::nullopt;
    if (address) {
      asked.push_back("asked the metadata service in the way of " + whom + ": " +
                      address->to_string());
      return Detected{*address, whom + "'s metadata service says " + address->to_string()};
    }
    asked.push_back("asked the metadata service in the way of " + whom + ": no address");
  }
  return Failure{std::string("no metadata service knows a public address of this machine")};
}

}  // namespace uturn
