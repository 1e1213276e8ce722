# Foreign clients through the server: Debian's turnutils, and a TURN client of our test harness.
#
#   interop.py --server PATH --io uring|epoll CASE
#
# PATH may name coturn's turnserver instead: what fails against both is the tool's doing.
import argparse
import contextlib
import os
import re
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
import stun_message as stun
from certificates import Certificate, certificate_directory
from coturn import server_class
from processes import Process, check, run_test
from server import PASSWORD, SECRET, USER, counters
from turn_client import TurnClient, TurnError
from turnutils import EchoPeer, expect_no_loss, expect_totals, uclient

# turnutils draws channel numbers from the range of RFC 5766, and its peers live on loopback.
FLAGS = ["--relay-ip", "127.0.0.1", "--relay-ip", "::1", "--channels", "rfc5766",
         "--allow-peer", "127.0.0.0/8", "--allow-peer", "::1/128"]
LISTEN = ("udp://127.0.0.1:0", "udp://[::1]:0")
STREAMS = ("udp://127.0.0.1:0", "tcp://127.0.0.1:0", "tcp://[::1]:0", "tls://127.0.0.1:0")

options = None


def start_server(workers=1, extra=()):
    return server_class(options.server)(options.server, options.io, workers, LISTEN,
                                        FLAGS + list(extra))


def through_peer(*arguments, host="127.0.0.1", workers=1, extra=(), **more):
    with start_server(workers, extra) as server, EchoPeer(server, host) as peer:
        expect_no_loss(server, *arguments, "-n", "25", "-e", host, "-r", str(peer.port), **more)
        server.stop()


def between_clients(*arguments, workers=1, **more):
    with start_server(workers) as server:
        expect_no_loss(server, "-y", *arguments, "-n", "25", **more)
        server.stop()


def over_streams(*arguments, scheme, workers=1, **more):
    """Over TCP (-t) or TLS (-t -S), through a peer; `scheme` is the listener's."""
    with stream_server(workers) as server, EchoPeer(server) as peer:
        expect_no_loss(server, "-t", *arguments, "-n", "25", "-e", peer.host, "-r", str(peer.port),
                       scheme=scheme, **more)
        totals = counters(server.stop())
        # It begins some of its connections with versions before 1.2, is refused, and tries again.
        # Two handshakes are of the self-test of a quick start, which visits every listener.
        check((totals["handshakes_done"] > 2) == ("-S" in arguments), f"TLS handshakes: {totals}")


def tcp_allocations(*arguments, scheme="tcp", workers=1, **more):
    """RFC 6062: -T asks for TCP allocations, whose clients connect to each other (-y). A worker is
    the connection's by chance, so that with several of them data connections change theirs."""
    with stream_server(workers) as server:
        expect_no_loss(server, "-T", "-y", *arguments, "-n", "25", scheme=scheme, **more)
        totals = counters(server.stop())
        check(totals["joined"] > 0 and totals["joined_failed"] == 0, f"data connections: {totals}")


@contextlib.contextmanager
def stream_server(workers):
    with certificate_directory() as directory:
        flags = FLAGS + Certificate(directory, "turn").flags
        with server_class(options.server)(options.server, options.io, workers, STREAMS,
                                          flags) as server:
            yield server


def dual_allocation(*arguments, to_peer):
    """turnutils before RFC 8656 asks for ADDITIONAL-ADDRESS-FAMILY by another number (0x8032),
    which is ignored as any unknown optional attribute. Some of its runs, drawn by lot, then
    refresh the IPv6 half that they do not have: 443 (RFC 8656, Section 8.2). Such a run says so
    at once and is repeated. What RFC 8656 calls a dual allocation is `harness-dual`."""
    with start_server() as server, EchoPeer(server) as peer:
        arguments += ("-Z", "-n", "25", *(["-e", peer.host, "-r", str(peer.port)] * to_peer))
        for _ in range(20):
            status, output = uclient(server, *arguments)
            if status == 0:
                break
            check("error 443" in output, f"refused for another reason:\n{output}")
        expect_totals(server, arguments, status, output)
        server.stop()


