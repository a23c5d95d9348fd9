"""Quotas: how many bytes each account has shared, and has reserved for its uploads."""

from __future__ import annotations

import hashlib
from collections import Counter

from pyconchat.config import FilesConfig
from pyconchat.domain.accounts import Account
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.names import Key, fold
from pyconchat.domain.text import in_bytes
from pyconchat.files.storage import Disk

__all__ = ["Quotas", "quota_key", "quota_of"]


def quota_of(account: Account, network: str) -> str:
    """Return the quota key of the files of *account*, as in `FileShared`.

    Guests share the quota of their *network*, of which only a hash is stored: the log is permanent.
    """
    if account.registered:
        return ""
    return hashlib.sha256(f"quota of {network}".encode()).hexdigest()[:32]


def quota_key(name: str, guest: bool, quota: str) -> Key:
    """Return the key in `Quotas` of a file of *name*; *quota* is as in `FileShared`."""
    return Key(f"~{quota or fold(name)}") if guest else fold(name)


class Quotas:
    """The quotas of *config*. An upload reserves its bytes before it begins."""

    def __init__(self, config: FilesConfig) -> None:
        self._config = config
        self._shared: Counter[Key] = Counter()
        self._reserved: Counter[Key] = Counter()
        self._uploads: Counter[Key] = Counter()

    def shared(self, owner: Key, size: int) -> None:
        """Add *size* bytes (negative for a removed file) to the shared bytes of *owner*."""
        self._shared[owner] += size

    def set_shared(self, owner: Key, size: int) -> None:
        """Set the shared bytes of *owner* to *size*."""
        self._shared[owner] = size

    def move(self, owner: Key, to: Key) -> None:
        """Move the shared bytes of *owner* to the quota of *to*."""
        self._shared[to] += self._shared.pop(owner, 0)

    def left(self, owner: Key) -> int:
        """Return the maximum bytes of the next file of *owner*."""
        config = self._config
        left = config.account_bytes - self._shared[owner] - self._reserved[owner]
        if config.account_bytes == 0:
            left = 2**62
        return max(0, min(left, config.file_bytes or 2**62))

    def allows(self, owner: Key, more: int) -> bool:
        """Return whether the quota of *owner* has room for *more* bytes."""
        limit = self._config.account_bytes
        return limit == 0 or self._shared[owner] + self._reserved[owner] + more <= limit

    def require_some(self, owner: Key) -> None:
        """Raise `Refused` if *owner* has used up the quota."""
        self.require(owner, 1)

    def require(self, owner: Key, size: int) -> None:
        """Raise `Refused` if the next file of *owner* may not have *size* bytes."""
        left = self.left(owner)
        if left < size:
            raise Refused(
                Code.QUOTA,
                "You have {left} left of {most}; remove files with /remove.",
                left=in_bytes(left),
                most=in_bytes(self._config.account_bytes),
            )

    def reserve(self, owner: Key, size: int | None, disk: Disk) -> int:
        """Reserve *size* bytes for an upload; return the number.

        If the size is not known, reserves the maximum. Raises `Refused`.
        """
        config = self._config
        if 0 < config.uploads_per_account <= self._uploads[owner]:
            raise Refused(
                Code.TOO_MANY,
                "You are uploading {count} files already; wait until one is complete.",
                count=self._uploads[owner],
            )
        if size is not None and 0 < config.file_bytes < size:
            raise Refused(
                Code.TOO_LONG,
                "A file has at most {most}; that one has {size}.",
                most=in_bytes(config.file_bytes),
                size=in_bytes(size),
            )
        self.require(owner, size or 1)
        left = self.left(owner)
        room = disk.free - int(disk.total * config.free_disk) - sum(self._reserved.values())
        if room < (size or 1):
            raise Refused(
                Code.DISK_FULL,
                "The server's disk has space for only {room} more; ask its operator.",
                room=in_bytes(max(0, room)),
            )
        reserved = min(left, room) if size is None else size
        self._reserved[owner] += reserved
        self._uploads[owner] += 1
        return reserved

    def release(self, owner: Key, reserved: int) -> None:
        """Release the *reserved* bytes of an upload that has ended."""
        self._reserved[owner] -= reserved
        self._uploads[owner] -= 1
