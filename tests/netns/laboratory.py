# The network most of these tests share: client, peer and server, a router between any two.
import argparse
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from coturn import server_class
from network import Capture, Host, link, make_router
from processes import run_test
from server import PASSWORD, USER
from turn_client import TurnClient

FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}


def parse_arguments(cases):
    parser = argparse.ArgumentParser()
    parser.add_argument("--server")
    parser.add_argument("--io")
    parser.add_argument("case", choices=cases)
    return parser.parse_args()


class Laboratory:
    """See the drawing of ip_fields.py. One server with one relay address in each family."""

    CHANNEL = 0x4000
    PEER_HOST = {4: "10.2.0.2", 6: "fd00:2::2"}
    CLIENT_HOST = {4: "10.1.0.2", 6: "fd00:1::2"}
    SERVER_HOST = {4: "10.3.0.2", 6: "fd00:3::2"}

    def __init__(self, options, flags=()):
        self.router = Host("router")
        make_router(self.router)
        self.client_host, client_interface = self._behind_router("client", 1)
        self.peer_host, peer_interface = self._behind_router("peer", 2)
        self.server_host, _ = self._behind_router("server", 3)
        self.at_client = Capture(self.client_host, client_interface)
        self.at_peer = Capture(self.peer_host, peer_interface)
        self.server = self._start(options, flags)
        self._peers = {}

    def _behind_router(self, name, number):
        host = Host(name)
        _, interface = link(self.router, [f"10.{number}.0.1/24", f"fd00:{number}::1/64"],
                            host, [f"10.{number}.0.2/24", f"fd00:{number}::2/64"])
        host.run(f"ip route add default via 10.{number}.0.1")
        host.run(f"ip -6 route add default via fd00:{number}::1")
        return host, interface

    def _start(self, options, flags):
        with self.server_host.entered():
            return server_class(options.server)(
                options.server, options.io,
                listen=[f"udp://{self.SERVER_HOST[4]}:0", f"udp://[{self.SERVER_HOST[6]}]:0"],
                flags=["--relay-ip", self.SERVER_HOST[4], "--relay-ip", self.SERVER_HOST[6],
                       "--allow-peer", "10.0.0.0/8", "--allow-peer", "fd00::/8", *flags])

    def peer_socket(self, version):
        if version not in self._peers:
            self._peers[version] = self.peer_host.udp((self.PEER_HOST[version], 0))
        return self._peers[version]

    def peer(self, version):
        return self.peer_socket(version).getsockname()[:2]

    def client(self, version):
        udp = self.client_host.udp((self.CLIENT_HOST[version], 0))
        return TurnClient(udp, self.server.endpoint(FAMILY[version]).address, USER, PASSWORD)

    def client_with_channel(self, version):
        """A client and its peer of one family; `relayed` is where the peer finds it."""
        client = self.client(version)
        self.relayed = client.allocate(family=FAMILY[version]).relayed[0]
        client.bind_channel(self.CHANNEL, self.peer(version))
        return client

    @classmethod
    def main(cls, cases):
        options = parse_arguments(cases)

        def body():
            lab = cls(options)
            with lab.server:
                try:
                    cases[options.case](lab)
                except BaseException:
                    print(f"server:\n{lab.server.log()[-4000:]}")
                    raise
                lab.server.stop()

        run_test(body)
