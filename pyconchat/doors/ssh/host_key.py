"""The host key of the SSH door: made at the first start, in the form of OpenSSH."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from twisted.conch.ssh.common import NS
from twisted.conch.ssh.keys import Key

from pyconchat.disk import create_private_file
from pyconchat.doors.ssh.algorithms import HOST_KEYS

__all__ = ["HostKey", "host_key"]

MAX_KEY_BYTES = 64 * 1024
"""Maximum bytes of a file that is read as a key."""


class HostKey(Key):
    """An Ed25519 key. What Conch asks for in each key exchange is computed once."""

    def __init__(self, secret: Ed25519PrivateKey) -> None:
        super().__init__(secret)
        self._secret = secret
        self._blob: bytes = super().blob()

    def blob(self) -> bytes:
        return self._blob

    def sign(self, data: bytes, signatureType: bytes | None = None) -> bytes:  # noqa: N803
        (type,) = HOST_KEYS
        signature: bytes = NS(type) + NS(self._secret.sign(data))
        return signature


def host_key(path: Path, make: bool) -> HostKey:
    """Return the private key in the file *path*; with *make*, a new one if there is no file.

    Raises `OSError`, or `ValueError` for a file that has no Ed25519 key without a passphrase.
    """
    if make and not path.exists():
        create_private_file(path, _new_key())
    with path.open("rb") as file:
        data = file.read(MAX_KEY_BYTES)
    try:
        key: Key = Key.fromString(data)
    except Exception:  # whatever the parsers of Conch and cryptography raise
        raise ValueError("it has no private key without a passphrase") from None
    if key.type() != "Ed25519" or key.isPublic():
        raise ValueError("it has no private key of the type Ed25519")
    return HostKey(key._keyObject)


def _new_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()
    )
