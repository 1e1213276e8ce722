# The order of runs, which of them count, and what becomes of one that fails.
import unittest

from invented import ECHO, OURS, THEIRS, Outcome, Row, alternate, comparison, packet_result
from processes import Failure


class Alternation(unittest.TestCase):
    def alternate(self, asked_rounds, measure, **shape):
        outcome = Outcome(comparison(**shape))
        alternate(outcome, asked_rounds, measure)
        return outcome

    def test_a_b_a_b(self):
        order = []
        self.alternate(3, lambda run, _: order.append(run) or packet_result(1))
        self.assertEqual(order, [OURS, THEIRS] * 3)

    def test_the_first_round_is_kept_and_not_counted(self):
        figures = iter([1000, 2000, 10, 20, 30, 40])
        outcome = self.alternate(3, lambda *_: packet_result(next(figures)))
        self.assertEqual(len(outcome.runs), 6)
        self.assertEqual(outcome.summary(OURS, "cpu").most, 30)
        self.assertEqual(outcome.summary(THEIRS, "cpu").least, 20)

    def test_a_soak_runs_once_and_counts(self):
        outcome = self.alternate(8, lambda *_: packet_result(7), rounds=1)
        self.assertEqual(len(outcome.runs), 2)
        self.assertEqual(outcome.summary(OURS, "cpu").median, 7)

    def test_a_failed_run_is_recorded_and_the_others_go_on(self):
        rounds = iter(range(1, 9))

        def measure(run, _):
            if run == THEIRS and next(rounds) == 3:
                raise Failure("coturn ended by itself: out of descriptors")
            return packet_result(10 if run == OURS else 20)
        row = Row("ours ÷ theirs", "cpu", OURS, THEIRS)
        outcome = self.alternate(5, measure, rows=[row])
        failed, = outcome.failures()
        self.assertEqual((failed["round"], failed["server"]), (2, "coturn"))
        self.assertIn("out of descriptors", failed["failed"])
        self.assertEqual((outcome.row(row).median, outcome.row(row).count), (0.5, 3))

    def test_half_load_is_half_of_what_was_saturated(self):
        seen = set()

        def measure(_, variables):
            seen.add(variables.get("half_load"))
            return packet_result(4000)  # 250,000 packets/s
        outcome = self.alternate(2, measure, calibration=OURS)
        self.assertEqual(seen, {None, 125000})
        self.assertEqual(len(outcome.runs), 4)  # the calibration is none of them

    def test_without_calibration_nothing_is_measured_and_that_is_said(self):
        outcome = self.alternate(5, lambda *_: {"relay": {}}, calibration=OURS)
        self.assertEqual([run["workload"] for run in outcome.failures()], [ECHO.name])
        self.assertEqual(len(outcome.runs), 1)


if __name__ == "__main__":
    unittest.main()
