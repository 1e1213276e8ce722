# The table of comparisons agrees with itself: every row can be computed, every workload is named.
import unittest

from invented import COTURN, URING, OURS, THEIRS, Row, comparison
from comparisons import COMPARISONS
import metrics


class Comparisons(unittest.TestCase):
    def test_every_row_is_of_runs_that_alternate(self):
        for c in COMPARISONS:
            for row in c.rows:
                for run in (row.one, row.other):
                    self.assertTrue(run is None or run in c.runs, f"{c.name}: {row.title}")
                self.assertIn(row.metric, metrics.METRICS)
                self.assertEqual(row.other is None, row.kind == "value", row.title)

    def test_names_are_unique_in_their_world(self):
        names = [(c.world, c.name) for c in COMPARISONS]
        self.assertEqual(len(names), len(set(names)))

    def test_a_run_is_named_once_in_its_comparison(self):
        for c in COMPARISONS:
            self.assertEqual(len({run.name for run in c.runs}), len(c.runs), c.name)

    def test_equal_names_are_equal_workloads(self):
        known = {}
        for c in COMPARISONS:
            for run in c.runs:
                self.assertEqual(known.setdefault(run.workload.name, run.workload), run.workload)

    def test_the_published_set_is_complete(self):
        for world, without in (("loopback", set()), ("veth", {"W11"})):
            published = {"W1", "W2", "W2-1200", "W3", "W4", "W5", "W6", "W8", "W9", "W10", "W11",
                         "W12", "W13"} - without
            self.assertLessEqual(published, {c.name for c in COMPARISONS if c.world == world})

    def test_a_variable_rate_has_its_calibration(self):
        for c in COMPARISONS:
            is_variable = any("{" in flag for run in c.runs for flag in run.workload.flags)
            self.assertEqual(is_variable, c.calibration is not None, c.name)

    def test_a_server_that_is_not_there_takes_its_rows_along(self):
        ours, both = Row("ours", "cpu", OURS, kind="value"), Row("÷", "cpu", OURS, THEIRS)
        part = comparison([ours, both]).only([URING])
        self.assertEqual((part.runs, part.rows), ((OURS,), (ours,)))
        self.assertIsNone(comparison([ours]).only([]))
        self.assertIsNone(comparison([ours], calibration=OURS).only([COTURN]))


if __name__ == "__main__":
    unittest.main()
