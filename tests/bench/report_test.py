# The Markdown says every ratio with its spread and target, and hides no failure.
import unittest

from invented import OURS, THEIRS, Row, comparison, outcome_of
import report

MEASURED = {"date": "2026-01-31T120000Z", "mode": "full", "rounds": 8, "seconds": 5, "warmup": 1,
            "machine": {"cpu_model": "Some CPU"}, "worlds": {"loopback": None}, "left_out": []}


def page(outcome, **more):
    return report.markdown({**MEASURED, **more}, [outcome], [])


class Tables(unittest.TestCase):
    def test_a_table(self):
        self.assertEqual(report.table(["a", "b"], [["x", 1]]),
                         "| a | b |\n| --- | ---: |\n| x | 1 |")

    def test_a_cell_cannot_break_out(self):
        self.assertEqual(report.table(["a"], [["x|y\nz"]]).splitlines()[2], "| x\\|y z |")

    def test_numbers(self):
        self.assertEqual([report.number(v) for v in (None, 0, 0.01234, 1.5, 99.95, 4321.4)],
                         ["", "0", "0.0123", "1.5", "100", "4,321"])


class Page(unittest.TestCase):
    def test_a_row_has_median_spread_pairs_target_and_verdict(self):
        row = Row("ours ÷ theirs", "cpu", OURS, THEIRS, target=0.7, stretch=0.4)
        rounds = [{OURS: 10, THEIRS: 1}] + [{OURS: 40 + n, THEIRS: 80} for n in range(7)]
        text = page(outcome_of(comparison([row]), *rounds))
        self.assertIn("| echo | ours ÷ theirs | 0.54 | 0.50 … 0.57 | 7 | ≤ 0.70 | ≤ 0.40 | met |",
                      text)

    def test_amounts_have_their_unit(self):
        rows = [Row("p99 of ours", "p99", OURS, kind="value"),
                Row("p50 added", "p50", OURS, THEIRS, kind="difference", target=20),
                Row("rate", "cpu_rate", OURS, THEIRS, target=4, at_least=True)]
        text = page(outcome_of(comparison(rows), {}, {OURS: 40, THEIRS: 80}))
        self.assertIn("| echo | p99 of ours | 80 µs | 80 µs … 80 µs | 1 |  |  | reported |", text)
        self.assertIn("| echo | p50 added | 0 µs | 0 µs … 0 µs | 1 | ≤ 20 µs |", text)
        self.assertIn("| echo | rate | 2.00 | 2.00 … 2.00 | 1 | ≥ 4.00 |", text)

    def test_medians_of_each_run(self):
        text = page(outcome_of(comparison(), {}, {OURS: 4000, THEIRS: 8000}))
        self.assertIn("| echo: echo | coturn | 8,000 |  |  | 125,000 | 1 | 20 | 80 | 9,000,000 |",
                      text)

    def test_failures_and_scaled_runs_are_said(self):
        row = Row("ours ÷ theirs", "cpu", OURS, THEIRS)
        outcome = outcome_of(comparison([row]), {}, {OURS: 40})
        outcome.runs[0]["result"]["scaled"] = ["allocations 10000 -> 8000: descriptors"]
        for number in (1, 2):
            outcome.add(number, THEIRS, failure=f"coturn on 127.0.0.1:3478{number} ended\nits log")
        text = page(outcome, left_out=["veth: network namespaces need root"])
        self.assertIn("| echo | ours ÷ theirs |  |  | 0 |  |  | no result |", text)
        self.assertIn("- loopback, echo: echo on coturn: FAILED: coturn on 127.0.0.1:PORT ended"
                      " (round 1, 2)", text)
        self.assertIn("echo on uturn-uring: scaled: allocations 10000 -> 8000: descriptors", text)
        self.assertIn("- veth: network namespaces need root", text)


if __name__ == "__main__":
    unittest.main()
