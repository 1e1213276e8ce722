# Scripts with several cases, `SCRIPT --server PATH --io uring|epoll CASE`, and their servers.
import argparse
import contextlib
import os

from certificates import Certificate, certificate_directory
from coturn import server_class
from processes import run_test

options = None  # of this run
# Spares a server that flags say everything to the self-test of a quick start.
BY_FLAGS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "by_flags.yaml")


def run_cases(cases):
    """Runs the case that the command line names."""
    global options
    parser = argparse.ArgumentParser()
    parser.add_argument("--server")
    parser.add_argument("--io")
    parser.add_argument("case", choices=cases)
    options = parser.parse_args()
    run_test(cases[options.case])


def start_server(listen, flags=(), workers=1):
    return server_class(options.server)(options.server, options.io, workers, listen, flags)


@contextlib.contextmanager
def secure_server(listen, flags=(), workers=1):
    """A server with a certificate: both are handed over."""
    with certificate_directory() as directory:
        certificate = Certificate(directory, "server")
        flags = [*certificate.flags, *flags]
        if "-c" not in flags:
            flags = ["-c", BY_FLAGS, *flags]
        with start_server(listen, flags, workers) as server:
            yield server, certificate
