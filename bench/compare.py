# Compares two runs of micro_bench by ratio: which benchmarks became slower, and the geometric mean.
#
#   compare.py BEFORE.json AFTER.json [--threshold PERCENT] [--fail-over PERCENT] [--filter REGEX]
#
# Exit status: 0, or 1 where --fail-over was given and something is slower than that, 2 where there
# is nothing to compare. Files of different machines compare the machines.
import argparse
import json
import math
import re
import sys

NANOSECONDS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}


class Unusable(Exception):
    """A file that holds no run, said in one sentence."""


def cpu_times(run):
    """Name -> CPU nanoseconds: the median of the repetitions, or the quickest where none is told."""
    medians, quickest = {}, {}
    for entry in run["benchmarks"]:
        if entry.get("error_occurred"):
            continue
        name = entry.get("run_name", entry["name"])
        time = entry["cpu_time"] * NANOSECONDS[entry.get("time_unit", "ns")]
        if entry.get("run_type") == "aggregate":
            if entry.get("aggregate_name") == "median":
                medians[name] = time
        else:
            quickest[name] = min(time, quickest.get(name, math.inf))
    return {**quickest, **medians}


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return cpu_times(json.load(file))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unusable(f"{path} is no run of Google Benchmark: {error!r}") from error


def geometric_mean(ratios):
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


def compare(before, after, threshold):
    """The table's lines, the geometric mean and the worst ratio, of the names both runs have."""
    names = [name for name in before if name in after and before[name] > 0 and after[name] > 0]
    if not names:
        raise Unusable("the two runs have no benchmark in common")
    ratios = {name: after[name] / before[name] for name in names}
    width = max(map(len, names))
    lines = [f"{'benchmark':<{width}}  {'before ns':>11}  {'after ns':>11}  {'ratio':>6}"]
    for name in names:
        ratio = ratios[name]
        flag = ""
        if ratio > 1 + threshold / 100:
            flag = "  slower"
        elif ratio < 1 / (1 + threshold / 100):
            flag = "  faster"
        lines.append(f"{name:<{width}}  {before[name]:11.1f}  {after[name]:11.1f}  {ratio:6.3f}{flag}")
    mean = geometric_mean(ratios.values())
    lines.append(f"{'geometric mean':<{width}}  {'':11}  {'':11}  {mean:6.3f}")
    for name in sorted(before.keys() ^ after.keys()):
        lines.append(f"only {'before' if name in before else 'after'}: {name}")
    return lines, mean, max(ratios.values())


def main(arguments):
    parser = argparse.ArgumentParser(description="Compares two runs of micro_bench by ratio.")
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("--threshold", type=float, default=10, metavar="PERCENT",
                        help="what is flagged (10)")
    parser.add_argument("--fail-over", type=float, metavar="PERCENT",
                        help="exit 1 where a benchmark is slower by more than this")
    parser.add_argument("--filter", default="", metavar="REGEX", help="only these benchmarks")
    options = parser.parse_args(arguments)
    chosen = re.compile(options.filter)
    try:
        before, after = ({name: time for name, time in read(path).items() if chosen.search(name)}
                         for path in (options.before, options.after))
        lines, _, worst = compare(before, after, options.threshold)
    except Unusable as error:
        print(f"compare.py: {error}", file=sys.stderr)
        return 2
    print("\n".join(lines))
    return 1 if options.fail_over is not None and worst > 1 + options.fail_over / 100 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
