"""Sealer: encrypts and authenticates outgoing packets (RFC 4253, 6), with what Conch has agreed on.

Conch's own way copies each packet several times, and makes its HMAC anew: at a few hundred
sessions, these cost as much as all the rest of a message.
"""

from __future__ import annotations

import os
import struct
from hmac import compare_digest
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.hmac import HMAC
from twisted.conch.ssh.connection import MSG_CHANNEL_DATA
from twisted.conch.ssh.transport import SSHCiphers

__all__ = ["Authenticator", "Sealer"]

RANDOM_BYTES = 4096
"""Bytes of padding that are taken from the system at once, for all connections."""

# The sequence number, of the HMAC only, then the packet's head.
_HEAD = struct.Struct(">LLBB")
_DATA_HEAD = struct.Struct(">LLBBLL")
_SEQUENCE = struct.Struct(">L")


class _Padding:
    """Random bytes, none of which is used twice."""

    __slots__ = ("_random", "_used")

    def __init__(self) -> None:
        self._random = b""
        self._used = 0

    def take(self, size: int) -> bytes:
        """Return *size* bytes."""
        end = self._used + size
        if end > len(self._random):
            self._random, self._used, end = os.urandom(RANDOM_BYTES), 0, size
        taken = self._random[self._used : end]
        self._used = end
        return taken


_padding = _Padding()


class Authenticator:
    """The authentication codes of packets in one direction; *mac* is Conch's, with its key."""

    __slots__ = ("_hmac", "size")

    def __init__(self, mac: Any) -> None:
        self.size: int = mac[3]
        hash = SHA512() if self.size == SHA512.digest_size else SHA256()
        self._hmac = HMAC(mac.key, hash) if self.size else None

    def code(self, *numbered: bytes) -> bytes:
        """Return the code of a packet with its number before it; empty before there are keys."""
        if self._hmac is None:
            return b""
        hmac = self._hmac.copy()
        for part in numbered:
            hmac.update(part)
        return hmac.finalize()

    def is_right(self, sequence: int, packet: bytes, code: bytes) -> bool:
        """Return whether *code* is that of the *packet* with the number *sequence*."""
        return compare_digest(self.code(_SEQUENCE.pack(sequence), packet), code)


class Sealer:
    """Seals the packets of one connection, as long as it uses *ciphers*."""

    __slots__ = ("_authenticator", "_block", "_encrypt")

    def __init__(self, ciphers: SSHCiphers) -> None:
        self._block = ciphers.encBlockSize
        self._authenticator = Authenticator(ciphers.outMAC)
        self._encrypt: Any = ciphers.encryptor.update if self._authenticator.size else bytes

    def seal(self, sequence: int, kind: int, payload: bytes) -> bytes:
        """Return the sealed packet of the type *kind*; *sequence* is its number."""
        size = 6 + len(payload)
        padding = self._padding(size)
        head = _HEAD.pack(sequence, size - 4 + padding, padding, kind)
        return self._sealed(b"".join((head, payload, _padding.take(padding))))

    def seal_data(self, sequence: int, channel: int, data: bytes) -> bytes:
        """Return the sealed packet that has *data* of a *channel* (RFC 4254, 5.2)."""
        length = len(data)
        size = 14 + length
        padding = self._padding(size)
        rest = size - 4 + padding
        head = _DATA_HEAD.pack(sequence, rest, padding, MSG_CHANNEL_DATA, channel, length)
        return self._sealed(b"".join((head, data, _padding.take(padding))))

    def _padding(self, size: int) -> int:
        """Return the size of the padding of a packet of *size* bytes."""
        padding = self._block - size % self._block
        return padding if padding >= 4 else padding + self._block

    def _sealed(self, numbered: bytes) -> bytes:
        packet: bytes = self._encrypt(memoryview(numbered)[4:])
        return packet + self._authenticator.code(numbered)
