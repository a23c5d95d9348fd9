"""The mentions of registered people: the entries that mention them."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, delete, exists, insert, select

from pyconchat.domain.events import Entry
from pyconchat.domain.names import Name, fold
from pyconchat.store import schema

__all__ = ["MAX_MENTIONS", "add", "remove"]

MAX_MENTIONS = 1000
"""Mentions of an account that are kept: the newest."""

_columns = schema.mentions.c


def add(connection: Connection, by: Entry, seq: int, sender: Name, names: Iterable[Name]) -> None:
    """Record that the entry *seq* mentions *names*, since *by*: that entry itself, or its edit.

    Only registered people who do not ignore *sender* are recorded.
    """
    accounts, ignores = schema.accounts.c, schema.ignores.c
    ignoring = exists().where(ignores.owner == accounts.key, ignores.key == fold(sender))
    keys = {fold(name) for name in names}
    known = select(accounts.key).where(accounts.key.in_(keys), ~ignoring)
    place = {"conversation": by.conversation, "seq": seq, "at": by.at}
    for owner in connection.scalars(known).all():
        connection.execute(insert(schema.mentions).values(owner=owner, **place))
        own = _columns.owner == owner
        newest = select(_columns.at).where(own).order_by(_columns.at.desc())
        first_to_go = connection.scalar(newest.offset(MAX_MENTIONS).limit(1))
        if first_to_go is not None:
            connection.execute(delete(schema.mentions).where(own, _columns.at <= first_to_go))


def remove(connection: Connection, conversation: int, seq: int, names: Iterable[Name]) -> None:
    """Record that the entry *seq* no longer mentions *names*."""
    keys = {fold(name) for name in names}
    place = (_columns.conversation == conversation, _columns.seq == seq)
    connection.execute(delete(schema.mentions).where(_columns.owner.in_(keys), *place))
