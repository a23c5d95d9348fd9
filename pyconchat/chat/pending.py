"""PendingDecision: a decision on its way to the store, and who waits for it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from twisted.internet.defer import Deferred

from pyconchat.chat.interfaces import ISession
from pyconchat.domain.decisions import Decision
from pyconchat.domain.errors import NotSaved
from pyconchat.domain.refusals import unknown

__all__ = ["PendingDecision"]


class PendingDecision(msgspec.Struct, eq=False):
    """A *decision* that was appended to the journal.

    *origin* is the session that typed it; it is not echoed to that session. *done* fires with
    the number of the first entry when the decision is stored and published. *retry* decides once
    more, on the new state, after a `Conflict`.
    """

    decision: Decision
    origin: ISession | None = None
    done: Deferred[int] | None = None
    retry: Callable[[], None] | None = None

    def succeeded(self, seq: int) -> None:
        """Fire `done` with *seq*."""
        if self.done is not None:
            self.done.callback(seq)

    def unknown(self) -> None:
        """Fail `done`, or tell the origin, with the refusal that it may have been saved.

        When that is known, the entries are published as anybody's: the origin gets them, too.
        """
        done, self.done, origin, self.origin, self.retry = self.done, None, self.origin, None, None
        if done is not None:
            done.errback(unknown())
        elif origin is not None:
            origin.refuse(unknown())

    def not_saved(self) -> None:
        """Fail `done` with `NotSaved`; without it, send the refusal to the origin."""
        if self.done is not None:
            self.done.errback(NotSaved("the store failed"))
        elif self.origin is not None:
            self.origin.not_saved()
