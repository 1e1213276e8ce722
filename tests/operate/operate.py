# A running server and its operator: status, sessions, kick, drain, reload, top.
#
#   operate.py --server PATH --io uring|epoll CASE
import contextlib
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
import cases
from certificates import Certificate, certificate_directory
from operating import UnixConnection, api, command, json_command, status_of
from processes import check, skip, wait_until
from server import PASSWORD, USER, UturnServer
from stream_checks import expect_end, expect_service, is_served
from transports import connect_tcp, connect_tls, proxy_v1
from turn_client import TurnClient, TurnError

LISTEN = ("udp://127.0.0.1:0",)
FLAGS = ["--relay-ip", "127.0.0.1", "--allow-peer", "127.0.0.0/8"]


def start_server(*flags, workers=1):
    return cases.start_server(LISTEN, [*FLAGS, *flags], workers)


@contextlib.contextmanager
def clients(server, count, user=USER, password=PASSWORD):
    with contextlib.ExitStack() as stack:
        made = []
        for _ in range(count):
            udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            client = TurnClient(udp, server.endpoint().address, user, password)
            client.relayed = client.allocate().relayed[0]
            made.append(client)
        yield made


class Echo:
    """A client with a channel to a peer that sends everything back; each trip is timed."""

    def __init__(self, client):
        self.client = client
        self.peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.peer.bind(("127.0.0.1", 0))
        self.peer.settimeout(10)
        client.bind_channel(0x4000, self.peer.getsockname())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.peer.close()

    def trip(self, number):
        data = number.to_bytes(8, "big")
        began = time.monotonic()
        self.client.send_channel_data(0x4000, data)
        there, source = self.peer.recvfrom(100)
        self.peer.sendto(there, source)
        back = self.client.receive(10)
        check(back.data == data, f"{data} came back as {back.data}")
        return time.monotonic() - began


class Load:
    """Echo trips one after the other, until it is left: any loss is a failure."""

    def __init__(self, echo):
        self._echo = echo
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.trips = 0
        self.failure = None

    def _run(self):
        try:
            while not self._ends.is_set():
                self._echo.trip(self.trips)
                self.trips += 1
        except Exception as error:  # handed to the test's own thread
            self.failure = error

    def __enter__(self):
        self._thread.start()
        wait_until(lambda: self.trips > 10 or self.failure, 20, "the first trips")
        return self

    def __exit__(self, *_):
        before = self.trips
        wait_until(lambda: self.trips > before or self.failure, 20, "a trip afterwards")
        self._ends.set()
        self._thread.join()
        check(self.failure is None, f"lost on the way: {self.failure!r}")


def status():
    with start_server(workers=2) as server, clients(server, 3):
        answer = json_command(server, "status")
        check(answer["state"] == "serving", f"{answer}")
        check(answer["allocations"] == 3, f"{answer}")
        check(answer["relay"]["ports_held"] == 3, f"{answer}")
        check(len(answer["workers"]) == 2, f"{answer}")
        made, deleted = (answer["totals"][f"allocations_{how}"] for how in ("made", "deleted"))
        check(made - deleted == 3, f"{answer}")  # quick start tried itself
        check(answer["listeners"] == [f"udp://127.0.0.1:{server.endpoint().port}"], f"{answer}")
        text = command(server, "status")
        check("serving" in text and "allocations  3" in text, text)
        server.stop()


def sessions():
    with start_server("--user", "bob:secret", workers=2) as server:
        with clients(server, 3) as alices, clients(server, 2, "bob", "secret") as bobs, \
                Echo(alices[0]) as echo:
            for number in range(5):
                echo.trip(number)
            everyone = json_command(server, "sessions")["sessions"]
            check(sorted(s["user"] for s in everyone) == ["alice"] * 3 + ["bob"] * 2,
                  f"{everyone}")
            first = [s for s in everyone if s["client"] == "127.0.0.1:%d" %
                     alices[0].udp.getsockname()[1]]
            check(len(first) == 1, f"{everyone}")
            check(first[0]["relayed"] == ["%s:%d" % alices[0].relayed], f"{first}")
            check((first[0]["packets_to_peers"], first[0]["bytes_to_peers"],
                   first[0]["packets_to_client"], first[0]["bytes_to_client"]) == (5, 40, 5, 40),
                  f"{first}")
            check(first[0]["channels"] == 1 and first[0]["permissions"] == 1, f"{first}")
            for filters, count in ((["--user", "bob"], 2), (["--user", "al*"], 3),
                                   (["--client", "127.0.0.0/8"], 5),
                                   (["--realm", "test.example"], 5), (["--realm", "other"], 0),
                                   (["--client", "192.0.2.0/24"], 0), (["--min-age", "1h"], 0),
                                   (["--min-idle", "0s"], 5), (["--user", "carol"], 0)):
                listed = json_command(server, "sessions", *filters)["sessions"]
                check(len(listed) == count, f"{filters}: {listed}")
            busiest = api(server, "GET", "/v1/sessions?sort=traffic&limit=1")[1]["sessions"]
            check(busiest == [] or busiest[0]["id"] == first[0]["id"], f"{busiest}")

            met, cursor = [], ""
            while cursor is not None:
                more = ["--cursor", cursor] if cursor else []
                page = json_command(server, "sessions", "--limit", "2", *more)
                check(len(page["sessions"]) <= 2, f"{page}")
                met += [s["id"] for s in page["sessions"]]
                cursor = page["next"]
            check(sorted(met) == sorted(s["id"] for s in everyone), f"{met}")
            table = command(server, "sessions", "--all")
            check(table.splitlines()[0].startswith("ID") and len(table.splitlines()) == 6, table)
            check("cursor" in command(server, "sessions", "--cursor", "x", expect=1), "no reason")
            check(bobs[0].refresh(600), "bob goes on")
        server.stop()


