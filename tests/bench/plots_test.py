# Each plot holds the medians it shows, and gnuplot draws it.
import os
import re
import shutil
import tempfile
import unittest

from invented import OURS, THEIRS, URING, Run, Workload, comparison, outcome_of
import plots

OUTCOME = outcome_of(comparison(), {OURS: 1, THEIRS: 1}, {OURS: 2500, THEIRS: 4500},
                     {OURS: 2700, THEIRS: 4700})


class Plots(unittest.TestCase):
    def test_cost_is_of_medians_in_microseconds(self):
        points = plots.cost_points([OUTCOME], "loopback")
        self.assertEqual(points, {"echo": {"uturn-uring": 2.6, "coturn": 4.6}})
        self.assertEqual(plots.cost_points([OUTCOME], "veth"), {})

    def test_indications_stand_beside_the_channels(self):
        other = Run(Workload("echo-indications", "", ()), URING)
        outcome = outcome_of(comparison(runs=(OURS, other)), {}, {OURS: 1000, other: 2000})
        self.assertEqual(plots.cost_points([outcome], "loopback"),
                         {"echo": {"uturn-uring": 1.0, "uturn-uring, indications": 2.0}})

    def test_latency_of_every_percentile(self):
        points = plots.latency_points([OUTCOME], "loopback", "echo")
        self.assertEqual([line for line in points[OURS]],
                         [(0, '"50"', 20), (1, '"90"', 40), (2, '"99"', 80), (3, '"99.9"', 180)])

    def test_a_label_cannot_break_out_of_the_script(self):
        self.assertEqual(plots.quoted('a"b\\c'), "\"a'bc\"")

    @unittest.skipUnless(shutil.which("gnuplot"), "gnuplot is not installed")
    def test_gnuplot_draws_legend_and_units(self):
        with tempfile.TemporaryDirectory() as folder:
            drawn, problems = plots.draw([OUTCOME], ["loopback"], folder, "today")
            self.assertEqual((drawn, problems),
                             ([("CPU by workload, loopback", "today-loopback-cpu.svg")], []))
            with open(os.path.join(folder, drawn[0][1])) as file:
                texts = re.sub(r"<[^>]+>", " ", file.read())
        for said in ("uturn-uring", "coturn", "echo", "CPU time [µs], median"):
            self.assertIn(said, texts)


if __name__ == "__main__":
    unittest.main()
