# Where the machine forbids io_uring, as containers often do, its cases are skipped and say why.
#
#   without_io_uring.py --server PATH
import argparse
import ctypes
import errno
import os
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "harness"))
from processes import SKIPPED, check, run_test, skip

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
SECCOMP_RET_ERRNO, SECCOMP_RET_ALLOW = 0x00050000, 0x7FFF0000
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06  # linux/bpf_common.h, combined
IO_URING_SETUP = 425

_libc = ctypes.CDLL(None, use_errno=True)


class Program(ctypes.Structure):
    """struct sock_fprog"""
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def forbid_io_uring():
    """For this process and its children io_uring_setup is EPERM, as under a container's profile."""
    code = [(LOAD_WORD, 0, 0, 0),  # seccomp_data.nr
            (JUMP_IF_EQUAL, 0, 1, IO_URING_SETUP),
            (RETURN, 0, 0, SECCOMP_RET_ERRNO | errno.EPERM),
            (RETURN, 0, 0, SECCOMP_RET_ALLOW)]
    program = Program(len(code), b"".join(struct.pack("=HBBI", *each) for each in code))
    if _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return _libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program)) == 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server")
    options = parser.parse_args()
    if not forbid_io_uring():
        skip(f"seccomp filters are not allowed: {os.strerror(ctypes.get_errno())}")
    for io, expected in (("uring", SKIPPED), ("epoll", 0), ("auto", 0)):
        done = subprocess.run(
            [sys.executable, os.path.join(HERE, "interop.py"), "--server", options.server, "--io", io,
             "stunclient"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        check(done.returncode == expected, f"--io {io} ended with {done.returncode}, "
              f"not {expected}:\n{done.stdout}")
        said_why = "SKIPPED: io_uring cannot be used: " in done.stdout
        check(said_why == (expected == SKIPPED), f"--io {io} said:\n{done.stdout}")


if __name__ == "__main__":
    run_test(main)
