# The machine the figures belong to: its processors, kernel, mitigations and the offloads of veth.
import os
import platform
import re
import subprocess


def first_line(command):
    """Of what a command says; None where there is no such command or it says nothing."""
    try:
        said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=10, errors="replace").stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return None
    return said.splitlines()[0] if said else None


def text_of(path):
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return None


def cpu_model():
    found = re.search(r"^model name\s*:\s*(.+)$", text_of("/proc/cpuinfo") or "", re.MULTILINE)
    return found.group(1) if found else platform.machine()


def mitigations():
    """What the kernel does about each flaw of this processor that concerns it."""
    folder = "/sys/devices/system/cpu/vulnerabilities"
    states = {name: text_of(os.path.join(folder, name)) for name in
              (sorted(os.listdir(folder)) if os.path.isdir(folder) else ())}
    return "; ".join(f"{name}: {state}" for name, state in states.items()
                     if state and state != "Not affected") or "none"


def describe(turnserver, uturn):
    governor = text_of("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    return {
        "kernel": f"{platform.system()} {platform.release()}",
        "cpu_model": cpu_model(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory": re.sub(r"\s+", " ", (text_of("/proc/meminfo") or "?").splitlines()[0]),
        "governor": governor or "not readable",
        "mitigations": mitigations(),
        "load_at_start": text_of("/proc/loadavg"),
        "uturn": first_line([uturn, "--version"]) or "unknown",
        "coturn": first_line([turnserver, "--version"]) or "unknown",
    }


def split(cpus):
    """The first half is the server's, the second the load generator's; None with one CPU only."""
    cpus = sorted(cpus)
    half = len(cpus) // 2
    return (cpus[:half], cpus[half:]) if half else None


def cpu_list(cpus):
    return ",".join(str(cpu) for cpu in cpus)
