"""Quotas: how much each account has shared, and has reserved for what is coming in."""

from __future__ import annotations

from collections import Counter

from pyconchat.config import FilesConfig
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.names import Key
from pyconchat.domain.text import in_bytes
from pyconchat.files.storage import Disk

__all__ = ["Quotas"]


class Quotas:
    """The quotas of *config*. What is reserved counts from before the first byte."""

    def __init__(self, config: FilesConfig) -> None:
        self._config = config
        self._shared: Counter[Key] = Counter()
        self._reserved: Counter[Key] = Counter()
        self._uploads: Counter[Key] = Counter()

    def shared(self, owner: Key, size: int) -> None:
        """Count *size* bytes more (or fewer, if negative) that *owner* has shared."""
        self._shared[owner] += size

    def left(self, owner: Key) -> int:
        """Return how many bytes *owner* may still share; at most what one file may have."""
        config = self._config
        left = config.account_bytes - self._shared[owner] - self._reserved[owner]
        if config.account_bytes == 0:
            left = 2**62
        return max(0, min(left, config.file_bytes or 2**62))

    def leaves(self, owner: Key, unfinished: int) -> bool:
        """Return whether there is room for *unfinished* bytes of *owner* beside the rest."""
        most = self._config.account_bytes
        return most == 0 or self._shared[owner] + self._reserved[owner] + unfinished <= most

    def require_some(self, owner: Key) -> None:
        """Raise `Refused`, with the numbers, if *owner* may share nothing more."""
        self._require(owner, 1)

    def _require(self, owner: Key, size: int) -> None:
        left = self.left(owner)
        if left < size:
            raise Refused(
                Code.QUOTA,
                "You have {left} left of {most}; /remove makes room.",
                left=in_bytes(left),
                most=in_bytes(self._config.account_bytes),
            )

    def reserve(self, owner: Key, size: int | None, disk: Disk) -> int:
        """Reserve *size* bytes, or if that is not known, as many as there may be; return them.

        Raises `Refused`, with the numbers.
        """
        config = self._config
        if 0 < config.uploads_per_account <= self._uploads[owner]:
            raise Refused(
                Code.TOO_MANY,
                "You send {count} files already; wait until one is done.",
                count=self._uploads[owner],
            )
        if size is not None and 0 < config.file_bytes < size:
            raise Refused(
                Code.TOO_LONG,
                "A file has at most {most}; that one has {size}.",
                most=in_bytes(config.file_bytes),
                size=in_bytes(size),
            )
        self._require(owner, size or 1)
        left = self.left(owner)
        room = disk.free - int(disk.total * config.free_disk) - sum(self._reserved.values())
        if room < (size or 1):
            raise Refused(
                Code.DISK_FULL,
                "The server's disk has room for {room} more; ask its operator.",
                room=in_bytes(max(0, room)),
            )
        reserved = min(left, room) if size is None else size
        self._reserved[owner] += reserved
        self._uploads[owner] += 1
        return reserved

    def release(self, owner: Key, reserved: int) -> None:
        """Give back what was reserved for one upload: it has ended."""
        self._reserved[owner] -= reserved
        self._uploads[owner] -= 1