def foreign_dual_allocation():
    """One allocation with a relayed address of each family, both of which carry data."""
    with start_server() as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        client = TurnClient(udp, server.endpoint().address, USER, PASSWORD)
        relayed = client.allocate((stun.ADDITIONAL_ADDRESS_FAMILY, b"\2\0\0\0")).relayed
        check([":" in host for host, _ in relayed] == [False, True], f"relayed: {relayed}")
        for number, (family, host, there) in enumerate(
                ((socket.AF_INET, "127.0.0.1", relayed[0]), (socket.AF_INET6, "::1", relayed[1]))):
            with socket.socket(family, socket.SOCK_DGRAM) as peer:
                peer.bind((host, 0))
                peer.settimeout(5)
                client.bind_channel(0x4000 + number, peer.getsockname()[:2])
                client.send_channel_data(0x4000 + number, b"out")
                data, source = peer.recvfrom(100)
                check((data, source[:2]) == (b"out", there), f"{data} from {source}")
                peer.sendto(b"back", there)
                received = client.receive()
                check((received.channel, received.data) == (0x4000 + number, b"back"),
                      f"{received}")
        server.stop()


def negative(*arguments, seconds, **more):
    """The server answers or drops what it should, and serves the next honest client as before."""
    with start_server() as server, EchoPeer(server) as peer:
        to_peer = ["-e", peer.host, "-r", str(peer.port)]
        status, output = uclient(server, *arguments, *to_peer, seconds=seconds, **more)
        check(server.is_running(), f"the server ended:\n{server.log()}")
        expect_no_loss(server, "-n", "5", *to_peer)
        server.stop()
        return status, output


def refused_rebinding():
    """-N binds a second channel number to a bound peer (RFC 8656, Section 12.2: 400)."""
    _, output = negative("-N", seconds=20)
    check("channel bind: error 400" in output, f"no 400 to a second channel of a peer:\n{output}")


def refused_password():
    wrong = ("-u", USER, "-w", "not " + PASSWORD)
    status, output = negative("-n", "5", seconds=20, credentials=wrong)
    check(status not in (0, None) or "error 401" in output, f"no 401:\n{output}")
    check("tot_recv_msgs=5" not in output, f"data passed without a password:\n{output}")


def stunclient():
    with start_server() as server:
        for family in (socket.AF_INET, socket.AF_INET6):
            endpoint = server.endpoint(family)
            command = ["turnutils_stunclient", "-p", str(endpoint.port), endpoint.host]
            with Process(command, server.path("stunclient.log")) as client:
                check(client.wait(20) == 0, f"turnutils_stunclient:\n{client.output()}")
                reflexive = re.search(r"UDP reflexive addr: (\S+):\d+", client.output())
                check(reflexive and reflexive.group(1).strip("[]") == endpoint.host,
                      f"not our address:\n{client.output()}")
        server.stop()


def foreign_password_algorithm(algorithm):
    """Our own foreign client signs everything with this algorithm and moves data both ways."""
    with start_server() as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(5)
        client = TurnClient(udp, server.endpoint().address, USER, PASSWORD, algorithm)
        relayed = client.allocate().relayed[0]
        client.bind_channel(0x4000, peer.getsockname())
        client.send_channel_data(0x4000, b"hello")
        check(peer.recvfrom(100) == (b"hello", relayed), "the peer got something else")
        peer.sendto(b"", relayed)
        check(client.receive().data == b"", "an empty datagram is a datagram")
        check(client.refresh(0) == 0, "a deletion is answered with lifetime 0")
        try:
            client.refresh(600)
            check(False, "a deleted allocation was refreshed")
        except TurnError as error:
            check(error.code == 437, f"{error.code} instead of 437 after the deletion")
        server.stop()


def oauth():
    """turnutils_uclient -J draws one of three keys that it knows by heart (RFC 7635).

    Without RTCP: each connection draws anew, and a reservation is for whom it was made."""
    keys = ("[{kid: north, key: MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEK},"
            " {kid: union, key: MTIzNDU2Nzg5MDEyMzQ1Ngo=, algorithm: A128GCM},"
            " {kid: oldempire, key: MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIK}]")
    extra = ["--set", f"auth.oauth.keys={keys}", "--set", "auth.oauth.server_name=blackdow.carleon.gov"]
    for _ in range(3):
        through_peer("-J", "-c", extra=extra, credentials=())


def bandwidth():
    """What is above the limit of an allocation is dropped and counted; the rest passes."""
    extra = ["--set", "limits.bandwidth_per_allocation=8kbit/s"]
    with start_server(extra=extra) as server, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        peer.bind(("127.0.0.1", 0))
        client = TurnClient(udp, server.endpoint().address, USER, PASSWORD)
        client.allocate()
        client.bind_channel(0x4000, peer.getsockname())
        for _ in range(100):
            client.send_channel_data(0x4000, bytes(1200))
        client.refresh(0)  # answered behind them
        dropped = counters(server.stop())["bandwidth_drops"]
        check(40 <= dropped <= 50, f"{dropped} of 100 dropped; 64 KiB may pass at once")


