"""The rules for an account's password. Hashing is in `pyconchat.auth.passwords`."""

from __future__ import annotations

from pyconchat.domain.errors import Code, Refused

__all__ = ["MAX_LENGTH", "MIN_LENGTH", "check_password"]

MIN_LENGTH = 4
"""Minimum characters in an account's password."""

MAX_LENGTH = 256
"""Maximum characters in a password, also in a group's."""


def check_password(password: str) -> str:
    """Return *password* if it is valid for an account. Raises `Refused`."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise Refused(
            Code.BAD_ARGUMENT,
            "A password has {shortest} to {longest} characters.",
            shortest=MIN_LENGTH,
            longest=MAX_LENGTH,
        )
    return password
