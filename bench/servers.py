# The servers under test, each as its operator would start it: one worker, pinned, alone in its
# temporary directory, in the world's server namespace.
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile

from certificates import Certificate
from processes import Process, check, wait_until
from server import Endpoint
from machine import cpu_list
from operations import SIGNALS
from workloads import COTURN, EPOLL, FORWARDER, URING

USER, PASSWORD, REALM = "alice", "secret", "bench.example"
START_DEADLINE = STOP_DEADLINE = 15

# 10,000 and more allocations need most of the ports that an address has.
RELAY_PORTS = (10000, 65535)

TURNSERVER_CONF = """\
listening-ip={server_ip}
listening-port={port}
tls-listening-port={secure_port}
relay-ip={relay_ip}
min-port={first_port}
max-port={last_port}
relay-threads={workers}
lt-cred-mech
realm={realm}
user={user}:{password}
user-quota=0
total-quota=0
allow-loopback-peers
allowed-peer-ip={first_peer}-{last_peer}
no-cli
{transports}
userdb={directory}/turndb
pidfile={directory}/pid
log-file={directory}/turnserver.log
simple-log
no-stdout-log
{more}
"""


# What each transport's clients are told to dial.
URIS = {"udp": "turn:{}", "tcp": "turn:{}?transport=tcp", "tls": "turns:{}?transport=tcp",
        "dtls": "turns:{}?transport=udp"}


