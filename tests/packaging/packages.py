# What the tests of the packages share: their arguments, where the packages are, tools that may be missing.
import argparse
import glob
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "harness"))

from processes import Failure, check, skip  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True, help="the uturn binary of the build")
    parser.add_argument("--build", required=True, help="the build tree")
    parser.add_argument("--cpack", default="cpack")
    return parser.parse_args()


def need(*tools):
    for tool in tools:
        if shutil.which(tool) is None:
            skip(f"{tool} is not installed")


def run(*command, **options):
    """What a command that must succeed printed, errors included."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL, **options)
    check(done.returncode == 0, f"{' '.join(command)}: status {done.returncode}\n{done.stdout}")
    return done.stdout


def package(build, suffix):
    found = glob.glob(os.path.join(build, "packages", f"*.{suffix}"))
    check(len(found) == 1, f"one .{suffix} was to be made, there are: {found}")
    return found[0]


def is_sanitized(binary):
    return "libasan" in run("readelf", "--dynamic", binary)


def main(test):
    """Runs test(options); a failure is one sentence."""
    try:
        test(arguments())
    except Failure as failure:
        print(f"FAILED: {failure}")
        sys.exit(1)
