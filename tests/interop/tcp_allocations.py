# TCP allocations (RFC 6062) with clients and peers that close, wait, and hurry as they like.
#
#   tcp_allocations.py --server PATH --io uring|epoll CASE
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
import cases
import stun_message as stun
from cases import run_cases, secure_server
from processes import check
from server import counters
from stream_checks import expect_end, turn_client
from transports import ConnectionEnded, connect_tcp, connect_tls
from turn_client import TurnError

DEADLINE = 20
FLAGS = ["--relay-ip", "127.0.0.1", "--allow-peer", "127.0.0.0/8"]
LISTEN = ["tcp://127.0.0.1:0", "tls://127.0.0.1:0"]


class World:
    """A server with several workers, so that data connections land on any of them; a client with a
    TCP allocation, and a peer that listens."""

    def __init__(self, server, connect, scheme):
        self.server = server
        self._connect = connect
        self._address = server.endpoint(scheme=scheme).address
        self.control = self.connection()
        self.client = turn_client(self.control)
        self.relayed = self.client.allocate(transport=stun.OVER_TCP).relayed[0]
        self.peer = socket.create_server(("127.0.0.1", 0))
        self.peer.settimeout(DEADLINE)

    def connection(self):
        return self._connect(self._address)

    def close(self):
        self.control.close()
        self.peer.close()

    def connected(self):
        """By Connect: the client's end and the peer's."""
        connection_id = self.client.connect(self.peer.getsockname())
        theirs, address = self.peer.accept()
        check(address == self.relayed, f"connected from {address}, not {self.relayed}")
        theirs.settimeout(DEADLINE)
        return self.client.bind_connection(self.connection(), connection_id), theirs

    def attempted(self, first=b""):
        """By the peer, which has sent `first` already: the client's end and the peer's."""
        self.client.create_permission(("127.0.0.1", 0))
        theirs = socket.create_connection(self.relayed, DEADLINE)
        theirs.sendall(first)
        attempt = self.client.connection_attempt(DEADLINE)
        check(attempt.peer == theirs.getsockname(), f"the peer is {attempt.peer}")
        return self.client.bind_connection(self.connection(), attempt.connection_id), theirs


@contextlib.contextmanager
def world(connect=connect_tcp, scheme="tcp", workers=4):
    with secure_server(LISTEN, FLAGS, workers) as (server, _):
        here = World(server, connect, scheme)
        yield here
        here.close()
        server.stop()


def over_both(case):
    def run():
        for connect, scheme in ((connect_tcp, "tcp"), (connect_tls, "tls")):
            with world(connect, scheme) as here:
                case(here)
    return run


def received(end, count):
    data = b""
    while len(data) < count:
        more = end.recv(count - len(data))
        check(more, f"the end after {len(data)} of {count} bytes")
        data += more
    return data


def expect_peer_end(end):
    """FIN or RST: the connection is over."""
    try:
        check(end.recv(100) == b"", "bytes instead of the end")
    except ConnectionResetError:
        pass


def talk(ours, theirs):
    ours.send_bytes(b"hello")
    check(received(theirs, 5) == b"hello", "to the peer")
    theirs.sendall(b"you too")
    check(ours.receive_bytes(7, DEADLINE) == b"you too", "to the client")


def both_ways(here):
    for ours, theirs in [here.connected(), here.attempted()] + [here.attempted() for _ in range(6)]:
        talk(ours, theirs)
        theirs.close()
        expect_end(ours)
        ours.close()


def data_before_the_bind(here):
    """Kept, and first; what stands behind a ConnectionBind is the peer's likewise."""
    ours, theirs = here.attempted(b"first words")
    check(ours.receive_bytes(11, DEADLINE) == b"first words", "what came before the bind")
    talk(ours, theirs)
    ours.close()
    expect_peer_end(theirs)

    connection_id = here.client.connect(here.peer.getsockname())
    theirs, _ = here.peer.accept()
    theirs.settimeout(DEADLINE)
    theirs.sendall(b"a peer that speaks first and leaves")
    theirs.close()
    ours = here.client.bind_connection(here.connection(), connection_id)
    check(ours.receive_bytes(35, DEADLINE) == b"a peer that speaks first and leaves", "")
    expect_end(ours)
    ours.close()


