"""Invite codes: with a code, a person can join the group, whatever its policy.

A code is stored as its hash only: neither the log, nor an export, nor a backup lets anybody in. It
has 80 random bits, so a fast hash is enough, and it has a shape of its own, so that it is never
taken for a group's password or for a note.
"""

from __future__ import annotations

import hashlib
import re
import secrets

import msgspec

from pyconchat.domain.names import Name

__all__ = [
    "DEFAULT_DAYS",
    "MAX_CODES",
    "MAX_DAYS",
    "MAX_USES",
    "InviteCode",
    "digest_of",
    "is_code",
    "new_code",
]

MAX_CODES = 50
"""Maximum codes of a group at a time. `/invite codes` lists them all in one answer."""

MAX_USES = 1000
"""Maximum people who can join with one code."""

MAX_DAYS = 365
"""Maximum days for which a code is valid."""

DEFAULT_DAYS = 7
"""Days for which a code is valid, if its maker does not say."""

_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
"""Five bits a letter, without l, o, 0 and 1, which are easily confused."""

_SHAPE = re.compile(rf"inv(-[{_ALPHABET}]{{4}}){{4}}")


class InviteCode(msgspec.Struct, frozen=True):
    """A code that *by* made at *at*, with which *uses* people can join; *used* have done so.

    *number* identifies it in the group, *digest* is its hash. It ends at *until*. Times are in
    milliseconds since the epoch. No event marks that end: the code is removed when the next one is
    made.
    """

    number: int
    digest: str
    by: Name
    at: int
    uses: int
    until: int
    used: int = 0

    def lasts(self, now: int) -> bool:
        """Return whether the code has not ended at *now* (milliseconds since the epoch)."""
        return now < self.until


def new_code() -> str:
    """Return a random code."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(16))
    return "-".join(["inv", *(letters[at : at + 4] for at in range(0, 16, 4))])


def is_code(typed: str) -> bool:
    """Return whether *typed* has the shape of a code, in any case."""
    return _SHAPE.fullmatch(typed.strip().lower()) is not None


def digest_of(typed: str) -> str:
    """Return the hash of the code *typed*, in hex."""
    return hashlib.sha256(typed.strip().lower().encode()).hexdigest()
