"""SharedCounts: the wrong passwords at all of several servers (nodes) on one database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from twisted.python.failure import Failure

from pyconchat.chat.interfaces import INodeStore, IThreads
from pyconchat.domain.errors import NotSaved

__all__ = ["SharedCounts"]


class SharedCounts:
    """The counts in *store*, whose calls run in *threads*.

    While the database fails, each node counts for itself.
    """

    def __init__(self, store: INodeStore, threads: IThreads) -> None:
        self._store = store
        self._threads = threads

    def add(self, keys: Sequence[str], window: float) -> None:
        """Count one wrong password of each of *keys*, for *window* seconds, in the background."""
        adding = self._threads.write(self._store.add_wrong_passwords, keys, window)
        adding.addErrback(_not_counted)

    async def ages(
        self, keys: Sequence[str], window: float, most: int
    ) -> Mapping[str, Sequence[float]]:
        """Return the ages in seconds of the newest *most* of each of *keys*, the newest first."""
        try:
            return await self._threads.write(self._store.wrong_passwords, keys, window, most)
        except NotSaved:
            return {}


def _not_counted(failure: Failure) -> Failure | None:
    """Ignore that the database has failed."""
    return None if isinstance(failure.value, NotSaved) else failure
