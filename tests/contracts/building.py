"""Builders for the store's tests: groups, decisions and commits, without a chat."""

from __future__ import annotations

from collections.abc import Sequence

from pyconchat.chat.interfaces import IStore
from pyconchat.domain.decisions import SERVER, Decision, NewEntry, Register, Write
from pyconchat.domain.events import (
    Action,
    Entry,
    GroupCreated,
    GroupEvent,
    Message,
    Policy,
    ServerEvent,
    TagsSent,
    Talk,
)
from pyconchat.domain.group import Actor, Group
from pyconchat.domain.names import Name
from pyconchat.domain.search import Query, phrases
from pyconchat.domain.text import SafeText

__all__ = [
    "ALICE",
    "AT",
    "BOB",
    "CAROL",
    "GUS",
    "NO_LIMIT",
    "commit",
    "create",
    "decide",
    "on_server",
    "register",
    "say",
    "search",
    "store_events",
    "texts",
]

AT = 1_700_000_000_000
"""The time of every event, unless a test has another, in milliseconds since the epoch."""

NO_LIMIT = 2**62
"""A number above that of every entry."""

ALICE = Actor(Name("alice"))
BOB = Actor(Name("Bob"))
CAROL = Actor(Name("carol"))
GUS = Actor(Name("gus"), guest=True)


def decide(
    group: Group, events: Sequence[GroupEvent], at: int = AT, writes: Sequence[Write] = ()
) -> Decision:
    """Apply *events* to *group*; return the decision to store."""
    entries: list[NewEntry] = []
    for event in events:
        version = None if isinstance(event, Talk | TagsSent) else group.version
        entries.append(NewEntry(group.id, event, version))
        group.apply(event, at)
    return Decision(at, entries, writes)


def say(id: int, *texts: str, by: Actor = ALICE) -> Decision:
    """Return the decision that *by* says *texts* in the conversation *id*."""
    return Decision(AT, [NewEntry(id, Message(by.name, SafeText(text))) for text in texts])


def on_server(*events: ServerEvent, at: int = AT) -> Decision:
    """Return a decision with *events* of the server."""
    return Decision(at, [NewEntry(SERVER, event) for event in events])


def commit(store: IStore, *decisions: Decision) -> list[list[Entry]]:
    """Store *decisions* in one batch, without conflicts; return the entries of each."""
    stored: list[list[Entry]] = []
    for entries in store.commit(decisions):
        assert isinstance(entries, list), "a decision was refused"
        stored.append(entries)
    return stored


def store_events(
    store: IStore, group: Group, events: Sequence[GroupEvent], at: int = AT
) -> list[Entry]:
    """Apply *events* to *group* and store them."""
    return commit(store, decide(group, events, at))[0]


def create(
    store: IStore,
    id: int,
    name: str = "",
    by: Actor = ALICE,
    policy: Policy = Policy.OPEN,
    number: int = 0,
) -> Group:
    """Store a new group. Its number is *id*, unless another is given; the name of 2 is tea."""
    name = name or ("tea" if id == 2 else f"tea{id}")
    event = GroupCreated(number or id, Name(name), by.name, policy, guest=by.guest)
    commit(store, Decision(AT, [NewEntry(id, event, 0)]))
    return Group.created(id, event)


def register(store: IStore, *actors: Actor) -> None:
    """Store accounts for *actors*."""
    commit(store, Decision(AT, writes=[Register(each.name, "hash") for each in actors]))


def search(store: IStore, id: int, *words: str, limit: int = 10) -> list[Entry]:
    """Index everything; return the newest *limit* messages with all of *words*, oldest first."""
    while store.behind:
        store.index(3)
    query = Query(tuple(each for word in words for each in phrases(word)))
    found: list[Entry] = store.search(id, query, NO_LIMIT, limit, lambda: True).entries
    return found


def texts(entries: Sequence[Entry]) -> list[str]:
    """Return the texts of *entries*, which must be messages."""
    said: list[str] = []
    for entry in entries:
        assert isinstance(entry.event, Message | Action)
        said.append(entry.event.text)
    return said
