"""The algorithms that the SSH door offers, and no others."""

from __future__ import annotations

from twisted.conch.ssh import _kex

__all__ = ["CIPHERS", "HOST_KEYS", "KEY_EXCHANGES", "MACS", "SIGNATURES"]

# Conch falls back to the second where OpenSSL has no ML-KEM.
KEY_EXCHANGES: list[bytes] = [
    each
    for each in (b"mlkem768x25519-sha256", b"curve25519-sha256", b"curve25519-sha256@libssh.org")
    if each in _kex.getSupportedKeyExchanges()
]
CIPHERS = [b"aes256-ctr", b"aes128-ctr"]
MACS = [b"hmac-sha2-256", b"hmac-sha2-512"]
HOST_KEYS = [b"ssh-ed25519"]

SIGNATURES = [
    b"ssh-ed25519",
    b"sk-ssh-ed25519@openssh.com",
    b"ecdsa-sha2-nistp256",
    b"ecdsa-sha2-nistp384",
    b"ecdsa-sha2-nistp521",
    b"sk-ecdsa-sha2-nistp256@openssh.com",
    b"rsa-sha2-512",
    b"rsa-sha2-256",
]
"""Of the keys of users. SHA-1 (``ssh-rsa``) and DSA are not among them."""
