"""Certificates for servers under test."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from pyconchat.net.selfsigned import new_certificate, new_key, private_pem

__all__ = ["make_certificate"]


def make_certificate(file: Path) -> None:
    """Write a new key and its self-signed certificate for this machine to *file*."""
    key = new_key()
    certificate = new_certificate(key, "localhost", datetime.now(UTC))
    file.write_bytes(private_pem(key) + certificate.public_bytes(Encoding.PEM))