def kick():
    with start_server("--user", "bob:secret") as server:
        with clients(server, 2) as alices, clients(server, 2, "bob", "secret") as bobs:
            everyone = json_command(server, "sessions")["sessions"]
            port = alices[0].udp.getsockname()[1]
            victim = next(s["id"] for s in everyone if s["client"].endswith(f":{port}"))
            check(json_command(server, "kick", victim) == {"kicked": 1}, "not kicked")
            check(json_command(server, "kick", victim) == {"kicked": 0}, "kicked twice")
            try:
                alices[0].refresh(600)
                check(False, "a session that was kicked was refreshed")
            except TurnError as error:
                check(error.code == 437, f"{error}")
            check(alices[0].allocate().relayed, "who was kicked may come again")
            check("0 sessions" in command(server, "kick", "--realm", "other"), "of no realm of ours")
            check("2 sessions" in command(server, "kick", "--realm", "test.example", "--user",
                                          "bob"), "bob is there")
            check(status_of(server)["allocations"] == 2, f"{status_of(server)}")
            check("one of them" in command(server, "kick", expect=2), "kicks nobody by accident")
            check(api(server, "POST", "/v1/kick", {})[0] == 400, "an empty wish kicks")
            check(json_command(server, "kick", "--all") == {"kicked": 2}, "somebody stays")
            check(status_of(server)["totals"]["allocations_kicked"] == 5, "not counted")
            check(bobs and server.is_running(), "the server is gone")
        server.stop()


def deeds_told():
    """Each thing that an operator does is one line: what, how many, and who has asked."""
    def lines(text):
        written = [line for line in server.log().splitlines() if line.startswith('{"time')]
        return [line for line in map(json.loads, written) if line["message"].startswith(text)]

    with start_server("--log-format", "json", "--set", "log.privacy=truncated") as server, \
            clients(server, 4):
        ids = [s["id"] for s in json_command(server, "sessions")["sessions"]]
        command(server, "kick", ids[0])
        command(server, "kick", "--client", "127.0.0.0/8", "--user", "a*")
        command(server, "kick", "--all")
        kicks = lines("sessions were kicked")
        check([(k["sessions"], k["of"]) for k in kicks] ==
              [(1, "1 ids"), (3, "user a*, client 127.0.0.0"), (0, "all")], f"{kicks}")
        command(server, "log-level", "auth", "debug")
        command(server, "log-level", "warn")
        command(server, "log-level", "info")
        levels = lines("the log's level was changed")
        check([(one["of"], one["to"]) for one in levels] ==
              [("auth", "debug"), ("all", "warn"), ("all", "info")], f"{levels}")
        command(server, "reload")
        with clients(server, 1) as (alice,):
            command(server, "drain", "--deadline", "10m")
            command(server, "drain", "--cancel")
            mine = kicks + levels + lines("the configuration was reloaded") + lines("draining")
            check(len(mine) == 9, f"{mine}")
            for line in mine:
                check(line["component"] == "admin" and line["by"] == "admin socket" and
                      re.fullmatch(rf"uid {os.getuid()} pid \d+", line["from"]), f"{line}")
            for number, text in ((signal.SIGHUP, "the configuration was reloaded"),
                                 (signal.SIGUSR1, "draining")):
                told = len(lines(text))
                server.signal(number)
                wait_until(lambda: len(lines(text)) > told, 20, f"the line of {number.name}")
                check((lines(text)[-1]["by"], lines(text)[-1]["from"]) == ("signal", number.name),
                      f"{lines(text)}")
            alice.refresh(0)
        check(server.ended(20) == 0, server.log())


