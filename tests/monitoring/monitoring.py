# What an operator sees of a server that runs: metrics, health, alerts, and the log.
#
#   monitoring.py --server PATH --io auto|uring|epoll CASE
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from cases import run_cases, start_server
from databases import Sqlite
from processes import Process, check, skip, wait_until
from server import PASSWORD, REALM, USER
from turn_client import TurnClient, TurnError

HERE = os.path.dirname(os.path.abspath(__file__))
ETC = os.path.join(HERE, "..", "..", "etc")
LISTEN = ("udp://127.0.0.1:0",)
FLAGS = ["-c", os.path.join(HERE, "..", "harness", "by_flags.yaml"), "--relay-ip", "127.0.0.1",
         "--allow-peer", "127.0.0.0/8"]
SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")


def server_with_metrics(flags=(), workers=2):
    return start_server(LISTEN, [*FLAGS, "--metrics", "127.0.0.1:0", *flags], workers)


def server_alone(*flags):
    return start_server(LISTEN, [*FLAGS, *flags])


def metrics_address(server):
    said = re.search(r"metrics listen=(\S+)", server.log())
    check(said, f"the log names no listener of metrics:\n{server.log()}")
    return said.group(1)


def get(server, path):
    """(status, body)"""
    try:
        with urllib.request.urlopen(f"http://{metrics_address(server)}{path}", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def parse(text):
    """name -> [(labels, value)]"""
    samples = {}
    for line in text.splitlines():
        if line.startswith("#") or not line:
            continue
        match = SAMPLE.match(line)
        check(match, f"no sample: {line!r}")
        labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match.group(2) or ""))
        samples.setdefault(match.group(1), []).append((labels, float(match.group(3))))
    return samples


def scrape(server):
    status, text = get(server, "/metrics")
    check(status == 200, f"/metrics answered {status}")
    return parse(text)


def scrape_when(server, holds):
    """What is scraped is up to a tenth of a second old."""
    found = []

    def look():
        found[:] = [scrape(server)]
        return holds(found[0])
    wait_until(look, 30, "a scrape that shows what has happened")
    return found[0]


def total(samples, name, **labels):
    return sum(value for said, value in samples.get(name, [])
               if all(said.get(label) == wanted for label, wanted in labels.items()))


def families(text):
    """Names of metrics; of histograms those of their series."""
    names = set()
    for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M):
        names.add(name)
        if kind == "histogram":
            names |= {name + end for end in ("_bucket", "_sum", "_count")}
    return names


