"""Conversations: one log each, with its head and the sessions that receive it live.

There are three kinds: a group's, the private one of two accounts, and the server's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyconchat.chat.audience import Audience
from pyconchat.domain.accounts import is_guest_party
from pyconchat.domain.decisions import SERVER
from pyconchat.domain.direct import Direct
from pyconchat.domain.events import AnyEvent, Policy
from pyconchat.domain.group import Group
from pyconchat.domain.group_state import GroupState
from pyconchat.domain.names import Key
from pyconchat.domain.replies import Where
from pyconchat.domain.stored import CursorRecord

__all__ = [
    "Conversation",
    "Conversations",
    "DirectConversation",
    "GroupConversation",
    "Parties",
    "ServerConversation",
    "account_key",
]

Parties = tuple[str, str]
"""The two parties of a private conversation (see `Account.party`), in alphabetical order."""


def account_key(party: str) -> Key:
    """Return the key of the account that is, or was, *party*.

    A guest's party is ``key~number``, because the next guest with this name is another person.
    """
    return Key(party.partition("~")[0])


class Conversation:
    """A log in memory; *published* is the number of its newest published entry.

    The sessions of its *audience* receive each new block live, and have everything up to
    *published*. While a block is being written to a large group, those that do not have it yet have
    everything up to *previous*.
    """

    __slots__ = ("audience", "elsewhere", "here", "id", "previous", "published", "stale")

    def __init__(self, id: int, published: int = 0) -> None:
        self.id = id
        self.published = published
        self.previous = published
        self.audience = Audience()
        self.stale = False  # the state in memory was not stored; to be read again before use
        self.here = Where(here=True)
        self.elsewhere = Where()

    def may_read(self, event: AnyEvent, key: Key) -> bool:
        """Return whether the reader *key* may see *event*."""
        return True

    @property
    def is_summary(self) -> bool:
        """Whether this is a group of which only a summary is in memory (see `GroupState`)."""
        return False

    @property
    def sessions(self) -> dict[Any, None]:
        """Return the sessions that receive each new block live."""
        return self.audience.sessions

    def start_publishing(self, seq: int) -> None:
        """Move `published` to *seq*: the caller writes the entries to the audience next."""
        self.previous, self.published = self.published, seq

    def pass_over(self, seq: int) -> None:
        """Move `published` to *seq*: nobody here receives the entries up to it."""
        self.previous = self.published = max(self.published, seq)

    def received(self, session: object) -> int:
        """Return the number up to which *session*, one of `sessions`, has everything."""
        return self.previous if session in self.audience.pending else self.published


class GroupConversation(Conversation):
    """The conversation of *group*.

    *version* is that of the stored state. The group's own is ahead of it while decisions about it
    are not stored yet. It is -1 if only a summary of the state is in memory. Only the parts of a
    chat with several nodes use it.
    """

    __slots__ = ("group", "version")

    def __init__(self, id: int, published: int, group: Group) -> None:
        super().__init__(id, published)
        self.group = group
        self.version = -1
        self.stored()
        self.here = Where(group=group.name, here=True)
        self.elsewhere = Where(group=group.name)

    def stored(self) -> None:
        """Note that the state of the group is the stored one."""
        self.version = -1 if self.is_summary else self.group.version

    @property
    def is_summary(self) -> bool:
        return self.group.is_summary

    def may_read(self, event: AnyEvent, key: Key) -> bool:
        """Return whether the member or applicant *key* may see *event*."""
        return self.group.may_read(event, key)


class DirectConversation(Conversation):
    """The private conversation of two *parties*; *posting* messages are not published yet.

    *guests* are the parties, guests, who have written in it. It ends with a guest's connection.
    """

    __slots__ = ("guests", "parties", "posting")

    def __init__(self, id: int, published: int, parties: Parties) -> None:
        super().__init__(id, published)
        self.parties = parties
        self.posting = 0
        self.guests: set[str] = set()

    @property
    def rules(self) -> Direct:
        """Return the rules for its parties."""
        return Direct(map(account_key, self.parties))

    @property
    def guest_keys(self) -> tuple[Key, ...]:
        """Return the keys of the parties that are guests."""
        return tuple(account_key(party) for party in self.parties if is_guest_party(party))

    def partner_of(self, key: Key) -> Key:
        """Return the account key of the other party."""
        one, other = (account_key(party) for party in self.parties)
        return other if one == key else one


class ServerConversation(Conversation):
    """The server's own conversation: what operators do."""

    __slots__ = ()


