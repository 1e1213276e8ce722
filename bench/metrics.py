# The figures taken from one run's JSON (`uturn bench --json`); None where a run has no such figure.
import dataclasses
from typing import Callable

PERCENTILES = ("p50", "p90", "p99", "p99_9")


@dataclasses.dataclass(frozen=True)
class Metric:
    what: str
    unit: str
    read: Callable


def at(*path):
    """Reads a nested key, or None where any part of the path is absent."""
    def read(result):
        for key in path:
            if not isinstance(result, dict) or key not in result:
                return None
            result = result[key]
        return result
    return read


def latency(percentile):
    """Of an echo the round trip; of one-way flows the slower direction; else of the requests."""
    def read(result):
        relay = result.get("relay", {})
        ways = [relay["round_trip_ns"]] if "round_trip_ns" in relay else \
            [relay[way]["latency_ns"] for way in ("to_peer", "to_client")
             if "latency_ns" in relay.get(way, {})]
        ways = ways or [result.get("requests", {}).get("latency_ns", {})]
        known = [way[percentile] for way in ways if percentile in way]
        return max(known) / 1000 if known else None
    return read


def relayed_cpu(result):
    """As `cpu`, where the unit is a relayed packet."""
    usage = result.get("usage", {})
    return usage.get("cpu_ns_per") if usage.get("per") == "packet" else None


def lost_share(result):
    relay = result.get("relay", {})
    return 100 * relay["lost"] / relay["sent"] if relay.get("sent") else None


def per_cpu_second(result):
    each = at("usage", "cpu_ns_per")(result)
    return 1e9 / each if each else None


def unfinished(result):
    """Requests that a client began and that did not succeed, retransmissions included."""
    requests = result.get("requests", {})
    return requests["begun"] - requests["succeeded"] if "begun" in requests else None


def rss_growth(result):
    usage = result.get("usage", {})
    if "rss_bytes_after" not in usage or "rss_bytes_before" not in usage:
        return None
    return (usage["rss_bytes_after"] - usage["rss_bytes_before"]) / (1 << 20)


def rss_slope(result):
    """Of a soak, by least squares over its samples."""
    each_hour = at("usage", "rss_bytes_per_hour")(result)
    return each_hour / (1 << 20) if each_hour is not None else None


def amplification(result):
    """Of the worst flood: bytes answered per byte sent."""
    return max((flood["amplification"] for flood in result.get("flood", [])
                if "amplification" in flood), default=None)


def per_second(result):
    relayed = at("relay", "packets_per_second")(result)
    return relayed if relayed is not None else at("requests", "per_second")(result)


METRICS = {
    "cpu": Metric("server CPU each", "ns", at("usage", "cpu_ns_per")),
    "relayed_cpu": Metric("server CPU for each relayed packet", "ns", relayed_cpu),
    "user": Metric("of it user", "ns", at("usage", "user_ns_per")),
    "system": Metric("of it system", "ns", at("usage", "system_ns_per")),
    "rate": Metric("each second", "/s", per_second),
    "lost": Metric("lost", "%", lost_share),
    "cpu_rate": Metric("for each CPU second", "/s", per_cpu_second),
    "unfinished": Metric("without success", "", unfinished),
    "rss": Metric("RSS", "B", at("usage", "rss_bytes_after")),
    "rss_each": Metric("RSS for each allocation", "B", at("usage", "rss_bytes_per_allocation")),
    "rss_growth": Metric("RSS growth", "MiB", rss_growth),
    "rss_slope": Metric("RSS slope", "MiB/h", rss_slope),
    "allocations": Metric("allocations", "", at("settings", "allocations")),
    "amplification": Metric("amplification", "", amplification),
    **{p: Metric(p.replace("_", "."), "µs", latency(p)) for p in PERCENTILES},
}