def give_way():
    """Between fork and exec: runs when nobody else wants the processor."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def is_secure(transport):
    return transport in ("tls", "dtls")


class Programs:
    """Where the servers are; coturn from $COTURN or the PATH."""

    def __init__(self, build):
        self.uturn = os.path.join(build, "server", "uturn")
        self.forwarder = os.path.join(build, "bench", "bare_forwarder")
        self.coturn = os.environ.get("COTURN") or shutil.which("turnserver") or "turnserver"

    def of(self, server):
        return {COTURN: self.coturn, FORWARDER: self.forwarder}.get(server, self.uturn)

    def is_there(self, server):
        return shutil.which(self.of(server)) is not None


class RunningServer:
    """`with RunningServer(…) as server:` `server.uri` is for `uturn bench`."""

    def __init__(self, programs, server, workload, world, cpus):
        self._directory = tempfile.TemporaryDirectory(prefix="uturn-bench-")
        self._server, self._program = server, programs.of(server)
        starts = {URING: self._uturn, EPOLL: self._uturn, COTURN: self._coturn,
                  FORWARDER: self._forwarder}
        arguments, uri = starts[server](programs, workload, world)
        # Both `ip netns exec` and taskset become the server, so the pid is the server's.
        self._process = Process([*world.enter_server, "taskset", "-c", cpu_list(cpus), *arguments],
                                self._path("output"))
        try:
            self.uri = wait_until(lambda: uri() or self._ended_early(), START_DEADLINE,
                                  f"{server} to be ready")
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._directory.cleanup()

    @property
    def pid(self):
        return self._process.pid

    def operate(self, kind, number):
        """What an operator does again and again; `number` tells one from the next."""
        if kind == "reload":
            self._write_config(number + 1)
        else:
            self._certificate.replace(self._others[number % 2])
        os.kill(self.pid, SIGNALS[kind])

    def list_sessions(self):
        """As an operator does; how many there were. The operator's program gives way to server and
        generator: on a machine of two processors it would be what their latency shows."""
        done = subprocess.run([self._program, "sessions", "--all", "--json", "--admin-socket",
                               self._path("admin.sock")], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=STOP_DEADLINE, preexec_fn=give_way)
        check(done.returncode == 0, f"uturn sessions: {done.stderr.decode().strip()}")
        return done.stdout.count(b'"relayed":')

    def drain(self):
        os.kill(self.pid, signal.SIGUSR1)

    def check_operated(self, kind, count):
        """uturn says what it has done. Signals that come at once are one."""
        if kind == "sessions":
            return  # a list speaks for itself
        said = {"reload": "the configuration was reloaded", "drain": "draining: ",
                "certificates": "a certificate was loaded anew"}[kind]
        if self._server == COTURN:
            return
        wait_until(lambda: self._process.output().count(said) >= max(1, count // 2),
                   STOP_DEADLINE, f"{count} times: {said}")

    def stop(self, by_itself=False):
        """A server that crashed, or does not end when asked, makes its run a failed one. One that
        drains ends with its last allocation."""
        if by_itself:
            status = self._process.wait(STOP_DEADLINE)
            check(status == 0, f"{self._server} ended with status {status} after a drain: "
                  f"{self.log()}")
            return
        check(not self._process.has_ended(), f"{self._server} ended by itself: {self.log()}")
        status = self._process.terminate(STOP_DEADLINE)
        check(status is not None, f"{self._server} did not end within {STOP_DEADLINE} s of SIGTERM")
        check(status == 0 or self._server == COTURN,
              f"{self._server} ended with status {status}: {self.log()}")

    def log(self):
        """The end of what the server printed and logged."""
        text = self._process.output()
        if os.path.exists(self._path("turnserver.log")):
            with open(self._path("turnserver.log"), errors="replace") as file:
                text += file.read()
        return text[-1500:].strip()

    def _path(self, name):
        return os.path.join(self._directory.name, name)

    def _ended_early(self):
        check(not self._process.has_ended(), f"{self._server} did not start: {self.log()}")

    def _uturn(self, programs, workload, world):
        os.mkdir(self._path("state"))
        arguments = [
            programs.uturn, "serve", "--listen", f"{workload.transport}://{world.server_ip}:0",
            "--relay-ip", world.relay_ip, "--relay-ports", "%d-%d" % RELAY_PORTS,
            "--allow-peer", world.peer_network, "--realm", REALM, "--user", f"{USER}:{PASSWORD}",
            "--io", "uring" if self._server == URING else "epoll",
            "--workers", str(workload.workers), "--state-dir", self._path("state"),
            "--ready-file", self._path("ready"), *workload.serve]
        if os.geteuid() == 0:
            arguments += ["--run-as", "root"]
        if workload.during:
            self._write_config(0)
            arguments += ["--config", self._path("uturn.yaml"),
                          "--admin-socket", self._path("admin.sock"), "--metrics", "none"]
        if is_secure(workload.transport) or workload.during:
            arguments += self._made_certificate().flags
        return arguments, lambda: self._ready_uri(URIS[workload.transport])

    def _forwarder(self, programs, workload, world):
        arguments = [
            programs.forwarder, "--listen", f"{world.server_ip}:0", "--relay-ip", world.relay_ip,
            "--io", "uring", "--workers", str(workload.workers),
            "--ready-file", self._path("ready")]
        return arguments, lambda: self._ready_uri("forward:{}")

    def _made_certificate(self):
        """And two others, for whoever replaces it."""
        self._certificate, *self._others = (Certificate(self._directory.name, name)
                                            for name in ("server", "second", "third"))
        return self._certificate

    def _write_config(self, number):
        """As an editor does: whole, or not yet."""
        with open(self._path("uturn.yaml.new"), "w") as file:
            file.write(f"server: {{software: bench {number}}}\n"
                       f"limits: {{permissions_per_allocation: {100 + number % 2}}}\n")
        os.rename(self._path("uturn.yaml.new"), self._path("uturn.yaml"))

    def _ready_uri(self, form):
        if not os.path.exists(self._path("ready")):
            return None
        with open(self._path("ready")) as lines:
            endpoint = Endpoint(lines.readline().strip())
        return form.format(f"{endpoint.host}:{endpoint.port}")

    def _coturn(self, programs, workload, world):
        # coturn takes no port 0. What is free in this namespace now is as good as any in another.
        port, other = free_ports(2)
        transport = workload.transport
        lines = [f"no-{unused}" for unused in ("tcp", "tls", "dtls") if unused != transport]
        if workload.during:
            lines.remove("no-tls")
        if is_secure(transport) or workload.during:
            certificate = self._made_certificate()
            lines += [f"cert={certificate.certificate}", f"pkey={certificate.key}"]
        with open(self._path("turnserver.conf"), "w") as file:
            file.write(TURNSERVER_CONF.format(
                server_ip=world.server_ip, relay_ip=world.relay_ip,
                port=other if is_secure(transport) else port,
                secure_port=port if is_secure(transport) else other,
                first_port=RELAY_PORTS[0], last_port=RELAY_PORTS[1], workers=workload.workers,
                realm=REALM, user=USER, password=PASSWORD, first_peer=world.peer_range[0],
                last_peer=world.peer_range[1], directory=self._directory.name,
                transports="\n".join(lines), more="\n".join(workload.coturn)))
        uri = URIS[transport].format(f"{world.server_ip}:{port}")
        table = "tcp" if transport in ("tcp", "tls") else "udp"
        return ([programs.coturn, "-c", self._path("turnserver.conf")],
                lambda: uri if self._listens_on(port, table) else None)

    def _listens_on(self, port, table):
        """As the kernel lists the sockets of the server's own namespace."""
        try:
            with open(f"/proc/{self.pid}/net/{table}") as sockets:
                return any(f":{port:04X} 00000000:0000" in line for line in sockets)
        except OSError:
            return False


def free_ports(count):
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                  for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
