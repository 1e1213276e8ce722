# One run: a fresh server, `uturn bench` against it, and what that measured.
import json
import subprocess

from machine import cpu_list
from operations import Operations
from processes import Failure, check
from servers import PASSWORD, USER, RunningServer, is_secure

# Beyond warm-up and measurement: allocating, draining, ending. What counts requests and not seconds
# (a million lives) takes a slow machine a multiple of its estimate.
PATIENCE = 90
SLOWNESS = 4


class Bench:
    """Runs workloads in one world, with the servers on one half of the processors."""

    def __init__(self, programs, world, server_cpus, generator_cpus, seconds, warmup):
        self._programs, self._world = programs, world
        self._server_cpus, self._generator_cpus = server_cpus, generator_cpus
        self._seconds, self._warmup = seconds, warmup

    def measure(self, run, variables=None):
        """The JSON of one run; Failure says what went wrong, on either side."""
        # Where half of the processors are too few for the workers, these share the generator's.
        cpus = self._server_cpus if len(self._server_cpus) >= run.workload.workers else \
            sorted([*self._server_cpus, *self._generator_cpus])
        with RunningServer(self._programs, run.server, run.workload, self._world, cpus) as server:
            try:
                with Operations(server, run.workload, *self.length(run.workload)) as operations:
                    result = self._generate(server, run.workload, variables or {})
                    result.update(self.observe(run))
            except Failure as failure:
                raise Failure(f"{failure}\n{run.server}: {server.log()}") from failure
            if run.workload.during:
                check(operations.count > 0, f"no {run.workload.during} within the run")
                server.check_operated(run.workload.during, operations.count)
                result["operations"] = operations.as_json()
            server.stop(by_itself=run.workload.during == "drain")
        result["server_cpus"] = cpu_list(cpus)
        return result

    def observe(self, run):
        """What else a result shall hold, asked of the server before it stops."""
        return {}

    def length(self, workload):
        """Seconds of warm-up and of measurement."""
        warmup = self._warmup if workload.warmup is None else workload.warmup
        return warmup, self._seconds if workload.seconds is None else workload.seconds

    def command(self, uri, pid, workload, variables):
        warmup, seconds = self.length(workload)
        command = [self._programs.uturn, "bench", uri, "--json", "--quiet",
                   *(workload.login or ("--user", USER, "--password", PASSWORD)),
                   "--server-pid", str(pid),
                   "--cpus", cpu_list(self._generator_cpus),
                   "--warmup", f"{warmup * 1000:.0f}ms", "--seconds", f"{seconds * 1000:.0f}ms"]
        for flag, addresses in (("--client-address", self._world.clients),
                                ("--peer-address", self._world.peers),
                                ("--flood-address",
                                 self._world.flooders if workload.floods else ())):
            for address in addresses:
                command += [flag, address]
        if is_secure(workload.transport):
            command.append("--insecure")
        return [*command, *self._world.generator_flags,
                *(flag.format(**variables) for flag in workload.flags)]

    def _generate(self, server, workload, variables):
        command = self.command(server.uri, server.pid, workload, variables)
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, errors="replace",
                                  timeout=SLOWNESS * sum(self.length(workload)) + PATIENCE)
        except subprocess.TimeoutExpired as expired:
            raise Failure(f"uturn bench did not end: {' '.join(command)}") from expired
        check(done.returncode == 0,
              f"uturn bench ended with status {done.returncode}: {done.stderr[-1500:].strip()}")
        try:
            return json.loads(done.stdout)
        except ValueError as error:
            raise Failure(f"uturn bench printed no JSON ({error}): {done.stdout[:300]!r}") from error
