"""GroupDirectory: the open groups, by name, by number, and by the people connected with them."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from heapq import merge

from pyconchat.chat.conversations import GroupConversation
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import (
    AnyEvent,
    GroupCreated,
    InvitationEnded,
    JoinRejected,
    JoinRequested,
    MemberBanned,
    MemberInvited,
    MemberJoined,
    MemberKicked,
    MemberLeft,
    Policy,
    PolicyChanged,
    RequestWithdrawn,
)
from pyconchat.domain.lookalikes import Lookalikes
from pyconchat.domain.names import COMMAND_WORDS, Key, Name, fold, group_number
from pyconchat.domain.refusals import looks_like, not_saved
from pyconchat.domain.rights import Actor
from pyconchat.domain.similar import close_names

__all__ = ["GroupDirectory"]

_command_words = Lookalikes(map(Name, sorted(COMMAND_WORDS)))

MAX_LETTERS = 100
"""Maximum letters that are tried in mistyped names: bounds the time of a look-up."""


class GroupDirectory:
    """Finds groups. A group whose name is a number has that number, and no other may."""

    def __init__(self) -> None:
        self._highest = 0
        self._by_name: dict[Key, GroupConversation] = {}
        self._by_number: dict[int, GroupConversation] = {}
        self._numbers: list[int] = []  # in order
        self._public: list[int] = []  # the same, without groups that take only invited people
        self._lookalikes = Lookalikes()
        self._letters: dict[str, None] = {}  # of all names, up to MAX_LETTERS
        self._connected: dict[Key, dict[GroupConversation, None]] = {}
        self.connected: Callable[[Key, GroupConversation], None] | None = None  # by `Following`

    def begin_after(self, highest_number: int) -> None:
        """Give new groups numbers above *highest_number*."""
        self._highest = highest_number

    def __len__(self) -> int:
        """Return the count of groups."""
        return len(self._by_name)

    def __iter__(self) -> Iterator[GroupConversation]:
        """Yield the conversations of all groups, by number."""
        return map(self._by_number.__getitem__, self._numbers.copy())

    def listed_to(self, by: Actor) -> Iterator[GroupConversation]:
        """Yield the groups that are listed to *by*, by number, until a group is added or removed.

        Its time does not depend on the number of the other groups.
        """
        if by.operator:
            return iter(self)
        return map(self._by_number.__getitem__, merge(self._public, self._hidden_from_others(by)))

    def count_listed_to(self, by: Actor) -> int:
        """Return the count of `listed_to`."""
        if by.operator:
            return len(self)
        return len(self._public) + len(self._hidden_from_others(by))

    def _hidden_from_others(self, by: Actor) -> list[int]:
        """Return the numbers of the groups that are listed to *by*, but not to everybody."""
        connected = self.connected_with(fold(by.name))
        numbers = [each.group.number for each in connected if each.group.policy is Policy.INVITE]
        return sorted(numbers)

    def get(self, name: str) -> GroupConversation | None:
        """Return the group of that name or number, or None."""
        number = group_number(name)
        return self._by_name.get(fold(name)) if number is None else self._by_number.get(number)

    def known_to(self, by: Actor, name: str) -> GroupConversation | None:
        """Return the group of that name or number, None if *by* may not know that it exists."""
        conversation = self.get(name)
        known = conversation is not None and conversation.group.lists_to(by)
        return conversation if known else None

    def find(self, by: Actor, name: str) -> GroupConversation:
        """Return the group of that name or number. Raises `Refused`.

        To *by*, who may not know that a group exists, it says what it says where there is none.
        """
        conversation = self.known_to(by, name)
        if conversation is None:
            raise Refused(Code.NO_SUCH_GROUP, "There is no group of that name; /groups lists them.")
        return conversation

    def close_to(self, name: str) -> list[GroupConversation]:
        """Return the groups of which *name* may be a mistyped name."""
        found = close_names(fold(name), self._by_name, self._letters)
        return [self._by_name[Key(key)] for key in found]

    def require_free(self, name: Name) -> None:
        """Raise `Refused` if a group has that name or number, or one that looks like it.

        Of a group that is stale, it is not known whether it exists.
        """
        conversation = self.get(name)
        if conversation is not None:
            if conversation.stale:
                raise not_saved()
            # As it was typed: a number must not tell the name of a group that is listed to few.
            raise Refused(Code.EXISTS, "There is a group {name} already: /join {name}.", name=name)
        other = self._lookalikes.find(name) or _command_words.find(name)
        if other is not None and group_number(name) is None:
            conversation = self.get(other)
            if conversation is not None and conversation.stale:
                raise not_saved()
            raise looks_like(name, other)

    def free_number(self, name: str) -> int:
        """Return the number for a new group with that name; no number is used twice."""
        number = group_number(name)
        if number is not None:
            return number
        self._highest += 1
        while self._highest in self._by_number:
            self._highest += 1
        return self._highest

    def add(self, conversation: GroupConversation) -> None:
        """Add a group, with its members, applicants and invited."""
        group = conversation.group
        self._by_name[fold(group.name)] = conversation
        if len(self._letters) < MAX_LETTERS:
            self._letters |= dict.fromkeys(fold(group.name))
        if group.number not in self._by_number:
            insort(self._numbers, group.number)
        self._by_number[group.number] = conversation
        self._publish(group.number, group.policy is not Policy.INVITE)
        self._lookalikes.add(group.name)
        for key in (*group.members, *group.requests, *group.invitations):
            self._connect(key, conversation)

    def remove(self, conversation: GroupConversation) -> None:
        """Free the name and the number of a closed group; nobody is connected with it."""
        group = conversation.group
        for key in (*group.members, *group.requests, *group.invitations):
            self._disconnect(key, conversation)
        if self._by_number.get(group.number) is conversation:
            del self._by_number[group.number]
            del self._numbers[bisect_left(self._numbers, group.number)]
            self._publish(group.number, False)
        if self._by_name.get(fold(group.name)) is conversation:
            del self._by_name[fold(group.name)]
            self._lookalikes.remove(group.name)

    def note(self, conversation: GroupConversation, event: AnyEvent) -> None:
        """Note that *event*, which was applied, connects a person with the group, or no longer."""
        match event:
            case GroupCreated(by=name) | MemberJoined(name=name):
                self._connect(fold(name), conversation)
            case JoinRequested(name=name) | MemberInvited(name=name):
                self._connect(fold(name), conversation)
            case MemberLeft(name=name) | MemberKicked(name=name) | MemberBanned(name=name):
                self._disconnect_unless_known(fold(name), conversation)
            case RequestWithdrawn(name=name) | JoinRejected(name=name) | InvitationEnded(name=name):
                self._disconnect_unless_known(fold(name), conversation)
            case PolicyChanged(policy=policy):
                if self._by_number.get(conversation.group.number) is conversation:
                    self._publish(conversation.group.number, policy is not Policy.INVITE)
            case _:
                pass

    def _publish(self, number: int, public: bool) -> None:
        """Have the group *number* among those that are listed to everybody, or no longer."""
        place = bisect_left(self._public, number)
        if public is not (self._public[place : place + 1] == [number]):
            if public:
                self._public.insert(place, number)
            else:
                del self._public[place]

    def _connect(self, key: Key, conversation: GroupConversation) -> None:
        self._connected.setdefault(key, {})[conversation] = None
        if self.connected is not None:
            self.connected(key, conversation)

    def _disconnect_unless_known(self, key: Key, conversation: GroupConversation) -> None:
        if not _knows(conversation, key):
            self._disconnect(key, conversation)

    def _disconnect(self, key: Key, conversation: GroupConversation) -> None:
        connected = self._connected.get(key, {})
        connected.pop(conversation, None)
        if not connected:
            self._connected.pop(key, None)

    def connected_with(self, key: Key) -> list[GroupConversation]:
        """Return the open groups in which *key* is a member, asks to be, or is invited."""
        connected = list(self._connected.get(key, ()))
        return [each for each in connected if not each.group.closed and _knows(each, key)]

    def memberships(self, key: Key) -> list[GroupConversation]:
        """Return the groups of which *key* is a member."""
        return [each for each in self.connected_with(key) if key in each.group.members]


def _knows(conversation: GroupConversation, key: Key) -> bool:
    """Return whether *key* is a member of a group, asks to be one, or is invited."""
    group = conversation.group
    return key in group.members or key in group.requests or key in group.invitations
