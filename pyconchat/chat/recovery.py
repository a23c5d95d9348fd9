"""Recovery: undoes in memory what could not be stored.

Groups whose state is in doubt are unusable until they have been read again from the store.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from twisted.logger import Logger
from twisted.python.failure import Failure

from pyconchat.chat.conversation import Conversation
from pyconchat.domain.decisions import SERVER, Decision, MoveCursor, OpenDirect
from pyconchat.domain.errors import NotSaved
from pyconchat.domain.stored import ServerState, StoredGroup

if TYPE_CHECKING:
    from pyconchat.chat.chat import Chat

__all__ = ["Recovery"]

RETRY = 1.0
"""Seconds between attempts to read again what could not be stored."""


class Recovery:
    """Brings the memory of *chat* back to what its store has."""

    _log = Logger()

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    def recover(self, decisions: Sequence[Decision]) -> None:
        """Undo *decisions*, which were not stored; tell those who asked for them.

        Those that can be made `again`, after a conflict, are.
        """
        doubtful: dict[int, Conversation] = {}
        for decision in decisions:
            self._doubt(decision, doubtful)
            moves = [write for write in decision.writes if isinstance(write, MoveCursor)]
            if moves:  # what was received stays received
                self._chat.reactor.callLater(RETRY, self._chat.move_cursors, moves)
            if decision.again is None:
                _tell_not_saved(decision)
        again = [decision.again for decision in decisions if decision.again is not None]
        if doubtful or again:
            self._read_again(doubtful, again)

    def _doubt(self, decision: Decision, doubtful: dict[int, Conversation]) -> None:
        """Let nobody use what *decision* has changed, and note it as *doubtful*."""
        conversations = self._chat.conversations
        for new in decision.entries:
            conversation = conversations.get(new.conversation)
            if conversation is not None and (new.version is not None or new.conversation == SERVER):
                conversation.stale = True
                doubtful[new.conversation] = conversation
        for write in decision.writes:
            if isinstance(write, OpenDirect):
                conversations.drop_private(write.parties, write.conversation)

    def _read_again(
        self, doubtful: dict[int, Conversation], again: Sequence[Callable[[], None]]
    ) -> None:
        def restored(stored: tuple[dict[int, StoredGroup], ServerState]) -> None:
            groups, server = stored
            for id, conversation in doubtful.items():
                if id == SERVER:
                    self._chat.restore_server(server)
                else:
                    self._restored(conversation, groups.get(id))
                conversation.stale = False
            for decide in again:
                decide()

        def failed(failure: Failure) -> None:
            if not isinstance(failure.value, NotSaved):
                failure.raiseException()
            self._chat.reactor.callLater(RETRY, self._read_again, doubtful, again)

        reading = self._chat.journal.in_order(self._chat.store.state, [*doubtful])
        reading.addCallbacks(restored, failed)
        reading.addErrback(lambda failure: self._log.failure("recovery failed", failure))

    def _restored(self, conversation: Conversation, stored: StoredGroup | None) -> None:
        group, chat = conversation.group, self._chat
        assert group is not None, "only the server's conversation has no group, or no state"
        chat.groups.remove(conversation)
        if stored is None:  # it was never stored: there is no such group
            chat.conversations.drop(conversation.id)
            group.closed = True
            group.members.clear()
            return
        group.restore(stored.state, stored.version)
        if not group.closed:
            chat.conversations.add(conversation)
            chat.groups.add(conversation)
            # Not at once: what fails again and again is not tried again and again.
            chat.reactor.callLater(RETRY, chat.end_absent_guests, conversation)


def _tell_not_saved(decision: Decision) -> None:
    if decision.done is not None:
        decision.done.errback(NotSaved("the store failed"))
    elif decision.origin is not None:
        decision.origin.not_saved()
