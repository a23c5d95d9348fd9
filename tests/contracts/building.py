"""Lets groups decide and has it stored, as the chat does, without a chat."""

from __future__ import annotations

from collections.abc import Sequence

from pyconchat.chat.interfaces import IStore
from pyconchat.domain.decisions import SERVER, Decision, NewEntry, SaveAccount, Write
from pyconchat.domain.events import (
    Entry,
    GroupCreated,
    GroupEvent,
    Message,
    Policy,
    ServerEvent,
    Talk,
)
from pyconchat.domain.group import Actor, Group
from pyconchat.domain.names import Name
from pyconchat.domain.text import SafeText

__all__ = [
    "ALICE",
    "AT",
    "BOB",
    "CAROL",
    "EVER",
    "GUS",
    "commit",
    "create",
    "decide",
    "happen",
    "on_server",
    "register",
    "say",
    "texts",
]

AT = 1_700_000_000_000
"""When everything happens unless a test says otherwise, in milliseconds since the epoch."""

EVER = 2**62
"""Beyond every entry."""

ALICE = Actor(Name("alice"))
BOB = Actor(Name("Bob"))
CAROL = Actor(Name("carol"))
GUS = Actor(Name("gus"), guest=True)


def decide(
    group: Group, events: Sequence[GroupEvent], at: int = AT, writes: Sequence[Write] = ()
) -> Decision:
    """Apply *events* to *group*; return what is to be stored."""
    entries: list[NewEntry] = []
    for event in events:
        version = None if isinstance(event, Talk) else group.version
        entries.append(NewEntry(group.id, event, version))
        group.apply(event, at)
    return Decision(at, entries, writes)


def say(id: int, *texts: str, by: Actor = ALICE) -> Decision:
    """Return that *by* says *texts* in the conversation *id*."""
    return Decision(AT, [NewEntry(id, Message(by.name, SafeText(text))) for text in texts])


def on_server(*events: ServerEvent, at: int = AT) -> Decision:
    """Return what operators do."""
    return Decision(at, [NewEntry(SERVER, event) for event in events])


def commit(store: IStore, *decisions: Decision) -> list[list[Entry]]:
    """Store *decisions* in one batch, in which no conflict is expected; return the entries."""
    stored: list[list[Entry]] = []
    for entries in store.commit(decisions):
        assert isinstance(entries, list), "a decision was refused as stale"
        stored.append(entries)
    return stored


def happen(store: IStore, group: Group, events: Sequence[GroupEvent], at: int = AT) -> list[Entry]:
    """Apply *events* to *group* and store them."""
    return commit(store, decide(group, events, at))[0]


def create(
    store: IStore,
    id: int,
    name: str = "tea",
    by: Actor = ALICE,
    policy: Policy = Policy.OPEN,
    number: int = 0,
) -> Group:
    """Store a new group, whose number is its *id* unless another is given."""
    event = GroupCreated(number or id, Name(name), by.name, policy, guest=by.guest)
    commit(store, Decision(AT, [NewEntry(id, event, 0)]))
    return Group.created(id, event)


def register(store: IStore, *actors: Actor) -> None:
    """Store that *actors* have passwords."""
    commit(store, Decision(AT, writes=[SaveAccount(each.name, "hash") for each in actors]))


def texts(entries: Sequence[Entry]) -> list[str]:
    """Return what was said, of *entries* that are messages."""
    said: list[str] = []
    for entry in entries:
        assert isinstance(entry.event, Message)
        said.append(entry.event.text)
    return said
