"""Builds the program hot_loops, counts its instructions and times it: what bench/instruction-counts, bench/compare and
bench/regression-experiment share. Python 3 and nothing else.
"""
import contextlib, fcntl, glob, json, os, platform, re, shutil, subprocess, sys, tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COUNTED = 640  # elements in a count: ten of the largest batches

# Functions start at a cache line wherever the linker puts them, and the folder's name is in no string: two builds differ
# by what is compared and as little else as possible.
LAYOUT_FLAGS = "-falign-functions=64 -ffile-prefix-map={source}/="

# glibc chooses string functions by the processor. Counts must not depend on it.
ANY_PROCESSOR = "glibc.cpu.hwcaps=-AVX2,-AVX512F,-AVX512VL,-AVX512BW,-ERMS,-FSRM,-SSSE3"


class Trouble(Exception):
    """One line: what was attempted, why it failed, what to try."""


def main(program, run):
    """Runs a script's main function; trouble is one line and status 1, ^C is 130."""
    try:
        sys.exit(run())
    except Trouble as trouble:
        print(f"{program}: {trouble}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def call(command, attempted, **options):
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", **options)
    except OSError as error:
        raise Trouble(f"cannot {attempted}: {error.strerror}: {command[0]}")
    if done.returncode != 0:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        wrong = [line for line in lines if re.search(r"error|cannot|there is no|usage:", line, re.I)]
        why = (wrong or lines or [f"status {done.returncode}"])[0].strip()
        raise Trouble(f"cannot {attempted}: {why}; to see all of it, run: {' '.join(command)}")
    return done.stdout


def build(source, folder, experiment="", flags=LAYOUT_FLAGS):
    """The program, built in `folder` from the tree `source` as Release, with nothing but what it needs."""
    os.makedirs(folder, exist_ok=True)
    with locked(folder):
        configure_and_build(source, folder, experiment, flags)
    return os.path.join(folder, "bench", "hot_loops")


@contextlib.contextmanager
def locked(folder):
    """Two scripts may want the same build at once."""
    with open(os.path.join(folder, ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def configure_and_build(source, folder, experiment, flags):
    call(["cmake", "-S", source, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
          f"-DNETMEM_EXPERIMENT={experiment}", "-DNETMEM_BUILD_TOOLS=OFF", "-DNETMEM_BUILD_TESTS=OFF",
          "-DNETMEM_INSTALL=OFF", "-DNETMEM_BENCH_PEERS=OFF", "-DNETMEM_XDP=OFF", f"-DCMAKE_CXX_FLAGS={flags.format(source=source)}"],
         f"configure {source}")
    call(["cmake", "--build", folder, "--target", "hot_loops"], f"build hot_loops of {source}")


def names(program):
    return call([program, "list"], f"ask {program} for its loops").split()


def parse(text, program):
    try:
        return json.loads(text)
    except ValueError:
        raise Trouble(f"cannot read what {program} printed: it is no JSON; build it again")


def can_count():
    return shutil.which("valgrind") is not None


def count(program, loops, elements=COUNTED):
    """(what the program says of itself, the instructions that `elements` elements of each loop take, exactly).

    A run of twice as many less a run of as many: setting up and calling is in both."""
    if not can_count():
        raise Trouble("cannot count instructions: valgrind is not installed; run scripts/setup --tests")
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        printed = call(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--collect-atstart=no",
                        "--toggle-collect=netmem_counted", "--dump-after=netmem_counted", program, "count",
                        str(elements), *loops], f"count instructions of {program}",
                       env={**os.environ, "GLIBC_TUNABLES": ANY_PROCESSOR})
        totals = [total(f"{out}.{i + 1}") for i in range(len(glob.glob(f"{out}.*")))]
    if len(totals) != 2 * len(loops) or 0 in totals:
        raise Trouble(f"cannot count instructions of {program}: callgrind saw {len(totals)} runs instead of "
                      f"{2 * len(loops)}; is it built without netmem_counted()?")
    about = parse(printed, program)
    return about, {loop: totals[2 * i + 1] - totals[2 * i] for i, loop in enumerate(loops)}


def total(path):
    with open(path) as file:
        found = re.search(r"^(?:totals|summary): (\d+)", file.read(), re.M)
    return int(found[1]) if found else 0


class Layouts:
    """A program linked again and again from its objects in random order. Where functions lie costs or saves a few per cent,
    and any change anywhere moves them: a difference must hold whatever the layout. Programs without their build tree keep
    the one that they have."""

    def __init__(self, program):
        self.program, self.folder = program, os.path.dirname(os.path.dirname(os.path.abspath(program)))
        self.linked = f"{os.path.abspath(program)}.{os.getpid()}"
        self.words, self.objects = self.link_command()

    def link_command(self):
        """The words of the command that links the program, its objects and those of the project's archives taken out."""
        if not os.path.isfile(os.path.join(self.folder, "build.ninja")):
            return None, None
        target = os.path.relpath(os.path.abspath(self.program), self.folder)
        commands = [line.split() for line in call(["ninja", "-C", self.folder, "-t", "commands", target],
                                                  f"ask how {self.program} is linked").splitlines()]
        archives = {words[words.index("qc") + 1]: words for words in commands if "qc" in words}
        link = [word for word in commands[-1] if word not in (":", "&&")]
        if "-o" not in link or link[link.index("-o") + 1] != target:
            return None, None
        of_archives = [word for archive in dict.fromkeys(link) if archive in archives for word in archives[archive]]
        return ([word for word in link if not word.endswith(".o") and word not in archives],
                list(dict.fromkeys(word for word in link + of_archives if word.endswith(".o"))))

    def fresh(self, random):
        if self.objects is None:
            return self.program
        objects = random.sample(self.objects, len(self.objects))
        at = self.words.index("-o")
        call([*self.words[:at], *objects, "-o", self.linked, *self.words[at + 2:]], f"link {self.program} again",
             cwd=self.folder)
        return self.linked

    def remove(self):
        with contextlib.suppress(OSError):
            os.unlink(self.linked)


def time(program, loops, milliseconds, repetitions, random):
    """The least cycles per element of each loop in a fresh process: a disturbance only ever adds. The stack begins
    somewhere else each time, as it does for users."""
    environment = {**os.environ, "NETMEM_PADDING": "x" * random.randrange(4096)}
    printed = call([program, "time", str(milliseconds), str(repetitions), *loops], f"time {program}", env=environment)
    return {loop["name"]: min(loop["cycles"]) for loop in parse(printed, program)["loops"]}


def rounds(sides, count, milliseconds, repetitions, random, progress=lambda done: None):
    """`sides`: {label: (program, {loop: the program's name for it})}. Each round runs every side once, in random order, each
    in a new layout. {label: {loop: [cycles of each round]}}"""
    measured = {label: {loop: [] for loop in loops} for label, (_, loops) in sides.items()}
    layouts = {label: Layouts(program) for label, (program, _) in sides.items()}
    try:
        for done in range(count):
            for label in random.sample(list(sides), len(sides)):
                loops = sides[label][1]
                program = layouts[label].fresh(random)
                cycles = time(program, list(loops.values()), milliseconds, repetitions, random)
                for loop, name in loops.items():
                    measured[label][loop].append(cycles[name])
            progress(done + 1)
    finally:
        for layout in layouts.values():
            layout.remove()
    return measured


def show_progress(what, of):
    """Prints on a terminal how far it is, nothing elsewhere."""
    def show(done):
        if sys.stderr.isatty():
            end = "\n" if done == of else ""
            print(f"\r{what}: {done} of {of}", end=end, file=sys.stderr, flush=True)
    return show


def processor():
    try:
        with open("/proc/cpuinfo") as file:
            found = re.search(r"^model name\s*: (.*)$", file.read(), re.M)
    except OSError:
        found = None
    return found[1] if found else platform.machine()


def machine():
    return f"{processor()}, {os.cpu_count()} processors, Linux {platform.release().split('-')[0]}"


def commit(source=ROOT):
    try:
        described = subprocess.run(["git", "-C", source, "describe", "--always", "--dirty", "--exclude=*"],
                                   capture_output=True, text=True)
    except OSError:
        return ""
    return described.stdout.strip() if described.returncode == 0 else ""
