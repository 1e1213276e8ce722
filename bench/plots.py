# The plots of a measurement, by gnuplot as SVG: cost by workload, throughput by allocations, latency.
import shutil
import subprocess

import metrics
from workloads import COTURN, EPOLL, FORWARDER, URING

COLOURS = {URING: "#1b6ca8", EPOLL: "#7fb2d9", COTURN: "#d1662b", FORWARDER: "#8a8a8a"}
INDICATIONS = ", indications"
SERIES = {URING: COLOURS[URING], URING + INDICATIONS: "#2a9d8f",
          **{server: COLOURS[server] for server in (EPOLL, COTURN, FORWARDER)}}
PERCENTILE_LABELS = {"p50": "50", "p90": "90", "p99": "99", "p99_9": "99.9"}

HEAD = """\
set terminal svg size {width},{height} font "sans-serif,13" background "#ffffff" enhanced
set output "{output}"
set title "{title}" noenhanced
set border 3 lc rgb "#444444"
set tics nomirror
set grid ytics lc rgb "#dddddd" lt 1
set key outside top center horizontal noenhanced
set ylabel "{ylabel}"
set format y "%.0s%c"
"""


def quoted(text):
    return '"' + str(text).replace("\\", "").replace('"', "'") + '"'


def block(name, lines):
    """Inline data of gnuplot."""
    return f"${name} << END\n" + "\n".join(" ".join(map(str, line)) for line in lines) + "\nEND\n"


def cost_points(outcomes, world):
    """Workload -> series -> median CPU in µs; the comparison of sizes has a plot of its own."""
    points = {}
    for outcome in outcomes:
        if outcome.comparison.world != world or outcome.comparison.name == "allocations":
            continue
        for run in outcome.comparison.runs:
            if found := outcome.summary(run, "relayed_cpu"):
                name = run.workload.name.removesuffix("-indications")
                series = run.server + (INDICATIONS if name != run.workload.name else "")
                points.setdefault(name, {})[series] = found.median / 1000
    return points


def cost(points, world, output):
    """Grouped bars."""
    shown = [series for series in SERIES if any(series in values for values in points.values())]
    lines = [[quoted(name), *(values.get(series, "NaN") for series in shown)]
             for name, values in points.items()]
    bars = ", ".join(
        f"$cost using {column}:xtic(1) title {quoted(series)} lc rgb '{SERIES[series]}'"
        for column, series in enumerate(shown, 2))
    return HEAD.format(width=max(760, 65 * len(points) + 160), height=560, output=output,
                       title=f"Server CPU for each relayed packet, {world}",
                       ylabel="CPU time [µs], median") + \
        block("cost", lines) + \
        "set format y '%.1f'\nset yrange [0:*]\n" \
        "set style data histogram\nset style histogram clustered gap 1\n" \
        "set style fill solid 1.0 noborder\nset boxwidth 0.9\n" \
        "set xtics rotate by -35 left noenhanced\nset rmargin 9\n" \
        f"plot {bars}\n"


def throughput_points(outcomes, world):
    """Server -> [(allocations, packets/s)], from the comparison of sizes."""
    points = {}
    for outcome in outcomes:
        if (outcome.comparison.name, outcome.comparison.world) != ("allocations", world):
            continue
        for run in outcome.comparison.runs:
            rate, size = outcome.summary(run, "rate"), outcome.summary(run, "allocations")
            if rate and size:
                points.setdefault(run.server, []).append((size.median, rate.median))
    return {server: sorted(line) for server, line in points.items()}


def throughput(points, world, output):
    blocks = "".join(block(f"line{n}", line) for n, line in enumerate(points.values()))
    curves = ", ".join(
        f"$line{n} using 1:2 with linespoints pt 7 lw 2 lc rgb '{COLOURS[server]}' "
        f"title {quoted(server)}" for n, server in enumerate(points))
    return HEAD.format(width=760, height=480, output=output, ylabel="relayed packets/s",
                       title=f"Throughput of one worker by allocations, 100 B echo, {world}") + \
        blocks + "set logscale x 10\nset xlabel 'allocations'\nset yrange [0:*]\n" \
        f"plot {curves}\n"


def latency_points(outcomes, world, name):
    """Run -> [(place, percentile, µs)]."""
    points = {}
    for outcome in outcomes:
        if (outcome.comparison.name, outcome.comparison.world) != (name, world):
            continue
        for run in outcome.comparison.runs:
            found = [(p, outcome.summary(run, p)) for p in metrics.PERCENTILES]
            line = [(place, quoted(PERCENTILE_LABELS[p]), value.median)
                    for place, (p, value) in enumerate(found) if value]
            if line:
                points[run] = line
    return points


def latency(points, world, name, output):
    blocks = "".join(block(f"line{n}", line) for n, line in enumerate(points.values()))
    curves = ", ".join(
        f"$line{n} using 1:3:xtic(2) with linespoints pt 7 lw 2 dt {1 + (run.workload.name != name)}"
        f" lc rgb '{COLOURS[run.server]}' title "
        + quoted(run.server + ("" if run.workload.name == name else f" ({run.workload.name})"))
        for n, run in enumerate(points))
    return HEAD.format(width=760, height=480, output=output,
                       ylabel="one-way latency [µs], logarithmic",
                       title=f"Latency from the intended send time, {name}, {world}") + \
        blocks + "set logscale y 10\nset format y '%.0f'\nset xlabel 'percentile'\n" \
        f"set xrange [-0.2:3.2]\nplot {curves}\n"


def scripts(outcomes, world, prefix):
    """(title, file, script) of every plot that this world has the figures for."""
    if points := cost_points(outcomes, world):
        output = f"{prefix}-{world}-cpu.svg"
        yield f"CPU by workload, {world}", output, cost(points, world, output)
    if points := throughput_points(outcomes, world):
        output = f"{prefix}-{world}-throughput.svg"
        yield f"Throughput by allocations, {world}", output, throughput(points, world, output)
    for name in ("steady", "half-load"):
        if points := latency_points(outcomes, world, name):
            output = f"{prefix}-{world}-latency-{name}.svg"
            yield (f"Latency, {name}, {world}", output, latency(points, world, name, output))


def draw(outcomes, worlds, folder, prefix):
    """Writes the plots; returns (title, file name) of each, and what went wrong."""
    if shutil.which("gnuplot") is None:
        return [], ["no plots: gnuplot is not installed"]
    drawn, problems = [], []
    for world in worlds:
        for title, output, script in scripts(outcomes, world, prefix):
            done = subprocess.run(["gnuplot"], input=script, text=True, cwd=folder,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if done.returncode == 0:
                drawn.append((title, output))
            else:
                problems.append(f"{output}: gnuplot: {done.stdout.strip()}")
    return drawn, problems
