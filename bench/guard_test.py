#!/usr/bin/env python3
"""What bench/compare, bench/regression-experiment and bench/instruction-counts say and how they end: on figures made up here,
with programs that stand for hot_loops. Nothing is timed, and nothing is built."""
import importlib.machinery, importlib.util, json, os, stat, subprocess, sys, tempfile, textwrap, unittest

sys.dont_write_bytecode = True

BENCH = os.path.dirname(os.path.abspath(__file__))


def script(name, *arguments, **options):
    return subprocess.run([os.path.join(BENCH, name), *arguments], capture_output=True, text=True, **options)


# Stands for hot_loops: its cycles are what the environment says, with a little noise.
FAKE = """\
    #!/usr/bin/env python3
    import json, os, random, sys
    cycles = {cycles}
    if sys.argv[1] == "list":
        print("\\n".join(cycles))
    elif sys.argv[1] == "time":
        print(json.dumps({{"loops": [{{"name": name, "cycles": [cycles[name] * random.uniform(1, 1.02) for _ in range(3)]}}
                                    for name in sys.argv[4:]]}}))
    """


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def file(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(content if isinstance(content, str) else json.dumps(content))
        return path

    def program(self, name, cycles):
        path = self.file(name, textwrap.dedent(FAKE).format(cycles=cycles))
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
        return path

    def expect(self, done, status, *said):
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        for words in said:
            self.assertIn(words, done.stdout + done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        if status in (1, 2) and not done.stdout:
            self.assertEqual(len(done.stderr.strip().splitlines()[-1:]), 1)


def experiment():
    loader = importlib.machinery.SourceFileLoader("regression_experiment", os.path.join(BENCH, "regression-experiment"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


class Experiment(unittest.TestCase):
    """What it concludes, from a table of one loop."""
    SAME = {"instructions": 20.0, "verdict": "no difference"}

    def conclude(self, counted=True, timed=True, **changed):
        builds = {"host_only": {**self.SAME, "verdict": "reference"}, "outside_provider": self.SAME, "device": self.SAME,
                  "planted_regression": {"instructions": 29.0, "verdict": "slower"}, **changed}
        table = [{"name": "page_pool01_fast_path", "builds": [{"build": name, **row} for name, row in builds.items()]}]
        return experiment().conclude(table, counted, timed)

    def test_three_alike_and_one_found_out_is_as_it_must_be(self):
        self.assertTrue(self.conclude()[1])

    def test_one_instruction_more_on_device_memory_is_found(self):
        said, fine = self.conclude(device={**self.SAME, "instructions": 20.1})
        self.assertFalse(fine)
        self.assertIn("Instructions differ from host memory only: device in page_pool01_fast_path", said)
        self.assertTrue(self.conclude(counted=False, device={**self.SAME, "instructions": None})[1])

    def test_device_memory_that_is_slower_or_faster_is_found(self):
        for verdict in ("slower", "faster"):
            said, fine = self.conclude(device={**self.SAME, "verdict": verdict})
            self.assertFalse(fine)
            self.assertIn("tells apart what should be the same: device in", said)

    def test_a_planted_regression_that_hides_is_a_failure(self):
        self.assertFalse(self.conclude(planted_regression=self.SAME)[1])
        self.assertFalse(self.conclude(planted_regression={**self.SAME, "instructions": 29.0})[1])
        self.assertFalse(self.conclude(timed=False, planted_regression={**self.SAME, "verdict": "slower"})[1])


class Programs(Case):
    A = {"fast/host": 20, "ring/host": 40}

    def compare(self, b, *options):
        return script("compare", self.program("a", self.A), self.program("b", b), "--loops", ".*", "--no-instructions",
                      "--rounds", "15", *options)

    def test_a_slower_program_is_found(self):
        self.expect(self.compare({"fast/host": 23, "ring/host": 40}), 3, "slower: fast/host (")

    def test_the_same_program_is_no_different(self):
        self.expect(self.compare(self.A), 0, "no difference (")

    def test_figures_are_written_where_asked(self):
        path = os.path.join(self.folder, "out.json")
        self.expect(self.compare({"fast/host": 23, "ring/host": 40}, "--json", path), 3)
        with open(path) as file:
            verdicts = {row["name"]: row["verdict"] for row in json.load(file)["loops"]}
        self.assertEqual(verdicts, {"fast/host": "slower", "ring/host": "no difference"})
        self.expect(self.compare(self.A, "--json", "/nonexistent/x"), 1, "choose a file that can be written")

    def test_too_few_rounds_are_refused(self):
        self.expect(self.compare(self.A, "--rounds", "3"), 2, "--rounds must be at least")

    def test_a_program_that_is_none_of_ours_is_named(self):
        done = script("compare", "/bin/false", "/bin/false")
        self.expect(done, 1, "cannot ask /bin/false for its loops")

    def test_instructions_of_another_program_are_not_made_up(self):
        if subprocess.run(["which", "valgrind"], capture_output=True).returncode != 0:
            self.skipTest("valgrind is not installed")
        self.expect(script("compare", self.program("a", self.A), self.program("b", self.A), "--loops", ".*", "--instructions"),
                    1, "cannot count instructions")


class Arguments(Case):
    def test_what_is_neither_commit_nor_program_is_said(self):
        self.expect(script("compare", "no-such-commit", "HEAD"), 2, '"no-such-commit" is neither a commit')
        self.expect(script("compare", "--", "--upload-pack=x", "HEAD"), 2, "is neither a commit")

    def test_two_of_a_kind_are_asked_for(self):
        self.expect(script("compare", "HEAD", "/bin/true"), 2, "give two of a kind")

    def test_numbers_out_of_range_are_refused(self):
        for wrong in (["--confidence", "1"], ["--margin", "-1"], ["--rounds", "0"], ["--loops", "("], ["--rounds", "x"]):
            self.expect(script("compare", "HEAD", "HEAD", *wrong), 2, wrong[0])
        for wrong in (["--confidence", "2"], ["--rounds", "3"], ["--margin", "7"], ["--nonsense"]):
            self.expect(script("regression-experiment", *wrong), 2, wrong[0])

    def test_missing_valgrind_is_said(self):
        tools = os.path.join(self.folder, "tools")
        os.mkdir(tools)
        os.symlink(sys.executable, os.path.join(tools, "python3"))
        where = {"env": {"PATH": tools}}
        program = self.program("a", {})
        self.expect(script("compare", program, program, "--instructions", **where), 1, "valgrind is not installed")
        self.expect(script("regression-experiment", "--instructions-only", **where), 77, "valgrind is not installed")
        self.expect(script("instruction-counts", program, **where), 77, "valgrind is not installed")

    def test_counts_of_no_program_are_refused(self):
        if subprocess.run(["which", "valgrind"], capture_output=True).returncode != 0:
            self.skipTest("valgrind is not installed")
        self.expect(script("instruction-counts", self.folder), 2, "it is no program")
        self.expect(script("instruction-counts"), 2, "usage")
        self.expect(script("instruction-counts", self.program("a", {})), 1, "cannot count instructions")


if __name__ == "__main__":
    unittest.main()
