// Detecting the public address, against a metadata service and a STUN server of the test's own.
#include "server/external_address.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <thread>

#include "protocol/message_builder.h"
#include "protocol/message_view.h"

namespace uturn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

sockaddr_in loopback() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// A socket on an ephemeral port of loopback.
class LocalSocket {
 public:
  explicit LocalSocket(int type) : fd_(::socket(AF_INET, type | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = loopback();
    CHECK(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  LocalSocket(const LocalSocket&) = delete;
  ~LocalSocket() { ::close(fd_); }
  int fd() const { return fd_; }
  std::string host() const {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    return "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }

 private:
  int fd_;
};

/// Answers each request whose first line and header are known; 404 for the rest.
class MetadataService {
 public:
  struct Answer {
    std::string header;  ///< that the request must carry
    std::string body;
  };
  explicit MetadataService(std::map<std::string, Answer> answers) : answers_(std::move(answers)) {
    CHECK(::listen(socket_.fd(), 8) == 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~MetadataService() {
    ::shutdown(socket_.fd(), SHUT_RDWR);  // ends accept()
    thread_.join();
  }
  std::string url() const { return "http://" + socket_.host(); }

 private:
  void serve() {
    while (true) {
      const int client = ::accept(socket_.fd(), nullptr, nullptr);
      if (client < 0) return;
      std::string request;
      char buffer[2048];
      while (request.find("\r\n\r\n") == request.npos) {
        const ssize_t size = ::recv(client, buffer, sizeof buffer, 0);
        if (size <= 0) break;
        request.append(buffer, static_cast<size_t>(size));
      }
      const std::string answer = answer_to(request);
      (void)::send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
      ::close(client);
    }
  }
  std::string answer_to(const std::string& request) const {
    const auto found = answers_.find(request.substr(0, request.find(" HTTP/")));
    if (found == answers_.end() || request.find(found->second.header) == request.npos) {
      return "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    }
    const std::string& body = found->second.body;
    return "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
  }

  std::map<std::string, Answer> answers_;
  LocalSocket socket_{SOCK_STREAM};
  std::thread thread_;
};

TEST(DetectWish, IsMetadataOrAStunHost) {
  EXPECT_TRUE(DetectWish::parse("metadata")->by_metadata);
  EXPECT_EQ(DetectWish::parse("stun:stun.example.org:19302")->stun_host, "stun.example.org:19302");
  for (const char* text : {"", "stun:", "Metadata", "stun:a b", "turn:x", "stun:x?transport=udp"}) {
    EXPECT_FALSE(DetectWish::parse(text)) << text;
  }
}

TEST(Metadata, AwsIsAskedWithAToken) {
  const MetadataService aws(
      {{"PUT /latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds: 60", "TOKEN"}},
       {"GET /latest/meta-data/public-ipv4", {"X-aws-ec2-metadata-token: TOKEN", "203.0.113.7"}}});
  std::vector<std::string> asked;
  const auto detected = ask_metadata(aws.url(), asked);
  ASSERT_TRUE(detected) << detected.error();
  EXPECT_EQ(detected->address.to_string(), "203.0.113.7");
  EXPECT_THAT(asked, ElementsAre("asked the metadata service in the way of AWS: 203.0.113.7"));
}

TEST(Metadata, GoogleIsAskedNext) {
  const MetadataService google(
      {{"GET /computeMetadata/v1/instance/network-interfaces/0/access-configs/0/external-ip",
        {"Metadata-Flavor: Google", "203.0.113.8\n"}}});
  std::vector<std::string> asked;
  const auto detected = ask_metadata(google.url(), asked);
  ASSERT_TRUE(detected) << detected.error();
  EXPECT_EQ(detected->said, "Google Cloud's metadata service says 203.0.113.8");
  EXPECT_EQ(asked.size(), 2u);
}

TEST(Metadata, AzureIsAskedLast) {
  const MetadataService azure(
      {{"GET /metadata/instance/network/interface/0/ipv4/ipAddress/0/publicIpAddress"
        "?api-version=2021-02-01&format=text",
        {"Metadata: true", "203.0.113.9"}}});
  std::vector<std::string> asked;
  const auto detected = ask_metadata(azure.url(), asked);
  ASSERT_TRUE(detected) << detected.error();
  EXPECT_EQ(detected->address.to_string(), "203.0.113.9");
  EXPECT_EQ(asked.size(), 3u);
}

TEST(Metadata, WhatIsNoAddressIsNoAnswer) {
  const MetadataService odd(
      {{"PUT /latest/api/token", {"", "TOKEN"}},
       {"GET /latest/meta-data/public-ipv4", {"", "<html>welcome</html>"}},
       {"GET /computeMetadata/v1/instance/network-interfaces/0/access-configs/0/external-ip",
        {"", std::string(100'000, 'x')}}});
  std::vector<std::string> asked;
  const auto detected = ask_metadata(odd.url(), asked);
  ASSERT_FALSE(detected);
  EXPECT_EQ(detected.error(), "no metadata service knows a public address of this machine");
}

TEST(StunDetection, TheMappedAddressIsTheAnswer) {
  const LocalSocket server(SOCK_DGRAM);
  std::thread answers_once([&] {
    std::array<uint8_t, 2048> in{};
    std::array<uint8_t, 2048> out{};
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const ssize_t got =
        ::recvfrom(server.fd(), in.data(), in.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
    const auto request = MessageView::parse(Bytes{in}.first(static_cast<size_t>(got)));
    CHECK(request.has_value());
    MessageBuilder answer(out, Method::binding, MessageClass::success, request->transaction_id());
    answer.add_xor_address(AttributeType::xor_mapped_address,
                           *TransportAddress::parse("203.0.113.7:40000"));
    const Bytes bytes = answer.finish();
    ::sendto(server.fd(), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
  });
  std::vector<std::string> asked;
  const auto detected = ask_stun(server.host(), asked, std::chrono::seconds(30));
  answers_once.join();
  ASSERT_TRUE(detected) << detected.error();
  EXPECT_EQ(detected->address.to_string(), "203.0.113.7");
  EXPECT_THAT(asked, ElementsAre("asked stun:" + server.host() + ": 203.0.113.7"));
}

TEST(StunDetection, SilenceEnds) {
  const LocalSocket silent(SOCK_DGRAM);
  std::vector<std::string> asked;
  const auto detected = ask_stun(silent.host(), asked, std::chrono::milliseconds(1));
  ASSERT_FALSE(detected);
  EXPECT_EQ(detected.error(), "stun:" + silent.host() + " did not answer");
}

TEST(StunDetection, AHostThatIsNoneIsNamed) {
  std::vector<std::string> asked;
  EXPECT_THAT(ask_stun("a b", asked, std::chrono::milliseconds(1)).error(),
              HasSubstr("'a b' is no host"));
  EXPECT_THAT(asked, ElementsAre());
}

}  // namespace
}  // namespace uturn
