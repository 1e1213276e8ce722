# The networks a server is measured in: loopback, and three namespaces joined by veth pairs.
import contextlib
import os
import re
import subprocess

from processes import check


class Loopback:
    """Server, clients and peers each have an address of their own, and so all ports of it."""

    name = "loopback"
    server_ip, relay_ip = "127.0.0.1", "127.0.0.2"
    clients = tuple(f"127.0.1.{n}" for n in range(1, 9))
    peers = ("127.0.2.1", "127.0.2.2")
    flooders = tuple(f"127.0.3.{n}" for n in range(1, 9))
    peer_range = ("127.0.0.0", "127.255.255.255")
    peer_network = "127.0.0.0/8"
    enter_server = ()
    generator_flags = ()
    offloads = None


class Veth:
    """
       client ── 10.77.1.0/24 ── server ── 10.77.2.0/24 ── peer
       .11-.18                  .1      .1                .11, .12
    """

    name = "veth"
    server_ip, relay_ip = "10.77.1.1", "10.77.2.1"
    clients = tuple(f"10.77.1.{n}" for n in range(11, 19))
    peers = ("10.77.2.11", "10.77.2.12")
    flooders = tuple(f"10.77.1.{n}" for n in range(21, 29))
    peer_range = ("10.77.2.0", "10.77.2.255")
    peer_network = "10.77.2.0/24"

    def __init__(self):
        self._names = {role: f"uturn-bench-{os.getpid()}-{role}"
                       for role in ("client", "server", "peer")}
        self.enter_server = ("ip", "netns", "exec", self._names["server"])
        self.generator_flags = ("--client-netns", self._names["client"],
                                "--peer-netns", self._names["peer"])

    def __enter__(self):
        remove_leftovers()
        try:
            for name in self._names.values():
                ip("netns", "add", name)
                ip("-n", name, "link", "set", "lo", "up")
            self._join("client", (*self.clients, *self.flooders), self.server_ip)
            self._join("peer", self.peers, self.relay_ip)
        except BaseException:
            self.__exit__()
            raise
        self.offloads = self._read_offloads()
        return self

    def __exit__(self, *_):
        for name in self._names.values():
            if os.path.exists(f"/run/netns/{name}"):
                ip("netns", "delete", name)

    def _join(self, role, addresses, server_address):
        end, server = self._names[role], self._names["server"]
        ip("-n", end, "link", "add", "veth0", "type", "veth",
           "peer", "name", f"to-{role}", "netns", server)
        for address in addresses:
            ip("-n", end, "address", "add", f"{address}/24", "dev", "veth0")
        ip("-n", server, "address", "add", f"{server_address}/24", "dev", f"to-{role}")
        ip("-n", server, "link", "set", f"to-{role}", "up")
        ip("-n", end, "link", "set", "veth0", "up")

    def _read_offloads(self):
        """What `ethtool` calls on of the server's end, as far as UDP is concerned."""
        try:
            said = subprocess.run([*self.enter_server, "ethtool", "-k", "to-client"], text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        except OSError:
            return None
        wanted = ("generic-segmentation-offload", "generic-receive-offload", "tx-udp-segmentation",
                  "rx-udp-gro-forwarding", "rx-gro-list", "tx-checksum-ip-generic", "tx-gso-list")
        return {key: value for key, value in re.findall(r"^\s*([\w-]+): (\w+)", said, re.MULTILINE)
                if key in wanted} or None


def ip(*arguments):
    done = subprocess.run(["ip", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    check(done.returncode == 0, f"ip {' '.join(arguments)}: {done.stdout.strip()}")


def remove_leftovers():
    """Namespaces of a run that was killed too hard to remove them itself."""
    for name in os.listdir("/run/netns") if os.path.isdir("/run/netns") else ():
        owner = re.fullmatch(r"uturn-bench-(\d+)-\w+", name)
        if owner and not os.path.exists(f"/proc/{owner.group(1)}"):
            ip("netns", "delete", name)


def why_not(name):
    """Why a world cannot be had here; None where it can."""
    if name == "veth" and os.geteuid() != 0:
        return "network namespaces need root"
    return None


@contextlib.contextmanager
def world(name):
    if name == "loopback":
        yield Loopback()
    else:
        with Veth() as veth:
            yield veth
