// `uturn top` by ANSI sequences: raw input, the alternate screen, one look a second.
#include "server/admin/top.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <ostream>

#include "server/admin/admin_socket.h"
#include "server/admin/admin_texts.h"

namespace uturn {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::steady_clock;

constexpr int kSessionsShown = 200;
constexpr Duration kPatience = std::chrono::seconds(10);

volatile sig_atomic_t is_told_to_end = 0;
void end_on_signal(int /*signal*/) { is_told_to_end = 1; }
void wake_on_signal(int /*signal*/) {}  // poll() returns: the size is asked anew

void write_all(const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(STDOUT_FILENO, text.data() + done, text.size() - done);
    if (n <= 0) return;
    done += static_cast<size_t>(n);
  }
}

/// Raw and on the alternate screen as long as it lives.
class Terminal {
 public:
  Terminal() {
    ::tcgetattr(STDIN_FILENO, &before_);
    termios raw = before_;
    ::cfmakeraw(&raw);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    struct sigaction end{};
    end.sa_handler = end_on_signal;
    struct sigaction wake{};
    wake.sa_handler = wake_on_signal;
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) ::sigaction(number, &end, nullptr);
    ::sigaction(SIGWINCH, &wake, nullptr);
    write_all("\x1b[?1049h\x1b[?25l");
  }
  ~Terminal() {
    write_all("\x1b[?25h\x1b[?1049l");
    ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  static winsize size() {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
      size.ws_col = 80;
      size.ws_row = 24;
    }
    return size;
  }

 private:
  termios before_{};
};

struct Look {
  Json status;
  Json sessions;
};

Result<Json, std::string> ask_json(AskAdmin ask, const std::string& socket,
                                   const std::string& target) {
  const auto answer = ask(socket, "GET", target, "", kPatience);
  if (!answer) return Failure{answer.error()};
  Json json = Json::parse(answer->body, nullptr, false);
  if (answer->status != 200 || !json.is_object()) {
    return Failure{std::string("the server does not say how it is")};
  }
  return json;
}

Result<Look, std::string> look_at(AskAdmin ask, const std::string& socket) {
  auto status = ask_json(ask, socket, "/v1/status");
  if (!status) return Failure{status.error()};
  auto sessions =
      ask_json(ask, socket, "/v1/sessions?sort=traffic&limit=" + std::to_string(kSessionsShown));
  if (!sessions) return Failure{sessions.error()};
  return Look{std::move(*status), std::move(*sessions)};
}

double number_at(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_number() ? found->get<double>() : 0;
}

double rate(double now, double before, double seconds) {
  return seconds > 0 ? std::max(0.0, now - before) / seconds : 0;
}

std::string clipped(std::string line, int columns) {
  if (line.size() > static_cast<size_t>(columns)) line.resize(static_cast<size_t>(columns));
  return line;
}

/// Waits for a key or the next look; says whether the view ends.
bool waits_and_ends(steady_clock::time_point until, bool& resized) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - steady_clock::now());
  pollfd input{STDIN_FILENO, POLLIN, 0};
  const int ready = ::poll(&input, 1, static_cast<int>(std::max<int64_t>(0, left.count())));
  if (is_told_to_end) return true;
  resized = ready < 0;
  if (ready <= 0) return false;
  char key = 0;
  if (::read(STDIN_FILENO, &key, 1) <= 0) return true;  // the terminal is gone
  constexpr char kControlC = 3;
  return key == 'q' || key == 'Q' || key == kControlC;
}

}  // namespace

