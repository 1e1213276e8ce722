# What it costs to know who asks: users of the configuration, of databases and of the TURN REST API,
# uturn beside coturn, alternately. Prints a table.
#
#   authentication.py [--cases A,B | --cases list] [--rounds 8] [--seconds S] [--build DIR]
#                     [--json FILE]
#
# A life is 401, Allocate, Refresh 0: two requests that are authenticated. Lives of ten Refreshes
# more tell what a request costs whose user is known.
import argparse
import contextlib
import dataclasses
import json
import os
import re
import resource
import sys
import urllib.request
from typing import Callable

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "harness"))
import machine
import metrics
import ratios
import report
from alternation import Outcome, alternate
from comparisons import Comparison, Run
from databases import SCHEMA, Postgresql, Sqlite, md5_key
from generator import Bench
from processes import Failure, skip
from servers import PASSWORD, REALM, USER, Programs, free_ports
from workloads import COTURN, UNLIMITED_ANSWERS, URING, Workload
from worlds import Loopback

# More than there are lives in a run, so that none comes twice.
USERS = 60_000
REFRESHES = 10
SECRET = "a secret of the TURN REST API"
REMEMBERS_NOTHING = ("--set", "auth.directory.cache_ttl=0s")

# As many sockets as for the comparison `allocate`, and for its reason.
LIFE = ("--mode", "allocate", "--allocations", "12000")


@contextlib.contextmanager
def configuration():
    """Flags of `uturn serve`, and lines of turnserver.conf."""
    yield (), ()


@contextlib.contextmanager
def rest():
    yield ("--auth-secret", SECRET), ("use-auth-secret", f"static-auth-secret={SECRET}")


@contextlib.contextmanager
def sqlite():
    """One file for both servers, as coturn lays it out."""
    with Sqlite() as database:
        database.sql(SCHEMA)
        fill(database)
        yield ("--database", database.url), (f"userdb={database.file}",)


@contextlib.contextmanager
def postgresql():
    with Postgresql() as database:
        fill(database)
        yield ("--database", database.url), (f"psql-userdb={database.url}",)


def fill(database):
    names = [USER, *(f"{USER}-{number}" for number in range(USERS))]
    for at in range(0, len(names), 5_000):
        rows = ",".join(f"('{REALM}','{name}','{md5_key(name, REALM, PASSWORD)}')"
                        for name in names[at:at + 5_000])
        database.sql(f"INSERT INTO turnusers_lt (realm, name, hmackey) VALUES {rows};")


IN_TURN = ("--user", USER, "--password", PASSWORD, "--users", str(USERS))
BY_SECRET = ("--auth-secret", SECRET)
# The harness's own user is of the configuration, which is asked first.
REMEMBERED = ("--user", f"{USER}-1", "--password", PASSWORD)


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    what: str
    source: Callable
    login: tuple = ()
    serve: tuple = ()
    refreshes: bool = True            # measured too
    servers: tuple = (URING, COTURN)

    def workloads(self, serve, coturn):
        life = Workload(self.name, self.what, LIFE, (*UNLIMITED_ANSWERS, *self.serve, *serve),
                        coturn, self.login)
        refreshed = dataclasses.replace(life, name=f"{self.name}-refreshed",
                                        flags=(*LIFE, "--refreshes", str(REFRESHES)))
        return (life, refreshed) if self.refreshes else (life,)


CASES = (
    Case("file", "one user of the configuration", configuration),
    Case("rest", "TURN REST API, a new name for each life", rest, BY_SECRET),
    Case("sqlite", "one user of an SQLite database: remembered by uturn", sqlite, REMEMBERED),
    Case("sqlite-new", f"another of {USERS:,} users of SQLite for each life", sqlite, IN_TURN,
         refreshes=False),
    Case("sqlite-flight", "one user of SQLite, who is never remembered: only single flight",
         sqlite, REMEMBERED, REMEMBERS_NOTHING, False, (URING,)),
    Case("postgresql-new", f"another of {USERS:,} users of PostgreSQL for each life", postgresql,
         IN_TURN, refreshes=False),
)


class AuthenticationBench(Bench):
    """Reads uturn's own count of look-ups at the end of each run."""

    def __init__(self, *arguments, metrics_port):
        super().__init__(*arguments)
        self._metrics_port = metrics_port

    def observe(self, run):
        if run.server == COTURN:
            return {}
        url = f"http://127.0.0.1:{self._metrics_port}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return {"lookups": lookups_in(answer.read().decode())}


def lookups_in(text):
    """Outcome -> number, over all directories."""
    found = {}
    for labels, number in re.findall(r"^uturn_directory_lookups_total\{(.*)\} (\S+)$", text,
                                     re.MULTILINE):
        outcome = re.search(r'outcome="(\w+)"', labels).group(1)
        found[outcome] = found.get(outcome, 0) + int(float(number))
    return {outcome: number for outcome, number in found.items() if number}


