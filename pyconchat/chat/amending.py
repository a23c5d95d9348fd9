"""Amending: requests about a message in the log: edits, removals, reactions, pins.

The message is read from the store, and then its group, or its private conversation, decides about
it: one request of a conversation at a time, so that the message cannot change in between.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from twisted.internet.defer import Deferred, DeferredLock

from pyconchat.chat.conversations import Conversation, GroupConversation
from pyconchat.chat.interfaces import IJournal, ISession, IStore
from pyconchat.chat.memory import Memory
from pyconchat.chat.private import PrivateTalk
from pyconchat.domain.accounts import Account
from pyconchat.domain.amending import Room, Target
from pyconchat.domain.decisions import RequestKey
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import GroupEvent, Quote
from pyconchat.domain.group import Group
from pyconchat.domain.refusals import no_such_message

__all__ = ["Amending", "GroupRule", "Rule"]

Rule = Callable[[Room, Target], list[GroupEvent]]
GroupRule = Callable[[Group, Target], list[GroupEvent]]
Decide = Callable[
    [GroupConversation, Callable[[Group], list[GroupEvent]], RequestKey | None], Deferred[int]
]


class Amending:
    """Requests about messages in *store*; *decide* is `Chat.decide`."""

    def __init__(
        self,
        memory: Memory,
        store: IStore,
        journal: IJournal,
        decide: Decide,
        private: PrivateTalk,
    ) -> None:
        self._memory = memory
        self._store = store
        self._journal = journal
        self._decide = decide
        self._private = private
        self._locks: dict[int, DeferredLock] = {}  # by conversation

    async def decide(
        self,
        session: ISession,
        conversation: GroupConversation,
        seq: int | None,
        rule: GroupRule,
        key: RequestKey | None = None,
    ) -> int:
        """Let a group decide by *rule* about the entry *seq*, or the last message of *session*.

        Returns the number of the new entry. Raises `Refused` or `NotSaved`.
        """
        async with self._lock(conversation):
            target = await self.target(session, conversation, seq)
            return await self._decide(conversation, lambda group: rule(group, target), key)

    async def decide_in_private(
        self,
        session: ISession,
        partner: Account,
        seq: int | None,
        rule: Rule,
        key: RequestKey | None = None,
    ) -> int:
        """As `decide`, in the private conversation of *session* with *partner*."""
        account: Account = session.account
        or_self = session.translator is not None
        conversation = await self._private.conversation(account, partner, or_self)
        if conversation is None:
            raise _nothing_said() if seq is None else no_such_message(seq)
        async with self._lock(conversation):
            target = await self.target(session, conversation, seq)
            return await self._private.decide(
                account, partner, conversation, lambda direct: rule(direct, target), key
            )

    @asynccontextmanager
    async def _lock(self, conversation: Conversation) -> AsyncIterator[None]:
        lock = self._locks.setdefault(conversation.id, DeferredLock())
        await lock.acquire()
        try:
            yield
        finally:
            lock.release()
            if not lock.locked and self._locks.get(conversation.id) is lock:  # released in turn
                del self._locks[conversation.id]

    async def target_in_private(
        self, session: ISession, partner: Account, seq: int | None
    ) -> Target:
        """As `target`, in the private conversation of *session* with *partner*."""
        conversation = await self._private.conversation(session.account, partner)
        if conversation is None:
            raise _nothing_said() if seq is None else no_such_message(seq)
        return await self.target(session, conversation, seq)

    async def target(
        self, session: ISession, conversation: Conversation, seq: int | None
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
            raise _nothing_said()
        raise no_such_message(seq)

    async def pin_quotes(self, conversation: GroupConversation) -> dict[int, Quote]:
        """Return the quotes of the pinned messages of a group, by number. Raises `NotSaved`."""
        pins = list(conversation.group.pins)
        if not pins:
            return {}
        return await self._journal.read(self._store.quotes, conversation.id, pins)


def _nothing_said() -> Refused:
    """Refuse a request about the last message of a person who has sent none recently."""
    return Refused(
        Code.NO_SUCH_MESSAGE,
        "You have sent no message here recently; /history shows the numbers of messages.",
    )
