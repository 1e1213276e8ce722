# Client and server each behind a 1:1 NAT, the server told its public addresses by --external-ip.
#
#    client ── 10.1.0.2, fd00:1::2 ──┐
#                                    │  router, translating one to one:
#    other client ── 10.4.0.2 … ─────┤    client        10.1.0.2 ⇄ 198.51.100.1   2001:db8:51::1
#                                    │    other client  10.4.0.2 ⇄ 198.51.100.4   2001:db8:51::4
#    peer ── 192.0.2.2, ─────────────┤    server        10.3.0.2 ⇄ 203.0.113.3    2001:db8:113::3
#            2001:db8:2::2           │
#                                    └── 10.3.0.2, fd00:3::2 ── server
#
# Nobody but the server ever sees its private address, and it sees nobody's.
from laboratory import FAMILY, parse_arguments  # first: it knows where the harness is
from coturn import server_class
from network import Capture, Host, link, make_router
from processes import check, run_test
from server import PASSWORD, USER
from turn_client import TurnClient

CLIENT = {4: "10.1.0.2", 6: "fd00:1::2"}
OTHER = {4: "10.4.0.2", 6: "fd00:4::2"}
SERVER = {4: "10.3.0.2", 6: "fd00:3::2"}
PEER = {4: "192.0.2.2", 6: "2001:db8:2::2"}
PUBLIC_CLIENT = {4: "198.51.100.1", 6: "2001:db8:51::1"}
PUBLIC_OTHER = {4: "198.51.100.4", 6: "2001:db8:51::4"}
PUBLIC_SERVER = {4: "203.0.113.3", 6: "2001:db8:113::3"}
CHANNEL = 0x4FFF


def translation():
    """One to one in both directions, for every port (RFC 4787's hairpinning included)."""
    rules = []
    for version, keyword in ((4, "ip"), (6, "ip6")):
        pairs = [(CLIENT, PUBLIC_CLIENT), (OTHER, PUBLIC_OTHER), (SERVER, PUBLIC_SERVER)]
        to_private = ", ".join(f"{public[version]} : {host[version]}" for host, public in pairs)
        to_public = ", ".join(f"{host[version]} : {public[version]}" for host, public in pairs)
        rules.append(f"""table {keyword} one_to_one {{
          chain prerouting {{ type nat hook prerouting priority dstnat;
            dnat to {keyword} daddr map {{ {to_private} }}; }}
          chain postrouting {{ type nat hook postrouting priority srcnat;
            snat to {keyword} saddr map {{ {to_public} }}; }}
        }}""")
    return "\n".join(rules)


class Nat:
    def __init__(self, options, version):
        self.version = version
        self.router = Host("router")
        make_router(self.router)
        self.client_host, self.at_client = self._join("client", CLIENT)
        self.other_host, _ = self._join("other client", OTHER)
        self.peer_host, self.at_peer = self._join("peer", PEER)
        self.server_host, _ = self._join("server", SERVER)
        self.router.run("nft -f -", standard_input=translation())
        with self.server_host.entered():
            flags = ["--allow-peer", f"{PEER[version]}"]
            for v in (4, 6):
                flags += ["--relay-ip", SERVER[v],
                          "--external-ip", f"{PUBLIC_SERVER[v]}/{SERVER[v]}"]
            self.server = server_class(options.server)(
                options.server, options.io, flags=flags,
                listen=[f"udp://{SERVER[4]}:0", f"udp://[{SERVER[6]}]:0"])

    def _join(self, name, addresses):
        host = Host(name)
        gateway = {v: addresses[v][:-1] + "1" for v in (4, 6)}
        _, interface = link(self.router, [f"{gateway[4]}/24", f"{gateway[6]}/64"],
                            host, [f"{addresses[4]}/24", f"{addresses[6]}/64"])
        host.run(f"ip route add default via {gateway[4]}")
        host.run(f"ip -6 route add default via {gateway[6]}")
        return host, Capture(host, interface)

    def client(self, host, address):
        port = self.server.endpoint(FAMILY[self.version]).port
        public = (PUBLIC_SERVER[self.version], port)
        udp = host.udp((address[self.version], 0), connect_to=public)
        return ConnectedClient(udp, public, USER, PASSWORD)


class ConnectedClient(TurnClient):
    """Hears nothing that comes from another address than the one it sends to."""

    def __init__(self, udp, server, *credentials):
        super().__init__(Connected(udp), server, *credentials)


class Connected:
    def __init__(self, udp):
        self._udp = udp

    def sendto(self, message, _):
        return self._udp.send(message)

    def __getattr__(self, name):
        return getattr(self._udp, name)


def to_a_peer(nat):
    version = nat.version
    client = nat.client(nat.client_host, CLIENT)
    allocation = client.allocate(family=FAMILY[version])
    relayed = allocation.relayed[0]
    check(allocation.mapped[0] == PUBLIC_CLIENT[version], f"mapped address {allocation.mapped}")
    check(relayed[0] == PUBLIC_SERVER[version], f"relayed address {relayed} is not the public one")

    peer = nat.peer_host.udp((PEER[version], 0))
    client.create_permission(peer.getsockname()[:2])
    client.send_indication(peer.getsockname()[:2], b"from behind two NATs")
    data, source = peer.recvfrom(100)
    check((data, source[:2]) == (b"from behind two NATs", relayed), f"{data} from {source}")

    peer.sendto(b"and back", relayed)
    received = client.receive()
    check((received.peer, received.data) == (peer.getsockname()[:2], b"and back"), f"{received}")

    client.bind_channel(CHANNEL, peer.getsockname()[:2])
    client.send_channel_data(CHANNEL, b"by channel")
    check(peer.recv(100) == b"by channel", "the peer got something else")
    peer.sendto(b"by channel, back", relayed)
    check(client.receive().data == b"by channel, back", "the client got something else")


def between_clients(nat):
    """Each takes the other's public relayed address for its peer, as two browsers do."""
    version = nat.version
    one, two = nat.client(nat.client_host, CLIENT), nat.client(nat.other_host, OTHER)
    relayed_one = one.allocate(family=FAMILY[version]).relayed[0]
    relayed_two = two.allocate(family=FAMILY[version]).relayed[0]
    one.bind_channel(CHANNEL, relayed_two)
    two.create_permission(relayed_one)
    one.send_channel_data(CHANNEL, b"hello")
    received = two.receive()
    check((received.peer, received.data) == (relayed_one, b"hello"), f"{received}")
    two.send_indication(relayed_one, b"hello yourself")
    received = one.receive()
    check((received.channel, received.data) == (CHANNEL, b"hello yourself"), f"{received}")


CASES = {
    "peer-ipv4": (to_a_peer, 4),
    "peer-ipv6": (to_a_peer, 6),
    "between-clients-ipv4": (between_clients, 4),
    "between-clients-ipv6": (between_clients, 6),
}

if __name__ == "__main__":
    options = parse_arguments(CASES)

    def body():
        case, version = CASES[options.case]
        nat = Nat(options, version)
        with nat.server:
            try:
                case(nat)
            except BaseException:
                print(f"server:\n{nat.server.log()[-4000:]}")
                raise
            nat.server.stop()

    run_test(body)
