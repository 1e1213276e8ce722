// recvmsg(MSG_ERRQUEUE), one entry a call, as many calls as the caller has room for.
#include "io/error_queue.h"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <optional>

#include "io/control_messages.h"

namespace uturn {
namespace {

// The extended error and the address of the node that sent it; nothing else is of use, so a
// truncated rest is no loss. The extended error comes last, after pktinfo, TOS and TTL.
constexpr size_t kErrorControlSize =
    kReceiveControlSize + CMSG_SPACE(sizeof(sock_extended_err) + sizeof(sockaddr_in6));

std::optional<sock_extended_err> extended_error(msghdr& message) {
  for (cmsghdr* head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
    const bool is_error = (head->cmsg_level == IPPROTO_IP && head->cmsg_type == IP_RECVERR) ||
                          (head->cmsg_level == IPPROTO_IPV6 && head->cmsg_type == IPV6_RECVERR);
    if (!is_error || head->cmsg_len < CMSG_LEN(sizeof(sock_extended_err))) continue;
    sock_extended_err error;
    std::memcpy(&error, CMSG_DATA(head), sizeof error);
    return error;
  }
  return std::nullopt;
}

// False when the queue is empty. Entries of another origin (our own EMSGSIZE) leave `into` unset.
bool read_entry(int fd, std::optional<IcmpError>& into) {
  SocketName name{};
  alignas(cmsghdr) std::array<uint8_t, kErrorControlSize> control;
  msghdr message{};
  message.msg_name = &name;
  message.msg_namelen = sizeof name;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (::recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return false;

  const auto error = extended_error(message);
  if (!error) return true;
  if (error->ee_origin != SO_EE_ORIGIN_ICMP && error->ee_origin != SO_EE_ORIGIN_ICMP6) return true;
  const auto destination =
      read_name(Bytes{reinterpret_cast<const uint8_t*>(&name), message.msg_namelen});
  if (!destination) return true;
  into = IcmpError{.socket = {},
                   .tag = 0,
                   .destination = *destination,
                   .type = error->ee_type,
                   .code = error->ee_code,
                   .data = error->ee_info};
  return true;
}

// Each entry taken from the queue makes the next one pending again: taking it by SO_ERROR leaves
// the entry where it is.
void clear_pending_error(int fd) {
  int ignored = 0;
  socklen_t size = sizeof ignored;
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &ignored, &size);
}

}  // namespace

ErrorQueueRead read_error_queue(int fd, std::span<IcmpError> into) {
  ErrorQueueRead result;
  for (size_t i = 0; i < into.size() && !result.exhausted; ++i) {
    std::optional<IcmpError> entry;
    result.exhausted = !read_entry(fd, entry);
    if (entry) into[result.errors++] = *entry;
  }
  clear_pending_error(fd);
  return result;
}

int repeats_after(int error_number) {
  switch (error_number) {
    // What Linux makes of ICMP and ICMPv6 errors. On a socket that is not connected no route says
    // these, so they were pending; a further one may arrive before the repetition.
    case ECONNREFUSED:
    case EHOSTDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case ENONET:
      return 4;
    // These may be this destination's own: no route, or too long for it.
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EACCES:
    case EMSGSIZE:
      return 1;
    default:
      return 0;
  }
}

}  // namespace uturn
