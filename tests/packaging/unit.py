# The unit is as systemd wants it, and exposes no more than was decided: `systemd-analyze` says so offline.
import os
import re
import shutil
import tempfile

import packages
from packages import ROOT, check, need, run

UNIT = os.path.join(ROOT, "packaging", "systemd", "uturn.service")
# 10 is all, 0 nothing. The rest is the network, which it is for, and the log's group.
MOST_EXPOSED = 1.7
DECIDED = {
    "Type": "notify",
    "ExecReload": "/bin/kill -HUP $MAINPID",
    "User": "uturn",
    "AmbientCapabilities": "CAP_NET_BIND_SERVICE",
    "CapabilityBoundingSet": "CAP_NET_BIND_SERVICE",
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "PrivateTmp": "yes",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_NETLINK AF_UNIX",
}


def settings(path=UNIT):
    """name -> value; of a repeated name the values, in their order, by a space."""
    found = {}
    with open(path, encoding="utf-8") as lines:
        for name, value in re.findall(r"^(\w+)=(.*)$", lines.read(), re.MULTILINE):
            found[name] = f"{found[name]} {value}" if name in found else value
    return found


def test(options):
    need("systemd-analyze")
    unit = settings()
    for name, value in DECIDED.items():
        check(unit.get(name) == value, f"{name}={unit.get(name)}, and {value} was decided")
    for name in ("WatchdogSec", "LimitNOFILE", "SystemCallFilter", "StateDirectory"):
        check(name in unit, f"the unit lacks {name}=")

    with tempfile.TemporaryDirectory(prefix="uturn-unit-") as directory:
        root = os.path.join(directory, "root")
        for path in ("usr/bin/uturn", "bin/kill"):
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            shutil.copy("/bin/true", os.path.join(root, path))
        units = os.path.join(root, "usr/lib/systemd/system")
        os.makedirs(units)
        shutil.copy(UNIT, units)
        # What it refers to, as every system has it.
        for name in ("sysinit.target", "basic.target", "network-online.target", "shutdown.target",
                     "multi-user.target", "system.slice", "-.slice", "-.mount", "tmp.mount",
                     "network.target", "local-fs.target", "paths.target", "sockets.target",
                     "timers.target", "slices.target", "systemd-journald.socket"):
            source = os.path.join("/usr/lib/systemd/system", name)
            if os.path.exists(source):
                shutil.copy(source, units)
        said = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", f"--root={root}",
                   os.path.join(units, "uturn.service"))
        check(not said.strip(), f"systemd-analyze verify: {said}")

    said = run("systemd-analyze", "security", "--offline=true", "--no-pager", UNIT)
    score = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    check(score, f"systemd-analyze security gives no score:\n{said}")
    print(score.group(0))
    check(float(score.group(1)) <= MOST_EXPOSED, f"more than {MOST_EXPOSED} is exposed:\n{said}")


if __name__ == "__main__":
    packages.main(test)
