"""What is measured, one module each; all are functions from `Options` to results."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.options import Options
from benchmarks.report import Result
from benchmarks.scenarios.client import client
from benchmarks.scenarios.fanout import fanout
from benchmarks.scenarios.files import files
from benchmarks.scenarios.history import history
from benchmarks.scenarios.idle import idle
from benchmarks.scenarios.many_groups import rooms
from benchmarks.scenarios.reconnect import catchup, storm
from benchmarks.scenarios.scaling import slopes
from benchmarks.scenarios.small_group import small
from benchmarks.scenarios.start import start

__all__ = ["SCENARIOS"]

SCENARIOS: dict[str, Callable[[Options], list[Result]]] = {
    each.__name__: each
    for each in (fanout, rooms, slopes, small, idle, storm, catchup, start, history, client, files)
}
