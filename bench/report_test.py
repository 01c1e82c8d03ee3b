#!/usr/bin/python3
"""What bench/report draws and refuses. How a page looks in a browser is tests/integration/bench_report.sh's."""
import contextlib, copy, importlib.machinery, importlib.util, io, json, os, re, subprocess, sys, tempfile, unittest, unittest.mock

sys.dont_write_bytecode = True
BENCH = os.path.dirname(os.path.abspath(__file__))
SAMPLE = os.path.join(BENCH, "..", "tests", "report", "sample.json")
try:
    from drawing import charts, loops, page, pictures
except ModuleNotFoundError as error:
    print(f"skipped: the Python module {error.name} is not installed")
    sys.exit(77)
from drawing import figures

LOADER = importlib.machinery.SourceFileLoader("report", os.path.join(BENCH, "report"))
REPORT = importlib.util.module_from_spec(importlib.util.spec_from_loader("report", LOADER))
LOADER.exec_module(REPORT)


def spread(median):
    return {"min": median * 0.9, "median": median, "max": median * 1.2}


def loop(name, median, **changes):
    return {"name": name, "group": name.split("/")[0], "subject": "netmem, " + name.split("/")[1], "element": "a page", "batch": 1,
            "producers": 0, "pages": 64, "page_size": 4096, "elements": 1000, "bookkeeping": 65.5, "cycles": spread(median),
            "nanoseconds": spread(median), "repetitions": [{"cycles": 12345678, "nanoseconds": 4321}], **changes}


def measured(*all_loops, **changes):
    return {"schema": 1, "netmem": "0.1.0", "commit": "abc", "date": "2026-11-22T23:59:59Z", "machine": {}, "unit": "cycles(tsc)",
            "repetitions": 9, "loops": list(all_loops), "ratios": [], "missing": [],
            "verdict": {"given": True, "says": "All is well."}, **changes}


SOME = measured(loop("page_pool01_fast_path/host", 2.0), loop("page_pool01_fast_path/device", 2.1))
RUN = {"round": 0, "mode": "apart", "size": 64, "receiver": "netmem", "task": "drop", "seconds": 0.5, "received": 1500000, "returned": 0}
PACKETS = {"schema": 1, "date": "2026-11-22T23:59:59Z", "commit": "abc", "machine": "a machine", "rounds": 3,
           "runs": [RUN, {**RUN, "received": 2500000}, {**RUN, "received": 2000000}, {**RUN, "receiver": "bare"},
                    {**RUN, "receiver": "netmem_echo", "task": "echo", "returned": 500000}, {**RUN, "receiver": "x", "task": "drop_x"}]}


class Numbers(unittest.TestCase):
    def test_integers_keep_all_their_digits_in_groups(self):
        self.assertEqual([figures.exact(n) for n in (0, 4096, 10000, 2596000000)], ["0", "4096", "10,000", "2,596,000,000"])

    def test_others_have_three_significant_digits(self):
        for number, text in ((0.0, "0.00"), (0.012345, "0.0123"), (0.98765, "0.988"), (2.5, "2.50"), (9.999, "10.0"),
                             (123.456, "123"), (12345.6, "12,346"), (1.5e-9, "1.50e-09"), (2.5e300, "2.50e+300")):
            self.assertEqual(figures.exact(number), text)

    def test_ratios_near_one_have_three_decimals(self):
        for number, text in ((1.0, "1.000"), (1.0043, "1.004"), (0.99951, "1.000"), (0.9994, "0.999"), (1.9999, "2.000")):
            self.assertEqual(figures.exact(number), text)
        self.assertEqual(figures.short(1.0043), "1.00")

    def test_dates_are_readable(self):
        self.assertEqual(figures.readable_date("2026-11-22T23:59:59Z", True), "22 November 2026, 23:59 UTC")
        self.assertEqual(figures.readable_date("2026-11-02T23:59:59Z"), "2 November 2026")
        for other in ("2026-13-22", "2026-00-22", "yesterday", ""):
            self.assertEqual(figures.readable_date(other, True), other)


