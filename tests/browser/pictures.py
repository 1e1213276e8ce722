# Makes the pictures of README's "Operate" anew: calls of many users over every transport, seen by the
# dashboard. Looked at by people, so no test.
#
#   pictures.py --server PATH --modules DIRECTORY --pictures DIRECTORY [--seconds N]
import argparse
import contextlib
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "harness"))
from browser import find_chromium, install_modules
from certificates import Certificate, certificate_directory
from processes import Process, check, run_test
from server import UturnServer

TOKEN = "correct horse battery staple"
PASSWORD = "of everybody"
CONFIG = """
auth: {{users: {{{users}}}}}
listeners: ["udp://127.0.0.1:0", "tcp://127.0.0.1:0", "tls://127.0.0.1:0", "dtls://127.0.0.1:0",
            {{uri: "udp://127.0.0.2:0", realm: guests.example.org}}]
realms: {{guests.example.org: {{users: {{visitor: {{password: "{password}"}}}}}}}}
tls: {{certificate: {certificate.certificate}, key: {certificate.key}}}
admin: {{listen: "127.0.0.1:0", token: "{token}"}}
relay: {{addresses: [127.0.0.1], ports: 50000-50499}}
limits: {{allocations: 400}}
peers: {{allow: [127.0.0.0/8]}}
"""
# user, scheme, allocations, what each of them does
LOADS = (
    ("alice", "udp", 12, ("--frames", "4@25", "--audio", "50", "--payload", "1100", "--direction", "both")),
    ("bob", "udp", 8, ("--frames", "3@15", "--audio", "50", "--payload", "1000", "--direction", "both")),
    ("carol", "tls", 3, ("--rate", "150", "--payload", "900", "--direction", "both")),
    ("dave", "tcp", 5, ("--rate", "250", "--payload", "700", "--direction", "to-client")),
    ("erin", "dtls", 2, ("--rate", "100", "--payload", "160", "--direction", "both")),
    ("frank", "udp", 6, ("--rate", "300", "--payload", "160", "--direction", "both", "--via", "indication")),
    ("visitor", "udp", 4, ("--frames", "2@15", "--audio", "50", "--payload", "900", "--direction", "both")),
)


def load(binary, server, user, scheme, allocations, what, seconds, log):
    where = [e for e in server.endpoints
             if e.scheme == scheme and (e.host == "127.0.0.2") == (user == "visitor")]
    host, port = where[0].address
    kind = "turns" if scheme in ("tls", "dtls") else "turn"
    wire = "udp" if scheme in ("udp", "dtls") else "tcp"
    return Process([binary, "bench", f"{kind}:{host}:{port}?transport={wire}", "--user", user,
                    "--password", PASSWORD, "--allocations", str(allocations), "--insecure", "--quiet",
                    "--seconds", str(seconds), *what], server.path(log))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server")
    parser.add_argument("--modules")
    parser.add_argument("--pictures")
    parser.add_argument("--seconds", type=int, default=150)
    options = parser.parse_args()
    chromium = find_chromium()
    options.modules, options.pictures = map(os.path.abspath, (options.modules, options.pictures))
    install_modules(options.modules)
    with certificate_directory() as directory, contextlib.ExitStack() as stack:
        path = os.path.join(directory, "uturn.yaml")
        users = ", ".join(f'{user}: {{password: "{PASSWORD}"}}' for user, *_ in LOADS
                          if user != "visitor")
        with open(path, "w") as file:
            file.write(CONFIG.format(users=users, password=PASSWORD, token=TOKEN,
                                     certificate=Certificate(directory, "meet.example.org")))
        server = stack.enter_context(UturnServer(options.server, "auto", 2, (), ["-c", path],
                                                 user=None, realm="meet.example.org"))
        said = re.search(r"dashboard url=(\S+?)/?\s", server.log())
        check(said, f"the log names no dashboard:\n{server.log()}")
        wishes = {"origin": said.group(1), "token": TOKEN, "pictures": options.pictures,
                  "seconds": options.seconds}
        browser = stack.enter_context(
            Process(["node", os.path.join(HERE, "pictures.mjs"), options.modules, chromium,
                     json.dumps(wishes)], server.path("browser.log")))
        for number, (user, scheme, allocations, what) in enumerate(LOADS):
            stack.enter_context(load(options.server, server, user, scheme, allocations, what, options.seconds + 30,
                                     f"load-{number}.log"))
        wrong = load(options.server, server, "mallory", "udp", 1, ("--rate", "10"), 1, "wrong.log")
        stack.enter_context(wrong).wait(20)
        status = browser.wait(options.seconds + 90)
        check(status == 0, f"it ended with {status}:\n{browser.output()}\n{server.log()}")


if __name__ == "__main__":
    run_test(main)
