# compare.py: ratios, flags, exit status, and files that are no runs.
import contextlib
import io
import json
import os
import tempfile
import unittest

import compare


def entry(name, cpu_time, unit="ns", **more):
    return {"name": name, "run_name": name, "run_type": "iteration", "cpu_time": cpu_time,
            "time_unit": unit, **more}


def median(name, cpu_time):
    return entry(name, cpu_time, run_type="aggregate", aggregate_name="median") | {
        "name": f"{name}_median"}


class Comparing(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def file(self, name, content):
        path = os.path.join(self.directory.name, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content if isinstance(content, str) else json.dumps({"benchmarks": content}))
        return path

    def run_it(self, before, after, *flags):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = compare.main([self.file("a", before), self.file("b", after), *flags])
        return status, out.getvalue(), err.getvalue()

    def test_ratios_and_their_geometric_mean(self):
        status, out, _ = self.run_it([entry("a", 100), entry("b", 100)],
                                     [entry("a", 200), entry("b", 50)])
        lines = {line.split()[0]: line for line in out.splitlines()}
        self.assertEqual(status, 0)
        self.assertIn("2.000  slower", lines["a"])
        self.assertIn("0.500  faster", lines["b"])
        self.assertTrue(lines["geometric"].endswith(" 1.000"))

    def test_what_is_below_the_threshold_is_not_flagged(self):
        before, after = [entry("a", 100)], [entry("a", 109)]
        self.assertNotIn("slower", self.run_it(before, after)[1])
        self.assertIn("slower", self.run_it(before, after, "--threshold", "5")[1])

    def test_fails_on_request_only(self):
        before, after = [entry("a", 100), entry("b", 100)], [entry("a", 130), entry("b", 100)]
        self.assertEqual(self.run_it(before, after)[0], 0)
        self.assertEqual(self.run_it(before, after, "--fail-over", "20")[0], 1)
        self.assertEqual(self.run_it(before, after, "--fail-over", "40")[0], 0)
        self.assertEqual(self.run_it(before, after, "--fail-over", "20", "--filter", "^b$")[0], 0)

    def test_the_median_of_repetitions_counts(self):
        repeated = [entry("a", 500), entry("a", 90), median("a", 100)]
        self.assertIn("1.000", self.run_it([entry("a", 100)], repeated)[1])

    def test_units_are_converted(self):
        self.assertIn("1.000", self.run_it([entry("a", 2, "us")], [entry("a", 2000)])[1])

    def test_what_only_one_run_has_is_named(self):
        _, out, _ = self.run_it([entry("a", 1), entry("old", 1)], [entry("a", 1), entry("new", 1)])
        self.assertIn("only before: old", out)
        self.assertIn("only after: new", out)

    def test_nothing_to_compare_is_an_error(self):
        for before in ([entry("b", 1)], "no JSON", "[]", '{"benchmarks": 3}'):
            with self.subTest(before=before):
                status, out, err = self.run_it(before, [entry("a", 1)])
                self.assertEqual((status, out), (2, ""))
                self.assertTrue(err.startswith("compare.py: "))


if __name__ == "__main__":
    unittest.main()
