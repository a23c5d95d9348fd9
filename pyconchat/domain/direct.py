"""Direct: the rules of a private conversation. Both parties have the same rights, others none.

As in a group, nobody changes what the other party has said; and nobody moderates, so that not even
an operator can remove it.
"""

from __future__ import annotations

from collections.abc import Iterable

from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import FileRemoved, FileShared, GroupEvent
from pyconchat.domain.names import Key, Name, fold
from pyconchat.domain.rights import Actor
from pyconchat.domain.shared_files import SharedFile
from pyconchat.domain.text import SafeText

__all__ = ["Direct"]


class Direct:
    """The rules of the private conversation of the two *members*.

    That an actor is the party, and not a later account with its name, is checked by the caller.
    """

    __slots__ = ("members",)

    def __init__(self, members: Iterable[Key]) -> None:
        self.members = frozenset(members)

    def require_member(self, by: Actor) -> None:
        """Raise `Refused` unless *by* is a party."""
        if fold(by.name) not in self.members:
            raise Refused(Code.NOT_MEMBER, "That conversation is not yours.")

    def require_voice(self, by: Actor, now: int) -> None:
        """Nobody is made quiet in private."""

    def require_right(self, by: Actor, what: str) -> None:
        """Raise `Refused`: nobody has rights over the other party."""
        raise Refused(Code.NOT_YOURS, "In private, nobody can {what}.", what=what)

    def share(
        self,
        by: Actor,
        number: int,
        name: SafeText,
        size: int,
        sha256: str,
        id: str,
        quota: str = "",
    ) -> FileShared:
        """Decide that *by* shares a file as the *number*; the other fields are as in `Group`."""
        self.require_member(by)
        return FileShared(number, name, by.name, size, sha256, id, by.guest, quota)

    def remove(self, by: Actor, file: SharedFile) -> list[GroupEvent]:
        """Decide that *by*, who has shared *file*, removes it."""
        self.require_member(by)
        if fold(file.by) != fold(by.name):
            raise Refused(
                Code.NOT_YOURS, "{name} has shared that file; only {name} can remove it.",
                name=file.by,
            )  # fmt: skip
        return [FileRemoved(file.number, file.name, by.name)]

    def mentions_in(self, by: Actor, text: SafeText) -> tuple[Name, ...]:
        """Return nobody: every message in private is for the other party."""
        return ()
