# The dashboard in Debian's Chromium: it opens with its token only, asks nobody else, shows a call
# and ends it; the test page tells a wrong credential from a right one.
#
#   dashboard.py --server PATH --modules DIRECTORY --pictures DIRECTORY
import argparse
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "harness"))
from browser import find_chromium, install_modules
from processes import SKIPPED, Process, check, run_test, skip
from server import SECRET, USER, UturnServer

TOKEN = "correct horse battery staple"


def browse(server, options, chromium):
    said = re.search(r"dashboard url=(\S+?)/?\s", server.log())
    check(said, f"the log names no dashboard:\n{server.log()}")
    wishes = {"origin": said.group(1), "token": TOKEN, "user": USER, "pictures": options.pictures}
    command = ["node", os.path.join(HERE, "dashboard.mjs"), options.modules, chromium,
               json.dumps(wishes)]
    with Process(command, server.path("browser.log")) as browser:
        status = browser.wait(240)
        if status == SKIPPED:
            skip(f"Chromium cannot be started here:\n{browser.output()}")
        check(status == 0, f"it ended with {status}:\n{browser.output()}\n{server.log()}")
        return json.loads(browser.output().splitlines()[-1])


def check_dashboard(seen):
    check(not seen["strangers"], f"the page asked others: {seen['strangers']}")
    check(not seen["problems"], f"the browser complains: {seen['problems']}")
    check(seen["idle"] != seen["busy"], "the numbers did not move")
    check("dashboard-test" in seen["sessions"], f"no session of the call: {seen['sessions']!r}")
    check(re.search(r"First payload relayed\n[2-9]", seen["funnel"]), f"the funnel is dry: {seen['funnel']!r}")
    check("wrong password" in seen["funnel"], f"a wrong password stopped nobody: {seen['funnel']!r}")
    check(all(seen["charts"]) and len(seen["charts"]) == 4, f"charts that say nothing: {seen['charts']}")
    for page, pixels in seen["overflow"].items():
        check(pixels <= 0, f"{page}: a phone must scroll sideways by {pixels} pixels")
    faint = [pair for pair in seen["contrast"] if pair[1] < 4.5]
    check(len(seen["contrast"]) == 24 and not faint, f"hard to read: {faint}")
    check(seen["firstFocus"] == "To the numbers", f"Tab leads to {seen['firstFocus']!r}")


def check_test_page(seen):
    check(TOKEN not in seen["address"] and "#" not in seen["address"],
          f"the token stays in the address: {seen['address']}")
    check("User name or credential is wrong" in seen["wrong"], f"no cause: {seen['wrong']!r}")
    check("end its session" in seen["ended"], f"a kick goes unnoticed: {seen['ended']!r}")
    check("works" in seen["good"] and "bit/s" in seen["good"] and seen["verdict"] == "works", f"{seen}")
    check(seen["path"].startswith("relay over udp to relay"), f"another path: {seen['path']!r}")
    check(re.match(r"[\d.]+ ms", seen["rtt"]), f"no round trip: {seen['rtt']!r}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server")
    parser.add_argument("--modules")
    parser.add_argument("--pictures")
    options = parser.parse_args()
    chromium = find_chromium()
    install_modules(options.modules)
    os.makedirs(options.pictures, exist_ok=True)
    flags = ["--relay-ip", "127.0.0.1", "--auth-secret", SECRET,
             "--set", "admin.listen=127.0.0.1:0", "--set", f"admin.token={TOKEN}"]
    with UturnServer(options.server, "auto", 2, ["udp://127.0.0.1:0"], flags) as server:
        seen = browse(server, options, chromium)
        log = server.stop()
    check_dashboard(seen)
    check_test_page(seen)
    check("reason=kicked" in log, f"nobody was kicked:\n{log}")
    print(f"pictures: {options.pictures}")


if __name__ == "__main__":
    run_test(main)
