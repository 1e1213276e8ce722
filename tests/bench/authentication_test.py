# What is made of the runs of bench/authentication.py: a Refresh by difference, ratios within a
# round, and how users were found.
import dataclasses
import unittest

from invented import Outcome, packet_result
import authentication
from comparisons import Comparison, Run
from workloads import COTURN, URING

CASE = dataclasses.replace(authentication.CASES[0], name="users", what="users")


def outcome_of(rounds, case=CASE, lookups=None):
    """`rounds`: (CPU of a life, CPU of a refreshed one) of uturn and of coturn; the first is not
    counted."""
    runs = tuple(Run(workload, server) for workload in case.workloads((), ())
                 for server in case.servers)
    outcome = Outcome(Comparison(case.name, "loopback", runs, ()))
    for number, figures in enumerate(rounds):
        for run, cpu in zip(runs, figures):
            outcome.add(number, run, {**packet_result(cpu), "lookups": lookups or {}},
                        counted=number > 0)
    return outcome


class Authentication(unittest.TestCase):
    def test_a_refresh_is_what_ten_of_them_add(self):
        outcome = outcome_of([(9, 9, 9, 9), (20_000, 80_000, 70_000, 280_000)])
        (life, ours, theirs, ratio, pairs, _), refresh = authentication.lines_of(CASE, outcome)
        self.assertEqual((life, ours, theirs, ratio, pairs),
                         ("users: a life", "20.0", "80.0", "0.25 (0.25 … 0.25)", 1))
        self.assertEqual(refresh[1:5], ["5.0", "20.0", "0.25 (0.25 … 0.25)", 1])

    def test_ratios_are_of_one_round(self):
        rounds = [(9, 9, 9, 9), (1_000, 2_000, 1, 1), (8_000, 10_000, 1, 1), (3_000, 5_000, 1, 1)]
        self.assertEqual(next(authentication.lines_of(CASE, outcome_of(rounds)))[3],
                         "0.60 (0.50 … 0.80)")

    def test_a_server_that_is_not_there_leaves_its_columns_empty(self):
        alone = dataclasses.replace(CASE, servers=(URING,), refreshes=False)
        line, = authentication.lines_of(alone, outcome_of([(9,), (20_000,)], alone))
        self.assertEqual(line[1:5], ["20.0", "", "", 0])

    def test_how_users_were_found_is_read_from_the_metrics(self):
        text = ('# HELP uturn_directory_lookups_total Users looked up.\n'
                'uturn_directory_lookups_total{backend="sqlite",outcome="remembered"} 90\n'
                'uturn_directory_lookups_total{backend="sqlite",outcome="asked"} 10\n'
                'uturn_directory_lookups_total{backend="sqlite",outcome="joined"} 0\n')
        lookups = authentication.lookups_in(text)
        self.assertEqual(lookups, {"remembered": 90, "asked": 10})
        outcome = outcome_of([(9, 9, 9, 9), (1, 1, 1, 1)], lookups=lookups)
        self.assertEqual(authentication.lookups_said(outcome), "remembered 90.0 %, asked 10.0 %")

    def test_only_uturn_is_asked_for_its_lookups(self):
        bench = authentication.AuthenticationBench(None, None, [0], [1], 1, 0, metrics_port=0)
        self.assertEqual(bench.observe(Run(CASE.workloads((), ())[0], COTURN)), {})


class Cases(unittest.TestCase):
    def test_both_servers_have_the_same_users(self):
        with authentication.rest() as (serve, coturn):
            self.assertIn(authentication.SECRET, serve)
            self.assertIn(f"static-auth-secret={authentication.SECRET}", coturn)
        with authentication.sqlite() as (serve, coturn):
            self.assertEqual(serve[-1].removeprefix("sqlite://"),
                             coturn[0].removeprefix("userdb="))

    def test_names_are_told_apart(self):
        names = [workload.name for case in authentication.CASES
                 for workload in case.workloads((), ())]
        self.assertEqual(len(names), len(set(names)))


if __name__ == "__main__":
    unittest.main()