def half_closed():
    """FIN goes through, and the other direction goes on."""
    with world() as here:
        ours, theirs = here.connected()
        ours.send_bytes(b"a question")
        ours.end_writing()
        check(received(theirs, 10) == b"a question" and theirs.recv(1) == b"", "FIN to the peer")
        theirs.sendall(b"an answer")
        check(ours.receive_bytes(9, DEADLINE) == b"an answer", "after our FIN")
        # An operator sees what a stream has carried, while it lives.
        listed = subprocess.run([cases.options.server, "sessions", "--json", "--admin-socket",
                                 here.server.path("admin.sock")], capture_output=True, text=True,
                                timeout=60, check=True).stdout
        session = json.loads(listed)["sessions"][0]
        check((session["relayed_transport"], session["bytes_to_peers"], session["bytes_to_client"])
              == ("tcp", 10, 9), listed)
        theirs.close()
        expect_end(ours)
        ours.close()

        ours, theirs = here.connected()
        theirs.sendall(b"a question")
        theirs.shutdown(socket.SHUT_WR)
        check(ours.receive_bytes(10, DEADLINE) == b"a question", "from the peer")
        try:
            ours.receive_bytes(1, 5)
            check(False, "no FIN to the client")
        except ConnectionEnded:
            pass
        ours.send_bytes(b"an answer")
        check(received(theirs, 9) == b"an answer", "after the peer's FIN")
        ours.close()
        expect_peer_end(theirs)


def ends_of_allocations(here):
    """With the allocation, or its client's connection, everything of it ends."""
    ours, theirs = here.connected()
    talk(ours, theirs)
    here.client.refresh(0)
    expect_end(ours)
    expect_peer_end(theirs)
    try:
        socket.create_connection(here.relayed, DEADLINE).close()
        check(False, "the relayed address is still listened on")
    except ConnectionRefusedError:
        pass
    here.relayed = here.client.allocate(transport=stun.OVER_TCP).relayed[0]
    pairs = [here.connected(), here.attempted()]
    here.control.close()
    for ours, theirs in pairs:
        expect_end(ours)
        expect_peer_end(theirs)


def refusals():
    with world() as here:
        def refused(code, what, *arguments):
            try:
                what(*arguments)
                check(False, f"no {code}")
            except TurnError as error:
                check(error.code == code, f"{error.code} instead of {code}")
        free = socket.create_server(("127.0.0.1", 0))
        nobody = free.getsockname()
        free.close()
        refused(447, here.client.connect, nobody)
        refused(403, here.client.connect, ("192.168.1.1", 80))
        connection_id = here.client.connect(here.peer.getsockname())
        refused(446, here.client.connect, here.peer.getsockname())
        with here.connection() as wrong:
            refused(400, here.client.bind_connection, wrong, b"\1\2\3\4")
            turn_client(wrong).binding()  # it is a connection like any other
        with here.connection() as right, here.connection() as late:
            here.client.bind_connection(right, connection_id)
            refused(400, here.client.bind_connection, late, connection_id)
        # Its peer is free again, and the four-tuple may be in TIME_WAIT.
        theirs, _ = here.peer.accept()
        theirs.close()
        try:
            here.client.connect(here.peer.getsockname())
        except TurnError as error:
            check(error.code in (446, 447), f"{error.code} instead of 447")


def back_pressure():
    """A megabyte after the other, while the other end is slow to read: nothing is lost."""
    blob = os.urandom(1 << 20) * 8
    for connect, scheme in ((connect_tcp, "tcp"), (connect_tls, "tls")):
        with world(connect, scheme) as here:
            ours, theirs = here.connected()
            sender = threading.Thread(target=theirs.sendall, args=(blob,))
            sender.start()
            sender.join(0.5)
            check(sender.is_alive(), "the sender is held back")
            check(ours.receive_bytes(len(blob), 60) == blob, "to the client")
            sender.join()
            theirs.settimeout(60)
            ours.socket.settimeout(60)
            sender = threading.Thread(target=ours.socket.sendall, args=(blob,))
            sender.start()
            sender.join(0.5)
            check(sender.is_alive(), "the client is held back")
            check(received(theirs, len(blob)) == blob, "to the peer")
            sender.join()
            ours.close()


CASES = {
    "both-ways": over_both(both_ways),
    "data-before-the-bind": over_both(data_before_the_bind),
    "half-closed": half_closed,
    "ends": over_both(ends_of_allocations),
    "refusals": refusals,
    "back-pressure": back_pressure,
}

if __name__ == "__main__":
    run_cases(CASES)
