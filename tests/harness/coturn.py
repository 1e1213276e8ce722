# coturn in the place of the server under test: tells a fault of ours from one of a tool.
import os
import socket
import tempfile

from processes import Process, check, wait_until
from server import PASSWORD, REALM, SECRET, START_DEADLINE, USER, Endpoint, UturnServer
from turn_client import binding_answer


def server_class(binary):
    return UturnServer if os.path.basename(binary) == "uturn" else CoturnServer


class CoturnServer:
    """Understands the few flags of `uturn serve` that the tests use."""

    def __init__(self, binary, io, workers=1, listen=("udp://127.0.0.1:0",), flags=()):
        self._directory = tempfile.TemporaryDirectory(prefix="coturn-test-")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        arguments = [binary, "-n", "-p", str(port), "-a", "-r", REALM, "-m", str(workers),
                     "--no-cli", "--no-tls", "--no-dtls", "--no-tcp", "-l", "stdout",
                     f"--db={self.path('db')}", "--pidfile", self.path("pid"),
                     "--allow-loopback-peers"]
        if "--auth-secret" in flags:
            arguments += ["--use-auth-secret", f"--static-auth-secret={SECRET}"]
        else:
            arguments += ["-u", f"{USER}:{PASSWORD}"]
        for flag, value in zip(flags, flags[1:]):
            if flag in ("--relay-ip", "--external-ip"):
                arguments.append(f"{flag}={value}")
        self.endpoints = []
        for uri in listen:
            host = Endpoint(uri).host
            arguments += ["-L", host]
            bracketed = f"[{host}]" if ":" in host else host
            self.endpoints.append(Endpoint(f"udp://{bracketed}:{port}"))
        self._process = Process(arguments, self.path("log"))
        try:
            for endpoint in self.endpoints:
                wait_until(lambda: binding_answer(endpoint.address, 0.1), START_DEADLINE, "coturn")
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

    def endpoint(self, family=socket.AF_INET):
        return [e for e in self.endpoints if (":" in e.host) == (family == socket.AF_INET6)][0]

    def is_running(self):
        return not self._process.has_ended()

    def stop(self):
        check(self._process.terminate(10) is not None, "coturn did not end")
        return self.log()
