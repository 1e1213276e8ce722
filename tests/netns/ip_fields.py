# What becomes of TTL, DSCP, ECN and fragmentation between client and peer (RFC 8656, Sections 13
# and 14), read from packets captured where they arrive.
#
#    client ───────── 10.1.0.0/24, fd00:1::/64 ─────────┐
#    .2, ::2                                            │
#                                                     router ── 10.3.0.0/24, fd00:3::/64 ── server
#    peer ─────────── 10.2.0.0/24, fd00:2::/64 ─────────┘  .1, ::1                        .2, ::2
#    .2, ::2
#
# A packet from client to peer passes the router, the server and the router again: three hops.
import socket

from laboratory import Laboratory
from processes import check

LEVEL = {4: socket.IPPROTO_IP, 6: socket.IPPROTO_IPV6}
TTL = {4: socket.IP_TTL, 6: socket.IPV6_UNICAST_HOPS}
TOS = {4: socket.IP_TOS, 6: socket.IPV6_TCLASS}

EXPEDITED_FORWARDING = 46
ASSURED_FORWARDING_41 = 34
SENT_TTL = 40
HOPS = 3


def set_fields(udp, version, dscp, ecn, ttl=SENT_TTL):
    udp.setsockopt(LEVEL[version], TOS[version], dscp << 2 | ecn)
    udp.setsockopt(LEVEL[version], TTL[version], ttl)


def fields(packet):
    return packet.ttl, packet.dscp, packet.ecn


def carries(payload):
    return lambda packet: packet.payload is not None and payload in packet.payload


def fields_are_kept(lab, version):
    client, peer = lab.client_with_channel(version), lab.peer_socket(version)
    for ecn in range(4):
        for dscp in (0, EXPEDITED_FORWARDING, ASSURED_FORWARDING_41):
            expected = (SENT_TTL - HOPS, dscp, ecn)
            story = f"IPv{version}, DSCP {dscp}, ECN {ecn}"

            set_fields(client.udp, version, dscp, ecn)
            client.send_channel_data(lab.CHANNEL, b"to the peer by channel")
            packet, = lab.at_peer.arriving(carries(b"to the peer by channel"))
            check(fields(packet) == expected, f"{story}: peer: {fields(packet)}, not {expected}")
            client.send_indication(lab.peer(version), b"to the peer by indication")
            packet, = lab.at_peer.arriving(carries(b"to the peer by indication"))
            check(fields(packet) == expected, f"{story}: peer: {fields(packet)}, not {expected}")

            set_fields(peer, version, dscp, ecn)
            peer.sendto(b"to the client", lab.relayed)
            packet, = lab.at_client.arriving(carries(b"to the client"))
            check(fields(packet) == expected, f"{story}: client: {fields(packet)}, not {expected}")
            check(client.receive().data == b"to the client", "captured, but not received")


def loops_end(lab, version):
    """The server takes a hop, so a packet that has none left ends there (Section 21.1.7)."""
    client = lab.client_with_channel(version)
    set_fields(client.udp, version, 0, 0, ttl=2)  # 1 when it comes to the server
    client.send_channel_data(lab.CHANNEL, b"one hop too many")
    set_fields(client.udp, version, 0, 0, ttl=4)  # 1 when it comes to the peer
    client.send_channel_data(lab.CHANNEL, b"just far enough")
    packet, = lab.at_peer.arriving(lambda p: p.payload is not None)
    check((packet.ttl, packet.payload) == (1, b"just far enough"), f"{packet.payload} arrived")


def large_datagrams_are_fragmented(lab, version):
    """Neither way sets DF, even if what came in had it (Section 14, alternate behavior)."""
    client, peer = lab.client_with_channel(version), lab.peer_socket(version)
    payload = bytes(range(256)) * 12
    client.send_channel_data(lab.CHANNEL, payload)
    expect_fragments(lab.at_peer, version, len(payload) + 8)
    check(peer.recv(65535) == payload, "the peer reassembled something else")
    meet_large_datagrams(lab, client, peer, payload)
    peer.sendto(payload, lab.relayed)
    expect_fragments(lab.at_client, version, 4 + len(payload) + 8)
    check(client.receive().data == payload, "the client reassembled something else")


def meet_large_datagrams(lab, client, peer, payload):
    """A relay socket may drop its first large datagram, and takes larger buffers from then on."""
    peer.sendto(payload, lab.relayed)
    peer.sendto(b"after the first large one", lab.relayed)
    while client.receive().data != b"after the first large one":
        pass
    lab.at_client.forget()


def expect_fragments(capture, version, length):
    found = []
    while sum(len(fragment.content) for fragment in found) < length:
        found += capture.arriving(lambda packet: packet.is_fragment)
    check(sum(len(fragment.content) for fragment in found) == length, "fragments overlap")
    check(not any(fragment.dont_fragment for fragment in found), f"IPv{version}: DF on a fragment")


def dont_fragment_is_for_one_datagram(lab):
    """Only a Send indication with DONT-FRAGMENT sets DF, and only on its own datagram."""
    client, peer = lab.client_with_channel(4), lab.peer_socket(4)
    client.udp.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER, IP_PMTUDISC_DO: DF is set
    peer.setsockopt(socket.IPPROTO_IP, 10, 2)
    for number, dont_fragment in enumerate((False, True, False, True, True, False)):
        payload = b"datagram %d" % number
        client.send_indication(lab.peer(4), payload, dont_fragment)
        packet, = lab.at_peer.arriving(carries(payload))
        check(packet.dont_fragment == dont_fragment, f"{payload}: DF is {packet.dont_fragment}")
    client.send_channel_data(lab.CHANNEL, b"by channel")
    packet, = lab.at_peer.arriving(carries(b"by channel"))
    check(not packet.dont_fragment, "DF on channel data")
    peer.sendto(b"back", lab.relayed)
    packet, = lab.at_client.arriving(carries(b"back"))
    check(not packet.dont_fragment, "DF towards the client")


def too_large_for_dont_fragment(lab):
    """It is not sent at all, and what follows it is not lost."""
    client = lab.client_with_channel(4)
    client.send_indication(lab.peer(4), bytes(3000), dont_fragment=True)
    client.send_indication(lab.peer(4), b"after it")
    packet, = lab.at_peer.arriving(lambda packet: True)
    check(packet.payload == b"after it" and not packet.dont_fragment,
          f"{len(packet.content)} bytes came, DF {packet.dont_fragment}")


CASES = {
    "kept-ipv4": lambda lab: fields_are_kept(lab, 4),
    "kept-ipv6": lambda lab: fields_are_kept(lab, 6),
    "loops-end-ipv4": lambda lab: loops_end(lab, 4),
    "loops-end-ipv6": lambda lab: loops_end(lab, 6),
    "fragments-ipv4": lambda lab: large_datagrams_are_fragmented(lab, 4),
    "fragments-ipv6": lambda lab: large_datagrams_are_fragmented(lab, 6),
    "dont-fragment": dont_fragment_is_for_one_datagram,
    "dont-fragment-too-large": too_large_for_dont_fragment,
}

if __name__ == "__main__":
    Laboratory.main(CASES)
