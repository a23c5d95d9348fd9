"""The scenarios, one module each: functions from `Options` to results."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.options import Options
from benchmarks.report import Result
from benchmarks.scenarios.client import client
from benchmarks.scenarios.doors import doors
from benchmarks.scenarios.fanout import fanout
from benchmarks.scenarios.files import files
from benchmarks.scenarios.history import history
from benchmarks.scenarios.idle import idle
from benchmarks.scenarios.irc import irc
from benchmarks.scenarios.many_groups import many_groups
from benchmarks.scenarios.nodes import nodes
from benchmarks.scenarios.reconnect import catch_up, login_storm
from benchmarks.scenarios.scaling import scaling
from benchmarks.scenarios.search import search
from benchmarks.scenarios.selective import selective
from benchmarks.scenarios.small_group import small_group
from benchmarks.scenarios.ssh import ssh
from benchmarks.scenarios.start import start
from benchmarks.scenarios.web import web

__all__ = ["SCENARIOS"]

SCENARIOS: dict[str, Callable[[Options], list[Result]]] = {
    each.__name__: each
    for each in (
        fanout,
        many_groups,
        scaling,
        selective,
        small_group,
        idle,
        login_storm,
        catch_up,
        start,
        history,
        search,
        client,
        files,
        web,
        ssh,
        irc,
        doors,
        nodes,
    )
}
