"""A state folder with much in it, made by the real store, and kept for the next time."""

from __future__ import annotations

import hashlib
import random
import shutil
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from argon2 import PasswordHasher

import pyconchat
from benchmarks.options import Failed, Options
from benchmarks.users import names
from pyconchat.domain.decisions import Decision, MoveCursor, NewEntry, SaveAccount
from pyconchat.domain.events import GroupCreated, Message, Policy
from pyconchat.domain.group import Actor, Group
from pyconchat.domain.names import Name, fold
from pyconchat.domain.text import SafeText
from pyconchat.store import SqlStore

__all__ = [
    "ACCOUNTS",
    "ARCHIVE",
    "BEGAN",
    "OWNER",
    "PASSWORD",
    "founded",
    "full_state",
    "last_words",
]

ACCOUNTS = 2000
MEMBERS = 10

ARCHIVE = Name("archive")
"""The group in which everything was said."""

OWNER = Name(names("u", ACCOUNTS)[0])
"""The admin of the archive."""

PASSWORD = "correct horse"
"""Of every account."""

_ARCHIVE_ID = 2  # 1 is the server's conversation
_BATCH = 20_000
BEGAN = 1_700_000_000_000
"""When everything begins, in milliseconds since the epoch."""
_PACE = 1_000
"""Milliseconds between two messages."""

# A vocabulary of made-up words gives the full-text index about the work that real text gives.
_VOCABULARY = 5000
_WORDS = 9


def full_state(options: Options) -> Path:
    """Return the folder with the groups and messages that *options* ask for.

    Every account has read everything, so nothing waits for who logs in. Raises `Failed`.
    """
    shape = f"{options.groups}-{options.entries}-{options.seed}"
    folder = options.folder / f"state-{shape}-{_hash_of_the_store()}"
    if not folder.exists():
        for older in options.folder.glob("state-*"):
            shutil.rmtree(older)
        new = options.folder / "state-new"
        store = SqlStore(f"sqlite:///{new.absolute() / 'pyconchat.db'}", "normal")
        store.open()
        try:
            _fill(store, options)
            _check(store, options)
        finally:
            store.close()
        new.rename(folder)
    return folder.resolve()


def last_words(options: Options) -> bytes:
    """Return how the last line of the archive ends."""
    return f" number {options.entries}\n".encode()


def _fill(store: SqlStore, options: Options) -> None:
    accounts = [Actor(Name(name)) for name in names("u", ACCOUNTS)]
    hash = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1).hash(PASSWORD)
    store.commit([Decision(BEGAN, writes=[SaveAccount(each.name, hash) for each in accounts])])
    groups: list[Group] = []
    for number, name in enumerate([ARCHIVE, *names("group-", options.groups - 1)]):
        first = number * MEMBERS % ACCOUNTS
        members = accounts[first : first + MEMBERS]
        group, entries = founded(number, Name(name), members)
        groups.append(group)
        store.commit([Decision(BEGAN, entries)])
    speech = _speech(options, accounts[:MEMBERS])
    while said := list(islice(speech, _BATCH)):
        store.commit(said)
    while store.behind:
        store.index(_BATCH)
    loaded = store.load().groups
    everything_is_read = [
        MoveCursor(fold(member.name), group.id, loaded[group.id].head)
        for group in groups
        for member in group.members.values()
    ]
    store.commit([Decision(BEGAN, writes=everything_is_read)])


def founded(nth: int, name: Name, members: Sequence[Actor]) -> tuple[Group, list[NewEntry]]:
    """Return the *nth* group (from 0), open, of *members*, and what is to be stored of it."""
    id = _ARCHIVE_ID + nth
    created = GroupCreated(nth + 1, name, members[0].name, Policy.OPEN)
    group = Group.created(id, created)
    entries = [NewEntry(id, created, 0)]
    for member in members[1:]:
        for event in group.join(member):
            entries.append(NewEntry(id, event, group.version))
            group.apply(event, BEGAN)
    return group, entries


def _speech(options: Options, speakers: Sequence[Actor]) -> Iterator[Decision]:
    """Yield that the *speakers* say, in the archive, as many things as there shall be."""
    chance = random.Random(options.seed)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(chance.choices(letters, k=chance.randint(2, 9))) for _ in range(_VOCABULARY)]
    for number in range(1, options.entries + 1):
        text = " ".join(chance.choices(words, k=_WORDS))
        message = Message(chance.choice(speakers).name, SafeText(f"{text} number {number}"))
        yield Decision(BEGAN + number * _PACE, [NewEntry(_ARCHIVE_ID, message)])


def _check(store: SqlStore, options: Options) -> None:
    """Raise `Failed` if the store does not have what it was given."""
    groups = store.load().groups
    head = groups[_ARCHIVE_ID].head
    last = store.entries(_ARCHIVE_ID, head - 1, head, 1)
    found = store.search(_ARCHIVE_ID, [str(options.entries)], 1)
    if len(groups) != options.groups or head != options.entries + MEMBERS or last != found:
        raise Failed("the state that was built is not what was meant")
    if any(record.read != record.head for record in store.cursors(fold(OWNER))):
        raise Failed("the state that was built has something unread in it")


def _hash_of_the_store() -> str:
    """Return what changes with the code that decides how entries are stored."""
    package = Path(pyconchat.__file__).parent
    files = [*package.glob("store/**/*.py"), *package.glob("domain/*.py")]
    sources = [file.read_bytes() for file in [*sorted(files), Path(__file__)]]
    return hashlib.sha256(b"".join(sources)).hexdigest()[:8]
