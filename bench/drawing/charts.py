"""The kinds of charts that figures need, drawn by matplotlib into SVG. Positions are pixels, from the left and from the top."""
import io
import logging
import math
import re
import xml.etree.ElementTree as xml
from dataclasses import dataclass, field

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.transforms import blended_transform_factory

# Of Okabe and Ito's palette, which people who see few colours can tell apart, and greys. page.css has them for dark screens.
INKS = {"text": "#1b1f24", "dim": "#59636e", "grid": "#d9dee4", "card": "#ffffff", "host": "#0072b2", "device": "#d55e00",
        "huge": "#56b4e9", "floor": "#7d8590", "peer": "#b4bcc6", "one": "#009e73", "two": "#e69f00", "three": "#cc79a7",
        "four": "#8c6bb1"}
NAMES = {colour: name for name, colour in INKS.items()}

ROW = 35           # a bar with its label above it
SCALE = 22         # the numbers below the bars
LETTER = 7.4       # mean width of a letter of the labels
FAR_APART = 15     # greatest : least, from which on a scale is logarithmic
MOST_NOISE = 1.5   # greatest : median that a scale has room for

matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "netmem", "text.parse_math": False})
logging.getLogger("matplotlib").setLevel(logging.ERROR)  # a font without some letter: the reader's has it


@dataclass(frozen=True)
class Bar:
    """A median with its least and its greatest, and how it is written."""
    label: str
    value: str
    low: float
    middle: float
    high: float
    ink: str
    strong: bool = False


@dataclass
class Series:
    """A line through points (x, least, median, greatest)."""
    ink: str
    marker: str
    size: float
    width: float
    hollow: bool = False
    points: list[tuple[float, float, float, float]] = field(default_factory=list)


class Drawing:
    def __init__(self, width: int, height: int, says: str):
        self.width, self.height, self.says = width, height, says
        self.figure = Figure(figsize=(width / 72, height / 72), dpi=72, frameon=False)
        self.text_axes = self.axes(0, 0, width, height, (0, width), (height, 0))

    def axes(self, left: float, top: float, width: float, height: float, across: tuple, down: tuple):
        made = self.figure.add_axes([left / self.width, 1 - (top + height) / self.height, width / self.width,
                                     height / self.height], xlim=across, ylim=down)
        made.set_axis_off()
        return made

    def text(self, x: float, y: float, text: str, size: int = 13, ink: str = "text", bold: bool = False) -> None:
        put_text(self.text_axes, x, y, text, "left", size, ink, bold)

    def svg(self) -> xml.Element:
        written = io.StringIO()
        FigureCanvasSVG(self.figure).print_svg(written, metadata={"Date": None})
        return xml.fromstring(written.getvalue())

    def for_page(self, number: int) -> str:
        """To stand in HTML, in the inks of the page. `number` makes its ids its own."""
        root = cleaned(self.svg(), f"d{number}-")
        for part in root.iter():
            if "style" in part.attrib:
                part.set("style", re.sub("#[0-9a-f]{6}", lambda hex: f"var(--{NAMES[hex[0]]})" if hex[0] in NAMES else hex[0],
                                         part.get("style")))
        root.attrib = {"viewBox": f"0 0 {self.width} {self.height}", "role": "img", "aria-label": self.says}
        return xml.tostring(root, encoding="unicode")

    def for_file(self) -> str:
        root = cleaned(self.svg(), "")
        root.attrib = {"xmlns": "http://www.w3.org/2000/svg", "width": str(self.width), "height": str(self.height),
                       "viewBox": f"0 0 {self.width} {self.height}", "role": "img",
                       "font-family": "Helvetica, Arial, sans-serif"}
        title, drawn_by = xml.Element("title"), xml.Element("desc")
        title.text, drawn_by.text = self.says, f"Drawn by matplotlib {matplotlib.__version__}"
        root[:0] = [title, drawn_by]
        xml.indent(root, "")
        return xml.tostring(root, encoding="unicode") + "\n"


def cleaned(root: xml.Element, prefix: str) -> xml.Element:
    """Without namespaces, metadata, clips, styles for all of a page, and ids that nobody refers to; fonts are the reader's."""
    used = {value[1:] for part in root.iter() for name, value in part.attrib.items() if name.endswith("href")}
    for part in root.iter():
        part.tag = part.tag.split("}")[-1]
        attributes = {name.split("}")[-1]: value for name, value in part.attrib.items() if name != "clip-path"}
        if "id" in attributes:
            name = attributes.pop("id")
            attributes |= {"id": prefix + name} if name in used else {}
        if "href" in attributes:
            attributes["href"] = "#" + prefix + attributes["href"][1:]
        part.attrib = with_plain_font(attributes) if part.tag == "text" else attributes
    return without_ballast(root)


