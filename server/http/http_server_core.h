// What an HTTP server consists of while it runs. Included by its own files only: Boost.Beast is
// slow to compile.
#pragma once

#include <atomic>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "server/http/http_server.h"
#include "server/http/work_queue.h"

namespace uturn {

namespace asio = boost::asio;
using boost::system::error_code;
using HttpProtocol = asio::generic::stream_protocol;  // TCP and Unix sockets alike
using HttpTlsContext = std::shared_ptr<asio::ssl::context>;

class HttpConnection;

// Everything but the counters, `stopping` and `work` belongs to the thread of `io` while it runs.
struct HttpServerCore {
  HttpServerCore(HttpListener its_listener, const HttpLimits& its_limits)
      : listener(std::move(its_listener)), limits(its_limits) {}

  void accept();
  void admit(HttpProtocol::socket socket);
  bool make_room();
  void close_waiting();
  void await_busy();
  void forget(std::list<HttpConnection*>& list, std::list<HttpConnection*>::iterator place);

  HttpListener listener;
  const HttpLimits limits;
  std::vector<HttpRoute> routes;
  HttpTlsContext tls;
  std::optional<WorkQueue> work;
  std::atomic<bool> stopping = false;
  std::atomic<uint64_t> accepted = 0;
  std::atomic<uint64_t> evicted = 0;
  std::atomic<uint64_t> requests = 0;
  std::atomic<uint64_t> refused = 0;
  std::atomic<uint64_t> given_up = 0;

  std::list<HttpConnection*> waiting;  ///< for their client, the longest first
  std::list<HttpConnection*> busy;     ///< with a handler or an answer
  std::thread thread;

  // Last, so that what its handlers own goes first.
  asio::io_context io{1};
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> guard;
  std::optional<asio::basic_socket_acceptor<HttpProtocol>> acceptor;
  asio::steady_timer pause{io};  ///< of accepting
  asio::steady_timer grace{io};  ///< of those that are answered while the server stops
};

/// What the server knows of a connection, whatever it is made of.
class HttpConnection {
 public:
  explicit HttpConnection(HttpServerCore& core) : core_(core) {
    place_ = core_.waiting.insert(core_.waiting.end(), this);
  }
  virtual ~HttpConnection() { core_.forget(is_waiting_ ? core_.waiting : core_.busy, place_); }
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  /// Ends every wait; the connection goes with the last of them.
  virtual void abandon() = 0;

 protected:
  void now_waits() { move_to(core_.waiting, true); }
  void now_busy() { move_to(core_.busy, false); }

  HttpServerCore& core_;

 private:
  void move_to(std::list<HttpConnection*>& list, bool waits) {
    list.splice(list.end(), is_waiting_ ? core_.waiting : core_.busy, place_);
    is_waiting_ = waits;
  }

  std::list<HttpConnection*>::iterator place_;
  bool is_waiting_ = true;
};

}  // namespace uturn
