# Who is compared with whom on which workload, and what a ratio has to be: the table of the targets.
#
# The runs of one comparison alternate, so that a ratio is of runs within one minute. Ratios are
# built only within a comparison.
import dataclasses
from typing import NamedTuple

import metrics
import workloads as w
from workloads import COTURN, EPOLL, FORWARDER, SERVERS, URING, Workload


class Run(NamedTuple):
    workload: Workload
    server: str

    @property
    def name(self):
        return f"{self.workload.name}/{self.server}"


@dataclasses.dataclass(frozen=True)
class Row:
    """A figure of one run, in itself or against the same figure of another run."""

    title: str
    metric: str
    one: Run
    other: Run = None
    kind: str = "ratio"     # ratio, difference or value
    target: float = None
    stretch: float = None
    at_least: bool = False


@dataclasses.dataclass(frozen=True)
class Comparison:
    name: str
    world: str
    runs: tuple
    rows: tuple
    short: tuple = ()            # servers that the short mode measures it on
    rounds: int = None           # where alternation is not wanted: a soak runs once
    calibration: Run = None      # run once before, saturated: {half_load} comes from it

    def only(self, servers):
        """The part of it that these servers can show; None where nothing is left."""
        runs = tuple(run for run in self.runs if run.server in servers)
        rows = tuple(row for row in self.rows
                     if row.one in runs and (row.other is None or row.other in runs))
        if not runs or (self.calibration and self.calibration.server not in servers):
            return None
        return dataclasses.replace(self, runs=runs, rows=rows)


def against_coturn(workload, target=None, stretch=None):
    return Row("uturn (io_uring) ÷ coturn", "cpu", Run(workload, URING), Run(workload, COTURN),
               target=target, stretch=stretch)


def own_rows(workload, indications):
    return (
        Row("epoll ÷ io_uring", "cpu", Run(workload, EPOLL), Run(workload, URING),
            target=1.35, stretch=1.15),
        Row("io_uring ÷ bare forwarder", "cpu", Run(workload, URING), Run(workload, FORWARDER),
            target=1.15, stretch=1.05),
        Row("indications ÷ channels", "cpu", Run(indications, URING), Run(workload, URING),
            target=1.15, stretch=1.05),
    )


def relayed(name, world, workload, indications, target=None, stretch=None, short=()):
    """All four servers on one workload, and uturn by indications beside them."""
    runs = (*(Run(workload, server) for server in SERVERS), Run(indications, URING))
    rows = (against_coturn(workload, target, stretch), *own_rows(workload, indications))
    return Comparison(name, world, runs, rows, short)


def small(world, direction, target=None, stretch=None, short=()):
    return relayed(direction, world, w.small(direction), w.small(direction, "indication"),
                   target, stretch, short)


def bursts(world, sender, direction, target=None, stretch=None, short=()):
    return relayed(f"{sender}-{direction}", world, w.bursts(direction, sender),
                   w.bursts(direction, sender, "indication"), target, stretch, short)


def steady(world, short=()):
    waiting, eager = Run(w.STEADY, URING), Run(w.STEADY_WITHOUT_WAIT, URING)
    coturn, forwarder = Run(w.STEADY, COTURN), Run(w.STEADY, FORWARDER)
    return Comparison("steady", world, (waiting, eager, coturn, forwarder), (
        Row("batched wait: uturn ÷ coturn", "cpu", waiting, coturn, target=0.75, stretch=0.62),
        Row("without the wait: uturn ÷ coturn", "cpu", eager, coturn),
        Row("p50 added to the forwarder's, batched wait", "p50", waiting, forwarder, "difference",
            target=200),
        Row("p50 added to the forwarder's, without the wait", "p50", eager, forwarder, "difference",
            target=20),
        Row("p99 with batched wait", "p99", waiting, kind="value"),
        Row("p99 without the wait", "p99", eager, kind="value"),
        Row("p99 of coturn", "p99", coturn, kind="value"),
    ), short)


def unsaturated(world, direction, rate, target=None, stretch=None):
    workload = w.unsaturated(direction, rate)
    return Comparison(workload.name, world, (Run(workload, URING), Run(workload, COTURN)),
                      (against_coturn(workload, target, stretch),))