def api_errors():
    with start_server() as server:
        for method, target, body, code in (
                ("GET", "/v1/nothing", None, 404), ("GET", "/v1/kick", None, 405),
                ("GET", "/v1/sessions?limit=0", None, 400),
                ("GET", "/v1/sessions?limit=1001", None, 400),
                ("GET", "/v1/sessions?cursor=zz", None, 400),
                ("GET", "/v1/sessions?client=zz", None, 400),
                ("GET", "/v1/sessions?min_age=-1", None, 400),
                ("GET", "/v1/sessions?nonsense=1", None, 400),
                ("POST", "/v1/kick", [], 400), ("POST", "/v1/kick", {"sessions": ["1-2"]}, 400),
                ("POST", "/v1/kick", {"sessions": [7]}, 400), ("POST", "/v1/kick", {"x": "y"}, 400),
                ("POST", "/v1/kick", {"all": True, "user": "bob"}, 400),
                ("POST", "/v1/drain", {"deadline": "soon"}, 400),
                ("POST", "/v1/log-level", {"level": "loud"}, 400),
                ("POST", "/v1/log-level", {"level": "info", "component": "kernel"}, 400),
                ("POST", "/v1/log-level", {"component": "auth"}, 400),
                ("POST", "/v1/log-level", {"level": "info", "nonsense": 1}, 400),
                ("POST", "/v1/log-level", {}, 400)):
            got, answer = api(server, method, target, body)
            check(got == code and answer["error"], f"{method} {target} {body}: {got} {answer}")
        check(status_of(server)["state"] == "serving", "it serves no more")
        server.stop()


def no_server():
    with start_server() as server:
        missing = server.path("nowhere.sock")
        for name in ("status", "sessions", "drain", "reload", "log-level"):
            said = command(server, name, expect=1, socket_path=missing)
            check("no server runs here" in said, said)
        server.stop()
        # Whom root became may not take the name out of a directory of root's.
        check("no server" in command(server, "status", expect=1), "somebody answers")


def socket_permissions():
    with start_server() as server:
        mode = os.stat(server.path("admin.sock")).st_mode
        check(stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o660, oct(mode))
        second = subprocess.run(
            [cases.options.server, "serve", "--listen", "udp://127.0.0.1:0", "--user", "a:b",
             "--state-dir", server.path("state"), "--admin-socket", server.path("admin.sock")],
            capture_output=True, text=True, timeout=60)
        check(second.returncode == 1 and "another server answers there" in second.stderr,
              second.stderr)
        check(status_of(server)["state"] == "serving", "the first one is gone")
        server.stop()


def log_level():
    """Of all components or of one, while it runs; until the next reload."""
    def refused(server):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            stranger = TurnClient(udp, server.endpoint().address, USER, "wrong")
            try:
                stranger.allocate()
                check(False, "a wrong password was accepted")
            except TurnError:
                pass

    with start_server("--set", "log.levels=[sessions=debug]") as server:
        check(command(server, "log-level") == "info\nsessions debug\n", "other levels")
        check(command(server, "log-level", "auth") == "info\n", "another level of auth")
        refused(server)
        answer = json_command(server, "log-level", "auth", "debug")
        check(answer["level"] == "info" and answer["components"]["auth"] == "debug" and
              answer["components"]["peers"] == "info", f"{answer}")
        refused(server)
        wait_until(lambda: "auth: a request was not authenticated" in server.log(), 10,
                   "the line of debug")
        check(server.log().count("was not authenticated") == 1, "told at info")
        check(command(server, "log-level", "warn") == "warn\n", "a level of its own stays")
        with clients(server, 1):
            pass
        check("expected" in command(server, "log-level", "loud", expect=1), "no reason")
        check("expected" in command(server, "log-level", "kernel", "info", expect=1), "no reason")
        back = {one["key"]: one["to"] for one in json_command(server, "reload")["changed"]}
        check(back == {"log.level": "info", "log.levels": "sessions=debug"}, f"{back}")
        check(command(server, "log-level") == "info\nsessions debug\n", "not set back")
        command(server, "log-level", "sessions", "off")
        told = server.log().count("allocation ended")  # quick start's own
        with clients(server, 1) as (alice,):
            alice.refresh(0)
        check(server.stop().count("allocation ended") == told, "told, though nobody wants to know")


CONFIG = """
server: {{realm: test.example, software: "{software}"}}
relay: {{addresses: [127.0.0.1]}}
peers: {{allow: [127.0.0.0/8]}}
auth:
  users:
    alice: {{password: "correct horse"}}
    {users}
limits: {{allocations_per_user: {limit}}}
"""


