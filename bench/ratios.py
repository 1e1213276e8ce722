# What repeated pairs say: a ratio is the median over rounds of a_i / b_i, never a ratio of medians.
import dataclasses
import statistics

# The machine drifts within a minute, so fewer pairs than this are an indication only.
PAIRS_THAT_COUNT = 7


@dataclasses.dataclass(frozen=True)
class Summary:
    """Median and range of what the counted rounds gave."""

    median: float
    least: float
    most: float
    count: int

    def as_json(self):
        return dataclasses.asdict(self)


def summary(values):
    """None where no round gave a value."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    return Summary(statistics.median(known), min(known), max(known), len(known))


def ratio(a, b):
    return None if a is None or not b else a / b


def difference(a, b):
    return None if a is None or b is None else a - b


def paired(combine, ones, others):
    """`combine` of the two values of each round; a round that lacks one of them gives none."""
    return summary([combine(ones[r], others[r]) for r in sorted(set(ones) & set(others))])


def verdict(row, result):
    """What a row's target makes of its result: a word for the table."""
    if result is None:
        return "no result"
    if row.target is None:
        return "reported"
    said = "missed"
    for bound, word in ((row.target, "met"), (row.stretch, "stretch met")):
        if bound is not None and (result.median >= bound if row.at_least
                                  else result.median <= bound):
            said = word
    return said if result.count >= PAIRS_THAT_COUNT else f"{said} ({result.count} pairs: indication)"