def allocations(world):
    """The curve, saturated. There few allocations have packets in a row, which leave as one send."""
    sizes = [w.small("echo", allocations=n) for n in (1, 10, 100, 1000, 10000)]
    runs = tuple(Run(size, server) for size in sizes for server in (URING, COTURN))
    return Comparison("allocations", world, runs, (
        Row("saturated, 10,000 allocations ÷ 100, uturn", "cpu", Run(sizes[4], URING),
            Run(sizes[2], URING)),
        Row("saturated, 10,000 allocations ÷ 100, coturn", "cpu", Run(sizes[4], COTURN),
            Run(sizes[2], COTURN)),
    ))


def many_against_few(world, direction):
    """The same packets, one after the other to another allocation each, over few and over many."""
    few, many = (w.unsaturated(direction, 60_000, allocations=n) for n in (100, 10_000))
    eager_few, eager_many = (Run(w.without_wait(size), URING) for size in (few, many))
    servers = (URING, COTURN, FORWARDER)
    runs = tuple(Run(size, server) for size in (few, many) for server in servers)
    return Comparison(f"many-{direction}", world, (*runs, eager_few, eager_many), tuple(
        Row(f"10,000 allocations ÷ 100, {server}", "cpu", Run(many, server), Run(few, server),
            target=1.3 if server == URING else None) for server in servers) + (
        Row("10,000 allocations ÷ 100, without the wait", "cpu", eager_many, eager_few, target=1.3),))


def idle(world):
    one, other = Run(w.IDLE, URING), Run(w.IDLE, COTURN)
    return Comparison("idle", world, (one, other), (
        Row("RSS of an idle allocation, uturn", "rss_each", one, kind="value", target=2048),
        Row("RSS of an idle allocation, coturn", "rss_each", other, kind="value"),
    ))


def allocate(world):
    one, other = Run(w.ALLOCATE, URING), Run(w.ALLOCATE, COTURN)
    return Comparison("allocate", world, (one, other), (
        Row("Allocates per CPU second: uturn ÷ coturn", "cpu_rate", one, other, target=4, stretch=6,
            at_least=True),
    ), short=(URING, COTURN))


def storm(world):
    one, other = Run(w.STORM, URING), Run(w.STORM, COTURN)
    return Comparison("storm", world, (one, other), (
        Row("clients without an allocation, uturn", "unfinished", one, kind="value", target=0),
        Row("clients without an allocation, coturn", "unfinished", other, kind="value"),
    ))


def workers(world):
    """Both workers on the server's processors: where that is one, they take turns on it."""
    loads = (w.saturating, w.paced, lambda n: w.without_wait(w.paced(n)))
    runs = tuple(Run(load(n), URING) for load in loads for n in (1, 2))
    return Comparison("workers", world, runs, (
        Row("saturated: 2 workers ÷ 1", "cpu", runs[1], runs[0], target=1.10),
        Row("40,000 packets/s: 2 workers ÷ 1", "cpu", runs[3], runs[2], target=1.10),
        Row("40,000 packets/s, without the wait: 2 workers ÷ 1", "cpu", runs[5], runs[4], target=1.10),
    ))


def half_load(world):
    runs = tuple(Run(w.HALF_LOAD, server) for server in (URING, COTURN, FORWARDER))
    return Comparison("half-load", world, runs, (
        Row("p50: uturn ÷ bare forwarder", "p50", runs[0], runs[2], target=1.2),
        Row("p99: uturn ÷ bare forwarder", "p99", runs[0], runs[2]),
        Row("p50: coturn ÷ bare forwarder", "p50", runs[1], runs[2]),
        Row("p99: coturn ÷ bare forwarder", "p99", runs[1], runs[2]),
    ), calibration=Run(w.small("to-peer"), URING))


def lives(world):
    one = Run(w.LIVES, URING)
    return Comparison("lives", world, (one,), (
        Row("RSS growth over later lives", "rss_growth", one, kind="value", target=2),), rounds=1)


def connections(world, transport, rate_target=None, idle_target=None):
    """What connections cost that come and go, and that stay."""
    lives, idle = w.handshakes(transport), w.connections(transport)
    runs = tuple(Run(load, server) for load in (lives, idle) for server in (URING, COTURN))
    return Comparison(f"connections-{transport}", world, runs, (
        Row("connections with an allocation, for each CPU second: uturn ÷ coturn", "cpu_rate",
            runs[0], runs[1], target=rate_target, at_least=True),
        Row("RSS of an idle connection with an allocation, uturn", "rss_each", runs[2],
            kind="value", target=idle_target),
        Row("RSS of an idle connection with an allocation, coturn", "rss_each", runs[3],
            kind="value"),
    ))


