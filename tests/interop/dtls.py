# DTLS as others see it, and PROXY headers in front of datagrams; certificates that change meanwhile.
#
#   dtls.py --server PATH --io uring|epoll CASE
import contextlib
import os
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
import stun_message as stun
import cases
from cases import run_cases, secure_server, start_server
from certificates import Certificate, certificate_directory
from openssl_client import OpensslClient
from processes import check, wait_until
from server import PASSWORD, USER, counters
from stream_checks import expect_service, turn_client
from transports import Datagrams, connect_tls, proxy_v2, proxy_v2_local
from turn_client import TurnClient
from turnutils import EchoPeer, expect_no_loss

UDP, DTLS = "udp://127.0.0.1:0", "dtls://127.0.0.1:0"
FLAGS = ["--relay-ip", "127.0.0.1", "--channels", "rfc5766", "--allow-peer", "127.0.0.0/8"]
DEADLINE = 20


def handshake(server, scheme, *arguments):
    return OpensslClient(server, server.endpoint(scheme=scheme), "-dtls1_2", *arguments)


def shown_certificate(server, scheme="dtls"):
    """The subject of what a new client is shown."""
    with handshake(server, scheme) as client:
        return client.subject()


def plain_client(server, scheme, proxy=b""):
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    return udp, TurnClient.over(Datagrams(udp, server.endpoint(scheme=scheme).address, proxy),
                                USER, PASSWORD)


def is_answered(server, scheme, proxy=b""):
    udp, _ = plain_client(server, scheme)
    with udp:
        udp.settimeout(1)
        for _ in range(3):
            udp.sendto(proxy + stun.encode(stun.BINDING, stun.REQUEST, stun.new_transaction_id(), []),
                       server.endpoint(scheme=scheme).address)
            try:
                return bool(udp.recv(2048))
            except OSError:
                pass
    return False


def uclient():
    """turnutils relays through DTLS on either kind of port, every byte of it."""
    with secure_server([UDP, DTLS], FLAGS, workers=2) as (server, _), EchoPeer(server) as peer:
        for scheme, how in (("udp", ["-S"]), ("dtls", ["-S", "-s"])):  # ChannelData, indications
            expect_no_loss(server, *how, "-n", "25", "-e", peer.host, "-r", str(peer.port),
                           scheme=scheme)
        said = counters(server.stop())
        check(said["dtls_handshakes"] >= 2 and said["dtls_messages_lost"] == 0, f"{said}")


def between_clients():
    """Both ends of a call are DTLS clients of this server."""
    with secure_server([DTLS], FLAGS, workers=2) as (server, _):
        expect_no_loss(server, "-S", "-y", "-n", "25", scheme="dtls")
        server.stop()


def s_client():
    """OpenSSL's own client: version, cipher, ALPN, a host name; renegotiation is refused."""
    with secure_server([DTLS], FLAGS) as (server, _):
        with handshake(server, "dtls", "-alpn", "stun.turn", "-servername", "turn.example") as client:
            client.expect(r"New, \S+, Cipher is ECDHE-[\s\S]*Protocol  : DTLSv1\.2")
            check(client.alpn() == "stun.turn", f"ALPN {client.alpn()}")
            client.type("R\n")
            client.expect("no renegotiation")
        with handshake(server, "dtls", "-mtu", "300") as client:
            client.expect(r"New, \S+, Cipher is ECDHE-[\s\S]*Protocol  : DTLSv1\.2")
        with OpensslClient(server, server.endpoint(scheme="dtls"), "-dtls1") as old:
            wait_until(lambda: "Cipher is (NONE)" in old.output() or old.has_ended(), DEADLINE,
                       "the refusal of DTLS 1.0")
            check("Cipher is ECDHE" not in old.output(), old.output())
        server.stop()


def plain():
    """Plain TURN beside DTLS on both kinds of port; `plain: false` keeps it off dtls ports only."""
    with secure_server([UDP, DTLS], FLAGS) as (server, _):
        check(is_answered(server, "udp") and is_answered(server, "dtls"), "no plain TURN")
        server.stop()
    with secure_server([UDP, DTLS], [*FLAGS, "--set", "tls.plain=false"]) as (server, _):
        check(is_answered(server, "udp"), "no plain TURN on udp")
        check(not is_answered(server, "dtls"), "plain TURN on dtls")
        shown_certificate(server)
        check(counters(server.stop())["plain_refused"] >= 1, "not counted")