class Call:
    """A client that relays to a peer and back."""

    def __init__(self, server, user=USER, password=PASSWORD):
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.peer.bind(("127.0.0.1", 0))
        self.peer.settimeout(10)
        self.client = TurnClient(self.udp, server.endpoint().address, user, password)
        self.relayed = self.client.allocate().relayed[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.udp.close()
        self.peer.close()

    def talk(self, times, size=100):
        self.client.bind_channel(0x4000, self.peer.getsockname())
        for _ in range(times):
            self.client.send_channel_data(0x4000, bytes(size))
            check(len(self.peer.recv(2048)) == size, "the peer got something else")
            self.peer.sendto(bytes(size), self.relayed)
            self.client.receive()


def metrics():
    """What happened is counted while it happens, under the labels that tell it apart."""
    with server_with_metrics() as server:
        before = scrape(server)
        check(total(before, "uturn_relayed_packets_total") == 0, "something was relayed already")
        with Call(server) as call:
            call.talk(10)
            try:
                call.client.create_permission(("10.1.2.3", 9))
                check(False, "a private peer was permitted")
            except TurnError as error:
                check(error.code == 403, f"refused with {error.code}")
            during = scrape_when(server, lambda seen: total(seen, "uturn_peers_denied_total") == 1)
            uri = f"udp://127.0.0.1:{server.endpoint().port}"
            alike = {"listener": uri, "transport": "udp", "realm": REALM}
            for direction in ("to_peer", "to_client"):
                labels = {**alike, "family": "ipv4", "direction": direction}
                check(total(during, "uturn_relayed_packets_total", **labels) == 10, f"{during}")
                check(total(during, "uturn_relayed_bytes_total", **labels) == 1000, f"{during}")
            expected = {
                ("uturn_allocations", ()): 1, ("uturn_allocations_created_total", ()): 1,
                ("uturn_allocations_used_total", ()): 1,
                ("uturn_allocations_permitted_total", ()): 1,
                ("uturn_permissions", ()): 1, ("uturn_channels", ()): 1,
                ("uturn_relay_ports_used", (("protocol", "udp"),)): 1,
                ("uturn_requests_total", (("method", "allocate"), ("result", "success"))): 1,
                ("uturn_requests_total", (("method", "allocate"), ("result", "401"))): 1,
                ("uturn_requests_total", (("method", "create_permission"), ("result", "403"))): 1,
                ("uturn_peers_denied_total", ()): 1,
                ("uturn_workers", ()): 2, ("uturn_workers_answering", ()): 2,
            }
            for (name, labels), wanted in expected.items():
                found = total(during, name, **dict(labels))
                check(found == wanted, f"{name}{dict(labels)} is {found}, not {wanted}")
            check(total(during, "uturn_loop_batch_packets_sum") >= 20, "batches are not counted")
            check(total(during, "process_open_fds") > 5, "descriptors are not counted")
            check(total(during, "uturn_send_queue_most") >= 1, "nothing was ever queued")
            check(total(during, "uturn_worker_messages_waiting") <= 2, "messages are not heard")
            if total(during, "uturn_ring_entries"):  # by io_uring
                check(total(during, "uturn_ring_completions_total") >= 40, "none was completed")
                check(0 < total(during, "uturn_receive_buffers_held_most") <=
                      total(during, "uturn_receive_buffers"), "buffers are not counted")
            call.client.refresh(0)
            after = scrape_when(server, lambda seen: total(seen, "uturn_allocations") == 0)
            check(total(after, "uturn_allocations") == 0, "the allocation is still counted")
            check(total(after, "uturn_allocations_ended_total", reason="deleted") == 1, f"{after}")
            check(total(after, "uturn_permissions") + total(after, "uturn_channels") == 0, "left over")
        server.stop()


def directories():
    """How a database was asked, how long it took, and what came of it."""
    if not shutil.which("turnadmin"):
        skip("turnadmin is not installed")
    with Sqlite() as database:
        database.add_user(REALM, "dora", "a password")
        with server_with_metrics(["--database", database.url], workers=1) as server:
            for _ in range(3):
                with Call(server, "dora", "a password"):
                    pass
            try:
                with Call(server, "nobody", "a password"):
                    check(False, "nobody was let in")
            except TurnError as error:
                check(error.code == 401, f"{error}")
            seen = scrape_when(server, lambda seen: total(
                seen, "uturn_directory_answer_seconds_count", outcome="unknown") == 1 and total(
                seen, "uturn_http_requests_total", service="metrics") > 0)
            for name, labels, wanted in (
                    ("uturn_directory_lookups_total", {"outcome": "asked"}, 2),
                    ("uturn_directory_lookups_total", {"outcome": "remembered"}, 2),
                    ("uturn_directory_answer_seconds_count", {"outcome": "found"}, 1),
                    ("uturn_directory_remembered", {}, 2), ("uturn_directory_waiting", {}, 0),
                    ("uturn_database_queries_total", {"outcome": "answered"}, 2)):
                found = total(seen, name, backend="sqlite", **labels)
                check(found == wanted, f"{name}{labels} is {found}, not {wanted}")
            check(total(seen, "uturn_directory_answer_seconds_sum") > 0, "it took no time")
            check(total(seen, "uturn_database_connections", backend="sqlite") > 0, "not connected")
            server.stop()


def conventions():
    """promtool finds nothing to say, and coturn's names come only where they are asked for."""
    promtool = shutil.which("promtool") or skip("promtool is not installed")
    with server_with_metrics(["--set", "metrics.top_users=5"]) as server, Call(server) as call:
        call.talk(1)
        _, text = get(server, "/metrics")
        done = subprocess.run([promtool, "check", "metrics"], input=text, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        check(done.returncode == 0 and not done.stdout.strip(), f"promtool:\n{done.stdout}")
        check(total(parse(text), "uturn_top_user_bytes", user=USER) == 200, "no top user")
        check("turn_total_traffic" not in text, "coturn's names, unasked")
        server.stop()
    with server_with_metrics(["--set", "metrics.coturn_names=true"]) as server, \
            Call(server) as call:
        call.talk(3)
        samples = scrape(server)
        check(total(samples, "turn_total_allocations", type="UDP") == 1, "no allocation")
        check(total(samples, "turn_total_traffic_rcvp") == 3, "coturn's traffic is not live")
        check(total(samples, "turn_traffic_peer_sentb", realm=REALM) == 300, "not by realm")
        server.stop()


def names_in_etc():
    """The metrics that dashboard and alerts read exist, and each that exists is documented."""
    with server_with_metrics(["--set", "metrics.top_users=1"]) as server, Call(server):
        _, text = get(server, "/metrics")
        server.stop()
    known = families(text)
    for name in ("prometheus-alerts.yaml", "grafana-dashboard.json"):
        with open(os.path.join(ETC, name), encoding="utf-8") as file:
            used = set(re.findall(r"\b(?:uturn|process)_[a-z_]+\b", file.read()))
        check(len(used) > 5, f"{name} reads nothing")
        check(used <= known, f"{name} reads what does not exist: {sorted(used - known)}")
    with open(os.path.join(ETC, "metrics.md"), encoding="utf-8") as file:
        documented = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", file.read(), re.M))
    told = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M))
    check(documented == told, "etc/metrics.md lacks or has too much: "
          f"{sorted(set(documented.items()) ^ set(told.items()))}")