# Of the published workloads, at most this times coturn's CPU.
PUBLISHED_TARGETS = {"W7": 0.75, "W7-tls": 0.75}

# What is worth a row for each published workload, besides CPU.
FURTHER = {
    "W3": ("p50", "p99", "p99_9"),
    "W8": ("unfinished", "p99"),
    "W9": ("rss_each",),
    "W10": ("lost", "amplification"),
    "W11": ("rss_slope", "rss_growth", "lost"),
}
WITHOUT_CPU = ("W9", "W11")


def published(world, name):
    workload = w.PUBLISHED[name]
    one, other = Run(workload, URING), Run(workload, COTURN)
    rows = () if name in WITHOUT_CPU else (against_coturn(workload, PUBLISHED_TARGETS.get(name)),)
    for metric in FURTHER.get(name, ()):
        rows += tuple(Row(f"{metrics.METRICS[metric].what} of {run.server}", metric, run, kind="value")
                      for run in (one, other))
    return Comparison(name, world, (one, other), rows, rounds=1 if name == "W11" else None)


def operated(world):
    """W12. coturn reads no configuration again, and Debian's does not drain: certificates compare."""
    runs = tuple(Run(load, URING) for load in w.W12.values()) + (
        Run(w.W12["quiet"], COTURN), Run(w.W12["certificates"], COTURN))
    quiet = {URING: runs[0], COTURN: runs[-2]}
    rows = ()
    for run in runs:
        what = run.workload.during or "before"
        rows += (Row(f"lost, {what}, {run.server}", "lost", run, kind="value",
                     target=0 if run.server == URING else None),)
        if run.workload.during:
            rows += (Row(f"p99, {what} ÷ before, {run.server}", "p99", run, quiet[run.server],
                         target=2 if run.server == URING else None),)
        rows += (Row(f"p99, {what}, {run.server}", "p99", run, kind="value"),)
    return Comparison("W12", world, runs, rows)


def listed(world):
    """Whether a list of everybody stalls the relay. coturn's is a telnet session that prints all."""
    quiet, listing = (Run(load, URING) for load in w.LISTED.values())
    rows = (Row("p99, listing ÷ before", "p99", listing, quiet, target=2),)
    for run in (quiet, listing):
        what = run.workload.during or "before"
        rows += (Row(f"lost, {what}", "lost", run, kind="value", target=0),
                 *(Row(f"{metric.replace('_', '.')}, {what}", metric, run, kind="value")
                   for metric in ("p50", "p99", "p99_9")))
    return Comparison("listing", world, (quiet, listing), rows)


COMPARISONS = (
    small("loopback", "echo", 0.70, 0.60, short=SERVERS),
    small("loopback", "to-client", 0.60, 0.50),
    small("loopback", "to-peer", 0.75, 0.60),
    bursts("loopback", "gso", "to-peer", 0.35, 0.25, short=(URING, COTURN)),
    bursts("loopback", "gso", "to-client", 0.40, 0.30),
    bursts("loopback", "plain", "to-peer", 0.80, 0.65),
    bursts("loopback", "plain", "to-client", 0.80, 0.65),
    small("veth", "to-peer", 0.55, 0.45),
    small("veth", "to-client", 0.55, 0.45, short=(URING, COTURN)),
    small("veth", "echo"),
    *(unsaturated("veth", direction, rate, 0.55, 0.45) for direction in ("to-peer", "to-client")
      for rate in (15_000, 30_000, 60_000)),
    *(bursts("veth", sender, direction) for sender in ("gso", "plain")
      for direction in ("to-peer", "to-client")),
    steady("loopback", short=SERVERS), steady("veth"), half_load("loopback"), half_load("veth"),
    allocations("loopback"), many_against_few("loopback", "to-peer"),
    many_against_few("loopback", "to-client"), workers("loopback"), idle("loopback"), allocate("loopback"),
    storm("loopback"), lives("loopback"),
    *(published(world, name) for world in ("loopback", "veth")
      for name in w.PUBLISHED if name != "W11"),
    connections("loopback", "tcp"), connections("loopback", "tls", 1, 40 << 10),
    connections("loopback", "dtls"),
    operated("loopback"), operated("veth"), listed("loopback"),
    published("loopback", "W11"),
)
