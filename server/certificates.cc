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
      log_(log.of(LogComponent::tls)),
      watch_(std::make_unique<FileWatch>(files_of(config))),
      look_at_(kNever),
      next_rotation_(now.monotonic + TlsTicketKeys::kRotation),
      next_expiry_check_(now.monotonic) {}

Result<Done, std::string> Certificates::load_first(Now now) {
  const std::lock_guard lock(mutex_);
  states_ = file_states(watch_->paths());
  auto context = TlsContext::load(settings_of(config_, now),
                                  config_.tickets ? TlsTicketKeys::make(now) : nullptr);
  if (!context) return Failure{context.error()};
  context_ = std::move(*context);
  log_certificates(is_self_signed() ? "a certificate was made, signed by itself: clients have to "
                                      "be told to trust it"
                                    : "a certificate was loaded");
  check_expiry(now);
  return Done{};
}

TlsSettings Certificates::settings_of(const TlsConfig& config, Now now) const {
  TlsSettings settings;
  for (const CertificateFiles& files : config.all()) {
    settings.certificates.push_back({files.certificate, files.key, {}, {}});
  }
  if (settings.certificates.empty()) {
    settings.certificates = {make_self_signed(self_signed_.names, self_signed_.addresses, now)};
  }
  settings.alpn = {"stun.turn", "stun.nat-discovery"};
  settings.minimum_version = config.minimum_version;
  return settings;
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

Result<Certificates::Prepared, std::string> Certificates::prepare(const TlsConfig& config,
                                                                  Now now) {
  const std::lock_guard lock(mutex_);
  Prepared prepared{config, std::make_unique<FileWatch>(files_of(config)), {}, nullptr};
  // What is written after the files were looked at is found by the next look.
  prepared.states = file_states(prepared.watch->paths());
  auto context = read(config, now);
  if (!context) return Failure{context.error()};
  prepared.context = *std::move(context);
  if ((prepared.context->ticket_keys() != nullptr) != config.tickets) {
    prepared.context =
        prepared.context->with_ticket_keys(config.tickets ? TlsTicketKeys::make(now) : nullptr);
  }
  return prepared;
}

void Certificates::take(Prepared prepared, Now now) {
  const std::lock_guard lock(mutex_);
  config_ = std::move(prepared.config);
  watch_ = std::move(prepared.watch);
  states_ = std::move(prepared.states);
  hand_loaded(std::move(prepared.context), now);
}

Result<Done, std::string> Certificates::load_anew(Now now) {
  watch_->follow_links();
  states_ = file_states(watch_->paths());
  auto context = read(config_, now);
  if (!context) return Failure{context.error()};
  hand_loaded(*std::move(context), now);
  return Done{};
}

Result<std::shared_ptr<const TlsContext>, std::string> Certificates::read(const TlsConfig& config,
                                                                          Now now) {
  auto context = context_->reloaded(settings_of(config, now));
  if (!context) {
    ++counters_.failed_reloads;
    log_.error("certificates cannot be loaded anew; the former ones stay",
               {{"reason", context.error()}});
  }
  return context;
}

void Certificates::hand_loaded(std::shared_ptr<const TlsContext> context, Now now) {
  ++counters_.reloads;
  hand(std::move(context));
  log_certificates("a certificate was loaded anew");
  check_expiry(now);
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
