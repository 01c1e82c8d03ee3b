#!/usr/bin/env python3
"""What tests/gpu/run says and how it ends, on results made up here. Nothing is timed, and nothing is built."""
import contextlib
import importlib.machinery
import importlib.util
import io
import os
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
loader = importlib.machinery.SourceFileLoader("gpu_run", os.path.join(HERE, "run"))
run = importlib.util.module_from_spec(importlib.util.spec_from_loader("gpu_run", loader))
loader.exec_module(run)
import figures
from report import FAILED, PASSED, SKIPPED, Report, Step


def ratio(median, target):
    return {"name": f"of {median}", "min": median / 2, "median": median, "max": median * 2, "target": target}


class Figures(unittest.TestCase):
    def test_the_median_decides_whether_a_target_is_met(self):
        self.assertEqual([figures.verdict(ratio(*of)) for of in ((0.91, 0.9), (0.9, 0.9), (0.89, 0.9), (0.1, None))],
                         ["met", "met", "missed", "no target"])

    def test_ratios_are_of_one_round(self):
        got = figures.ratio("a : b", [1, 6, 9], [2, 2, 2], 0.9)
        self.assertEqual([got[key] for key in ("min", "median", "max")], [0.5, 3, 4.5])
        with self.assertRaises(ValueError):
            figures.ratio("a : b", [1], [1, 2])

    def test_lines_say_figures_targets_and_what_became_of_them(self):
        self.assertEqual(figures.line(ratio(0.75, 0.8)), "missed      0.750  (0.375 to 1.500, at least 0.8)  of 0.75")
        self.assertEqual(figures.line(ratio(0.75, None)), "no target   0.750  (0.375 to 1.500)  of 0.75")

    def test_what_has_no_target_is_not_counted(self):
        self.assertEqual(figures.tally([ratio(1, 0.9), ratio(0.5, 0.9), ratio(1, None)]), "1 of 2 targets met")


class Reports(unittest.TestCase):
    def report(self, *outcomes, **more):
        return Report("cuda:0", is_gpu=True, steps=[Step(f"step {i}", outcome, "says", "the log") for i, outcome in enumerate(outcomes)],
                      **more)

    def test_a_missed_target_is_said_and_is_no_failure(self):
        report = self.report(PASSED, SKIPPED, ratios=[ratio(0.7, 0.8), ratio(0.95, 0.9)])
        self.assertEqual(report.exit_code(), 0)
        text = report.text()
        self.assertIn("netmem on cuda:0: no step failed: 1 passed, 1 skipped; 1 of 2 targets met\n", text)
        self.assertIn("  missed      0.700", text)
        self.assertIn("  met         0.950", text)
        self.assertNotIn("the log", text)

    def test_a_failed_step_is_a_failure_and_brings_its_log(self):
        report = self.report(PASSED, FAILED)
        self.assertEqual(report.exit_code(), 1)
        self.assertIn("SOMETHING FAILED: 1 passed, 1 FAILED; nothing was measured", report.text())
        self.assertIn("What failed: step 1\n\n  the log\n", report.text())

    def test_nothing_that_ran_is_a_failure(self):
        self.assertEqual(self.report().exit_code(), 1)

    def test_figures_of_what_is_no_gpu_or_of_a_quick_run_are_called_meaningless(self):
        for doubtful in ({"is_gpu": False}, {"quick": True}):
            report = self.report(PASSED, ratios=[ratio(1, 0.9)])
            vars(report).update(doubtful)
            self.assertIn("1 of 1 targets met, which says nothing here", report.text())
            self.assertEqual(len(report.caveats()), 1)


class Results(unittest.TestCase):
    def verdict(self, cases, log=""):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "result.xml")
            file.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
            return run.Run.verdict_of(None, file, "Suite.*", log)

    GOOD = '<testcase classname="Suite" name="Good"/>'
    BAD = '<testcase classname="Suite" name="Bad"><failure message="no"/></testcase>'
    AWAY = '<testcase classname="Suite" name="Away"><skipped message="file:1&#10;there is none&#10;"/></testcase>'

    def test_passed_and_skipped_tests_are_counted_with_their_reasons(self):
        self.assertEqual(self.verdict(self.GOOD * 2 + self.AWAY * 3), "2 tests; 3 skipped: there is none")

    def test_failures_are_named(self):
        with self.assertRaisesRegex(run.Trouble, "1 passed, 1 failed: Suite.Bad"):
            self.verdict(self.GOOD + self.BAD, "log")

    def test_only_skipped_tests_are_a_skipped_step(self):
        with self.assertRaisesRegex(run.Skip, "1 skipped: there is none"):
            self.verdict(self.AWAY)

    def test_a_filter_that_fits_nothing_is_a_failure(self):
        with self.assertRaisesRegex(run.Trouble, r"no test is called Suite\.\*"):
            self.verdict("")

    def test_a_program_that_ends_with_an_error_is_a_failure(self):
        with self.assertRaisesRegex(run.Trouble, "ended with an error"):
            self.verdict(self.GOOD, "a leak")


class Devices(unittest.TestCase):
    def test_a_missing_library_is_named_with_what_to_install(self):
        run.LOADED["opencl"] = ("libno_such_thing.so.1", "install a driver")
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            self.assertFalse(run.is_loadable("opencl"))
        self.assertRegex(said.getvalue(), "^SKIPPED: there is no such device: cannot load libno_such_thing.so.1: .*; install a driver\n$")


unittest.main()
