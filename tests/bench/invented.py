# Invented runs: servers whose figures are known, so that what is made of these can be told.
import os
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path[:0] = [os.path.join(ROOT, "bench"), os.path.join(ROOT, "tests", "harness")]
from alternation import Outcome, alternate
from comparisons import Comparison, Row, Run
from workloads import COTURN, URING, Workload

ECHO = Workload("echo", "packets there and back", ("--mode", "relay"))
OURS, THEIRS = Run(ECHO, URING), Run(ECHO, COTURN)


def comparison(rows=(), runs=(OURS, THEIRS), **more):
    return Comparison("echo", "loopback", tuple(runs), tuple(rows), **more)


def packet_result(cpu_ns, p50_ns=20000):
    """What `uturn bench --json` says of relayed packets, as far as it is used."""
    latency = {"p50": p50_ns, "p90": 2 * p50_ns, "p99": 4 * p50_ns, "p99_9": 9 * p50_ns}
    return {
        "settings": {"allocations": 1000},
        "relay": {"sent": 1000, "received": 990, "lost": 10, "packets_per_second": 1e9 / cpu_ns,
                  "to_peer": {"latency_ns": latency}},
        "usage": {"per": "packet", "cpu_ns_per": cpu_ns, "rss_bytes_after": 9_000_000},
    }


def outcome_of(shape, *rounds):
    """The outcome of rounds given as {run: CPU}; the first is the one not counted."""
    outcome = Outcome(shape)
    for number, figures in enumerate(rounds):
        for run, cpu in figures.items():
            outcome.add(number, run, packet_result(cpu), counted=number > 0)
    return outcome