@contextlib.contextmanager
def config_file(text):
    """Its path, and a function that writes it anew."""
    with tempfile.TemporaryDirectory(prefix="uturn-test-") as directory:
        os.chmod(directory, 0o755)  # a server that began as root reads it again as somebody else
        path = os.path.join(directory, "uturn.yaml")

        def write(new):
            with open(path, "w") as file:
                file.write(new)

        write(text)
        yield path, write


def reload_under_load():
    before = CONFIG.format(software="one", users="", limit=0)
    after = CONFIG.format(software="two", users="bob: {password: secret}", limit=3)
    with config_file(before) as (path, write), \
            UturnServer(cases.options.server, cases.options.io, 2, LISTEN, ["-c", path],
                        user=None) as server, \
            clients(server, 1) as (alice,), Echo(alice) as echo, Load(echo) as load:
        for _ in range(5):
            write(after)
            answer = json_command(server, "reload")
            changed = {change["key"]: (change["from"], change["to"])
                       for change in answer["changed"]}
            check(set(changed) == {"server.software", "auth.users.bob",
                                   "limits.allocations_per_user"}, f"{answer}")
            check(changed["server.software"] == ("one", "two"), f"{answer}")
            check("secret" not in str(answer), f"{answer}")
            with clients(server, 3, "bob", "secret"):
                try:
                    with clients(server, 1, "bob", "secret"):
                        check(False, "the new limit does not count")
                except TurnError as error:
                    check(error.code == 486, f"{error}")
                check(json_command(server, "kick", "--user", "bob") == {"kicked": 3}, "bobs")
            write(before)
            command(server, "reload")
            try:
                with clients(server, 1, "bob", "secret"):
                    check(False, "bob is still known")
            except TurnError as error:
                check(error.code == 401, f"{error}")

        # What is wrong is refused whole, with its place, and changes nothing.
        for broken, said in ((before + "nonsense: 1\n", "nonsense"),
                             (before.replace("127.0.0.0/8", "127.0.0.0/99"), "peers.allow"),
                             ("server: [", "uturn.yaml:"),
                             (before + "tls: {certificate: /nowhere.pem, key: /nowhere.key}\n",
                              "/nowhere")):
            write(broken.replace('software: "one"', 'software: "three"'))
            refusal = command(server, "reload", expect=1)
            check(said in refusal, refusal)
            check(status_of(server)["last_reload"]["error"], "a refusal is not told")
        write(before)
        check(command(server, "reload") == "nothing has changed\n", "it was not refused whole")

        write(before + "listeners: [\"udp://127.0.0.1:1\"]\n")
        check(json_command(server, "reload")["needs_restart"] == [], "the flag names the listeners")
        write(before.replace("server: {", "server: {io: auto, state_dir: /elsewhere, "))
        check(json_command(server, "reload")["needs_restart"] == [], "the flags name these")
        write(before.replace("server: {", "server: {batch_wait: 1ms, "))
        check(json_command(server, "reload")["needs_restart"] == ["server.batch_wait"], "no word")
        check(load.trips > 20, f"{load.trips} trips are no load")
        write(after)
        reloaded = server.log().count("the configuration was reloaded")
        server.signal(signal.SIGHUP)
        wait_until(lambda: server.log().count("the configuration was reloaded") > reloaded, 20,
                   "HUP")


def shown(address):
    """The certificate that a server of TLS shows."""
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(address))


