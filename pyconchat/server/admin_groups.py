"""The commands of ``pyconchat-admin`` for groups: list, delete, restore, export.

And the export of private conversations.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pyconchat.chat.conversations import GroupConversation
from pyconchat.chat.group_directory import GroupDirectory
from pyconchat.domain.decisions import Decision, NewEntry
from pyconchat.domain.errors import NotSaved
from pyconchat.domain.events import ADMINISTRATOR, GroupClosed, GroupEvent, Why
from pyconchat.domain.group import Group
from pyconchat.domain.names import fold, group_name, person_name
from pyconchat.domain.replies import Where
from pyconchat.domain.stored import ClosedGroup, Loaded, StoredGroup
from pyconchat.render.json import JsonRenderer
from pyconchat.render.words import counted
from pyconchat.server.state_check import read_log
from pyconchat.store import KEPT_DAYS, BadStore, SqlStore

__all__ = ["GroupAdmin", "Problem", "local_time", "require_stored", "typed_again"]


class Problem(Exception):
    """The command cannot be executed; the message is the reason, in one line."""


class GroupAdmin:
    """The groups in *store*; *now* is the time in milliseconds since the epoch."""

    def __init__(self, store: SqlStore, now: int) -> None:
        self._store = store
        self._now = now

    def list(self) -> None:
        """List the open groups, then the deleted ones: number or id, name, members, entries."""
        groups = self._store.load().groups.values()
        for stored in sorted(groups, key=lambda each: each.state.number):
            print(f"{stored.state.number} {stored.state.name} {_described(stored)}")
        for closed in self._store.closed():
            when = f"deleted {local_time(closed.closed_at)}, kept for {_days_left(closed)}"
            stored = closed.stored
            print(f"id:{closed.id} {stored.state.name} {_described(stored)}, {when}")

    def delete(self, name: str, yes: bool) -> None:
        """Delete the open group *name*; *yes*: without a question. The server must be stopped."""
        self._require_stopped(", or use /delete in the chat")
        id, stored = self._open(name)
        name = stored.state.name
        if not yes and not typed_again(name, f"Type {name} to delete the group: "):
            raise Problem("that is not the name; nothing was changed")
        group = Group(id, stored.state, stored.version)
        self._commit(group, [GroupClosed(ADMINISTRATOR)])
        print(
            f"{name} has been deleted. For {KEPT_DAYS} days it can be restored:"
            f" pyconchat-admin restore-group id:{id}"
        )

    def restore(self, which: str, new_name: str | None) -> None:
        """Restore the deleted group *which*, a name or an id, optionally under a *new_name*.

        The server must be stopped. Members whose account was deleted meanwhile are left out.
        """
        self._require_stopped()
        closed = self._closed(which)
        if closed.days > KEPT_DAYS:
            raise Problem(f"{closed.stored.state.name} was kept for {KEPT_DAYS} days and is gone")
        loaded = self._store.load()
        group = Group(closed.id, closed.stored.state, closed.stored.version)
        name = group.name if new_name is None else group_name(new_name)
        groups = _directory(loaded)
        if groups.get(name) is not None:
            raise Problem(f"there is a group {name} now: choose another name with --as NEWNAME")
        number = group.number
        if group.name != name or groups.get(str(number)) is not None:
            taken = groups.get(str(number)) is not None or name.isdecimal()
            number = groups.free_number(name) if taken else number
        self._commit(group, group.reopen(ADMINISTRATOR, name, number), _strangers(loaded, closed))
        members = counted(len(group.members), "member")
        print(f"{name} has been restored: number {number}, {members}.")

    def export(self, which: str, file: str) -> None:
        """Write the log of a group, open or deleted, to the new file *file*; ``-``: to the output.

        One entry per line, in the format of JSON mode.
        """
        try:
            id, stored = self._open(which)
        except Problem:
            closed = self._closed(which, "group")
            id, stored = closed.id, closed.stored
        self._write_log(id, stored.head, Where(stored.state.name), file)

    def export_private(self, name: str, other: str, file: str) -> None:
        """As `export`, for the private conversation of the accounts *name* and *other*."""
        parties = sorted((fold(person_name(name)), fold(person_name(other))))
        found = self._store.direct((parties[0], parties[1]))
        if found is None:
            raise Problem(f"{name} and {other} have no private conversation")
        self._write_log(*found, Where(other=person_name(other)), file)

    def _write_log(self, id: int, head: int, where: Where, file: str) -> None:
        renderer = JsonRenderer()
        with _output(file) as output:
            for page in read_log(self._store, id, head):
                output.write("".join(renderer.talk(page, where)))

    def _require_stopped(self, otherwise: str = "") -> None:
        try:
            self._store.lock(alone=True)
        except BadStore as problem:
            raise Problem(f"{problem}: stop it first{otherwise}") from None

    def _open(self, which: str) -> tuple[int, StoredGroup]:
        """Return the open group with that name or number, and its id."""
        for id, stored in self._store.load().groups.items():
            if which == str(stored.state.number) or fold(which) == fold(stored.state.name):
                return id, stored
        raise Problem(f"there is no group {which!r}")

    def _closed(self, which: str, kind: str = "deleted group") -> ClosedGroup:
        """Return the deleted group with that name or id; *kind* is its description in errors."""
        closed = self._store.closed()
        found = [each for each in closed if which.removeprefix("id:") == str(each.id)]
        found = found or [each for each in closed if fold(which) == fold(each.stored.state.name)]
        if not found:
            raise Problem(f"there is no {kind} {which!r}")
        if len(found) > 1:
            ids = ", ".join(f"id:{each.id} ({local_time(each.closed_at)})" for each in found)
            raise Problem(f"several deleted groups had that name: {ids}")
        return found[0]

    def _commit(
        self, group: Group, events: Iterable[GroupEvent], strangers: Iterable[tuple[str, Why]] = ()
    ) -> None:
        """Apply *events* to *group*, end the memberships of *strangers*, and store both."""
        entries: list[NewEntry] = []

        def apply(events: Iterable[GroupEvent]) -> None:
            for event in events:
                entries.append(NewEntry(group.id, event, group.version))
                group.apply(event, self._now)

        apply(events)
        was_closed = group.closed
        for name, why in strangers:
            apply(group.forget(name, why))
        if group.closed is not was_closed:
            raise Problem("no member has an account any more: use export-group")
        require_stored(self._store, Decision(self._now, entries))


def require_stored(store: SqlStore, decision: Decision) -> None:
    """Store *decision*. Raises `NotSaved`, also if it is in conflict with a running server."""
    (stored,) = store.commit([decision])
    if isinstance(stored, NotSaved):
        raise stored
    if not isinstance(stored, list):
        raise NotSaved("the server has just changed the same: try again")


def typed_again(name: str, question: str) -> bool:
    """Ask *question*; return whether *name* was typed. Raises `EOFError` without an input."""
    if sys.stdin is None:  # standard input is closed
        raise EOFError
    print(question, end="", flush=True)
    return sys.stdin.readline().strip() == name


def local_time(at: int | None) -> str:
    """Return the time *at* (milliseconds since the epoch) in the local time zone."""
    if at is None:
        return "unknown"
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at / 1000))


def _described(stored: StoredGroup) -> str:
    state = stored.state
    admin = f"admin {state.admin}" if state.admin else "no admin"
    hooks = f", hooks {', '.join(hook.name for hook in state.hooks)}" if state.hooks else ""
    return (
        f"({state.policy.value}): {admin}, {counted(len(state.members), 'member')},"
        f" {counted(stored.head, 'entry', 'entries')}{hooks}"
    )


def _days_left(closed: ClosedGroup) -> str:
    days = max(KEPT_DAYS - closed.days, 0)
    return f"{days} more days" if days != 1 else "1 more day"


def _directory(loaded: Loaded) -> GroupDirectory:
    groups = GroupDirectory()
    groups.begin_after(loaded.highest_number)
    for id, stored in loaded.groups.items():
        groups.add(GroupConversation(id, stored.head, Group(id, stored.state, stored.version)))
    return groups


def _strangers(loaded: Loaded, closed: ClosedGroup) -> list[tuple[str, Why]]:
    """Return the members of *closed* whose names now belong to no account, or to a later one."""
    created = {fold(each.name): each.created_at for each in loaded.server.accounts}
    strangers: list[tuple[str, Why]] = []
    for member in closed.stored.state.members:
        if member.guest:
            strangers.append((member.name, Why.GUEST_GONE))
        elif created.get(fold(member.name), closed.closed_at) >= closed.closed_at:
            strangers.append((member.name, Why.LEFT))
    return strangers


@contextmanager
def _output(file: str) -> Iterator[IO[str]]:
    """Open the new file *file*, which only its owner may read; ``-`` is the standard output."""
    if file == "-":
        yield sys.stdout
        return
    path = Path(file)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as output:
            yield output
    except BaseException:
        path.unlink()
        raise
