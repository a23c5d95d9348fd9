"""Comparing: periodically reads the changes of other nodes, of which the bus may lose some."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from itertools import islice
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from pyconchat.chat.conversations import GroupConversation
from pyconchat.chat.following import REFRESH_SECONDS, Following
from pyconchat.chat.incoming import Incoming
from pyconchat.chat.interfaces import IJournal, INodeStore
from pyconchat.chat.memory import Memory
from pyconchat.domain.errors import NotSaved
from pyconchat.domain.names import Key
from pyconchat.domain.stored import ChangedHead

__all__ = ["Comparing"]

COMPARE_SECONDS = 30.0
"""Seconds between two comparisons with the store, while the bus is up."""

COMPARE_SECONDS_DOWN = 1.0
"""The same while it is down."""

MAX_COMPARED = 1000
"""Maximum changes that are compared in one turn of the reactor: they take 2 ms."""

MAX_REFRESHED = 200
"""Maximum groups that are not followed whose states are read at once."""

NEWEST = 2**62
"""More than any revision."""


class Comparing:
    """Compares *memory* with the store *nodes*; *incoming* reads the new entries.

    *refresh* reads an account that another node has changed, and *found_private* a private
    conversation that is not in memory. *each_second* is called, and *run* with each comparison that
    begins by itself. The costs depend on the number of changes, not on the number of conversations.
    """

    _log = Logger()

    def __init__(
        self,
        memory: Memory,
        nodes: INodeStore,
        journal: IJournal,
        incoming: Incoming,
        following: Following,
        reactor: IReactorTime,
        refresh: Callable[[Key], Awaitable[None]],
        found_private: Callable[[ChangedHead], Awaitable[None]],
        each_second: Callable[[], None],
        run: Callable[[Coroutine[Deferred[Any], Any, None]], Deferred[None]],
    ) -> None:
        self._memory = memory
        self._nodes = nodes
        self._journal = journal
        self._incoming = incoming
        self._following = following
        self._reactor = reactor
        self._refresh = refresh
        self._found_private = found_private
        self._each_second = each_second
        self._run = run
        self._revision = 0  # of the accounts
        self._changes = 0  # the number of the last answer of `INodeStore.changes`
        self._passed_over: dict[int, int] = {}  # heads of groups that are not followed, to be read
        self._unknown: dict[int, int] = {}  # heads of conversations that were not needed here
        self._calls = LoopingCall(self._compare_when_due)
        self._calls.clock = reactor
        self._compared = self._refreshed = float("-inf")

    def prepare(self) -> None:
        """Read the newest revisions, before the store is loaded. Blocks. Raises `NotSaved`."""
        self._changes, _ = self._nodes.changes(None)
        self._revision, _ = self._nodes.changed_accounts(NEWEST)

    def start(self) -> None:
        """Start the periodic comparisons."""
        self._calls.start(COMPARE_SECONDS_DOWN, now=False)

    def stop(self) -> None:
        """Stop the periodic comparisons."""
        if self._calls.running:
            self._calls.stop()

    def _compare_when_due(self) -> Deferred[None] | None:
        try:
            self._each_second()
        except Exception:  # it must not end the comparisons
            self._log.failure("what is done each second has failed")
        now = self._reactor.seconds()
        due = COMPARE_SECONDS if self._incoming.bus.up else COMPARE_SECONDS_DOWN
        if now - self._compared < due:
            return None
        return self._run(self.compare(everything=now - self._refreshed >= REFRESH_SECONDS))

    async def compare(self, everything: bool = True) -> None:
        """Read the changes; of groups that are not followed only with *everything*.

        Raises `NotSaved`.
        """
        self._compared = self._reactor.seconds()
        if everything:
            self._refreshed = self._compared
        newest, changed = await self._journal.read_in_order(self._nodes.changes, self._changes)
        unknown: dict[int, int] = {}
        shorter: dict[int, int] = {}
        for nth, each in enumerate(changed, 1):
            if nth % MAX_COMPARED == 0:
                await deferLater(self._reactor, 0)
            known = self._incoming.known(each.id)
            if self._memory.conversations.get(each.id) is None:
                unknown[each.id] = each.head
                if self._unknown.get(each.id) != each.head:
                    await self._find(each)
            elif each.head > known:
                if self._is_passed_over(each.id):
                    self._passed_over[each.id] = each.head
                else:
                    self._incoming.read(each.id)
            elif each.head < known:
                shorter[each.id] = known
        if shorter:
            await self._require(shorter)
        if everything and self._passed_over:
            await self._refresh_passed_over()
        await self.read_accounts()
        # Not before: after a failure, the next comparison finds all of it again.
        self._changes, self._unknown = newest, unknown

    async def _find(self, changed: ChangedHead) -> None:
        """Read a conversation that is not in memory, if it may be needed here."""
        if changed.parties is not None:
            await self._found_private(changed)
        elif changed.head:
            self._incoming.read(changed.id, 0)

    async def _refresh_passed_over(self) -> None:
        waiting = iter(list(self._passed_over.items()))
        while heads := dict(islice(waiting, MAX_REFRESHED)):
            known = self._incoming.known
            wanted = {id: head for id, head in heads.items() if head > known(id)}
            if wanted:
                await self._incoming.refresh(wanted)
            for id, head in heads.items():
                if self._passed_over.get(id) == head:
                    del self._passed_over[id]

    async def _require(self, known: Mapping[int, int]) -> None:
        """Report conversations of which fewer entries are stored than are *known*.

        The known entries may have been newer than the read ones.
        """
        heads = await self._journal.read_in_order(self._nodes.heads, known)
        for id, seq in known.items():
            if heads.get(id, seq) < seq:
                self._log.critical("the database has lost entries of conversation {id}", id=id)

    def has_accounts(self, revision: int) -> bool:
        """Return whether the accounts are known as they were with that *revision*."""
        return revision <= self._revision

    async def read_accounts(self) -> None:
        """Read the accounts that other nodes have changed. Raises `NotSaved`."""
        revision, keys = await self._journal.read_in_order(
            self._nodes.changed_accounts, self._revision
        )
        failed = False
        for key in keys:
            try:
                await self._refresh(key)
            except NotSaved:
                raise
            except Exception:  # perhaps its name is reserved here, for a moment
                self._log.failure("account {key} cannot be taken over yet", key=key)
                failed = True
        if not failed:  # else all are read again
            self._revision = max(revision, self._revision)

    def _is_passed_over(self, id: int) -> bool:
        """Return whether *id* is that of a group that is not followed."""
        conversation = self._memory.conversations.get(id)
        return isinstance(conversation, GroupConversation) and id not in self._following