class Damage(unittest.TestCase):
    def found(self, pointer, value):
        damaged = copy.deepcopy(SOME)
        *way, last = pointer
        part = damaged
        for key in way:
            part = part[key]
        part[last] = value
        return list(figures.damages(damaged, figures.BENCH_PAGE))

    def test_figures_that_are_whole_have_none(self):
        self.assertEqual(list(figures.damages(SOME, figures.BENCH_PAGE)), [])

    def test_its_place_is_said(self):
        place = ("loops", 1, "cycles", "median")
        for value in ("2", -2, float("nan"), float("inf"), True, None, []):
            self.assertEqual(self.found(place, value), ["/loops/1/cycles/median is no number from 0 on"])
        self.assertEqual(self.found(("loops",), "none"), ["/loops is no array"])
        self.assertEqual(self.found(("loops", 0), 7), ["/loops/0 is no object"])
        self.assertEqual(self.found(("verdict", "given"), "yes"), ["/verdict/given is not of the type bool"])

    def test_each_member_that_is_missing_is_found(self):
        for key in figures.LOOP:
            damaged = copy.deepcopy(SOME)
            del damaged["loops"][0][key]
            self.assertEqual(list(figures.damages(damaged, figures.BENCH_PAGE)), [f"/loops/0/{key} is missing"])


class Charts(unittest.TestCase):
    def test_groups_have_titles_for_people(self):
        for group, title in (("bulk_64", "In bulk, 64 at once"), ("cross_core_1", "Back from another core, one by one"),
                             ("cross_core_8", "Back from another core, 8 at once"),
                             ("cross_core_64_from_2", "Back from 2 other cores, 64 at once"), ("something_new", "something_new")):
            self.assertEqual(loops.title_of(group), title)

    def test_peers_stand_behind_netmem_from_the_fastest_to_the_slowest(self):
        peer = {"group": "g", "subject": "somebody"}
        all_loops = [loop("g/slow", 9, **peer), loop("g/array", 1, **peer), loop("g/fast", 3, **peer), loop("g/host", 2)]
        self.assertEqual([one["name"] for one in loops.of_group(all_loops, "g")], ["g/host", "g/array", "g/fast", "g/slow"])

    def test_a_bar_of_others_does_not_make_netmem_vanish(self):
        slow = loop("g/slow", 1000, subject="somebody")
        self.assertLess(loops.end_of([loop("g/host", 2), slow]), 25)
        chart = loops.bar_chart([loop("g/host", 2), slow], "g")
        self.assertEqual(chart.note, "A broken bar goes on: its number counts.")

    def test_only_the_fastest_peers_are_lines(self):
        peers = [loop(f"pool_of_{pages}/peer{number}", 10 + number, subject="somebody", pages=pages)
                 for pages in (64, 1024) for number in range(6)]
        chart = loops.line_chart([loop("pool_of_64/host", 2), loop("pool_of_1K/host", 3, pages=1024), *peers], loops.CURVES[0])
        self.assertEqual(len(chart.keys), 5)
        self.assertEqual(chart.note, "The 2 slowest are in the tables only.")

    def test_a_line_needs_two_points(self):
        self.assertIsNone(loops.line_chart([loop("pool_of_64/host", 2)], loops.CURVES[0]))

    def test_scales_have_few_round_numbers(self):
        self.assertEqual(charts.steps(0, 23, charts.step_of(23, 5)), [0, 5, 10, 15, 20])
        self.assertEqual(charts.written(20000, 25000), "20k")

    def test_two_charts_of_a_page_share_no_id(self):
        sizes = [loop("pool_of_64/host", 2), loop("pool_of_1K/host", 3, pages=1024)]
        ids = re.findall(r' id="([^"]*)"', page.render(measured(*sizes)).split("<main>")[1])
        self.assertEqual(len(ids), len(set(ids)))


