# A ratio is the median of the ratios within rounds; what the target makes of it is one word.
import unittest

from invented import OURS, THEIRS, Row, comparison, outcome_of
import machine
import ratios


class Ratios(unittest.TestCase):
    def test_each_round_is_a_pair(self):
        """The machine slows down threefold between rounds; no ratio changes by that."""
        row = Row("ours ÷ theirs", "cpu", OURS, THEIRS)
        outcome = outcome_of(comparison([row]), {OURS: 1, THEIRS: 1}, {OURS: 50, THEIRS: 100},
                             {OURS: 150, THEIRS: 300}, {OURS: 60, THEIRS: 100})
        self.assertEqual(outcome.row(row), ratios.Summary(0.5, 0.5, 0.6, 3))

    def test_the_median_is_of_the_ratios(self):
        """Medians of the figures would be 40 ÷ 40."""
        found = ratios.paired(ratios.ratio, {1: 10, 2: 40, 3: 90}, {1: 40, 2: 20, 3: 100})
        self.assertEqual((found.median, found.least, found.most), (0.9, 0.25, 2.0))

    def test_a_round_without_its_pair_gives_none(self):
        self.assertEqual(ratios.paired(ratios.ratio, {1: 10, 2: 20}, {2: 40, 3: 10}).count, 1)
        self.assertIsNone(ratios.paired(ratios.ratio, {1: 10}, {2: 10}))
        self.assertIsNone(ratios.paired(ratios.ratio, {1: 10, 2: None}, {1: 0, 2: 5}))

    def test_a_difference_may_be_of_nothing(self):
        self.assertEqual(ratios.paired(ratios.difference, {1: 5}, {1: 5}).median, 0)


class Verdicts(unittest.TestCase):
    def verdict(self, median, pairs=7, **row):
        return ratios.verdict(Row("", "cpu", OURS, THEIRS, **row),
                              ratios.Summary(median, median, median, pairs))

    def test_at_most(self):
        bounds = {"target": 0.7, "stretch": 0.6}
        self.assertEqual(self.verdict(0.71, **bounds), "missed")
        self.assertEqual(self.verdict(0.70, **bounds), "met")
        self.assertEqual(self.verdict(0.60, **bounds), "stretch met")

    def test_at_least(self):
        bounds = {"target": 4, "stretch": 6, "at_least": True}
        self.assertEqual(self.verdict(3.9, **bounds), "missed")
        self.assertEqual(self.verdict(4, **bounds), "met")
        self.assertEqual(self.verdict(6, **bounds), "stretch met")

    def test_few_pairs_are_an_indication(self):
        self.assertEqual(self.verdict(0.5, pairs=6, target=0.7), "met (6 pairs: indication)")

    def test_without_target_or_result(self):
        self.assertEqual(self.verdict(0.5), "reported")
        self.assertEqual(ratios.verdict(Row("", "cpu", OURS, target=1), None), "no result")


class Processors(unittest.TestCase):
    def test_the_generator_never_shares_the_servers(self):
        self.assertEqual(machine.split({1, 0}), ([0], [1]))
        self.assertEqual(machine.split({0, 2, 4, 6, 7}), ([0, 2], [4, 6, 7]))
        self.assertIsNone(machine.split({3}))


if __name__ == "__main__":
    unittest.main()
