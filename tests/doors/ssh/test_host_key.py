"""The host key."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from pyconchat.doors.ssh.host_key import host_key
from tests.support.skips import require_program


def test_it_is_made_once(tmp_path: Path) -> None:
    """In the form of OpenSSH, readable only by its owner."""
    path = tmp_path / "key"
    key = host_key(path, make=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert host_key(path, make=True).blob() == key.blob()
    assert path.read_text().startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    done = subprocess.run(
        [require_program("ssh-keygen"), "-y", "-f", str(path)], capture_output=True, check=True
    )
    assert done.stdout.split()[:2] == key.public().toString("openssh").split()[:2]
    assert [each.name for each in tmp_path.iterdir()] == ["key"]


def test_files_without_a_key(tmp_path: Path) -> None:
    """None, nonsense, another type, a public key, and one with a passphrase."""
    path = tmp_path / "key"
    with pytest.raises(FileNotFoundError):
        host_key(path, make=False)
    secret = rsa.generate_private_key(65537, 2048)
    whole = secret.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    locked = secret.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"passphrase")
    )
    other = host_key(tmp_path / "other", make=True)
    for data in (b"", b"nonsense", whole, locked, other.public().toString("openssh")):
        path.write_bytes(data)
        with pytest.raises(ValueError, match="it has no private key"):
            host_key(path, make=True)