def reload_refused_whole():
    """One part that is wrong, whichever, and none of the others is taken either."""
    with config_file("") as (path, write), certificate_directory() as directory, \
            tempfile.TemporaryDirectory(prefix="uturn-test-") as logs:
        os.chmod(logs, 0o777)  # who began as root makes the file as somebody else
        one, two = (Certificate(directory, stem) for stem in ("one", "two"))
        service_one, service_two = (Certificate(directory, f"service-{stem}")
                                    for stem in ("one", "two"))
        log_file = os.path.join(logs, "uturn.log")

        digest = hashlib.sha256(b"the key of web").hexdigest()

        def settings(software, certificate, service, log, mapping):
            users = "" if software == "one" else "bob: {password: secret}"
            return CONFIG.format(software=software, users=users, limit=3 if users else 0).replace(
                "relay: {", f"relay: {{external: [{mapping}], ").replace(
                    "auth:", "auth:\n  secrets: [shared]") + f"""
tls: {{certificate: {certificate.certificate}, key: {certificate.key}}}
credentials: {{listen: "127.0.0.1:0", certificate: {service.certificate}, key: {service.key},
              keys: {{web: {{sha256: {digest}}}}}}}
log: {{file: {log}}}
"""

        before = settings("one", one, service_one, "stderr", "192.0.2.1/127.0.0.1")
        after = settings("two", two, service_two, log_file, "192.0.2.2/127.0.0.1")
        write(before)
        wrong = Certificate(directory, "wrong")
        wrong.key = two.key
        broken = {
            "nonsense": after + "nonsense: 1\n",
            "peers.allow": after.replace("127.0.0.0/8", "127.0.0.0/99"),
            "maps no address": after.replace("192.0.2.2/127.0.0.1", "192.0.2.2/127.0.0.9"),
            wrong.key: settings("two", wrong, service_two, log_file, "192.0.2.2/127.0.0.1"),
            "credentials.certificate": settings("two", two, wrong, log_file,
                                                "192.0.2.2/127.0.0.1"),
            "log.file": after.replace(log_file, "/dev/null/uturn.log"),
        }
        with UturnServer(cases.options.server, cases.options.io, 2, ("tls://127.0.0.1:0", *LISTEN),
                         ["-c", path], user=None) as server:
            tls = server.endpoint(scheme="tls").address
            port = re.search(r"url=https://127.0.0.1:(\d+)", server.log()).group(1)
            service = ("127.0.0.1", int(port))

            def is_as_before():
                check(shown(tls) == one.der(), "another certificate is shown")
                check(shown(service) == service_one.der(), "the service shows another certificate")
                check(not os.path.exists(log_file), "the other log was begun")
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                    alice = TurnClient(udp, server.endpoint(scheme="udp").address, USER, PASSWORD)
                    check(alice.allocate().relayed[0][0] == "192.0.2.1", "mapped otherwise")
                    alice.refresh(0)
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                    bob = TurnClient(udp, server.endpoint(scheme="udp").address, "bob", "secret")
                    try:
                        bob.allocate()
                        check(False, "bob is known")
                    except TurnError as error:
                        check(error.code == 401, f"{error}")

            for said, text in broken.items():
                write(text)
                refusal = command(server, "reload", expect=1)
                check(said in refusal, f"{said} is not why: {refusal}")
                is_as_before()
            write(before)
            check(command(server, "reload") == "nothing has changed\n", "not refused whole")
            # And with none that is wrong all of it is taken.
            write(after)
            changed = {one["key"] for one in json_command(server, "reload")["changed"]}
            check({"server.software", "auth.users.bob", "relay.external", "tls.certificate",
                   "credentials.certificate", "log.file"} <= changed, f"{changed}")
            check(shown(tls) == two.der(), "the former certificate is shown")
            wait_until(lambda: shown(service) == service_two.der(), 10, "the service's certificate")
            with open(log_file) as log:
                told = log.read()
            check("a setting has changed key=auth.users.bob" in told, told)
            server.stop()


STREAMS = """
auth: {{users: {{alice: {{password: "correct horse"}}}}}}
limits: {limits}
tls: {{plain: {plain}}}
proxy: {{from: [{proxies}]}}
"""


def reload_streams():
    """Limits of connections, what a listener for TLS takes, and whose PROXY headers are believed change
    while connections live."""
    def config(limits, plain="true", proxies=""):
        return STREAMS.format(limits=limits, plain=plain, proxies=proxies)

    with certificate_directory() as directory, \
            config_file(config("{connections: 3, connections_per_source: 2}")) as (path, write):
        certificate = Certificate(directory, "server")
        with UturnServer(cases.options.server, cases.options.io, 2,
                         ("tcp://127.0.0.1:0", "tls://127.0.0.1:0"),
                         ["-c", path, *certificate.flags], user=None) as server:
            tcp, tls = (server.endpoint(scheme=scheme).address for scheme in ("tcp", "tls"))

            def reload(*arguments, **more):
                write(config(*arguments, **more))
                waiting = json_command(server, "reload")["needs_restart"]
                check(waiting == [], f"{waiting} wait for the next start")

            with connect_tcp(tcp) as first, connect_tcp(tcp) as second:
                for stream in (first, second):
                    expect_service(stream)
                check(not is_served(tcp), "a third connection of one source")
                reload("{connections: 3, connections_per_source: 3}")
                check(is_served(tcp), "the limit of a source is what it was")
                reload("{connections: 2}")
                wait_until(lambda: not is_served(tcp), 20, "the limit of all")
                reload("{handshakes: 1, connections: 100}")
                with connect_tcp(tls) as shaking:
                    shaking.send_bytes(b"\x16\x03\x01\x00\xf0\x01\x00\x00\xec\x03\x03")
                    check(is_served(tcp), "the limit of all is what it was")
                    wait_until(lambda: not is_served(tls, connect_tls), 20, "that of handshakes")
                reload("{idle_timeout: 1s}", plain="false")
                check(is_served(tls, connect_tls) and not is_served(tls), "plain on tls")
                for stream in (first, second):  # they are idle, without an allocation
                    expect_end(stream)
            reload("{}", proxies="127.0.0.1")
            check(not is_served(tcp), "who is a proxy now said no header")
            with connect_tcp(tcp) as proxy:
                proxy.send_bytes(proxy_v1(("192.0.2.7", 4000), tcp))
                expect_service(proxy, ("192.0.2.7", 4000))
            reload("{}")
            check(is_served(tcp) and is_served(tls), "it is as it was")
            server.stop()


