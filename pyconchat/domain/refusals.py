"""Refusals that several parts of the server give, so that each sentence is written once."""

from __future__ import annotations

from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.names import Name
from pyconchat.domain.text import MAX_LINES, MAX_NOTE, SafeText

__all__ = [
    "CANNOT_READ_LOG",
    "TOO_MANY_WRONG_PASSWORDS",
    "already_banned",
    "already_operator",
    "empty_message",
    "group_closed",
    "internal_error",
    "line_too_long",
    "looks_like",
    "name_in_use",
    "no_such_hook",
    "no_such_message",
    "not_saved",
    "note_too_long",
    "require_few_lines",
    "too_many_wrong_passwords",
    "unknown",
    "wrong_group_password",
]

CANNOT_READ_LOG = "The server cannot read its log now. Try again soon."
"""The last line of a session whose missed messages cannot be read."""

TOO_MANY_WRONG_PASSWORDS = "There were too many wrong passwords."
"""The last line of a connection on which nobody has logged in."""


def already_banned(name: Name) -> Refused:
    """Refuse to ban *name* a second time, in a group or on the server."""
    return Refused(Code.EXISTS, "{name} is banned already.", name=name)


def already_operator(name: Name) -> Refused:
    """Refuse to make *name* an operator a second time."""
    return Refused(Code.UNCHANGED, "{name} is an operator already.", name=name)


def empty_message() -> Refused:
    """Refuse a text of which `safe_text` leaves nothing to read."""
    return Refused(Code.BAD_TEXT, "The message is empty.")


def group_closed(group: Name) -> Refused:
    """Refuse a request for a group that was closed after the request was made."""
    return Refused(
        Code.NO_SUCH_GROUP,
        "{group} was closed a moment ago. /join {group} creates it again.",
        group=group,
    )


def internal_error() -> Refused:
    """Refuse a request that failed because of a defect in the server."""
    return Refused(Code.TROUBLE, "Something went wrong on the server. The error has been logged.")


def line_too_long(limit: int) -> Refused:
    """Refuse a line of more than *limit* bytes."""
    return Refused(Code.TOO_LONG, "A line has at most {limit} bytes.", limit=limit)


def looks_like(name: Name, other: Name) -> Refused:
    """Refuse *name* to a new account or group, since it is confusable with *other*."""
    return Refused(
        Code.TAKEN, "{name} looks like {other}; choose another name.", name=name, other=other
    )


def name_in_use(name: Name) -> Refused:
    """Refuse to register *name*, or to admit a guest with it: another account has it."""
    return Refused(Code.TAKEN, "{name} is in use; choose another name.", name=name)


def no_such_hook() -> Refused:
    """Refuse to post at the address of a hook that was removed, or never existed."""
    return Refused(Code.NO_SUCH_HOOK, "There is no such hook.")


def no_such_message(seq: int) -> Refused:
    """Refuse a request about an entry that is not in the log."""
    return Refused(
        Code.NO_SUCH_MESSAGE, "There is no message #{seq}; /history has the numbers.", seq=seq
    )


def not_saved() -> Refused:
    """Refuse a request whose decision could not be stored."""
    return Refused(
        Code.NOT_SAVED, "Not saved: the server cannot store anything now. Try again soon."
    )


def note_too_long() -> Refused:
    """Refuse a topic, a reason or a note of more than MAX_NOTE characters."""
    return Refused(Code.TOO_LONG, "At most {limit} characters, please.", limit=MAX_NOTE)


def require_few_lines(text: SafeText) -> None:
    """Raise `Refused` if *text*, which somebody says, has more than MAX_LINES lines."""
    if text.count("\n") >= MAX_LINES:
        raise Refused(Code.TOO_LONG, "A message has at most {limit} lines.", limit=MAX_LINES)


def wrong_group_password(group: Name) -> Refused:
    """Refuse a password that is not the one of *group*."""
    return Refused(Code.WRONG_PASSWORD, "That is not the password of {group}.", group=group)


def too_many_wrong_passwords(wait: int) -> Refused:
    """Refuse to check a password for the next *wait* seconds."""
    return Refused(
        Code.TOO_MANY,
        "There were too many wrong passwords. Try again in {wait} s.",
        wait=wait,
    )


def unknown() -> Refused:
    """Answer a request whose decision may have been stored: the store did not say."""
    return Refused(
        Code.UNKNOWN,
        "Unknown: it may have been saved. If it was, it is shown when the store is back.",
    )
