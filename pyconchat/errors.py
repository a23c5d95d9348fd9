"""What can be refused, and why: a code for programs, a sentence for people."""

from __future__ import annotations

from enum import Enum

__all__ = ["Code", "Conflict", "NotSaved", "Refused"]


class Code(Enum):
    """Why a request was refused. The values are public: programs compare them."""

    BAD_ARGUMENT = "bad-argument"
    BAD_NAME = "bad-name"
    BAD_TEXT = "bad-text"
    BANNED = "banned"
    BUSY = "busy"
    EXISTS = "exists"
    GUEST = "guest"
    GUESTS_OFF = "guests-off"
    INVITE_ONLY = "invite-only"
    MISSING_ARGUMENT = "missing-argument"
    NO_GROUP = "no-group"
    NO_REQUEST = "no-request"
    NO_SUCH_GROUP = "no-such-group"
    NO_SUCH_NAME = "no-such-name"
    NOT_ADMIN = "not-admin"
    NOT_BANNED = "not-banned"
    NOT_MEMBER = "not-member"
    NOT_OPERATOR = "not-operator"
    NOT_SAVED = "not-saved"
    PENDING = "pending"
    SELF = "self"
    TAKEN = "taken"
    TOO_LONG = "too-long"
    TOO_MANY = "too-many"
    UNCHANGED = "unchanged"
    UNKNOWN_COMMAND = "unknown-command"
    WRONG_PASSWORD = "wrong-password"


class Refused(Exception):
    """What a person asked for cannot be done; nothing has changed.

    The sentence says what was wrong and what to do. The *fields* that it names must be
    safe for a terminal: valid names, numbers, or `SafeText`.
    """

    def __init__(self, code: Code, sentence: str, **fields: object) -> None:
        self.code = code
        self.sentence = sentence.format(**fields)
        super().__init__(f"{code.value}: {self.sentence}")


class NotSaved(Exception):
    """What was decided could not be stored, so nobody has seen it."""


class Conflict(Exception):
    """The decision was made on a state of the group that has passed; nothing was stored."""