def drain_under_load():
    with start_server(workers=2) as server, clients(server, 2) as (alice, other):
        with Echo(alice) as echo:
            with Load(echo):
                check("draining, 2 allocations" in command(server, "drain"), "not draining")
                answer = status_of(server)
                check(answer["state"] == "draining" and answer["drain"]["ends_in"] > 3000,
                      f"{answer}")
                refused = 0
                for _ in range(4):  # some of them to either worker
                    try:
                        with clients(server, 1):
                            check(False, "a new client was served")
                    except TurnError as error:
                        check(error.code == 508, f"{error}")
                        refused += 1
                check(refused == 4, f"{refused}")
                check(json_command(server, "drain", "--cancel")["state"] == "serving", "drains")
                with clients(server, 1) as (new,):
                    new.refresh(0)
                server.signal(signal.SIGUSR1)
                wait_until(lambda: status_of(server)["state"] == "draining", 10, "USR1")
                alice_alone = status_of(server)
                check(alice_alone["allocations"] == 2, f"{alice_alone}")
            other.refresh(0)
            echo.trip(4711)
            check(server.is_running(), "it stopped with somebody left")
            alice.refresh(0)
        status = server.ended(10)
        check(status == 0, f"it ended with {status}:\n{server.log()}")
        check("drained: no allocation is left" in server.log(), server.log())


def drain_deadline():
    with start_server("--set", "server.alternates=[192.0.2.5:3478]") as server, \
            clients(server, 1):
        command(server, "drain", "--deadline", "1s")
        try:
            with clients(server, 1):
                check(False, "a new client was served")
        except TurnError as error:
            check(error.code == 300, f"{error}")
        status = server.ended(10)
        check(status == 0, f"it ended with {status}:\n{server.log()}")
        check("draining took too long" in server.log(), server.log())


def drain_of_nobody():
    with start_server() as server:
        waiting = subprocess.run(
            [cases.options.server, "drain", "--wait", "--admin-socket", server.path("admin.sock")],
            capture_output=True, text=True, timeout=60)
        check(waiting.returncode == 0, f"{waiting}")
        check(server.ended(10) == 0, server.log())


