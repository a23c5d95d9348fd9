"""Reads what other nodes have stored: heads, new entries, and the states of groups."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, TextClause, or_, select, text, union

from pyconchat.domain.decisions import SERVER
from pyconchat.domain.events import Entry
from pyconchat.domain.names import Key, Name, fold, group_number
from pyconchat.domain.stored import Caught, ChangedHead
from pyconchat.store import schema
from pyconchat.store.rows import parts
from pyconchat.store.state import read_groups

__all__ = [
    "catch_up",
    "read_changes",
    "read_connected",
    "read_heads",
    "read_named",
    "read_with_codes",
]

_conversations = schema.conversations.c
# A removed group leaves only its row, with the head 0.
_EXISTS = or_(
    _conversations.head > 0, _conversations.party_a.is_not(None), _conversations.id == SERVER
)
# Takes a third of the time of one parameter for each id.
_IN_ARRAY = text("id = ANY(CAST(:ids AS integer[]))")


# The first transaction that had not ended when the snapshot was taken, and the first that had not
# begun. Uncommitted changes have numbers from the former on, which is rounded down as `changed` is.
_SNAPSHOT = text(
    "SELECT txid_snapshot_xmin(now) & -1024, txid_snapshot_xmax(now)"
    " FROM txid_current_snapshot() AS now"
)


def read_heads(connection: Connection, ids: Collection[int]) -> dict[int, int]:
    """Return the heads of the conversations *ids*."""
    if connection.dialect.name == "postgresql":
        return _heads(connection, _IN_ARRAY, {"ids": list(ids)})
    heads: dict[int, int] = {}
    for some in parts(ids):
        heads |= _heads(connection, _conversations.id.in_(some))
    return heads


def read_changes(connection: Connection, since: int | None) -> tuple[int, list[ChangedHead]]:
    """As `INodeStore.changes`. *connection* is in a transaction that sees one snapshot.

    SQLite, which several nodes use only in tests, returns all conversations.
    """
    newest, begun = 0, 0
    if connection.dialect.name == "postgresql":
        newest, begun = connection.execute(_SNAPSHOT).one()
    if since is None:
        return newest, []
    if since > begun:
        since = 0
    columns = (_conversations.id, _conversations.head)
    parties = (_conversations.party_a, _conversations.party_b)
    # After a restore from a copy, a row may have the number of a transaction that is to come.
    moved = _conversations.changed.between(since, begun)
    rows = connection.execute(select(*columns, *parties).where(moved, _EXISTS))
    return newest, [
        ChangedHead(id, head, None if a is None or b is None else (a, b)) for id, head, a, b in rows
    ]


def read_connected(connection: Connection, key: Key, ids: Collection[int]) -> dict[int, int]:
    """Return the heads of *ids*, and of the open groups with which *key* is connected."""
    groups = schema.groups.c
    connected = union(
        *(
            select(people.conversation).where(people.key == key)
            for people in (schema.members.c, schema.requests.c, schema.invitations.c)
        )
    )
    is_open = select(groups.conversation).where(groups.conversation.in_(connected), ~groups.closed)
    heads = _heads(connection, _conversations.id.in_(is_open))
    return heads | read_heads(connection, ids) if ids else heads


def read_named(connection: Connection, name: str) -> dict[int, int]:
    """Return the head of the open group with that name or number, if there is one."""
    groups, number = schema.groups.c, group_number(name)
    named = groups.key == fold(name) if number is None else groups.number == number
    found = select(groups.conversation).where(named, groups.closed.is_(False))
    return _heads(connection, _conversations.id.in_(found))


def read_with_codes(connection: Connection, makers: Collection[Name]) -> dict[int, int]:
    """Return the heads of the open groups with invite codes of *makers*."""
    codes, groups = schema.invite_codes.c, schema.groups.c
    made = select(codes.conversation).where(codes.by.in_(makers))
    found = select(groups.conversation).where(groups.conversation.in_(made), ~groups.closed)
    return _heads(connection, _conversations.id.in_(found))


def _heads(
    connection: Connection,
    which: ColumnElement[bool] | TextClause,
    values: Mapping[str, object] | None = None,
) -> dict[int, int]:
    query = select(_conversations.id, _conversations.head).where(_EXISTS, which)
    return {row.id: row.head for row in connection.execute(query, values or {})}


def catch_up(
    connection: Connection,
    published: Mapping[int, int],
    most: int,
    versions: Mapping[int, int],
    read: Callable[[Connection, int, Iterable[Any]], list[Entry]],
) -> dict[int, Caught]:
    """Return the entries of conversations after the numbers *published*, at most *most* of each.

    The state of a group is left out if its version is still that in *versions*. *connection* is in
    a transaction that sees one snapshot. *read* builds a conversation's entries from rows.
    """
    columns = (_conversations.id, _conversations.head, _conversations.version)
    parties = (_conversations.party_a, _conversations.party_b)
    caught: dict[int, Caught] = {}
    for some in parts(published):
        known = select(*columns, *parties).where(_conversations.id.in_(some), _EXISTS)
        found: dict[int, tuple[int, str | None, str | None]] = {}
        changed: list[int] = []
        for id, head, version, a, b in connection.execute(known):
            found[id] = head, a, b
            if a is None and id != SERVER and versions.get(id) != version:
                changed.append(id)
        groups = read_groups(connection, changed) if changed else {}
        grown = {id: published[id] for id, (head, *_) in found.items() if head > published[id]}
        entries = _entries(connection, grown, most, read)
        for id, (head, a, b) in found.items():
            new = entries.get(id, [])
            caught[id] = Caught(
                head,
                new,
                groups.get(id),
                None if a is None or b is None else (a, b),
                more=len(new) == most and new[-1].seq < head,
            )
    return caught


def _entries(
    connection: Connection,
    grown: Mapping[int, int],
    most: int,
    read: Callable[[Connection, int, Iterable[Any]], list[Entry]],
) -> dict[int, list[Entry]]:
    """Return the first *most* entries of each conversation after the number in *grown*."""
    if not grown:
        return {}
    values = {f"id{nth}": id for nth, id in enumerate(grown)}
    values |= {f"after{nth}": after for nth, after in enumerate(grown.values())}
    values |= {f"upto{nth}": after + most for nth, after in enumerate(grown.values())}
    rows: dict[int, list[Any]] = {}
    for id, *row in connection.execute(_after(len(grown)), values):
        rows.setdefault(id, []).append(row)
    return {id: read(connection, id, each) for id, each in rows.items()}


def _after(count: int) -> TextClause:
    """Return the query for the entries of *count* conversations, whose numbers have no gaps."""
    asked = ", ".join(f"(:id{nth}, :after{nth}, :upto{nth})" for nth in range(count))
    return text(
        f"SELECT e.conversation, e.seq, e.at, e.body FROM (VALUES {asked}) AS asked"
        " JOIN entries AS e ON e.conversation = asked.column1"
        " AND e.seq > asked.column2 AND e.seq <= asked.column3 ORDER BY e.conversation, e.seq"
    )
