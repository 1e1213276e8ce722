# Every source says in its first line what it is for, is short, and names nobody's machine.
import re

import tree

COMMENT = {".cc": "// ", ".h": "// ", ".js": "// ", ".mjs": "// ", ".py": "# ", ".sh": "#!",
           "CMakeLists.txt": "# "}
LONGEST_SOURCE = 450

# Paths that exist on one machine only, and private package mirrors.
MACHINE_PATHS = re.compile(r"(?<![\w.])/(work|root|home/\w+|Users/\w+)/|\"resolved\":")
# A vendored table of the RFCs' own sentences is as long as it is.
TEXTS = (".cc", ".h", ".py", ".sh", ".js", ".mjs", ".json", ".md", ".txt", ".yaml", ".yml", ".tsv",
         ".service", "Makefile", ".ci/run")


def purpose_findings(path):
    first = tree.read(path).split("\n", 1)[0]
    marker = next(m for suffix, m in COMMENT.items() if path.endswith(suffix))
    if not first.startswith(marker) or len(first) < len(marker) + 8:
        # A top-level CMakeLists.txt begins with what cmake demands.
        if not (path.endswith("CMakeLists.txt") and path.count("/") < 2):
            yield f"{path}: the first line does not state its purpose: {first!r}"


findings, checked = [], 0
for path in tree.files(*COMMENT):
    checked += 1
    findings += purpose_findings(path)
    lines = tree.read(path).count("\n")
    if path.endswith((".cc", ".h")) and lines > LONGEST_SOURCE:
        findings.append(f"{path}: {lines} lines; a file is at most {LONGEST_SOURCE} long")
for path in tree.files(*TEXTS):
    if path == "tests/house/manners.py":
        continue  # it has to name what it looks for
    for number, line in enumerate(tree.read(path).splitlines(), 1):
        if MACHINE_PATHS.search(line):
            findings.append(f"{path}:{number}: names somebody's machine: {line.strip()[:100]}")
assert checked > 50, "the tree was not found"
tree.report(findings, f"manners of {checked} files")
