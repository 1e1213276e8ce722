# The admin listener of a running server: every route with the token, and nothing without it.
#
#   dashboard_routes.py --server PATH
import argparse
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "harness"))
from certificates import Certificate, certificate_directory
from processes import check, run_test, wait_until
from server import PASSWORD, USER, UturnServer
from turn_client import TurnClient

TOKEN = "correct horse battery staple"
OTHER = "another horse, another staple"
DATA = [("GET", "/metrics"), ("GET", "/livez"), ("GET", "/readyz"), ("GET", "/v1/status"),
        ("GET", "/v1/sessions"), ("GET", "/v1/users"), ("POST", "/v1/kick"), ("POST", "/v1/drain"),
        ("POST", "/v1/reload"), ("GET", "/v1/log-level"), ("POST", "/v1/log-level"),
        ("POST", "/v1/test-credentials")]
PAGES = ["/", "/test", "/style.css", "/common.js", "/dashboard.js", "/test.js", "/uplot.js",
         "/uplot.css"]


def url_of(server):
    said = re.search(r"dashboard url=(https?)://([^:\s]+):(\d+)/", server.log())
    check(said, f"the log names no dashboard:\n{server.log()}")
    return said.group(1), said.group(2), int(said.group(3))


def ask(server, method, target, token=TOKEN, body=None, source="127.0.0.1", headers=()):
    scheme, host, port = url_of(server)
    kind = http.client.HTTPConnection
    options = {"timeout": 30, "source_address": (source, 0)}
    if scheme == "https":
        kind = http.client.HTTPSConnection
        options["context"] = ssl._create_unverified_context()
    connection = kind(host, port, **options)
    shown = {"Authorization": f"Bearer {token}"} if token else {}
    connection.request(method, target, body, {**shown, **dict(headers)})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, content, response.headers


def configured(directory, admin):
    path = os.path.join(directory, "uturn.yaml")
    with open(path, "w") as file:
        file.write("auth: {secrets: [shared by the web application],\n"
                   f"  users: {{{USER}: {{password: {PASSWORD}}}}}}}\n"
                   f"admin: {admin}\n")
    os.chmod(path, 0o644)
    return ["-c", path, "--relay-ip", "127.0.0.1"]


def check_refusals(server):
    """Each from an address of its own: guesses add up."""
    for number, (method, target) in enumerate(DATA, 2):
        for token in ("", "wrong, and long enough"):
            status, content, headers = ask(server, method, target, token, source=f"127.0.0.{number}")
            check((status, content) == (401, b""), f"{method} {target}: {status} {content!r}")
            check(not headers["Server"], f"it names itself: {headers['Server']}")
    began = time.monotonic()
    answers = [ask(server, "GET", "/v1/status", "a guess like any other", source="127.0.1.1")[0]
               for _ in range(40)]
    allowed = 11 + (time.monotonic() - began)  # less than one a second after a burst of ten
    check(answers[0] == 401 and answers.count(401) <= allowed, f"guesses are not slowed down: {answers}")
    check(answers.count(401) + answers.count(429) == len(answers), f"another answer: {answers}")
    # A slow machine may ask just when one more is allowed; that one is not wrong then.
    right = set()
    for _ in range(10):
        ask(server, "GET", "/v1/status", "another guess", source="127.0.1.1")
        right.add(ask(server, "GET", "/v1/status", source="127.0.1.1")[0])
    check(429 in right, "the right one is found among quick guesses")


def check_pages(server):
    for page in PAGES:
        status, content, headers = ask(server, "GET", page, token="")
        check(status == 200 and content, f"{page}: {status}")
        check("default-src 'none'" in headers["Content-Security-Policy"], f"{page} has no policy")
        check(headers["X-Content-Type-Options"] == "nosniff", f"{page}: {headers}")
        kept = ask(server, "GET", page, token="", headers={"If-None-Match": headers["ETag"]})
        check(kept[0] == 304 and not kept[1], f"{page} is sent again: {kept[0]}")
    check(ask(server, "GET", "/elsewhere")[0] == 404, "another path exists")
    check(ask(server, "POST", "/", token="")[0] == 405, "a page can be posted to")
    check(ask(server, "POST", "/v1/kick", body="x" * 100_000)[0] == 413, "a body of any length")
    check(ask(server, "GET", "/", headers={"X-Long": "x" * 40_000})[0] == 431, "headers of any length")


def get_json(server, method, target, body=None):
    status, content, _ = ask(server, method, target, body=json.dumps(body) if body else None)
    check(status == 200, f"{method} {target}: {status} {content!r}")
    return json.loads(content)


