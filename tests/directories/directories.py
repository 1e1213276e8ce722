# Users in databases: coturn's, read as they are, killed and brought back under load.
#
#   directories.py --server PATH --io uring|epoll CASE
import contextlib
import http.server
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
import cases
import stun_message as stun
from certificates import Certificate, certificate_directory
from databases import (ENCODED_PASSWORD, Mariadb, Postgresql, Redis, Sqlite, TlsMariadb,
                       TlsPostgresql, md5_key)
from processes import check, wait_until
from server import REALM, UturnServer
from turn_client import TurnClient, TurnError
from turnutils import EchoPeer, expect_no_loss, uclient

FLAGS = ["--relay-ip", "127.0.0.1", "--channels", "rfc5766", "--allow-peer", "127.0.0.0/8"]
SOON = ["--set", "auth.directory.cache_ttl=100ms", "--set", "auth.directory.negative_ttl=100ms",
        "--set", "auth.directory.poll=200ms"]
QUICK = [*SOON, "--set", "auth.directory.answer_within=500ms", "--set",
         "auth.directory.timeout=300ms"]
DORA = ("dora", "a password")
SECRET = "a secret of the database"
ORIGIN, THIRD_PARTY_AUTHORIZATION = 0x802F, 0x802E


def start_server(database, *more, workers=1):
    return cases.start_server(("udp://127.0.0.1:0",),
                              [*FLAGS, "--database", database.url, *more], workers)


def log_in(server, name, password, algorithm=stun.MD5):
    """The error code, or None: an allocation was made, and ended."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        client = TurnClient(udp, server.endpoint().address, name, password, algorithm)
        try:
            client.allocate()
            client.refresh(0)
        except TurnError as error:
            return error.code
    return None


def expect(server, name, password, code, algorithm=stun.MD5):
    got = log_in(server, name, password, algorithm)
    check(got == code, f"{name}: {got} instead of {code}:\n{server.log()[-3000:]}")


def uturn(*arguments, status=0, typed=None):
    done = subprocess.run([cases.options.server, *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, input=typed or "")
    check(done.returncode == status,
          f"uturn {' '.join(arguments)}: status {done.returncode}:\n{done.stdout}")
    check(ENCODED_PASSWORD not in done.stdout, "the database's password was shown")
    return done.stdout


def authenticates(kind):
    """turnutils logs in with a user and with a secret that coturn's tools wrote."""
    with kind() as database:
        database.add_user(REALM, *DORA)
        database.add_secret(REALM, SECRET)
        with start_server(database) as server, EchoPeer(server) as peer:
            to_peer = ["-n", "10", "-e", "127.0.0.1", "-r", str(peer.port)]
            expect_no_loss(server, "-m", "4", *to_peer, credentials=("-u", DORA[0], "-w", DORA[1]))
            expect_no_loss(server, *to_peer, credentials=("-u", "bob", "-W", SECRET))
            expect(server, "nobody", "a password", 401)
            expect(server, DORA[0], "another password", 401)
            log = server.stop()
            check(ENCODED_PASSWORD not in log and "p@ss" not in log, "a password was logged")


def is_managed(kind, has_sha256):
    """`uturn user` and `uturn secret` write what the running server and coturn read."""
    with kind() as database:
        database.add_user(REALM, *DORA)
        at = ["--database", database.url, "--realm", REALM]
        with start_server(database, *QUICK) as server:
            uturn("user", "add", "emil", *at, typed="emil's\n")
            uturn("user", "add", "dora", *at, typed="new\n")
            wait_until(lambda: log_in(server, "emil", "emil's") is None, 20, "emil")
            wait_until(lambda: log_in(server, "dora", "new") is None, 20, "dora's new password")
            listed = json.loads(uturn("user", "list", "--json", *at))
            check([user["name"] for user in listed["users"]] == ["dora", "emil"], str(listed))
            check(("SHA-256" in listed["users"][0]["password_algorithms"]) == has_sha256,
                  str(listed))
            uturn("user", "remove", "emil", *at)
            uturn("user", "remove", "emil", *at, status=1)
            wait_until(lambda: log_in(server, "emil", "emil's") == 401, 20, "emil's end")

            uturn("secret", "add", *at, typed=SECRET + "\n")
            check(SECRET not in uturn("secret", "list", *at), "a secret was shown")
            check(SECRET in uturn("secret", "list", "--reveal", *at), "the secret is not there")

            def rest_works():
                status, _ = uclient(server, "-n", "1", "-y", "-c", seconds=30,
                                    credentials=("-u", "bob", "-W", SECRET))
                return status == 0
            wait_until(rest_works, 30, "a login by the secret")
            uturn("secret", "remove", *at, typed=SECRET + "\n")
            check(uturn("secret", "list", *at) == "", "the secret is still there")
            server.stop()


