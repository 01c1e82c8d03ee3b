"""What the loops of a benchmark are called for people, in which order they stand, and which charts they make."""
import math
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

from drawing import charts, figures
from drawing.charts import Bar, Drawing, Series

Loop = dict[str, Any]

WIDTH = 320            # of a chart: readable on a phone as it is
LINES_HEIGHT = 210
MOST_PEERS = 4         # lines of others than netmem in a chart: more of them nobody can follow
LONGEST = 12           # a bar may be so many times netmem's; longer ones are broken
BOOKKEEPING = 80       # bytes a page, at most (kMostBookkeeping of the benchmark)

TITLES = {"page_pool01_fast_path": "Alloc and recycle, on the consumer", "page_pool02_ptr_ring": "Through the return ring",
          "page_pool03_slow": "Through the provider, page by page", "alloc_drop": "Alloc and drop",
          "baseline": "What this machine charges", "cross_core_1": "Back from another core, one by one"}
TITLES_OF_MANY = {"cross_core_64_from_": "Back from {} other cores, 64 at once", "cross_core_": "Back from another core, {} at once",
                  "burst_": "Bursts of {}", "bulk_drop_": "Dropped in bulk, {} at once", "bulk_": "In bulk, {} at once",
                  "fragment_": "Fragments of {} bytes", "shared_": "Pages with {} references", "page_size_": "Pages of {}",
                  "pool_of_": "Pools of {} pages"}


@dataclass
class Chart:
    title: str
    code: str                    # the group; empty where it stands for several
    says: str                    # what is drawn against what
    drawing: Drawing
    note: str = ""               # what was left out
    inks: set[str] = field(default_factory=set)                       # of bars
    keys: list[tuple[str, str, str]] = field(default_factory=list)    # of lines: mark, ink, label


def title_of(group: str) -> str:
    if group in TITLES:
        return TITLES[group]
    for prefix, title in TITLES_OF_MANY.items():
        if group.startswith(prefix):
            return title.format(group[len(prefix):])
    return group


def slug_of(loop: Loop) -> str:
    return loop["name"].split("/", 1)[-1]


def kind_of(loop: Loop) -> int:
    """0 netmem, 1 floor, 2 peer: the order in which they stand."""
    if slug_of(loop) in ("array", "ring") or loop["group"] == "baseline":
        return 1
    return 0 if loop["subject"].startswith("netmem") else 2


def label_of(loop: Loop, loops: list[Loop]) -> str:
    same = sum(other["group"] == loop["group"] and other["subject"] == loop["subject"] for other in loops)
    return loop["name"] if same > 1 or not loop["subject"] else loop["subject"]


def ink_of(loop: Loop) -> str:
    slug = slug_of(loop)
    return (slug if slug in ("host", "device") else "huge", "floor", "peer")[kind_of(loop)]


def groups_of(loops: list[Loop]) -> list[str]:
    return list(dict.fromkeys(loop["group"] for loop in loops))


def of_group(loops: list[Loop], group: str) -> list[Loop]:
    """netmem's as they come, then the floors, then the peers from the fastest to the slowest."""
    found = [loop for loop in loops if loop["group"] == group]
    return sorted(found, key=lambda loop: (kind_of(loop), loop["cycles"]["median"] if kind_of(loop) == 2 else 0))


def bars_of(loops: list[Loop], all_loops: list[Loop]) -> list[Bar]:
    return [Bar(label_of(loop, all_loops), figures.short(loop["cycles"]["median"]), loop["cycles"]["min"],
                loop["cycles"]["median"], loop["cycles"]["max"], ink_of(loop), kind_of(loop) == 0) for loop in loops]


def end_of(loops: list[Loop]) -> float:
    """Where the scale ends: at the longest bar, but netmem's must not vanish beside it."""
    medians = [loop["cycles"]["median"] for loop in loops]
    ours = [loop["cycles"]["median"] for loop in loops if kind_of(loop) == 0]
    longest = min(max(loop["cycles"]["max"] for loop in loops), charts.MOST_NOISE * max(medians))
    return (min(longest, LONGEST * max(ours)) if ours and max(ours) > 0 else longest) * 1.02