def check_answers(server):
    status, text, _ = ask(server, "GET", "/metrics")
    check(status == 200 and b"uturn_build_info" in text, f"/metrics: {status}")
    check(ask(server, "GET", "/livez")[0] == 200, "/livez")
    check(ask(server, "GET", "/readyz")[0] == 200, "/readyz")
    check(get_json(server, "GET", "/v1/status")["state"] == "serving", "/v1/status")
    check(get_json(server, "POST", "/v1/log-level", {"level": "debug"})["level"] == "debug", "log-level")
    check(get_json(server, "GET", "/v1/log-level")["level"] == "debug", "/v1/log-level")
    check(get_json(server, "POST", "/v1/reload")["needs_restart"] == [], "/v1/reload")
    check(get_json(server, "GET", "/v1/users") == {"users": [], "all": 0}, "/v1/users")

    # What the test page logs in with is a credential of ours.
    given = get_json(server, "POST", "/v1/test-credentials")
    host, port = server.endpoint().address
    check(given["urls"] == [f"turn:{host}:{port}?transport=udp"], f"{given['urls']}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        TurnClient(one, (host, port), given["username"], given["credential"]).allocate()
        TurnClient(other, (host, port), USER, PASSWORD).allocate()
        users = get_json(server, "GET", "/v1/users?limit=1000")
        check(sorted(user["user"] for user in users["users"]) == [USER, "dashboard-test"], f"{users}")
        check(get_json(server, "GET", "/v1/users?limit=1")["all"] == 2, f"{users}")
        check(ask(server, "GET", "/v1/users?limit=0")[0] == 400, "a limit of none")
        sessions = get_json(server, "GET", "/v1/sessions")["sessions"]
        check(len(sessions) == 2, f"{sessions}")
        kicked = get_json(server, "POST", "/v1/kick", {"sessions": [sessions[0]["id"]]})
        check(kicked == {"kicked": 1}, f"{kicked}")
        told = re.search(r"sessions were kicked sessions=1 of=\"1 ids\" by=dashboard "
                         r"from=127\.0\.0\.1:\d+", server.log())
        check(told, f"nobody is told who has kicked:\n{server.log()}")
    check(get_json(server, "POST", "/v1/drain", {"deadline": "1h"})["state"] == "draining", "")
    check(ask(server, "GET", "/readyz")[0] == 503, "it is ready while it drains")
    check(get_json(server, "POST", "/v1/drain", {"cancel": True})["state"] == "serving", "")


def check_reload(server, directory):
    configured(directory, f"{{listen: '127.0.0.1:0', token: '{OTHER}'}}")
    changed = get_json(server, "POST", "/v1/reload")["changed"]
    check([change["key"] for change in changed] == ["admin.token"], f"{changed}")
    check(OTHER not in json.dumps(changed) and OTHER not in server.log(), "the token is told")
    check(ask(server, "GET", "/livez", TOKEN)[0] == 401, "the former token still opens")
    check(ask(server, "GET", "/livez", OTHER)[0] == 200, "the other token does not open")


def shown_certificate(server):
    _, host, port = url_of(server)
    return hashlib.sha256(ssl.get_server_certificate((host, port)).encode()).hexdigest()


def expiry_of(server, certificate):
    """What the metrics say of the file, which they name once."""
    text = ask(server, "GET", "/metrics")[1].decode()
    named = re.findall(r'^uturn_certificate_expiry_timestamp_seconds\{file="([^"]*)".*\} (\S+)$', text,
                       re.MULTILINE)
    check([file for file, _ in named] == [certificate.certificate], f"{named}")
    return float(named[0][1])


def check_certificate(options, directory):
    """Over TLS the certificate is its own, and renewed by a reload."""
    with certificate_directory() as certificates:
        mine = Certificate(certificates, "admin")
        flags = configured(directory, f"{{listen: '127.0.0.1:0', token: '{TOKEN}', "
                                      f"certificate: {mine.certificate}, key: {mine.key}}}")
        with UturnServer(options.server, "auto", 1, flags=flags, user="") as server:
            check(url_of(server)[0] == "https", "the dashboard is served in the clear")
            check(ask(server, "GET", "/v1/status")[0] == 200, "/v1/status over TLS")
            before = shown_certificate(server)
            expiry = expiry_of(server, mine)
            mine.replace(Certificate(certificates, "next", days=200))
            server.signal(signal.SIGHUP)
            wait_until(lambda: shown_certificate(server) != before, 10, "the renewed certificate")
            wait_until(lambda: expiry_of(server, mine) > expiry + 86400, 10, "its day of expiry")
            server.stop()


def check_network(options, directory):
    """Beyond loopback not without a certificate."""
    flags = configured(directory, f"{{listen: '0.0.0.0:9642', token: '{TOKEN}'}}")
    done = subprocess.run([options.server, "check", flags[1]], capture_output=True, text=True)
    check(done.returncode == 2 and "needs a certificate" in done.stdout + done.stderr,
          f"{done.returncode}: {done.stdout}{done.stderr}")
    check(TOKEN not in done.stdout + done.stderr, "check prints the token")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="uturn-dashboard-") as directory:
        os.chmod(directory, 0o755)
        flags = configured(directory, f"{{listen: '127.0.0.1:0', token: '{TOKEN}'}}")
        with UturnServer(options.server, "auto", 2, flags=flags, user="") as server:
            check(url_of(server)[:2] == ("http", "127.0.0.1"), "another address")
            check_refusals(server)
            check_pages(server)
            check_answers(server)
            check_reload(server, directory)
            log = server.stop()
            check(TOKEN not in log and OTHER not in log, "the token is in the log")
        check_certificate(options, directory)
        check_network(options, directory)


if __name__ == "__main__":
    run_test(main)
