# A B C D, A B C D: the runs of a comparison in rounds, the first of which is not counted.
import metrics
import ratios
from processes import Failure, check

COMBINE = {
    "ratio": ratios.ratio,
    "difference": ratios.difference,
    "value": lambda one, _: one,
}


class Outcome:
    """Every run of one comparison, kept whatever became of it."""

    def __init__(self, comparison):
        self.comparison = comparison
        self.runs = []        # as written to the JSON file
        self.calibration = None

    def add(self, number, run, result=None, failure=None, counted=True):
        self.runs.append({
            "round": number, "workload": run.workload.name, "server": run.server,
            "counted": counted, **({"failed": failure} if result is None else {"result": result})})

    def failures(self):
        return [run for run in self.runs if "failed" in run]

    def results(self, run):
        """Counted results of one run by round."""
        return {kept["round"]: kept["result"] for kept in self.runs
                if kept["counted"] and "result" in kept and
                (kept["workload"], kept["server"]) == (run.workload.name, run.server)}

    def summary(self, run, metric):
        read = metrics.METRICS[metric].read
        return ratios.summary([read(result) for result in self.results(run).values()])

    def row(self, row):
        """The summary of a row over the rounds."""
        ones, others = self.results(row.one), self.results(row.other or row.one)
        read = metrics.METRICS[row.metric].read
        return ratios.paired(lambda one, other: COMBINE[row.kind](read(one), read(other)),
                             ones, others)


def alternate(outcome, rounds, measure):
    """Runs it; `measure(run, variables)` gives a result or raises Failure, which is recorded."""
    comparison = outcome.comparison
    variables = {}
    if comparison.calibration:
        variables = calibrate(outcome, measure)
        if variables is None:
            return
    rounds = comparison.rounds or rounds
    for number in range(rounds):
        counted = number > 0 or rounds == 1
        for run in comparison.runs:
            try:
                outcome.add(number, run, measure(run, variables), counted=counted)
            except Failure as failure:
                outcome.add(number, run, failure=str(failure), counted=counted)


def calibrate(outcome, measure):
    """Half of the saturated rate; None, and a failed run, where there is no such rate."""
    run = outcome.comparison.calibration
    try:
        rate = metrics.per_second(measure(run, {}))
        check(rate, "no rate was measured")
    except Failure as failure:
        outcome.add(0, run, failure=f"calibration: {failure}", counted=False)
        return None
    outcome.calibration = {"half_load": int(rate / 2)}
    return outcome.calibration
