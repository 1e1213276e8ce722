// Both ends of a DTLS association and the network between them.
#include "tests/io/dtls_harness.h"

#include <gtest/gtest.h>
#include <sys/time.h>

#include <atomic>
#include <ctime>

namespace {

std::atomic<int64_t> added_microseconds = 0;

}  // namespace

// Found before the C library's by every library of the process.
extern "C" int gettimeofday(timeval* time, void* /*zone*/) noexcept {
  timespec real{};
  ::clock_gettime(CLOCK_REALTIME, &real);
  const int64_t all = int64_t{real.tv_sec} * 1'000'000 + real.tv_nsec / 1'000 + added_microseconds;
  time->tv_sec = all / 1'000'000;
  time->tv_usec = all % 1'000'000;
  return 0;
}

namespace uturn {

void let_openssl_time_pass(Duration time) {
  added_microseconds += std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

Datagram next_datagram(DtlsSession& session) {
  Datagram datagram(2'048);
  datagram.resize(session.poll_transmit(datagram));
  return datagram;
}

std::string read_all(DtlsSession& session) {
  std::string heard;
  std::vector<uint8_t> out(DtlsSession::kMaxPlaintext);
  while (const size_t size = session.read(out)) heard += text_of({out.data(), size});
  return heard;
}

std::string hears(DtlsSession& session, const Datagram& datagram) {
  session.feed(datagram);
  return read_all(session);
}

Datagram encrypt(DtlsSession& session, std::string_view message) {
  Datagram datagram(message.size() + DtlsSession::kRecordOverhead);
  const Bytes part = bytes_of(message);
  datagram.resize(session.write(std::span{&part, 1}, datagram));
  return datagram;
}

DtlsPair::DtlsPair(std::shared_ptr<const TlsContext> server_context,
                   ClientTlsSettings client_settings)
    : listener(std::move(server_context), now),
      client(DtlsSession::connect(client_context(std::move(client_settings)), "turn.example.org")) {
}

void DtlsPair::to_server(Bytes datagram) {
  const bool is_known = server != nullptr && server->began_with(datagram);
  const bool is_successors = successor != nullptr && successor->began_with(datagram);
  if (!is_client_hello(datagram) || is_known || is_successors) {
    DtlsSession* session = successor != nullptr ? successor.get() : server.get();
    if (session == nullptr) return;
    session->feed(datagram);
    read_all(*session);
    return;
  }
  std::array<uint8_t, DtlsListener::kAnswerSize> out;
  auto hello = listener.on_client_hello(datagram, kAlice, out, now);
  if (const Bytes* answer = std::get_if<Bytes>(&hello))
    answers.emplace_back(answer->begin(), answer->end());
  if (auto* session = std::get_if<std::unique_ptr<DtlsSession>>(&hello))
    (server == nullptr ? server : successor) = std::move(*session);
}

void DtlsPair::to_client(Bytes datagram) {
  client->feed(datagram);
  read_all(*client);
}

Datagram DtlsPair::transmitted_by(DtlsSession& session) {
  Datagram datagram = next_datagram(session);
  largest = std::max(largest, datagram.size());
  return datagram;
}

void DtlsPair::settle() {
  for (bool moved = true; moved;) {
    moved = false;
    for (Datagram datagram; !(datagram = transmitted_by(*client)).empty(); moved = true)
      for (size_t i = arrivals(); i > 0; --i) to_server(datagram);
    std::vector<Datagram> on_their_way;
    on_their_way.swap(answers);
    for (DtlsSession* session : {server.get(), successor.get()}) {
      if (session == nullptr) continue;
      for (Datagram datagram; !(datagram = transmitted_by(*session)).empty();)
        on_their_way.push_back(datagram);
    }
    for (const Datagram& datagram : on_their_way) {
      moved = true;
      for (size_t i = arrivals(); i > 0; --i) to_client(datagram);
    }
  }
}

std::string DtlsPair::server_hears(std::string_view message) {
  return hears(*server, encrypt(*client, message));
}

std::string DtlsPair::client_hears(std::string_view message) {
  return hears(*client, encrypt(*server, message));
}

void DtlsPair::time_out() {
  let_openssl_time_pass(61s);  // longer than any step of the schedule
  client->handle_timeout();
  if (server != nullptr) server->handle_timeout();
}

}  // namespace uturn
