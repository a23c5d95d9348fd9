"""The results: figures with a value per run, as a text table and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

__all__ = ["Figure", "Result", "percentile", "text", "write_json"]


def percentile(values: Sequence[float], fraction: float) -> float:
    """Return the smallest of the sorted *values* that *fraction* of them do not exceed."""
    return values[max(0, math.ceil(fraction * len(values)) - 1)]


@dataclass
class Figure:
    """One measured quantity, with a value per run.

    The target, if there is one, is a maximum or a minimum. *reference* is the same figure of
    another result, with a description, for the ratio of the two.
    """

    name: str
    unit: str
    runs: list[float] = field(default_factory=list)
    maximum: float | None = None
    minimum: float | None = None
    reference: tuple[str, Figure] | None = None

    @property
    def value(self) -> float:
        """Return the median of the runs."""
        return median(self.runs)

    @property
    def target(self) -> float | None:
        """Return the maximum or minimum that is the target, if any."""
        return self.minimum if self.maximum is None else self.maximum

    @property
    def met(self) -> bool:
        """Return whether the target is met."""
        return (self.maximum is None or self.value <= self.maximum) and (
            self.minimum is None or self.value >= self.minimum
        )

    @property
    def ratio(self) -> float | None:
        """Return this figure divided by the reference."""
        if self.reference is None or not self.reference[1].value:
            return None
        return self.value / self.reference[1].value

    def record(self) -> dict[str, object]:
        """Return the record for the JSON file."""
        record: dict[str, object] = {
            "name": self.name,
            "unit": self.unit,
            "median": self.value,
            "runs": self.runs,
        }
        if self.target is not None:
            bound = "at least" if self.maximum is None else "at most"
            record |= {"target": f"{bound} {self.target:g}", "met": self.met}
        if self.reference is not None:
            record |= {"ratio": self.ratio, "ratio to": self.reference[0]}
        return record


class Result:
    """The figures of one scenario in one *setting*, in the order in which they were recorded."""

    def __init__(self, scenario: str, title: str, **setting: object) -> None:
        self.scenario = scenario
        self.title = title
        self.setting = setting
        self.figures: dict[str, Figure] = {}
        self.remarks: list[str] = []

    def add(
        self,
        name: str,
        unit: str,
        value: float,
        *,
        maximum: float | None = None,
        minimum: float | None = None,
    ) -> None:
        """Add the *value* of one run; *maximum* or *minimum* is the target."""
        figure = self.figures.setdefault(name, Figure(name, unit, [], maximum, minimum))
        figure.runs.append(value)

    def compare(self, name: str, other: Result, what: str) -> None:
        """Report the ratio of the figure *name* to that of *other*, described as *what*."""
        self.figures[name].reference = (what, other.figures[name])

    def remark(self, remark: str) -> None:
        """Add a warning about the figures, unless it is there already."""
        if remark not in self.remarks:
            self.remarks.append(remark)

    def record(self) -> dict[str, object]:
        """Return the record for the JSON file."""
        return {
            "scenario": self.scenario,
            "title": self.title,
            "setting": self.setting,
            "figures": [figure.record() for figure in self.figures.values()],
            "remarks": self.remarks,
        }


def text(machine: Mapping[str, str], results: Sequence[Result]) -> str:
    """Return the tables as text."""
    width = max(map(len, machine))
    lines = [f"{name:<{width}}  {value}" for name, value in machine.items()]
    for result in results:
        lines += ["", result.title, *(_line(figure) for figure in result.figures.values())]
        lines += [f"  ! {remark}" for remark in result.remarks]
    return "\n".join(lines)


def write_json(path: Path, machine: Mapping[str, str], results: Sequence[Result]) -> None:
    """Write everything to *path* as JSON."""
    document = {"machine": machine, "results": [result.record() for result in results]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n")


def _line(figure: Figure) -> str:
    line = f"  {figure.name:<32} {_number(figure.value):>10} {figure.unit:<10}"
    if len(figure.runs) > 1:
        line += f"  ({_number(min(figure.runs))} to {_number(max(figure.runs))})"
    if figure.target is not None:
        bound = "at least" if figure.maximum is None else "at most"
        verdict = "met" if figure.met else "NOT MET"
        line += f"  {bound} {_number(figure.target)}: {verdict}"
    if figure.reference is not None and figure.ratio is not None:
        line += f"  {figure.ratio:.2f} x {figure.reference[0]}"
    return line.rstrip()


def _number(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
