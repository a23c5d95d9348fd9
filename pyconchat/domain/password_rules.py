"""The rules for an account's password. Hashing is in `pyconchat.auth.passwords`."""

from __future__ import annotations

from pyconchat.domain.errors import Code, Refused

__all__ = ["MAX_LENGTH", "MIN_LENGTH", "check_group_password", "check_password"]

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
    _require_no_slash(password)
    return password


def check_group_password(password: str) -> None:
    """Raise `Refused` if *password* is not valid for a group."""
    if len(password) > MAX_LENGTH:
        raise Refused(
            Code.TOO_LONG, "A password has at most {longest} characters.", longest=MAX_LENGTH
        )
    _require_no_slash(password)


def _require_no_slash(password: str) -> None:
    """Raise `Refused` if *password* could be a command: then it could not be typed as an answer."""
    if password.startswith("/"):
        raise Refused(Code.BAD_ARGUMENT, "A password cannot begin with /, as commands do.")
