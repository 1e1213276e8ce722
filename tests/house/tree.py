# The source tree as the house tests see it: files, comments taken away, includes.
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CODE_FOLDERS = ("protocol", "auth", "io", "server", "client", "tests", "bench")
SKIPPED_FOLDERS = {"build", "node_modules", "__pycache__", ".git"}


def files(*suffixes, under=""):
    """Paths from the root of every file of the tree with one of these suffixes."""
    found = []
    for folder, folders, names in os.walk(os.path.join(ROOT, under)):
        folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS)
        found += [os.path.relpath(os.path.join(folder, name), ROOT)
                  for name in sorted(names) if name.endswith(suffixes)]
    return found


def sources(folder):
    return files(".cc", ".h", under=folder)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def without_comments_and_strings(text):
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', '""', text, flags=re.DOTALL)


def includes(path):
    return re.findall(r'^#include "([^"]+)"', read(path), re.MULTILINE)


def table(name):
    """Rows of a tab separated file beside this one."""
    lines = read(os.path.join("tests", "house", name)).splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


def report(findings, what_was_checked):
    for finding in findings:
        print(finding)
    print(f"{what_was_checked}: {len(findings)} findings")
    sys.exit(1 if findings else 0)
