"""The signatures of users' keys."""

from __future__ import annotations

import base64
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from twisted.conch.ssh.common import getNS
from twisted.conch.ssh.keys import Key

from pyconchat.domain.public_keys import PublicKey
from pyconchat.doors.ssh.algorithms import SIGNATURES

__all__ = ["may_sign", "signed_by"]

_TOUCHED = 1
"""The flag that the user has touched the security key (OpenSSH's PROTOCOL.u2f)."""

_RSA = ("rsa-sha2-512", "rsa-sha2-256")


def may_sign(key: PublicKey, algorithm: str) -> bool:
    """Return whether *key* signs with *algorithm*, and that is offered here."""
    if algorithm.encode() not in SIGNATURES:
        return False
    return algorithm in _RSA if key.type == "ssh-rsa" else algorithm == key.type


def signed_by(key: PublicKey, algorithm: str, signature: bytes, data: bytes) -> bool:
    """Return whether *key* has made *signature* of *data*, with *algorithm*.

    Raises what Conch raises for a key that is no point of its curve, and the like.
    """
    name, proof, trailing = getNS(signature, 2)
    if name != algorithm.encode():
        return False
    blob = base64.b64decode(key.blob)
    if name == b"ssh-ed25519":  # most keys: to load one with Conch takes as long as the check
        _, point, rest = getNS(blob, 2)
        return not (rest or trailing) and _signed_by_ed25519(point, proof, data)
    loaded: Key = Key.fromString(blob)
    if loaded.isSecurityKey():
        if len(trailing) != 5 or not trailing[0] & _TOUCHED:
            return False
        data = sha256(loaded.application).digest() + trailing + sha256(data).digest()
    elif trailing:
        return False
    return bool(loaded.verify(signature, data))


def _signed_by_ed25519(point: bytes, signature: bytes, data: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(point).verify(signature, data)
    except InvalidSignature:
        return False
    return True
