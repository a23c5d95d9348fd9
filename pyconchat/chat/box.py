"""Box: entries of other nodes that wait for earlier entries."""

from __future__ import annotations

from collections.abc import Sequence

from pyconchat.chat.blocks import BlockEntry

__all__ = ["Box"]

MAX_ENTRIES = 20_000
MAX_BYTES = 32 * 1024**2


class Box:
    """The waiting entries, by conversation and number.

    Beyond `MAX_ENTRIES` or `MAX_BYTES` of text all are dropped: they are in the log.
    """

    def __init__(self) -> None:
        self._waiting: dict[int, dict[int, BlockEntry]] = {}
        self._count = self._bytes = 0

    def __contains__(self, id: int) -> bool:
        """Return whether entries of the conversation *id* are waiting."""
        return id in self._waiting

    def put(self, id: int, first: int, entries: Sequence[BlockEntry], known: int) -> list[int]:
        """Add *entries* of the conversation *id*, numbered from *first*, after the *known* ones.

        Returns the conversations whose entries were dropped: they have to be read.
        """
        waiting = self._waiting.setdefault(id, {})
        for seq, entry in enumerate(entries, first):
            if seq > known and seq not in waiting:
                waiting[seq] = entry
                self._count += 1
                self._bytes += len(entry.body)
        if not waiting:
            del self._waiting[id]
        if self._count <= MAX_ENTRIES and self._bytes <= MAX_BYTES:
            return []
        dropped = list(self._waiting)
        self._waiting.clear()
        self._count = self._bytes = 0
        return dropped

    def get(self, id: int, seq: int) -> BlockEntry | None:
        """Return the entry *seq* of the conversation *id*, if it is waiting."""
        return self._waiting.get(id, {}).get(seq)

    def remove(self, id: int, upto: int) -> None:
        """Remove the entries of the conversation *id* up to *upto*."""
        waiting = self._waiting.get(id, {})
        for seq in [seq for seq in waiting if seq <= upto]:
            self._count -= 1
            self._bytes -= len(waiting.pop(seq).body)
        if not waiting:
            self._waiting.pop(id, None)
