// Permissions: who may talk to the allocation, and until when.
#include "client/permissions.h"

#include <algorithm>

namespace uturn {

bool Permissions::want(const IpAddress& peer, Now now) {
  if (Entry* entry = find(peer)) {
    if (!entry->wanted) entry->refresh_at = now.monotonic;
    entry->wanted = true;
    return true;
  }
  if (entries_.size() == kMaxPermissions) remove_expired(now);
  if (entries_.size() == kMaxPermissions) return false;
  entries_.push_back({.peer = peer,
                      .expires_at = now.monotonic,
                      .refresh_at = now.monotonic,
                      .wanted = true,
                      .under_way = false});
  return true;
}

// A permission cannot be deleted on the server (RFC 8656, Section 9): it ends there by itself.
void Permissions::drop(const IpAddress& peer) {
  if (Entry* entry = find(peer)) entry->wanted = false;
}

const IpAddress* Permissions::next_due(Now now) const {
  const auto due = std::ranges::find_if(entries_, [now](const Entry& entry) {
    return entry.wanted && !entry.under_way && is_past(entry.refresh_at, now);
  });
  return due == entries_.end() ? nullptr : &due->peer;
}

Instant Permissions::next_refresh() const {
  Instant next = kNever;
  for (const Entry& entry : entries_) {
    if (entry.wanted && !entry.under_way) next = std::min(next, entry.refresh_at);
  }
  return next;
}

void Permissions::request_started(const IpAddress& peer) {
  if (Entry* entry = find(peer)) entry->under_way = true;
}

void Permissions::installed(const IpAddress& peer, Instant requested_at) {
  Entry* entry = find(peer);
  if (!entry) {
    if (entries_.size() == kMaxPermissions) return;
    entry = &entries_.emplace_back();
    entry->peer = peer;
  }
  entry->expires_at = std::max(entry->expires_at, requested_at + kPermissionLifetime);
  entry->refresh_at = entry->expires_at - kRefreshMargin;
  entry->under_way = false;
}

void Permissions::refused(const IpAddress& peer) {
  if (Entry* entry = find(peer)) {
    entry->wanted = false;
    entry->under_way = false;
  }
}

void Permissions::request_ended(const IpAddress& peer) {
  if (Entry* entry = find(peer)) entry->under_way = false;
}

bool Permissions::is_active(const IpAddress& peer, Now now) const {
  const Entry* entry = find(peer);
  return entry && !is_past(entry->expires_at, now);
}

bool Permissions::is_expected(const IpAddress& peer, Now now) const {
  const Entry* entry = find(peer);
  return entry && (entry->under_way || !is_past(entry->expires_at, now));
}

void Permissions::remove_family(AddressFamily family) {
  std::erase_if(entries_, [family](const Entry& entry) { return entry.peer.family() == family; });
}

Permissions::Entry* Permissions::find(const IpAddress& peer) {
  const auto found = std::ranges::find(entries_, peer, &Entry::peer);
  return found == entries_.end() ? nullptr : &*found;
}

const Permissions::Entry* Permissions::find(const IpAddress& peer) const {
  const auto found = std::ranges::find(entries_, peer, &Entry::peer);
  return found == entries_.end() ? nullptr : &*found;
}

void Permissions::remove_expired(Now now) {
  std::erase_if(entries_, [now](const Entry& entry) {
    return !entry.wanted && !entry.under_way && is_past(entry.expires_at, now);
  });
}

}  // namespace uturn
