# Networks of namespaces: hosts joined by veth pairs, and what passes them, packet by packet.
#
# The namespaces have no names: this process holds them by descriptor, so that nothing is left
# behind however it ends. A socket belongs to the namespace it was opened in.
import contextlib
import ctypes
import os
import select
import socket
import struct
import subprocess
import time

from processes import check, skip

CLONE_NEWNET = 0x40000000
ETH_P_ALL = 0x0003
MAX_DATAGRAM = 65535

_libc = ctypes.CDLL(None, use_errno=True)


def _or_errno(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), what)


def _own_namespace():
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


class Host:
    """A network namespace with its loopback up."""

    def __init__(self, name):
        self.name = name
        self._links = 0
        before = _own_namespace()
        try:
            _or_errno(_libc.unshare(CLONE_NEWNET), "unshare(CLONE_NEWNET)")
        except OSError as error:
            os.close(before)
            skip(f"network namespaces cannot be made here: {error}")
        self._namespace = _own_namespace()
        _or_errno(_libc.setns(before, CLONE_NEWNET), "setns")
        os.close(before)
        self.run("ip link set lo up")

    @contextlib.contextmanager
    def entered(self):
        """Sockets opened and processes started inside the block belong to this host."""
        before = _own_namespace()
        _or_errno(_libc.setns(self._namespace, CLONE_NEWNET), "setns")
        try:
            yield
        finally:
            _or_errno(_libc.setns(before, CLONE_NEWNET), "setns")
            os.close(before)

    def run(self, command, standard_input=None):
        with self.entered():
            done = subprocess.run(command.split(), input=standard_input, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        check(done.returncode == 0, f"{self.name}: {command}: {done.stdout}")

    def set(self, sysctl, value):
        with self.entered(), open(f"/proc/sys/net/{sysctl}", "w") as setting:
            setting.write(str(value))

    def udp(self, address, connect_to=None):
        """A UDP socket bound to this address (port 0: any)."""
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        with self.entered():
            udp = socket.socket(family, socket.SOCK_DGRAM)
        udp.settimeout(5)
        udp.bind(address)
        if connect_to:
            udp.connect(connect_to)
        return udp

    def descriptor_path(self):
        return f"/proc/{os.getpid()}/fd/{self._namespace}"

    def new_interface(self):
        self._links += 1
        return f"eth{self._links - 1}"


def link(one, one_addresses, other, other_addresses, mtu=1500):
    """Joins two hosts by a cable; both interface names are returned."""
    names = one.new_interface(), other.new_interface()
    one.run(f"ip link add {names[0]} mtu {mtu} type veth peer name {names[1]} mtu {mtu} "
            f"netns {other.descriptor_path()}")
    for host, name, addresses in ((one, names[0], one_addresses),
                                  (other, names[1], other_addresses)):
        for address in addresses:
            host.run(f"ip address add {address} dev {name}" + (" nodad" if ":" in address else ""))
        host.run(f"ip link set {name} up")
    return names


def make_router(host):
    host.set("ipv4/ip_forward", 1)
    host.set("ipv6/conf/all/forwarding", 1)


class Packet:
    """An IPv4 or IPv6 packet that carries UDP, or a fragment of one."""

    def __init__(self, data):
        self.version = data[0] >> 4
        if self.version == 4:
            self._read_ipv4(data)
        else:
            self._read_ipv6(data)
        self.is_fragment = self.more_fragments or self.fragment_offset > 0
        if self.fragment_offset == 0:
            self.source_port, self.destination_port = struct.unpack_from("!HH", self.content)
            self.payload = self.content[8:]
        else:
            self.source_port = self.destination_port = self.payload = None

    def _read_ipv4(self, data):
        tos, length, flags, self.ttl, self.protocol = struct.unpack_from("!xBHxxHBB", data)
        self.dscp, self.ecn = tos >> 2, tos & 3
        self.dont_fragment = bool(flags & 0x4000)
        self.more_fragments = bool(flags & 0x2000)
        self.fragment_offset = (flags & 0x1FFF) * 8
        self.source = socket.inet_ntop(socket.AF_INET, data[12:16])
        self.destination = socket.inet_ntop(socket.AF_INET, data[16:20])
        self.content = data[(data[0] & 0xF) * 4:length]

    def _read_ipv6(self, data):
        first, length, self.protocol, self.ttl = struct.unpack_from("!IHBB", data)
        self.dscp, self.ecn = first >> 22 & 0x3F, first >> 20 & 3
        self.dont_fragment = None  # IPv6 routers never fragment
        self.more_fragments, self.fragment_offset = False, 0
        self.source = socket.inet_ntop(socket.AF_INET6, data[8:24])
        self.destination = socket.inet_ntop(socket.AF_INET6, data[24:40])
        self.content = data[40:40 + length]
        if self.protocol == socket.IPPROTO_FRAGMENT:  # (RFC 8200, Section 4.5)
            self.protocol, offset = struct.unpack_from("!BxH", self.content)
            self.fragment_offset, self.more_fragments = offset & 0xFFF8, bool(offset & 1)
            self.content = self.content[8:]


def is_udp(data):
    if data[0] >> 4 == 4:
        return data[9] == socket.IPPROTO_UDP
    return socket.IPPROTO_UDP in (data[6], data[40] if data[6] == socket.IPPROTO_FRAGMENT else None)


class Capture:
    """Every UDP packet that reaches or leaves an interface from now on."""

    def __init__(self, host, interface):
        with host.entered():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM,
                                         socket.htons(ETH_P_ALL))
        self._socket.bind((interface, ETH_P_ALL))
        self._name = f"{host.name}'s {interface}"
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)

    def arriving(self, wanted, count=1, seconds=5):
        """The next `count` arriving packets that `wanted` accepts; others are passed over."""
        found = []
        deadline = time.monotonic() + seconds
        while len(found) < count:
            left = max(0, deadline - time.monotonic())
            check(select.select([self._socket], [], [], left)[0],
                  f"{self._name}: {len(found)} of {count} expected packets within {seconds} s")
            found += [packet for packet in [self._next()] if packet and wanted(packet)]
        return found

    def forget(self):
        """Passes over whatever was captured so far."""
        while select.select([self._socket], [], [], 0)[0]:
            self._next()

    def _next(self):
        data, (_, ethertype, direction, *_) = self._socket.recvfrom(MAX_DATAGRAM)
        if ethertype not in (0x0800, 0x86DD) or direction == socket.PACKET_OUTGOING:
            return None
        return Packet(data) if is_udp(data) else None
