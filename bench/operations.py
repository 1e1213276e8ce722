# What an operator does to a server while it relays (W12): reloads, other certificates, a drain, lists of
# its sessions.
import os
import signal
import threading
import time

from processes import Failure, check

# Far more often than anybody would; each is a chance to lose a packet.
PERIOD = 0.25
ALLOCATED_WITHIN = 60
LOOK = 0.05


class Operations:
    """`with Operations(server, workload, warmup, seconds) as done:` from when everybody has an
    allocation until it is left. `done.count` of them were carried out."""

    def __init__(self, server, workload, warmup, seconds):
        self._server, self._workload = server, workload
        self._half = warmup + seconds / 2
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.count = 0
        self._failure = None

    def __enter__(self):
        if self._workload.during:
            self._thread.start()
        return self

    def __exit__(self, kind, *_):
        self._ends.set()
        if self._workload.during:
            self._thread.join()
        if kind is None and self._failure:
            raise self._failure

    def as_json(self):
        return {"kind": self._workload.during, "count": self.count}

    def _run(self):
        try:
            self._wait_for_allocations()
            if self._workload.during == "drain":
                if not self._ends.wait(self._half):
                    self._server.drain()
                    self.count = 1
                return
            if self._workload.during == "sessions":
                while not self._ends.is_set():  # the last one loses those who leave
                    listed = self._server.list_sessions()
                    self.count += listed == self._workload.allocations
                return
            while not self._ends.wait(PERIOD):
                self._server.operate(self._workload.during, self.count)
                self.count += 1
        except (Failure, OSError) as failure:  # handed to the thread of the run
            self._failure = Failure(f"{self._workload.during}: {failure}")

    def _wait_for_allocations(self):
        """An allocation is a socket, whoever the server is: it has as many descriptors then."""
        ends = time.monotonic() + ALLOCATED_WITHIN
        while len(os.listdir(f"/proc/{self._server.pid}/fd")) < self._workload.allocations:
            check(time.monotonic() < ends, "not everybody has got an allocation")
            if self._ends.wait(LOOK):
                return


SIGNALS = {"reload": signal.SIGHUP, "certificates": signal.SIGUSR2}
