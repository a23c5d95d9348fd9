"""Sealer: encrypts and authenticates outgoing packets (RFC 4253, 6), with what Conch has agreed on.

Conch's own way copies each packet several times, and makes its HMAC anew: at a few hundred
sessions, these cost as much as all the rest of a message.
"""

from __future__ import annotations

import os
import struct
from typing import Any

from twisted.conch.ssh.connection import MSG_CHANNEL_DATA
from twisted.conch.ssh.transport import SSHCiphers

__all__ = ["Sealer"]

RANDOM_BYTES = 4096
"""Bytes of padding that are taken from the system at once."""

# The sequence number, of the HMAC only, then the packet's head.
_HEAD = struct.Struct(">LLBB")
_DATA_HEAD = struct.Struct(">LLBBLL")


class Sealer:
    """Seals the packets of one connection, as long as it uses *ciphers*."""

    def __init__(self, ciphers: SSHCiphers) -> None:
        self._encrypt: Any = ciphers.encryptor.update
        self._block = ciphers.encBlockSize
        mac: Any = ciphers.outMAC  # the hash, and its input before the inner and the outer text
        make_hash, inner, outer, _ = mac
        self._inner: Any = make_hash(inner)
        self._outer: Any = make_hash(outer)
        self._random = b""
        self._used = 0

    def seal(self, sequence: int, kind: int, payload: bytes) -> bytes:
        """Return the sealed packet of the type *kind*; *sequence* is its number."""
        size = 6 + len(payload)
        padding = self._padding(size)
        head = _HEAD.pack(sequence, size - 4 + len(padding), len(padding), kind)
        return self._sealed(b"".join((head, payload, padding)))

    def seal_data(self, sequence: int, channel: int, data: bytes) -> bytes:
        """Return the sealed packet that has *data* of a *channel* (RFC 4254, 5.2)."""
        length = len(data)
        size = 14 + length
        padding = self._padding(size)
        rest = size - 4 + len(padding)
        head = _DATA_HEAD.pack(sequence, rest, len(padding), MSG_CHANNEL_DATA, channel, length)
        return self._sealed(b"".join((head, data, padding)))

    def _padding(self, size: int) -> bytes:
        """Return the padding of a packet of *size* bytes, its length included."""
        padding = self._block - size % self._block
        if padding < 4:
            padding += self._block
        end = self._used + padding
        if end > len(self._random):
            self._random, self._used, end = os.urandom(RANDOM_BYTES), 0, padding
        taken = self._random[self._used : end]
        self._used = end
        return taken

    def _sealed(self, numbered: bytes) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(numbered)
        outer.update(inner.digest())
        sealed: bytes = self._encrypt(memoryview(numbered)[4:]) + outer.digest()
        return sealed
