"""Rooms: what the client knows of the groups it is in: who is there, what is unread, where it is.

Learned from the hello, the answers and the events; it asks nothing by itself.
"""

from __future__ import annotations

from collections.abc import Collection

from pyconchat.client.net.json_protocol import Object
from pyconchat.domain.names import fold

__all__ = ["Room", "Rooms", "objects_in"]


class Room:
    """A group: its *people* by name, True for those who are online."""

    def __init__(self, name: str, number: int = 0, topic: str = "") -> None:
        self.name = name
        self.number = number
        self.topic = topic
        self.unread = 0
        self.people: dict[str, bool] = {}

    @property
    def online(self) -> int:
        """Return how many of its people are online."""
        return sum(self.people.values())


class Rooms:
    """The groups of one account, in the order in which they came."""

    def __init__(self) -> None:
        self.me = ""
        self.current: Room | None = None
        self.awaiting = ""  # the group that somebody at the front desk has asked to join
        self.partners: dict[str, None] = {}  # with whom there was a private word
        self._rooms: dict[str, Room] = {}

    def get(self, name: object) -> Room | None:
        """Return the group of that name or number."""
        if not isinstance(name, str):
            return None
        room = self._rooms.get(fold(name))
        if room is None and name.isdigit():
            room = next((each for each in self._rooms.values() if str(each.number) == name), None)
        return room

    def all(self) -> list[Room]:
        """Return the groups."""
        return list(self._rooms.values())

    def said_hello(self, hello: Object, kept: Collection[str] = ()) -> None:
        """Take over the groups that the server says the account is in.

        Those of *kept* stay as well: they are being joined again.
        """
        self.me = str(hello.get("name") or self.me)
        before, self._rooms = self._rooms, {}
        for each in objects_in(hello.get("groups")):
            name = str(each.get("group"))
            room = before.get(fold(name)) or Room(name)
            room.number, room.topic = _int(each.get("number")), str(each.get("topic") or "")
            self._rooms[fold(name)] = room
        for name in kept:
            self._rooms.setdefault(fold(name), before.get(fold(name)) or Room(name))
        if self.current is not None:
            self.current = self._rooms.get(fold(self.current.name))

    def answered(self, answer: Object) -> bool:
        """Learn from an answer; return whether it changed where we are."""
        match answer.get("type"):
            case "entered":
                room = self._entered(str(answer.get("group")))
                room.number, room.topic = _int(answer.get("number")), str(answer.get("topic"))
                return self.enter(room)
            case "desk":
                return self.enter(None)
            case "asked" if self.current is None:
                self.awaiting = str(answer.get("group"))
            case "members":
                room_ = self.get(answer.get("group"))
                if room_ is not None and not answer.get("online_only"):
                    people = objects_in(answer.get("members"))
                    room_.people = {str(p.get("name")): p.get("online") is True for p in people}
        return False

    def happened(self, event: Object) -> bool:
        """Learn from an event; return whether it changed where we are."""
        kind, name = event.get("type"), str(event.get("name"))
        mine = fold(name) == fold(self.me)
        room = self.get(event.get("group"))
        if kind == "presence":
            for each in self._rooms.values():
                if name in each.people:
                    each.people[name] = event.get("online") is True
        elif kind in ("message", "action"):
            self._said(event, room)
        elif kind == "created" and fold(str(event.get("by"))) == fold(self.me):
            self._entered(str(event.get("group"))).people[self.me] = True
        elif kind == "joined":
            if mine:
                room = self._entered(str(event.get("group")))
            if room is not None:
                room.people[name] = True
                if mine and self.current is None and fold(self.awaiting) == fold(room.name):
                    return self.enter(room)
        elif kind in ("left", "kicked", "banned") and room is not None:
            room.people.pop(name, None)
            if mine:
                return self._left(room)
        elif kind == "closed" and room is not None:
            return self._left(room)
        elif kind == "topic" and room is not None:
            room.topic = str(event.get("topic"))
        return False

    def leave(self, name: str) -> None:
        """Forget the group *name*, which could not be joined again."""
        room = self.get(name)
        if room is not None:
            self._left(room)

    def enter(self, room: Room | None) -> bool:
        """Make *room* the current one; return whether it was another."""
        changed, self.current = room is not self.current, room
        self.awaiting = ""
        if room is not None:
            room.unread = 0
        return changed

    def next_unread(self) -> Room | None:
        """Return the next group with something unread, or just the next."""
        rooms = self.all()
        if self.current in rooms:
            at = rooms.index(self.current) + 1
            rooms = rooms[at:] + rooms[: at - 1]
        return next((each for each in rooms if each.unread), rooms[0] if rooms else self.current)

    def _said(self, event: Object, room: Room | None) -> None:
        partner = event.get("with")
        if isinstance(partner, str):
            self.partners.pop(partner, None)
            self.partners[partner] = None
        if room is not None:
            room.people.setdefault(str(event.get("from")), True)
            if room is not self.current:
                room.unread += 1

    def _entered(self, name: str) -> Room:
        return self._rooms.setdefault(fold(name), Room(name))

    def _left(self, room: Room) -> bool:
        self._rooms.pop(fold(room.name), None)
        return self.current is room and self.enter(None)


def objects_in(value: object) -> list[Object]:
    """Return the objects in a list from JSON; none if *value* is something else."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0
