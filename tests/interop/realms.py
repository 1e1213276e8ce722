# Two realms in one server, with turnutils_uclient: by listener, by origin, and changed by a reload.
#
#   realms.py --server PATH --io uring|epoll CASE
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
import cases
from processes import check, wait_until
from server import PASSWORD, USER
from turn_client import TurnClient, TurnError
from turnutils import EchoPeer, expect_no_loss, uclient

FLAGS = ["--relay-ip", "127.0.0.1", "--channels", "rfc5766", "--allow-peer", "127.0.0.0/8"]
ZOE = ("-u", "zoe", "-w", "a password")
OTHER = ('realms={other.example: {users: {zoe: {password: a password}}, secrets: [hush],'
         ' origins: ["https://meet.other.example"], limits: {allocations: 12}}}')
LISTENERS = 'listeners=["udp://127.0.0.1:0", {uri: "udp://127.0.0.1:0", realm: other.example}]'
THIRD_PARTY_AUTHORIZATION = 0x802E
ORIGIN = ("-o", "https://MEET.other.example:443")


class AtListener:
    """The server, for clients of one of its listeners."""

    def __init__(self, server, index):
        self._server = server
        self._endpoint = server.endpoints[index]

    def endpoint(self, *_):
        return self._endpoint

    def __getattr__(self, name):
        return getattr(self._server, name)


def error_of(server, name, password, index=0):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        client = TurnClient(udp, server.endpoints[index].address, name, password)
        try:
            client.allocate()
            client.refresh(0)
        except TurnError as error:
            return error.code
    return None


def by_listener():
    with cases.start_server((), [*FLAGS, "--set", LISTENERS, "--set", OTHER]) as server, \
            EchoPeer(server) as peer:
        to_peer = ["-n", "10", "-e", "127.0.0.1", "-r", str(peer.port)]
        expect_no_loss(AtListener(server, 0), *to_peer)
        expect_no_loss(AtListener(server, 1), *to_peer, credentials=ZOE)
        expect_no_loss(AtListener(server, 1), *to_peer, credentials=("-u", "bob", "-W", "hush"))
        check(error_of(server, USER, PASSWORD, 1) == 401, "a user of the default realm came in")
        check(error_of(server, "zoe", "a password", 0) == 401, "zoe came in by the other listener")
        server.stop()


def by_origin():
    with cases.start_server(("udp://127.0.0.1:0",), [*FLAGS, "--set", OTHER]) as server, \
            EchoPeer(server) as peer:
        to_peer = ["-n", "10", "-e", "127.0.0.1", "-r", str(peer.port)]
        expect_no_loss(server, *ORIGIN, *to_peer, credentials=ZOE)
        expect_no_loss(server, *to_peer)
        # Each client of turnutils has at least two allocations, of the realm's twelve.
        status, output = uclient(server, *ORIGIN, "-m", "8", *to_peer, credentials=ZOE)
        check(status != 0 and "486" in output, f"the realm's quota: {status}\n{output}")
        log = server.stop()
        check('realm=other.example' in log, f"no record of the realm:\n{log}")


def is_given_credentials():
    """By HTTP, by the Unix socket and by command: signed with the realm's secret, for its listener."""
    digest = hashlib.sha256(b"the key of meet").hexdigest()
    with tempfile.TemporaryDirectory(prefix="uturn-realms-") as directory:
        os.chmod(directory, 0o777)
        file, lines = (os.path.join(directory, name) for name in ("uturn.yaml", "lines.sock"))
        with open(file, "w") as to:
            to.write(f'credentials: {{listen: "127.0.0.1:0", socket: {lines}, '
                     f'keys: {{meet: {{sha256: "{digest}", realm: other.example}}}}}}\n')
        flags = ["-c", file, "--auth-secret", "of the default", "--set", LISTENERS, "--set", OTHER]
        with cases.start_server((), [*FLAGS, *flags]) as server:
            url = re.search(r"url=(http://[0-9.:]+)", server.log()).group(1)
            request = urllib.request.Request(f"{url}/v1/ice-servers", data=b'{"user": "eve"}',
                                             headers={"Authorization": "Bearer the key of meet"})
            with urllib.request.urlopen(request, timeout=10) as answer:
                ice = json.load(answer)["iceServers"][0]
            port = server.endpoints[1].port
            check(all(f":{port}" in url for url in ice["urls"]), f"{ice['urls']}: not only {port}")
            for index, code in ((0, 401), (1, None)):
                got = error_of(server, ice["username"], ice["credential"], index)
                check(got == code, f"listener {index}: {got} instead of {code}")

            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
                line.settimeout(10)
                line.connect(lines)
                line.sendall(b"carol 60 realm=other.example\n")
                name, _, password = line.makefile().readline().strip().rpartition(":")
            check(error_of(server, name, password, 1) is None, "what the socket gave is refused")
            server.stop()
        with open(file, "w") as to:
            to.write("listeners: [\"udp://127.0.0.1:3478\"]\nauth: {secrets: [of the default]}\n"
                     "realms: {other.example: {secrets: [hush]}}\n")
        said = subprocess.run([cases.options.server, "credentials", "-c", file, "--realm",
                               "other.example", "--user", "eve"], stdout=subprocess.PIPE, text=True,
                              check=True).stdout
        ice = json.loads(said)["iceServers"][0]
        with cases.start_server(("udp://127.0.0.1:0",), [*FLAGS, "--set", OTHER]) as server:
            expect_no_loss(server, *ORIGIN, "-n", "1", "-y", "-c",
                           credentials=("-u", ice["username"], "-w", ice["credential"]))
            server.stop()


