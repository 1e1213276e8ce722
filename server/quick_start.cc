// Quick start.
#include "server/quick_start.h"

#include <algorithm>

#include "server/config_texts.h"
#include "server/ice_servers.h"
#include "server/tls_checks.h"

namespace uturn {
namespace {

/// Letters and digits only: it must survive a shell, a URL and a reading aloud.
std::string random_password(Random& random) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  constexpr size_t kLength = 22;
  std::string password;
  for (size_t i = 0; i < kLength; ++i) password += kLetters[random.below(kLetters.size())];
  return password;
}

std::string join(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + text;
  return out;
}

std::string relay_addresses_text(const QuickStart& found) {
  std::vector<std::string> texts;
  const auto pairs = expand_external(found.external, found.relay_addresses);
  for (const IpAddress& address : found.relay_addresses) {
    const auto pair = std::ranges::find(pairs, address, &NatPair::private_address);
    texts.push_back(pair == pairs.end()
                        ? address.to_string()
                        : pair->public_address.to_string() + " (here " + address.to_string() + ")");
  }
  return join(texts);
}

}  // namespace

void complete_quick_start(Config& config, Random& random) {
  if (!config.start.is_quick_start()) return;
  config.start.certificate_generated = needs_certificate(config) && config.tls.all().empty();
  if (!config.auth.required || config.auth.has_source()) return;
  StaticUser user;
  user.password = Secret(random_password(random));
  config.auth.users.emplace("uturn", std::move(user));
  config.start.credential_generated = true;
}

bool has_only_private_addresses(const QuickStart& found) {
  const auto pairs = expand_external(found.external, found.relay_addresses);
  return std::ranges::none_of(found.relay_addresses, [&](const IpAddress& address) {
    return is_public(address) || std::ranges::count(pairs, address, &NatPair::private_address) > 0;
  });
}

std::string quick_start_text(const QuickStart& found) {
  std::vector<std::string> listeners;
  for (const ListenerUri& listener : found.listeners) listeners.push_back(listener.to_string());

  std::string text = "uturn " UTURN_VERSION " is up, without a configuration file.\n\n";
  text += "  listening  " + join(listeners) + "\n";
  text += "  relaying   " + relay_addresses_text(found) + ", ports " +
          print_port_range(found.ports) + "\n";
  if (!found.self_test.empty()) text += "  self-test  " + found.self_test + "\n";
  if (found.is_self_signed) {
    text +=
        "  TLS        a certificate made just now, signed by itself: browsers refuse it; a real "
        "one "
        "by --cert FILE --key FILE\n";
  }
  if (has_only_private_addresses(found)) {
    text +=
        "  NAT        only private addresses were found: clients elsewhere need --external-ip "
        "PUBLIC-ADDRESS\n";
  }
  const auto urls = ice_urls(found.listeners, found.external, found.locals, found.certified_name);
  text += "\nFor the page's RTCPeerConnection:\n\n";
  text += ice_servers_json(urls, found.username, found.credential) + "\n\n";
  text += "Ctrl-C stops the server.\n";
  return text;
}

}  // namespace uturn