# ---- bars: a chart for each group ----

def note_on(bars: list[Bar], end: float) -> str:
    if any(bar.middle > end for bar in bars):
        return "A broken bar goes on: its number counts."
    return "A whisker at the edge goes on: the tables have it." if any(bar.high > end for bar in bars) else ""


def in_words(title: str, what: str, bars: list[Bar]) -> str:
    return f"{title}, {what}: " + "; ".join(f"{bar.label} {bar.value}" for bar in bars)


def bar_chart(loops: list[Loop], group: str) -> Chart:
    members = of_group(loops, group)
    bars, end = bars_of(members, loops), end_of(members)
    drawing = Drawing(WIDTH, charts.height_of_bars(len(bars)),
                      in_words(title_of(group), "median cycles per element", bars))
    charts.put_bars(drawing, 4, 0, WIDTH - 16, bars, end)
    says = "cycles for one" if group == "baseline" else "cycles for one: " + members[0]["element"]
    return Chart(title_of(group), group, says, drawing, note_on(bars, end), {bar.ink for bar in bars})


def bar_charts(loops: list[Loop], wanted: Callable[[str], bool]) -> list[Chart]:
    return [bar_chart(loops, group) for group in groups_of(loops) if wanted(group)]


def consumer_charts(loops: list[Loop]) -> list[Chart]:
    return bar_charts(loops, lambda group: not group.startswith(("cross_core_", "pool_of_", "page_size_")) and
                      group != "baseline")


def cross_core_charts(loops: list[Loop]) -> list[Chart]:
    return bar_charts(loops, lambda group: group.startswith("cross_core_"))


def baseline_charts(loops: list[Loop]) -> list[Chart]:
    return bar_charts(loops, lambda group: group == "baseline")


# ---- lines: cost against a size ----

@dataclass(frozen=True)
class Curves:
    """A figure of the loops of some groups against another one."""
    title: str
    says: str
    prefix: str                   # of the groups
    across: str                   # the member whose logarithm is x
    from_producers: bool = False  # whether groups with several producers belong to it
    bookkeeping: bool = False     # bytes, not cycles


CURVES = [
    Curves("Pool size", "cycles for one, against the pages of the pool", "pool_of_", "pages"),
    Curves("Bookkeeping", "bytes a page, against the pages of the pool", "pool_of_", "pages", bookkeeping=True),
    Curves("Producers", "cycles for one returned in batches of 64, against the threads that return", "cross_core_64",
           "producers", from_producers=True),
    Curves("Batch", "cycles for one returned from another core, against the batch", "cross_core_", "batch"),
    Curves("Page size", "cycles for one, against the bytes of a page", "page_size_", "page_size"),
]


def belongs(what: Curves, loop: Loop) -> bool:
    if not loop["group"].startswith(what.prefix) or loop[what.across] <= 0 or (what.bookkeeping and not loop["bookkeeping"]):
        return False
    rest = loop["group"][len(what.prefix):]
    return (not rest or rest.startswith("_from_")) if what.from_producers else "_from_" not in rest


def curves_of(loops: list[Loop], what: Curves) -> list[tuple[Loop, list[tuple]]]:
    """For each slug its first loop and its points, where there are several."""
    found: dict[str, tuple[Loop, list[tuple]]] = {}
    for loop in loops:
        if belongs(what, loop):
            values = [loop["bookkeeping"]] * 3 if what.bookkeeping else [loop["cycles"][key] for key in ("min", "median", "max")]
            found.setdefault(slug_of(loop), (loop, []))[1].append((math.log2(loop[what.across]), *values))
    return [(loop, sorted(points)) for loop, points in found.values() if len(points) > 1]


def best_of(curves: list) -> list:
    """The fastest of the peers only."""
    peers = sorted(points[-1][2] for loop, points in curves if kind_of(loop) == 2)
    worst = peers[min(MOST_PEERS, len(peers)) - 1] if peers else 0
    return [(loop, points) for loop, points in curves if kind_of(loop) != 2 or points[-1][2] <= worst]


