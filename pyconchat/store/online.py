"""The table `schema.online`: the users online at each node."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import ColumnElement, Connection, Dialect, delete, func, select, text

from pyconchat.domain.names import Key, Name
from pyconchat.domain.stored import OnlineRecord
from pyconchat.store import schema
from pyconchat.store.prepared import Prepared
from pyconchat.store.rows import parts

__all__ = ["OnlineRows"]

_FILLED = Key("")  # of a node's marker row, which is missing after the table was emptied

_online = schema.online.c

_VALUES = "VALUES (:key, :node, :name, :party, :sessions, :away, :away_at)"
_ARRAYS = (  # in PostgreSQL, many rows take a fifth of the time of `_VALUES`
    "SELECT key, CAST(:node AS integer), name, party, sessions, away, away_at"
    " FROM unnest(CAST(:key AS text[]), CAST(:name AS text[]), CAST(:party AS text[]),"
    " CAST(:sessions AS integer[]), CAST(:away AS text[]), CAST(:away_at AS bigint[]))"
    " AS new (key, name, party, sessions, away, away_at) WHERE true"
)
_PUT = (
    "INSERT INTO online (key, node, name, party, sessions, away, away_at) {}"
    " ON CONFLICT (key, node) DO UPDATE SET name = excluded.name, party = excluded.party,"
    " sessions = excluded.sessions, away = excluded.away, away_at = excluded.away_at"
)
_PUT_ARRAYS = text(_PUT.format(_ARRAYS))
_DROP = text("DELETE FROM online WHERE key = :key AND node = :node")
_DROP_ARRAY = text("DELETE FROM online WHERE key = ANY(CAST(:key AS text[])) AND node = :node")


class OnlineRows:
    """Writes and reads the table, in transactions of the caller."""

    def __init__(self, dialect: Dialect) -> None:
        self._arrays = dialect.name == "postgresql"
        self._put = Prepared(text(_PUT.format(_VALUES)), dialect)
        self._drop = Prepared(_DROP, dialect)

    def fill(self, connection: Connection, node: int, here: Mapping[Key, OnlineRecord]) -> None:
        """Store the users *here* as online at *node*, and the node's marker row."""
        self.put(connection, node, {_FILLED: OnlineRecord(node, Name(""), "", 0), **here})

    def is_filled(self, connection: Connection, node: int) -> bool:
        """Return whether *node* has its marker row: a crash of the database empties the table."""
        row = select(_online.key).where(_online.key == _FILLED, _online.node == node)
        return connection.scalar(row) is not None

    def put(self, connection: Connection, node: int, here: Mapping[Key, OnlineRecord]) -> None:
        """Store the users *here* as online at *node*; replace their existing rows."""
        rows = [
            {
                "key": key,
                "name": each.name,
                "party": each.party,
                "sessions": each.sessions,
                "away": each.away,
                "away_at": each.away_at,
            }
            for key, each in here.items()
        ]
        if self._arrays and rows:
            columns = {column: [row[column] for row in rows] for column in rows[0]}
            connection.execute(_PUT_ARRAYS, {"node": node, **columns})
            return
        self._put.run(connection, ({"node": node, **row} for row in rows))

    def drop(self, connection: Connection, node: int, keys: Collection[Key]) -> None:
        """Delete the rows of the users *keys* at *node*."""
        if self._arrays and keys:
            connection.execute(_DROP_ARRAY, {"node": node, "key": list(keys)})
            return
        self._drop.run(connection, ({"key": key, "node": node} for key in keys))

    def remove(self, connection: Connection, nodes: Collection[int]) -> None:
        """Delete the rows of *nodes*."""
        connection.execute(delete(schema.online).where(_online.node.in_(nodes)))

    def count(self, connection: Connection, groups: Collection[int]) -> dict[int, int]:
        """Return how many members of *groups* are online at any node, if any are."""
        members, counts = schema.members.c, dict[int, int]()
        count = func.count(_online.key.distinct())
        query = select(members.conversation, count).join(schema.online, _online.key == members.key)
        for some in parts(groups):
            rows = connection.execute(
                query.where(members.conversation.in_(some)).group_by(members.conversation)
            )
            counts |= {row[0]: row[1] for row in rows}
        return counts

    def read(self, connection: Connection, chosen: ColumnElement[bool]) -> list[OnlineRecord]:
        """Return the users online at the nodes for which the condition *chosen* is true."""
        columns = (_online.node, _online.name, _online.party, _online.sessions)
        query = select(*columns, _online.away, _online.away_at)
        query = query.where(chosen, _online.key != _FILLED)
        return [
            OnlineRecord(node, Name(name), party, count, away, at or 0)
            for node, name, party, count, away, at in connection.execute(
                query.order_by(_online.key, _online.node)
            )
        ]