def alerts():
    """The rules say what they shall: promtool plays them."""
    promtool = shutil.which("promtool") or skip("promtool is not installed")
    with tempfile.TemporaryDirectory(prefix="uturn-test-") as directory:
        shutil.copy(os.path.join(ETC, "prometheus-alerts.yaml"), directory)
        shutil.copy(os.path.join(HERE, "alerts_test.yaml"), directory)
        for command in (["check", "rules", "prometheus-alerts.yaml"],
                        ["test", "rules", "alerts_test.yaml"]):
            done = subprocess.run([promtool, *command], cwd=directory, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            check(done.returncode == 0, f"promtool {' '.join(command)}:\n{done.stdout}")
    with open(os.path.join(ETC, "prometheus-alerts.yaml"), encoding="utf-8") as file:
        rules = set(re.findall(r"- alert: (\w+)", file.read()))
    with open(os.path.join(HERE, "alerts_test.yaml"), encoding="utf-8") as file:
        tried = set(re.findall(r"alertname: (\w+)\n\s+exp_alerts:\n", file.read()))
    check(rules == tried, f"alerts that no test sees fire: {sorted(rules - tried)}")


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def prometheus():
    """A real Prometheus scrapes a server that relays, and answers from what it read."""
    program = shutil.which("prometheus") or skip("prometheus is not installed")
    with server_with_metrics() as server, Call(server) as call, \
            tempfile.TemporaryDirectory(prefix="uturn-test-") as directory:
        config = os.path.join(directory, "prometheus.yml")
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                       "rule_files": [os.path.abspath(os.path.join(ETC, "prometheus-alerts.yaml"))],
                       "scrape_configs": [{"job_name": "uturn", "static_configs": [
                           {"targets": [metrics_address(server)]}]}]}, file)
        port = free_port()
        with Process([program, f"--config.file={config}",
                      f"--storage.tsdb.path={os.path.join(directory, 'data')}",
                      f"--web.listen-address=127.0.0.1:{port}"],
                     os.path.join(directory, "log")) as process:
            def query(expression):
                url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode(
                    {"query": expression})
                try:
                    with urllib.request.urlopen(url, timeout=5) as answer:
                        found = json.load(answer)["data"]["result"]
                except (OSError, urllib.error.HTTPError):
                    check(not process.has_ended(), f"prometheus ended:\n{process.output()}")
                    return None
                return float(found[0]["value"][1]) if found else None
            call.talk(5)
            wait_until(lambda: query('sum(uturn_relayed_packets_total{job="uturn"})') == 10, 60,
                       "ten datagrams in Prometheus")
            call.talk(5)
            wait_until(lambda: query('sum(uturn_relayed_packets_total{job="uturn"})') == 20, 60,
                       "twenty datagrams in Prometheus")
            check(query('up{job="uturn"}') == 1, "the server is not up")
            check(query("count(ALERTS)") is None, "an alert about a healthy server")
            process.terminate(20)
        server.stop()


