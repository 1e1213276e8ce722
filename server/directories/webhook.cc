// Asking a webhook by libcurl's multi interface: connections are kept, certificates verified.
#include "server/directories/webhook.h"

#include <curl/curl.h>
#include <pthread.h>

#include <map>

#include "io/clock.h"
#include "server/directories/webhook_answer.h"

namespace uturn {
namespace {

constexpr Duration kGonePause = std::chrono::seconds(2);
constexpr int kWait = 1'000;  // ms; a wake-up ends it

size_t take(char* data, size_t size, size_t count, void* body) {
  auto& text = *static_cast<std::string*>(body);
  const size_t bytes = size * count;
  if (text.size() + bytes > kMaxWebhookAnswer) return 0;  // which ends the transfer as failed
  text.append(data, bytes);
  return bytes;
}

}  // namespace

struct Webhook::Request {
  DirectoryQuestion question;
  std::string asked;
  std::string body;
};

struct Webhook::Curl {
  CURLM* multi = nullptr;
  curl_slist* headers = nullptr;
  std::map<CURL*, std::unique_ptr<Request>> requests;

  ~Curl() {
    for (const auto& [handle, request] : requests) {
      curl_multi_remove_handle(multi, handle);
      curl_easy_cleanup(handle);
    }
    curl_multi_cleanup(multi);
    curl_slist_free_all(headers);
  }
};

Webhook::Webhook(WebhookConfig settings, uint32_t connections, Duration timeout, OnChange on_change)
    : settings_(std::move(settings)),
      connections_(connections),
      timeout_(timeout),
      on_change_(std::move(on_change)) {}

Webhook::~Webhook() { stop(); }

void Webhook::start(OnAnswer on_answer) {
  on_answer_ = std::move(on_answer);
  curl_ = std::make_unique<Curl>();
  curl_->multi = curl_multi_init();
  CHECK(curl_->multi != nullptr);
  curl_multi_setopt(curl_->multi, CURLMOPT_MAXCONNECTS, static_cast<long>(connections_));
  curl_->headers = curl_slist_append(curl_->headers, "Content-Type: application/json");
  curl_->headers = curl_slist_append(curl_->headers, "Accept: application/json");
  if (!settings_.secret.empty()) {
    std::string header = "Authorization: Bearer " + settings_.secret.reveal();
    curl_->headers = curl_slist_append(curl_->headers, header.c_str());
    OPENSSL_cleanse(header.data(), header.size());
  }
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), "webhook");
}

void Webhook::ask(DirectoryQuestion question) {
  {
    const std::scoped_lock lock(mutex_);
    if (stopping_) return;
    waiting_.push_back(std::move(question));
  }
  curl_multi_wakeup(curl_->multi);
}

bool Webhook::is_gone() const {
  return Clock().monotonic().time_since_epoch().count() < gone_until_;
}

void Webhook::stop() {
  {
    const std::scoped_lock lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
  }
  if (!thread_.joinable()) return;
  curl_multi_wakeup(curl_->multi);
  thread_.join();
}

void Webhook::run() {
  for (;;) {
    for (;;) {
      std::unique_lock lock(mutex_);
      if (stopping_) return;
      if (waiting_.empty() || curl_->requests.size() >= connections_) break;
      DirectoryQuestion question = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      if (question.deadline > Clock().monotonic()) begin(std::move(question));
    }
    int running = 0;
    curl_multi_perform(curl_->multi, &running);
    int left = 0;
    while (CURLMsg* const message = curl_multi_info_read(curl_->multi, &left)) {
      if (message->msg == CURLMSG_DONE) finish(message->easy_handle, message->data.result);
    }
    if (!has_turn()) curl_multi_poll(curl_->multi, nullptr, 0, kWait, nullptr);
  }
}

/// Is there something to do before the next event?
bool Webhook::has_turn() {
  const std::scoped_lock lock(mutex_);
  return stopping_ || (!waiting_.empty() && curl_->requests.size() < connections_);
}

void Webhook::begin(DirectoryQuestion question) {
  CURL* const handle = curl_easy_init();
  CHECK(handle != nullptr);
  auto request = std::make_unique<Request>(Request{std::move(question), {}, {}});
  request->asked = webhook_question(request->question);
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(timeout_).count();
  curl_easy_setopt(handle, CURLOPT_URL, settings_.url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_PROXY, "");  // no variable of the environment leads elsewhere
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(milliseconds));
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, curl_->headers);
  curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE, static_cast<long>(request->asked.size()));
  curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request->asked.c_str());
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &request->body);
  if (!settings_.authorities.empty()) {
    curl_easy_setopt(handle, CURLOPT_CAINFO, settings_.authorities.c_str());
  }
  curl_->requests.emplace(handle, std::move(request));
  curl_multi_add_handle(curl_->multi, handle);
}

void Webhook::finish(void* handle, int result) {
  const auto done = curl_->requests.find(handle);
  CHECK(done != curl_->requests.end());
  const std::unique_ptr<Request> request = std::move(done->second);
  curl_->requests.erase(done);
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  curl_multi_remove_handle(curl_->multi, handle);
  curl_easy_cleanup(handle);

  SourceAnswer answer = SourceFailed{};
  const DirectoryQuestion& question = request->question;
  if (result == CURLE_OK) {
    answer = read_webhook_answer(status, request->body, question.realm, question.username);
  }
  OPENSSL_cleanse(request->body.data(), request->body.size());
  const bool has_failed = std::holds_alternative<SourceFailed>(answer);
  tell(!has_failed, result == CURLE_OK
                        ? "status " + std::to_string(status) + ", or a body not understood"
                        : curl_easy_strerror(static_cast<CURLcode>(result)));
  on_answer_(question, std::move(answer));
}

void Webhook::tell(bool is_there, const std::string& why) {
  if (!is_there) {
    gone_until_ = (Clock().monotonic() + kGonePause).time_since_epoch().count();
  } else {
    gone_until_ = 0;
  }
  if (is_there != was_gone_) return;
  was_gone_ = !is_there;
  on_change_(is_there, why);
}

}  // namespace uturn
