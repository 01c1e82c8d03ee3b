"""Ratios and what is said of them: for bench/receive-throughput and tests/gpu/run. Python 3 and nothing else.

A ratio is a dictionary with name, min, median, max and target (None: nothing was aimed at)."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from statistics_of_pairs import spread


def ratio(name, above, below, target=None):
    """Of two lists of rates, round by round."""
    return {"name": name, **spread([a / b for a, b in zip(above, below, strict=True)]), "target": target}


def verdict(of):
    """The median decides."""
    if of["target"] is None:
        return "no target"
    return "met" if of["median"] >= of["target"] else "missed"


def line(of):
    aim = "" if of["target"] is None else f", at least {of['target']:g}"
    return f"{verdict(of):9}  {of['median']:6.3f}  ({of['min']:.3f} to {of['max']:.3f}{aim})  {of['name']}"


def tally(ratios):
    aimed = [of for of in ratios if of["target"] is not None]
    return f"{sum(verdict(of) == 'met' for of in aimed)} of {len(aimed)} targets met"
