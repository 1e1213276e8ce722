# User instructions per relayed packet, by callgrind, beside the bare forwarder's on the same loop.
#
#   instructions.py PATH_TO_PACKET_PATH [--io uring,epoll] [--batch N] [--top N]
#                   [--uncounted PATH_TO_PACKET_PATH_WITHOUT_METRICS]
#
# Counted are whole passes of one shard: receive and send bookkeeping, the relay, the clocks; not
# the kernel. The counts repeat to a fraction of a percent, whatever else the machine does.
import argparse
import collections
import glob
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile

FORWARDER = {"to-peer": "forward-to-peer", "to-client": "forward-to-client"}
DESCRIPTORS = 4096


class Failure(Exception):
    """Why nothing was counted, in one sentence."""


def raise_descriptors():
    """Before valgrind starts: it keeps what it found as the limit of the program it runs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < DESCRIPTORS:
        wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def profile_of(path):
    """The workload a profile was dumped for, and its instructions."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    workload = re.search(r"^desc: Trigger: Client Request: (\S+)$", text, re.M)
    totals = re.search(r"^summary: (\d+)$", text, re.M)
    return (workload.group(1), int(totals.group(1))) if workload and totals else None


def count(program, subject, io, batch, directory):
    """Workload -> (instructions per packet, path of the profile)."""
    out = os.path.join(directory, f"{subject}-{io}")
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--collect-atstart=no", f"--callgrind-out-file={out}",
         program, subject, io, str(batch)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=raise_descriptors)
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if not line.startswith("==")]
        raise Failure(f"{subject} on {io}: {' '.join(said) or 'valgrind failed'}")
    packets = {name: int(number) for name, number in map(str.split, done.stdout.splitlines())}
    counts = {}
    for path in glob.glob(glob.escape(out) + ".*"):
        profile = profile_of(path)
        if profile:
            workload, instructions = profile
            counts[workload] = instructions / packets[workload], path
    if counts.keys() != packets.keys():
        raise Failure(f"{subject} on {io}: a profile for each of {sorted(packets)} was expected, "
                      f"there are {sorted(counts)}")
    return counts


def top_functions(path, per_instruction, most):
    """The functions that take most: instructions per packet without what they call, and name.

    Code of a function that came from several files (inlined headers) is one function's here. main()
    and what is before it, which callgrind never saw begin, appear with all they call: left out.
    """
    text = subprocess.run(["callgrind_annotate", "--auto=no", "--threshold=100", path],
                          stdout=subprocess.PIPE, text=True, check=True).stdout
    whole = profile_of(path)[1]
    taken = collections.Counter()
    for number, name in re.findall(r"^\s*([\d,]+) \([^)]*\)\s+\S*?:(.*?)(?: \[[^\]]*\])?$", text,
                                   re.M):
        instructions = int(number.replace(",", ""))
        if instructions < whole / 2:
            taken[re.sub(r"'\d+$", "", name).replace("uturn::", "")] += instructions
    for name, instructions in taken.most_common(most):
        yield instructions * per_instruction, name


def report_metrics(counted, program, io, batch, directory):
    """What metrics cost: beside the build where nothing is counted."""
    without = count(program, "turn", io, batch, directory)
    print(f"{io}, batches of {batch}: user instructions per packet without metrics, and with")
    for name, (instructions, _) in sorted(without.items()):
        with_them = counted[name][0]
        print(f"  {name:<22} {instructions:8.1f} {with_them:8.1f}   "
              f"{100 * (with_them / instructions - 1):+5.2f} %")


def report(program, uncounted, io, batch, most, directory):
    turn = count(program, "turn", io, batch, directory)
    bare = count(program, "forwarder", io, batch, directory)
    print(f"{io}, batches of {batch}: user instructions per packet")
    for name, (instructions, _) in bare.items():
        print(f"  {name:<22} {instructions:8.0f}")
    for name, (instructions, _) in sorted(turn.items()):
        limit = bare[FORWARDER[name.split("-", 1)[1]]][0]
        print(f"  {name:<22} {instructions:8.0f}   {instructions / limit:5.2f} x forwarder")
    if uncounted:
        without = os.path.join(directory, "without")
        os.mkdir(without)
        report_metrics(turn, uncounted, io, batch, without)
    if most == 0:
        return
    for name, (instructions, path) in sorted({**turn, **bare}.items()):
        print(f"\n{io}, {name}: the functions that take most, per packet")
        for taken, function in top_functions(path, instructions / profile_of(path)[1], most):
            print(f"  {taken:8.0f}  {function[:110]}")


def main():
    parser = argparse.ArgumentParser(description="User instructions per relayed packet.")
    parser.add_argument("program", help="packet_path of a release build")
    parser.add_argument("--io", default="uring,epoll")
    parser.add_argument("--batch", type=int, default=256, help="packets that wait for a pass")
    parser.add_argument("--top", type=int, default=0, metavar="N", help="functions to list")
    parser.add_argument("--uncounted", metavar="PROGRAM", help="packet_path without metrics")
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("instructions.py: valgrind is not installed", file=sys.stderr)
        return 1
    try:
        for io in options.io.split(","):
            with tempfile.TemporaryDirectory() as directory:
                report(options.program, options.uncounted, io, options.batch, options.top,
                       directory)
    except Failure as failure:
        print(f"instructions.py: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