def sqlite_with_sha256():
    """Made by the first `uturn user add`; SHA-256 is offered because every user has such a key, until
    turnadmin adds one that has none."""
    with Sqlite() as database:
        at = ["--database", database.url, "--realm", REALM]
        uturn("user", "add", "dora", *at, typed="a password\n")
        os.chmod(database.file, 0o644)
        with start_server(database, *QUICK) as server:
            # The harness's static user has a password, so it has both keys.
            expect(server, "dora", "a password", None, stun.SHA256)
            expect(server, "dora", "a password", None)
            server.stop()
        database.add_user(REALM, "old", "fashioned")
        with start_server(database) as server:
            expect(server, "old", "fashioned", None)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                udp.bind(("127.0.0.1", 0))
                client = TurnClient(udp, server.endpoint().address, "dora", "a password")
                client.allocate()
                offered = client._challenge[stun.PASSWORD_ALGORITHMS]
                check(offered == b"\0\1\0\0", f"offered {offered.hex()}, not MD5 alone")
            server.stop()


def has_realms(kind):
    """Everything that coturn's tables say of a realm that the configuration does not name, applied
    while the server runs."""
    other, origin = "other.example", [(ORIGIN, b"https://MEET.other.example")]

    def client_of(udp, server):
        udp.bind(("127.0.0.1", 0))
        return TurnClient(udp, server.endpoint().address, "zoe", "a password")

    def error(act, *arguments):
        try:
            act(*arguments)
        except TurnError as refused:
            return refused.code
        return None

    with kind() as database:
        database.add_user(REALM, *DORA)
        database.add_user(other, "zoe", "a password")
        flags = ["--relay-ip", "127.0.0.1", "--database", database.url, *SOON]
        with cases.start_server(("udp://127.0.0.1:0",), flags) as server, \
                contextlib.ExitStack() as sockets:
            def new_client():
                udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                return client_of(sockets.enter_context(udp), server)

            check(error(new_client().allocate, *origin) == 401, "nothing names the realm yet")
            database.add_origin("https://meet.other.example", other)
            database.set_realm_options(other, user_quota=1, max_bps=2000)
            database.add_peers(other, "127.0.0.9", allowed=True)
            database.add_peers(other, "8.8.8.0-8.8.8.255", allowed=False)
            database.add_oauth_key("north", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", other)

            def is_served():
                asker = new_client()
                return error(asker.allocate, *origin) is None and error(asker.refresh, 0) is None
            wait_until(is_served, 20, "the realm of the database")

            zoe = new_client()
            zoe.allocate(*origin)
            check(zoe.challenge[stun.REALM] == other.encode(), "a challenge of another realm")
            wait_until(lambda: error(zoe.create_permission, ("127.0.0.9", 9)) is None, 20,
                       "the realm's peers")
            wait_until(lambda: error(zoe.create_permission, ("8.8.8.8", 9)) == 403, 20,
                       "the peers that the realm may not reach")
            wait_until(lambda: error(new_client().allocate, *origin) == 486, 20, "its user's quota")
            wait_until(lambda: THIRD_PARTY_AUTHORIZATION in challenge(new_client(), origin), 20,
                       "its OAuth key")

            udp = sockets.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            udp.bind(("127.0.0.1", 0))
            dora = TurnClient(udp, server.endpoint().address, *DORA)
            dora.allocate()
            check(THIRD_PARTY_AUTHORIZATION not in dora.challenge, "a token of another realm")
            check(error(dora.create_permission, ("127.0.0.9", 9)) == 403, "peers of another realm")
            check(error(dora.create_permission, ("8.8.8.8", 9)) is None, "denied by another realm")

            database.set_realm_options(other, user_quota=3)
            wait_until(lambda: error(new_client().allocate, *origin) is None, 20, "another quota")
            server.stop()


def challenge(client, attributes):
    """What a client is told before it has said who it is."""
    try:
        client.allocate(*attributes)
    except TurnError:
        pass
    return client.challenge


def survives(kind):
    """Killed under load: nothing relayed is lost, known users go on, others hear 500; and it is
    found again."""
    with kind() as database:
        for user in (DORA, ("late", "a password"), ("later", "a password")):
            database.add_user(REALM, *user)
        with start_server(database, *QUICK, workers=2) as server, EchoPeer(server) as peer:
            # Its first answers may come later than is waited for, where much else runs.
            wait_until(lambda: log_in(server, *DORA) is None, 20, "the database's first answer")
            failures = []

            def relay():
                try:
                    expect_no_loss(server, "-m", "8", "-n", "400", "-e", "127.0.0.1", "-r",
                                   str(peer.port))
                except Exception as failure:  # told by the thread that waits
                    failures.append(failure)
            load = threading.Thread(target=relay)
            load.start()
            database.kill()
            wait_until(lambda: "the credential database is gone" in server.log() or
                       log_in(server, "late", "a password") == 500, 20, "its end to be noticed")
            expect(server, "late", "a password", 500)
            expect(server, *DORA, None)
            database.start()
            wait_until(lambda: log_in(server, "later", "a password") is None, 30, "its return")
            load.join()
            for failure in failures:
                raise failure
            server.stop()


def over_tls(kind):
    """Only a server that shows a certificate of the named authority, for its own name, is asked; and
    it answers nobody who comes without TLS."""
    with certificate_directory() as directory:
        right, wrong = Certificate(directory, "right"), Certificate(directory, "wrong")
        with kind(right) as database:
            database.add_user(REALM, *DORA)
            by_name = database.url.replace("127.0.0.1", "localhost")
            for url, code in ((f"{database.url}?tls=on&ca={right.certificate}", None),
                              (f"{database.url}?tls=on&ca={wrong.certificate}", 500),
                              (f"{by_name}?tls=on&ca={right.certificate}", 500),
                              (f"{database.url}?tls=on", 500)):
                database.url = url
                with start_server(database, *QUICK) as server:
                    expect(server, *DORA, code)
                    check(ENCODED_PASSWORD not in server.stop(), "a password was logged")


def filepizza():
    """The line of the README for FilePizza, which writes its users' keys into Redis for a while."""
    readme = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "README.md")
    with open(readme) as file:
        line = re.search(r"^\| FilePizza \|.*\| `(.*)` \|$", file.read(), re.MULTILINE).group(1)
    with Redis() as database, certificate_directory() as directory:
        path = os.path.join(directory, "uturn.yaml")
        with open(path, "w") as file:
            file.write(line)
        os.environ["REDIS_URL"] = database.url
        key = md5_key("b1946ac92492d234", "file.pizza", "6c6235d6")
        database.redis("SETEX", "turn/realm/file.pizza/user/b1946ac92492d234/key", "3600", key)
        flags = [*FLAGS, "-c", path, *QUICK]
        with UturnServer(cases.options.server, cases.options.io, 1, ("udp://127.0.0.1:0",), flags,
                         user=None, realm=None) as server:
            expect(server, "b1946ac92492d234", "6c6235d6", None)
            expect(server, "b1946ac92492d234", "another", 401)
            database.redis("DEL", "turn/realm/file.pizza/user/b1946ac92492d234/key")
            wait_until(lambda: log_in(server, "b1946ac92492d234", "6c6235d6") == 401, 20,
                       "the end of its time")
            server.stop()


