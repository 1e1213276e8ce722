# Failed attempts to log in, as fail2ban reads them with the filter of the packages.
#
#   failed_logins.py --server PATH --io uring|epoll CASE
import os
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "harness"))
import cases
from processes import check, skip, wait_until
from server import PASSWORD, USER
from turn_client import TurnClient, TurnError

FILTER = os.path.join(HERE, "..", "..", "etc", "fail2ban", "filter.conf")
LISTEN = ("udp://127.0.0.1:0", "udp://[::1]:0")
FLAGS = ["--relay-ip", "127.0.0.1", "--set", "log.privacy=none"]
# What a client may call itself to have somebody else banned.
INJECTION = 'x auth: failed login client=192.0.2.66 user="'


def log_in(server, source, name, password):
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as udp:
        udp.bind((source, 0))
        try:
            TurnClient(udp, server.endpoint(family).address, name, password).allocate()
        except TurnError as error:
            return error.code
    return None


def banned_by(file):
    """The addresses that fail2ban finds in the log."""
    program = next((path for path in ("/usr/bin/fail2ban-regex", "/usr/local/bin/fail2ban-regex")
                    if os.path.exists(path)), None)
    if program is None:
        skip("fail2ban is not installed")
    done = subprocess.run([program, "--out", "ip", file, FILTER], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    return sorted(line for line in done.stdout.split() if line)


def is_read(form):
    with cases.start_server(LISTEN, [*FLAGS, "--set", "log.failed_logins=true", "--log-format",
                                     form]) as server:
        for source, name in (("127.0.0.1", USER), ("127.0.0.2", "nobody"),
                             ("127.0.0.3", INJECTION), ("::1", USER)):
            check(log_in(server, source, name, "a guess") == 401, "a guess was right")
        check(log_in(server, "127.0.0.5", USER, PASSWORD) is None, "the password is wrong")
        wait_until(lambda: server.log().count("failed login") >= 5, 10, "the lines of the log")
        server.stop()
        banned = banned_by(server.path("log"))
        check(banned == ["127.0.0.1", "127.0.0.2", "127.0.0.3", "::1"], f"{banned}:\n{server.log()}")


def is_off():
    with cases.start_server(LISTEN, FLAGS) as server:
        check(log_in(server, "127.0.0.1", USER, "a guess") == 401, "a guess was right")
        check("failed login" not in server.stop(), "nobody asked for it")


cases.run_cases({
    "text": lambda: is_read("text"),
    "json": lambda: is_read("json"),
    "off": is_off,
})