def is_entered_by_token():
    """A realm takes the tokens of its own keys (RFC 7635); the others do not hear of them."""
    keys = ("[{kid: north, key: MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEK},"
            " {kid: union, key: MTIzNDU2Nzg5MDEyMzQ1Ngo=, algorithm: A128GCM},"
            " {kid: oldempire, key: MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIK}]")
    other = ("realms={other.example: {users: {zoe: {password: a password}}, "
             f"oauth: {{server_name: blackdow.carleon.gov, keys: {keys}}}}}}}")
    with cases.start_server((), [*FLAGS, "--set", LISTENERS, "--set", other]) as server, \
            EchoPeer(server) as peer:
        to_peer = ["-n", "10", "-e", "127.0.0.1", "-r", str(peer.port)]
        expect_no_loss(AtListener(server, 1), "-J", "-c", *to_peer, credentials=())
        for index, user, hears in ((0, (USER, PASSWORD), False), (1, ("zoe", "a password"), True)):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                udp.bind(("127.0.0.1", 0))
                client = TurnClient(udp, server.endpoints[index].address, *user)
                client.allocate()
                check((THIRD_PARTY_AUTHORIZATION in client.challenge) == hears, f"{client.challenge}")
        server.stop()


def is_denied_peers():
    """What everybody may reach and this realm may not, and the one address of it that it may."""
    def code_of(client, peer):
        try:
            client.create_permission((peer, 9))
        except TurnError as error:
            return error.code
        return None

    other = ("realms={other.example: {users: {zoe: {password: a password}},"
             " peers: {deny: [127.0.0.0/16], allow: [127.0.0.7]}}}")
    with cases.start_server((), [*FLAGS, "--set", LISTENERS, "--set", other]) as server:
        for index, user, peer, code in ((0, (USER, PASSWORD), "127.0.0.9", None),
                                        (1, ("zoe", "a password"), "127.0.0.9", 403),
                                        (1, ("zoe", "a password"), "127.0.0.7", None),
                                        (1, ("zoe", "a password"), "127.1.0.9", None)):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                udp.bind(("127.0.0.1", 0))
                client = TurnClient(udp, server.endpoints[index].address, *user)
                client.allocate()
                got = code_of(client, peer)
                check(got == code, f"{user[0]} to {peer}: {got} instead of {code}")
        log = server.stop()
        check("the realm's own peers.allow" in log, f"not told what would allow it:\n{log}")


def is_reloaded():
    def write(file, *realms):
        with open(file, "w") as to:
            to.write("realms:\n  other.example:\n    origins: [\"https://meet.other.example\"]\n"
                     "    users: {zoe: {password: a password}}\n" if realms else "realms: {}\n")

    with tempfile.TemporaryDirectory(prefix="uturn-realms-") as directory:
        os.chmod(directory, 0o755)
        file = os.path.join(directory, "uturn.yaml")
        write(file)
        with cases.start_server(("udp://127.0.0.1:0",), [*FLAGS, "-c", file]) as server, \
                EchoPeer(server) as peer:
            to_peer = ["-n", "10", "-e", "127.0.0.1", "-r", str(peer.port)]
            write(file, "other.example")
            server.signal(signal.SIGHUP)
            wait_until(lambda: "the configuration was reloaded" in server.log(), 10, "the reload")
            expect_no_loss(server, *ORIGIN, *to_peer, credentials=ZOE)
            expect_no_loss(server, *to_peer)
            check("a password" not in server.stop(), "a password was logged")


cases.run_cases({
    "by-listener": by_listener,
    "by-origin": by_origin,
    "credentials": is_given_credentials,
    "tokens": is_entered_by_token,
    "denied-peers": is_denied_peers,
    "reloaded": is_reloaded,
})
