// The HTTP server on Boost.Beast: a thread for all sockets, a few for the handlers.
#include "server/http/http_server.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <system_error>
#include <utility>

#include "server/http/http_session.h"

namespace uturn {
namespace {

constexpr auto kStopGrace = std::chrono::seconds(1);
constexpr auto kAcceptPause = std::chrono::milliseconds(100);

Result<HttpTlsContext, std::string> load_context(const HttpTlsFiles& files) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  SSL_CTX* const raw = context->native_handle();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  error_code error;
  // OpenSSL would ask the terminal.
  context->set_password_callback([](size_t, asio::ssl::context::password_purpose) { return ""; },
                                 error);
  context->use_certificate_chain_file(files.certificate, error);
  if (error) return Failure{files.certificate + ": " + error.message()};
  context->use_private_key_file(files.key, asio::ssl::context::pem, error);
  if (error) return Failure{files.key + ": " + error.message()};
  if (SSL_CTX_check_private_key(raw) != 1) {
    return Failure{files.key + " is not the key of " + files.certificate};
  }
  return context;
}

std::optional<TransportAddress> address_from(const HttpProtocol::endpoint& endpoint) {
  TransportAddress address;
  if (endpoint.data()->sa_family == AF_INET) {
    sockaddr_in raw{};
    std::memcpy(&raw, endpoint.data(), sizeof raw);
    std::array<uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &raw.sin_addr, bytes.size());
    address.ip = IpAddress::v4(bytes);
    address.port = ntohs(raw.sin_port);
    return address;
  }
  if (endpoint.data()->sa_family == AF_INET6) {
    sockaddr_in6 raw{};
    std::memcpy(&raw, endpoint.data(), sizeof raw);
    std::array<uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &raw.sin6_addr, bytes.size());
    address.ip = IpAddress::v6(bytes);
    address.port = ntohs(raw.sin6_port);
    address.scope_id = raw.sin6_scope_id;
    return address;
  }
  return std::nullopt;
}

std::optional<HttpPeer> peer_of(int fd) {
  ucred credentials{};
  socklen_t length = sizeof credentials;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return std::nullopt;
  return HttpPeer{credentials.pid, credentials.uid, credentials.gid};
}

}  // namespace

void HttpServerCore::accept() {
  acceptor->async_accept([this](const error_code& error, HttpProtocol::socket socket) {
    if (stopping) return;
    if (!error) {
      admit(std::move(socket));
      return accept();
    }
    // No descriptors, for instance: whoever waits goes on waiting.
    pause.expires_after(kAcceptPause);
    pause.async_wait([this](const error_code& cancelled) {
      if (!cancelled && !stopping) accept();
    });
  });
}

void HttpServerCore::admit(HttpProtocol::socket socket) {
  ++accepted;
  if (!make_room()) return;
  HttpRequest origin;
  origin.is_secure = tls != nullptr;
  if (listener.is_unix()) {
    origin.peer = peer_of(socket.native_handle());
  } else {
    error_code error;
    const auto client = address_from(socket.remote_endpoint(error));
    if (error || !client) return;
    origin.client = *client;
  }
  if (tls) {
    std::make_shared<HttpSession<TlsStream>>(*this, TlsStream(PlainStream(std::move(socket)), *tls),
                                             std::move(origin), tls)
        ->start();
  } else {
    std::make_shared<HttpSession<PlainStream>>(*this, PlainStream(std::move(socket)),
                                               std::move(origin), nullptr)
        ->start();
  }
}

// Slow clients make room for others; those who are being answered do not.
bool HttpServerCore::make_room() {
  if (waiting.size() + busy.size() < limits.connections) return true;
  ++evicted;
  if (waiting.empty()) return false;
  HttpConnection* const longest = waiting.front();
  waiting.splice(waiting.end(), waiting, waiting.begin());
  longest->abandon();
  return true;
}

void HttpServerCore::close_waiting() {
  error_code ignored;
  acceptor->close(ignored);
  pause.cancel();
  for (HttpConnection* connection : waiting) connection->abandon();
}