class UserStore(http.server.ThreadingHTTPServer):
    """An operator's own, behind HTTP: knows dora by password and guest by key."""
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), UserStoreHandler)
        self.asked, self.is_broken, self.secret = [], False, "hush"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def flags(self):
        return ["--set", f"auth.webhook.url=http://127.0.0.1:{self.server_port}/users",
                "--set", "auth.webhook.secret=hush"]


class UserStoreHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        store = self.server
        store.asked.append(question)
        status, answer = 200, {}
        if store.is_broken:
            status = 503
        elif self.headers["Authorization"] != f"Bearer {store.secret}":
            status = 401
        elif question["user"] == DORA[0]:
            answer = {"password": DORA[1], "ttl": 1}
        elif question["user"] == "guest":
            answer = {"key": "0x" + md5_key("guest", REALM, "welcome"), "class": "guest"}
        else:
            status = 404
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def webhook():
    """Asked once, remembered, refused, and gone: closed answers 500, open lets known users go on."""
    with UserStore() as store:
        with cases.start_server(("udp://127.0.0.1:0",), [*FLAGS, *store.flags]) as server:
            expect(server, "guest", "welcome", None)
            expect(server, "guest", "welcome", None)
            check(len(store.asked) == 1, f"asked {store.asked}")
            check(store.asked[0] == {"user": "guest", "realm": REALM, "client": "127.0.0.1"},
                  f"asked {store.asked[0]}")
            expect(server, *DORA, None)
            expect(server, "nobody", "x", 401)
            store.is_broken = True
            expect(server, "stranger", "x", 500)
            expect(server, "guest", "welcome", None)
            wait_until(lambda: log_in(server, *DORA) == 500, 20, "the end of dora's second")
            store.is_broken = False
            expect(server, *DORA, None)
            check("hush" not in server.stop(), "the secret was logged")
        with cases.start_server(("udp://127.0.0.1:0",), [
                *FLAGS, *store.flags, "--set", "auth.webhook.on_failure=open"]) as server:
            expect(server, *DORA, None)
            store.is_broken = True
            expect(server, "stranger", "x", 401)
            before = len(store.asked)
            wait_until(lambda: log_in(server, *DORA) is not None or len(store.asked) > before, 20,
                       "dora to be asked for again")
            expect(server, *DORA, None)
            server.stop()


