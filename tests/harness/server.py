# The server under test: started on ephemeral ports from a temporary directory, stopped cleanly.
import os
import re
import socket
import tempfile

from processes import Process, check, skip, wait_until

REALM = "test.example"
USER = "alice"
PASSWORD = "correct horse"
SECRET = "shared by the web application"

# A sanitized build on two busy cores takes its time to start.
START_DEADLINE = 30
STOP_DEADLINE = 10


class Endpoint:
    """A listener: "udp://127.0.0.1:3478" taken apart."""

    def __init__(self, uri):
        match = re.fullmatch(r"(\w+)://(?:\[(.+)\]|([^\[\]:]+)):(\d+)", uri)
        check(match, f"no listener URI: {uri!r}")
        self.scheme = match.group(1)
        self.host = match.group(2) or match.group(3)
        self.port = int(match.group(4))

    @property
    def address(self):
        return (self.host, self.port)


def find_endpoint(endpoints, family, scheme):
    found = [e for e in endpoints if (":" in e.host) == (family == socket.AF_INET6) and
             scheme in (None, e.scheme)]
    check(found, f"no such listener among {[(e.scheme, e.address) for e in endpoints]}")
    return found[0]


class UturnServer:
    """`uturn serve` with one worker on loopback, unless told otherwise."""

    def __init__(self, binary, io, workers=1, listen=("udp://127.0.0.1:0",), flags=(), user=USER,
                 realm=REALM):
        self._directory = tempfile.TemporaryDirectory(prefix="uturn-test-")
        ready_file = self.path("ready")
        arguments = [binary, "serve", "--io", io, "--workers", str(workers),
                     "--state-dir", self.path("state"),
                     "--admin-socket", self.path("admin.sock"), "--ready-file", ready_file]
        if realm:
            arguments += ["--realm", realm]
        if user:  # else the flags name a file that does
            arguments += ["--user", f"{user}:{PASSWORD}"]
        for uri in listen:
            arguments += ["--listen", uri]
        if "--metrics" not in flags:
            arguments += ["--metrics", "none"]
        os.mkdir(self.path("state"))
        self._process = Process(arguments + list(flags), self.path("log"))
        try:
            wait_until(lambda: os.path.exists(ready_file) or self._process.has_ended(),
                       START_DEADLINE, "the server's ready file")
            if self._process.has_ended():
                self._did_not_start(io)
            with open(ready_file) as lines:
                self.endpoints = [Endpoint(line.strip()) for line in lines if line.strip()]
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._directory.cleanup()

    def _did_not_start(self, io):
        """Where the machine forbids io_uring a test of that loop cannot run; all else is a failure."""
        forbidden = re.search(r'io_uring cannot be used: [^"\n]*', self.log())
        if io == "uring" and forbidden:
            skip(forbidden.group())
        check(False, f"the server did not start:\n{self.log()}")

    def path(self, name):
        return os.path.join(self._directory.name, name)

    def log(self):
        return self._process.output()

    def endpoint(self, family=socket.AF_INET, scheme=None):
        """The first listener of this family, and of this scheme where one is named."""
        return find_endpoint(self.endpoints, family, scheme)

    def is_running(self):
        return not self._process.has_ended()

    def ended(self, seconds):
        """The status it ended with by itself; None where it still runs after `seconds`."""
        return self._process.wait(seconds)

    def signal(self, number):
        os.kill(self._process.pid, number)

    def resident_kilobytes(self):
        return self._process.resident_kilobytes()

    def descriptor_table_length(self):
        return self._process.descriptor_table_length()

    def stop(self):
        """Ends the server as an operator does; what it logged is returned."""
        status = self._process.terminate(STOP_DEADLINE)
        check(status == 0, f"the server ended with status {status}, not 0:\n{self.log()}")
        return self.log()


def counters(log):
    """The counters of the `stopped` line: name -> value."""
    lines = [line for line in log.splitlines() if re.search(r"\bstopped\b", line)]
    check(lines, f"no `stopped` line in the server's log:\n{log}")
    return {name: int(value) for name, value in re.findall(r"\b([a-z_]+)=(\d+)\b", lines[-1])}
