// Ancillary data is read by memcpy alone: io_uring puts it wherever the name before it ends.
#include "io/control_messages.h"

#include <netinet/udp.h>

namespace uturn {
namespace {

static_assert(kReceiveControlSize == 136 && kSendControlSize == 136,
              "the layout of a receive buffer and of a send run stands on these");

template <class T>
T value_at(const uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

void read_traffic_class(uint8_t traffic_class, ReceivedControl& into) {
  into.dscp = traffic_class >> 2;
  into.ecn = traffic_class & 3;
}

IpAddress address_of(const in_addr& address) {
  std::array<uint8_t, 4> bytes;
  std::memcpy(bytes.data(), &address, bytes.size());
  return IpAddress::v4(bytes);
}

IpAddress address_of(const in6_addr& address) { return IpAddress::v6(address.s6_addr); }

void read_ipv4_message(int type, Bytes data, ReceivedControl& into) {
  if (type == IP_PKTINFO && data.size() >= sizeof(in_pktinfo)) {
    into.to = address_of(value_at<in_pktinfo>(data.data()).ipi_addr);
  } else if (type == IP_TOS && !data.empty()) {  // one byte, unlike its IPv6 sibling
    read_traffic_class(data[0], into);
  } else if (type == IP_TTL && data.size() >= sizeof(int)) {
    into.ttl = static_cast<uint8_t>(value_at<int>(data.data()));
  }
}

void read_ipv6_message(int type, Bytes data, ReceivedControl& into) {
  if (type == IPV6_PKTINFO && data.size() >= sizeof(in6_pktinfo)) {
    into.to = address_of(value_at<in6_pktinfo>(data.data()).ipi6_addr);
  } else if (type == IPV6_TCLASS && data.size() >= sizeof(int)) {
    read_traffic_class(static_cast<uint8_t>(value_at<int>(data.data())), into);
  } else if (type == IPV6_HOPLIMIT && data.size() >= sizeof(int)) {
    into.ttl = static_cast<uint8_t>(value_at<int>(data.data()));
  }
}

void read_message(const cmsghdr& head, Bytes data, ReceivedControl& into) {
  if (head.cmsg_level == IPPROTO_IP) {
    read_ipv4_message(head.cmsg_type, data, into);
  } else if (head.cmsg_level == IPPROTO_IPV6) {
    read_ipv6_message(head.cmsg_type, data, into);
  } else if (head.cmsg_level == IPPROTO_UDP && head.cmsg_type == UDP_GRO &&
             data.size() >= sizeof(int)) {
    into.segment_size = static_cast<uint16_t>(value_at<int>(data.data()));
  } else if (head.cmsg_level == SOL_SOCKET && head.cmsg_type == SO_RXQ_OVFL &&
             data.size() >= sizeof(uint32_t)) {
    into.kernel_drops = value_at<uint32_t>(data.data());
  }
}

// Appends control messages to an area that is long enough for all of them.
class ControlWriter {
 public:
  explicit ControlWriter(SendControlArea& area) : area_(area) {}

  template <class T>
  void add(int level, int type, const T& value) {
    CHECK(used_ + CMSG_SPACE(sizeof(T)) <= area_.bytes.size());
    uint8_t* at = area_.bytes.data() + used_;
    std::memset(at, 0, CMSG_SPACE(sizeof(T)));
    cmsghdr head{};
    head.cmsg_level = level;
    head.cmsg_type = type;
    head.cmsg_len = CMSG_LEN(sizeof(T));
    std::memcpy(at, &head, sizeof head);
    std::memcpy(at + CMSG_LEN(0), &value, sizeof value);
    used_ += CMSG_SPACE(sizeof(T));
  }

  size_t used() const { return used_; }

 private:
  SendControlArea& area_;
  size_t used_ = 0;
};

void write_ipv4(ControlWriter& writer, const IpFields& ip) {
  if (!ip.source.is_unspecified()) {
    in_pktinfo info{};
    std::memcpy(&info.ipi_spec_dst, ip.source.bytes().data(), sizeof info.ipi_spec_dst);
    writer.add(IPPROTO_IP, IP_PKTINFO, info);
  }
  if (const int tos = ip.dscp << 2 | ip.ecn; tos != 0) writer.add(IPPROTO_IP, IP_TOS, tos);
  if (const int ttl = ip.ttl; ttl != 0) writer.add(IPPROTO_IP, IP_TTL, ttl);
}

void write_ipv6(ControlWriter& writer, const TransportAddress& to, const IpFields& ip) {
  if (!ip.source.is_unspecified()) {
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, ip.source.bytes().data(), sizeof info.ipi6_addr);
    if (ip.source.is_link_local()) info.ipi6_ifindex = to.scope_id;
    writer.add(IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
  const int traffic_class = ip.dscp << 2 | ip.ecn;
  if (traffic_class != 0) writer.add(IPPROTO_IPV6, IPV6_TCLASS, traffic_class);
  if (const int hops = ip.ttl; hops != 0) writer.add(IPPROTO_IPV6, IPV6_HOPLIMIT, hops);
  if (const int yes = 1; ip.dont_fragment) writer.add(IPPROTO_IPV6, IPV6_DONTFRAG, yes);
}

}  // namespace

socklen_t write_name(const TransportAddress& address, SocketName& name) {
  if (address.ip.is_v4()) {
    name.v4 = {};
    name.v4.sin_family = AF_INET;
    name.v4.sin_port = htons(address.port);
    std::memcpy(&name.v4.sin_addr, address.ip.bytes().data(), sizeof name.v4.sin_addr);
    return sizeof name.v4;
  }
  name.v6 = {};
  name.v6.sin6_family = AF_INET6;
  name.v6.sin6_port = htons(address.port);
  name.v6.sin6_scope_id = address.scope_id;
  std::memcpy(&name.v6.sin6_addr, address.ip.bytes().data(), sizeof name.v6.sin6_addr);
  return sizeof name.v6;
}

std::optional<TransportAddress> read_name(Bytes name) {
  if (name.size() < sizeof(sa_family_t)) return std::nullopt;
  const auto family = value_at<sa_family_t>(name.data());
  if (family == AF_INET && name.size() >= sizeof(sockaddr_in)) {
    const auto v4 = value_at<sockaddr_in>(name.data());
    return TransportAddress{address_of(v4.sin_addr), ntohs(v4.sin_port)};
  }
  if (family == AF_INET6 && name.size() >= sizeof(sockaddr_in6)) {
    const auto v6 = value_at<sockaddr_in6>(name.data());
    return TransportAddress{address_of(v6.sin6_addr), ntohs(v6.sin6_port), v6.sin6_scope_id};
  }
  return std::nullopt;
}

TransportAddress read_name(const SocketName& name) {
  const auto address = read_name(Bytes{reinterpret_cast<const uint8_t*>(&name), sizeof name});
  CHECK(address);  // of a socket we made
  return *address;
}

ReceivedControl read_control(Bytes control) {
  ReceivedControl into;
  while (control.size() >= sizeof(cmsghdr)) {
    const auto head = value_at<cmsghdr>(control.data());
    if (head.cmsg_len < CMSG_LEN(0) || head.cmsg_len > control.size()) break;
    read_message(head, control.subspan(CMSG_LEN(0), head.cmsg_len - CMSG_LEN(0)), into);
    control = control.subspan(std::min<size_t>(CMSG_ALIGN(head.cmsg_len), control.size()));
  }
  return into;
}

size_t write_control(SendControlArea& area, const TransportAddress& to, const IpFields& ip,
                     uint16_t segment_size) {
  ControlWriter writer(area);
  if (to.ip.is_v4()) {
    write_ipv4(writer, ip);
  } else {
    write_ipv6(writer, to, ip);
  }
  if (segment_size != 0) writer.add(IPPROTO_UDP, UDP_SEGMENT, segment_size);
  return writer.used();
}

}  // namespace uturn
