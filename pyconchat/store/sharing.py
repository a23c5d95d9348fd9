"""Coordinates the commits of several servers (nodes) on one database: locks and counters."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, select, text, update

from pyconchat.domain.names import Key
from pyconchat.store import schema

__all__ = ["CURRENT_STEP", "Sharing", "count_up", "lock_name", "try_lock_index", "wait_for_index"]

_NAMES, _INDEX = 0x7079636E, 0x70796369  # first keys of the advisory locks ("pycn", "pyci")

CURRENT_STEP = text("txid_current() & -1024")
"""In PostgreSQL, the value of `changed` in all rows of conversations whose heads are moved."""

_LOCK_NAME = text(f"SELECT pg_advisory_xact_lock({_NAMES}, hashtext(:name))")
_TRY_INDEX = text(f"SELECT pg_try_advisory_xact_lock({_INDEX}, hashtext(current_schema()))")
_LOCK_INDEX = text(f"SELECT pg_advisory_xact_lock({_INDEX}, hashtext(current_schema()))")

_counters = schema.counters.c
_COUNT = (
    update(schema.counters)
    .where(_counters.name == bindparam("counter"))
    .values(value=_counters.value + bindparam("by"))
    .returning(_counters.value)
)
_NOTE = text(
    "INSERT INTO account_changes (owner, revision) VALUES (:owner, :revision)"
    " ON CONFLICT (owner) DO UPDATE SET revision = excluded.revision"
)
_ELSEWHERE = select(schema.online.c.node).where(
    schema.online.c.key == bindparam("of"),
    schema.online.c.node != bindparam("own"),
    schema.online.c.party.contains("~"),  # a guest's, see `is_guest_party`
)


class Sharing:
    """Reads and stores shared data of nodes. *node* is this server's id, 0 without a lease."""

    def __init__(self) -> None:
        self.node = 0

    def is_guest_elsewhere(self, connection: Connection, key: Key) -> bool:
        """Lock the name *key* until the commit; return whether a guest at another node has it."""
        lock_name(connection, key)
        found = connection.scalar(_ELSEWHERE.limit(1), {"of": key, "own": self.node})
        return found is not None

    def note_changes(self, connection: Connection, owners: Iterable[Key]) -> None:
        """Store a new revision of the accounts *owners*.

        This locks the counter's row until the commit, so that revisions are committed in order.
        Call it last in a transaction: other nodes wait for the lock.
        """
        revision = count_up(connection, "accounts", 1)
        connection.execute(
            _NOTE, [{"owner": each, "revision": revision} for each in sorted(owners)]
        )


def count_up(connection: Connection, counter: str, by: int) -> int:
    """Add *by* to *counter*, locked until the commit; return the new value."""
    value: int = connection.execute(_COUNT, {"counter": counter, "by": by}).scalar_one()
    return value


def lock_name(connection: Connection, key: Key) -> None:
    """Lock the name *key* until the commit, so that nobody else registers or claims it."""
    if _has_locks(connection):
        connection.execute(_LOCK_NAME, {"name": key})


def try_lock_index(connection: Connection) -> bool:
    """Try to lock the search index until the commit; return whether it is locked."""
    return not _has_locks(connection) or bool(connection.scalar(_TRY_INDEX))


def wait_for_index(connection: Connection) -> None:
    """Lock the search index until the commit."""
    if _has_locks(connection):
        connection.execute(_LOCK_INDEX)


def _has_locks(connection: Connection) -> bool:
    """Return whether the database needs such locks. SQLite has only one writer at a time."""
    return connection.dialect.name != "sqlite"