class Conversations:
    """The conversations that a running server has in memory, by id and by parties."""

    def __init__(self) -> None:
        self.server = ServerConversation(SERVER)
        self._by_id: dict[int, Conversation] = {SERVER: self.server}
        self._private: dict[Parties, DirectConversation] = {}
        self._of_party: dict[str, dict[Parties, None]] = {}
        self._highest = SERVER
        self.more_ids: Callable[[], int] | None = None  # one of several nodes gets them in blocks
        self.watchers: list[Callable[[Conversation, bool], None]] = []  # what is added, or dropped

    def begin_after(self, highest: int, server_head: int) -> None:
        """Give new ids above *highest*; the server's own conversation has *server_head* entries."""
        self._highest = highest
        self.server.published = server_head

    def __getitem__(self, id: int) -> Conversation:
        """Return the conversation *id*. Raises `KeyError`."""
        return self._by_id[id]

    def get(self, id: int) -> Conversation | None:
        """Return the conversation *id*, or None."""
        return self._by_id.get(id)

    def add(self, conversation: Conversation) -> None:
        """Add *conversation*."""
        self._by_id[conversation.id] = conversation
        for watcher in self.watchers:
            watcher(conversation, True)

    def drop(self, id: int) -> None:
        """Remove the conversation *id*."""
        conversation = self._by_id.pop(id, None)
        if conversation is not None:
            self.emptied(conversation)

    def emptied(self, conversation: Conversation) -> None:
        """Call the watchers: *conversation* was removed, or only its summary is left."""
        for watcher in self.watchers:
            watcher(conversation, False)

    def ids(self) -> list[int]:
        """Return the ids of all conversations in memory."""
        return list(self._by_id)

    def new_id(self) -> int:
        """Return an id that no conversation ever had. Raises `Refused` if none is left for now."""
        if self.more_ids is not None:
            return self.more_ids()
        self._highest += 1
        return self._highest

    def private(self, parties: Parties) -> DirectConversation | None:
        """Return the private conversation of two *parties*, if it is in memory."""
        return self._private.get(parties)

    def add_private(self, parties: Parties, id: int, head: int) -> DirectConversation:
        """Return the private conversation of two *parties*, which the store has as *id*."""
        conversation = self._private.get(parties)
        if conversation is None:
            conversation = self._private[parties] = DirectConversation(id, head, parties)
            for party in parties:
                self._of_party.setdefault(party, {})[parties] = None
            self.add(conversation)
        return conversation

    def of_party(self, party: str) -> list[DirectConversation]:
        """Return the private conversations of *party* that are in memory."""
        return [self._private[parties] for parties in self._of_party.get(party, ())]

    def drop_private(self, parties: Parties, id: int) -> None:
        """Remove a private conversation from memory: it was not stored, or is not in use."""
        self.detach(parties)
        self.drop(id)

    def detach(self, parties: Parties) -> None:
        """End the private conversation of *parties*: their next message begins a new one."""
        if self._private.pop(parties, None) is not None:
            for party in dict.fromkeys(parties):  # one, if somebody talks to themselves
                own = self._of_party[party]
                del own[parties]
                if not own:
                    del self._of_party[party]

    def of_cursor(self, record: CursorRecord) -> Conversation:
        """Return the conversation of a cursor.

        A closed group is no longer in memory; its former members still read how it ended.
        """
        if record.parties is not None:
            return self.add_private(record.parties, record.conversation, record.head)
        known = self._by_id.get(record.conversation)
        if known is not None:
            return known
        state = GroupState(0, record.group, Policy.INVITE, record.group, closed=True)
        group = Group(record.conversation, state)
        return GroupConversation(record.conversation, record.head, group)
