# RFC-COMPLIANCE.md is true: each row names a requirement, a file that cites its section, and tests.
import os
import re

import tree

STATES = {"done", "partly", "later"}
COLUMNS = 7


def rows():
    for number, line in enumerate(tree.read("RFC-COMPLIANCE.md").splitlines(), 1):
        if line.startswith("| RFC"):
            yield number, [cell.strip() for cell in line.strip().strip("|").split("|")]


def requirements():
    return {row[0]: row[1:] for row in tree.table("requirements.tsv")}


def known_tests():
    """Every Suite.Name in the C++ tests, and every case of the scripts that ctest runs."""
    names = set()
    for path in tree.sources("tests"):
        text = tree.read(path)
        names |= {f"{suite}.{name}" for suite, name in
                  re.findall(r"\b(?:TEST|TEST_F|TEST_P|TYPED_TEST)\(\s*(\w+),\s*(\w+)\s*\)", text)}
    for folder in ("interop", "netns", "browser"):
        for path in tree.files(".py", under=f"tests/{folder}"):
            script = "" if folder != "netns" else os.path.basename(path)[:-3] + "."
            names |= {f"{folder}.{script}{case}"
                      for case in re.findall(r'^    "([a-z0-9-]+)": ', tree.read(path), re.MULTILINE)}
    return names | {"browser.call"}


def file_and_header(path):
    """A citation may stand with the declaration; comments are joined over their line ends."""
    stem = os.path.splitext(path)[0]
    texts = [tree.read(file) for file in sorted({path, stem + ".h", stem + ".cc"})
             if os.path.isfile(os.path.join(tree.ROOT, file))]
    return re.sub(r"\n\s*///?<?", "", "\n".join(texts))


def cites(text, rfc, section):
    """The section itself, one above it or one below it."""
    if not re.search(rf"RFC {rfc}\b", text):
        return False
    cited = re.findall(r"Sections? ([\dA-Z.]+(?:(?:, | and | to )[\dA-Z][\d.]*)*)", text)
    numbers = {number.rstrip(".") for group in cited for number in re.split(r", | and | to ", group)}
    return any(number == section or number.startswith(section + ".") or
               section.startswith(number + ".") for number in numbers if number)


def row_findings(number, cells, wanted, tests):
    where = f"RFC-COMPLIANCE.md:{number}: {cells[0]}"
    if len(cells) != COLUMNS:
        yield f"{where}: {len(cells)} columns instead of {COLUMNS}"
        return
    requirement, section, level, text, state, file, named = cells
    if requirement not in wanted:
        yield f"{where}: no such requirement"
        return
    if [section, level] != wanted[requirement][:2]:
        yield f"{where}: is {wanted[requirement][:2]}, not {[section, level]}"
    if not text:
        yield f"{where}: does not say what is required"
    if state not in STATES:
        yield f"{where}: state {state!r} is none of {sorted(STATES)}"
    if state == "later":
        return
    if not os.path.isfile(os.path.join(tree.ROOT, file)):
        yield f"{where}: {file} does not exist"
    elif not cites(file_and_header(file), requirement[3:].split("-")[0], section):
        yield f"{where}: {file} does not cite Section {section}"
    if not named:
        yield f"{where}: no test"
    for test in named.split():
        if test not in tests:
            yield f"{where}: test {test} does not exist"


if __name__ == "__main__":
    wanted, tests = requirements(), known_tests()
    findings, seen = [], set()
    for number, cells in rows():
        findings += row_findings(number, cells, wanted, tests)
        if cells[0] in seen:
            findings.append(f"RFC-COMPLIANCE.md:{number}: {cells[0]} has two rows")
        seen.add(cells[0])
    assert seen and len(wanted) > 800, "the tables were not found"
    tree.report(findings, f"{len(seen)} rows")
