"""The page of a benchmark: its values, which page.html lays out."""
import os
from typing import Any, Optional

import jinja2
from markupsafe import Markup, escape

from drawing import figures, loops
from drawing.loops import Chart

FOLDER = os.path.dirname(os.path.abspath(__file__))
SPOKEN = {"cpu": "CPU", "virtual": "virtual machine", "tsc_hz": "TSC, Hz", "constant_tsc": "constant TSC",
          "build": "build type", "others": "share of the processors that other programs had"}
LEGEND = {"host": "netmem, host memory", "device": "netmem, device memory", "huge": "netmem, huge pages",
          "floor": "floor: no pool at all", "peer": "peers"}
FAST_PATH = "page_pool01_fast_path"


def breakable(name: str) -> Markup:
    """A long name may go on in another line behind each part of it."""
    return Markup(str(escape(name)).replace("_", "_<wbr>").replace("/", "/<wbr>"))


def legend(charts: list[Chart]) -> list[tuple[str, str, str]]:
    used = set().union(*(chart.inks for chart in charts))
    return [("■", ink, says) for ink, says in LEGEND.items() if ink in used]


def shorter(ratio: dict[str, Any]) -> str:
    """"bulk_64, host : dpdk_mempool": the loop once when both sides are of one."""
    loop = ratio["above"].rsplit("/", 1)[0] + "/"
    if ratio["above"].startswith(loop) and ratio["below"].startswith(loop):
        return f"{loop[:-1]}, {ratio['above'][len(loop):]} : {ratio['below'][len(loop):]}"
    return ratio["name"]


def with_target(measured: dict[str, Any]) -> list[dict[str, Any]]:
    return [ratio for ratio in measured["ratios"] if figures.is_number(ratio.get("target"))]


def not_met(measured: dict[str, Any]) -> list[str]:
    return [f"{shorter(ratio)} {figures.exact(ratio['median'])} (at most {figures.exact(ratio['target'])})"
            for ratio in with_target(measured) if ratio["met"] is False]


def tiles(measured: dict[str, Any]) -> list[dict[str, str]]:
    """A few large numbers, where there is a verdict."""
    found = []
    for ratio in measured["ratios"]:
        if (ratio["above"], ratio["below"]) == (f"{FAST_PATH}/device", f"{FAST_PATH}/host"):
            found.append(tile(figures.exact(ratio["median"]), "×", "device : host, alloc and recycle "
                              f"({figures.exact(ratio['min'])} to {figures.exact(ratio['max'])})"))
    for loop in measured["loops"]:
        if loop["name"] == f"{FAST_PATH}/device":
            found.append(tile(figures.short(loop["cycles"]["median"]), "cycles", "alloc and recycle a page of device memory, "
                              f"{figures.short(loop['nanoseconds']['median'])} ns"))
    if decided := [ratio["met"] for ratio in with_target(measured) if ratio["met"] is not None]:
        found.append(tile(f"{sum(decided)} of {len(decided)}", "", "targets met"))
    keeps = [loop["bookkeeping"] for loop in measured["loops"]
             if loop["subject"].startswith("netmem") and loop["bookkeeping"] and loop["pages"] >= 16 * 1024]
    if keeps:
        found.append(tile(figures.short(max(keeps)), "bytes", f"of bookkeeping for each page (at most {loops.BOOKKEEPING})"))
    return found if measured["verdict"]["given"] else []


def tile(figure: str, unit: str, says: str) -> dict[str, str]:
    return {"figure": figure, "unit": unit, "says": says}


def missing(measured: dict[str, Any]) -> dict[str, list[str]]:
    """The names of what is missing for the same reason."""
    found: dict[str, list[str]] = {}
    for one in measured["missing"]:
        found.setdefault(one["reason"], []).append(one["name"])
    return found


def more_than(values: dict[str, Any], shape: dict[str, Any], *known: str) -> dict[str, Any]:
    """What nobody here knows, and stands on the page all the same."""
    return {key: value for key, value in values.items() if key not in shape and key not in known}


def everything(measured: dict[str, Any], experiment: Optional[dict[str, Any]]) -> dict[str, Any]:
    all_loops = measured["loops"]
    aimed = with_target(measured)
    values = {
        "figures": measured, "more": more_than(measured, figures.BENCH_PAGE, "schema"), "tiles": tiles(measured),
        "not_met": not_met(measured), "missing": missing(measured), "aimed": aimed,
        "other_ratios": [ratio for ratio in measured["ratios"] if ratio not in aimed],
        "groups": {group: [loop for loop in all_loops if loop["group"] == group] for group in loops.groups_of(all_loops)},
        "consumer": loops.consumer_charts(all_loops), "cross_core": loops.cross_core_charts(all_loops),
        "baseline": loops.baseline_charts(all_loops), "sizes": loops.size_charts(all_loops), "experiment": experiment}
    if experiment:
        values["experiment_charts"] = loops.experiment_charts(experiment)
        values["experiment_more"] = more_than(experiment, figures.EXPERIMENT, "schema")
        values["says_of"] = {build["build"]: build["build"] for loop in experiment["loops"] for build in loop["builds"]}
        values["says_of"] |= {build["name"]: build["says"] or build["name"] for build in experiment["builds"]}
    return values


def render(measured: dict[str, Any], experiment: Optional[dict[str, Any]] = None) -> str:
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(FOLDER), autoescape=True, trim_blocks=True,
                                     undefined=jinja2.ChainableUndefined)
    drawn: list[Chart] = []

    def svg(chart: Chart) -> Markup:
        drawn.append(chart)
        return Markup(chart.drawing.for_page(len(drawn)))

    environment.filters.update({"exact": figures.exact, "date": figures.readable_date, "breakable": breakable, "svg": svg,
                                "legend": legend, "title": loops.title_of,
                                "spoken": lambda key: SPOKEN.get(key, key.replace("_", " "))})
    with open(os.path.join(FOLDER, "page.css"), encoding="utf-8") as file:
        style = Markup(file.read())
    return environment.get_template("page.html").render(style=style, **everything(measured, experiment)).lstrip() + "\n"