def percentile(times, share):
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def room_for_allocations(wanted):
    """Each takes one of the server's descriptors, of which one in eight is kept for twins."""
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if descriptors == resource.RLIM_INFINITY:
        return wanted
    return min(wanted, descriptors * 7 // 8 - 500)


@contextlib.contextmanager
def many_allocations(server, count, others):
    """Of a client each, with a packet for one of them now and then, beside so many `others`.

    The server tries itself when it starts, so that what it has just now may be more than those.
    """
    uri = "turn:{}:{}".format(*server.endpoint().address)
    bench = subprocess.Popen(
        [cases.options.server, "bench", uri, "--user", USER, "--password", PASSWORD, "--quiet",
         "--allocations", str(count), "--peers", "16", "--direction", "both", "--rate", "500",
         "--seconds", "600"], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: bench.poll() is not None or
                   status_of(server)["allocations"] == others + count, 120, f"{count} allocations")
        check(bench.poll() is None, f"{count} allocations could not be made")
        yield
    finally:
        bench.kill()
        bench.wait()


def thousands_listed():
    """Lists of everybody, one after the other, beside a client whose round trips are timed."""
    count = room_for_allocations(15_000)
    unlimited = ("--set", "limits.answers_per_second=1000000", "--set", "limits.answers_burst=1000000")
    with start_server("--relay-ports", "10000-29999", *unlimited) as server, \
            clients(server, 1) as (alice,), Echo(alice) as echo:
        # To make it longer while threads run stalls one of them.
        room = server.descriptor_table_length()
        check(room > count, f"{room} descriptors have a place, for {count} allocations")
        list_beside(server, echo, count)
        check(server.descriptor_table_length() == room, "the table was made longer meanwhile")
        server.stop()


def list_beside(server, echo, count):
    with many_allocations(server, count, others=1):
        quiet = [echo.trip(number) for number in range(1500)]
        lists, ends, failure = [], threading.Event(), []

        def list_all():
            try:
                while not ends.is_set():
                    listed = json_command(server, "sessions", "--all")["sessions"]
                    lists.append(len(listed))
            except Exception as error:  # handed to the test's own thread
                failure.append(error)

        lister = threading.Thread(target=list_all)
        lister.start()
        busy = []
        while not failure and (len(busy) < 1500 or len(lists) < 2):
            busy.append(echo.trip(len(busy)))
        ends.set()
        lister.join()
        check(not failure, f"{failure}")
        check(set(lists) == {count + 1}, f"lists of {set(lists)}")
        said = {name: [f"{percentile(times, share) * 1000:.2f} ms" for share in (.5, .9, .99, .999)]
                for name, times in (("quiet", quiet), ("listing", busy))}
        print(f"round trips (median, 90 %, 99 %, 99.9 %): {said}; {len(lists)} lists of {count + 1}",
              flush=True)
        # One errand looks at 128 slots: far below what a busy machine does to a round trip itself.
        check(percentile(busy, .5) < percentile(quiet, .5) + .025, f"{said}")


def killed_clients():
    """Operators that go amid their answers, and that never say what they want."""
    with start_server("--relay-ports", "20000-29999") as server, clients(server, 1) as (alice,), \
            Echo(alice) as echo, clients(server, 300), Load(echo):
        for number in range(60):
            connection = UnixConnection(server.path("admin.sock"))
            connection.connect()
            if number % 3:
                connection.sock.sendall(b"GET /v1/sessions?limit=1000 HTTP/1.1\r\n"
                                        b"Host: x\r\n\r\n" * 4)
            if number % 3 == 1:
                connection.sock.recv(100)
            connection.close()
        killed = [subprocess.Popen([cases.options.server, "sessions", "--all", "--admin-socket",
                                    server.path("admin.sock")], stdout=subprocess.DEVNULL)
                  for _ in range(4)]
        for process in killed:
            process.kill()
            process.wait()
        check(len(json_command(server, "sessions", "--all")["sessions"]) == 301, "some are gone")


def top():
    if not shutil.which("tmux"):
        skip("tmux is not installed")
    with start_server() as server, clients(server, 2) as (alice, _), Echo(alice) as echo:
        tmux = ["tmux", "-L", f"uturn-{os.getpid()}", "-f", "/dev/null"]

        def screen():
            return subprocess.run([*tmux, "capture-pane", "-p"], capture_output=True,
                                  text=True).stdout

        subprocess.run([*tmux, "new-session", "-d", "-x", "100", "-y", "20",
                        f"{cases.options.server} top --admin-socket {server.path('admin.sock')}; "
                        "echo ended with $?; cat"], check=True)
        try:
            wait_until(lambda: "allocations 2" in screen(), 20, "the view")
            check("alice" in screen(), screen())
            trips = iter(range(1_000_000))
            wait_until(lambda: echo.trip(next(trips)) and "kbit/s" in screen(), 20, "a rate")
            subprocess.run([*tmux, "resize-window", "-x", "40", "-y", "10"], check=True)
            wait_until(lambda: screen().count("\n") <= 10 and "allocations 2" in screen(), 20,
                       "the smaller view")
            check(all(len(line) <= 40 for line in screen().splitlines()), screen())
            subprocess.run([*tmux, "send-keys", "q"], check=True)
            wait_until(lambda: "ended with 0" in screen(), 20, "the end of it")
        finally:
            subprocess.run([*tmux, "kill-server"], stderr=subprocess.DEVNULL)
        said = command(server, "top", expect=2)
        check("no terminal" in said, said)
        server.stop()


def curl(*arguments):
    done = subprocess.run(["curl", "--silent", "--show-error", "--max-time", "20", *arguments],
                          capture_output=True, text=True)
    check(done.returncode == 0, f"curl {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def credentials():
    """What curl gets over HTTPS opens an allocation; so does what the Unix socket answers."""
    if not shutil.which("curl"):
        skip("curl is not installed")
    digest, of_guests, of_others = (hashlib.sha256(b"the key of " + name).hexdigest()
                                    for name in (b"web", b"guests", b"others"))
    with certificate_directory() as directory:
        certificate = Certificate(directory, "server")
        lines = os.path.join(directory, "credentials.sock")
        settings = ["--set", "auth.secrets=[shared, {secret: of guests, class: guest}]",
                    "--set", "limits.classes={guest: {allocations: 1}}", "--set", "credentials.listen=127.0.0.1:0",
                    "--set", f"credentials.certificate={certificate.certificate}",
                    "--set", f"credentials.key={certificate.key}",
                    "--set", f"credentials.socket={lines}",
                    "--set", f"credentials.keys={{web: {{sha256: {digest}, max_ttl: 1h}}, "
                             f"guests: {{sha256: {of_guests}, class: guest, max_ttl: 5m}}, "
                             f"others: {{sha256: {of_others}, realm: elsewhere.example}}}}"]
        with start_server(*settings, "--metrics", "127.0.0.1:0") as server:
            url = re.search(r"url=(https://[0-9.:]+)", server.log()).group(1)
            trust = ["--cacert", certificate.certificate]

            def allocate(username, password):
                with clients(server, 1, username, password) as (client,):
                    check(client.relayed, "no relayed address")

            answer = json.loads(curl(*trust, f"{url}/turn?service=turn&username=fred&"
                                     "key=the+key+of+web"))
            check(answer["username"].endswith(":fred") and answer["ttl"] == 3600, f"{answer}")
            check(answer["uris"] == [f"turn:127.0.0.1:{server.endpoint().port}?transport=udp"],
                  f"{answer}")
            allocate(answer["username"], answer["password"])

            head = curl(*trust, "--include", "--header", "Authorization: Bearer the key of web",
                        "--data", '{"user": "alice", "ttl": 60}', f"{url}/v1/ice-servers")
            ice = json.loads(head.split("\n\n", 1)[1])["iceServers"][0]
            check('rel="ice-server"' in head and "credential-type" in head, head)
            allocate(ice["username"], ice["credential"])

            code = curl(*trust, "--output", "/dev/null", "--write-out", "%{http_code}",
                        f"{url}/turn?service=turn&key=wrong")
            check(code == "401", code)
            codes = {curl(*trust, "--output", "/dev/null", "--write-out", "%{http_code}",
                          f"{url}/turn?service=turn&key=wrong") for _ in range(3)}
            check(codes <= {"401", "429"}, f"{codes}")

            # A key's scope: its class counts on the relay, its time and its realm here.
            def ice_of(key):
                return json.loads(curl(*trust, "--header", f"Authorization: Bearer the key of {key}",
                                       "--data", '{"user": "eve"}', f"{url}/v1/ice-servers"))

            eve = ice_of("guests")["iceServers"][0]
            left = int(eve["username"].split(":")[0]) - time.time()
            check(200 < left <= 301, f"{left} s are left")
            with clients(server, 1, eve["username"], eve["credential"]):
                try:
                    allocate(eve["username"], eve["credential"])
                    check(False, "a guest has two allocations")
                except TurnError as error:
                    check(error.code == 486, f"{error}")
            alice = ice_of("web")["iceServers"][0]
            with clients(server, 2, alice["username"], alice["credential"]):
                pass
            refusal = curl(*trust, "--output", "/dev/null", "--write-out", "%{http_code}",
                           "--header", "Authorization: Bearer the key of others", "--data", "{}",
                           f"{url}/v1/ice-servers")
            check(refusal == "403", refusal)

            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
                line.settimeout(10)
                line.connect(lines)
                line.sendall(b"carol 60\n")
                username, _, password = line.makefile().readline().strip().rpartition(":")
            check(username.endswith(":carol"), username)
            allocate(username, password)

            # Whoever watches certificates sees this one as well, and the one that comes after it.
            scrape = re.search(r"metrics listen=(\S+)", server.log()).group(1)
            pattern = (r"uturn_certificate_expiry_timestamp_seconds\{file=\"" +
                       re.escape(certificate.certificate) + r'".*\} (\S+)')

            def days_left():
                shown = re.findall(pattern, curl(f"http://{scrape}/metrics"))
                check(len(shown) == 1, f"{len(shown)} rows of {certificate.certificate}")
                return round((float(shown[0]) - time.time()) / 86400)

            check(days_left() == 30, f"{days_left()} days are left")
            certificate.replace(Certificate(directory, "next", days=200))
            server.signal(signal.SIGHUP)
            wait_until(lambda: days_left() == 200, 10, "the renewed certificate in the metrics")
            server.stop()


CASES = {
    "status": status,
    "sessions": sessions,
    "kick": kick,
    "deeds-told": deeds_told,
    "api-errors": api_errors,
    "no-server": no_server,
    "socket-permissions": socket_permissions,
    "log-level": log_level,
    "reload-under-load": reload_under_load,
    "reload-refused-whole": reload_refused_whole,
    "reload-streams": reload_streams,
    "drain-under-load": drain_under_load,
    "drain-deadline": drain_deadline,
    "drain-of-nobody": drain_of_nobody,
    "thousands-listed": thousands_listed,
    "killed-clients": killed_clients,
    "top": top,
    "credentials": credentials,
}

if __name__ == "__main__":
    cases.run_cases(CASES)
