# What an operator has in hand: the commands, and the admin API they speak.
import http.client
import json
import socket
import subprocess

import cases
from processes import check


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path, timeout=30):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def api(server, method, target, body=None):
    """The status and the object that the API answers."""
    connection = UnixConnection(server.path("admin.sock"))
    connection.request(method, target, json.dumps(body) if body is not None else None)
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    return response.status, answer


def status_of(server):
    code, answer = api(server, "GET", "/v1/status")
    check(code == 200, f"{code}: {answer}")
    return answer


def command(server, *arguments, expect=0, socket_path=None):
    """Runs `uturn ARGUMENTS` against a server; its output is returned, or what it complained of."""
    path = socket_path or server.path("admin.sock")
    done = subprocess.run([cases.options.server, *arguments, "--admin-socket", path],
                          capture_output=True, text=True, timeout=60)
    check(done.returncode == expect,
          f"uturn {' '.join(arguments)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout if expect == 0 else done.stderr


def json_command(server, *arguments):
    return json.loads(command(server, *arguments, "--json"))
