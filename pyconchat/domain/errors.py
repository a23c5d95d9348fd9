"""Refusals and store errors. A refusal has a code for programs and a sentence for people."""

from __future__ import annotations

from enum import Enum

__all__ = [
    "ASK_PASSWORD_AGAIN",
    "BadField",
    "Code",
    "Conflict",
    "LeaseLost",
    "MustAsk",
    "NotSaved",
    "PeerGone",
    "Refused",
    "TimedOut",
    "Unknown",
]


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
    MOVED = "moved"
    NEW_NAME = "new-name"
    NO_GROUP = "no-group"
    NO_HOOKS = "no-hooks"
    NO_REQUEST = "no-request"
    NO_SUCH_CODE = "no-such-code"
    NO_SUCH_FILE = "no-such-file"
    NO_SUCH_HOOK = "no-such-hook"
    NO_SUCH_MESSAGE = "no-such-message"
    NO_SUCH_GROUP = "no-such-group"
    NO_SUCH_NAME = "no-such-name"
    NOT_ADMIN = "not-admin"
    NOT_BANNED = "not-banned"
    NOT_MEMBER = "not-member"
    NOT_OPERATOR = "not-operator"
    NOT_SAVED = "not-saved"
    NOT_YOURS = "not-yours"
    PASSWORD_NEEDED = "password-needed"
    PENDING = "pending"
    QUIET = "quiet"
    QUOTA = "quota"
    SELF = "self"
    SLOW = "slow"
    TAKEN = "taken"
    TOO_LATE = "too-late"
    TOO_LONG = "too-long"
    TOO_MANY = "too-many"
    TROUBLE = "trouble"
    UNCHANGED = "unchanged"
    UNKNOWN = "unknown"
    UNKNOWN_COMMAND = "unknown-command"
    WRONG_CODE = "wrong-code"
    WRONG_PASSWORD = "wrong-password"


ASK_PASSWORD_AGAIN = frozenset({Code.WRONG_PASSWORD, Code.BAD_ARGUMENT, Code.TOO_LONG})
"""Codes of refusals after which a password is asked for again."""


class Refused(Exception):
    """The server refuses a request; nothing has changed.

    The sentence says what is wrong and what to do. The *fields* in it must be safe for a
    terminal: valid names, numbers, or `SafeText`. Only the *template* names commands, so that a
    door can write them as its clients type them.
    """

    def __init__(self, code: Code, template: str, **fields: object) -> None:
        self.code = code
        self.template = template
        self.fields = fields
        self.sentence = template.format(**fields)
        super().__init__(f"{code.value}: {self.sentence}")


class MustAsk(Refused):
    """A program's request lacks the answer to *question*.

    *secret* is true if the answer should not be shown while it is typed.
    """

    def __init__(self, question: str, secret: bool) -> None:
        super().__init__(Code.MISSING_ARGUMENT, "{question}", question=question.rstrip(": "))
        self.question = question
        self.secret = secret


class BadField(Refused):
    """The field at *path* of a program's request is invalid: *problem* is a sentence."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(Code.BAD_FIELD, "{problem}", problem=problem)
        self.path = path


class NotSaved(Exception):
    """A decision could not be stored, so it was not published."""


class TimedOut(NotSaved):
    """A read timed out, or was cancelled because its requester has disconnected."""


class Unknown(NotSaved):
    """The answer to a commit was lost: its decisions may or may not be stored."""


class LeaseLost(NotSaved):
    """The lease of this server has ended, and another node has removed it."""


class Conflict(Exception):
    """The group has changed since the decision was made; nothing was stored."""


class PeerGone(Exception):
    """The peer disconnected before it answered a question, or before it got an answer."""
