"""Groups: the groups of the client's account, their online members, and the current place.

They are updated from the answer to the hello, other answers and events. Sends no requests.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pyconchat.client.joined_group import JoinedGroup, count
from pyconchat.client.net.json_protocol import Object, objects_in
from pyconchat.client.records import is_news
from pyconchat.domain.names import fold

__all__ = ["Groups", "place_of"]


MAX_DIGITS = 9
"""Maximum digits of a group's number."""


def place_of(fields: Object) -> dict[str, str]:
    """Return the fields of a request for the place of *fields*, an event or another request."""
    partner = fields.get("with")
    if isinstance(partner, str):
        return {"with": partner}
    return {"group": str(fields.get("group"))}


class Groups:
    """The groups of one account, in the order in which they were joined.

    *me* is the account's name, *current* the current group, and *partner* the person of the current
    private conversation; without either, the front desk is current. *requested* is the group that
    the person, in no group, has asked to join. *partners* are the people with whom private messages
    were exchanged, the latest last.
    """

    def __init__(self) -> None:
        self.me = ""
        self.current: JoinedGroup | None = None
        self.partner = ""
        self.requested = ""
        self._partner_online = False  # last state displayed to the person
        self.partners: dict[str, None] = {}
        self._groups: dict[str, JoinedGroup] = {}
        self._rejoining: set[str] = set()  # keys of the groups that a guest joins again
        self._unconfirmed: set[str] = set()  # keys that may follow in the rest of a long hello

    @property
    def at_desk(self) -> bool:
        """Return whether the front desk is current."""
        return self.current is None and not self.partner

    @property
    def place(self) -> dict[str, str]:
        """Return the fields of a request for the current place."""
        if self.partner:
            return {"with": self.partner}
        return {} if self.current is None else {"group": self.current.name}

    @property
    def place_name(self) -> str:
        """Return the name of the current place: ``tea``, ``@bob``, or ""."""
        if self.partner:
            return f"@{self.partner}"
        return "" if self.current is None else self.current.name

    def get(self, name: object) -> JoinedGroup | None:
        """Return the group with that name or number."""
        if not isinstance(name, str):
            return None
        group = self._groups.get(fold(name))
        if group is None and name.isdecimal() and len(name) <= MAX_DIGITS:
            group = self.numbered(int(name))
        return group

    def numbered(self, number: int) -> JoinedGroup | None:
        """Return the group that has *number* on the server."""
        return next((each for each in self._groups.values() if each.number == number), None)

    def all(self) -> list[JoinedGroup]:
        """Return the groups."""
        return list(self._groups.values())

    def logged_in(self, hello: Object, rejoining: Collection[str] = ()) -> None:
        """Replace the groups by those in the answer to a hello.

        If there are more, they follow, and the others are kept until then. The groups *rejoining*
        are kept as well: requests to join them again follow.
        """
        self.me = str(hello.get("name") or self.me)
        previous, self._groups = self._groups, {}
        self._unconfirmed = set()
        self._rejoining = {fold(name) for name in rejoining}
        self._learn(hello, previous)
        if count(hello.get("more")):
            self._unconfirmed = previous.keys() - self._groups.keys()
            self._groups |= {key: previous[key] for key in previous if key in self._unconfirmed}
        for name in rejoining:
            self._groups.setdefault(fold(name), previous.get(fold(name)) or JoinedGroup(name))
            self._unconfirmed.discard(fold(name))
        if self.current is not None:
            self.current = self._groups.get(fold(self.current.name))

    def _learn(self, fields: Object, previous: Mapping[str, JoinedGroup]) -> None:
        """Add the groups in *fields*, the answer to a hello or a later part of it."""
        for each in objects_in(fields.get("groups")):
            name = str(each.get("group"))
            group = previous.get(fold(name)) or JoinedGroup(name)
            _describe(group, each)
            group.logged_in(each)
            self._groups[fold(name)] = group

    def _learn_more(self, fields: Object) -> bool:
        """Add groups that did not fit into the hello; return whether the current one is missing."""
        self._learn(fields, dict(self._groups))
        for each in objects_in(fields.get("groups")):
            self._unconfirmed.discard(fold(str(each.get("group"))))
        gone: set[str] = set() if count(fields.get("more")) else self._unconfirmed
        changed = False
        for key in gone & self._groups.keys():
            changed = self._remove(self._groups[key]) or changed
        return changed

    def answer_received(self, answer: Object) -> bool:
        """Update the groups from an answer; return whether the current group has changed."""
        match answer.get("type"):
            case "entered":
                group = self._add(str(answer.get("group")))
                group.number, group.topic = count(answer.get("number")), str(answer.get("topic"))
                return self.enter(group)
            case "desk":
                return self.enter(None)
            case "query":
                self._partner_online = answer.get("online") is True
                return self._talk_to(str(answer.get("with")))
            case "asked" if self.at_desk:
                self.requested = str(answer.get("group"))
            case "groups":
                for each in objects_in(answer.get("groups")):
                    own = self._groups.get(fold(str(each.get("group"))))
                    if own is not None:
                        _describe(own, each)
            case "muted":
                self._learn_muted(answer)
            case "members":
                listed = self.get(answer.get("group"))
                if listed is not None and not answer.get("online_only"):
                    members = objects_in(answer.get("members"))
                    listed.members = {str(m.get("name")): m.get("online") is True for m in members}
        return False

    def event_received(self, event: Object) -> bool:
        """Update the groups from an event; return whether the current group has changed."""
        kind, name = event.get("type"), str(event.get("name"))
        is_me = fold(name) == fold(self.me)
        group = self.get(event.get("group"))
        if kind == "own-groups":
            return self._learn_more(event)
        self._count(event, group)
        if kind == "muted":
            self._learn_muted(event)
        elif kind == "presence":
            for each in self._groups.values():
                if name in each.members:
                    each.members[name] = event.get("online") is True
        elif kind in ("message", "action"):
            self._message_received(event, group)
        elif kind == "created" and fold(str(event.get("by"))) == fold(self.me):
            created = self._add(str(event.get("group")))
            created.members[self.me] = True
            created.number = count(event.get("number"))
            created.joined(count(event.get("seq")), is_first=False)
        elif kind == "joined":
            if is_me:
                group = self._add(str(event.get("group")))
                is_first = fold(group.name) not in self._rejoining
                self._rejoining.discard(fold(group.name))
                group.joined(count(event.get("seq")), is_first)
            if group is not None:
                group.members[name] = True
                if is_me and self.at_desk and fold(self.requested) == fold(group.name):
                    return self.enter(group)
        elif kind in ("left", "kicked", "banned") and group is not None:
            group.members.pop(name, None)
            if is_me:
                return self._remove(group)
        elif kind == "closed" and group is not None:
            return self._remove(group)
        elif kind == "topic" and group is not None:
            group.topic = str(event.get("topic"))
        return False

    def _count(self, event: Object, group: JoinedGroup | None) -> None:
        """Count *event* as new in *group*. A screen that displays it reports that to the group."""
        if group is None:
            return
        seq, mentioned = count(event.get("seq")), event.get("mentions")
        if event.get("type") == "missed":
            group.missed(count(event.get("older")), count(mentioned))
        elif event.get("type") == "read":
            group.read_elsewhere(seq)
        elif seq:
            named = mentioned if isinstance(mentioned, list) else ()
            names_me = any(fold(str(each)) == fold(self.me) for each in named)
            group.arrived(seq, is_news(event), names_me)

    def _learn_muted(self, fields: Object) -> None:
        group = self.get(fields.get("group"))
        if group is not None:
            group.muted = fields.get("muted") is True

    def remove(self, name: str) -> None:
        """Remove the group *name*, which could not be joined again."""
        group = self.get(name)
        if group is not None:
            self._remove(group)

    def enter(self, group: JoinedGroup | None) -> bool:
        """Make *group*, or the front desk, the current place; return whether it has changed."""
        changed = group is not self.current or bool(self.partner)
        self.current, self.partner, self.requested = group, "", ""
        return changed

    def _talk_to(self, partner: str) -> bool:
        """Make the conversation with *partner* the current place; return whether it has changed."""
        changed = partner != self.partner
        self.current, self.partner, self.requested = None, partner, ""
        return changed

    def is_news(self, sent: Object) -> bool:
        """Return whether the answer *sent* has to be displayed: the partner's state has changed."""
        online = sent.get("online") is True
        known, self._partner_online = self._partner_online, online
        return sent.get("away") is not None or (known and not online)

    def with_news(self) -> list[JoinedGroup]:
        """Return the groups with new entries, except the current one.

        Groups with mentions come first, and muted groups last.
        """
        others = [each for each in self._groups.values() if each.unread]
        others = [each for each in others if each is not self.current]
        return sorted(others, key=lambda each: (each.muted, not each.mentions))

    def next_unread(self) -> JoinedGroup | None:
        """Return the next group with new entries; the next group, if there is none.

        Muted groups come after the others.
        """
        groups = self.all()
        if self.current in groups:
            after = groups.index(self.current) + 1
            groups = groups[after:] + groups[: after - 1]
        unread = sorted((each for each in groups if each.unread), key=lambda each: each.muted)
        return next(iter(unread or groups), self.current)

    def _message_received(self, event: Object, group: JoinedGroup | None) -> None:
        partner = event.get("with")
        if isinstance(partner, str):
            self.partners.pop(partner, None)
            self.partners[partner] = None
        if group is not None:
            group.members.setdefault(str(event.get("from")), True)

    def _add(self, name: str) -> JoinedGroup:
        return self._groups.setdefault(fold(name), JoinedGroup(name))

    def _remove(self, group: JoinedGroup) -> bool:
        self._groups.pop(fold(group.name), None)
        return self.current is group and self.enter(None)


def _describe(group: JoinedGroup, fields: Object) -> None:
    """Update *group* from its description in a hello, or in the answer to ``/groups``."""
    group.number, group.topic = count(fields.get("number")), str(fields.get("topic") or "")
    group.muted = fields.get("muted") is True