class Pages(unittest.TestCase):
    def test_the_same_figures_give_the_same_page(self):
        self.assertEqual(page.render(SOME), page.render(copy.deepcopy(SOME)))

    def test_names_are_neither_markup_nor_formulas(self):
        name = "</text><script>'; $\\frac{1}{2}$ \\ \n \x01"
        bad = copy.deepcopy(SOME)
        bad["loops"][0]["subject"] = bad["machine"]["cpu"] = bad["verdict"]["says"] = name
        cleaned = figures.clean(bad)
        for drawn in (page.render(cleaned), pictures.picture_of_loops(cleaned).for_file()):
            self.assertNotIn("<script", drawn)
            self.assertIn("&lt;script&gt;", drawn)
            self.assertIn("$\\frac{1}{2}$", drawn)
            self.assertNotIn("\x01", drawn)

    def test_without_a_verdict_that_comes_first_and_nothing_is_concluded(self):
        ratio = {"name": "a : b", "above": "a", "below": "b", **spread(2.0), "spread": 0.02, "target": 1.5, "met": False}
        says = "No verdict: other programs had 37 % of the processors."
        body = page.render(measured(*SOME["loops"], ratios=[ratio], verdict={"given": False, "says": says})).split("<body>")[1]
        self.assertEqual(re.sub("<[^>]*>", "", body).strip().splitlines()[0], says)
        self.assertNotIn("NOT met", body)
        self.assertNotIn("Not met", body)
        self.assertNotIn('class="tiles"', body)

    def test_targets_that_are_missed_are_named(self):
        ratio = {"name": "g/host : g/ring", "above": "g/host", "below": "g/ring", **spread(2.0), "spread": 0.02, "target": 1.5, "met": False}
        self.assertIn("Not met: g, host : ring 2.00 (at most 1.500).", page.render(measured(ratios=[ratio])))

    def test_half_of_a_character_does_no_harm(self):
        page.render(figures.clean(json.loads(json.dumps(SOME).replace("netmem, host", "\\ud83d")))).encode()

    def test_figures_without_a_loop_make_a_page(self):
        self.assertIn("Not measured in this run.", page.render(measured()))


