"""GroupDirectory: the open groups, by name, by number, and by who has to do with them."""

from __future__ import annotations

from collections.abc import Iterator

from pyconchat.chat.conversation import Conversation
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import (
    AnyEvent,
    GroupCreated,
    JoinRequested,
    MemberInvited,
    MemberJoined,
)
from pyconchat.domain.group import Group
from pyconchat.domain.names import Key, fold, group_number

__all__ = ["GroupDirectory"]


class GroupDirectory:
    """Finds groups. A group whose name is a number has that number, and no other may."""

    def __init__(self, highest_number: int = 0) -> None:
        self._highest = highest_number
        self._by_name: dict[Key, Conversation] = {}
        self._by_number: dict[int, Conversation] = {}
        self._places: dict[Key, dict[Conversation, None]] = {}

    def __len__(self) -> int:
        """Return how many groups there are."""
        return len(self._by_name)

    def __iter__(self) -> Iterator[Conversation]:
        """Yield the conversations of all groups, in the order of their numbers."""
        return iter([each for _, each in sorted(self._by_number.items())])

    def get(self, name: str) -> Conversation | None:
        """Return the group of that name or number, or None."""
        number = group_number(name)
        return self._by_name.get(fold(name)) if number is None else self._by_number.get(number)

    def find(self, name: str) -> Conversation:
        """Return the group of that name or number. Raises `Refused`."""
        conversation = self.get(name)
        if conversation is None:
            raise Refused(Code.NO_SUCH_GROUP, "There is no group of that name; /groups lists them.")
        return conversation

    def require_free(self, name: str) -> None:
        """Raise `Refused` if a group has that name or number."""
        conversation = self.get(name)
        if conversation is not None and conversation.group is not None:
            raise Refused(
                Code.EXISTS,
                "There is a group {name} already: /join {name}.",
                name=conversation.group.name,
            )

    def free_number(self, name: str) -> int:
        """Return the number that a new group of that name gets; none is given twice."""
        number = group_number(name)
        if number is not None:
            return number
        self._highest += 1
        while self._highest in self._by_number:
            self._highest += 1
        return self._highest

    def add(self, conversation: Conversation) -> None:
        """Let a group be found, and all who are in it or ask to be."""
        group = _group(conversation)
        self._by_name[fold(group.name)] = conversation
        self._by_number[group.number] = conversation
        for key in (*group.members, *group.requests, *group.invitations):
            self._places.setdefault(key, {})[conversation] = None

    def remove(self, conversation: Conversation) -> None:
        """Free the name and the number of a group that is closed."""
        group = _group(conversation)
        if self._by_number.get(group.number) is conversation:
            del self._by_number[group.number]
        if self._by_name.get(fold(group.name)) is conversation:
            del self._by_name[fold(group.name)]

    def note(self, conversation: Conversation, event: AnyEvent) -> None:
        """Remember with whom *event* gave the group to do."""
        match event:
            case GroupCreated(by=name) | MemberJoined(name=name):
                pass
            case JoinRequested(name=name) | MemberInvited(name=name):
                pass
            case _:
                return
        self._places.setdefault(fold(name), {})[conversation] = None

    def places(self, key: Key) -> list[Conversation]:
        """Return the open groups in which *key* is a member, asks to be, or is invited."""
        places = self._places.get(key, {})
        for conversation in list(places):
            group = _group(conversation)
            known = key in group.members or key in group.requests or key in group.invitations
            if group.closed or not known:
                del places[conversation]
        if not places:
            self._places.pop(key, None)
        return list(places)

    def memberships(self, key: Key) -> list[Conversation]:
        """Return the groups of which *key* is a member."""
        return [each for each in self.places(key) if key in _group(each).members]


def _group(conversation: Conversation) -> Group:
    assert conversation.group is not None, "the directory has groups only"
    return conversation.group
