# A server with several addresses and a wildcard listener answers from the address it was asked at.
#
#                          ┌── 10.3.0.0/24, fd00:3::/64 ──┐  eth0  .2  ::2  (where its routes lead)
#    client ── router ─────┤                              │        .3  ::3
#    10.1.0.2, fd00:1::2   └── 10.4.0.0/24, fd00:4::/64 ──┴─ eth1  .2  ::2  server
#
# A client that sees an answer from elsewhere drops it, and so does every NAT on the way.

from laboratory import FAMILY, parse_arguments  # first: it knows where the harness is
from coturn import server_class
from nat import ConnectedClient
from network import Host, link, make_router
from processes import check, run_test
from server import PASSWORD, USER

CLIENT = {4: "10.1.0.2", 6: "fd00:1::2"}
SERVER = {4: ("10.3.0.2", "10.3.0.3", "10.4.0.2"), 6: ("fd00:3::2", "fd00:3::3", "fd00:4::2")}
RELAY = {4: "10.3.0.2", 6: "fd00:3::2"}
CHANNEL = 0x4000


class MultihomedServer:
    def __init__(self, options):
        self.router, self.client_host, self.host = Host("router"), Host("client"), Host("server")
        make_router(self.router)
        link(self.router, ["10.1.0.1/24", "fd00:1::1/64"],
             self.client_host, ["10.1.0.2/24", "fd00:1::2/64"])
        link(self.router, ["10.3.0.1/24", "fd00:3::1/64"], self.host,
             ["10.3.0.2/24", "10.3.0.3/24", "fd00:3::2/64", "fd00:3::3/64"])
        link(self.router, ["10.4.0.1/24", "fd00:4::1/64"],
             self.host, ["10.4.0.2/24", "fd00:4::2/64"])
        for host, network in ((self.client_host, 1), (self.host, 3)):
            host.run(f"ip route add default via 10.{network}.0.1")
            host.run(f"ip -6 route add default via fd00:{network}::1")
        for setting in ("all", "eth0", "eth1"):
            # Answers to 10.4.0.2 leave by eth0, so the strict check of return paths must be off.
            self.router.set(f"ipv4/conf/{setting}/rp_filter", 0)
            self.host.set(f"ipv4/conf/{setting}/rp_filter", 0)
        with self.host.entered():
            self.server = server_class(options.server)(
                options.server, options.io, listen=["udp://0.0.0.0:0", "udp://[::]:0"],
                flags=["--relay-ip", RELAY[4], "--relay-ip", RELAY[6],
                       "--allow-peer", "10.0.0.0/8", "--allow-peer", "fd00::/8"])


def answers_from_where_it_was_asked(lab, version):
    """A connected client socket hears its own server address only."""
    port = lab.server.endpoint(FAMILY[version]).port
    peer = lab.client_host.udp((CLIENT[version], 0))
    for address in SERVER[version]:
        udp = lab.client_host.udp((CLIENT[version], 0), connect_to=(address, port))
        client = ConnectedClient(udp, (address, port), USER, PASSWORD)
        check(client.binding() == udp.getsockname()[:2], f"{address}: another mapped address")
        relayed = client.allocate(family=FAMILY[version]).relayed[0]
        client.bind_channel(CHANNEL, peer.getsockname()[:2])
        client.send_channel_data(CHANNEL, b"to the peer")
        check(peer.recvfrom(100)[1][:2] == relayed, f"{address}: not from the relayed address")
        peer.sendto(b"from the peer", relayed)
        check(client.receive().data == b"from the peer", f"{address}: other data")


def one_five_tuple_for_each_address(lab, version):
    """The server address is part of the five-tuple: one client port, one allocation at each."""
    port = lab.server.endpoint(FAMILY[version]).port
    udp = lab.client_host.udp((CLIENT[version], 0))
    relayed = set()
    for address in SERVER[version]:
        udp.connect((address, port))
        client = ConnectedClient(udp, (address, port), USER, PASSWORD)
        relayed.add(client.allocate(family=FAMILY[version]).relayed[0])
    check(len(relayed) == len(SERVER[version]), f"shared relayed addresses: {relayed}")


CASES = {
    "answers-ipv4": (answers_from_where_it_was_asked, 4),
    "answers-ipv6": (answers_from_where_it_was_asked, 6),
    "five-tuples-ipv4": (one_five_tuple_for_each_address, 4),
    "five-tuples-ipv6": (one_five_tuple_for_each_address, 6),
}

if __name__ == "__main__":
    options = parse_arguments(CASES)

    def body():
        case, version = CASES[options.case]
        lab = MultihomedServer(options)
        with lab.server:
            try:
                case(lab, version)
            except BaseException:
                print(f"server:\n{lab.server.log()[-4000:]}")
                raise
            lab.server.stop()

    run_test(body)
