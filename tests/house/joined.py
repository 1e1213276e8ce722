# Files that a build with sanitizers compiles as one (uturn_join) hide no function from each other: where
# two of them had one of the same name in their unnamed namespaces, a call could choose the other's.
#
#   joined.py BUILD_DIRECTORY SOURCE_DIRECTORY
import collections
import json
import os
import re
import sys

UNNAMED = re.compile(r"^namespace \{\n(.*?)^\}  // namespace$", re.MULTILINE | re.DOTALL)
FUNCTION = re.compile(r"^(?:\[\[\w+\]\] |template <[^>]*>\s*)*[A-Za-z_][\w:<>,&*() \[\]]*?[ &*>]"
                      r"([a-z_]\w*)\([^;]*?\)[^;{}]*\{", re.MULTILINE)


def functions(path):
    """Names of what is defined in unnamed namespaces, and of nothing within those definitions."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for block in UNNAMED.findall(text):
        yield from FUNCTION.findall(block)


def main():
    build, source = map(os.path.abspath, sys.argv[1:3])
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        units = sorted({command["file"] for command in json.load(file)
                        if command["file"].endswith(".cxx") and "/Unity/" in command["file"]})
    if not units:
        print(f"SKIPPED: {build} compiles file by file")
        return 77
    found, known = 0, 0
    for unit in units:
        with open(unit, encoding="utf-8") as file:
            files = re.findall(r'^#include "(.*)"$', file.read(), re.MULTILINE)
        where = collections.defaultdict(set)
        for path in filter(os.path.exists, files):  # some are made by the build
            for name in functions(path):
                known += 1
                where[name].add(os.path.relpath(path, source))
        for name, paths in sorted(where.items()):
            if len(paths) > 1:
                found += 1
                print(f"{name}() is in each of {', '.join(sorted(paths))}, which are compiled as one: "
                      "give one another name, or share it")
    print(f"{len(units)} units, {known} functions")
    return 1 if found or known < 200 else 0


if __name__ == "__main__":
    sys.exit(main())
