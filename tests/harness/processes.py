# Child processes of a test: started, waited for with a deadline, and ended by their own pid.
import os
import re
import signal
import subprocess
import sys
import time

SKIPPED = 77  # ctest's SKIP_RETURN_CODE


class Failure(Exception):
    """What a test says when it fails: one sentence, and whatever output explains it."""


def check(condition, sentence):
    if not condition:
        raise Failure(sentence)


def skip(reason):
    print(f"SKIPPED: {reason}", flush=True)
    sys.exit(SKIPPED)


def wait_until(condition, seconds, what):
    """Polls `condition` until it returns something true, which is handed back."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        check(time.monotonic() < deadline, f"{what}: not within {seconds} s")
        time.sleep(0.005)


class Process:
    """A child in its own process group, its output in a file; never outlives the `with` block."""

    def __init__(self, arguments, log_path, cwd=None, stdin=subprocess.DEVNULL):
        self.log_path = log_path
        self.name = os.path.basename(arguments[0])
        with open(log_path, "wb") as log:
            self._child = subprocess.Popen(
                arguments, stdin=stdin, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True, cwd=cwd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    @property
    def pid(self):
        return self._child.pid

    def type(self, text):
        """Into its standard input, which `stdin=subprocess.PIPE` opened."""
        self._child.stdin.write(text.encode())
        self._child.stdin.flush()

    def output(self):
        with open(self.log_path, "r", errors="replace") as log:
            return log.read()

    def resident_kilobytes(self):
        return self._status("VmRSS")

    def descriptor_table_length(self):
        """How many descriptors the kernel has room for before it makes that table longer."""
        return self._status("FDSize")

    def _status(self, name):
        with open(f"/proc/{self.pid}/status") as status:
            return int(re.search(rf"{name}:\s+(\d+)", status.read()).group(1))

    def has_ended(self):
        return self._child.poll() is not None

    def wait(self, seconds):
        """The exit status, or None when the process still runs after `seconds`."""
        try:
            return self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def terminate(self, seconds):
        """Asks for a clean end and returns the exit status, or None when none came in time."""
        self._child.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self):
        # The group is signalled only while its leader is unreaped, so the id cannot be another's.
        if not self.has_ended():
            os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()
        if self._child.stdin:
            self._child.stdin.close()


def run_test(body):
    """Runs a test's main function: a Failure becomes one readable line and exit status 1."""
    # Asked to end early, a test still leaves its `with` blocks, which end its children.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    try:
        body()
    except Failure as failure:
        print(f"FAILED: {failure}", flush=True)
        sys.exit(1)
