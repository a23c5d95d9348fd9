"""Authenticator: checks the authentication codes of the packets that arrive (RFC 4253, 6.4)."""

from __future__ import annotations

import struct
from hmac import compare_digest
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.hmac import HMAC

__all__ = ["Authenticator", "keyed_hmac"]

_number = struct.Struct(">L").pack


def keyed_hmac(mac: Any) -> HMAC | None:
    """Return an HMAC for *mac*, Conch's with its key, to copy; None before there are keys.

    Conch creates a new HMAC from the key for each packet.
    """
    size: int = mac[3]
    if not size:
        return None
    return HMAC(mac.key, SHA512() if size == SHA512.digest_size else SHA256())


class Authenticator:
    """The codes of the packets of the peer; *mac* is Conch's, with its key."""

    __slots__ = ("_hmac", "size")

    def __init__(self, mac: Any) -> None:
        self.size: int = mac[3]
        """The bytes of a code; 0 before there are keys."""
        self._hmac = keyed_hmac(mac)

    def is_right(self, sequence: int, packet: bytes, code: bytes) -> bool:
        """Return whether *code* is that of the *packet* with the number *sequence*."""
        if self._hmac is None:
            return not code
        hmac = self._hmac.copy()
        hmac.update(_number(sequence))
        hmac.update(packet)
        return compare_digest(hmac.finalize(), code)
