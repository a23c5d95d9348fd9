"""UnheardPrivate: private conversations that began at another node, and are not known in full.

A node has those in memory whose parties are connected to it. What the bus has lost of one that is
not in memory is found by the cursors of its parties, when they log in, and by `Comparing`.
"""

from __future__ import annotations

from pyconchat.chat.conversations import DirectConversation, Parties, account_key
from pyconchat.chat.incoming import Incoming
from pyconchat.chat.interfaces import IStore
from pyconchat.chat.journal import Journal
from pyconchat.chat.memory import Memory
from pyconchat.domain.names import Key
from pyconchat.domain.stored import ChangedHead

__all__ = ["UnheardPrivate"]


class UnheardPrivate:
    """Finds private conversations of *memory* in *store*; *incoming* reads their entries."""

    def __init__(self, memory: Memory, store: IStore, journal: Journal, incoming: Incoming) -> None:
        self._memory = memory
        self._store = store
        self._journal = journal
        self._incoming = incoming

    async def add(self, parties: Parties, id: int, head: int) -> DirectConversation:
        """Add a conversation of the store that is not in memory. Raises `NotSaved`.

        Its entries that the parties' sessions have not received are delivered.
        """
        after = head
        for party in parties:
            after = min(after, await self._received(account_key(party), id, head))
        conversation = self._memory.conversations.add_private(parties, id, after)
        if after < head:
            self._incoming.read(id)
            await self._incoming.when_read([id])
        return conversation

    async def heard(self, id: int, key: Key, before: int) -> None:
        """Read what *key* has not received of a conversation that is not in memory.

        The entry *before* + 1 was received. Raises `NotSaved`.
        """
        after = await self._received(key, id, before)
        if self._memory.presence.sessions(key):
            self._incoming.read(id, after)

    async def read(self, key: Key) -> None:
        """Read the messages that *key* has not received, of conversations that are not known.

        Raises `NotSaved`.
        """
        account = self._memory.accounts.get(key)
        if account is None or not account.registered or not self._memory.presence.sessions(key):
            return
        for record in await self._journal.read_in_order(self._store.cursors, key):
            known = self._incoming.known(record.conversation)
            if record.parties is not None and known < record.head:
                self._incoming.read(record.conversation, record.read)

    async def changed(self, conversation: ChangedHead) -> None:
        """Read a changed conversation, which is not in memory, for its parties who are connected.

        The messages that they have not received at other nodes are delivered. Raises `NotSaved`.
        """
        for party in dict.fromkeys(conversation.parties or ()):
            key = account_key(party)
            sessions = self._memory.presence.sessions(key)
            if sessions and sessions[0].account.party == party:  # not another guest of that name
                await self.heard(conversation.id, key, conversation.head)

    async def _received(self, key: Key, id: int, head: int) -> int:
        """Return up to which entry, at most *head*, *key* has received a conversation."""
        account = self._memory.accounts.get(key)
        if account is None or not self._memory.presence.sessions(key):
            return head  # there is no session to which anything is missing
        if not account.registered:
            return 0
        cursors = await self._journal.read_in_order(self._store.cursors, key)
        return min((each.read for each in cursors if each.conversation == id), default=head)
