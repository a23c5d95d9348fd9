"""``python -m benchmarks.plot RESULTS.json PICTURE.svg``: draw the results of `fanout`.

It shows the lines delivered per second and the latency, by messages in flight, of each server in
the file. The same file always gives the same picture. matplotlib is in the extra `plot`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.options import Failed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Point", "draw", "read"]

WIDTH, HEIGHT = 9.0, 3.5
"""In inches; the height is that of one row."""

STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.which": "major",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.hspace": 0.06,
    "figure.constrained_layout.wspace": 0.06,
    "font.size": 11,
    "grid.color": "#e4e4e4",
    "legend.columnspacing": 1.2,
    "legend.fontsize": 11,
    "lines.linewidth": 1.8,
    "lines.markersize": 5.5,
    "svg.fonttype": "none",  # text stays text: searchable, in the fonts of the reader
    "svg.hashsalt": "pyconchat",  # the default ids are random
}
"""Settings of matplotlib. Their key type is matplotlib's own, which may not be installed."""

GREY = "#555555"


@dataclass(frozen=True)
class Point:
    """The values of each run with a number of messages *in_flight*, by name of the figure."""

    in_flight: int
    runs: Mapping[str, Sequence[float]]


Curves = dict[int, dict[str, list[Point]]]
"""By members of the group and by server: the points in order of messages in flight."""


def main(arguments: list[str]) -> int:
    """Draw the picture; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plot", description=__doc__)
    parser.add_argument("results", type=Path, metavar="RESULTS.json", help="the results of a run")
    parser.add_argument("picture", type=Path, metavar="PICTURE.svg", help="the picture to write")
    chosen = parser.parse_args(arguments)
    try:
        draw(read(chosen.results), chosen.picture)
    except Failed as failed:
        print(failed, file=sys.stderr)
        return 1
    return 0


def read(path: Path) -> Curves:
    """Return the results of `fanout` in the file *path*. Raises `Failed`."""
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise Failed(f"{path} is not a file of results: {error}") from error
    curves: Curves = {}
    for result in document.get("results", ()):
        if result["scenario"] == "fanout":
            setting = result["setting"]
            runs = {figure["name"]: figure["runs"] for figure in result["figures"]}
            servers = curves.setdefault(setting["members"], {})
            points = servers.setdefault(_server(setting), [])
            points.append(Point(setting["in_flight"], runs))
    if not curves:
        raise Failed(f"{path} has no results of fanout")
    for servers in curves.values():
        for points in servers.values():
            points.sort(key=lambda point: point.in_flight)
    return curves


def draw(curves: Curves, path: Path) -> None:
    """Write the picture of *curves* to *path*, a row per size of the group. Raises `Failed`."""
    if find_spec("matplotlib") is None:
        raise Failed("matplotlib is not installed: pip install '.[plot]'")
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, HEIGHT * len(curves) + 0.3))
        _fill(figure, curves)
        figure.savefig(path, format="svg", metadata={"Creator": None, "Date": None})


def _server(setting: Mapping[str, str]) -> str:
    return setting.get("reference") or f"PyconChat, durability {setting['durability']}"


def _fill(figure: Figure, curves: Curves) -> None:
    names = dict.fromkeys(name for servers in curves.values() for name in servers)
    colours = {name: f"C{nth}" for nth, name in enumerate(names)}
    rows = figure.subplots(len(curves), 2, sharex=True, sharey="col", squeeze=False)
    for (left, right), (members, servers) in zip(rows, sorted(curves.items()), strict=True):
        for axes in (left, right):
            axes.set_title(f"{members:,} members", loc="left")
        left.set_ylabel("delivered (lines/s)")
        right.set_ylabel("latency (ms)")
        for name, points in servers.items():
            _draw_curve(left, points, "delivered", colours[name])
            _draw_curve(right, points, "latency p50", colours[name])
            _draw_curve(right, points, "latency p99", colours[name], dashed=True)
    for bottom in rows[-1]:
        bottom.set_xlabel("messages in flight")
    left, right = rows[0]
    _set_scales(left, right, _all_in_flight(curves))
    _add_legend(figure, colours)


def _draw_curve(
    axes: Axes, points: Sequence[Point], name: str, colour: str, *, dashed: bool = False
) -> None:
    """Draw the medians of the figure *name*, and a band from minimum to maximum of its runs."""
    in_flight = [point.in_flight for point in points]
    runs = [point.runs[name] for point in points]
    axes.fill_between(
        in_flight, [*map(min, runs)], [*map(max, runs)], color=colour, alpha=0.16, linewidth=0
    )
    axes.plot(
        in_flight,
        [*map(median, runs)],
        color=colour,
        linestyle="--" if dashed else "-",
        marker="o",
        markerfacecolor="white" if dashed else colour,
    )


def _all_in_flight(curves: Curves) -> list[int]:
    every = (points for servers in curves.values() for points in servers.values())
    return sorted({point.in_flight for points in every for point in points})


def _set_scales(left: Axes, right: Axes, in_flight: Sequence[int]) -> None:
    """Make the axes, which all rows share, logarithmic, with plain numbers as ticks."""
    from matplotlib.ticker import EngFormatter, LogLocator, NullLocator

    left.set_xscale("log")
    left.set_xticks(in_flight, [f"{messages:,}" for messages in in_flight])
    left.xaxis.set_minor_locator(NullLocator())
    for axes, formatter in ((left, EngFormatter()), (right, "{x:g}")):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(formatter)


def _add_legend(figure: Figure, colours: Mapping[str, str]) -> None:
    """Draw the legend above all panels."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [
        *(Line2D([], [], color=colour, marker="o", label=name) for name, colour in colours.items()),
        Line2D([], [], color=GREY, marker="o", label="p50"),
        Line2D([], [], color=GREY, marker="o", markerfacecolor="white", ls="--", label="p99"),
        Patch(color=GREY, alpha=0.25, linewidth=0, label="range of the runs"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=6, frameon=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
