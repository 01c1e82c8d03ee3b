"""Is one program faster than another? What bench/compare and bench/regression-experiment decide by.

Times of computers have heavy tails and drift, so nothing here supposes a distribution. Both programs ran in the same round, in
random order. The quotient of a round is then as likely to be above the true ratio as below it, whatever else the machine did, and
the number of quotients above it is a throw of so many coins. The interval of the median quotient is bounded by two of the quotients
in order.

A family of loops is compared at once: each gets its share of the allowed error (Bonferroni), so `confidence` is that of
all verdicts together. A difference counts only when the whole interval lies outside 1 / (1 + margin) .. 1 + margin.

Python 3 and nothing else.
"""
import math, statistics

SLOWER, FASTER, NONE = "slower", "faster", "no difference"


class Interval:
    """Of a ratio: B's cycles over A's. `confidence`: what the interval really has, which may be less than was asked."""

    def __init__(self, low, median, high, confidence):
        self.low, self.median, self.high, self.confidence = low, median, high, confidence

    def includes(self, ratio):
        return self.low <= ratio <= self.high

    def as_json(self):
        return {"low": self.low, "median": self.median, "high": self.high}


def spread(values):
    """None of no values."""
    values = sorted(values)
    return {"min": values[0], "median": statistics.median(values), "max": values[-1]} if values else None


def share(confidence, family):
    """The confidence of each of `family` verdicts, so that all of them together have `confidence`."""
    return 1 - (1 - confidence) / max(1, family)


def rounds_needed(confidence, family=1):
    """The fewest rounds with which the interval of a median can have this confidence at all."""
    return max(2, math.ceil(math.log2(2 / (1 - share(confidence, family)))))


def binomial_tail(n, k):
    """The probability of at most k heads of n coins."""
    return sum(math.comb(n, i) for i in range(k + 1)) / 2**n


def interval_of_median(values, confidence):
    """Distribution-free: from the k-th smallest to the k-th largest, k as large as the confidence allows."""
    values = sorted(values)
    n = len(values)
    if n == 0:
        raise ValueError("no values")
    k = 0
    while k < (n - 1) // 2 and 2 * binomial_tail(n, k + 1) <= 1 - confidence:
        k += 1
    return Interval(values[k], statistics.median(values), values[n - 1 - k], 1 - 2 * binomial_tail(n, k))


def paired(before, after, confidence):
    """`before[i]` and `after[i]` are of the same round."""
    if len(before) != len(after):
        raise ValueError("a round with one side only")
    return interval_of_median([b / a for a, b in zip(before, after)], confidence)


def verdict(interval, margin):
    """What can be said of B. The interval must lie outside the margin as a whole."""
    if interval.low > 1 + margin:
        return SLOWER
    if interval.high < 1 / (1 + margin):
        return FASTER
    return NONE


def spread(values):
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}
