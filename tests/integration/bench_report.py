"""Whether a page of bench/report shows the figures of its JSON, and looks right in a browser.

  bench_report.py FIGURES.json PAGE.html [--experiment FILE] [--browser CHROMIUM]

Without CHROMIUM only the file is looked at. Each check is also shown pages that are wrong, and has to say so.
"""
import argparse
import html.parser
import json
import pathlib
import re
import subprocess
import sys
import tempfile

VOID = {"meta", "wbr", "link", "img", "br", "input", "base"}
FORBIDDEN = {"script", "link", "img", "iframe", "object", "embed", "base", "form", "audio", "video", "image", "foreignobject"}


def format_figure(number, near_one=3):
    """What bench/drawing/figures.py says of exact()."""
    if isinstance(number, int):
        return f"{number:,}" if abs(number) >= 10000 else str(number)
    if number == 0:
        return "0.00"
    scientific = f"{number:.2e}"
    exponent = int(scientific.split("e")[1])
    if exponent < -6 or exponent >= 15:
        return scientific
    text = f"{number:.{near_one if exponent == 0 and number < 2 else max(0, 2 - exponent)}f}"
    return f"{int(text):,}" if "." not in text and abs(int(text)) >= 10000 else text


def format_text(text):
    text = text.replace("\n", " ").replace("\t", " ")
    return " ".join("".join("\ufffd" if ord(c) < 32 or ord(c) == 127 else c for c in text).split())


class Element:
    def __init__(self, tag, attributes, parent):
        self.tag, self.attributes, self.parent, self.parts = tag, attributes, parent, []

    def text(self):
        if self.tag in ("style", "title"):
            return ""
        inline = self.tag in ("b", "code", "small", "a") or any(getattr(part, "tag", "") == "wbr" for part in self.parts)
        return ("" if inline else " ").join(part if isinstance(part, str) else part.text() for part in self.parts)

    def words(self):
        return " ".join(self.text().split())

    def find(self, *tags):
        for part in self.parts:
            if isinstance(part, Element):
                if part.tag in tags:
                    yield part
                yield from part.find(*tags)


