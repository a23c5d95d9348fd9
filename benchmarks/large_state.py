"""A large state folder, written by the real store, and reused in later runs."""

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
from pyconchat.domain.decisions import Decision, MoveCursor, NewEntry, Register
from pyconchat.domain.events import GroupCreated, Message, Policy
from pyconchat.domain.group import Actor, Group
from pyconchat.domain.names import Name, fold
from pyconchat.domain.search import Query, phrases
from pyconchat.domain.text import SafeText
from pyconchat.store import SqlStore

__all__ = [
    "ACCOUNTS",
    "ARCHIVE",
    "ARCHIVE_ID",
    "OWNER",
    "PASSWORD",
    "START_MS",
    "fill",
    "large_state",
    "last_line",
    "new_group",
]

ACCOUNTS = 2000
MEMBERS = 10

ARCHIVE = Name("archive")
"""The group with all the messages."""

OWNER = Name(names("u", ACCOUNTS)[0])
"""The admin of the archive."""

PASSWORD = "correct horse"
"""The password of every account."""

START_MS = 1_700_000_000_000
"""Time of the first entry, in milliseconds since the epoch."""

ARCHIVE_ID = 2  # 1 is the server's conversation
_BATCH = 20_000
_INTERVAL_MS = 1_000

# Random words load the full-text index about as much as real text does.
_VOCABULARY = 5000
_WORDS_PER_MESSAGE = 9


def large_state(options: Options) -> Path:
    """Return a state folder with the numbers of groups and messages in *options*.

    Every account has received every message, so that no login has to catch up. Raises `Failed`.
    """
    shape = f"{options.groups}-{options.entries}-{options.seed}"
    folder = options.folder / f"state-{shape}-{_store_version()}"
    if not folder.exists():
        for older in options.folder.glob("state-*"):
            shutil.rmtree(older)
        new = options.folder / "state-new"
        store = SqlStore(f"sqlite:///{new.absolute() / 'pyconchat.db'}", "normal")
        store.open()
        try:
            fill(store, options)
            _check(store, options)
        finally:
            store.close()
        new.rename(folder)
    return folder.resolve()


def last_line(options: Options) -> bytes:
    """Return the end of the last line of the archive."""
    return f" number {options.entries}\n".encode()


def fill(store: SqlStore, options: Options) -> None:
    """Store the numbers of groups and messages in *options* in the empty *store*."""
    accounts = [Actor(Name(name)) for name in names("u", ACCOUNTS)]
    hash = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1).hash(PASSWORD)
    store.commit([Decision(START_MS, writes=[Register(each.name, hash) for each in accounts])])
    groups: list[Group] = []
    for number, name in enumerate([ARCHIVE, *names("group-", options.groups - 1)]):
        first = number * MEMBERS % ACCOUNTS
        members = accounts[first : first + MEMBERS]
        group, entries = new_group(number, Name(name), members)
        groups.append(group)
        store.commit([Decision(START_MS, entries)])
    messages = _messages(options, accounts[:MEMBERS])
    while batch := list(islice(messages, _BATCH)):
        store.commit(batch)
    while store.behind:
        store.index(_BATCH)
    loaded = store.load().groups
    cursors = [
        MoveCursor(fold(member.name), group.id, loaded[group.id].head)
        for group in groups
        for member in group.members.values()
    ]
    store.commit([Decision(START_MS, writes=cursors)])


def new_group(nth: int, name: Name, members: Sequence[Actor]) -> tuple[Group, list[NewEntry]]:
    """Return the *nth* group (from 0), which is open and has *members*, and its entries."""
    id = ARCHIVE_ID + nth
    created = GroupCreated(nth + 1, name, members[0].name, Policy.OPEN)
    group = Group.created(id, created)
    entries = [NewEntry(id, created, 0)]
    for member in members[1:]:
        for event in group.join(member, START_MS):
            entries.append(NewEntry(id, event, group.version))
            group.apply(event, START_MS)
    return group, entries


def _messages(options: Options, senders: Sequence[Actor]) -> Iterator[Decision]:
    """Yield the messages of the *senders* in the archive."""
    rng = random.Random(options.seed)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(rng.choices(letters, k=rng.randint(2, 9))) for _ in range(_VOCABULARY)]
    for number in range(1, options.entries + 1):
        text = " ".join(rng.choices(words, k=_WORDS_PER_MESSAGE))
        message = Message(rng.choice(senders).name, SafeText(f"{text} number {number}"))
        yield Decision(START_MS + number * _INTERVAL_MS, [NewEntry(ARCHIVE_ID, message)])


def _check(store: SqlStore, options: Options) -> None:
    """Raise `Failed` if the store does not contain what was committed."""
    groups = store.load().groups
    head = groups[ARCHIVE_ID].head
    last = store.entries(ARCHIVE_ID, head - 1, head, 1)
    found = store.search(ARCHIVE_ID, Query(phrases(str(options.entries))), head + 1, 1).entries
    if len(groups) != options.groups or head != options.entries + MEMBERS or last != found:
        raise Failed("the new state folder does not contain all entries")
    if any(record.read != record.head for record in store.cursors(fold(OWNER))):
        raise Failed("the new state folder contains unread entries")


def _store_version() -> str:
    """Return a hash of the code that determines how entries are stored."""
    package = Path(pyconchat.__file__).parent
    files = [*package.glob("store/**/*.py"), *package.glob("domain/*.py")]
    sources = [file.read_bytes() for file in [*sorted(files), Path(__file__)]]
    return hashlib.sha256(b"".join(sources)).hexdigest()[:8]