void TopView::look(const Json& status, const Json& sessions, double seconds) {
  status_ = status;
  const Json totals = status.value("totals", Json::object());
  const double to_peers = number_at(totals, "bytes_to_peers");
  const double to_clients = number_at(totals, "bytes_to_clients");
  const double packets =
      number_at(totals, "packets_to_peers") + number_at(totals, "packets_to_clients");
  if (has_looked_) {
    to_peers_ = rate(to_peers, last_to_peers_, seconds);
    to_clients_ = rate(to_clients, last_to_clients_, seconds);
    packets_ = rate(packets, last_packets_, seconds);
  }
  last_to_peers_ = to_peers;
  last_to_clients_ = to_clients;
  last_packets_ = packets;

  rows_.clear();
  std::map<std::string, double> bytes_of;
  for (const Json& session : sessions.value("sessions", Json::array())) {
    const std::string id = session.value("id", "");
    const double bytes =
        number_at(session, "bytes_to_peers") + number_at(session, "bytes_to_client");
    const auto before = bytes_of_.find(id);
    rows_.push_back(
        {session, before == bytes_of_.end() ? 0 : rate(bytes, before->second, seconds)});
    bytes_of[id] = bytes;
  }
  bytes_of_ = std::move(bytes_of);
  std::ranges::stable_sort(rows_, std::greater{}, &Row::rate);
  has_looked_ = true;
}

std::string TopView::screen(int columns, int rows) const {
  const Json relay = status_.value("relay", Json::object());
  const Json drain = status_.value("drain", Json::object());
  std::vector<std::string> lines;
  lines.push_back("uturn " + status_.value("version", "") + "  " + status_.value("state", "") +
                  (drain.empty() ? "" : " (" + time_text(number_at(drain, "ends_in")) + " left)") +
                  "  up " + time_text(number_at(status_, "uptime")) + "  q quits");
  lines.push_back("allocations " + status_.value("allocations", Json(0)).dump() + "  ports " +
                  relay.value("ports_held", Json(0)).dump() + "/" +
                  relay.value("ports_total", Json(0)).dump());
  lines.push_back("to peers " + bit_rate_text(to_peers_) + "  to clients " +
                  bit_rate_text(to_clients_) + "  " + std::to_string(std::lround(packets_)) +
                  " packets/s");
  lines.emplace_back();
  std::vector<std::vector<std::string>> table{
      {"USER", "CLIENT", "BY", "AGE", "IDLE", "RATE", "BYTES"}};
  const size_t room = static_cast<size_t>(std::max(0, rows - static_cast<int>(lines.size()) - 1));
  for (size_t i = 0; i < std::min(room, rows_.size()); ++i) {
    const Json& session = rows_[i].session;
    const auto cells = session_row(session);
    table.push_back(
        {cells[1], cells[2], cells[3], cells[5], cells[6], bit_rate_text(rows_[i].rate),
         byte_text(number_at(session, "bytes_to_peers") + number_at(session, "bytes_to_client"))});
  }
  const std::string text = table_text(table);
  for (size_t start = 0; start < text.size();) {
    const size_t end = text.find('\n', start);
    lines.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  std::string screen;
  for (size_t i = 0; i < lines.size() && i < static_cast<size_t>(rows); ++i) {
    screen += (i > 0 ? "\r\n" : "") + clipped(lines[i], columns) + "\x1b[K";
  }
  return screen;
}

int run_top(const AdminCommandOptions& options, AskAdmin ask, std::ostream& err) {
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0) {
    err << "uturn top: this is no terminal; `uturn status --json` is for programs\n";
    return 2;
  }
  const std::string socket =
      options.socket.empty() ? find_admin_socket(std::getenv("XDG_RUNTIME_DIR")) : options.socket;
  auto first = look_at(ask, socket);
  if (!first) {
    err << "uturn top: " << first.error() << "\n";
    return 1;
  }
  TopView view;
  view.look(first->status, first->sessions, 0);
  auto looked_at = steady_clock::now();
  std::string failure;
  {
    const Terminal terminal;
    for (;;) {
      const winsize size = Terminal::size();
      write_all("\x1b[H" + view.screen(size.ws_col, size.ws_row) + "\x1b[J");
      bool resized = false;
      if (waits_and_ends(looked_at + std::chrono::seconds(options.interval), resized)) break;
      if (resized || steady_clock::now() < looked_at + std::chrono::seconds(options.interval)) {
        continue;
      }
      const auto next = look_at(ask, socket);
      if (!next) {
        failure = next.error();
        break;
      }
      const auto now = steady_clock::now();
      view.look(next->status, next->sessions,
                std::chrono::duration<double>(now - looked_at).count());
      looked_at = now;
    }
  }
  if (failure.empty()) return 0;
  err << "uturn top: " << failure << "\n";
  return 1;
}

}  // namespace uturn