def quick_start():
    """Without a certificate a server that was given no file makes one, and says so."""
    with start_server([DTLS], FLAGS) as server:
        check(shown_certificate(server), "no certificate")
        check("signed by itself" in server.stop(), "a self-signed certificate was not said")


def renewed_certificate():
    """New files, however they come, are what new clients see; a session that stands goes on."""
    with certificate_directory() as directory:
        shown = Certificate(directory, "shown", "first.example")
        with start_server([DTLS], [*FLAGS, *shown.flags], workers=2) as server:
            with handshake(server, "dtls") as standing:
                check(standing.subject() == "first.example", standing.output())
                shown.replace(Certificate(directory, "second", "second.example"))
                wait_until(lambda: shown_certificate(server) == "second.example", DEADLINE,
                           "the renewed certificate")
                os.rename(shown.key, shown.key + ".away")
                server.signal(signal.SIGUSR2)
                wait_until(lambda: "the former ones stay" in server.log(), DEADLINE,
                           "the error of a reload")
                check(shown_certificate(server) == "second.example", "the old one is gone")
                os.rename(shown.key + ".away", shown.key)
                check(not standing.has_ended(), "the session that stood has ended")
            server.stop()


def renewed_under_tls_clients():
    """200 TLS clients with allocations live through a renewal; whoever comes then sees the new one."""
    tls = "tls://127.0.0.1:0"
    with certificate_directory() as directory, contextlib.ExitStack() as clients:
        shown = Certificate(directory, "shown", "first.example")
        with start_server([tls], [*FLAGS, *shown.flags], workers=2) as server:
            address = server.endpoint(scheme="tls").address
            streams = [clients.enter_context(connect_tls(address)) for _ in range(200)]
            turns = [turn_client(stream) for stream in streams]
            for turn in turns:
                turn.allocate()
            first = Certificate(directory, "second", "second.example")
            shown.replace(first)

            def is_renewed():
                with connect_tls(address) as newcomer:
                    return newcomer.socket.getpeercert(binary_form=True) == first.der()
            wait_until(is_renewed, DEADLINE, "the renewed certificate")
            for stream, turn in zip(streams, turns):
                expect_service(stream)
                check(turn.refresh(600) == 600, "an allocation was lost")
            server.stop()


def unreadable_certificate():
    """A start that fails says which file, who may not read it and why."""
    with certificate_directory() as directory:
        shown = Certificate(directory, "shown")
        os.remove(shown.key)
        refused = subprocess.run(
            [cases.options.server, "serve", "--listen", DTLS, "--user", "a:b", *shown.flags],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=60)
        check(refused.returncode == 2, f"{refused.returncode}: {refused.stdout}")
        check(shown.key in refused.stdout, refused.stdout)


def proxied():
    """Whom a proxy announces is the client; answers and peers' data go bare to the proxy."""
    announced = ("192.0.2.77", 4000)
    with secure_server([UDP], [*FLAGS, "--proxy-from", "127.0.0.1"]) as (server, _), \
            EchoPeer(server) as peer:
        header = proxy_v2(announced, server.endpoint().address, datagram=True)
        udp, client = plain_client(server, "udp", header)
        with udp:
            check(client.binding() == announced, "mapped to somebody else")
            client.allocate()
            echo = (peer.host, peer.port)
            client.bind_channel(0x4000, echo)
            client.send_channel_data(0x4000, b"x" * 200)
            client.receive()
        check(is_answered(server, "udp", proxy_v2_local()), "a health check was not answered")
        check(not is_answered(server, "udp"), "a datagram without a header was answered")
        said = counters(server.stop())
        check(said["proxied_without_header"] >= 1, f"{said}")


CASES = {
    "uclient": uclient,
    "between-clients": between_clients,
    "s-client": s_client,
    "plain": plain,
    "quick-start": quick_start,
    "renewed-certificate": renewed_certificate,
    "renewed-under-200-tls-clients": renewed_under_tls_clients,
    "unreadable-certificate": unreadable_certificate,
    "proxied": proxied,
}

if __name__ == "__main__":
    run_cases(CASES)
