"""Readiness: whether a load balancer should send new connections to this server."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from pyconchat.chat.interfaces import IStore, IThreads
from pyconchat.chat.nodes import Nodes
from pyconchat.chat.session_registry import SessionRegistry
from pyconchat.domain.decisions import SERVER
from pyconchat.domain.errors import NotSaved
from pyconchat.net.waiters import Waiters

__all__ = ["CHECK_SECONDS", "MAX_CHECK_SECONDS", "Readiness"]

CHECK_SECONDS = 1.0
"""Minimum seconds between two checks of the database, however many ask."""

MAX_CHECK_SECONDS = 2.0
"""Maximum seconds in which the database has to answer."""


class Readiness:
    """The readiness of one server; *nodes* is None if it has the database alone."""

    _log = Logger()

    def __init__(
        self,
        store: IStore,
        threads: IThreads,
        reactor: IReactorTime,
        registry: SessionRegistry,
        nodes: Nodes | None,
    ) -> None:
        self._store = store
        self._threads = threads
        self._reactor = reactor
        self._registry = registry
        self._nodes = nodes
        self._answers = False  # the result of the last check
        self._checked_at = float("-inf")  # when the last check began
        self._checking = False  # a read is under way, maybe for too long already
        self._late: IDelayedCall | None = None  # until the check has taken too long
        self._waiting = Waiters()  # for the result of the check

    async def problem(self) -> str:
        """Return why the server is not ready, in one word; empty if it is.

        ``draining``: it is stopping. ``lease``: it has no lease as one of several nodes.
        ``database``: the database has not answered lately.
        """
        problem = self._known_problem()
        if problem:
            return problem
        if not await self._database_answers():
            return "database"
        return self._known_problem()  # again: the check took time

    def _known_problem(self) -> str:
        if self._registry.stopping:
            return "draining"
        if self._nodes is not None and not self._nodes.leases.held:
            return "lease"
        return ""

    async def _database_answers(self) -> bool:
        if self._late is not None:
            await self._waiting.wait(False)
        elif not self._checking and self._reactor.seconds() - self._checked_at >= CHECK_SECONDS:
            self._begin_check()
            await self._waiting.wait(self._late is None)
        return self._answers

    def _begin_check(self) -> None:
        self._checking, self._checked_at = True, self._reactor.seconds()
        self._late = self._reactor.callLater(MAX_CHECK_SECONDS, self._decide, False)
        reading: Deferred[Any] = self._threads.read(self._store.entries, SERVER, 0, 0, 1)
        reading.addCallbacks(lambda _: True, self._failed).addCallback(self._checked)

    def _failed(self, failure: Failure) -> bool:
        if not isinstance(failure.value, NotSaved):
            self._log.failure("the check of the database failed", failure)
        return False

    def _checked(self, answers: bool) -> None:
        self._checking = False
        if self._late is not None:  # otherwise it came too late: the next check is due
            self._late.cancel()
            self._decide(answers)

    def _decide(self, answers: bool) -> None:
        self._late, self._answers = None, answers
        self._waiting.fire()