def with_plain_font(attributes: dict[str, str]) -> dict[str, str]:
    style = attributes.pop("style", "")
    attributes.pop("transform", None)  # a rotation by nothing
    font = " ".join(re.findall(r"font[\w-]*: ([^;]*)", style))
    plain = {"font-size": re.search(r"([\d.]+)px", font)[1]}
    if re.search(r"\b[6-9]00\b|bold", font):
        plain["font-weight"] = "bold"
    rest = "; ".join(part.strip() for part in style.split(";") if part.strip() and not part.strip().startswith("font"))
    return {**attributes, **plain, **({"style": rest} if rest else {})}


def without_ballast(element: xml.Element) -> xml.Element:
    for part in list(element):
        without_ballast(part)
        empty = part.tag in ("g", "defs") and len(part) == 0
        if empty or part.tag in ("metadata", "style", "clipPath"):
            element.remove(part)
        elif part.tag == "g" and not part.attrib:
            place = list(element).index(part)
            element[place:place + 1] = list(part)
    return element


# ---- parts of charts ----

def put_text(axes, x, y, text, align, size=13, ink="text", bold=False, across=None) -> None:
    axes.text(x, y, text, ha=align, va="baseline", fontsize=size, color=INKS[ink], weight="bold" if bold else "normal",
              **({"transform": across} if across else {}))


def put_line(axes, x, y, ink, width=1.0, **more) -> None:
    axes.plot(x, y, color=INKS[ink], linewidth=width, solid_capstyle="butt", **more)


def step_of(length: float, most: int) -> float:
    """1, 2 or 5 times a power of ten, so that there are at most `most` steps."""
    power = 10 ** math.floor(math.log10(length / most))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= length / most), 10 * power)


def steps(first: float, last: float, step: float) -> list[float]:
    return [number * step for number in range(math.ceil(first / step - 1e-9), math.floor(last / step + 1e-9) + 1)]


def written(value: float, greatest: float) -> str:
    """A number of a scale: "20k", since what is long would leave the chart."""
    return f"{value / 1000:g}k" if greatest >= 10_000 and value else f"{value:g}"


def shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most - 1] + "…"


def height_of_bars(count: int) -> int:
    return count * ROW + SCALE


def put_labels(axes, bars: list[Bar], width: float) -> None:
    across = blended_transform_factory(axes.transAxes, axes.transData)
    for row, bar in enumerate(bars):
        room = max(4, int(width / LETTER) - len(bar.value) - 2)
        put_text(axes, 0, row + 0.38, shortened(bar.label, room), "left", 13, "text", bar.strong, across)
        put_text(axes, 1, row + 0.38, bar.value, "right", 13, "text", bar.strong, across)


def put_scale(axes, rows: int, ticks: list[float], form) -> None:
    for tick in ticks:
        put_line(axes, [tick, tick], [0, rows], "grid", zorder=0)
        put_text(axes, tick, rows + 0.5, form(tick), "center", 12, "dim")


def put_rectangle(axes, row: int, left: float, right: float, ink: str) -> None:
    axes.add_patch(Rectangle((left, row + 0.53), right - left, 0.34, color=INKS[ink], linewidth=0, zorder=1))


def put_whisker(axes, row: int, bar: Bar, first: float, last: float) -> None:
    """With a seam in the card's colour, to be seen on the bar too. It has no cap where it goes on beyond the scale."""
    low, high, y = max(bar.low, first), min(bar.high, last), row + 0.70
    x, heights = [low, high], [y, y]
    for end, inside in ((bar.low, bar.low >= first), (bar.high, bar.high <= last)):
        if inside:
            x += [math.nan, end, end]
            heights += [math.nan, y - 0.09, y + 0.09]
    put_line(axes, x, heights, "card", 3.4, zorder=2)
    put_line(axes, x, heights, "text", 1.4, zorder=3)


