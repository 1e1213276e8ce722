# `make bench`: uturn, coturn and a bare forwarder side by side, alternately, in one run.
#
# Writes <date>.json (every run), <date>.md (ratios beside their targets) and <date>-*.svg. Exit
# status 1 if any run failed; what did not fail is written all the same.
import argparse
import dataclasses
import datetime
import json
import os
import resource
import shlex
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "harness"))
import machine
import plots
import report
from alternation import Outcome, alternate
from comparisons import COMPARISONS
from generator import Bench
from processes import Failure
from servers import Programs
from workloads import SERVERS
from worlds import why_not, world

WORLDS = ("loopback", "veth")


@dataclasses.dataclass(frozen=True)
class Mode:
    rounds: int
    seconds: float
    warmup: float
    longest: float    # in all: no comparison begins that would end later than this


MODES = {"short": Mode(5, 2, 0.5, 290), "full": Mode(8, 5, 1, float("inf"))}
FEWEST_ROUNDS = 5

# Starting a server, allocating, draining and stopping, for each run.
OVERHEAD = 0.6


def parse_arguments():
    parser = argparse.ArgumentParser(description="uturn and coturn side by side")
    names = sorted({comparison.name for comparison in COMPARISONS})
    parser.add_argument("--mode", choices=MODES, default="full")
    parser.add_argument("--rounds", type=int, help="5 at least; the first is not counted")
    parser.add_argument("--seconds", type=float, help="length of a run")
    parser.add_argument("--warmup", type=float, help="seconds before it")
    parser.add_argument("--workloads", type=lambda text: text.split(","), metavar="A,B",
                        help="only these comparisons, or: list")
    parser.add_argument("--worlds", type=lambda text: text.split(","), default=WORLDS)
    parser.add_argument("--servers", type=lambda text: text.split(","), default=SERVERS)
    parser.add_argument("--build", default=os.path.join(HERE, "..", "build", "release"))
    parser.add_argument("--results", default=os.path.join(HERE, "results"))
    arguments = parser.parse_args()
    if arguments.workloads == ["list"]:
        print_comparisons()
        sys.exit(0)
    for given, known in ((arguments.workloads or (), names), (arguments.worlds, WORLDS),
                         (arguments.servers, SERVERS)):
        if unknown := set(given) - set(known):
            parser.error(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
    if arguments.rounds is not None and arguments.rounds < FEWEST_ROUNDS:
        parser.error(f"--rounds: {FEWEST_ROUNDS} at least, one of them is not counted")
    return arguments


def print_comparisons():
    for name in dict.fromkeys(c.name for c in COMPARISONS):
        same = [c for c in COMPARISONS if c.name == name]
        print(f"{name:16} {'short' if any(c.short for c in same) else '':6}"
              f"{','.join(c.world for c in same):15} {same[0].runs[0].workload.what}")


def chosen(arguments, programs, left_out):
    """The comparisons of this run; what is left out and why is added to `left_out`."""
    worlds = []
    for name in arguments.worlds:
        if reason := why_not(name):
            left_out.append(f"{name}: {reason}")
        else:
            worlds.append(name)
    servers = []
    for server in arguments.servers:
        if programs.is_there(server):
            servers.append(server)
        else:
            left_out.append(f"{server}: there is no {programs.of(server)}")
    found = []
    for comparison in sorted(COMPARISONS, key=lambda comparison: WORLDS.index(comparison.world)):
        if comparison.world not in worlds or \
                (arguments.workloads and comparison.name not in arguments.workloads):
            continue
        is_trimmed = arguments.mode == "short" and not arguments.workloads
        among = [server for server in servers if server in comparison.short] if is_trimmed \
            else servers
        found += [part for part in [comparison.only(among)] if part]
    return found


def expected_seconds(comparison, bench_length, rounds):
    """Of one comparison, its calibration included."""
    one_round = sum(sum(bench_length(run.workload)) + OVERHEAD for run in comparison.runs)
    calibration = [comparison.calibration] if comparison.calibration else []
    return one_round * (comparison.rounds or rounds) + \
        sum(sum(bench_length(run.workload)) + OVERHEAD for run in calibration)


def minutes(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class Measurement:
    """Comparison after comparison; whatever ends it early, what was measured is kept."""

    def __init__(self, comparisons, mode, programs, cpus, left_out):
        self._comparisons, self._mode, self._left_out = comparisons, mode, left_out
        self._programs, self._cpus = programs, cpus
        self.outcomes = []
        self.offloads = {}   # of each world
        self.was_interrupted = False

    def expected(self, comparisons):
        """Seconds they will take."""
        length = self._bench(None).length
        return sum(expected_seconds(c, length, self._mode.rounds) for c in comparisons)

    def run(self):
        self._begun = time.monotonic()
        try:
            for name in dict.fromkeys(c.world for c in self._comparisons):
                self._run_in(name)
        except KeyboardInterrupt:
            self.was_interrupted = True
            self._left_out.append("what came after: interrupted")

    def _bench(self, where):
        return Bench(self._programs, where, *self._cpus, self._mode.seconds, self._mode.warmup)

    def _run_in(self, name):
        """One world at a time, each made once."""
        try:
            with world(name) as where:
                self.offloads[name] = where.offloads
                for place, comparison in enumerate(self._comparisons):
                    if comparison.world == name:
                        self._compare(self._bench(where), comparison, place)
        except Failure as failure:
            self._left_out.append(f"{name}: {failure}")
            print(f"left out: {self._left_out[-1]}", flush=True)

    def _compare(self, bench, comparison, place):
        elapsed = time.monotonic() - self._begun
        where = f"{comparison.world}, {comparison.name}"
        if elapsed + self.expected([comparison]) > self._mode.longest:
            self._left_out.append(f"{where}: it would take longer than this mode may")
            return
        print(f"[{minutes(elapsed)}] {place + 1} of {len(self._comparisons)}: {where}; about "
              f"{minutes(self.expected(self._comparisons[place:]))} to go", flush=True)
        outcome = Outcome(comparison)
        self.outcomes.append(outcome)
        alternate(outcome, self._mode.rounds, bench.measure)
        print_rows(outcome)


def print_rows(outcome):
    for failed in outcome.failures():
        print(f"    FAILED: {failed['workload']} on {failed['server']}, round {failed['round']}: "
              f"{failed['failed'].splitlines()[0][:300]}", flush=True)
    for row in outcome.comparison.rows:
        result = outcome.row(row)
        line = report.target_line(row, result, "")
        print(f"    {row.title}: {line[2]} ({line[3]})  {' '.join(line[5:])}", flush=True)


def as_json(outcome):
    comparison = outcome.comparison
    return {
        "comparison": comparison.name, "world": comparison.world,
        **({"calibration": outcome.calibration} if outcome.calibration else {}),
        "rows": [{"title": row.title, "metric": row.metric, "kind": row.kind,
                  "target": row.target, "stretch": row.stretch,
                  "result": (result := outcome.row(row)) and result.as_json()}
                 for row in comparison.rows],
        "medians": [{"workload": run.workload.name, "server": run.server,
                     **{metric: found.as_json() for metric in report.MEDIANS
                        if (found := outcome.summary(run, metric))}} for run in comparison.runs],
        "runs": outcome.runs,
    }


def write(folder, date, measured, outcomes):
    os.makedirs(folder, exist_ok=True)
    drawn, problems = plots.draw(outcomes, measured["worlds"], folder, date)
    measured["left_out"] += problems
    path = os.path.join(folder, date)
    with open(path + ".json", "w") as file:
        json.dump({**measured, "comparisons": [as_json(outcome) for outcome in outcomes]}, file,
                  indent=1)
    with open(path + ".md", "w") as file:
        file.write(report.markdown(measured, outcomes, drawn))
    print(f"written: {os.path.relpath(path)}.md, .json" +
          (f" and {len(drawn)} plots" if drawn else ""))


def main():
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    cpus = machine.split(os.sched_getaffinity(0))
    if cpus is None:
        sys.exit("make bench: the load generator needs a processor that is not the server's, "
                 "and only one is usable here")
    # 15,000 allocations need as many descriptors in the server and in the generator.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    programs = Programs(arguments.build)
    if not os.path.exists(programs.uturn):
        sys.exit(f"make bench: {programs.uturn} is not built")
    mode = MODES[arguments.mode]
    mode = dataclasses.replace(mode, **{
        name: given for name in ("rounds", "seconds", "warmup")
        if (given := getattr(arguments, name)) is not None})
    left_out = []
    comparisons = chosen(arguments, programs, left_out)
    for line in left_out:
        print(f"left out: {line}")
    if not comparisons:
        sys.exit("make bench: nothing is left to measure")

    date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H%M%SZ")
    about = machine.describe(programs.coturn, programs.uturn)
    about.update(server_cpus=machine.cpu_list(cpus[0]), generator_cpus=machine.cpu_list(cpus[1]))
    measurement = Measurement(comparisons, mode, programs, cpus, left_out)
    total = min(measurement.expected(comparisons), mode.longest)
    print(f"{len(comparisons)} comparisons, about {minutes(total)} minutes", flush=True)
    measurement.run()
    measured = {"date": date, "mode": arguments.mode, "command": shlex.join(sys.argv),
                "rounds": mode.rounds, "seconds": mode.seconds, "warmup": mode.warmup,
                "machine": about, "worlds": measurement.offloads, "left_out": left_out}
    write(arguments.results, date, measured, measurement.outcomes)
    failed = sum(len(outcome.failures()) for outcome in measurement.outcomes)
    if failed:
        sys.exit(f"make bench: {failed} runs failed, see the remarks")
    if measurement.was_interrupted:
        sys.exit("make bench: interrupted")


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"make bench: {failure}")
    except KeyboardInterrupt:
        sys.exit("make bench: interrupted")
