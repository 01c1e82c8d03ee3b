"""What tests/gpu/run found, as text. Values only: nothing is run here."""
import dataclasses
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../bench/gpu"))
import figures

PASSED, FAILED, SKIPPED = "passed", "FAILED", "skipped"


@dataclasses.dataclass
class Step:
    name: str
    outcome: str  # one of the three above
    says: str = ""  # one line
    log: str = ""  # of what failed
    seconds: float = 0


@dataclasses.dataclass
class Report:
    device: str
    quick: bool = False
    machine: list = dataclasses.field(default_factory=list)  # (what, says)
    is_gpu: bool = False
    steps: list = dataclasses.field(default_factory=list)
    ratios: list = dataclasses.field(default_factory=list)  # as bench/gpu/figures.py has them
    measured: list = dataclasses.field(default_factory=list)  # (name, text)

    def exit_code(self):
        """Figures never decide: a target that is missed is said, and no failure."""
        return 1 if not self.steps or self._count(FAILED) else 0

    def _count(self, outcome):
        return sum(step.outcome == outcome for step in self.steps)

    def summary(self):
        counts = ", ".join(f"{self._count(outcome)} {outcome}" for outcome in (PASSED, FAILED, SKIPPED) if self._count(outcome))
        ended = "no step failed" if self.exit_code() == 0 else "SOMETHING FAILED"
        return f"{ended}: {counts or 'nothing ran'}; {self._of_targets()}"

    def _of_targets(self):
        if not self.ratios:
            return "nothing was measured"
        said = figures.tally(self.ratios)
        return said if self.is_gpu and not self.quick else said + ", which says nothing here"

    def caveats(self):
        said = []
        if not self.is_gpu:
            said.append("This device is not a GPU. Figures show that the tools work, and nothing else.")
        if self.quick:
            said.append("A quick run: a few small rounds, whose figures mean nothing.")
        return said

    def text(self):
        parts = [f"netmem on {self.device}: {self.summary()}\n", *(f"{said}\n" for said in self.caveats()), "\nMachine\n\n"]
        parts += [f"  {what:12} {says}\n" for what, says in self.machine]
        parts.append("\nSteps\n\n")
        for step in self.steps:
            parts.append(f"  {step.outcome:8} {step.name:32} {step.seconds:6.1f} s  {step.says}".rstrip() + "\n")
        if self.ratios:
            parts.append("\nTargets: median of the rounds (least to greatest)\n\n")
            parts += [f"  {figures.line(ratio)}\n" for ratio in self.ratios]
        for name, text in self.measured:
            parts.append(f"\n{name}\n\n{indented(text)}\n")
        for step in self.steps:
            if step.outcome == FAILED and step.log:
                parts.append(f"\nWhat failed: {step.name}\n\n{indented(step.log)}\n")
        return "".join(parts)


def indented(text):
    return "\n".join(("  " + line).rstrip() for line in text.strip().splitlines())
