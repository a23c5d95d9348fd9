"""Signatures of security keys, which have to be touched."""

from __future__ import annotations

from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.conch.ssh.common import NS

from pyconchat.domain.public_keys import BadKey, key_of_blob, key_of_line
from pyconchat.doors.ssh.signatures import may_sign, signed_by

SK = b"sk-ssh-ed25519@openssh.com"


@pytest.mark.parametrize(
    ("flags", "trailing", "good"),
    [(1, b"", True), (5, b"", True), (0, b"", False), (4, b"", False), (1, b"x", False)],
)
def test_security_keys(flags: int, trailing: bytes, good: bool) -> None:
    """The flag of the touch, the counter, and nothing else follow the signature."""
    secret, data = Ed25519PrivateKey.generate(), b"what is signed"
    public = secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    key = key_of_blob(NS(SK) + NS(public) + NS(b"ssh:"))
    tail = bytes([flags]) + b"\0\0\0\7"
    signed = sha256(b"ssh:").digest() + tail + sha256(data).digest()
    signature = NS(SK) + NS(secret.sign(signed)) + tail + trailing
    assert may_sign(key, SK.decode())
    assert signed_by(key, SK.decode(), signature, data) is good
    assert signed_by(key, SK.decode(), signature, b"something else") is False


@pytest.mark.parametrize(
    "line", ["", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-rsa !!!", "x y z", "ssh-ed25519 \udcff"]
)
def test_lines_that_are_no_keys(line: str) -> None:
    """They are refused with a sentence."""
    with pytest.raises(BadKey):
        key_of_line(line)
