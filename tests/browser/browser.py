# A video call and a file between two Chromiums that may only relay, and the server's own count. Over
# TCP the pages ask the server's credential service for their servers, over HTTPS.
#
#   browser.py --server PATH --io uring|epoll --modules DIRECTORY [--via udp|tcp|tls]
import argparse
import contextlib
import hashlib
import json
import os
import re
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "harness"))
from certificates import Certificate, certificate_directory
from coturn import server_class
from processes import SKIPPED, Failure, Process, check, run_test, skip
from server import PASSWORD, USER, UturnServer, counters

API_KEY = "the key of the pages"
CALL_SECONDS = 10
FILES = 2

DEFAULT = "0" * 32 + " 00"  # ::/0 in /proc/net/ipv6_route


def find_chromium():
    return shutil.which("chromium") or skip("Debian's chromium is not installed and could not be")


def install_modules(directory):
    """playwright-core as the lock file names it, beside the build and not in the source tree."""
    check(shutil.which("npm"), "npm is missing; packaging/install-deps.sh --tests installs it")
    os.makedirs(directory, exist_ok=True)
    stamp = os.path.join(directory, "installed-package-lock.json")
    with open(os.path.join(HERE, "package-lock.json")) as wanted:
        lock = wanted.read()
    if os.path.exists(stamp) and open(stamp).read() == lock:
        return
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(HERE, name), directory)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
    with Process(command, os.path.join(directory, "npm.log"), cwd=directory) as npm:
        status = npm.wait(180)
        if status != 0 and not has_network():
            skip("there is no route to any other network, so playwright-core cannot be installed")
        check(status == 0, f"npm ci ended with {status}:\n{npm.output()}")
    with open(stamp, "w") as installed:
        installed.write(lock)


def has_network():
    """Whether any interface but loopback has a route; a registry that is down is no excuse."""
    def interfaces(table, column, is_wanted=lambda line: True):
        path = f"/proc/net/{table}"
        lines = open(path).read().splitlines() if os.path.exists(path) else []
        return {line.split()[column] for line in lines if is_wanted(line)}

    # Of IPv6 the default routes: link-local and multicast ones come with every interface.
    found = interfaces("route", 0) | interfaces("ipv6_route", -1, lambda line: line[:35] == DEFAULT)
    return bool(found - {"Iface", "lo"})


def home_that_trusts(certificate, directory):
    """Chromium believes a TURN server what its user's NSS database believes, and nothing else."""
    certutil = shutil.which("certutil") or skip("libnss3-tools is not installed and could not be")
    database = os.path.join(directory, ".pki", "nssdb")
    os.makedirs(database)
    for arguments in (["-N", "--empty-password"],
                      ["-A", "-t", "C,,", "-n", "uturn", "-i", certificate.certificate]):
        with Process([certutil, "-d", f"sql:{database}", *arguments],
                     os.path.join(directory, "certutil.log")) as certutil_run:
            check(certutil_run.wait(60) == 0, certutil_run.output())
    return directory


def turn_url(server, via):
    host, port = server.endpoint(scheme=via).address
    return {"udp": f"turn:{host}:{port}?transport=udp", "tcp": f"turn:{host}:{port}?transport=tcp",
            "tls": f"turns:{host}:{port}?transport=tcp"}[via]


def credential_flags(certificate):
    """A credential service that pages of any origin may ask."""
    digest = hashlib.sha256(API_KEY.encode()).hexdigest()
    settings = ["listen=127.0.0.1:0", f"certificate={certificate.certificate}",
                f"key={certificate.key}", "origins=[\"*\"]", f"keys={{pages: {{sha256: {digest}}}}}"]
    return ["--auth-secret", "shared", *(word for setting in settings
                                         for word in ("--set", f"credentials.{setting}"))]


def ice_servers_for(server, via):
    """What the pages are told: their servers, or who knows them."""
    url = re.search(r"url=(https://[0-9.:]+)", server.log())
    if url:
        return {"url": url.group(1), "key": API_KEY}
    return [{"urls": turn_url(server, via), "username": USER, "credential": PASSWORD}]


def call(server, chromium, modules, via, home):
    ice_servers = ice_servers_for(server, via)
    command = ["env", f"HOME={home}", "node", os.path.join(HERE, "call.mjs"), modules, chromium,
               json.dumps(ice_servers)]
    with Process(command, server.path("browser.log")) as browser:
        status = browser.wait(150)
        if status == SKIPPED:
            skip(f"Chromium cannot be started here:\n{browser.output()}")
        check(status == 0, f"the call ended with {status}:\n{browser.output()}")
        return json.loads(browser.output().splitlines()[-1])


def check_media(result, via):
    for side, (before, after) in enumerate(zip(result["before"], result["after"])):
        frames = after["framesDecoded"] - before["framesDecoded"]
        samples = after["samplesHeard"] - before["samplesHeard"]
        # The fake camera gives 20 to 30 frames a second; a loaded machine may drop some.
        check(frames >= 5 * CALL_SECONDS, f"side {side} decoded {frames} frames")
        # 48,000 samples a second, as far as they came out of packets.
        check(samples >= 36_000 * CALL_SECONDS, f"side {side} heard {samples} audio samples")
        pair = (after["localType"], after["relayProtocol"], after["remoteType"])
        check(pair == ("relay", via, "relay"), f"side {side} went over {pair}")
        print(f"side {side}: {frames} frames, {samples} audio samples, over {pair}")


def check_files(result):
    check(len(result["files"]) == FILES, "not every file was sent")
    for file in result["files"]:
        check(file["sent"] == file["arrived"], f"a file arrived changed: {file}")


def check_counters(result, log):
    """What the browsers sent went to the server and out again, once to a peer and once back."""
    counted = counters(log)
    sent = sum(side["transportPacketsSent"] for side in result["end"])
    received = sum(side["transportPacketsReceived"] for side in result["end"])
    print(f"browsers sent {sent}, received {received}; server: {counted}")
    for name in ("forwarded_to_peer", "forwarded_to_client"):
        # The browsers' last look was before their last packet; connectivity checks come on top.
        check(received <= counted[name] <= 1.2 * sent + 1000,
              f"{name}={counted[name]}, but the browsers sent {sent} and received {received}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server")
    parser.add_argument("--io")
    parser.add_argument("--modules")
    parser.add_argument("--via", choices=["udp", "tcp", "tls"], default="udp")
    options = parser.parse_args()
    chromium = find_chromium()
    install_modules(options.modules)

    # Both relayed addresses are this server's own, so no peer needs to be allowed.
    flags = ["--relay-ip", "127.0.0.1"]
    kind = server_class(options.server)
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(certificate_directory())
        home = os.environ.get("HOME", directory)
        if options.via != "udp":
            certificate = Certificate(directory, "server")
            home = home_that_trusts(certificate, directory)
        if options.via == "tls":
            flags += certificate.flags
        if options.via == "tcp" and kind is UturnServer:
            flags += credential_flags(certificate)
        server = stack.enter_context(
            kind(options.server, options.io, 2, [f"{options.via}://127.0.0.1:0"], flags))
        try:
            result = call(server, chromium, options.modules, options.via, home)
            check_media(result, options.via)
            check_files(result)
            log = server.stop()
            if kind is UturnServer:
                check_counters(result, log)
        except Failure:
            print(f"server:\n{server.log()[-6000:]}")
            raise


if __name__ == "__main__":
    run_test(main)
