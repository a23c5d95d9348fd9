"""Following: the topics of the bus to which this node subscribes.

It follows (subscribes to) the groups with which an account that is online here is connected: as a
member, an applicant, or invited. Of all other groups it has only summaries in memory, which are up
to `REFRESH_SECONDS` old.
"""

from __future__ import annotations

from collections.abc import Callable

from pyconchat.chat.blocks import SERVER_TOPIC, account_topic, conversation_topic
from pyconchat.chat.conversations import Conversation, GroupConversation
from pyconchat.chat.interfaces import IBus
from pyconchat.chat.memory import Memory
from pyconchat.domain.accounts import Account
from pyconchat.domain.names import Key

__all__ = ["REFRESH_SECONDS", "Following"]

IDLE_SECONDS = 60.0
"""Seconds for which a group is followed after the last account connected with it went offline."""

REFRESH_SECONDS = 30.0
"""Seconds between two comparisons of the groups that are not followed with the store."""


class Following:
    """The topics that *bus* follows; *now* returns seconds.

    *read* is called with the id of a newly followed group: entries that were published before are
    read from the store. *read_private* is called in the same way for an account that is online.
    *unneeded* is called with the id of a group that is no longer followed.
    """

    def __init__(
        self,
        memory: Memory,
        bus: IBus,
        now: Callable[[], float],
        read: Callable[[int], None],
        read_private: Callable[[Key], object],
        unneeded: Callable[[int], None],
    ) -> None:
        self._memory = memory
        self._bus = bus
        self._now = now
        self._read = read
        self._read_private = read_private
        self._unneeded = unneeded
        self._people: dict[int, set[Key]] = {}  # of followed groups, the members online here
        self._groups: dict[Key, set[int]] = {}  # the same by person
        self._idle: dict[int, float] = {}  # followed groups without people, and since when

    def start(self) -> None:
        """Follow the topic of the server, and watch who is connected with groups."""
        self._bus.follow(SERVER_TOPIC)
        self._memory.groups.connected = self._connected
        self._memory.conversations.watchers.append(self._changed)

    def __contains__(self, id: object) -> bool:
        """Return whether the group *id* is followed."""
        return id in self._people

    def __len__(self) -> int:
        """Return the count of the groups that are followed."""
        return len(self._people)

    def account(self, account: Account, online: bool) -> None:
        """Follow *account* and its groups while it is *online* here: while it has sessions."""
        topic, key = account_topic(account.key), account.key
        if not online:
            self._bus.unfollow(topic)
            for id in self._groups.pop(key, ()):
                people = self._people[id]
                people.discard(key)
                if not people:
                    self._idle[id] = self._now()
            return
        following = self._bus.follow(topic)
        if not following.called:  # else the login reads the earlier entries
            following.addCallback(lambda _: self._read_private(key))
        for conversation in self._memory.groups.connected_with(key):
            if conversation.id not in self._people:
                self._follow(conversation.id, at_login=True)
            self._connected(key, conversation)

    def hold(self, id: int) -> None:
        """Follow the group *id* for `IDLE_SECONDS`, even if nobody here is connected with it."""
        self._follow(id)
        if not self._people[id]:
            self._idle.pop(id, None)
            self._idle[id] = self._now()

    def drop_idle(self) -> None:
        """Unfollow the groups with which nobody here was connected for `IDLE_SECONDS`."""
        until = self._now() - IDLE_SECONDS
        for id, since in list(self._idle.items()):
            if since > until:
                break
            self._unfollow(id)

    def _connected(self, key: Key, conversation: GroupConversation) -> None:
        """Follow a group if *key*, who is connected with it, is online here."""
        if not self._memory.presence.sessions(key):
            return
        self._follow(conversation.id)
        self._people[conversation.id].add(key)
        self._groups.setdefault(key, set()).add(conversation.id)
        self._idle.pop(conversation.id, None)

    def _follow(self, id: int, at_login: bool = False) -> None:
        """Follow the group *id*. A login reads its groups itself, later than now."""
        if id not in self._people:
            self._people[id] = set()
            following = self._bus.follow(conversation_topic(id))
            if not (at_login and following.called):
                following.addCallback(lambda _: self._read(id))

    def _changed(self, conversation: Conversation, begins: bool) -> None:
        """Unfollow a conversation that was dropped from memory."""
        if not begins and conversation.id in self._people:
            self._unfollow(conversation.id)

    def _unfollow(self, id: int) -> None:
        self._bus.unfollow(conversation_topic(id))
        self._idle.pop(id, None)
        for key in self._people.pop(id):
            self._groups[key].discard(id)
        self._unneeded(id)
