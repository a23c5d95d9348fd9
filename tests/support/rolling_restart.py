"""A rolling restart of two nodes under a crowd, whose messages are compared with the log."""

from __future__ import annotations

import re
import time
from contextlib import closing
from pathlib import Path

from pyconchat.store import SqlStore
from tests.contracts.test_fold import fold_log
from tests.support.clusters import running_nodes
from tests.support.crowds import GROUPS, Crowd, crowd, settle
from tests.support.programs import Object
from tests.support.servers import UNLIMITED

__all__ = ["restart_in_turn"]

MAX_WAIT = 120.0
"""Maximum seconds until all are connected: on an idle machine 220 take 3 s."""

LIMITS = f"{UNLIMITED}unauthenticated = 0\nmissed_entries = 1000\n"
"""All log in at once, and a busy machine may take long for that."""


def restart_in_turn(folder: Path, url: str, clients: int, senders: int, people: int) -> None:
    """Restart each of two nodes, and check that nothing was lost, doubled or reordered.

    *senders* of the *clients*, and half of the *people* at nc, send messages all the time. The
    empty database at *url* gets their accounts.
    """
    file, everyone = folder / "crowd.json", clients + people
    with closing(SqlStore(url)) as store:
        store.open_as_is()
        settle(store, file, clients, senders, people)
    with (
        running_nodes(folder, url, 2, limits=LIMITS) as cluster,
        crowd([node.port for node in cluster.nodes], file) as everybody,
    ):
        everybody.waits_for(lambda report: report["live"] == everyone, MAX_WAIT)
        told = 0

        def are_back(report: Object) -> bool:
            ended = report["told"] - told
            return report["live"] == everyone and ended >= everyone // 2

        for node in cluster.nodes:
            _talk(everybody, senders + people // 2)
            began = time.monotonic()
            node.stop()
            stopped = time.monotonic() - began
            back = everybody.waits_for(are_back, MAX_WAIT)
            ended, told = everybody.report["told"] - told, everybody.report["told"]
            print(f"{ended} sessions ended in {stopped:.1f} s; all back {back:.1f} s later")
            node.restart()
        _talk(everybody, senders + people // 2)
        report = everybody.ends(MAX_WAIT)
    assert cluster.tracebacks() == []
    with closing(SqlStore(url)) as store:
        store.open_as_is()
        _check(store, report)


def _talk(everybody: Crowd, senders: int) -> None:
    """Wait until the *senders* have sent as many messages more."""
    said = everybody.report["said"] + senders
    everybody.waits_for(lambda report: report["said"] >= said, MAX_WAIT)


def _check(store: SqlStore, report: Object) -> None:
    """Compare the crowd's sent and received messages with the log."""
    log: dict[str, dict[int, str]] = {}
    loaded = store.load()
    for id, stored in loaded.groups.items():
        entries = store.entries(id, 0, 2**62, 10**9)
        assert [each.seq for each in entries] == list(range(1, len(entries) + 1))
        assert fold_log(entries).state == stored.state
        found = {each.seq: re.findall(r"w-\w+-\d+", str(each.event)) for each in entries}
        log[stored.state.name] = {seq: words[0] for seq, words in found.items() if words}
    places: dict[str, list[int]] = {}
    for texts in log.values():
        for seq, words in texts.items():
            places.setdefault(words, []).append(seq)
    assert {words: seqs for words, seqs in places.items() if len(seqs) > 1} == {}
    received = {
        group: {int(seq): words for seq, words in texts.items()}
        for group, texts in report["log"].items()
    }
    assert received == log
    newest = {stored.state.name: stored.head for stored in loaded.groups.values()}
    assert report["last"] == [
        newest[GROUPS[number % len(GROUPS)]] for number in range(len(report["last"]))
    ]
    assert {words: [seq] for words, seq in report["seqs"].items()}.items() <= places.items()
    repeated = crossed = 0
    for name, group, said, crossing, shown in report["people"]:
        # Their own last messages they may receive at the next login.
        heard = [words for words in shown if f"w-{name}-" not in words]
        others = [words for words in log[group].values() if f"w-{name}-" not in words]
        assert set(others) == set(heard), name
        first = list(dict.fromkeys(heard))
        assert first == others, f"{name} has received messages in another order"
        repeated += len(heard) - len(first)
        lost = [words for words in said if words not in places]
        assert set(lost) <= set(crossing), name
        crossed += len(crossing)
    print(f"{len(places)} messages; {repeated} shown twice at nc; {crossed} lines crossed the end")
