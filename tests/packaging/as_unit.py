# Runs the command of a unit as systemd would, in a root where systemd does not run:
#
#   as_unit.py UNIT ROOT [NAME=VALUE...]
#
# Its user, limits, capabilities, system call filter, address families and memory rules are the unit's;
# a read-only root with the unit's directories writable is what installed.py gives. Replaces itself by
# the command.
import ctypes
import os
import pwd
import re
import resource
import shlex
import subprocess
import sys

import unit as unit_file

CAP_NET_BIND_SERVICE = 10
PR_CAPBSET_DROP, PR_SET_KEEPCAPS, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 24, 8, 38, 47
PR_CAP_AMBIENT_RAISE = 2
CAPABILITY_VERSION_3 = 0x20080522

SCMP_ACT_ALLOW = 0x7FFF0000
SCMP_ACT_EPERM = 0x00050001
SCMP_CMP_EQ, SCMP_CMP_MASKED_EQ = 4, 7
PROT_WRITE, PROT_EXEC = 2, 4
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}

libc = ctypes.CDLL(None, use_errno=True)


def prctl(*arguments):
    if libc.prctl(*[ctypes.c_ulong(a) for a in arguments], *[ctypes.c_ulong(0)] * (5 - len(arguments))):
        raise OSError(ctypes.get_errno(), f"prctl{arguments}")


def system_calls(names):
    """What SystemCallFilter= means: groups are looked up, ~ takes away."""
    allowed = set()
    for setting in names:
        takes_away = setting.startswith("~")
        for name in setting.removeprefix("~").split():
            found = members(name)
            allowed = allowed - found if takes_away else allowed | found
    return allowed


def members(name):
    if not name.startswith("@"):
        return {name}
    said = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", name], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    return set().union(*[members(word) for word in re.findall(r"^    (@?\w[\w-]*)$", said, re.MULTILINE)])


class Comparison(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64),
                ("b", ctypes.c_uint64)]


class Filter:
    """A list of what is allowed; all else is EPERM."""

    def __init__(self):
        self._library = ctypes.CDLL("libseccomp.so.2")
        self._library.seccomp_init.restype = ctypes.c_void_p
        self._context = ctypes.c_void_p(self._library.seccomp_init(ctypes.c_uint32(SCMP_ACT_EPERM)))

    def allow(self, name, *comparisons):
        number = self._library.seccomp_syscall_resolve_name(name.encode())
        if number == -1:
            return  # of another architecture
        rules = (Comparison * max(len(comparisons), 1))(*comparisons)
        failed = self._library.seccomp_rule_add_array(
            self._context, ctypes.c_uint32(SCMP_ACT_ALLOW), number, len(comparisons), rules)
        if failed and number >= 0:
            raise OSError(-failed, f"seccomp_rule_add_array: {name}")

    def load(self):
        failed = self._library.seccomp_load(self._context)
        if failed:
            raise OSError(-failed, "seccomp_load")


def filter_of(unit, names):
    made = Filter()
    for name in names - {"socket", "mmap", "mprotect", "pkey_mprotect", "shmat"}:
        made.allow(name)
    for family in unit["RestrictAddressFamilies"].split():
        made.allow("socket", Comparison(0, SCMP_CMP_EQ, FAMILIES[family], 0))
    # MemoryDenyWriteExecute=
    both = PROT_WRITE | PROT_EXEC
    for protection in (0, PROT_WRITE, PROT_EXEC):
        made.allow("mmap", Comparison(2, SCMP_CMP_MASKED_EQ, both, protection))
    made.allow("mprotect", Comparison(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0))
    return made


def keep_one_capability():
    """CapabilityBoundingSet= and AmbientCapabilities=; called as root, before the user changes."""
    with open("/proc/sys/kernel/cap_last_cap") as last:
        for capability in range(int(last.read()) + 1):
            if capability != CAP_NET_BIND_SERVICE:
                prctl(PR_CAPBSET_DROP, capability)
    prctl(PR_SET_KEEPCAPS, 1)


def raise_ambient():
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    one = 1 << CAP_NET_BIND_SERVICE
    data = (ctypes.c_uint32 * 6)(one, one, one, 0, 0, 0)
    if libc.capset(header, data):
        raise OSError(ctypes.get_errno(), "capset")
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE)


def limit(which, most):
    try:
        resource.setrlimit(which, (most, most))
    except ValueError:  # where not even root may ask for so much
        pass


def main():
    path, root, *environment = sys.argv[1:]
    unit = unit_file.settings(path)
    with open(path, encoding="utf-8") as lines:
        filters = re.findall(r"^SystemCallFilter=(.*)$", lines.read(), re.MULTILINE)
    made = filter_of(unit, system_calls(filters))  # needs programs that the root does not have

    keep_one_capability()
    os.chroot(root)
    os.chdir("/")
    limit(resource.RLIMIT_NOFILE, int(unit["LimitNOFILE"]))
    limit(resource.RLIMIT_MEMLOCK, 8 << 20)  # systemd's
    account = pwd.getpwnam(unit["User"])
    os.setgroups([])
    os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
    os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)
    os.umask(int(unit["UMask"], 8))
    raise_ambient()
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    command = shlex.split(unit["ExecStart"])
    values = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": account.pw_dir, "USER": "uturn",
              **dict(value.split("=", 1) for value in environment)}
    made.load()
    os.execve(command[0], command, values)


main()
