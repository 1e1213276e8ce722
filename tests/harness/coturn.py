# coturn in the place of the server under test: tells a fault of ours from one of a tool.
import os
import socket
import tempfile

from processes import Process, check, wait_until
from server import (PASSWORD, REALM, SECRET, START_DEADLINE, USER, Endpoint, UturnServer,
                    find_endpoint)
from turn_client import binding_answer


def server_class(binary):
    return UturnServer if os.path.basename(binary) == "uturn" else CoturnServer


def free_port():
    """On loopback, over UDP and TCP."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, \
                socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connections:
            datagrams.bind(("127.0.0.1", 0))
            try:
                connections.bind(datagrams.getsockname())
            except OSError:
                continue
            return datagrams.getsockname()[1]


class CoturnServer:
    """Understands the few flags of `uturn serve` that the tests use."""

    def __init__(self, binary, io, workers=1, listen=("udp://127.0.0.1:0",), flags=()):
        self._directory = tempfile.TemporaryDirectory(prefix="coturn-test-")
        schemes = {Endpoint(uri).scheme for uri in listen}
        plain, secure = free_port(), free_port()
        arguments = [binary, "-n", "-p", str(plain), "--tls-listening-port", str(secure), "-a",
                     "-r", REALM, "-m", str(workers), "--no-cli", "-l", "stdout",
                     f"--db={self.path('db')}", "--pidfile", self.path("pid"),
                     "--allow-loopback-peers"]
        # UDP stays: it is what tells that the server is up.
        arguments += [f"--no-{other}" for other in ("tcp", "tls", "dtls") if other not in schemes]
        if "--auth-secret" in flags:
            arguments += ["--use-auth-secret", f"--static-auth-secret={SECRET}"]
        else:
            arguments += ["-u", f"{USER}:{PASSWORD}"]
        for flag, value in zip(flags, flags[1:]):
            if flag in ("--relay-ip", "--external-ip", "--cert"):
                arguments.append(f"{flag}={value}")
            if flag == "--key":
                arguments.append(f"--pkey={value}")
        self.endpoints = []
        for uri in listen:
            scheme, host = Endpoint(uri).scheme, Endpoint(uri).host
            port = secure if scheme in ("tls", "dtls") else plain
            bracketed = f"[{host}]" if ":" in host else host
            self.endpoints.append(Endpoint(f"{scheme}://{bracketed}:{port}"))
        hosts = {endpoint.host for endpoint in self.endpoints}
        for host in hosts:
            arguments += ["-L", host]
        self._process = Process(arguments, self.path("log"))
        try:
            for host in hosts:
                wait_until(lambda: binding_answer((host, plain), 0.1), START_DEADLINE, "coturn")
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._directory.cleanup()

    def path(self, name):
        return os.path.join(self._directory.name, name)

    def log(self):
        return self._process.output()

    def endpoint(self, family=socket.AF_INET, scheme=None):
        return find_endpoint(self.endpoints, family, scheme)

    def resident_kilobytes(self):
        return self._process.resident_kilobytes()

    def is_running(self):
        return not self._process.has_ended()

    def stop(self):
        check(self._process.terminate(10) is not None, "coturn did not end")
        return self.log()
