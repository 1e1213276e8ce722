// The server's certificates: loaded at start, handed to the shards whenever they change.
#include "io/kernel_tls.h"
#include "server/admin/dashboard_server.h"
#include "server/server.h"
#include "server/shard_errand.h"

namespace uturn {
// Still as root, and before anything is bound: a listener that nobody could be served on must not
// be there.
Result<Done, std::string> Server::load_certificates() {
  const bool are_named = !config_.tls.all().empty();
  if (!are_named && !config_.start.certificate_generated) return Done{};
  SelfSigned self_signed{.names = {"localhost"}, .addresses = addresses_of(locals_)};
  for (const ExternalAddress& pair : external_) self_signed.addresses.push_back(pair.shown);
  auto loaded = Certificates::load(config_.tls, std::move(self_signed), log_, clock_.now());
  if (!loaded) return Failure{loaded.error()};
  certificates_ = std::move(*loaded);
  // Records of bursts and small messages gain nothing by it; who plans for more reads it here.
  log_.of(LogComponent::tls)
      .info("TLS is encrypted in this process",
            {{"kernel_tls", kernel_has_tls() ? "available" : "not available"}});
  return Done{};
}

// Handshakes that began go on with the former context, and so do their sessions.
void Server::hand_to_shards(const std::shared_ptr<const TlsContext>& context) {
  if (dashboard_) {
    if (auto loaded = dashboard_->reload_certificate(); !loaded) {
      log_.error("the dashboard goes on with its former certificate",
                 {{"because", loaded.error()}});
    }
  }
  for (uint8_t shard = 0; shard < workers_; ++shard) {
    auto taken = ask_shard(*channel_, shard, [context](Shard& at) {
      at.set_tls_context(context);
      return true;
    });
    const bool has_ended = taken.wait_for(kShardPatience) == std::future_status::ready;
    if (has_ended && taken.get()) continue;
    log_.of(LogComponent::tls)
        .error("a worker did not take the certificates over and goes on with the former ones",
               {{"worker", uint64_t{shard}}});
  }
}

void Server::reload_certificates() {
  if (!certificates_) {
    log_.of(LogComponent::tls).info("SIGUSR2 is ignored: no certificate is configured");
    return;
  }
  log_.of(LogComponent::tls).info("SIGUSR2: certificates are loaded anew");
  (void)certificates_->reload(clock_.now());  // it logs
}

}  // namespace uturn
