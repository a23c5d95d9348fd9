"""What came out: figures with a value for each run, as a text table and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

__all__ = ["Figure", "Result", "percentile", "text", "write_json"]


def percentile(values: Sequence[float], fraction: float) -> float:
    """Return the least of the sorted *values* that *fraction* of them do not exceed."""
    return values[max(0, math.ceil(fraction * len(values)) - 1)]


@dataclass
class Figure:
    """One thing that was measured, once a run.

    *most* or *least* is what we have promised. *against* is the same figure elsewhere, with
    what it is called, to be compared by its ratio.
    """

    name: str
    unit: str
    runs: list[float] = field(default_factory=list)
    most: float | None = None
    least: float | None = None
    against: tuple[str, Figure] | None = None

    @property
    def value(self) -> float:
        """Return the median of the runs."""
        return median(self.runs)

    @property
    def promised(self) -> float | None:
        """Return the bound that was promised, if any."""
        return self.least if self.most is None else self.most

    @property
    def kept(self) -> bool:
        """Return whether the figure is what was promised."""
        return (self.most is None or self.value <= self.most) and (
            self.least is None or self.value >= self.least
        )

    @property
    def ratio(self) -> float | None:
        """Return how often the figure that it is compared with goes into this one."""
        if self.against is None or not self.against[1].value:
            return None
        return self.value / self.against[1].value

    def record(self) -> dict[str, object]:
        """Return what the JSON file says of it."""
        record: dict[str, object] = {
            "name": self.name,
            "unit": self.unit,
            "median": self.value,
            "runs": self.runs,
        }
        if self.promised is not None:
            bound = "at least" if self.most is None else "at most"
            record |= {"promised": f"{bound} {self.promised:g}", "kept": self.kept}
        if self.against is not None:
            record |= {"ratio": self.ratio, "ratio to": self.against[0]}
        return record


class Result:
    """The figures of one scenario in one *setting*, in the order in which they were noted."""

    def __init__(self, scenario: str, title: str, **setting: object) -> None:
        self.scenario = scenario
        self.title = title
        self.setting = setting
        self.figures: dict[str, Figure] = {}
        self.remarks: list[str] = []

    def note(
        self,
        name: str,
        unit: str,
        value: float,
        *,
        most: float | None = None,
        least: float | None = None,
    ) -> None:
        """Note the *value* that a run gave."""
        figure = self.figures.setdefault(name, Figure(name, unit, [], most, least))
        figure.runs.append(value)

    def compare(self, name: str, other: Result, what: str) -> None:
        """Show the figure *name* as a ratio to that of *other*, which is called *what*."""
        self.figures[name].against = (what, other.figures[name])

    def remark(self, remark: str) -> None:
        """Add a line that a reader of the figures has to know, once."""
        if remark not in self.remarks:
            self.remarks.append(remark)

    def record(self) -> dict[str, object]:
        """Return what the JSON file says of it."""
        return {
            "scenario": self.scenario,
            "title": self.title,
            "setting": self.setting,
            "figures": [figure.record() for figure in self.figures.values()],
            "remarks": self.remarks,
        }


def text(machine: Mapping[str, str], results: Sequence[Result]) -> str:
    """Return the tables for people."""
    width = max(map(len, machine))
    lines = [f"{name:<{width}}  {value}" for name, value in machine.items()]
    for result in results:
        lines += ["", result.title, *(_line(figure) for figure in result.figures.values())]
        lines += [f"  ! {remark}" for remark in result.remarks]
    return "\n".join(lines)


def write_json(path: Path, machine: Mapping[str, str], results: Sequence[Result]) -> None:
    """Write everything to *path*, for programs."""
    document = {"machine": machine, "results": [result.record() for result in results]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n")


def _line(figure: Figure) -> str:
    line = f"  {figure.name:<32} {_number(figure.value):>10} {figure.unit:<10}"
    if len(figure.runs) > 1:
        line += f"  ({_number(min(figure.runs))} to {_number(max(figure.runs))})"
    if figure.promised is not None:
        bound = "at least" if figure.most is None else "at most"
        verdict = "kept" if figure.kept else "NOT KEPT"
        line += f"  {bound} {_number(figure.promised)}: {verdict}"
    if figure.against is not None and figure.ratio is not None:
        line += f"  {figure.ratio:.2f} x {figure.against[0]}"
    return line.rstrip()


def _number(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
