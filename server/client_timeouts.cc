// How long a client's connection may keep us waiting.
#include "server/client_streams.h"

namespace uturn {

// Whoever has waited for longer than it may from now on is done with in the next pass.
void ClientStreams::reload(StreamSettings settings) {
  settings.tls = std::move(settings_.tls);
  settings_ = std::move(settings);
  for (const auto& client : by_slot_) {
    if (client != nullptr) set_deadline(*client);
  }
}

void ClientStreams::wait_for(ClientStream& client, ClientWait what) {
  client.wait = what;
  client.waits_since = shared_.now.monotonic;
  set_deadline(client);
}

Instant ClientStreams::due_at(const ClientStream& client) const {
  switch (client.wait) {
    case ClientWait::first_message:
      return client.waits_since + settings_.first_message_timeout;
    case ClientWait::handshake:
      return client.waits_since + settings_.handshake_timeout;
    case ClientWait::activity:
      return client.waits_since + settings_.idle_timeout;
    case ClientWait::farewell:
      break;
  }
  return client.waits_since + kFarewell;
}

// Data that waits for a slow client grows old as well: its blocks are somebody else's then.
void ClientStreams::set_deadline(ClientStream& client) {
  const Instant when = std::min(due_at(client), client.bytes.next_drop());
  if (client.deadline == DeadlineQueue::kNone) {
    client.deadline = deadlines_.add(when, client.bytes.socket().slot);
  } else {
    deadlines_.move(client.deadline, when);
  }
}

// It may have spoken meanwhile: frames move no deadline.
void ClientStreams::on_deadline(ClientStream& client) {
  client.bytes.drop_old();
  if (is_past(due_at(client), shared_.now)) {
    on_waited(client);
  } else {
    set_deadline(client);
  }
}

void ClientStreams::on_waited(ClientStream& client) {
  switch (client.wait) {
    case ClientWait::first_message:
      close(client, CloseReason::no_first_message);
      return;
    case ClientWait::handshake:
      close(client, CloseReason::handshake_timeout);
      return;
    case ClientWait::farewell:
      close(client, CloseReason::ended);
      return;
    case ClientWait::activity:
      break;
  }
  // An allocation that has ended since the last look leaves its client the same time once more.
  const bool has_allocation = handler_.has_allocation(client.five_tuple);
  if (has_allocation || client.had_allocation) {
    client.had_allocation = has_allocation;
    wait_for(client, ClientWait::activity);
  } else {
    close(client, CloseReason::idle);
  }
}

}  // namespace uturn
