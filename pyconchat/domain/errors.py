"""What can be refused, and why: a code for programs, a sentence for people."""

from __future__ import annotations

from enum import Enum

__all__ = ["BadField", "Code", "Conflict", "MustAsk", "NotSaved", "Refused"]


class Code(Enum):
    """Why a request was refused. The values are public: programs compare them."""

    BAD_ARGUMENT = "bad-argument"
    BAD_FIELD = "bad-field"
    BAD_JSON = "bad-json"
    BAD_NAME = "bad-name"
    BAD_TEXT = "bad-text"
    BAD_TOKEN = "bad-token"
    BANNED = "banned"
    BUSY = "busy"
    CANCELLED = "cancelled"
    DISK_FULL = "disk-full"
    EXISTS = "exists"
    GUEST = "guest"
    GUESTS_OFF = "guests-off"
    INVITE_ONLY = "invite-only"
    MISSING_ARGUMENT = "missing-argument"
    NEW_NAME = "new-name"
    NO_GROUP = "no-group"
    NO_REQUEST = "no-request"
    NO_SUCH_FILE = "no-such-file"
    NO_SUCH_GROUP = "no-such-group"
    NO_SUCH_NAME = "no-such-name"
    NOT_ADMIN = "not-admin"
    NOT_BANNED = "not-banned"
    NOT_MEMBER = "not-member"
    NOT_OPERATOR = "not-operator"
    NOT_SAVED = "not-saved"
    PASSWORD_NEEDED = "password-needed"
    PENDING = "pending"
    QUOTA = "quota"
    SELF = "self"
    TAKEN = "taken"
    TOO_LONG = "too-long"
    TOO_MANY = "too-many"
    TROUBLE = "trouble"
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


class MustAsk(Refused):
    """A request lacks the answer to *question*, and there is nobody to be asked.

    *secret* says that the answer should not be shown while it is typed.
    """

    def __init__(self, question: str, secret: bool) -> None:
        super().__init__(Code.MISSING_ARGUMENT, "{question}", question=question.rstrip(": "))
        self.question = question
        self.secret = secret


class BadField(Refused):
    """A field of what a program asks, at *path*, is not what it should be."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(Code.BAD_FIELD, "{problem}", problem=problem)
        self.path = path


class NotSaved(Exception):
    """What was decided could not be stored, so nobody has seen it."""


class Conflict(Exception):
    """The decision was made on a state of the group that has passed; nothing was stored."""
