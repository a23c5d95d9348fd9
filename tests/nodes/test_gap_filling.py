"""What a commit reads of the other nodes' entries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pyconchat.chat.gap_filling import FillingCommits
from pyconchat.chat.interfaces import INodeStore, IStore
from pyconchat.domain.decisions import Decision, NewEntry
from pyconchat.domain.errors import Conflict
from pyconchat.domain.events import Entry, Message
from pyconchat.domain.names import Name
from pyconchat.domain.stored import Caught
from pyconchat.domain.text import SafeText

LEFT, HERE = 7, 8


class Store:
    """A store in which each decision has a conflict; it notes what is read."""

    def __init__(self) -> None:
        self.read: list[dict[int, int]] = []

    def commit(self, batch: list[Decision]) -> list[Conflict]:
        return [Conflict() for _ in batch]

    def catch_up(self, known: Mapping[int, int], *_: object) -> dict[int, Caught]:
        self.read.append(dict(known))
        return {id: Caught(head, [], None, None) for id, head in known.items()}


def test_the_log_of_a_group_that_was_closed_meanwhile_is_not_read() -> None:
    """It is not in memory any more, so that nothing of it is known: all of it would be read."""
    store = Store()
    known: Any = {HERE: 5}.get
    commits = FillingCommits(cast(IStore, store), cast(INodeStore, store), known, lambda _: 0)
    message = Message(Name("bob"), SafeText("hello"))
    commits.commit([Decision(0, [NewEntry(id, message, 1)]) for id in (LEFT, HERE)])
    assert store.read == [{HERE: 5}]
    caught, conflicts = commits.take()
    assert set(caught) == conflicts == {HERE}


class Purged(Store):
    """A store that removes the log of a closed group while it is being read."""

    def catch_up(self, known: Mapping[int, int], *_: object) -> dict[int, Caught]:
        entry = Entry(HERE, 6, 0, Message(Name("bob"), SafeText("hello")))
        return {HERE: Caught(9, [entry], None, None, more=True)} if known == {HERE: 5} else {}


def test_a_log_that_is_removed_while_it_is_read() -> None:
    commits = FillingCommits(
        cast(IStore, Purged()), cast(INodeStore, Purged()), lambda _: 5, lambda _: 0
    )
    commits.commit([Decision(0, [NewEntry(HERE, Message(Name("bob"), SafeText("hi")), 1)])])
    caught, _ = commits.take()
    assert [each.seq for each in caught[HERE].entries] == [6]