def put_bars(drawing: Drawing, left: int, top: int, width: int, bars: list[Bar], end: float) -> None:
    """From zero to `end`. A bar that is longer is broken near its end, and has no whisker."""
    end = end if end > 0 else 1
    axes = drawing.axes(left, top, width, len(bars) * ROW, (0, end), (len(bars), 0))
    put_labels(axes, bars, width)
    put_scale(axes, len(bars), steps(0, end, step_of(end, 5)), lambda tick: written(tick, end))
    for row, bar in enumerate(bars):
        if bar.middle > end:
            put_rectangle(axes, row, 0, end * 0.93, bar.ink)
            put_rectangle(axes, row, end * 0.95, end, bar.ink)
        else:
            put_rectangle(axes, row, 0, bar.middle, bar.ink)
            put_whisker(axes, row, bar, 0, end)


def put_ratio_bars(drawing: Drawing, left: int, top: int, width: int, bars: list[Bar], margin: float) -> None:
    """From one, to the left and to the right, with the band of what makes no difference."""
    reach = max([2 * margin, 0.001 / 1.08, *(max(bar.high - 1, 1 - bar.low) for bar in bars)]) * 1.08
    axes = drawing.axes(left, top, width, len(bars) * ROW, (1 - reach, 1 + reach), (len(bars), 0))
    axes.add_patch(Rectangle((1 - margin, 0), 2 * margin, len(bars), color=INKS["grid"], linewidth=0, zorder=0))
    put_labels(axes, bars, width)
    put_scale(axes, len(bars), steps(1 - reach, 1 + reach, step_of(2 * reach, 6)),
              lambda tick: f"{tick:.{3 if reach < 0.02 else 2}f}")
    put_line(axes, [1, 1], [0, len(bars)], "dim", zorder=1)
    for row, bar in enumerate(bars):
        put_rectangle(axes, row, min(1.0, bar.middle), max(1.0, bar.middle), bar.ink)
        put_whisker(axes, row, bar, 1 - reach, 1 + reach)


def scale_of_heights(series: list[Series], limit: float) -> tuple[float, float, list[float], bool]:
    """Lowest, highest, the numbers beside it, and whether it is logarithmic."""
    points = [point for one in series for point in one.points]
    most = max(min(max(point[3] for point in points), MOST_NOISE * max(point[2] for point in points)), limit)
    least = min(point[1] for point in points)
    if least > 0 and most > FAR_APART * least:
        low, high = least * 0.8, most * 1.3
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        factors = (1, 2, 5) if math.log10(high / low) < 2.2 else (1,)
        return low, high, [f * 10.0 ** p for p in powers for f in factors if low <= f * 10.0 ** p <= high], True
    step = step_of(most or 1, 5)
    high = step * math.ceil(most / step * 1.04)
    return 0, high, steps(0, high, step), False


def put_lines(drawing: Drawing, left: int, top: int, width: int, height: int, series: list[Series],
              ticks: dict[float, str], limit: float = 0) -> None:
    """x is linear, y logarithmic when the points are far apart. `limit` above 0: a broken line across, at that height."""
    low, high, numbers, logarithmic = scale_of_heights(series, limit)
    room = max(0.3, (max(ticks) - min(ticks)) * 0.06)
    first, last = min(ticks) - room, max(ticks) + room
    axes = drawing.axes(left, top, width, height, (first, last), (low, high))
    if logarithmic:
        axes.set_yscale("log")
    for number in numbers:
        put_line(axes, [first, last], [number, number], "grid", zorder=0)
        axes.annotate(written(number, high), (first, number), (-6, -4), textcoords="offset points", ha="right",
                      va="baseline", fontsize=12, color=INKS["dim"])
    put_line(axes, [first, last], [low, low], "dim", zorder=1)
    taken = -math.inf
    for at, label in sorted(ticks.items()):
        if at - taken >= room * 2.2:
            taken = at
            axes.annotate(label, (at, low), (0, -16), textcoords="offset points", ha="center", va="baseline", fontsize=12,
                          color=INKS["dim"])
    if limit > 0:
        put_line(axes, [first, last], [limit, limit], "text", 1.5, linestyle=(0, (4, 3)), zorder=1)
    for layer, one in enumerate(series):
        put_series(axes, one, low, high, 2 + layer)


def put_series(axes, one: Series, low: float, high: float, layer: int) -> None:
    inside = lambda value: min(max(value, low), high)
    x = [point[0] for point in one.points]
    middles = [inside(point[2]) for point in one.points]
    for at, least, _, greatest in one.points:
        put_line(axes, [at, at], [inside(least), inside(greatest)], one.ink, 1.2, zorder=layer)
    put_line(axes, x, middles, one.ink, one.width, marker=one.marker, markersize=one.size, zorder=layer,
             markeredgewidth=1.2, markerfacecolor=INKS["card"] if one.hollow else INKS[one.ink])
