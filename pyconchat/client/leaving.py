"""Leaving: the end of a session by Ctrl-C, Ctrl-D, or ``/quit`` without a connection."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Leaving"]

MAX_BETWEEN_INTERRUPTS = 3.0
"""Maximum seconds between two Ctrl-C that end the client."""


class Leaving:
    """Calls *finished* when the person leaves, perhaps after a confirmation; *notify* shows a line.

    *pending* returns how many lines and transfers are unfinished, *seconds* the time.
    """

    def __init__(
        self,
        seconds: Callable[[], float],
        pending: Callable[[], int],
        finished: Callable[[str], None],
        notify: Callable[[str], None],
    ) -> None:
        self._seconds = seconds
        self._pending = pending
        self._finished = finished
        self._notify = notify
        self._interrupted_at = float("-inf")
        self._announced = False

    def interrupted(self) -> None:
        """Finish at the second Ctrl-C: one may have been meant for another program."""
        before, self._interrupted_at = self._interrupted_at, self._seconds()
        if self._interrupted_at - before <= MAX_BETWEEN_INTERRUPTS:
            self._finished("")
        else:
            self._notify("Ctrl-C again, Ctrl-D or /quit ends.")

    def leave(self) -> bool:
        """Finish; if something is still pending, only the second time. Return whether."""
        pending = self._pending()
        if pending and not self._announced:
            self._announced = True
            self._notify(f"{pending} still pending; repeat to leave anyway.")
            return False
        self._finished("")
        return True

    def stays(self) -> None:
        """The person goes on typing."""
        self._announced = False
