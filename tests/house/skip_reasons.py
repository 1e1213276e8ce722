# `make test` says why a test was skipped, and ends in ctest's own summary and status.
import os
import subprocess
import sys
import tempfile

import tree

RUN_CTEST = os.path.join(tree.ROOT, "tests", "harness", "run_ctest.py")

# Tests as CMake writes them for ctest: our scripts, GoogleTest's way, one without a reason, one good.
SKIPPING = r"""
add_test(script "sh" "-c" "echo 'SKIPPED: no <such> kernel'; exit 77")
set_tests_properties(script PROPERTIES SKIP_RETURN_CODE 77)
add_test(google "printf" "/a/b_test.cc:61: Skipped\\nneeds root\\n\\n[  SKIPPED ] A.B (0 ms)\\n")
set_tests_properties(google PROPERTIES SKIP_REGULAR_EXPRESSION "\\[  SKIPPED \\]")
add_test(mute "sh" "-c" "exit 77")
set_tests_properties(mute PROPERTIES SKIP_RETURN_CODE 77)
add_test(good "true")
"""
REASONS = ["skipped: google: needs root", "skipped: mute: it does not say why",
           "skipped: script: no <such> kernel"]
FAILING = SKIPPING + 'add_test(bad "sh" "-c" "echo 0% tests passed, said the test; exit 1")\n'


def run(tests):
    """The exit status and output lines of ctest over `tests`, through run_ctest.py."""
    with tempfile.TemporaryDirectory(prefix="uturn-ctest-") as directory:
        with open(os.path.join(directory, "CTestTestfile.cmake"), "w") as file:
            file.write(tests)
        done = subprocess.run([sys.executable, RUN_CTEST, "--test-dir", directory,
                               "--output-on-failure"], stdout=subprocess.PIPE, text=True)
    return done.returncode, done.stdout.splitlines()


def findings(tests, summary, end, fails):
    status, lines = run(tests)
    if (status != 0) != fails:
        yield f"the exit status is {status}"
    if summary not in lines:
        yield f"{summary!r} is missing"
    elif [line for line in lines[:lines.index(summary)] if line.startswith("skipped:")] != REASONS:
        yield f"the reasons are not in front of {summary!r}"
    if not [line for line in lines if line.strip()][-1].strip().startswith(end):
        yield f"the end is not {end!r}: {lines[-1:]}"


tree.report([*findings(SKIPPING, "100% tests passed, 0 tests failed out of 4", "3 - mute", False),
             *findings(FAILING, "80% tests passed, 1 tests failed out of 5", "Errors while", True)],
            "reasons of skipped tests in two runs of ctest")
