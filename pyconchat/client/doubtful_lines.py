"""DoubtfulLines: lines that may have been typed for another place than the current one."""

from __future__ import annotations

from collections.abc import Callable

from pyconchat.client.completer import Completer
from pyconchat.client.groups import Groups
from pyconchat.client.net.json_protocol import Object
from pyconchat.domain.moves import Moves, is_nearly_command_word

__all__ = ["LEAVING", "DoubtfulLines"]

LEAVING = ("leave", "qqq")
"""Words that are commands also in a group, if they are alone in a line."""


class DoubtfulLines:
    """Tracks when others have moved the person to another place. *seconds* returns the time."""

    def __init__(self, groups: Groups, completer: Completer, seconds: Callable[[], float]) -> None:
        self._groups = groups
        self._completer = completer
        self._seconds = seconds
        self._moves = Moves()
        self._last_line = ""

    def chose(self) -> None:
        """The person has chosen the place where they are: no line is doubtful."""
        self._moves.chose()

    def moved(self, event: Object, command_running: bool) -> None:
        """The person is at another place after *event*: by others, or by their own command."""
        # The answer to ``leave`` or ``qqq``, alone in a group, is one's own.
        leaves = self._completer.command(f"/{self._last_line}") in LEAVING
        if not command_running and not (event.get("type") == "left" and leaves):
            self._moves.moved(self._seconds())

    def why(self, line: str) -> str:
        """Return the sentence for a doubtful *line*; "" if it can be carried out."""
        if self._moves.recent(self._seconds()) and self._is_doubtful(line):
            return self._explanation(line)
        self._last_line = line.strip()
        return ""

    def _is_doubtful(self, line: str) -> bool:
        word = line.strip().partition(" ")[0]
        is_command = self._completer.works_at_desk(line) or (
            not self._groups.at_desk and is_nearly_command_word(word)
        )
        return is_command and not line.startswith("/") and not self._moves.repeated(line)

    def _explanation(self, line: str) -> str:
        at_desk = self._groups.at_desk
        where = "at the front desk" if at_desk else f"in {self._groups.place_name}"
        word = line.strip().partition(" ")[0]
        leaves = self._completer.command(f"/{line}") in LEAVING and word == line
        what = "carry it out" if at_desk else "leave" if leaves else "say it there"
        return f"You are {where} now: send it again to {what}."
