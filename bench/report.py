# The Markdown of a measurement: the machine, the ratios beside their targets, the medians, failures.
import re

import metrics
import ratios

# Columns of the table of medians.
MEDIANS = ("cpu", "user", "system", "rate", "lost", "p50", "p99", "rss")

# Of what was sent: more of the generator's own drops than this make its figures doubtful.
TOLERATED_DROPS = 0.001

MACHINE = (("cpu_model", "Processor"), ("cpus", "Processors usable"), ("memory", "Memory"),
           ("kernel", "Kernel"), ("governor", "Frequency governor"),
           ("mitigations", "Mitigations"), ("load_at_start", "Load at the start"),
           ("uturn", "uturn"), ("coturn", "coturn"),
           ("server_cpus", "CPUs of the server"), ("generator_cpus", "CPUs of the generator"))


def cell(value):
    """Text that stays in its cell."""
    return str(value).replace("|", "\\|").replace("\n", " ")


def table(heads, rows):
    """A Markdown table; all columns but the first are numbers, and so right-aligned."""
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join("| " + " | ".join(cell(value) for value in line) + " |" for line in lines)


def number(value):
    """Three significant digits, thousands grouped; nothing where there is none."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def ratio_or_amount(row, value):
    if value is None:
        return ""
    if row.kind == "ratio":
        return f"{value:.2f}"
    return f"{number(value)} {metrics.METRICS[row.metric].unit}".strip()


def bound(row, value):
    return "" if value is None else \
        f"{'≥' if row.at_least else '≤'} {ratio_or_amount(row, value)}"


def target_line(row, result, workload):
    if result is None:
        figures = ["", "", 0]
    else:
        figures = [ratio_or_amount(row, result.median),
                   f"{ratio_or_amount(row, result.least)} … {ratio_or_amount(row, result.most)}",
                   result.count]
    return [workload, row.title, *figures, bound(row, row.target), bound(row, row.stretch),
            ratios.verdict(row, result)]


def targets(outcomes, world):
    lines = [target_line(row, outcome.row(row), outcome.comparison.name)
             for outcome in outcomes if outcome.comparison.world == world
             for row in outcome.comparison.rows]
    heads = ["comparison", "what", "median", "min … max", "pairs", "target", "stretch", "verdict"]
    return table(heads, lines) if lines else ""


def medians(outcomes, world):
    lines = []
    for outcome in outcomes:
        for run in outcome.comparison.runs if outcome.comparison.world == world else ():
            found = [outcome.summary(run, metric) for metric in MEDIANS]
            if any(found):
                lines.append([f"{outcome.comparison.name}: {run.workload.name}", run.server,
                              *(number(value and value.median) for value in found)])
    heads = ["workload", "server", *(
        f"{metrics.METRICS[m].what}" + (f" [{metrics.METRICS[m].unit}]" if metrics.METRICS[m].unit
                                        else "") for m in MEDIANS)]
    return table(heads, lines) if lines else ""


def sentence(failure):
    """Its first line, without the port that differs in each run; the JSON has the rest."""
    return re.sub(r":\d{4,5}\b", ":PORT", failure.split("\n", 1)[0][:400])


def remarks(outcomes):
    """What a reader has to know about single runs: failed, scaled down, generator too slow."""
    said = {}
    for outcome in outcomes:
        for run in outcome.runs:
            where = f"{outcome.comparison.world}, {outcome.comparison.name}: " \
                    f"{run['workload']} on {run['server']}"
            if "failed" in run:
                said.setdefault(f"{where}: FAILED: {sentence(run['failed'])}",
                                []).append(run["round"])
                continue
            for scaled in run["result"].get("scaled", ()):
                said.setdefault(f"{where}: scaled: {scaled}", []).append(run["round"])
            relay = run["result"].get("relay", {})
            if relay.get("generator_behind"):
                said.setdefault(f"{where}: the generator could not keep its schedule",
                                []).append(run["round"])
            if relay.get("generator_drops", 0) > TOLERATED_DROPS * relay.get("sent", 0):
                said.setdefault(f"{where}: the generator's own sockets dropped packets",
                                []).append(run["round"])
    return [f"- {cell(text)} (round {', '.join(map(str, rounds))})"
            for text, rounds in said.items()]


def workloads_said(outcomes):
    """Each workload once: what it is, and which limits were raised for it."""
    seen = {run.workload.name: run.workload for outcome in outcomes
            for run in outcome.comparison.runs}
    return [f"- **{name}**: {workload.what}; `{' '.join(workload.flags)}`" +
            (f"; uturn served with `{' '.join(workload.serve)}`" if workload.serve else "")
            for name, workload in seen.items()]


def markdown(measured, outcomes, plots):
    """The whole page. `measured` is what the JSON file says beside the runs."""
    page = [f"# uturn beside coturn, {measured['date']}", "",
            f"{measured['mode'].capitalize()} mode, {measured['rounds']} rounds, the first not counted, "
            f"{measured['seconds']} s each after {measured['warmup']} s of warm-up. A ratio is the "
            "median over rounds of the ratio within one round. Compare ratios, never absolute "
            "figures of two runs. How to read it: [bench/README.md](../README.md).", "",
            table(["machine", ""], [[label, measured["machine"][key]] for key, label in MACHINE
                                    if key in measured["machine"]])]
    for world, offloads in measured["worlds"].items():
        page += ["", f"## {world}", "", targets(outcomes, world), ""]
        if offloads:
            page += ["Offloads of the server's interface: " +
                     ", ".join(f"{key} {value}" for key, value in offloads.items()) + ".", ""]
        page += ["Medians of the counted rounds:", "", medians(outcomes, world)]
    if plots:
        page += ["", "## Plots", "", *(f"![{title}]({name})" for title, name in plots)]
    if measured["left_out"]:
        page += ["", "## Left out", "", *(f"- {line}" for line in measured["left_out"])]
    if said := remarks(outcomes):
        page += ["", "## Remarks", "", *said]
    return "\n".join([*page, "", "## Workloads", "", *workloads_said(outcomes), ""])
