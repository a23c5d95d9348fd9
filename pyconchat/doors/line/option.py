"""Option: the state of one telnet option on one side, by RFC 1143."""

from __future__ import annotations

from enum import Enum

__all__ = ["DO", "DONT", "WILL", "WONT", "Option"]

DONT, DO, WONT, WILL = 254, 253, 252, 251
"""The verbs of a negotiation (RFC 854)."""


class _State(Enum):
    """RFC 1143's states; the queue bit is `Option._opposite`."""

    NO = "no"
    WANT_NO = "want no"
    WANT_YES = "want yes"
    YES = "yes"


class Option:
    """The option with that *number*, on *our* side or on the client's.

    Only we request it: the client's own requests are refused. The methods return the verb that has
    to be sent to the client, or None.
    """

    __slots__ = ("_opposite", "_ours", "_state", "number")

    def __init__(self, number: int, ours: bool) -> None:
        self.number = number
        self._ours = ours
        self._state = _State.NO
        self._opposite = False  # request the other state when the answer has come

    @property
    def on(self) -> bool:
        """Return whether the client has agreed, and neither side has ended it since."""
        return self._state is _State.YES

    @property
    def off(self) -> bool:
        """Return whether it is off, and was not requested."""
        return self._state is _State.NO

    def want(self, wanted: bool) -> int | None:
        """Request that the option is on, or off, unless it is so, or is requested already."""
        match self._state, wanted:
            case (_State.NO, True):
                self._state = _State.WANT_YES
                return self._verb(True)
            case (_State.YES, False):
                self._state = _State.WANT_NO
                return self._verb(False)
            case (_State.WANT_NO, _):
                self._opposite = wanted
            case (_State.WANT_YES, _):
                self._opposite = not wanted
            case _:
                pass
        return None

    def answered(self, agreed: bool) -> int | None:
        """Handle the client's yes or no (RFC 1143, section 7)."""
        state, opposite = self._state, self._opposite
        self._opposite = False
        match state, agreed:
            case (_State.NO, True) | (_State.YES, False):
                self._state = _State.NO
                return self._verb(False)
            case (_State.WANT_YES, True):
                self._state = _State.YES
                return self.want(False) if opposite else None
            case (_State.WANT_YES, False):
                self._state = _State.NO
            case (_State.WANT_NO, _):
                self._state = _State.NO
                return self.want(True) if opposite else None
            case _:
                self._opposite = opposite
        return None

    def _verb(self, on: bool) -> int:
        """Return the verb that says, or requests, that the option is on, or off."""
        if self._ours:
            return WILL if on else WONT
        return DO if on else DONT
