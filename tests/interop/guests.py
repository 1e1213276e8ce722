# Guests: what a credential class caps, bytes and bandwidth, over UDP and over TCP allocations; and
# bandwidth that comes and goes with a reload.
#
#   guests.py --server PATH --io uring|epoll CASE
import contextlib
import os
import signal
import socket
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
import cases
import stun_message as stun
from cases import run_cases, secure_server
from processes import check, wait_until
from server import PASSWORD, USER, counters
from transports import ConnectionEnded, connect_tcp, connect_tls
from turn_client import TurnClient, TurnError
from turnutils import EchoPeer, expect_no_loss, uclient

DEADLINE = 30
GUEST = ("gil", "a guest's password")
FLAGS = ["--relay-ip", "127.0.0.1", "--channels", "rfc5766", "--allow-peer", "127.0.0.0/8"]
USERS = (f"auth.users={{{USER}: {{password: {PASSWORD}}},"
         f" {GUEST[0]}: {{password: {GUEST[1]}, class: guest}}}}")
LISTEN = ["udp://127.0.0.1:0", "tcp://127.0.0.1:0", "tls://127.0.0.1:0"]
BURST = 65_536  # what may always pass at once
PACKET = 1_000


@contextlib.contextmanager
def server_with(guest, workers=2):
    flags = [*FLAGS, "--set", USERS, "--set", f"limits.classes={{guest: {{{guest}}}}}"]
    with secure_server(LISTEN, flags, workers) as (server, _):
        yield server


def error_of(request, *arguments, **more):
    try:
        request(*arguments, **more)
    except TurnError as error:
        return error.code
    return None


class Datagrams:
    """A client with a channel to a peer, both of which count what they hear."""

    def __init__(self, server, name, password):
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.peer.bind(("127.0.0.1", 0))
        self.client = TurnClient(self.udp, server.endpoint(scheme="udp").address, name, password)
        self.relayed = self.client.allocate().relayed[0]
        self.client.bind_channel(0x4000, self.peer.getsockname())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.udp.close()
        self.peer.close()

    def to_peer(self, packets):
        """So many, one after the other: how many bytes arrive, and in what time they were sent."""
        began = time.monotonic()
        arrived = 0
        for _ in range(packets):
            self.client.send_channel_data(0x4000, bytes(PACKET))
            arrived += self._heard_by_peer(0.0005)
        return arrived + self._heard_by_peer(0.5), time.monotonic() - began

    def to_client(self, packets):
        arrived = 0
        began = time.monotonic()
        self.udp.settimeout(0.0005)
        for _ in range(packets):
            self.peer.sendto(bytes(PACKET), self.relayed)
            arrived += self._heard_by_client()
        self.udp.settimeout(0.5)
        return arrived + self._heard_by_client(), time.monotonic() - began

    def _heard_by_peer(self, wait):
        self.peer.settimeout(wait)
        heard = 0
        with contextlib.suppress(socket.timeout):
            while True:
                heard += len(self.peer.recv(2048))
        return heard

    def _heard_by_client(self):
        heard = 0
        with contextlib.suppress(socket.timeout):
            while True:
                heard += len(self.udp.recv(2048)) - 4
        return heard


def bytes_of_datagrams():
    cap = 300_000
    with server_with(f"bytes: {cap}, every: 1h") as server:
        with Datagrams(server, *GUEST) as guest, Datagrams(server, USER, PASSWORD) as other:
            passed, _ = guest.to_peer(400)
            check(cap - PACKET <= passed <= cap, f"{passed} bytes of a guest's {cap} passed")
            check(error_of(guest.client.refresh, 600) == 437, "the allocation has ended")
            check(error_of(guest.client.allocate) == 486, "and there is no other one")
            check(other.to_peer(400)[0] == 400 * PACKET, "who is no guest goes on")
        check(counters(server.stop())["bandwidth_drops"] > 0, "nothing was counted")


def bandwidth_of_datagrams():
    rate = 200_000
    with server_with(f"bandwidth: {rate * 8}bit/s") as server:
        with Datagrams(server, *GUEST) as guest:
            for send in (guest.to_peer, guest.to_client):
                passed, seconds = send(1_500)
                most = BURST + rate * seconds + PACKET
                check(passed <= most, f"{passed} bytes in {seconds:.2f} s are more than {most:.0f}")
                check(passed >= BURST - PACKET, f"{passed} bytes are less than at once")
        server.stop()


def turnutils():
    """A foreign client as a guest: within the cap it loses nothing, over it it gets nothing more."""
    with server_with("bytes: 200000, every: 1h") as server, EchoPeer(server) as peer:
        to_peer = ["-l", "500", "-e", peer.host, "-r", str(peer.port)]
        credentials = ("-u", GUEST[0], "-w", GUEST[1])
        expect_no_loss(server, "-n", "20", *to_peer, credentials=credentials)
        status, output = uclient(server, "-n", "600", "-z", "2", *to_peer, seconds=20,
                                 credentials=credentials)
        check("tot_recv_msgs=600" not in output, f"{status}: as if there were no cap\n{output}")
        status, output = uclient(server, "-n", "5", *to_peer, seconds=20, credentials=credentials)
        check(status != 0 and "486" in output, f"{status}: the cap is spent\n{output}")
        server.stop()


