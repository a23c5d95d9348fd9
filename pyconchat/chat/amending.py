"""Amending: requests about a message in the log: edits, removals, reactions, pins.

The message is read from the store and then a group decides about it, one request of a group at a
time, so that the message cannot change in between.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, DeferredLock

from pyconchat.chat.conversations import GroupConversation
from pyconchat.chat.interfaces import IJournal, ISession, IStore
from pyconchat.chat.memory import Memory
from pyconchat.domain.amending import Target
from pyconchat.domain.decisions import RequestKey
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import GroupEvent, Quote
from pyconchat.domain.group import Group

__all__ = ["Amending", "Rule", "no_such_message"]

Rule = Callable[[Group, Target], list[GroupEvent]]
Decide = Callable[
    [GroupConversation, Callable[[Group], list[GroupEvent]], RequestKey | None], Deferred[int]
]


class Amending:
    """Requests about messages in *store*; *decide* is `Chat.decide`."""

    def __init__(self, memory: Memory, store: IStore, journal: IJournal, decide: Decide) -> None:
        self._memory = memory
        self._store = store
        self._journal = journal
        self._decide = decide
        self._locks: dict[GroupConversation, DeferredLock] = {}

    async def decide(
        self,
        session: ISession,
        conversation: GroupConversation,
        seq: int | None,
        rule: Rule,
        key: RequestKey | None = None,
    ) -> int:
        """Let a group decide by *rule* about the entry *seq*, or the last message of *session*.

        Returns the number of the new entry. Raises `Refused` or `NotSaved`.
        """
        lock = self._locks.setdefault(conversation, DeferredLock())
        await lock.acquire()
        try:
            target = await self.target(session, conversation, seq)
            return await self._decide(conversation, lambda group: rule(group, target), key)
        finally:
            lock.release()
            if not lock.locked:
                del self._locks[conversation]

    async def target(
        self, session: ISession, conversation: GroupConversation, seq: int | None
    ) -> Target:
        """Return the entry *seq*, or the last message of *session*. Raises `Refused`."""
        await self._journal.settled()
        reading: Deferred[Target | None] = self._journal.read(
            self._store.target, conversation.id, seq, session.account.key
        )
        target = await reading
        self._memory.require_present(session.account)  # another guest may have the name now
        if target is not None:
            return target
        if seq is None:
            raise Refused(
                Code.NO_SUCH_MESSAGE,
                "You have said nothing here of late; /history has the numbers of messages.",
            )
        raise no_such_message(seq)

    async def pin_quotes(self, conversation: GroupConversation) -> dict[int, Quote]:
        """Return the quotes of the pinned messages of a group, by number. Raises `NotSaved`."""
        pins = list(conversation.group.pins)
        if not pins:
            return {}
        return await self._journal.read(self._store.quotes, conversation.id, pins)


def no_such_message(seq: int) -> Refused:
    """Refuse a request about an entry that is not in the log."""
    return Refused(
        Code.NO_SUCH_MESSAGE, "There is no message #{seq}; /history has the numbers.", seq=seq
    )
