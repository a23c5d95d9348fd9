"""Certificate fingerprints: the server prints them, the client asks the user to confirm them."""

from __future__ import annotations

from hashlib import sha256

__all__ = ["fingerprint"]


def fingerprint(der: bytes) -> str:
    """Return the SHA-256 of the certificate *der* in the format of ``openssl x509 -fingerprint``.

    This is 32 pairs of upper-case hexadecimal digits, separated by colons.
    """
    return sha256(der).digest().hex(":").upper()
