"""What the runs of bench/xdp-throughput say: rates, processor time, ratios and the text. Python 3 and nothing else."""
import statistics

from statistics_of_pairs import spread

MODES = {
    "apart": "the kernel receives on the generator's processor (as a veth does), receivers spin on their own: packets per second",
    "together": "the kernel receives in a thread on the receiver's processor, receivers wait when there is nothing and go first "
                "otherwise: packets per second of one processor for both",
    "rated": "as apart, at one rate for all, receivers wait when there is nothing: processor time per packet",
}
COMPARED = {"per_second": "packets per second", "processor_ns": "processor time",
            "both_ns": "processor time of both at the same rate"}
COALESCED_FROM = 2e6  # frames per second, 64 to a wait, that are let gather for sure (netmem/ports/xdp/coalescing.h)
OUTRUN = 0.95  # received : sent, from which on the generator was hardly faster than the receiver
# task: whom to compare with, target; drop_seldom and split_seldom are compared with nobody
TARGETS = {"drop": ("drop", 1.0), "drop_eager": ("drop", None), "split": ("drop", 0.8), "echo": ("echo", 1.0)}

SAME_WORK = {"netmem_echo": "testpmd_echo", "netmem_program": "testpmd_5tswap"}  # MAC addresses; IP addresses and ports, too

OWN = {"netmem": 60, "netmem_seldom": 60, "netmem_split": 120, "netmem_split_seldom": 120}  # cycles per packet
FULL = 16  # packets at once, from which on they share what a call costs


def done_of(run):
    """Packets that count: those that were received, or those that came back."""
    return run["returned"] if run["task"] == "echo" else run["received"]


def figures_of(run):
    """What can be compared of one run."""
    done = max(1, done_of(run))
    kernel = run["kernel_ns"]
    return {"per_second": done / run["seconds"], "of_sent": done / max(1, run["sent"]), "sent_per_second": run["sent"] / run["seconds"],
            "processor_ns": run["processor_ns"] / done, "both_ns": (run["processor_ns"] + (kernel or 0)) / done,
            "kernel_ns": None if kernel is None else kernel / done,
            "softirq": run["softirq_seconds"] / run["seconds"]}


def select(runs, **what):
    return [run for run in runs if all(run[key] == value for key, value in what.items())]


def keys(runs, key):
    return list(dict.fromkeys(run[key] for run in runs))


def rounds_of(runs, figure, **what):
    return {run["round"]: figures_of(run)[figure] for run in select(runs, **what)}


def best_peer(runs, figure, better, **what):
    """The peer with the best median."""
    names = [name for name in keys(select(runs, **what), "receiver") if not name.startswith("netmem")]
    medians = {name: statistics.median(rounds_of(runs, figure, receiver=name, **what).values()) for name in names}
    return better(medians, key=medians.get) if medians else None


def peer_of(runs, name, task, figure, better, where):
    """Echo is held against testpmd's, and where that cannot run against bare libxdp's."""
    same = SAME_WORK.get(name)
    if same and where["mode"] != "rated" and select(runs, receiver=same, **where):
        return same
    return best_peer(runs, figure, better, task=TARGETS[task][0], **where)


def was_any_outrun(runs, names, where):
    return any(statistics.median(rounds_of(runs, "of_sent", receiver=name, **where).values()) < OUTRUN for name in names)


def what_is_compared(runs, name, task, where):
    """Where the generator outruns nobody, all receivers get the same packets, and rates say nothing: then it is the
    processor time that they take, but for those that spin."""
    if where["mode"] == "rated":
        return "processor_ns"
    peer = peer_of(runs, name, task, "per_second", max, where)
    if where["mode"] == "together" and not was_any_outrun(runs, filter(None, [name, peer]), where):
        return "both_ns"
    return "per_second"


def ratio_of(runs, name, task, where):
    """netmem over its peer, above 1 is better; of each round, then sorted."""
    figure = what_is_compared(runs, name, task, where)
    peer = peer_of(runs, name, task, figure, max if figure == "per_second" else min, where)
    if peer is None:
        return None
    mine, other = (rounds_of(runs, figure, receiver=who, **where) for who in (name, peer))
    pairs = [(mine[i], other[i]) for i in mine if i in other]
    if not pairs:
        return None
    values = spread([a / b if figure == "per_second" else b / a for a, b in pairs])
    target = TARGETS[task][1]
    if where["mode"] == "rated" or (task == "echo" and peer != SAME_WORK.get(name)):
        target = None
    outrun = was_any_outrun(runs, [name], where)
    decides = figure != "per_second" or was_any_outrun(runs, [name, peer], where)
    return {**where, "task": task, "above": name, "below": peer, "compared": COMPARED[figure], "outrun": outrun,
            "decides": decides, **values, "target": target,
            "met": values["median"] >= target if target and decides else None}


