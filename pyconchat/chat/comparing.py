"""Comparing: reads periodically what other nodes have changed: the bus may have lost it."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from pyconchat.chat.conversations import Conversation, GroupConversation
from pyconchat.chat.following import REFRESH_SECONDS, Following
from pyconchat.chat.id_blocks import LASTS_SECONDS
from pyconchat.chat.incoming import Incoming
from pyconchat.chat.interfaces import IJournal, INodeStore
from pyconchat.chat.memory import Memory
from pyconchat.domain.decisions import SERVER
from pyconchat.domain.errors import NotSaved
from pyconchat.domain.names import Key

__all__ = ["Comparing"]

COMPARE_SECONDS = 30.0
"""Seconds between two comparisons of all heads with the store, while the bus is up."""

COMPARE_SECONDS_DOWN = 1.0
"""The same while it is down."""

NEWEST = 2**62
"""More than any revision."""

IDS_BEFORE = 10_000
"""How much smaller than the next id those may be that other nodes have, at the start of a node."""


class Comparing:
    """Compares what *memory* knows with the store *nodes*; *incoming* reads what is new.

    *refresh* reads an account that another node has changed. *each_second* is called, and *run*
    with each comparison that begins by itself.
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
        self._each_second = each_second
        self._run = run
        self._revision = 0  # of the accounts
        self._above = 0  # no conversation with a smaller id, or this one, is created any more
        self._seen: set[int] = set()  # the others that were found
        self._marks: deque[tuple[float, int]] = deque()  # when which id was the highest
        self._calls = LoopingCall(self._compare_when_due)
        self._calls.clock = reactor
        self._compared = self._refreshed = float("-inf")

    def prepare(self, first_id: int) -> None:
        """Read what is there before the store is loaded; *first_id* is the next id of this node.

        Blocks. Raises `NotSaved`.
        """
        self._above = max(SERVER, first_id - IDS_BEFORE)
        self._seen = set(self._nodes.heads([], self._above))
        self._revision, _ = self._nodes.changed_accounts(NEWEST)

    def start(self) -> None:
        """Start the periodic comparisons."""
        for id in self._memory.conversations.ids():
            self._note(self._memory.conversations[id], True)
        self._memory.conversations.watchers.append(self._note)
        self._calls.start(COMPARE_SECONDS_DOWN, now=False)

    def stop(self) -> None:
        """Stop the periodic comparisons."""
        if self._calls.running:
            self._calls.stop()

    def _note(self, conversation: Conversation, begins: bool) -> None:
        if conversation.id > self._above:
            self._seen.add(conversation.id)  # what was shown of it is not shown again

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
        """Read what is new; in groups that are not followed only with *everything*.

        Raises `NotSaved`.
        """
        self._compared = self._reactor.seconds()
        ids = self._memory.conversations.ids()
        if everything:
            self._refreshed = self._compared
        else:
            ids = [id for id in ids if not self._is_passed_over(id)]
        known = {id: self._incoming.known(id) for id in ids}
        heads = await self._journal.read_in_order(self._nodes.heads, ids, self._above)
        passed_over: dict[int, int] = {}
        for id, head in heads.items():
            if id not in known:
                if head and id not in self._seen:
                    self._incoming.look(id)
            elif head > known[id]:
                if self._is_passed_over(id):
                    passed_over[id] = head
                else:
                    self._incoming.read(id)
            elif head < known[id]:
                self._log.critical("the database has lost entries of conversation {id}", id=id)
        self._note_seen(heads)
        if passed_over:
            await self._incoming.refresh(passed_over)
        await self.read_accounts()

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

    def _note_seen(self, heads: Mapping[int, int]) -> None:
        """Note which conversations were found, until no smaller id can be that of a new one.

        Each node has some ids that it may use for `LASTS_SECONDS`, so they are not used in order.
        """
        now = self._reactor.seconds()
        self._seen.update(id for id, head in heads.items() if head and id > self._above)
        if not self._marks or now - self._marks[-1][0] >= COMPARE_SECONDS_DOWN:
            self._marks.append((now, max(heads, default=0)))
        while now - self._marks[0][0] >= 2 * LASTS_SECONDS:
            self._above = max(self._above, self._marks.popleft()[1])
            self._seen = {id for id in self._seen if id > self._above}
