// Both ends of a TLS connection in one place: what one has pending, the other is fed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "io/tls_context.h"
#include "io/tls_session.h"

namespace uturn {

/// The morning of 24 November 2026: OpenSSL compares certificates with the system's clock, so those
/// that shall verify are made by wall_clock().
Now morning();
Now wall_clock();

std::shared_ptr<const TlsContext> server_context(const TlsSettings& settings);
/// Self-signed for these names, with ALPN stun.turn and stun.nat-discovery.
std::shared_ptr<const TlsContext> server_context(const std::vector<std::string>& names = {
                                                     "turn.example.org"});
std::shared_ptr<const ClientTlsContext> client_context(ClientTlsSettings settings = {
                                                           .verify = false});

/// A folder of its own, gone with all that is in it when the test ends.
class TestFolder {
 public:
  TestFolder();
  ~TestFolder();
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  std::string path(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, std::string_view text) const;  ///< its path

 private:
  std::string path_;
};

class TlsPair {
 public:
  TlsPair(std::shared_ptr<const TlsContext> server_context,
          std::shared_ptr<const ClientTlsContext> client_context,
          const std::string& server_name = "turn.example.org", const TlsTicket& ticket = nullptr);

  /// Carries bytes both ways until neither has any. At most `piece` bytes at a time.
  void settle(size_t piece = SIZE_MAX);
  bool both_open() const { return server->is_open() && client->is_open(); }

  TlsBuffers buffers;
  std::unique_ptr<TlsSession> server;
  std::unique_ptr<TlsSession> client;
  std::string server_heard;
  std::string client_heard;
};

/// Everything that `to` makes of the next `piece` bytes that `from` has pending. False: none.
bool carry(TlsSession& from, TlsSession& to, std::string& heard, size_t piece = SIZE_MAX);
/// Writes all of it, carrying record after record.
void say(TlsSession& from, TlsSession& to, std::string& heard, std::string_view text);

}  // namespace uturn