def ratios(runs):
    found = []
    for mode in keys(runs, "mode"):
        for size in keys(runs, "size"):
            where = {"mode": mode, "size": size}
            for name in keys(select(runs, **where), "receiver"):
                task = select(runs, receiver=name)[0]["task"]
                if name.startswith("netmem") and task in TARGETS:
                    found.append(ratio_of(runs, name, task, where))
    return [ratio for ratio in found if ratio]


def number(value, unit=""):
    return "-" if value is None else f"{value:.3g}{unit}" if abs(value) < 100 else f"{value:.0f}{unit}"


def busy_of(runs, kind="busy"):
    """Cycles per packet of the program itself: the median of packets, or the mean where there is no other."""
    cycles = [run[kind]["median"] if run[kind].get("median") is not None else run[kind]["mean"]
              for run in runs if run.get(kind)]
    return statistics.median(cycles) if cycles else None


def own_cycles(runs):
    """netmem's own part, without the kernel's and without copies."""
    found = []
    for mode in keys(runs, "mode"):
        for size in keys(runs, "size"):
            for name in keys(runs, "receiver"):
                here = select(runs, mode=mode, size=size, receiver=name)
                busy = busy_of(here)
                if name in OWN and busy is not None:
                    cycles = busy_of(here, "without_copies") or busy
                    batch = statistics.median(run["busy"]["batch"] for run in here if run["busy"])
                    target = OWN[name] if batch >= FULL else None
                    found.append({"mode": mode, "size": size, "receiver": name, "cycles": cycles, "copies": busy - cycles,
                                  "batch": batch, "target": target, "met": target and cycles <= target})
    return found


def row(name, runs):
    of = {figure: [figures_of(run)[figure] for run in runs] for figure in figures_of(runs[0])}
    rate, kernel = spread(of["per_second"]), of["kernel_ns"]
    cells = [f"{value / 1e6:8.3f}" for value in (rate["min"], rate["median"], rate["max"])]
    return (f"  {name:19} {' '.join(cells)} {statistics.median(of['sent_per_second']) / 1e6:8.3f} "
            f"{100 * statistics.median(of['of_sent']):6.1f} {number(statistics.median(of['processor_ns'])):>9} "
            f"{number(statistics.median(kernel)) if kernel[0] is not None else '-':>9} {number(busy_of(runs)):>7} "
            f"{100 * statistics.median(of['softirq']):7.0f}")


def say_ratio(ratio):
    verdict = ""
    if ratio["target"] is not None:
        verdict = f", target {ratio['target']}: " + ({True: "met", False: "missed"}.get(ratio["met"]) or
                                                    "not decided, the generator outran neither")
    return (f"  {ratio['above']} : {ratio['below']}, {ratio['compared']}: {ratio['min']:.2f} / {ratio['median']:.2f} / "
            f"{ratio['max']:.2f}{verdict}")


def text(figures):
    runs = figures["runs"]
    lines = [f"bench/xdp-throughput, {figures['date']}, commit {figures['commit']}", figures["machine"],
             f"{figures['rounds']} rounds of {figures['seconds']} s for each receiver, in turns, in random order; "
             f"receiver on processor {figures['cores'][0]}, generator on {figures['cores'][1]}; {figures['memory']}"]
    lines += [f"note: {note}" for note in figures["notes"]]
    for mode in keys(runs, "mode"):
        lines += ["", f"{mode}: {MODES[mode]}" + (f", {figures['rate']:.0f}/s" if mode == "rated" else "")]
        for size in keys(select(runs, mode=mode), "size"):
            lines += ["", f" {size} byte frames    Mpps: min   median      max     sent  got, % ns/packet    kernel  cycles softirq%"]
            here = select(runs, mode=mode, size=size)
            lines += [row(name, select(here, receiver=name)) for name in keys(here, "receiver")]
            lines += [say_ratio(ratio) for ratio in figures["ratios"] if ratio["mode"] == mode and ratio["size"] == size]
    if figures["own"]:
        lines += ["", "netmem's own cycles per packet, median of packets"]
    lines += [f"  {own['mode']}, {own['size']} bytes, {own['receiver']}: {own['cycles']:.0f}" +
              (f" and {own['copies']:.0f} of copies" if own.get("copies") else "") + f", {own['batch']:.1f} at once" +
              ("" if own["target"] is None else f", target {own['target']}: {'met' if own['met'] else 'missed'}")
              for own in figures["own"]]
    if figures["missing"]:
        lines += ["", "not run here"] + [f"  {missing['name']}: {missing['reason']}" for missing in figures["missing"]]
    return "\n".join(lines) + "\n"
