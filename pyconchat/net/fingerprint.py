"""The fingerprint of a certificate: what a server prints, and a client asks a person about."""

from __future__ import annotations

from hashlib import sha256

__all__ = ["fingerprint"]


def fingerprint(der: bytes) -> str:
    """Return the SHA-256 of the certificate *der*, as ``openssl x509 -fingerprint`` prints it.

    That is 32 pairs of upper-case hexadecimal digits with colons between them.
    """
    return sha256(der).digest().hex(":").upper()
