"""The rules for an account's password. Hashing is in `pyconchat.auth.passwords`."""

from __future__ import annotations

from precis_i18n import get_profile

from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.invite_codes import is_code

__all__ = [
    "MAX_LENGTH",
    "MIN_LENGTH",
    "check_group_password",
    "check_password",
    "password_spellings",
]

MIN_LENGTH = 4
"""Minimum characters in an account's password."""

MAX_LENGTH = 1024
"""Maximum characters in a password, also in a group's. People at nc can type 512 bytes."""


# RFC 8265, 4.2. Keyboards differ in whether they compose a letter and its accent.
_opaque_string = get_profile("OpaqueString")


def check_password(password: str) -> str:
    """Return *password* as it is hashed, if it is valid for an account. Raises `Refused`."""
    _require_no_slash(password)
    if MIN_LENGTH <= len(password) <= MAX_LENGTH:
        prepared = _prepared(password)
        if prepared is None:
            raise Refused(
                Code.BAD_ARGUMENT,
                "A password has letters, digits, symbols and spaces, nothing else.",
            )
        if len(prepared) >= MIN_LENGTH:  # composing letters makes it shorter
            return prepared
    raise Refused(
        Code.BAD_ARGUMENT,
        "A password has {shortest} to {longest} characters.",
        shortest=MIN_LENGTH,
        longest=MAX_LENGTH,
    )


def password_spellings(password: str) -> list[str]:
    """Return the forms of *password* that may have been hashed, the likeliest first.

    They are the form of RFC 8265, and the password as typed, which older versions hashed.
    """
    if password.isascii():
        return [password]
    prepared = _prepared(password)
    return [password] if prepared in (None, password) else [str(prepared), password]


def _prepared(password: str) -> str | None:
    """Return *password* after the mapping of RFC 8265's OpaqueString; None if it is not one."""
    try:
        return _opaque_string.enforce(password)
    except UnicodeEncodeError:
        return None


def check_group_password(password: str) -> None:
    """Raise `Refused` if *password* is not valid for a group."""
    if len(password) > MAX_LENGTH:
        raise Refused(
            Code.TOO_LONG, "A password has at most {longest} characters.", longest=MAX_LENGTH
        )
    _require_no_slash(password)
    if is_code(password):
        raise Refused(
            Code.BAD_ARGUMENT, "That would be taken for an invite code: choose another password."
        )


def _require_no_slash(password: str) -> None:
    """Raise `Refused` if *password* could be a command: then it could not be typed as an answer."""
    if password.startswith("/"):
        raise Refused(Code.BAD_ARGUMENT, "A password cannot begin with /, as commands do.")
