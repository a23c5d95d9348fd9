"""Conversations: those that a running server has in memory, by id and by parties."""

from __future__ import annotations

from pyconchat.chat.conversation import Conversation
from pyconchat.domain.decisions import SERVER
from pyconchat.domain.events import Policy
from pyconchat.domain.group import Group
from pyconchat.domain.group_state import GroupState
from pyconchat.domain.stored import CursorRecord

__all__ = ["Conversations"]

Parties = tuple[str, str]


class Conversations:
    """The conversations of a server; *server* is its own."""

    def __init__(self) -> None:
        self.server = Conversation(SERVER)
        self._by_id: dict[int, Conversation] = {SERVER: self.server}
        self._private: dict[Parties, Conversation] = {}
        self._highest = SERVER

    def begin_after(self, highest: int, server_head: int) -> None:
        """Give no id up to *highest* again, and no number up to *server_head* in the server's."""
        self._highest = highest
        self.server.published = server_head

    def __getitem__(self, id: int) -> Conversation:
        """Return the conversation *id*. Raises `KeyError`."""
        return self._by_id[id]

    def get(self, id: int) -> Conversation | None:
        """Return the conversation *id*, if it is in memory."""
        return self._by_id.get(id)

    def add(self, conversation: Conversation) -> None:
        """Let *conversation* be found."""
        self._by_id[conversation.id] = conversation

    def drop(self, id: int) -> None:
        """Forget the conversation *id*."""
        self._by_id.pop(id, None)

    def new_id(self) -> int:
        """Return an id that no conversation ever had."""
        self._highest += 1
        return self._highest

    def private(self, parties: Parties) -> Conversation | None:
        """Return the private conversation of two *parties*, if it is in memory."""
        return self._private.get(parties)

    def add_private(self, parties: Parties, id: int, head: int) -> Conversation:
        """Return the private conversation of two *parties* that the store has as *id*."""
        conversation = self._private.get(parties)
        if conversation is None:
            conversation = self._private[parties] = Conversation(id, head, parties=parties)
            self.add(conversation)
        return conversation

    def drop_private(self, parties: Parties, id: int) -> None:
        """Forget a private conversation that could not be stored."""
        self._private.pop(parties, None)
        self.drop(id)

    def of_cursor(self, record: CursorRecord) -> Conversation:
        """Return the conversation of a cursor.

        A group that is closed comes back only for who has still to read how it ended.
        """
        if record.parties is not None:
            return self.add_private(record.parties, record.conversation, record.head)
        known = self._by_id.get(record.conversation)
        if known is not None:
            return known
        state = GroupState(0, record.group, Policy.INVITE, record.group, closed=True)
        return Conversation(record.conversation, record.head, Group(record.conversation, state))