void HttpServerCore::await_busy() {
  guard.reset();
  if (waiting.empty() && busy.empty()) return;
  grace.expires_after(kStopGrace);
  grace.async_wait([this](const error_code&) {
    for (HttpConnection* connection : waiting) connection->abandon();
    for (HttpConnection* connection : busy) connection->abandon();
  });
}

void HttpServerCore::forget(std::list<HttpConnection*>& list,
                            std::list<HttpConnection*>::iterator place) {
  list.erase(place);
  if (stopping && waiting.empty() && busy.empty()) grace.cancel();
}

Result<std::unique_ptr<HttpServer>, std::string> HttpServer::open(const TransportAddress& address,
                                                                  const HttpLimits& limits) {
  auto listener = HttpListener::open(address);
  if (!listener) return Failure{listener.error()};
  auto core = std::make_unique<HttpServerCore>(std::move(*listener), limits);
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(core)));
}

Result<std::unique_ptr<HttpServer>, std::string> HttpServer::open(const TransportAddress& address,
                                                                  const HttpTlsFiles& files,
                                                                  const HttpLimits& limits) {
  auto tls = load_context(files);
  if (!tls) return Failure{tls.error()};
  auto server = open(address, limits);
  if (server) (*server)->core_->tls = std::move(*tls);
  return server;
}

Result<std::unique_ptr<HttpServer>, std::string> HttpServer::open(const HttpUnixSocket& socket,
                                                                  const HttpLimits& limits) {
  auto listener = HttpListener::open(socket);
  if (!listener) return Failure{listener.error()};
  auto core = std::make_unique<HttpServerCore>(std::move(*listener), limits);
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(core)));
}

HttpServer::HttpServer(std::unique_ptr<HttpServerCore> core) : core_(std::move(core)) {}

HttpServer::~HttpServer() { stop(); }

Result<Done, std::string> HttpServer::serve(std::vector<HttpRoute> routes) {
  HttpServerCore& core = *core_;
  CHECK(!core.thread.joinable() && !core.stopping);
  core.routes = std::move(routes);
  const int family = core.listener.is_unix()              ? AF_UNIX
                     : core.listener.address().ip.is_v4() ? AF_INET
                                                          : AF_INET6;
  error_code error;
  core.acceptor.emplace(core.io);
  core.acceptor->assign(HttpProtocol(family, 0), core.listener.descriptor(), error);
  if (error) return Failure{"the HTTP listener cannot be served: " + error.message()};
  core.listener.release();
  try {
    core.work.emplace(core.limits.workers, core.limits.queue);
    core.guard.emplace(core.io.get_executor());
    core.accept();
    core.thread = std::thread([&core] { core.io.run(); });
  } catch (const std::system_error& failed) {
    return Failure{std::string("a thread of the HTTP server cannot be started: ") + failed.what()};
  }
  ::pthread_setname_np(core.thread.native_handle(), "uturn-http");
  return Done{};
}

void HttpServer::stop() {
  HttpServerCore& core = *core_;
  core.listener.remove_name();
  core.stopping = true;
  if (!core.thread.joinable()) return;
  asio::post(core.io, [&core] { core.close_waiting(); });
  core.work->stop();
  // Behind the answers of the handlers that have just ended.
  asio::post(core.io, [&core] { core.await_busy(); });
  core.thread.join();
}

Result<HttpCertificate, std::string> HttpServer::read_certificate(const HttpTlsFiles& files) {
  return load_context(files);
}

void HttpServer::use_certificate(HttpCertificate certificate) {
  HttpServerCore& core = *core_;
  if (!core.thread.joinable()) {
    core.tls = std::move(certificate);
  } else {
    asio::post(core.io, [&core, tls = std::move(certificate)] { core.tls = tls; });
  }
}

const TransportAddress& HttpServer::address() const { return core_->listener.address(); }

const std::string& HttpServer::path() const { return core_->listener.path(); }

HttpCounters HttpServer::counters() const {
  return {core_->accepted, core_->evicted, core_->requests, core_->refused, core_->given_up};
}

}  // namespace uturn
