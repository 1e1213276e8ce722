# Connections of clients: what speaks first, proxies, limits, slow and hostile ends, TLS as others see it.
#
#   streams.py --server PATH --io uring|epoll CASE
import os
import re
import socket
import ssl
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
import stun_message as stun
from cases import run_cases, secure_server, start_server
from certificates import Certificate, certificate_directory
from openssl_client import OpensslClient
from processes import check, wait_until
from server import counters
from stream_checks import (BINDING, DEADLINE, expect_end, expect_service, is_served, own_address,
                           turn_client, what_remains)
from transports import (ConnectionEnded, connect_tcp, connect_tls, proxy_v1, proxy_v2,
                        proxy_v2_local, tls_context)
from turn_client import TurnError

TCP, TLS = "tcp://127.0.0.1:0", "tls://127.0.0.1:0"
RELAY = ["--relay-ip", "127.0.0.1", "--allow-peer", "127.0.0.0/8"]
BAD_REQUEST = b"HTTP/1.1 400 "


def address_of(server, scheme):
    return server.endpoint(scheme=scheme).address


def closed(server):
    """Why connections were, and how often, as the server says when it stops."""
    text = re.search(r'\bclosed=(?:"([^"]*)"|(\S+))', server.stop())
    counts = (pair.split(":") for pair in (text.group(1) or text.group(2) or "").split())
    return {reason: int(count) for reason, count in counts}


def first_bytes():
    """Plain TURN and TLS on either kind of port; HTTP is told so, and nothing else is served."""
    with secure_server([TCP, TLS]) as (server, _):
        for scheme in ("tcp", "tls"):
            address = address_of(server, scheme)
            check(is_served(address), f"no plain TURN on {scheme}")
            check(is_served(address, connect_tls), f"no TLS on {scheme}")
            with connect_tcp(address) as browser:
                browser.send_bytes(b"GET / HTTP/1.1\r\nHost: turn.example\r\n\r\n")
                answer = what_remains(browser)
                check(answer.startswith(BAD_REQUEST), f"{answer!r} to HTTP on {scheme}")
            with connect_tls(address) as browser:
                browser.send_bytes(b"POST /index HTTP/1.1\r\n\r\n")
                answer = what_remains(browser)
                check(answer.startswith(BAD_REQUEST), f"{answer!r} to HTTPS on {scheme}")
            for garbage in (b"SSH-2.0-OpenSSH_9.2\r\n", b"\x00\x01\x00\x08nothing!", b"\xff" * 16,
                            proxy_v1(("192.0.2.1", 1), address), proxy_v2(("192.0.2.1", 1), address)):
                with connect_tcp(address) as stranger:
                    expect_end(stranger, garbage)
            with connect_tls(address) as stranger:
                expect_end(stranger, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(20))
        counts = closed(server)  # "SSH-" might be ChannelData, and that could not be so long
        check((counts["not_turn"], counts["frame_too_long"], counts["http"]) == (10, 2, 4), counts)


def plain_refused():
    """With `plain: false` a tls listener takes TLS only; tcp listeners are not asked."""
    with secure_server([TCP, TLS], ["--set", "tls.plain=false"]) as (server, _):
        check(is_served(address_of(server, "tls"), connect_tls), "no TLS")
        with connect_tcp(address_of(server, "tls")) as plain:
            expect_end(plain, BINDING)
        check(is_served(address_of(server, "tcp")), "no plain TURN on tcp")
        check(closed(server)["plain_refused"] == 1, server.log())


def without_certificate():
    """A tcp listener refuses TLS where there is nothing to show."""
    with start_server([TCP]) as server:
        check(not is_served(address_of(server, "tcp"), connect_tls), "TLS without a certificate")
        check(is_served(address_of(server, "tcp")), "no plain TURN")
        server.stop()


