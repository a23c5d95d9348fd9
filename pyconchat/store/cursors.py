"""Cursors: writes the unreceived entries of each account (the table `schema.cursors`)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    delete,
    insert,
    literal,
    or_,
    select,
    update,
)

from pyconchat.domain.decisions import OPEN_END, MoveCursor
from pyconchat.domain.names import Key
from pyconchat.store import schema
from pyconchat.store.rows import change_rows, delete_rows, insert_row

__all__ = ["Cursors"]

_cursors = schema.cursors


class Cursors:
    """Writes cursors, inside the transaction of *connection*."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def open(self, owner: Key, conversation: int, read: int) -> None:
        """Let *owner* receive *conversation* after the entry *read*, without an end."""
        row = {"owner": owner, "conversation": conversation, "upto": OPEN_END, "read": read}
        insert_row(self._connection, _cursors, **row, shown=read)

    def open_for_members(self, group: int, read: int) -> None:
        """Open cursors for all registered members of *group*."""
        members = schema.members.c
        owners = select(
            members.key, members.conversation, literal(OPEN_END), literal(read), literal(read)
        ).where(members.conversation == group, members.guest.is_(False))
        columns = ["owner", "conversation", "upto", "read", "shown"]
        self._connection.execute(insert(_cursors).from_select(columns, owners))

    def close(self, owner: Key, conversation: int, seq: int) -> None:
        """Let *owner*, who has an open cursor, receive nothing after the entry *seq*."""
        row = {"owner": owner, "conversation": conversation, "upto": OPEN_END}
        change_rows(self._connection, _cursors, row, upto=seq)

    def close_all(self, conversation: int, seq: int) -> None:
        """Let nobody receive anything of *conversation* after the entry *seq*."""
        is_open = and_(_cursors.c.conversation == conversation, _cursors.c.upto == OPEN_END)
        self._connection.execute(update(_cursors).where(is_open).values(upto=seq))

    def end(self, conversation: int, head: int) -> None:
        """As `close_all`; delete the cursors that have reached *head*, the newest entry."""
        self.close_all(conversation, head)
        received = and_(_cursors.c.conversation == conversation, _cursors.c.read >= head)
        self._connection.execute(delete(_cursors).where(received, _cursors.c.upto == head))

    def notify(self, owner: Key, conversation: int, seq: int) -> None:
        """Let *owner*, if registered, receive the one entry *seq*, which is about them."""
        accounts = schema.accounts
        if self._connection.scalar(select(accounts.c.key).where(accounts.c.key == owner)):
            row = {"owner": owner, "conversation": conversation, "upto": seq, "read": seq - 1}
            insert_row(self._connection, _cursors, **row)

    def move(self, moves: Sequence[MoveCursor]) -> None:
        """Move cursors forward, never back, and delete those that have reached their end.

        They are locked in the order of their keys, so that two nodes cannot deadlock.
        """
        moves = sorted(moves, key=_key)
        rows = [
            {"o": m.owner, "c": m.conversation, "u": m.upto, "r": m.read, "s": m.shown}
            for m in moves
        ]
        self._connection.execute(_MOVE, rows)
        for move in moves:
            if move.read >= move.upto:
                row = {"owner": move.owner, "conversation": move.conversation, "upto": move.upto}
                delete_rows(self._connection, _cursors, **row)


def _key(move: MoveCursor) -> tuple[str, int, int]:
    return move.owner, move.conversation, move.upto


def _later(column: Column[int], parameter: str) -> ColumnElement[int]:
    """Return the greater of *column* and *parameter*."""
    new = bindparam(parameter, type_=column.type)
    return case((column < new, new), else_=column)


_MOVE = (
    update(_cursors)
    .where(
        _cursors.c.owner == bindparam("o"),
        _cursors.c.conversation == bindparam("c"),
        _cursors.c.upto == bindparam("u"),
        or_(_cursors.c.read < bindparam("r"), _cursors.c.shown < bindparam("s")),
    )
    .values(read=_later(_cursors.c.read, "r"), shown=_later(_cursors.c.shown, "s"))
)