REST = dict(extra=["--auth-secret", SECRET], credentials=("-u", "bob", "-W", SECRET))

CASES = {
    # one process for the relay, RTP and RTCP on a reserved pair of ports
    "channels": lambda: through_peer(),
    "indications": lambda: through_peer("-s"),
    "without-rtcp": lambda: through_peer("-c"),
    "dont-fragment": lambda: through_peer("-g"),
    "extra-requests": lambda: through_peer("-G"),
    "padded-channels": lambda: through_peer("-D", "-l", "171"),
    "large-datagrams": lambda: through_peer("-l", "1400"),
    "ipv6-relay": lambda: through_peer("-x", host="::1"),
    "ipv6-client": lambda: through_peer("-x", host="::1", family=socket.AF_INET6),
    "ipv6-indications": lambda: through_peer("-x", "-s", host="::1"),
    "dual-allocation": lambda: dual_allocation(to_peer=True),
    "rest-secret": lambda: through_peer(**REST),
    "rest-secret-rotated": lambda: through_peer(
        extra=["--auth-secret", "the next one", "--auth-secret", SECRET],
        credentials=("-u", "bob", "-W", SECRET)),
    "oauth": oauth,
    "bandwidth": bandwidth,
    "10-clients": lambda: through_peer("-m", "10"),
    "100-clients": lambda: through_peer("-m", "100", seconds=90),
    "100-clients-without-rtcp": lambda: through_peer("-c", "-m", "100", seconds=90),
    # reservation tokens redeemed from another five-tuple, which another worker may own
    "channels-4-workers": lambda: through_peer("-m", "8", workers=4),
    "indications-4-workers": lambda: through_peer("-s", "-m", "8", workers=4),
    "100-clients-4-workers": lambda: through_peer("-m", "100", workers=4, seconds=90),
    # connections instead of datagrams; plain and TLS are told apart on each other's listeners
    "tcp": lambda: over_streams(scheme="tcp"),
    "tcp-indications": lambda: over_streams("-s", scheme="tcp"),
    "tcp-padded-channels": lambda: over_streams("-l", "171", scheme="tcp"),
    "tcp-ipv6-client": lambda: over_streams("-m", "4", scheme="tcp", family=socket.AF_INET6),
    "tcp-4-workers": lambda: over_streams("-m", "16", scheme="tcp", workers=4),
    "tcp-on-a-tls-listener": lambda: over_streams(scheme="tls"),
    "tls": lambda: over_streams("-S", scheme="tls"),
    "tls-indications": lambda: over_streams("-S", "-s", "-l", "1200", scheme="tls"),
    "tls-4-workers": lambda: over_streams("-S", "-m", "16", scheme="tls", workers=4),
    "tls-on-a-tcp-listener": lambda: over_streams("-S", scheme="tcp"),
    # TCP allocations (RFC 6062)
    "tcp-allocations": lambda: tcp_allocations(),
    "tcp-allocations-4-workers": lambda: tcp_allocations("-m", "8", workers=4),
    "tcp-allocations-over-tls": lambda: tcp_allocations("-S", scheme="tls", workers=4),
    # from one relayed address of the server to another
    "client-to-client": lambda: between_clients(),
    "client-to-client-without-rtcp": lambda: between_clients("-c"),
    "client-to-client-indications": lambda: between_clients("-s"),
    "client-to-client-ipv6": lambda: between_clients("-x"),
    "client-to-client-dual": lambda: dual_allocation("-y", to_peer=False),
    "client-to-client-4-workers": lambda: between_clients("-m", "16", workers=4),
    # what has to be refused; -R mixes broken requests in and may wait for their answers for ever
    "negative-channels": refused_rebinding,
    "negative-password": refused_password,
    "negative-protocol": lambda: negative("-R", "-N", "-n", "5", seconds=15),
    "negative-protocol-indications": lambda: negative("-R", "-N", "-s", "-n", "5", seconds=15),
    "negative-client-to-client": lambda: negative("-N", "-y", "-c", "-n", "5", seconds=15),
    "stunclient": stunclient,
    "harness-md5": lambda: foreign_password_algorithm(stun.MD5),
    "harness-dual": foreign_dual_allocation,
    "harness-sha256": lambda: foreign_password_algorithm(stun.SHA256),
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--server")
    parser.add_argument("--io")
    parser.add_argument("case", choices=CASES)
    options = parser.parse_args()
    run_test(CASES[options.case])
