# Runs ctest with the arguments given and says, before its summary, why each skipped test was.
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

SUMMARY = re.compile(r"\d+% tests passed, ")


def reason(output):
    """What the scripts (processes.skip) or GoogleTest (GTEST_SKIP) printed, on one line."""
    said = re.search(r"^SKIPPED: (.+)", output, re.DOTALL | re.MULTILINE) or \
        re.search(r": Skipped\n(.+?)\n\s*(?:\n|\[  SKIPPED )", output, re.DOTALL)
    return " ".join(said.group(1).split())[:500] if said else "it does not say why"


def skipped(report):
    """(name, reason) of every test that ctest's JUnit report calls skipped."""
    if not os.path.exists(report):
        return
    for test in xml.etree.ElementTree.parse(report).iter("testcase"):
        if test.find("skipped") is not None:
            yield test.get("name"), reason(test.findtext("system-out") or "")


def main():
    with tempfile.TemporaryDirectory(prefix="uturn-ctest-") as directory:
        report = os.path.join(directory, "report.xml")
        ctest = subprocess.Popen(["ctest", *sys.argv[1:], "--output-junit", report],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                 errors="replace")
        summary = []
        for line in ctest.stdout:
            if SUMMARY.match(line):  # the last such line: a test's output may hold another
                print(*summary, sep="", end="")
                summary = []
            elif not summary:
                print(line, end="", flush=True)
                continue
            summary.append(line)
        status = ctest.wait()
        for name, why in sorted(skipped(report)):
            print(f"skipped: {name}: {why}")
        print(*summary, sep="", end="", flush=True)
    sys.exit(status)


if __name__ == "__main__":
    main()
