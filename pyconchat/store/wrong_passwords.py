"""The table `schema.wrong_passwords`: the wrong passwords of the last minute at all nodes."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from pyconchat.store import schema

__all__ = ["WrongPasswordRows"]

MAX_KEY = 100
"""Maximum characters of a key; the rest is cut off."""

_wrong = schema.wrong_passwords.c


class WrongPasswordRows:
    """Writes and reads the table, in transactions of the caller.

    *now* is the database's time at the beginning, in milliseconds since the epoch.
    """

    def __init__(self, now: ColumnElement[int]) -> None:
        self._now = now

    def add(self, connection: Connection, keys: Collection[str], seconds: float) -> None:
        """Add one of each of *keys*, and delete all that are older than *seconds*."""
        old = _wrong.at <= self._now - int(seconds * 1000)
        connection.execute(delete(schema.wrong_passwords).where(old))
        for key in keys:
            row = insert(schema.wrong_passwords).values(key=key[:MAX_KEY], at=self._now)
            connection.execute(row)

    def ages(
        self, connection: Connection, keys: Collection[str], seconds: float, most: int
    ) -> dict[str, list[float]]:
        """Return the ages: see `INodeStore.wrong_passwords`."""
        found: dict[str, list[float]] = {}
        since = self._now - int(seconds * 1000)
        for key in keys:
            same = _wrong.key == key[:MAX_KEY]
            age = select(self._now - _wrong.at).where(same, _wrong.at > since)
            newest = connection.scalars(age.order_by(_wrong.at.desc()).limit(most))
            found[key] = [milliseconds / 1000 for milliseconds in newest]
        return found
