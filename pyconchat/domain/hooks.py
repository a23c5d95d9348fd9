"""Hooks: programs post to a group by HTTP, at a secret address, without an account.

Messages of a hook begin with its name, so no account may have that name or one that looks like it.
The token in the address is stored as its hash only: neither the log, nor an export, nor a backup
lets anybody post. It has 128 random bits, so a fast hash is enough.
"""

from __future__ import annotations

import hashlib
import secrets

import msgspec

from pyconchat.domain.names import Name

__all__ = ["MAX_HOOKS", "TOKEN_BYTES", "Hook", "digest_of", "new_token"]

MAX_HOOKS = 20
"""Maximum hooks of a group. `/hook` lists them all in one answer."""

TOKEN_BYTES = 16
"""Random bytes of a token: 22 letters in an address."""


class Hook(msgspec.Struct, frozen=True, weakref=True):
    """The hook *name*, which *by* added at *at* (milliseconds since the epoch).

    *digest* is the hash of its token.
    """

    name: Name
    digest: str
    by: Name
    at: int


def new_token() -> str:
    """Return a random token, of letters, digits, ``-`` and ``_``."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest_of(token: str) -> str:
    """Return the hash of *token*, in hex."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
