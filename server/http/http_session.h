// HttpSession: one connection of an HTTP server, from the first byte to the last.
#pragma once

#include <array>
#include <boost/asio/post.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <string>
#include <utility>

#include "server/http/http_server_core.h"

namespace uturn {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using PlainStream = beast::basic_stream<HttpProtocol>;
using TlsStream = beast::ssl_stream<PlainStream>;

// http_session.cc
std::string http_date();
/// A status for what could not be read; nothing where nobody waits for an answer.
std::optional<HttpResponse> answer_to(const error_code& error);
/// Calls the handler, whatever it throws.
HttpResponse run(const HttpRoute& route, const HttpRequest& request);

/// handshake -> (wait -> header -> body -> handler -> answer)… -> close. Each step holds the
/// connection alive, and has a deadline.
template <class Stream>
class HttpSession final : public HttpConnection,
                          public std::enable_shared_from_this<HttpSession<Stream>> {
 public:
  static constexpr auto kLinger = std::chrono::seconds(1);
  static constexpr size_t kReadSize = 4 * 1024;
  static constexpr size_t kBufferSlack = 64 * 1024;         // what a read may bring beyond a header
  static constexpr size_t kMaxDiscarded = size_t{1} << 20;  // of a request that was refused
  static constexpr bool kIsSecure = std::is_same_v<Stream, TlsStream>;

  HttpSession(HttpServerCore& core, Stream stream, HttpRequest origin, HttpTlsContext tls)
      : HttpConnection(core),
        tls_(std::move(tls)),
        stream_(std::move(stream)),
        buffer_(core.limits.header_size + kBufferSlack),
        origin_(std::move(origin)) {}

  void start() {
    if constexpr (kIsSecure) {
      lowest().expires_after(core_.limits.request_timeout);
      stream_.async_handshake(asio::ssl::stream_base::server,
                              [self = this->shared_from_this()](const error_code& error) {
                                if (!error) self->wait(self->core_.limits.request_timeout);
                              });
    } else {
      wait(core_.limits.request_timeout);
    }
  }

  void abandon() override { lowest().close(); }

 private:
  PlainStream& lowest() { return beast::get_lowest_layer(stream_); }

  // For the first byte of a request; a client that keeps its connection may take its time.
  void wait(Duration patience) {
    if (core_.stopping) return;
    now_waits();
    if (buffer_.size() > 0) return read_header();
    lowest().expires_after(patience);
    stream_.async_read_some(buffer_.prepare(kReadSize),
                            [self = this->shared_from_this()](const error_code& error, size_t n) {
                              self->buffer_.commit(n);
                              if (!error) self->read_header();
                            });
  }

  void read_header() {
    parser_.emplace();
    parser_->header_limit(core_.limits.header_size);
    parser_->body_limit(core_.limits.body_size);
    lowest().expires_after(core_.limits.request_timeout);
    http::async_read_header(stream_, buffer_, *parser_,
                            [self = this->shared_from_this()](const error_code& error, size_t) {
                              if (error) return self->refuse(error);
                              self->read_body();
                            });
  }

  // RFC 9110, Section 10.1.1.
  void read_body() {
    if (!beast::iequals(parser_->get()[http::field::expect], "100-continue")) {
      return read_rest();
    }
    parser_->get().erase(http::field::expect);
    go_on_ = {http::status::continue_, parser_->get().version()};
    http::async_write(stream_, go_on_,
                      [self = this->shared_from_this()](const error_code& error, size_t) {
                        if (!error) self->read_rest();
                      });
  }

  void read_rest() {
    http::async_read(stream_, buffer_, *parser_,
                     [self = this->shared_from_this()](const error_code& error, size_t) {
                       if (error) return self->refuse(error);
                       self->dispatch();
                     });
  }

  void refuse(const error_code& error) {
    auto response = answer_to(error);
    if (!response) return;
    ++core_.refused;
    now_busy();
    closes_ = lingers_ = true;
    answer(std::move(*response));
  }

  void dispatch() {
    now_busy();
    lowest().expires_never();
    auto& message = parser_->get();
    closes_ = !message.keep_alive();
    is_head_ = message.method() == http::verb::head;
    const auto target = parse_target({message.target().data(), message.target().size()});
    if (!target) return refuse_request(http_error(400, "the request's target is malformed"));

    HttpRequest request = origin_;
    request.method = is_head_ ? "GET" : std::string(message.method_string());
    request.path = target->path;
    request.query = target->query;
    for (const auto& field : message) {
      request.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
    }
    request.body = std::move(message.body());
    HttpMatch match = find_route(core_.routes, request.method, request.path);
    if (match.route == nullptr) return refuse_request(std::move(match.refusal));

    auto work = [self = this->shared_from_this(), route = match.route,
                 request = std::move(request)]() mutable {
      HttpServerCore& core = self->core_;
      auto response = core.stopping ? http_error(503, "the server stops") : run(*route, request);
      ++core.requests;
      asio::post(core.io, [self = std::move(self), response = std::move(response)]() mutable {
        self->answer(std::move(response));
      });
    };
    if (!core_.work->push(std::move(work))) {
      HttpResponse overloaded = http_error(503, "too many requests are in line");
      overloaded.headers.emplace_back("Retry-After", "1");
      refuse_request(std::move(overloaded));
    }
  }

  void refuse_request(HttpResponse response) {
    ++core_.refused;
    answer(std::move(response));
  }

  void answer(HttpResponse response) {
    if (core_.stopping) closes_ = true;
    answer_ = {};
    answer_.result(static_cast<unsigned>(response.status));
    answer_.version(11);
    answer_.keep_alive(!closes_);
    answer_.set(http::field::date, http_date());
    answer_.set(http::field::content_type, response.type);
    answer_.set(http::field::cache_control, "no-store");
    answer_.set("X-Content-Type-Options", "nosniff");
    // Several may have one name: Link.
    for (const auto& [name, value] : response.headers) {
      if (beast::iequals(name, "Cache-Control")) answer_.erase(name);
      answer_.insert(name, value);
    }
    if (response.status != 204 && response.status != 304) {
      answer_.content_length(response.body.size());
      if (!is_head_) answer_.body() = std::move(response.body);
    } else {
      answer_.erase(http::field::content_type);
    }
    lowest().expires_after(core_.limits.answer_timeout);
    http::async_write(stream_, answer_,
                      [self = this->shared_from_this()](const error_code& error, size_t) {
                        if (!error) return self->answered();
                        ++self->core_.given_up;
                      });
  }

  void answered() {
    parser_.reset();
    if (!closes_) return wait(core_.limits.idle_timeout);
    lowest().expires_after(kLinger);
    if (lingers_) return linger();
    if constexpr (kIsSecure) {
      stream_.async_shutdown([self = this->shared_from_this()](const error_code&) {});
    } else {
      error_code ignored;
      lowest().socket().shutdown(asio::socket_base::shutdown_both, ignored);
    }
  }

  // What is still on its way from a client that was refused would have the kernel reset the
  // connection, and the answer be lost.
  void linger() {
    if (discarded_ == 0) {
      error_code ignored;
      if (!kIsSecure) lowest().socket().shutdown(asio::socket_base::shutdown_send, ignored);
    }
    stream_.async_read_some(asio::buffer(waste_),
                            [self = this->shared_from_this()](const error_code& error, size_t n) {
                              self->discarded_ += n;
                              if (!error && self->discarded_ < kMaxDiscarded) self->linger();
                            });
  }

  HttpTlsContext tls_;  ///< outlives what was made of it
  Stream stream_;
  beast::flat_buffer buffer_;
  const HttpRequest origin_;  ///< what all requests of this connection have in common
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::empty_body> go_on_;
  http::response<http::string_body> answer_;
  bool is_head_ = false;
  bool closes_ = false;
  bool lingers_ = false;
  size_t discarded_ = 0;
  std::array<char, 1'024> waste_{};
};

}  // namespace uturn