class Program(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def file(self, name, content):
        with open(self.path(name), "w") as file:
            file.write(content if isinstance(content, str) else json.dumps(content))
        return self.path(name)

    def content(self, name):
        with open(self.path(name)) as file:
            return file.read()

    def run_report(self, *arguments):
        """In this process, which has matplotlib already: the exit status, and what was said."""
        said = io.StringIO()
        with contextlib.redirect_stderr(said), unittest.mock.patch.object(sys, "argv", ["bench/report", *arguments]):
            try:
                return REPORT.main(), said.getvalue()
            except SystemExit as end:
                return end.code, said.getvalue()

    def run_program(self, *arguments, **options):
        done = subprocess.run([os.path.join(BENCH, "report"), *arguments], capture_output=True, text=True, **options)
        return done.returncode, done.stderr

    def expect(self, status, *arguments, said="", run=None, **options):
        code, found = (run or self.run_report)(*arguments, **options)
        self.assertEqual(code, status, found)
        self.assertIn(said, found)
        if status == 1:
            self.assertEqual(len(found.splitlines()), 1, found)

    def test_arguments_that_make_no_sense_end_with_2(self):
        good = self.file("good.json", SOME)
        self.expect(2)
        self.expect(2, good)
        self.expect(2, good, self.path("page.pdf"), said="ends neither with .html nor with .svg")
        self.expect(2, good, self.path("picture.svg"), "--experiment", good, said="--experiment is for a page")
        self.expect(2, good, self.path("page.html"), "--check", said="--check is for a picture")

    def test_files_that_are_no_figures_are_named(self):
        out = self.path("page.html")
        self.expect(1, self.path("none.json"), out, said="none.json: No such file or directory; name a file that netmem bench --json")
        self.expect(1, self.folder, out, said="Is a directory")
        self.expect(1, "/dev/zero", out, said="it is no JSON")
        for text in ("", "{", "nonsense", "\x00", "[" * 100000):
            self.expect(1, self.file("bad.json", text), out, said="bad.json: it is no JSON")
        self.expect(1, self.file("bad.json", "[]"), out, said="bad.json: it is no object")
        self.expect(1, self.file("bad.json", {"schema": 2}), out, said='its "schema" is 2, and 1 is the only one known here')
        self.expect(1, self.file("bad.json", {**SOME, "loops": [{}]}), out, said="/loops/0/name is missing; write it again with")
        self.expect(1, self.file("bad.json", '{"schema": 1, "repetitions": NaN}'), out, said="is missing")
        self.assertFalse(os.path.exists(out))

    def test_a_place_that_cannot_be_written_is_named_and_nothing_is_left_behind(self):
        good = self.file("good.json", SOME)
        self.expect(1, good, self.path("none/page.html"), said="none/page.html: No such file or directory; choose a place")
        os.mkdir(self.path("folder.html"))
        self.expect(1, good, self.path("folder.html"), said="Is a directory")
        os.symlink("/dev/full", self.path("full.html"))
        self.expect(1, good, self.path("full.html"), said="No space left on device")
        self.assertEqual(sorted(os.listdir(self.folder)), ["folder.html", "full.html", "good.json"])

    def test_what_was_there_stays_until_all_of_it_is_written(self):
        self.file("page.html", "older")
        self.expect(1, self.file("bad.json", {**SOME, "loops": None}), self.path("page.html"))
        self.assertEqual(self.content("page.html"), "older")
        with unittest.mock.patch("os.replace", side_effect=OSError(28, "No space left on device")):
            self.expect(1, self.file("good.json", SOME), self.path("page.html"), said="No space left on device")
        self.assertEqual(self.content("page.html"), "older")
        self.assertEqual(sorted(os.listdir(self.folder)), ["bad.json", "good.json", "page.html"])
        self.expect(0, self.file("good.json", SOME), self.path("page.html"))
        self.assertIn("All is well.", self.content("page.html"))

    def test_missing_modules_are_said(self):
        self.file("matplotlib.py", "raise ModuleNotFoundError('no', name='matplotlib')")
        good = self.file("good.json", SOME)
        here = {"run": self.run_program, "env": {**os.environ, "PYTHONPATH": self.folder}}
        self.expect(1, good, self.path("page.html"), said="install python3-matplotlib", **here)
        self.expect(77, good, self.file("picture.svg", "x"), "--check", said="install python3-matplotlib", **here)

    def test_a_picture_of_a_summary_is_that_of_its_figures(self):
        for name, all_figures in (("bench", {**SOME, "loops": [*SOME["loops"], loop("pool_of_64/host", 1)]}), ("xdp", PACKETS)):
            self.file(f"{name}.json", all_figures)
            for arguments in ((f"{name}.json", f"{name}.svg"), (f"{name}.json", "summary.json"), ("summary.json", "again.svg"),
                              ("summary.json", "summary_again.json")):
                self.expect(0, *map(self.path, arguments))
            self.assertEqual(self.content(f"{name}.svg"), self.content("again.svg"))
            self.assertEqual(self.content("summary.json"), self.content("summary_again.json"))
            self.assertNotIn("repetitions\": [", self.content("summary.json"))

    def test_rates_are_of_what_came_back_where_packets_are_echoed(self):
        rates = {rate["receiver"]: rate for rate in pictures.summary_of_packets(PACKETS)["rates"]}
        self.assertEqual(rates["netmem"], {"mode": "apart", "size": 64, "receiver": "netmem", "min": 3.0, "median": 4.0, "max": 5.0})
        self.assertEqual(rates["netmem_echo"]["median"], 1.0)
        self.assertEqual(len(rates), 3)

    def test_there_is_no_page_of_packets_and_no_picture_of_other_loops(self):
        self.expect(1, self.file("xdp.json", PACKETS), self.path("page.html"), said="it is of bench/xdp-throughput")
        self.expect(1, self.file("other.json", measured(loop("burst_64/host", 2))), self.path("picture.svg"), said="none of the loops")
        self.expect(1, self.file("none.json", {**PACKETS, "runs": []}), self.path("picture.svg"), said="no rates")

    def test_a_picture_of_other_figures_does_not_pass(self):
        good, picture = self.file("good.json", SOME), self.path("picture.svg")
        self.expect(1, good, picture, "--check", said="picture.svg: No such file or directory; draw it with bench/report")
        self.expect(0, good, picture)
        self.expect(0, good, picture, "--check")
        other = self.file("other.json", measured(loop("page_pool01_fast_path/host", 2.5), SOME["loops"][1]))
        self.expect(1, other, picture, "--check", said="it is not what the figures make")
        older = re.sub("matplotlib [0-9.]*", "matplotlib 3.0", self.content("picture.svg")).replace('x="24"', 'x="24.5"')
        self.file("picture.svg", older)  # another version may place things differently
        self.expect(0, good, picture, "--check")
        self.expect(1, other, picture, "--check", said="it is not what the figures make")

    def test_the_sample_is_drawn(self):
        self.expect(0, SAMPLE, self.path("page.html"), "--experiment", os.path.join(os.path.dirname(SAMPLE), "experiment.json"),
                    run=self.run_program)
        self.assertIn("Two &lt;cannot&gt; be told apart", self.content("page.html"))
        self.assertIn("netmem, \ufffd", self.content("page.html"))  # what no page may hold
        self.expect(1, SAMPLE, self.path("page.html"), "--experiment", SAMPLE, said="write it again with bench/regression-experiment")


if __name__ == "__main__":
    unittest.main()
