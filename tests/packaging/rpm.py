# The .rpm: what rpmlint says of it, and that Fedora and EL 10 have what it requires.
import os
import re
import tempfile

import packages
from packages import ROOT, check, need, run

# EL 10's: the oldest it is for.
NEWEST_SYMBOLS = {"GLIBC": (2, 39), "GLIBCXX": (3, 4, 33), "CXXABI": (1, 3, 15), "OPENSSL": (3, 2, 0),
                  "LIBURING": (2, 5), "GCC": (14, 0, 0)}
SANITIZERS = {"libasan.so.8", "libubsan.so.1"}


def stated():
    with open(os.path.join(ROOT, "packaging", "rpm", "requires.txt"), encoding="utf-8") as lines:
        return {line.split()[0] for line in lines if line.strip() and not line.startswith("#")}


def check_requires(rpm, may_be_required):
    for line in run("rpm", "-qp", "--requires", rpm).splitlines():
        if line.startswith(("rpmlib(", "config(uturn)", "rtld(")):
            continue
        name, version = re.match(r"([^\s(]+)(?:\(([^)]*)\))?", line).groups()
        check(name in may_be_required, f"it requires {line}, which packaging/rpm/requires.txt lacks")
        found = re.fullmatch(r"([A-Z]+)_([0-9.]+)", version or "")
        if found and found.group(1) in NEWEST_SYMBOLS:
            number = tuple(map(int, found.group(2).split(".")))
            check(number <= NEWEST_SYMBOLS[found.group(1)], f"{line} is newer than EL 10's")
        elif found:
            check(name not in ("libcurl.so.4", "libpq.so.5"), f"{line}: a version only Debian knows")
    provided = run("rpm", "-qp", "--provides", rpm)
    check(".so" not in provided, f"it offers its own libraries to others:\n{provided}")


def test(options):
    need("rpm", "rpmlint", "rpm2cpio", "cpio")
    rpm = packages.package(options.build, "rpm")
    sanitized = packages.is_sanitized(options.server)
    check_requires(rpm, stated() | (SANITIZERS if sanitized else set()))

    said = run("rpmlint", "--config", os.path.join(ROOT, "packaging", "rpm", "rpmlint.toml"), rpm)
    check("0 errors, 0 warnings" in said, f"rpmlint:\n{said}")

    files = run("rpm", "-qp", "--qf", "[%{FILENAMES} %{FILEFLAGS:fflags} %{FILEMODES:perms} "
                "%{FILEGROUPNAME}\\n]", rpm)
    check(re.search(r"^/etc/uturn/uturn.yaml cn -rw-r----- uturn$", files, re.MULTILINE),
          f"the configuration is no %config(noreplace) of root:uturn 0640:\n{files}")

    with tempfile.TemporaryDirectory(prefix="uturn-rpm-") as directory:
        run("bash", "-c", 'set -o pipefail; rpm2cpio "$1" | cpio -idm --quiet', "bash", rpm,
            cwd=directory)
        binary = os.path.join(directory, "usr/bin/uturn")
        libraries = os.path.join(directory, "usr/lib64/uturn")
        said = run(binary, "--version", env={**os.environ, "LD_LIBRARY_PATH": libraries})
        check(said.startswith("uturn "), f"its program says {said!r}")


packages.main(test)