def proxies():
    """From configured sources the header comes first, and the client is whom it announces."""
    with secure_server([TCP, TLS], ["--proxy-from", "127.0.0.0/8", *RELAY]) as (server, _):
        tcp, tls = address_of(server, "tcp"), address_of(server, "tls")
        client, client6 = ("192.0.2.7", 5000), ("2001:db8::7", 5001)
        for header in (proxy_v1(client, tcp), proxy_v2(client, tcp, extensions=b"\x04\x00\x02\0\0")):
            with connect_tcp(tcp, proxy=header) as stream:
                expect_service(stream, client)
        with connect_tcp(tcp, proxy=proxy_v2(client6, ("2001:db8::1", 3478))) as stream:
            expect_service(stream, client6)
        with connect_tls(tls, proxy=proxy_v1(client, tls)) as stream:
            expect_service(stream, client)
        with connect_tcp(tcp, proxy=proxy_v2_local()) as health_check:
            expect_service(health_check)
        with connect_tcp(tcp) as stream:  # the header in pieces, and a request in its last one
            header = proxy_v2(client, tcp)
            for i in range(len(header)):
                stream.send_bytes(header[i:i + 1])
            expect_service(stream, client)
        for words in (BINDING, b"PROXY TCP4 not an address\r\n", b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\0"):
            with connect_tcp(tcp) as stranger:
                expect_end(stranger, words)

        with connect_tcp(tcp, proxy=proxy_v1(client, tcp)) as first:
            turn = turn_client(first)
            check(turn.allocate().mapped == client, "an allocation for somebody else")
            turn.refresh(600)  # the nonce was the announced address's
            with connect_tcp(tcp, proxy=proxy_v1(client, tcp)) as second:
                expect_service(second, client)
                expect_end(first)  # its address belongs to another connection
                turn_client(second).allocate()
        counts = closed(server)
        check((counts["superseded"], counts["proxy_header"]) == (1, 3), counts)


def limits():
    """Connections in all, of one source, handshakes: who comes too many is closed at once."""
    with secure_server([TCP], ["--set", "limits.connections_per_source=3"]) as (server, _):
        address = address_of(server, "tcp")
        streams = [connect_tcp(address) for _ in range(3)]
        for stream in streams:
            expect_service(stream)
        check(not is_served(address), "a fourth connection of one source")
        check(is_served(address, source=("127.0.0.2", 0)), "another source has its own")
        streams.pop().close()
        wait_until(lambda: is_served(address), DEADLINE, "the place of a connection that ended")
        for stream in streams:
            expect_service(stream)
            stream.close()
        check(closed(server)["too_many_of_source"] > 0, server.log())
    with secure_server([TCP], ["--set", "limits.connections=2", "--set",
                               "limits.handshakes=1"]) as (server, _):
        address = address_of(server, "tcp")
        with connect_tcp(address) as shaking:
            shaking.send_bytes(b"\x16\x03\x01\x00\xf0\x01\x00\x00\xec\x03\x03")
            with connect_tcp(address) as plain:
                expect_service(plain)
                check(not is_served(address), "a third connection")
            wait_until(lambda: is_served(address), DEADLINE, "the second's place")
            check(not is_served(address, connect_tls), "a second handshake at once")
        wait_until(lambda: is_served(address, connect_tls), DEADLINE, "the handshake's place")
        server.stop()


def slowness():
    """Whoever does not get to the point is closed; whoever has an allocation is not."""
    flags = [f"limits.{name}_timeout=1s" for name in ("handshake", "first_message", "idle")]
    with secure_server([TCP], [*RELAY, *(word for flag in flags for word in ("--set", flag))]) \
            as (server, _):
        address = address_of(server, "tcp")
        halves = {b"": "nothing", BINDING[:-1]: "half a message", b"GE": "half a word",
                  b"\x16\x03\x01": "half a ClientHello"}
        streams = [connect_tcp(address) for _ in halves]
        idle, busy, silent_tls = connect_tcp(address), connect_tcp(address), connect_tls(address)
        turn = turn_client(busy)
        turn.allocate()
        for stream, half in zip(streams, halves):
            stream.send_bytes(half)
        expect_service(idle)
        drip = connect_tcp(address)
        began = time.monotonic()
        try:
            for byte in BINDING * 3:
                drip.send_bytes(bytes([byte]))
                time.sleep(0.1)
            check(False, "a message a byte at a time was waited for")
        except OSError:
            check(time.monotonic() - began < 6, "only a whole message counts")
        for stream, half in zip(streams, halves.values()):
            check(not what_remains(stream), f"an answer to {half}")
            stream.close()
        expect_end(idle)
        expect_end(silent_tls)
        time.sleep(max(0, began + 4 - time.monotonic()))
        check(turn.refresh(600) == 600, "the allocation's connection was closed")
        turn.refresh(0)
        expect_service(busy)
        expect_end(busy)
        drip.close()
        counts = closed(server)
        check((counts["handshake_timeout"], counts["no_first_message"], counts["idle"]) == (1, 5, 2),
              counts)


def half_closed():
    """A request and FIN behind it: the answer comes, then the end."""
    for connect in (connect_tcp, connect_tls):
        with secure_server([TCP]) as (server, _):
            with connect(address_of(server, "tcp")) as stream:
                stream.send_bytes(BINDING)
                stream.socket.shutdown(socket.SHUT_WR) if connect is connect_tcp else \
                    socket.socket.shutdown(stream.socket, socket.SHUT_WR)
                answer = what_remains(stream)
                check(len(answer) >= 32, f"{answer!r}")
            server.stop()


def chunks():
    """The same messages, however TCP cuts them."""
    with secure_server([TCP], RELAY) as (server, _), \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(DEADLINE)
        for connect, piece in ((connect_tcp, 1), (connect_tcp, 7), (connect_tls, 5)):
            with connect(address_of(server, "tcp")) as stream:
                whole = stream.send_bytes

                def in_pieces(data):
                    for i in range(0, len(data), piece):
                        whole(data[i:i + piece])
                stream.send_bytes = in_pieces
                turn = turn_client(stream)
                relayed = turn.allocate().relayed[0]
                turn.bind_channel(0x4000, peer.getsockname())
                for size in (0, 1, 2, 3, 4, 5, 171, 1200):
                    data = os.urandom(size)
                    turn.send_channel_data(0x4000, data)
                    check(peer.recvfrom(2000) == (data, relayed), f"{size} bytes to the peer")
                    peer.sendto(data, relayed)
                    check(turn.receive().data == data, f"{size} bytes from the peer")
                burst = [os.urandom(999) for _ in range(50)]
                whole(b"".join(b"\x40\x00\x03\xe7" + data + b"\0" for data in burst))
                for data in burst:
                    check(peer.recv(2000) == data, "a message of a burst")
        server.stop()


def slow_reader():
    """What a client does not read in time is dropped, oldest first and whole."""
    flags = [*RELAY, "--set", "limits.stream_queue=128KiB", "--set", "limits.stream_queue_age=1m"]
    for connect in (connect_tcp, connect_tls):
        with secure_server([TCP], flags) as (server, _), \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind(("127.0.0.1", 0))
            stream = connect(address_of(server, "tcp"))
            turn = turn_client(stream)
            relayed = turn.allocate().relayed[0]
            turn.bind_channel(0x4000, peer.getsockname())
            count = 12_000
            for number in range(count):
                peer.sendto(number.to_bytes(4, "big") + bytes(1_196), relayed)
                if number % 16 == 0:
                    time.sleep(0.001)
            turn.send_channel_data(0x4000, b"done")
            check(turn.binding() == own_address(stream), "the answer came in spite of the queue")
            numbers = []
            peer.sendto(b"last", relayed)
            while (data := turn.receive(DEADLINE).data) != b"last":
                check(len(data) == 1_200, f"a torn message of {len(data)} bytes")
                numbers.append(int.from_bytes(data[:4], "big"))
            check(numbers == sorted(set(numbers)), "out of order")
            check(0 < len(numbers) < count and numbers[-1] > count - 2_000,
                  f"{len(numbers)} of {count} came, the last was {numbers[-1:]}")
            stream.close()
            totals = counters(server.stop())
            check(totals["stream_drops"] > 0, f"{totals}")


def line_rate():
    """Nothing is lost to a client that reads as fast as it comes."""
    for connect in (connect_tcp, connect_tls):
        with secure_server([TCP], RELAY) as (server, _), \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind(("127.0.0.1", 0))
            with connect(address_of(server, "tcp")) as stream:
                turn = turn_client(stream)
                relayed = turn.allocate().relayed[0]
                turn.bind_channel(0x4000, peer.getsockname())
                window, count = 64, 4_000
                came = threading.Semaphore(window)

                def send():
                    for number in range(count):
                        came.acquire()
                        peer.sendto(number.to_bytes(4, "big") + bytes(1_196), relayed)
                sender = threading.Thread(target=send)
                sender.start()
                for number in range(count):
                    data = turn.receive(DEADLINE).data
                    check(int.from_bytes(data[:4], "big") == number, f"{number} did not come")
                    came.release()
                sender.join()
            totals = counters(server.stop())
            check(totals["stream_drops"] == 0 and totals["send_drops"] == 0, f"{totals}")


def tls_as_others_see_it():
    """openssl s_client: versions, ALPN, SNI, tickets of whichever worker, no renegotiation."""
    with certificate_directory() as directory:
        first = Certificate(directory, "first", "first.example")
        second = Certificate(directory, "second", "second.example")
        flags = [*first.flags, "--set", f"tls.certificates=[{{certificate: {second.certificate}, "
                                        f"key: {second.key}}}]"]
        with start_server([TLS], flags, workers=4) as server:
            endpoint = server.endpoint(scheme="tls")
            for version in ("-tls1_2", "-tls1_3"):
                with OpensslClient(server, endpoint, version, "-alpn", "h2,stun.turn") as client:
                    resumed, protocol = client.expect_handshake()
                    check(not resumed and protocol == version[1:].replace("tls1_", "TLSv1."),
                          f"{protocol} for {version}")
                    check(client.alpn() == "stun.turn", "the wrong ALPN")
                    check(client.subject() == "first.example", "the wrong certificate")
            for version in ("-tls1", "-tls1_1"):
                with OpensslClient(server, endpoint, version) as client:
                    client.expect_refusal("protocol version")
            with OpensslClient(server, endpoint, "-servername", "second.example", "-alpn",
                               "http/1.1") as client:
                client.expect_handshake()
                check(client.subject() == "second.example", "SNI was not heard")
                check(client.alpn() is None, "an ALPN that is none of ours")
            for version in ("-tls1_2", "-tls1_3"):
                session = server.path("session" + version)
                with OpensslClient(server, endpoint, version, "-sess_out", session) as client:
                    client.expect_handshake()
                    client.expect_session(session)
                for _ in range(4):  # other workers, by chance
                    with OpensslClient(server, endpoint, version, "-sess_in", session) as client:
                        check(client.expect_handshake()[0], f"a session was not resumed: {version}")
            with OpensslClient(server, endpoint, "-tls1_2") as client:
                client.expect_handshake()
                client.type("R\n")
                client.expect("no renegotiation|RENEGOTIATING")
                wait_until(lambda: client.has_ended() or
                           "no renegotiation" in client.output(), DEADLINE, "an end of it")
            check(is_served(endpoint.address, connect_tls), "the next client")
            server.stop()


def many_idle():
    """Connections of TLS that do nothing, each with an allocation, and what each costs. A build
    with sanitizers keeps several times as much."""
    count = int(os.environ.get("UTURN_IDLE_CONNECTIONS", "5000"))
    flags = [*RELAY, "--set", "limits.connections_per_source=0", "--set", "limits.answers_burst=1000000"]
    with secure_server([TLS], flags) as (server, _):
        context = tls_context(minimum=ssl.TLSVersion.TLSv1_3)
        streams = []

        def add(number):
            stream = connect_tls(address_of(server, "tls"), context,
                                 source=(f"127.0.1.{1 + number % 200}", 0))
            streams.append(stream)
            turn = turn_client(stream)
            turn.allocate()
        for number in range(50):
            add(number)
        before = server.resident_kilobytes()
        for number in range(count):
            add(number)
        each = (server.resident_kilobytes() - before) / count
        print(f"{count} idle TLS connections with an allocation: {each:.1f} KiB each")
        most = float(os.environ.get("UTURN_IDLE_KILOBYTES", "200"))
        check(each < most, f"{each:.1f} KiB each")
        expect_service(streams[0])
        expect_service(streams[-1])
        for stream in streams:
            stream.close()
        totals = counters(server.stop())
        check(totals["handshakes_done"] >= count, f"{totals}")


CASES = {
    "first-bytes": first_bytes,
    "plain-refused": plain_refused,
    "without-certificate": without_certificate,
    "proxies": proxies,
    "limits": limits,
    "slowness": slowness,
    "half-closed": half_closed,
    "chunks": chunks,
    "slow-reader": slow_reader,
    "line-rate": line_rate,
    "tls": tls_as_others_see_it,
    "many-idle": many_idle,
}

if __name__ == "__main__":
    run_cases(CASES)