def webhook_over_tls():
    """Only who shows a certificate of the named authority is asked."""
    with UserStore() as store, certificate_directory() as directory:
        right, wrong = Certificate(directory, "right"), Certificate(directory, "wrong")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(right.certificate, right.key)
        store.socket = context.wrap_socket(store.socket, server_side=True)
        url = [*store.flags, "--set", f"auth.webhook.url=https://127.0.0.1:{store.server_port}/"]
        for believed, code in ((right, None), (wrong, 500)):
            with cases.start_server(("udp://127.0.0.1:0",), [
                    *FLAGS, *url, "--set", f"auth.webhook.ca={believed.certificate}"]) as server:
                expect(server, *DORA, code)
                server.stop()


CASES = {
    "sqlite": lambda: authenticates(Sqlite),
    "sqlite-managed": lambda: is_managed(Sqlite, True),
    "sqlite-realms": lambda: has_realms(Sqlite),
    "sqlite-sha256": sqlite_with_sha256,
    "sqlite-gone": lambda: survives(Sqlite),
    "postgresql": lambda: authenticates(Postgresql),
    "postgresql-managed": lambda: is_managed(Postgresql, True),
    "postgresql-realms": lambda: has_realms(Postgresql),
    "postgresql-gone": lambda: survives(Postgresql),
    "mariadb": lambda: authenticates(Mariadb),
    "mariadb-managed": lambda: is_managed(Mariadb, True),
    "mariadb-realms": lambda: has_realms(Mariadb),
    "mariadb-gone": lambda: survives(Mariadb),
    "postgresql-tls": lambda: over_tls(TlsPostgresql),
    "mariadb-tls": lambda: over_tls(TlsMariadb),
    "filepizza": filepizza,
    "webhook": webhook,
    "webhook-tls": webhook_over_tls,
    "redis": lambda: authenticates(Redis),
    "redis-managed": lambda: is_managed(Redis, False),
    "redis-realms": lambda: has_realms(Redis),
    "redis-gone": lambda: survives(Redis),
}

if __name__ == "__main__":
    cases.run_cases(CASES)
