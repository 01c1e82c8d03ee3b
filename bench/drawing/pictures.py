"""The pictures of the README: the loops that say most, and packets a second of the AF_XDP port beside others."""
from typing import Any

from drawing import charts, figures, loops
from drawing.charts import Bar, Drawing

EDGE = 24
GROUPS = ("page_pool01_fast_path", "bulk_64", "cross_core_64")  # fast path, bulk, and back from another core
MODES = {"apart": "The kernel receives on the generator's processor (as a veth does), the program spins on its own",
         "together": "The kernel's receiving thread and the program, which waits when there is nothing, share one processor"}
RECEIVERS = {"bare": "libxdp", "testpmd": "testpmd", "recvmmsg": "recvmmsg()", "netmem": "netmem",
             "netmem_split": "netmem, split", "bare_echo": "echo: libxdp", "testpmd_echo": "echo: testpmd",
             "testpmd_5tswap": "echo: testpmd, IP too", "netmem_echo": "echo: netmem", "netmem_program": "echo: netmem echo"}


def frame(drawing: Drawing, title: str, says: str, foot: list[str]) -> None:
    width, height = drawing.width, drawing.height
    axes = drawing.text_axes
    axes.set_zorder(-1)
    axes.add_patch(charts.Rectangle((0.5, 0.5), width - 1, height - 1, facecolor=charts.INKS["card"],
                                    edgecolor=charts.INKS["grid"], linewidth=1))
    drawing.text(EDGE, 35, title, 18, bold=True)
    drawing.text(EDGE, 56, says, 13, "dim")
    for line, text in enumerate(reversed(foot)):
        drawing.text(EDGE, height - 14 - 20 * line, text, 12, "dim")


# ---- netmem bench ----

def machine_of(measured: dict[str, Any]) -> str:
    parts = [measured["machine"].get(key) for key in ("cpu", "kernel", "compiler")]
    commit = [f"commit {measured['commit']}"] if measured["commit"] else []
    return ", ".join([figures.readable_date(measured["date"]), *filter(None, parts), *commit])


def summary_of_loops(measured: dict[str, Any]) -> dict[str, Any]:
    """As much of the figures as the picture is drawn from."""
    kept = {key: measured[key] for key in ("schema", "date", "commit", "repetitions")}
    kept["machine"] = {key: measured["machine"].get(key) for key in ("cpu", "kernel", "compiler")}
    kept["loops"] = [{key: loop[key] for key in figures.PART_OF_LOOP} for loop in measured["loops"] if loop["group"] in GROUPS]
    return kept


def picture_of_loops(measured: dict[str, Any]) -> Drawing:
    panels = [panel for panel in (loops.of_group(measured["loops"], group) for group in GROUPS) if panel]
    if not panels:
        raise figures.Trouble(f"cannot draw the picture: the figures have none of the loops {', '.join(GROUPS)}; measure them, or "
                              "draw a page, which shows what there is")
    width, head = 900, 96
    height = head + charts.height_of_bars(max(map(len, panels))) + 56
    drawing = Drawing(width, height, "netmem beside what people would pick instead: cycles for a page, less is better")
    frame(drawing, "Cycles for a page, less is better",
          "netmem on host and on device memory, beside what people would pick instead",
          [f"Medians of {figures.exact(measured['repetitions'])} repetitions in one run; whiskers from the least to the greatest; "
           "a broken bar goes on.", charts.shortened(machine_of(measured), 130)])
    step = (width - EDGE) // len(panels)
    for number, panel in enumerate(panels):
        left = EDGE + number * step
        drawing.text(left, head - 12, loops.title_of(panel[0]["group"]), 13, bold=True)
        charts.put_bars(drawing, left, head, step - EDGE, loops.bars_of(panel, measured["loops"]), loops.end_of(panel))
    return drawing


# ---- bench/xdp-throughput ----

def summary_of_packets(measured: dict[str, Any]) -> dict[str, Any]:
    """Millions of packets a second, over the rounds, of what is drawn."""
    rates: dict[tuple, list[float]] = {}
    for run in measured["runs"]:
        if run["mode"] in MODES and not run["task"].startswith("drop_") and run["seconds"] > 0:
            count = run["returned" if run["task"] == "echo" else "received"]
            rates.setdefault((run["mode"], run["size"], run["receiver"]), []).append(count / run["seconds"] / 1e6)
    kept = {key: measured[key] for key in ("schema", "date", "commit", "machine", "rounds")}
    kept["rates"] = [{"mode": mode, "size": size, "receiver": receiver, **spread(values)}
                     for (mode, size, receiver), values in rates.items()]
    return kept


def spread(values: list[float]) -> dict[str, float]:
    values, half = sorted(values), len(values) // 2
    median = values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2
    return {"min": round(values[0], 4), "median": round(median, 4), "max": round(values[-1], 4)}


def bar_of(rate: dict[str, Any]) -> Bar:
    name = rate["receiver"]
    ours = name.startswith("netmem")
    ink = "device" if name == "netmem_split" else "host" if ours else "peer"
    return Bar(RECEIVERS.get(name, name), f"{rate['median']:.2f}", rate["min"], rate["median"], rate["max"], ink, ours)


def rows_of(measured: dict[str, Any]) -> dict[str, dict[int, list[Bar]]]:
    """For each mode, for each size of frames: the bars."""
    rows: dict[str, dict[int, list[Bar]]] = {mode: {} for mode in MODES}
    for rate in measured["rates"]:
        rows.setdefault(rate["mode"], {}).setdefault(rate["size"], []).append(bar_of(rate))
    return {mode: panels for mode, panels in rows.items() if panels}


def picture_of_packets(measured: dict[str, Any]) -> Drawing:
    rows = rows_of(measured)
    if not rows:
        raise figures.Trouble("cannot draw the picture: the figures have no rates; measure with bench/xdp-throughput --json")
    width, head, row_head = 1000, 84, 56
    heights = {mode: row_head + charts.height_of_bars(max(map(len, panels.values()))) for mode, panels in rows.items()}
    drawing = Drawing(width, head + sum(heights.values()) + 48,
                      "netmem's AF_XDP port beside others: packets a second, more is better")
    frame(drawing, "Millions of packets a second, more is better",
          "AF_XDP in copy mode on a veth pair: received and dropped, with header split into device memory, and echoed",
          [f"Medians of {figures.exact(measured['rounds'])} rounds, whiskers from the least to the greatest. "
           f"{figures.readable_date(measured['date'])}, {measured['machine']}, commit {measured['commit']}"])
    top = head
    for mode, panels in rows.items():
        put_row(drawing, MODES.get(mode, mode), panels, top, row_head)
        top += heights[mode]
    return drawing


def put_row(drawing: Drawing, title: str, panels: dict[int, list[Bar]], top: int, head: int) -> None:
    drawing.text(EDGE, top + 16, title, 13, bold=True)
    step = (drawing.width - EDGE) // len(panels)
    for number, (size, bars) in enumerate(panels.items()):
        left = EDGE + number * step
        drawing.text(left, top + 38, f"{size} byte frames", 13, "dim")
        charts.put_bars(drawing, left, top + head - 10, step - EDGE, bars, max(bar.high for bar in bars) * 1.03)