class Connection:
    """A guest's TCP allocation with a data connection, and the peer's end of it."""

    def __init__(self, server, connect, scheme):
        address = server.endpoint(scheme=scheme).address
        self.control = connect(address)
        self.client = TurnClient.over(self.control, *GUEST)
        self.client.allocate(transport=stun.OVER_TCP)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(DEADLINE)
            connection_id = self.client.connect(listener.getsockname())
            self.theirs, _ = listener.accept()
        self.theirs.settimeout(DEADLINE)
        self.ours = self.client.bind_connection(connect(address), connection_id)
        self.ours.socket.settimeout(DEADLINE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ours.close()
        self.theirs.close()
        self.control.close()

    def to_peer(self, blob):
        """How much of it arrives, up to the end, and in what time."""
        return self._through(self.ours.socket.sendall, self.theirs.recv, blob)

    def to_client(self, blob):
        return self._through(self.theirs.sendall, self.ours.socket.recv, blob)

    @staticmethod
    def _through(send, receive, blob):
        def sends():
            with contextlib.suppress(OSError):  # it ends before all is out
                send(blob)
        sender = threading.Thread(target=sends)
        began = time.monotonic()
        sender.start()
        arrived = b""
        with contextlib.suppress(ConnectionResetError, ConnectionEnded):
            while len(arrived) < len(blob):
                more = receive(65_536)
                if not more:
                    break
                arrived += more
        seconds = time.monotonic() - began
        sender.join()
        check(arrived == blob[:len(arrived)], "what arrived is not what was sent")
        return len(arrived), seconds


def over_both(case):
    def run():
        for connect, scheme in ((connect_tcp, "tcp"), (connect_tls, "tls")):
            case(connect, scheme)
    return run


def bytes_of_connections(connect, scheme):
    cap = 1_000_000
    over = 32_768 if scheme == "tls" else 0  # of a TLS record that is read all of it is read
    with server_with(f"bytes: {cap}, every: 1h") as server:
        with Connection(server, connect, scheme) as guest:
            passed, _ = guest.to_peer(os.urandom(400_000))
            check(passed == 400_000, f"{passed} bytes passed to the peer")
            passed, _ = guest.to_client(os.urandom(900_000))
            check(550_000 <= passed <= 600_000 + over, f"{passed} bytes passed to the client")
        with connect(server.endpoint(scheme=scheme).address) as again:
            client = TurnClient.over(again, *GUEST)
            check(error_of(client.allocate, transport=stun.OVER_TCP) == 486, "the cap is spent")
        check(counters(server.stop())["bandwidth_drops"] > 0, "nothing was counted")


def bandwidth_of_connections(connect, scheme):
    rate, size = 400_000, 1_000_000
    with server_with(f"bandwidth: {rate * 8}bit/s") as server:
        with Connection(server, connect, scheme) as guest:
            for send in (guest.to_peer, guest.to_client):
                passed, seconds = send(os.urandom(size))
                check(passed == size, f"{passed} of {size} bytes passed")
                # A quarter of a second is there at once; all that was read then was within it.
                least = (size - max(BURST, rate / 4)) / rate
                check(seconds >= 0.95 * least, f"{seconds:.2f} s are less than {least:.2f} s")
        server.stop()


def is_reloaded():
    """A limit that is new binds the allocation that is there, one that is gone does not."""
    rate = 100_000
    with tempfile.TemporaryDirectory(prefix="uturn-guests-") as directory:
        os.chmod(directory, 0o755)
        file = os.path.join(directory, "uturn.yaml")

        def write(limits):
            with open(file, "w") as to:
                to.write(f"limits: {{{limits}}}\n")

        write("")
        with cases.start_server(("udp://127.0.0.1:0",), [*FLAGS, "-c", file]) as server, \
                Datagrams(server, USER, PASSWORD) as user:
            def reload(limits):
                reloads = server.log().count("the configuration was reloaded")
                write(limits)
                server.signal(signal.SIGHUP)
                # It is said once the workers have taken it over.
                wait_until(lambda: server.log().count("the configuration was reloaded") > reloads,
                           10, "the reload")

            check(user.to_peer(300)[0] == 300 * PACKET, "without a limit all passes")
            for limit in ("bandwidth", "bandwidth_per_user", "bandwidth_per_allocation"):
                reload(f"{limit}: {rate * 8}bit/s")
                passed, seconds = user.to_peer(300)
                check(passed <= BURST + rate * seconds + PACKET, f"{limit}: {passed} bytes passed")
                reload("")
                check(user.to_peer(300)[0] == 300 * PACKET, f"after {limit} all passes again")
            server.stop()


CASES = {
    "datagram-bytes": bytes_of_datagrams,
    "datagram-bandwidth": bandwidth_of_datagrams,
    "turnutils": turnutils,
    "connection-bytes": over_both(bytes_of_connections),
    "connection-bandwidth": over_both(bandwidth_of_connections),
    "reloaded": is_reloaded,
}

if __name__ == "__main__":
    run_cases(CASES)
