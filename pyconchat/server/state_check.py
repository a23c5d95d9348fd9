"""A check of a server's whole state: the database, the logs of groups, and all shared files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pyconchat.domain.events import Damaged, Entry, GroupCreated
from pyconchat.domain.group import Group
from pyconchat.domain.shared_files import SharedFile
from pyconchat.domain.stored import DirectFiles, StoredGroup
from pyconchat.server.backup import FILES
from pyconchat.store import SqlStore

__all__ = ["check_state", "read_log"]

PAGE_ENTRIES = 1000
"""Entries that are read at once."""


def check_state(
    store: SqlStore,
    groups: Mapping[int, StoredGroup],
    direct: Mapping[int, DirectFiles],
    state: Path,
) -> list[str]:
    """Return the defects of *store* and of the state folder *state*, a line each.

    *groups* are its groups, *direct* the files of its private conversations.
    """
    found = store.problems()
    for id, stored in sorted(groups.items()):
        found += _check_group(store, id, stored, state)
    for _, each in sorted(direct.items()):
        found += _missing(f"{' and '.join(each.parties)} in private", each.files, state)
    return found


def read_log(store: SqlStore, id: int, head: int) -> Iterator[Sequence[Entry]]:
    """Yield the entries of the conversation *id* up to the number *head*, in pages."""
    for after in range(0, head, PAGE_ENTRIES):
        yield store.entries(id, after, head, PAGE_ENTRIES)


def _check_group(store: SqlStore, id: int, stored: StoredGroup, state: Path) -> list[str]:
    name = stored.state.name
    try:
        group = _replay(store, id, stored.head)
    except Exception as problem:  # an entry of a damaged database may cause any
        return [f"group {name}: its log cannot be read: {problem!r}"]
    if group is None or group.state != stored.state:
        return [f"group {name}: its log does not lead to the stored state"]
    return _missing(f"group {name}", stored.state.files, state)


def _missing(where: str, files: Sequence[SharedFile], state: Path) -> list[str]:
    """Return a line for each of *files* whose bytes are not on the disk."""
    return [
        f"{where}: the content of file {file.number} is missing"
        for file in files
        if not (state / FILES / file.id[:2] / file.id).exists()
    ]


def _replay(store: SqlStore, id: int, head: int) -> Group | None:
    """Return the group that results from its log; None if the log has no `GroupCreated`."""
    group: Group | None = None
    for page in read_log(store, id, head):
        for entry in page:
            if isinstance(entry.event, GroupCreated):
                group = Group.created(id, entry.event)
            elif group is not None and not isinstance(entry.event, Damaged):
                group.apply(entry.event, entry.at)  # type: ignore[arg-type]
    return group