def look_of(loop: Loop, peers: int) -> tuple[str, Series, int]:
    """Its mark in a legend, its line without points, and its layer. Host memory is drawn last and thinner than device memory:
    where both are the same both are seen. `peers`: how many came before."""
    if kind_of(loop) == 2:
        mark, ink, marker = [("▲", "one", "^"), ("◆", "two", "D"), ("▼", "three", "v"), ("■", "four", "s")][peers % MOST_PEERS]
        return mark, Series(ink, marker, 5, 1.2), 0
    if kind_of(loop) == 1:
        return "□", Series("floor", "s", 5, 1.2, True), 0
    return {"device": ("○", Series("device", "o", 9, 3.4, True), 2), "host": ("●", Series("host", "o", 4, 1.6), 3),
            "huge": ("■", Series("huge", "s", 5, 1.6), 1)}.get(slug_of(loop), ("◇", Series("huge", "D", 6, 1.6, True), 1))


def short_number(value: float) -> str:
    """"64", "4K", "1M": powers of 1024 where nothing is lost."""
    for unit in ("", "K", "M", "G"):
        if value < 1024 or value % 1024:
            return f"{value:.0f}{unit}"
        value /= 1024
    return f"{value:.0f}T"


def line_chart(loops: list[Loop], what: Curves) -> Optional[Chart]:
    every = curves_of(loops, what)
    ticks = {point[0]: short_number(round(2 ** point[0])) for _, points in every for point in points}
    if len(ticks) < 2:
        return None
    curves = sorted(best_of(every), key=lambda curve: kind_of(curve[0]))
    chart = Chart(what.title, "", what.says,
                  Drawing(WIDTH, LINES_HEIGHT, f"{what.title}: {what.says}; the tables below have the numbers"))
    layers = []
    for loop, points in curves:
        mark, series, layer = look_of(loop, sum(ink in ("one", "two", "three", "four") for _, ink, _ in chart.keys))
        series.points = points
        layers.append((layer, series))
        chart.keys.append((mark, series.ink, label_of(loop, loops)))
    charts.put_lines(chart.drawing, 42, 8, WIDTH - 54, LINES_HEIGHT - 34,
                     [series for _, series in sorted(layers, key=lambda one: one[0])], ticks,
                     BOOKKEEPING if what.bookkeeping else 0)
    chart.note = note_on_lines(len(every) - len(curves), what.bookkeeping)
    return chart


def note_on_lines(left_out: int, bookkeeping: bool) -> str:
    if bookkeeping:
        return f"The broken line is the target: {BOOKKEEPING} bytes."
    return {0: "", 1: "The slowest is in the tables only."}.get(left_out, f"The {left_out} slowest are in the tables only.")


def size_charts(loops: list[Loop]) -> list[Chart]:
    return [chart for chart in (line_chart(loops, what) for what in CURVES) if chart]


# ---- the experiment: a chart for each of its loops ----

def experiment_chart(loop: Loop, margin: float) -> Optional[Chart]:
    inks = {"slower": "two", "faster": "one"}
    bars = [Bar(build["build"].replace("_", " "), f"{build['verdict']}, {figures.exact(build['ratio']['median'])}",
                build["ratio"]["low"], build["ratio"]["median"], build["ratio"]["high"], inks.get(build["verdict"], "host"),
                build["verdict"] == "slower")
            for build in loop["builds"] if build.get("ratio") and build.get("verdict") != "reference"]
    if not bars:
        return None
    says = "time : time of the build for host memory only"
    drawing = Drawing(WIDTH, charts.height_of_bars(len(bars)), in_words(title_of(loop["name"]), says, bars))
    charts.put_ratio_bars(drawing, 4, 0, WIDTH - 16, bars, margin)
    return Chart(title_of(loop["name"]), loop["name"], says, drawing)


def experiment_charts(experiment: dict[str, Any]) -> list[Chart]:
    found = [experiment_chart(loop, experiment["margin"]) for loop in experiment["loops"]]
    return [chart for chart in found if chart]
