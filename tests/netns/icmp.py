# What routers and hosts report about a peer comes to the client as a Data indication with ICMP
# attribute (RFC 8656, Section 11.5), and a dead peer costs a living one nothing.
#
#    client ── 10.1.0.0/24, fd00:1::/64 ──┐
#                                       router ── 10.3.0.0/24, fd00:3::/64 ── server
#    peer ──── 10.2.0.0/24, fd00:2::/64 ──┘
#              .2, ::2    lives; closed ports answer "port unreachable"
#              .99, ::99  the router knows to be unreachable
from laboratory import Laboratory
from processes import check

UNREACHABLE = {4: "10.2.0.99", 6: "fd00:2::99"}

# (type, code) of RFC 792 and RFC 4443
UNREACHABLE_ROUTE = {4: (3, 1), 6: (1, 0)}  # what a Linux router answers
PORT_UNREACHABLE = {4: (3, 3), 6: (1, 4)}
PACKET_TOO_BIG = (2, 0)

DISCARD = 9


def make_unreachable(lab, version):
    family = "-6" if version == 6 else "-4"
    lab.router.run(f"ip {family} route add unreachable {UNREACHABLE[version]}")


def expect_report(client, peer, expected):
    """Error Data is zero but for an MTU (RFC 8656, Section 18.13)."""
    received = client.receive()
    check(received.icmp == (*expected, 0) and received.peer == peer and received.data is None,
          f"{received} instead of ICMP {expected} about {peer}")


def router_reports(lab, version):
    make_unreachable(lab, version)
    client = lab.client_with_channel(version)
    nowhere = (UNREACHABLE[version], DISCARD)
    client.create_permission(nowhere)
    client.send_indication(nowhere, b"is anybody there?")
    expect_report(client, nowhere, UNREACHABLE_ROUTE[version])


def closed_port_reports(lab, version):
    client = lab.client_with_channel(version)
    closed = (lab.PEER_HOST[version], DISCARD)
    client.send_indication(closed, b"is anybody there?")
    expect_report(client, closed, PORT_UNREACHABLE[version])


def living_peer_loses_nothing(lab, version):
    """A pending error makes the kernel refuse the next send, whomever that is for."""
    make_unreachable(lab, version)
    client, peer = lab.client_with_channel(version), lab.peer_socket(version)
    nowhere = (UNREACHABLE[version], DISCARD)
    client.create_permission(nowhere)
    for number in range(200):
        client.send_indication(nowhere, b"lost")
        client.send_channel_data(lab.CHANNEL, b"%d" % number)
        data = peer.recv(100)
        check(data == b"%d" % number, f"{data} instead of datagram {number}")


def packet_too_big_reports(lab):
    """The next-hop MTU is the Error Data, and the kernel fragments from then on."""
    lab.router.run("ip link set eth1 mtu 1280")
    client, peer = lab.client_with_channel(6), lab.peer_socket(6)
    client.send_indication(lab.peer(6), bytes(1300))
    received = client.receive()
    check(received.icmp == (*PACKET_TOO_BIG, 1280), f"{received}")
    client.send_channel_data(lab.CHANNEL, bytes(1300))
    check(peer.recv(2000) == bytes(1300), "another datagram")


CASES = {
    "router-ipv4": lambda lab: router_reports(lab, 4),
    "router-ipv6": lambda lab: router_reports(lab, 6),
    "closed-port-ipv4": lambda lab: closed_port_reports(lab, 4),
    "closed-port-ipv6": lambda lab: closed_port_reports(lab, 6),
    "living-peer-ipv4": lambda lab: living_peer_loses_nothing(lab, 4),
    "living-peer-ipv6": lambda lab: living_peer_loses_nothing(lab, 6),
    "packet-too-big-ipv6": packet_too_big_reports,
}

if __name__ == "__main__":
    Laboratory.main(CASES)
