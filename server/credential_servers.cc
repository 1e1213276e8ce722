// Serving credentials.
#include "server/credential_servers.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>

namespace uturn {
namespace {

constexpr auto kLinePatience = std::chrono::seconds(2);

}  // namespace

LineServer::LineServer(HttpListener listener, CredentialService& service, const Clock& clock)
    : listener_(std::move(listener)),
      service_(service),
      clock_(clock),
      ends_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  CHECK(ends_ >= 0);
}

LineServer::~LineServer() {
  stop();
  ::close(ends_);
}

void LineServer::serve() {
  thread_ = std::thread([this] { run(); });
}

void LineServer::stop() {
  if (!thread_.joinable()) return;
  ::eventfd_write(ends_, 1);
  thread_.join();
  listener_.remove_name();
}

void LineServer::run() {
  for (;;) {
    pollfd waits[] = {{listener_.descriptor(), POLLIN, 0}, {ends_, POLLIN, 0}};
    if (::poll(waits, std::size(waits), -1) < 0) continue;
    if (waits[1].revents != 0) return;
    const int client = ::accept4(listener_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    answer(client);
    ::close(client);
  }
}

void LineServer::answer(int client) {
  using SteadyClock = std::chrono::steady_clock;
  const auto deadline = SteadyClock::now() + kLinePatience;
  std::string line;
  while (line.find('\n') == line.npos && line.size() < kMaxLine) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - SteadyClock::now());
    pollfd waits[] = {{client, POLLIN, 0}, {ends_, POLLIN, 0}};
    if (left.count() <= 0 || ::poll(waits, std::size(waits), static_cast<int>(left.count())) <= 0) {
      return;
    }
    if (waits[1].revents != 0) return;
    std::array<char, kMaxLine> bytes{};
    const ssize_t n = ::recv(client, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (n < 0) return;
    if (n == 0) break;  // a line without an end is one too
    line.append(bytes.data(), static_cast<size_t>(n));
  }
  const std::string reply =
      service_.on_line(std::string_view(line).substr(0, line.find('\n')), clock_.now());
  // Shorter than any socket's buffer.
  (void)!::send(client, reply.data(), reply.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

Result<std::unique_ptr<CredentialServers>, std::string> CredentialServers::open(
    CredentialFacts facts, const std::optional<Account>& account, const Clock& clock) {
  const CredentialServiceConfig config = facts.config;
  std::unique_ptr<CredentialServers> servers(new CredentialServers(std::move(facts), clock));
  if (config.listen) {
    const HttpLimits limits{.workers = 2, .connections = 1'024, .body_size = 16 * 1'024};
    auto http = config.certificate.empty()
                    ? HttpServer::open(*config.listen, limits)
                    : HttpServer::open(*config.listen, {config.certificate, config.key}, limits);
    if (!http) return Failure{"credentials.listen: " + http.error()};
    servers->http_ = std::move(*http);
    servers->is_secure_ = !config.certificate.empty();
    servers->shown_.note({config.certificate, config.key});
  }
  if (!config.socket.empty()) {
    HttpUnixSocket socket{.path = config.socket, .mode = 0660};
    if (account) {
      socket.owner = account->user;
      socket.group = account->group;
    }
    auto listener = HttpListener::open(socket);
    if (!listener) return Failure{"credentials.socket: " + listener.error()};
    servers->lines_ = std::make_unique<LineServer>(std::move(*listener), servers->service_, clock);
  }
  return servers;
}

Result<Done, std::string> CredentialServers::serve() {
  if (lines_) lines_->serve();
  if (!http_) return Done{};
  const auto turn = [this](const HttpRequest& r) { return service_.on_turn(r, clock_.now()); };
  const auto ice = [this](const HttpRequest& r) {
    return service_.on_ice_servers(r, clock_.now());
  };
  const auto preflight = [this](const HttpRequest& r) { return service_.on_preflight(r); };
  return http_->serve({{"GET", "/turn", turn},
                       {"POST", "/turn", turn},
                       {"OPTIONS", "/turn", preflight},
                       {"POST", "/v1/ice-servers", ice},
                       {"OPTIONS", "/v1/ice-servers", preflight}});
}

void CredentialServers::stop() {
  if (http_) http_->stop();
  if (lines_) lines_->stop();
}

Result<CredentialServers::Prepared, std::string> CredentialServers::prepare(
    CredentialFacts facts) const {
  HttpCertificate certificate;
  if (http_ && is_secure_) {
    auto read = HttpServer::read_certificate({facts.config.certificate, facts.config.key});
    if (!read) return Failure{"credentials.certificate: " + read.error()};
    certificate = *std::move(read);
  }
  return Prepared{std::move(facts), std::move(certificate)};
}

void CredentialServers::take(Prepared prepared) {
  const HttpTlsFiles files{prepared.facts.config.certificate, prepared.facts.config.key};
  service_.reload(std::move(prepared.facts));
  if (!prepared.certificate) return;
  http_->use_certificate(std::move(prepared.certificate));
  shown_.note(files);
}

std::optional<TransportAddress> CredentialServers::address() const {
  return http_ ? std::optional{http_->address()} : std::nullopt;
}

}  // namespace uturn
