"""Recovery: brings the memory back to the stored state, after a decision was not stored.

Groups whose state is in doubt are stale, and unusable, until they have been read again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from pyconchat.chat.conversations import Conversation, GroupConversation
from pyconchat.chat.interfaces import IJournal, IStore
from pyconchat.chat.memory import Memory
from pyconchat.chat.pending import PendingDecision
from pyconchat.domain.decisions import SERVER, Decision, MoveCursor, OpenDirect
from pyconchat.domain.errors import NotSaved
from pyconchat.domain.stored import ServerState, StoredGroup

__all__ = ["Recovery"]

RETRY_SECONDS = 1.0
"""Seconds between attempts to read the store again."""


class Recovery:
    """Undoes in *memory* what *store* does not have.

    *restored* is called with each open group that was read again, some time after.
    """

    _log = Logger()

    def __init__(
        self,
        memory: Memory,
        store: IStore,
        reactor: IReactorTime,
        restored: Callable[[GroupConversation], None],
    ) -> None:
        self._memory = memory
        self._store = store
        self._reactor = reactor
        self._restored = restored
        self._reads = 0  # count of reads of the state that have not succeeded yet

    @property
    def running(self) -> bool:
        """Return whether the state in memory may differ from the stored one."""
        return self._reads > 0

    def recover(self, journal: IJournal, decisions: Sequence[PendingDecision]) -> None:
        """Undo *decisions*, which were not stored, and refuse them.

        Those with a `PendingDecision.retry` are decided once more instead.
        """
        stale: dict[int, Conversation] = {}
        for pending in decisions:
            self._mark_stale(pending.decision, stale)
            self._retry_cursors(journal, pending.decision)
            if pending.retry is None:
                pending.not_saved()
        retries = [pending.retry for pending in decisions if pending.retry is not None]
        if stale or retries:
            self._reads += 1
            self._read_again(journal, stale, retries)

    def _mark_stale(self, decision: Decision, stale: dict[int, Conversation]) -> None:
        """Mark everything that *decision* has changed as stale, and add it to *stale*."""
        conversations = self._memory.conversations
        for new in decision.entries:
            conversation = conversations.get(new.conversation)
            changes_state = new.version is not None or new.conversation == SERVER
            if conversation is not None and changes_state:
                conversation.stale = True
                stale[new.conversation] = conversation
        for write in decision.writes:
            if isinstance(write, OpenDirect):
                conversations.drop_private(write.parties, write.conversation)

    def _retry_cursors(self, journal: IJournal, decision: Decision) -> None:
        """Store the cursors of *decision* later: received entries stay received."""
        moves = [write for write in decision.writes if isinstance(write, MoveCursor)]
        if moves:
            again = Decision(decision.at, writes=moves)
            self._reactor.callLater(RETRY_SECONDS, journal.append, again)

    def _read_again(
        self,
        journal: IJournal,
        stale: Mapping[int, Conversation],
        retries: Sequence[Callable[[], None]],
    ) -> None:
        def restore(stored: tuple[dict[int, StoredGroup], ServerState | None]) -> None:
            groups, server = stored
            if server is not None:
                self._memory.restore_server(server)
            for id, conversation in stale.items():
                if isinstance(conversation, GroupConversation):
                    self._restore(conversation, groups.get(id))
                conversation.stale = False
            self._reads -= 1
            for retry in retries:
                retry()

        def failed(failure: Failure) -> None:
            if not isinstance(failure.value, NotSaved):
                failure.raiseException()
            self._reactor.callLater(RETRY_SECONDS, self._read_again, journal, stale, retries)

        reading = journal.read_in_order(self._store.state, [*stale])
        reading.addCallbacks(restore, failed)
        reading.addErrback(lambda failure: self._log.failure("recovery failed", failure))

    def _restore(self, conversation: GroupConversation, stored: StoredGroup | None) -> None:
        self._memory.restore_group(conversation, stored)
        if not conversation.group.closed:
            # Not at once: what fails every time must not be repeated in a tight loop.
            self._reactor.callLater(RETRY_SECONDS, self._restored, conversation)
