# An operator begins when everybody has an allocation, and what he did not do fails the run.
import os
import threading
import unittest

import invented
import comparisons
import operations
import workloads as w
from processes import Failure


class Invented:
    """A server with as many descriptors as this process."""

    pid = os.getpid()

    def __init__(self, refuses=False):
        self.done = []
        self.enough = threading.Event()
        self._refuses = refuses

    def operate(self, kind, number):
        if self._refuses:
            raise Failure("refused")
        self.done.append((kind, number))
        if len(self.done) == 3:
            self.enough.set()

    def list_sessions(self):
        self.done.append("list")
        if len(self.done) == 4:
            self.enough.set()
        return min(len(self.done), 3)

    def drain(self):
        self.done.append("drain")
        self.enough.set()


def load(during, allocations=1):
    return w.Workload("load", "", (), during=during, allocations=allocations)


class Operations(unittest.TestCase):
    def setUp(self):
        self._period, operations.PERIOD = operations.PERIOD, 0.001

    def tearDown(self):
        operations.PERIOD = self._period

    def test_it_is_done_again_and_again_until_the_run_ends(self):
        server = Invented()
        with operations.Operations(server, load("reload"), 0, 1) as done:
            self.assertTrue(server.enough.wait(20))
        self.assertEqual(server.done[:3], [("reload", 0), ("reload", 1), ("reload", 2)])
        self.assertEqual(done.as_json(), {"kind": "reload", "count": len(server.done)})

    def test_a_drain_is_begun_once(self):
        server = Invented()
        with operations.Operations(server, load("drain"), 0, 0) as done:
            self.assertTrue(server.enough.wait(20))
        self.assertEqual((server.done, done.count), (["drain"], 1))

    def test_nothing_is_done_before_everybody_has_an_allocation(self):
        server = Invented()
        with operations.Operations(server, load("reload", 1_000_000), 0, 1) as done:
            pass
        self.assertEqual((server.done, done.count), ([], 0))

    def test_what_fails_fails_the_run(self):
        with self.assertRaisesRegex(Failure, "reload: refused"):
            with operations.Operations(Invented(refuses=True), load("reload"), 0, 1) as done:
                done._thread.join()

    def test_only_lists_of_everybody_count(self):
        server = Invented()
        with operations.Operations(server, load("sessions", allocations=3), 0, 1) as done:
            self.assertTrue(server.enough.wait(10))
        self.assertEqual(done.count, len(server.done) - 2)

    def test_without_an_operator_there_is_nothing(self):
        with operations.Operations(None, w.W12["quiet"], 0, 1) as done:
            pass
        self.assertEqual(done.count, 0)


class W12(unittest.TestCase):
    def test_every_operation_is_beside_the_same_load_without_it(self):
        flags = {load.flags for load in w.W12.values()}
        self.assertEqual(len(flags), 1)
        for c in (c for c in comparisons.COMPARISONS if c.name == "W12"):
            quiet = {run.server: run for run in c.runs if not run.workload.during}
            for run in c.runs:
                rows = [row for row in c.rows if row.one == run]
                self.assertIn("lost", [row.metric for row in rows])
                if run.workload.during:
                    self.assertIn(quiet[run.server], [row.other for row in rows])

    def test_no_uturn_may_lose_a_packet(self):
        c, = (c for c in comparisons.COMPARISONS if c.name == "W12" and c.world == "loopback")
        lost = [row for row in c.rows if row.metric == "lost" and row.one.server == w.URING]
        self.assertEqual({row.one.workload.during for row in lost},
                         {"", "reload", "certificates", "drain"})
        self.assertTrue(all(row.target == 0 for row in lost))

    def test_what_is_reported_of_it(self):
        c, = (c for c in comparisons.COMPARISONS if c.name == "W12" and c.world == "veth")
        quiet, reloaded = c.runs[0], c.runs[1]
        outcome = invented.Outcome(c)
        for number in range(3):
            for run, p50 in ((quiet, 10_000), (reloaded, 15_000)):
                outcome.add(number, run, invented.packet_result(1, p50_ns=p50), counted=number > 0)
        row, = (row for row in c.rows if row.one == reloaded and row.other)
        self.assertEqual((outcome.row(row).median, outcome.row(row).count), (1.5, 2))
        lost, = (row for row in c.rows if row.one == reloaded and row.metric == "lost")
        self.assertEqual(outcome.row(lost).median, 1.0)


if __name__ == "__main__":
    unittest.main()