def measure(case, programs, cpus, options):
    """The outcome of one case, its source of users made for it."""
    port, = free_ports(1)
    bench = AuthenticationBench(programs, Loopback(), *cpus, options.seconds, options.warmup,
                                metrics_port=port)
    with case.source() as (serve, coturn):
        workloads = case.workloads((*serve, "--metrics", f"127.0.0.1:{port}"), coturn)
        runs = tuple(Run(workload, server) for workload in workloads for server in case.servers)
        outcome = Outcome(Comparison(case.name, "loopback", runs, ()))
        alternate(outcome, options.rounds, bench.measure)
    return outcome


def cpu_of(outcome, workload, server):
    """Nanoseconds of CPU for each life, by round."""
    read = metrics.METRICS["cpu"].read
    return {number: read(result) for run in outcome.comparison.runs
            if (run.workload.name, run.server) == (workload, server)
            for number, result in outcome.results(run).items()}


def each_refresh(lives, refreshed):
    return {number: (refreshed[number] - lives[number]) / REFRESHES
            for number in sorted(set(lives) & set(refreshed))}


def figures(case, outcome):
    """Title -> server -> nanoseconds by round."""
    lives = {server: cpu_of(outcome, case.name, server) for server in case.servers}
    found = {f"{case.what}: a life": lives}
    if case.refreshes:
        found["… each Refresh more"] = {
            server: each_refresh(lives[server],
                                 cpu_of(outcome, f"{case.name}-refreshed", server))
            for server in case.servers}
    return found


def lookups_said(outcome):
    """Shares of how the users of the counted runs of lives were found; of all of them together."""
    run = next(run for run in outcome.comparison.runs if run.server == URING)
    total = {}
    for result in outcome.results(run).values():
        for how, number in result.get("lookups", {}).items():
            total[how] = total.get(how, 0) + number
    whole = sum(total.values())
    return ", ".join(f"{how} {100 * number / whole:.1f} %"
                     for how, number in sorted(total.items(), key=lambda entry: -entry[1]))


def microseconds(values):
    middle = ratios.summary(values.values())
    return "" if middle is None else f"{middle.median / 1000:.1f}"


def lines_of(case, outcome):
    """Rows of the table: what, uturn, coturn, their ratio, pairs, and how users were found."""
    for title, by_server in figures(case, outcome).items():
        ours, theirs = by_server[URING], by_server.get(COTURN, {})
        ratio = ratios.paired(ratios.ratio, ours, theirs)
        yield [title, microseconds(ours), microseconds(theirs),
               "" if ratio is None else f"{ratio.median:.2f} ({ratio.least:.2f} … {ratio.most:.2f})",
               0 if ratio is None else ratio.count,
               "" if title.startswith("…") else lookups_said(outcome)]


def parse_arguments():
    parser = argparse.ArgumentParser(description="What it costs to know who asks")
    names = [case.name for case in CASES]
    parser.add_argument("--cases", type=lambda text: text.split(","), default=names,
                        metavar="A,B", help="only these, or: list")
    parser.add_argument("--rounds", type=int, default=8, help="the first is not counted")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a run")
    parser.add_argument("--warmup", type=float, default=0.3, help="seconds before it")
    parser.add_argument("--build", default=os.path.join(HERE, "..", "build", "release"))
    parser.add_argument("--json", metavar="FILE", help="every run, as it was measured")
    options = parser.parse_args()
    if options.cases == ["list"]:
        for case in CASES:
            print(f"{case.name:16}{case.what}")
        sys.exit(0)
    if unknown := set(options.cases) - set(names):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(names)}")
    return options


def main():
    options = parse_arguments()
    cpus = machine.split(os.sched_getaffinity(0))
    if cpus is None:
        skip("the load generator needs a processor of its own")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    programs = Programs(options.build)
    if not os.path.exists(programs.uturn):
        sys.exit(f"authentication.py: {programs.uturn} is not built")
    outcomes = {}
    print(report.table(["server CPU [µs]", "uturn", "coturn", "uturn ÷ coturn", "pairs",
                        "how uturn found its users"], []), flush=True)
    for case in CASES:
        if case.name not in options.cases:
            continue
        present = tuple(server for server in case.servers if programs.is_there(server))
        case = dataclasses.replace(case, servers=present)
        print(f"{case.name}: {case.what}", file=sys.stderr, flush=True)
        try:
            outcomes[case] = measure(case, programs, cpus, options)
        except SystemExit:  # the harness has said which program is missing
            continue
        for line in lines_of(case, outcomes[case]):  # at once: a run that is cut short keeps them
            print("| " + " | ".join(report.cell(part) for part in line) + " |", flush=True)
        for failed in outcomes[case].failures():
            print(f"    FAILED: {failed['workload']} on {failed['server']}, round "
                  f"{failed['round']}: {failed['failed']}", file=sys.stderr, flush=True)
    if options.json:
        with open(options.json, "w") as file:
            json.dump({case.name: outcome.runs for case, outcome in outcomes.items()}, file,
                      indent=1)
    return 1 if any(outcome.failures() for outcome in outcomes.values()) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"authentication.py: {failure}")