def health():
    """Alive while the loops turn; ready while somebody could get an allocation."""
    with server_with_metrics(["--relay-ports", "50000-50001"]) as server:
        check(get(server, "/livez") == (200, "ok\n"), f"{get(server, '/livez')}")
        wait_until(lambda: get(server, "/readyz") == (200, "ok\n"), 10, "readiness")
        with Call(server) as one, Call(server):
            wait_until(lambda: get(server, "/readyz")[0] == 503, 10, "the last port's being taken")
            check(get(server, "/readyz")[1] == "no relay port is free\n", "another reason")
            check(get(server, "/livez")[0] == 200, "it is not less alive")
            one.client.refresh(0)
            wait_until(lambda: get(server, "/readyz")[0] == 200, 10, "a port that is free again")
        check(get(server, "/nothing")[0] == 404, "a route that is none")
        server.stop()


class ServiceManager:
    """The notify socket that systemd would have."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        # As systemd's: whoever the server has become may write to it.
        os.chmod(directory, 0o755)
        os.chmod(self.path, 0o777)
        self._said = []

    def hears(self, word, seconds=30):
        self._socket.settimeout(seconds)
        while not any(word in said for said in self._said):
            self._said.append(self._socket.recv(4096).decode().split("\n"))
        return True

    def said(self, word):
        """The lines of the first message that had this one."""
        return next(said for said in self._said if word in said)

    def forget(self):
        self._said.clear()


def service():
    """READY once it serves, WATCHDOG while the workers turn, RELOADING, STOPPING at the end."""
    with tempfile.TemporaryDirectory(prefix="uturn-test-") as directory:
        manager = ServiceManager(directory)
        os.environ.update(NOTIFY_SOCKET=manager.path, WATCHDOG_USEC="400000")
        try:
            path = shutil.copy(FLAGS[1], directory)
            with start_server(LISTEN, ["-c", path, *FLAGS[2:]]) as server:
                del os.environ["NOTIFY_SOCKET"], os.environ["WATCHDOG_USEC"]
                manager.hears("READY=1")
                for _ in range(3):
                    manager.forget()
                    manager.hears("WATCHDOG=1")
                # A reload is one to whoever waits for it, refused or not, however it was asked for.
                for has_file in (True, False):
                    if not has_file:
                        os.unlink(path)
                    manager.forget()
                    server.signal(signal.SIGHUP)
                    manager.hears("RELOADING=1")
                    manager.hears("READY=1")
                    reloading = manager.said("RELOADING=1")
                    since = next(line for line in reloading if line.startswith("MONOTONIC_USEC="))
                    check(0 <= time.monotonic() - int(since[15:]) / 1e6 < 60, f"{reloading}")
                    status = manager.said("READY=1")[1]
                    check(("refused" in status) != has_file, status)
                server.stop()
                manager.hears("STOPPING=1")
        finally:
            os.environ.pop("NOTIFY_SOCKET", None)
            os.environ.pop("WATCHDOG_USEC", None)


def records():
    """One line for each allocation that has ended, with what a bill needs and no address."""
    with server_alone("--log-format", "json") as server:
        with Call(server) as call, Call(server) as other:
            call.talk(4)
            call.client.refresh(0)
            other.talk(1)
            log = server.stop()
    ended = [json.loads(line) for line in log.splitlines() if '"allocation ended"' in line]
    check([one["reason"] for one in ended] == ["deleted", "stopped"], f"{ended}")
    first = ended[0]
    expected = {"component": "sessions", "user": USER, "realm": REALM, "transport": "udp",
                "relayed_transport": "udp", "packets_to_peers": 4, "bytes_to_peers": 400,
                "packets_to_client": 4, "bytes_to_client": 400, "client": "-"}
    for name, value in expected.items():
        check(first[name] == value, f"{name} is {first[name]!r}, not {value!r}")
    with server_alone("--set", "log.levels=[sessions=debug]",
                      "--set", "log.privacy=hashed") as server:
        with Call(server):
            log = server.stop()
    line = next(line for line in log.splitlines() if "allocation ended" in line)
    check(re.search(r"sessions: allocation ended .* client=~[0-9a-f]{12} ", line), line)
    with server_alone("--set", "log.levels=[sessions=off]") as server:
        with Call(server):
            check("allocation ended" not in server.stop(), "told, though nobody wants to know")


CASES = {
    "metrics": metrics,
    "directories": directories,
    "conventions": conventions,
    "names-in-etc": names_in_etc,
    "alerts": alerts,
    "prometheus": prometheus,
    "health": health,
    "service": service,
    "records": records,
}

if __name__ == "__main__":
    run_cases(CASES)
