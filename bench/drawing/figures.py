"""The figures that are drawn: read from a file, checked, and written as numbers for people. Python 3 and nothing else."""
import json
import math
from typing import Any, Iterator


class Trouble(Exception):
    """Why it cannot be done, for the user: `cannot ...: reason; what to do`."""


Number = object()  # a shape: an integer or a finite fraction, not negative
Anything = object()  # a shape: it must be there
SPREAD = {"min": Number, "median": Number, "max": Number}
PART_OF_LOOP = {"name": str, "group": str, "subject": str, "cycles": SPREAD}
LOOP = {**PART_OF_LOOP, "element": str, "batch": Number, "producers": Number, "pages": Number, "page_size": Number,
        "elements": Number, "nanoseconds": SPREAD, "bookkeeping": Number,
        "repetitions": [{"cycles": Number, "nanoseconds": Number}]}
BENCH_PICTURE = {"date": str, "commit": str, "repetitions": Number, "machine": dict, "loops": [PART_OF_LOOP]}
BENCH_PAGE = {**BENCH_PICTURE, "netmem": str, "unit": str, "loops": [LOOP], "missing": [{"name": str, "reason": str}],
              "ratios": [{"name": str, "above": str, "below": str, **SPREAD, "spread": Number,
                          "target": Anything, "met": Anything}],
              "verdict": {"given": bool, "says": str}}
XDP_PICTURE = {"date": str, "commit": str, "machine": str, "rounds": Number,
               "rates": [{"mode": str, "size": Number, "receiver": str, **SPREAD}]}
XDP_RUNS = {"date": str, "commit": str, "machine": str, "rounds": Number,
            "runs": [{"mode": str, "size": Number, "receiver": str, "task": str, "seconds": Number, "received": Number,
                      "returned": Number}]}
EXPERIMENT = {"date": str, "commit": str, "says": str, "rounds": Number, "confidence": Number, "margin": Number,
              "builds": [{"name": str, "says": str}], "loops": [{"name": str, "builds": [{"build": str}]}]}


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def damages(value: Any, shape: Any, where: str = "") -> Iterator[str]:
    """Where `value` is not as `shape` says, as a JSON pointer, and why."""
    if shape is Anything:
        return
    if shape is Number:
        if not is_number(value):
            yield f"{where} is no number from 0 on"
    elif isinstance(shape, type):
        if not isinstance(value, shape):
            yield f"{where} is not of the type {shape.__name__}"
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield f"{where} is no array"
        else:
            for index, part in enumerate(value):
                yield from damages(part, shape[0], f"{where}/{index}")
    elif not isinstance(value, dict):
        yield f"{where or 'the whole'} is no object"
    else:
        for key, part in shape.items():
            if key not in value:
                yield f"{where}/{key} is missing"
            else:
                yield from damages(value[key], part, f"{where}/{key}")


def clean(value: Any) -> Any:
    """The same with texts of one line that HTML and XML may hold."""
    if isinstance(value, str):
        text = value.replace("\n", " ").replace("\t", " ").encode("utf-8", "replace").decode("utf-8")
        return "".join("\ufffd" if ord(c) < 32 or ord(c) == 127 or c in "\ufffe\uffff" else c for c in text)
    if isinstance(value, dict):
        return {clean(key): clean(part) for key, part in value.items()}
    return [clean(part) for part in value] if isinstance(value, list) else value


def read(path: str, wrote: str) -> dict[str, Any]:
    """`wrote`: the command that writes such files."""
    try:
        with open(path, "rb") as file:
            text = file.read(64 << 20).decode("utf-8", "replace")
    except OSError as error:
        raise Trouble(f"cannot read {path}: {error.strerror}; name a file that {wrote} wrote")
    try:
        figures = json.loads(text)
    except (ValueError, RecursionError):
        raise Trouble(f"cannot read {path}: it is no JSON; name a file that {wrote} wrote")
    if not isinstance(figures, dict):
        raise Trouble(f"cannot read {path}: it is no object; name a file that {wrote} wrote")
    return clean(figures)


def check_schema(figures: dict[str, Any], path: str, wrote: str) -> None:
    if figures.get("schema") != 1:
        raise Trouble(f"cannot draw {path}: its \"schema\" is {json.dumps(figures.get('schema'))}, and 1 is the only one known "
                      f"here; write it again with {wrote}")


def check(figures: dict[str, Any], shape: dict[str, Any], path: str, wrote: str) -> None:
    for damage in damages(figures, shape):
        raise Trouble(f"cannot draw {path}: {damage}; write it again with {wrote}")


# ---- numbers for people ----

def grouped(digits: str) -> str:
    """Commas between groups of three digits, from five digits on."""
    whole, point, rest = digits.partition(".")
    return (f"{int(whole):,}" if len(whole.lstrip("-")) >= 5 else whole) + point + rest


def three_digits(value: float, near_one: int) -> str:
    """`near_one`: decimals of what is at least 1 and less than 2."""
    if value == 0:
        return "0.00"
    scientific = f"{value:.2e}"
    exponent = int(scientific.split("e")[1])
    if exponent < -6 or exponent >= 15:
        return scientific
    return grouped(f"{value:.{near_one if exponent == 0 and value < 2 else max(0, 2 - exponent)}f}")


def exact(value: float) -> str:
    """As the tables have it: an integer with all its digits, others with three significant ones, ratios near one ("1.004")
    with three decimals."""
    return grouped(str(value)) if isinstance(value, int) else three_digits(value, 3)


def short(value: float) -> str:
    """For charts: three significant digits."""
    return three_digits(float(value), 2)


MONTHS = ("January February March April May June July August September October November December").split()


def readable_date(date: str, with_time: bool = False) -> str:
    """"22 November 2026, 23:59 UTC" of "2026-11-22T23:59:59Z"; what is no such date stays as it is."""
    try:
        year, month, day = (int(part) for part in date[:10].split("-"))
        that_day = f"{day} {MONTHS[month - 1] if month > 0 else MONTHS[12]} {year}"
    except (ValueError, IndexError):
        return date
    return f"{that_day}, {date[11:16]} UTC" if with_time and len(date) >= 16 else that_day
