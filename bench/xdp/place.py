"""Where the comparison happens: two network namespaces with a veth pair between them, huge pages, and what /proc and the
interface count. Made on entering, gone on leaving. Python 3, ip, ethtool and nothing else.
"""
import json, os, shutil, socket, subprocess, sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from hot_loops import Trouble

SENDER, RECEIVER = "10.77.0.1", "10.77.0.2"
HUGE_PAGES = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
AF_XDP = 44  # include/linux/socket.h
HUGE_WANTED = 96  # 128 MiB for testpmd, 64 MiB for the rest


class CannotRun(Exception):
    """What this machine lacks, and how to get it."""


def need_privileges():
    for program in ("ip", "ethtool", "taskset"):
        if not shutil.which(program):
            raise CannotRun(f"there is no program {program}; run scripts/setup")
    if os.geteuid() != 0:
        raise CannotRun("network namespaces and AF_XDP need root")
    try:
        socket.socket(AF_XDP, socket.SOCK_RAW).close()
    except OSError as error:
        raise CannotRun(f"there is no AF_XDP here: {error.strerror}; it needs a kernel with CONFIG_XDP_SOCKETS and CAP_NET_RAW")


def ip(*arguments):
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise CannotRun(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


class Place:
    """`sender` and `receiver` are namespaces, `va` and `vb` the interfaces in them. Large frames begin at vc (generate.cc)."""

    def __init__(self, huge_pages):
        self.name = f"nmx{os.getpid()}"
        self.sender, self.receiver = self.name + "a", self.name + "b"
        self.va, self.vb = f"a{os.getpid() % 100000}", f"b{os.getpid() % 100000}"
        self.vc, self.vd = f"c{os.getpid() % 100000}", f"d{os.getpid() % 100000}"
        self.huge_before, self.huge_pages = None, huge_pages
        self.mtu = None

    def __enter__(self):
        need_privileges()
        try:
            self.build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for namespace in (self.sender, self.receiver):
            subprocess.run(["ip", "netns", "delete", namespace], capture_output=True)
        if self.huge_before is not None:
            write(HUGE_PAGES, self.huge_before)

    def build(self):
        for namespace in (self.sender, self.receiver):
            ip("netns", "add", namespace)
            # Neighbours that look for each other are frames, too.
            self.run(namespace, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        ip("-n", self.sender, "link", "add", self.va, "type", "veth", "peer", "name", self.vb, "netns", self.receiver)
        ip("-n", self.sender, "link", "add", self.vc, "type", "veth", "peer", "name", self.vd)
        ip("-n", self.sender, "address", "add", SENDER + "/24", "dev", self.va)
        ip("-n", self.receiver, "address", "add", RECEIVER + "/24", "dev", self.vb)
        for namespace, interface in self.interfaces():
            ip("-n", namespace, "link", "set", interface, "up")
        # With GRO a veth receives in NAPI context, whether an XDP program is attached or not.
        self.run(self.receiver, "ethtool", "-K", self.vb, "gro", "on")
        self.mac = json.loads(ip("-j", "-n", self.receiver, "link", "show", "dev", self.vb))[0]["address"]
        if self.huge_pages:
            self.take_huge_pages()

    def interfaces(self):
        return (self.sender, self.va), (self.receiver, self.vb), (self.sender, self.vc), (self.sender, self.vd)

    def take_huge_pages(self):
        before = read(HUGE_PAGES)
        free = int(read(HUGE_PAGES.replace("nr_", "free_")) or 0)
        if before is not None and free < HUGE_WANTED:
            write(HUGE_PAGES, str(int(before) + HUGE_WANTED - free))
            self.huge_before = before
        self.huge_pages = int(read(HUGE_PAGES.replace("nr_", "free_")) or 0) >= HUGE_WANTED

    def run(self, namespace, *command):
        done = subprocess.run(["ip", "netns", "exec", namespace, *command], capture_output=True, text=True)
        if done.returncode != 0:
            raise CannotRun(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def command(self, namespace, core, command):
        return ["ip", "netns", "exec", namespace, "taskset", "-c", str(core), *command]

    def set_mtu(self, mtu):
        if mtu == self.mtu:
            return
        for namespace, interface in self.interfaces():
            ip("-n", namespace, "link", "set", interface, "mtu", str(mtu))
        self.mtu = mtu

    def kernel_thread(self, core):
        """The kernel receives for vb in a thread of its own on `core`; its number. None: on the generator's processor."""
        # The receiver goes first (see go_first): by turns, the scheduler's slices would decide how many frames find room.
        path = f"/sys/class/net/{self.vb}/threaded"
        self.run(self.receiver, "sh", "-c", f"echo {0 if core is None else 1} > {path}")
        if core is None:
            return None
        for process in filter(str.isdigit, os.listdir("/proc")):
            if (read(f"/proc/{process}/comm") or "").startswith(f"napi/{self.vb}"):
                os.sched_setaffinity(int(process), {core})
                os.sched_setscheduler(int(process), os.SCHED_FIFO, os.sched_param(1))
                return int(process)
        raise Trouble(f"cannot find the kernel's thread that receives for {self.vb}: it has gone; try again")

    def transmitted(self):
        """Frames that vb's queue took, and those for which it had no room."""
        counts = json.loads(ip("-j", "-s", "-n", self.sender, "link", "show", "dev", self.va))[0]["stats64"]["tx"]
        return counts["packets"], counts["dropped"]


def read(path):
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return None


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def go_first(process):
    """Before the kernel's thread: what has arrived is taken before more arrives."""
    for thread in os.listdir(f"/proc/{process}/task"):
        os.sched_setscheduler(int(thread), os.SCHED_FIFO, os.sched_param(2))


def processor_time(process):
    """Nanoseconds that all threads of a process ran, in its own code and in the kernel's."""
    total = 0
    for thread in os.listdir(f"/proc/{process}/task"):
        total += int((read(f"/proc/{process}/task/{thread}/schedstat") or "0").split()[0])
    return total


def user_and_system(process):
    """Seconds, in ticks of 10 ms."""
    fields = read(f"/proc/{process}/stat").rpartition(")")[2].split()
    return tuple(int(ticks) / os.sysconf("SC_CLK_TCK") for ticks in fields[11:13])


def softirq_time():
    """Seconds of all processors, in ticks."""
    return int(read("/proc/stat").split("\n")[0].split()[7]) / os.sysconf("SC_CLK_TCK")
