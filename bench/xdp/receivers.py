"""The receivers of the comparison, each a process that is started, told to end, and says what it did."""
import json, os, re, shutil, subprocess, sys, tempfile, threading, time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from hot_loops import Trouble

LIMIT = 15  # seconds to start or to end


class Receiver:
    """One of our own programs: it says "ready", and on SIGTERM prints JSON."""

    def __init__(self, name, task, program, arguments=()):
        self.name, self.task, self.program, self.arguments = name, task, program, list(arguments)
        self.can_wait = "--every" not in self.arguments

    def missing(self, build):
        path = f"{build}/bench/{self.program}"
        return None if os.access(path, os.X_OK) else f"there is no {path}; build it (it needs libxdp, libbpf and clang: scripts/setup)"

    def cannot(self, size):
        return None

    def command(self, build, place, spin):
        command = [f"{build}/bench/{self.program}", *self.arguments]
        if self.program != "xdp_socket":
            command += ["--interface", place.vb]
        if self.program == "xdp_bare" and place.huge_pages:
            command += ["--huge"]
        if self.program == "xdp_netmem" and place.huge_pages:
            command += ["--frames", "huge:16M"]
        return command + (["--spin"] if spin else [])

    def start(self, build, place, core, spin):
        """The kernel lets go of the queue some time after the last socket was closed."""
        end = time.monotonic() + LIMIT
        while not self.started(place.command(place.receiver, core, self.command(build, place, spin))):
            if "busy" not in self.said() or time.monotonic() > end:
                raise Trouble(f"cannot start {self.name}: {self.said()}")
            time.sleep(0.05)

    def started(self, command):
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        if self.process.stdout.readline().strip() == "ready":
            return True
        self.process.wait()
        return False

    def said(self):
        self.errors.seek(0)
        lines = [line for line in self.errors.read().splitlines() if line and not line.startswith("libbpf: elf:")]
        return lines[-1] if lines else f"it ended with status {self.process.returncode}"

    def finish(self):
        self.process.terminate()
        try:
            out, _ = self.process.communicate(timeout=LIMIT)
            return json.loads(out)
        except (subprocess.TimeoutExpired, ValueError):
            self.kill()
            raise Trouble(f"cannot read what {self.name} did: {self.said()}")

    def kill(self):
        if getattr(self, "process", None) and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Program(Receiver):
    """The program's own echo, which swaps IP addresses and ports as well."""

    def __init__(self):
        super().__init__("netmem_program", "echo", "netmem")

    def missing(self, build):
        return None if os.access(f"{build}/netmem", os.X_OK) else f"there is no {build}/netmem; build it"

    def command(self, build, place, spin):
        frames = ["--frames", "huge:16M"] if place.huge_pages else []
        return [f"{build}/netmem", "echo", "--interface", place.vb, "--queue", "0", "--udp", "9999", "--json", *frames]

    def started(self, command):
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        end = time.monotonic() + LIMIT
        while "echoing on" not in self.said():
            if self.process.poll() is not None or time.monotonic() > end:
                self.kill()
                return False
            time.sleep(0.01)
        return True

    def finish(self):
        report = super().finish()
        return {"received": report["packets"], "drops": report["drops"]}


class Testpmd(Receiver):
    """DPDK's own forwarder on its af_xdp driver. It always spins; its two threads share the processor, and the one that
    reads commands sleeps."""

    DRIVERS = "/usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0"

    def __init__(self, name, task, mode):
        super().__init__(name, task, "dpdk-testpmd")
        self.can_wait = False
        self.mode = mode

    def missing(self, build):
        if not shutil.which("dpdk-testpmd"):
            return "there is no dpdk-testpmd; run scripts/setup --peers"
        if not os.path.exists(f"{self.DRIVERS}/librte_net_af_xdp.so"):
            return "DPDK's af_xdp driver is not installed; run scripts/setup --peers"
        return None

    def cannot(self, size):
        return "DPDK 22.11's af_xdp driver takes no frames of several buffers" if size > 3400 else None

    def command(self, build, place, spin):
        memory = ["--in-memory", "--single-file-segments"] if place.huge_pages else ["--no-huge"]
        return ["stdbuf", "-oL", "dpdk-testpmd", "--lcores", "0@{core},1@{core}", *memory, "-m", "128", "--no-pci",
                "--no-telemetry", "--file-prefix", place.name, "-d", f"{self.DRIVERS}/librte_net_af_xdp.so",
                "-d", f"{self.DRIVERS}/librte_mempool_ring.so", "--vdev",
                f"net_af_xdp0,iface={place.vb},start_queue=0,queue_count=1", "--", "-i", f"--forward-mode={self.mode}",
                "--total-num-mbufs=8192", "--rxd=2048", "--txd=2048", "--burst=64",
                # An echo's cycles would be the kernel's.
                *(["--record-core-cycles"] if self.task == "drop" else [])]

    def start(self, build, place, core, spin):
        command = [word.replace("{core}", str(core)) for word in self.command(build, place, spin)]
        self.errors = tempfile.TemporaryFile("w+")
        self.lines = []
        self.process = subprocess.Popen(place.command(place.receiver, core, command), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.errors, text=True)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.wait_for("Done")
        self.tell("start")
        self.wait_for("TX RS bit threshold")
        time.sleep(0.05)

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line)

    def tell(self, *commands):
        self.process.stdin.write("".join(command + "\n" for command in commands))
        self.process.stdin.flush()

    def wait_for(self, text):
        end = time.monotonic() + LIMIT
        while not any(text in line for line in self.lines):
            if self.process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise Trouble(f"cannot start {self.name}: {self.said()}")
            time.sleep(0.01)

    def finish(self):
        try:
            self.tell("stop", "quit")
            self.process.wait(timeout=LIMIT)
        except (subprocess.TimeoutExpired, OSError):
            self.kill()
        self.reader.join(LIMIT)
        out = "".join(self.lines)
        counts = re.findall(r"RX-packets: (\d+)\s+RX-dropped: (\d+).*\n\s*TX-packets: (\d+)", out)
        cycles = re.findall(r"CPU cycles/packet=([\d.]+)", out)
        if not counts:
            raise Trouble(f"cannot read what {self.name} did: {self.said()}")
        received, dropped, returned = map(int, counts[-1])
        return {"received": received, "returned": returned, "dropped": dropped,
                "busy": {"mean": float(cycles[-1]), "median": None, "batch": None} if cycles else None}


def all_receivers():
    """The task is what is compared: what does the same work has the same one."""
    return [
        Receiver("bare", "drop", "xdp_bare"),
        Testpmd("testpmd", "drop", "rxonly"),
        Receiver("recvmmsg", "drop", "xdp_socket"),
        Receiver("netmem", "drop", "xdp_netmem"),
        Receiver("netmem_eager", "drop_eager", "xdp_netmem", ["--coalesce", "0"]),
        Receiver("netmem_seldom", "drop_seldom", "xdp_netmem", ["--every", "200"]),
        Receiver("netmem_split", "split", "xdp_netmem", ["--split"]),
        Receiver("netmem_split_seldom", "split_seldom", "xdp_netmem", ["--split", "--every", "200"]),
        Receiver("bare_echo", "echo", "xdp_bare", ["--echo"]),
        Testpmd("testpmd_echo", "echo", "macswap"),
        Testpmd("testpmd_5tswap", "echo", "5tswap"),
        Receiver("netmem_echo", "echo", "xdp_netmem", ["--echo"]),
        Program(),
    ]