class Parser(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.root = self.here = Element("root", {}, None)

    def handle_starttag(self, tag, attributes):
        element = Element(tag, dict(attributes), self.here)
        self.here.parts.append(element)
        if tag not in VOID:
            self.here = element

    def handle_startendtag(self, tag, attributes):
        self.here.parts.append(Element(tag, dict(attributes), self.here))

    def handle_endtag(self, tag):
        while self.here.parent and self.here.tag != tag:
            self.here = self.here.parent
        self.here = self.here.parent or self.here

    def handle_data(self, data):
        self.here.parts.append(data)


def parse(source):
    parser = Parser()
    parser.feed(source)
    return parser.root


def numbers_in(value):
    if isinstance(value, bool):
        return
    if isinstance(value, (int, float)):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        yield from numbers_in(part)


def spread(values, least="min", most="max"):
    return [format_figure(values[key]) for key in (least, "median", most)] if values else ["", "", ""]


def wanted_rows(figures):
    """{label of a table: rows}: what must stand there, cell by cell."""
    tables = {"ratios with a target": [], "other ratios": [], "the four builds": []}
    for loop in figures["loops"]:
        tables.setdefault(format_text(loop["group"]), []).append(
            [loop["name"], loop["subject"], *spread(loop["cycles"]), *spread(loop["nanoseconds"]),
             *(format_figure(loop[key]) for key in ("elements", "batch", "producers", "pages", "page_size", "bookkeeping")),
             loop["element"]])
        each = [" ".join(format_figure(one[what]) for one in loop["repetitions"]) for what in ("cycles", "nanoseconds")]
        tables.setdefault("each repetition of " + format_text(loop["group"]), []).append([loop["name"], *each])
    for ratio in figures["ratios"]:
        if ratio["target"] is None:
            tables["other ratios"].append([ratio["name"], *spread(ratio), format_figure(ratio["spread"])])
        else:
            says = {True: "✓ met", False: "✗ NOT met", None: "spreads widely"}[ratio["met"]]
            tables["ratios with a target"].append(
                [ratio["name"], *spread(ratio), format_figure(ratio["spread"]), format_figure(ratio["target"]),
                 says if figures["verdict"]["given"] else "no verdict"])
    experiment = figures["experiment"] or {"builds": [], "loops": []}
    says = {build["name"]: build["says"] for build in experiment["builds"]}
    for loop in experiment["loops"]:
        for build in loop["builds"]:
            counted = build.get("instructions")
            tables["the four builds"].append(
                [loop["name"], says.get(build["build"]) or build["build"],
                 "not counted" if counted is None else format_figure(counted), *spread(build.get("cycles")),
                 *spread(build.get("ratio"), "low", "high"), build.get("verdict", "")])
    return tables


def problems_of_rows(figures, root):
    shown = {}
    for place in root.find("div"):
        if place.attributes.get("class") == "scroll":
            rows = [[cell.words() for cell in row.find("th", "td")] for row in place.find("tr")]
            shown.setdefault(" ".join(place.attributes["aria-label"].split()), []).extend(rows)
    for label, rows in wanted_rows(figures).items():
        for row in rows:
            row = [format_text(cell) for cell in row]
            if row not in shown.get(" ".join(label.split()), []):
                yield f"table \"{label}\" has no row {row}"


def problems_of_numbers(figures, root):
    tokens = set(re.findall(r"-?\d[\d,]*(?:\.\d+)?(?:e[+-]\d+)?", root.text()))
    for number in numbers_in(figures):
        if format_figure(number) not in tokens:
            yield f"the page has no {format_figure(number)} ({number})"


def problems_of_texts(figures, root):
    text = root.words()
    machine = [value for value in figures["machine"].values() if isinstance(value, str)] + figures["machine"]["notes"]
    missing = [one[key] for one in figures["missing"] for key in ("name", "reason")]
    experiment = [figures["experiment"]["says"]] if figures["experiment"] else []
    for one in [*machine, *missing, *experiment, figures["commit"], figures["netmem"], figures["unit"],
                figures["verdict"]["says"]]:
        if format_text(one) not in text:
            yield f"the page does not say {one!r}"
    if not figures["verdict"]["given"]:
        if not text.startswith(format_text(figures["verdict"]["says"])):
            yield "the first line does not say that there is no verdict"
        if "✓" in text or "✗" in text or "targets met" in text:
            yield "there is a verdict all the same"


def is_line(group):
    return group.startswith(("pool_of_", "page_size_"))


def problems_of_charts(figures, root):
    charts = {}
    for figure in root.find("figure"):
        drawings = list(figure.find("svg"))
        code = next((code.words() for code in figure.find("code")), "")
        charts.setdefault(code or next(figure.find("h3")).words(), []).append(figure)
        if len(drawings) != 1 or not drawings[0].attributes.get("aria-label"):
            yield f"the chart of {code} is not one drawing with a label"
        elif not list(drawings[0].find("path", "polygon")):
            yield f"the chart of {code} is empty"
    bars = {loop["group"] for loop in figures["loops"] if not is_line(loop["group"])}
    for group in bars:
        found = charts.get(format_text(group), [])
        texts = [chart.words() for chart in found]
        for loop in figures["loops"]:
            median = format_figure(float(loop["cycles"]["median"]), 2)
            if loop["group"] == group and not any(median in text for text in texts):
                yield f"no chart of {group} has {median}"
    pools = {loop["pages"] for loop in figures["loops"] if loop["group"].startswith("pool_of_")}
    for title in ("Pool size", "Bookkeeping") if len(pools) > 1 else ():
        if title not in charts:
            yield f"the chart \"{title}\" is missing"
    for loop in (figures["experiment"] or {"loops": []})["loops"]:
        if not any("time :" in chart.words() for chart in charts.get(loop["name"], [])):
            yield f"the experiment's chart of {loop['name']} is missing"


def problems_of_independence(source, root):
    if not source.lstrip().lower().startswith("<!doctype html>") or "charset=\"utf-8\"" not in source.lower():
        yield "it is no HTML in UTF-8"
    for what in ("http://", "https://", "@import", "url("):
        if what in source:
            yield f"it has {what}"
    ids = []
    for element in root.find(*{part.tag for part in every(root)}):
        if element.tag in FORBIDDEN:
            yield f"it has <{element.tag}>"
        for name, value in element.attributes.items():
            if name.startswith("on") or name in ("src", "srcset", "action", "data") or \
                    (name.endswith("href") and not (value or "").startswith("#")):
                yield f"<{element.tag}> has {name}={value!r}"
        ids += [element.attributes["id"]] if "id" in element.attributes else []
    if len(ids) != len(set(ids)):
        yield f"ids occur twice: {sorted(one for one in set(ids) if ids.count(one) > 1)}"
    if not next(root.find("title"), None):
        yield "it has no title"


def every(element):
    for part in element.parts:
        if isinstance(part, Element):
            yield part
            yield from every(part)


def problems(figures, source):
    root = parse(source)
    body = next(root.find("body"))
    return [*problems_of_rows(figures, body), *problems_of_numbers(figures, body), *problems_of_texts(figures, body),
            *problems_of_charts(figures, body), *problems_of_independence(source, root)]


class Browser:
    def __init__(self, program, folder):
        self.program, self.folder = program, pathlib.Path(folder)

    def dom(self, path):
        """The page as the browser has it in the end."""
        command = [self.program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                   "--allow-file-access-from-files", f"--user-data-dir={self.folder}/profile", "--virtual-time-budget=10000",
                   "--dump-dom", path.resolve().as_uri()]
        done = subprocess.run(command, capture_output=True, timeout=120)
        if done.returncode != 0 or not done.stdout:
            sys.exit(f"{self.program} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-400:]}")
        return done.stdout.decode()

    MEASURE = """<!doctype html><meta charset="utf-8"><p id="found"></p><iframe id="page" src="PAGE"
style="border:0;width:WIDTHpx;height:900px"></iframe><script>
onload = () => {
  const frame = document.getElementById('page').contentDocument;
  for (const part of frame.querySelectorAll('details')) part.open = true;
  const letters = [...frame.querySelectorAll('svg')].flatMap(svg => [...svg.querySelectorAll('text')].map(text =>
    parseFloat(text.getAttribute('font-size')) * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width));
  const tall = [...frame.querySelectorAll('svg')].filter(svg => svg.getBoundingClientRect().height < 30).length;
  document.getElementById('found').textContent = JSON.stringify(
    {width: frame.documentElement.scrollWidth, least: Math.min(...letters), flat: tall});
};
</script>"""

    def problems_at(self, path, width):
        frame = self.folder / f"at-{width}.html"
        frame.write_text(self.MEASURE.replace("PAGE", path.resolve().as_uri()).replace("WIDTH", str(width)))
        found = re.search(r'<p id="found">([^<]*)</p>', self.dom(frame))
        found = json.loads(html.unescape(found[1]))
        if found["width"] > width:
            yield f"at {width} px the page is {found['width']} px wide"
        if found["least"] < 9:
            yield f"at {width} px letters of a chart are {found['least']:.1f} px high"
        if found["flat"]:
            yield f"at {width} px {found['flat']} charts are flat"

    def problems(self, figures, path):
        return [*problems(figures, self.dom(path)),
                *(problem for width in (320, 360, 768, 1280) for problem in self.problems_at(path, width))]


def broken_pages(figures, source):
    """Pages that are wrong, and a word that must be in what is said of them."""
    loop = figures["loops"][0]
    each = format_figure(loop["repetitions"][0]["cycles"])
    yield "without a repetition", source.replace(f"<span>{each}</span>", "<span></span>", 1), "row"
    median = format_figure(loop["cycles"]["median"])
    yield "with another median", source.replace(f"<b>{median}</b>", "<b>0.0421</b>"), "row"
    yield "without the clock's rate", source.replace(format_figure(figures["machine"]["tsc_hz"]), "fast"), "has no"
    yield "without the kernel", source.replace(figures["machine"]["kernel"], ""), "does not say"
    yield "without charts", re.sub(r"<svg.*?</svg>", "", source, flags=re.S), "is not one drawing"
    yield "with a script", source.replace("</main>", "<script>1</script></main>"), "<script>"
    yield "with a picture from elsewhere", source.replace("</main>", "<img src='//x/y.png'></main>"), "src="
    yield "with a style from elsewhere", source.replace("<style>", "<style>@import 'x.css';"), "@import"
    yield "with a link", source.replace("</main>", "<a href='https://example.org'>x</a></main>"), "https://"
    yield "with an event", source.replace("<h1>", "<h1 onclick='x()'>"), "onclick"
    yield "with an id twice", source.replace("<h1>", "<h1 id='figures'>"), "twice"


def check_the_checks(figures, source, browser, folder):
    for what, broken, word in broken_pages(figures, source):
        found = problems(figures, broken)
        if broken == source or not any(word in problem for problem in found):
            sys.exit(f"a page {what} was not noticed: {found}")
    if browser:
        wide = pathlib.Path(folder) / "wide.html"
        wide.write_text(source.replace("</main>", "<div style='width:600px'>wide</div></main>"))
        if not list(browser.problems_at(wide, 360)):
            sys.exit("a page that is too wide was not noticed")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("figures", type=pathlib.Path)
    parser.add_argument("page", type=pathlib.Path)
    parser.add_argument("--experiment", type=pathlib.Path)
    parser.add_argument("--browser")
    options = parser.parse_args()
    figures, page = json.loads(options.figures.read_text()), options.page
    figures["experiment"] = json.loads(options.experiment.read_text()) if options.experiment else None
    source = page.read_text()
    with tempfile.TemporaryDirectory() as folder:
        browser = Browser(options.browser, folder) if options.browser else None
        found = problems(figures, source) + (browser.problems(figures, page) if browser else [])
        for problem in found[:20]:
            print(problem)
        if found:
            sys.exit(f"{len(found)} problems")
        check_the_checks(figures, source, browser, folder)


if __name__ == "__main__":
    main()
