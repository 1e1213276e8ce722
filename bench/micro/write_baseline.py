# Writes a run of micro_bench as a baseline: medians of repetitions, without the machine's name.
#
#   write_baseline.py PATH_TO_MICRO_BENCH OUT.json [flags of Google Benchmark]
import json
import subprocess
import sys

program, out, *flags = sys.argv[1:]
run = json.loads(subprocess.run(
    [program, "--benchmark_format=json", "--benchmark_repetitions=9",
     "--benchmark_min_time=0.02", "--benchmark_enable_random_interleaving=true",
     "--benchmark_report_aggregates_only=true", *flags],
    stdout=subprocess.PIPE, check=True).stdout)
for name in ("host_name", "executable"):
    del run["context"][name]
medians = [entry for entry in run["benchmarks"] if entry["aggregate_name"] == "median"]
run["benchmarks"] = sorted(medians, key=lambda entry: (entry["family_index"],
                                                       entry["per_family_instance_index"]))
with open(out, "w", encoding="utf-8") as file:
    json.dump(run, file, indent=1)
    file.write("\n")
