// Certificates: loading, watching, rotating.
//
// RFC 5077, Section 5.5 (ticket keys are changed); RFC 7443, Sections 1 and 2 (ALPN names);
// RFC 7350, Section 4.
#include "server/certificates.h"

#include <algorithm>
#include <utility>

#include "server/tls_checks.h"

namespace uturn {
namespace {

std::vector<std::string> files_of(const TlsConfig& config) {
  std::vector<std::string> paths;
  for (const CertificateFiles& files : config.all()) {
    paths.push_back(files.certificate);
    paths.push_back(files.key);
  }
  return paths;
}

TlsSettings settings_of(const TlsConfig& config) {
  TlsSettings settings;
  for (const CertificateFiles& files : config.all()) {
    settings.certificates.push_back({files.certificate, files.key, {}, {}});
  }
  settings.alpn = {"stun.turn", "stun.nat-discovery"};
  settings.minimum_version = config.minimum_version;
  return settings;
}

std::string join(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  return all.empty() ? "nobody" : all;
}

}  // namespace

Result<std::unique_ptr<Certificates>, std::string> Certificates::load(const TlsConfig& config,
                                                                      SelfSigned self_signed,
                                                                      const Log& log, Now now) {
  std::unique_ptr<Certificates> certificates{
      new Certificates(config, std::move(self_signed), log, now)};
  if (auto loaded = certificates->load_first(now); !loaded) return Failure{loaded.error()};
  return certificates;
}

Certificates::Certificates(const TlsConfig& config, SelfSigned self_signed, const Log& log, Now now)
    : config_(config),
      self_signed_(std::move(self_signed)),
      log_(log),
      watch_(std::make_unique<FileWatch>(files_of(config))),
      look_at_(kNever),
      next_rotation_(now.monotonic + TlsTicketKeys::kRotation),
      next_expiry_check_(now.monotonic) {}

Result<Done, std::string> Certificates::load_first(Now now) {
  const std::lock_guard lock(mutex_);
  set_settings(now);
  auto context = TlsContext::load(settings_, config_.tickets ? TlsTicketKeys::make(now) : nullptr);
  if (!context) return Failure{context.error()};
  context_ = std::move(*context);
  log_certificates(is_self_signed() ? "a certificate was made, signed by itself: clients have to "
                                      "be told to trust it"
                                    : "a certificate was loaded");
  check_expiry(now);
  return Done{};
}

// What was written after the files were looked at is found by the next look.
void Certificates::set_settings(Now now) {
  states_ = file_states(watch_->paths());
  settings_ = settings_of(config_);
  if (is_self_signed()) {
    settings_.certificates = {make_self_signed(self_signed_.names, self_signed_.addresses, now)};
  }
}

std::shared_ptr<const TlsContext> Certificates::context() const {
  const std::lock_guard lock(mutex_);
  return context_;
}

void Certificates::hand_to(std::function<void(const std::shared_ptr<const TlsContext>&)> receiver) {
  const std::lock_guard lock(mutex_);
  receiver_ = std::move(receiver);
}

Result<Done, std::string> Certificates::reload(Now now) {
  const std::lock_guard lock(mutex_);
  return load_anew(now);
}

// On error the former files go on being watched.
Result<Done, std::string> Certificates::reconfigure(const TlsConfig& config, Now now) {
  const std::lock_guard lock(mutex_);
  TlsConfig former = std::exchange(config_, config);
  auto former_watch = std::exchange(watch_, std::make_unique<FileWatch>(files_of(config)));
  auto loaded = load_anew(now);
  if (loaded) {
    const bool has_keys = context_->ticket_keys() != nullptr;
    if (has_keys != config.tickets) {
      hand(context_->with_ticket_keys(config.tickets ? TlsTicketKeys::make(now) : nullptr));
    }
    return loaded;
  }
  config_ = std::move(former);
  watch_ = std::move(former_watch);
  set_settings(now);
  return loaded;
}

Result<Done, std::string> Certificates::load_anew(Now now) {
  watch_->follow_links();
  set_settings(now);
  auto context = context_->reloaded(settings_);
  if (!context) {
    ++counters_.failed_reloads;
    log_.error("certificates cannot be loaded anew; the former ones stay",
               {{"reason", context.error()}});
    return Failure{context.error()};
  }
  ++counters_.reloads;
  hand(std::move(*context));
  log_certificates("a certificate was loaded anew");
  check_expiry(now);
  return Done{};
}

void Certificates::hand(std::shared_ptr<const TlsContext> context) {
  context_ = std::move(context);
  if (receiver_) receiver_(context_);
}

void Certificates::on_files_changed(Now now) {
  const std::lock_guard lock(mutex_);
  watch_->take();
  if (!changed_since_) changed_since_ = now.monotonic;
  look_at_ = std::min(now.monotonic + kQuiet, *changed_since_ + kMostPatience);
}

Instant Certificates::next_deadline() const {
  const std::lock_guard lock(mutex_);
  return std::min({look_at_, next_rotation_, next_expiry_check_});
}

void Certificates::on_time(Now now) {
  const std::lock_guard lock(mutex_);
  if (is_past(look_at_, now)) look_at_files(now);
  if (is_past(next_rotation_, now)) {
    rotate_ticket_keys(now);
    look_at_files(now);  // where inotify hears nothing: on a network's file system
  }
  if (is_past(next_expiry_check_, now)) check_expiry(now);
}

// A reload that failed is not repeated before something changes again.
void Certificates::look_at_files(Now now) {
  changed_since_.reset();
  look_at_ = kNever;
  if (is_self_signed() || file_states(watch_->paths()) == states_) return;
  (void)load_anew(now);  // it logs
}

void Certificates::rotate_ticket_keys(Now now) {
  next_rotation_ = now.monotonic + TlsTicketKeys::kRotation;
  if (context_->ticket_keys() == nullptr) return;
  ++counters_.ticket_key_rotations;
  hand(context_->with_ticket_keys(context_->ticket_keys()->rotated(now)));
}

void Certificates::check_expiry(Now now) {
  next_expiry_check_ = now.monotonic + kExpiryCheck;
  if (is_self_signed()) {
    // Nobody else would renew it.
    if (context_->expires_at() - now.calendar <= kExpiryNotice) (void)load_anew(now);
    return;
  }
  for (const TlsCertificateFacts& facts : context_->certificates()) {
    const std::string said = explain_validity(facts.valid_from, facts.expires_at, now.calendar);
    if (!said.empty()) log_.warn("the certificate " + said, {{"certificate", facts.origin}});
  }
}

std::vector<TlsCertificateFacts> Certificates::facts() const {
  const std::lock_guard lock(mutex_);
  const auto all = context_->certificates();
  return {all.begin(), all.end()};
}

Certificates::Counters Certificates::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

void Certificates::log_certificates(std::string_view message) const {
  for (const TlsCertificateFacts& facts : context_->certificates()) {
    log_.info(message, {{"certificate", facts.origin},
                        {"for", join(facts.names)},
                        {"until", date_text(facts.expires_at)}});
  }
}

}  // namespace uturn
