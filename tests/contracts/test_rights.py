"""Rights: role x command x target x door, each outcome as REQUIREMENTS.md has it.

The tables `IN_A_GROUP`, `ANYWHERE`, `AT_THE_DESK` and `WAYS_IN` are the rules; what is below
`Town` makes the cases and sees what comes of them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock

from pyconchat.commands import TABLE
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import GroupEvent, Policy
from pyconchat.domain.group import Group
from pyconchat.domain.names import Name, fold
from pyconchat.domain.text import SafeText
from pyconchat.files import FileSharing, Storage
from pyconchat.render.text import TextRenderer
from pyconchat.store import SqlStore
from pyconchat.testing import services_of
from tests.support.connections import TestConnection
from tests.support.programs import House, Object, WiredProgram
from tests.support.stores import copy_empty

# Who may. Who may not is told the first of these that is true.
ALL = "all"
MEMBER = "member"  # or NOT_MEMBER
ADMIN = "admin"  # or NOT_MEMBER, NOT_ADMIN
POWER = "admin; operator"  # as ADMIN
OWNER = "owner; admin; operator"  # as ADMIN, but operators must be members
OPERATOR = "operator"  # or NOT_OPERATOR
NOBODY = "nobody"  # NO_GROUP: that is for groups


class Right(NamedTuple):
    """Who may do *line*, which *stores* an event of that type (or none).

    *but* are the targets for whom it is refused to those who may, or stores something else; *only*
    those for whom it is not refused, where the code for all others is *otherwise*.
    """

    line: str
    who: str
    stores: str = ""
    but: Mapping[str, Code | str] = {}
    only: str = ""
    otherwise: Code | None = None

    def outcome(self, role: Role, target: str) -> str:
        """Return ``+`` and what is stored, or the code of the refusal."""
        became = self._may_not(role) or self.but.get(target, self.stores)
        if became == self.stores and self.only and target not in self.only.split():
            became = self.otherwise or ""
        return became.value if isinstance(became, Code) else f"+{became}"

    def _may_not(self, role: Role) -> Code | None:
        if self.who == ALL or (self.who in (POWER, OPERATOR) and role.operator):
            return None
        if self.who == NOBODY:
            return Code.NO_GROUP
        if self.who == OPERATOR:
            return Code.NOT_OPERATOR
        if not role.member:
            return Code.NOT_MEMBER
        free = self.who == MEMBER or role.admin or (self.who == OWNER and role.operator)
        return None if free or (self.who == OWNER and role.owner) else Code.NOT_ADMIN


class Role(NamedTuple):
    """Somebody, by *name* at nc, and by *program* with one: guests have but one connection."""

    name: str
    program: str
    member: bool = False
    admin: bool = False
    operator: bool = False
    owner: bool = False  # of the file that is there


MEMBERS = "member absentee admin guest-member operator-member"
ONLINE = f"outsider guest applicant invited banned operator {MEMBERS}".replace("absentee ", "")
AS_MEMBERS = dict.fromkeys(["oneself", *MEMBERS.split()], Code.EXISTS)
OPERATORS = dict.fromkeys(["oneself", "operator", "operator-member"], Code.UNCHANGED)
GUESTS = dict.fromkeys(["guest", "guest-member"], Code.GUEST)
SELF = {"oneself": Code.SELF}
UNKNOWN = {"unknown": Code.NO_SUCH_NAME}

READING = ("members", "online", "admin", "files", "history")
IN_A_GROUP = {
    "approve": Right("/approve {}", ADMIN, "joined", {}, "applicant", Code.NO_REQUEST),
    "reject": Right("/reject {} no", ADMIN, "rejected", {}, "applicant", Code.NO_REQUEST),
    "invite": Right("/invite {}", ADMIN, "invited", {
        "applicant": "joined", "invited": Code.EXISTS, "banned": Code.BANNED,
        **AS_MEMBERS, **UNKNOWN}),
    "transfer": Right("/transfer {}", ADMIN, "admin", SELF, MEMBERS, Code.NOT_MEMBER),
    "kick": Right("/kick {} go", POWER, "kicked", SELF, MEMBERS, Code.NOT_MEMBER),
    "ban": Right("/ban {} go", POWER, "banned", {**SELF, "banned": Code.EXISTS}),
    "unban": Right("/unban {}", POWER, "unbanned", {}, "banned", Code.NOT_BANNED),
    "requests": Right("/requests", ADMIN),
    "bans": Right("/bans", POWER),
    "policy": Right("/policy invite", ADMIN, "policy"),
    "topic": Right("/topic tea", ADMIN, "topic"),
    **{name: Right(f"/{name}", MEMBER) for name in READING},
    "send": Right("/send notes.pdf", MEMBER),
    "get": Right("/get 1", MEMBER),
    "remove": Right("/remove 1", OWNER, "removed"),
    "me": Right("/me waves", MEMBER, "action"),
    "search": Right("/search hello", MEMBER),
}  # fmt: skip

ANYWHERE = {
    "create": Right("/create {group}", ALL, "", {"": Code.EXISTS}),
    "msg": Right("/msg {} hi", ALL, "message", {**SELF, **UNKNOWN}),
    "operator": Right("/operator {}", OPERATOR, "operator", {**OPERATORS, **GUESTS, **UNKNOWN}),
    "stats": Right("/stats", OPERATOR),
    "claim": Right("/claim 0123456789", ALL, "", {"": Code.BAD_ARGUMENT}),  # it was used
}

AT_THE_DESK = {
    **{name: Right(right.line, NOBODY) for name, right in IN_A_GROUP.items()},
    "kick": Right("/kick {} go", OPERATOR, "server-kicked", SELF, ONLINE, Code.NO_SUCH_NAME),
    "ban": Right("/ban {} go", OPERATOR, "server-banned", {**SELF, "outlaw": Code.EXISTS}),
    "unban": Right("/unban {}", OPERATOR, "server-unbanned", {}, "outlaw", Code.NOT_BANNED),
    "bans": Right("/bans", OPERATOR),
}

# To come in, where: the group's policy, and whether its password is typed; what happens to those
# who are neither members, nor invited, nor banned; and to those who have asked already.
WAYS_IN = {
    "open": ("+joined", "+joined"),
    "approval": ("+requested", "pending"),
    "invite": ("invite-only", "invite-only"),
    "password": ("wrong-password", "wrong-password"),
    "password right": ("+joined", "+joined"),
}

FREE = {"desk", "groups", "who", "help", "quit", "password", "ignore", "unignore"}
"""What all may do, and what concerns nobody but themselves."""

ROLES = {
    "outsider": Role("sam", "sam"),
    "guest": Role("gus", "gil"),
    "applicant": Role("ann", "ann"),
    "invited": Role("ivy", "ivy"),
    "banned": Role("ben", "ben"),
    "operator": Role("olga", "olga", operator=True),
    "member": Role("bob", "bob", member=True, owner=True),
    "guest-member": Role("gina", "gwen", member=True),
    "admin": Role("ada", "ada", member=True, admin=True),
    "operator-member": Role("oleg", "oleg", member=True, operator=True),
}
TARGETS = {name: role.name for name, role in ROLES.items()}
TARGETS |= {"absentee": "otto", "outlaw": "max", "unknown": "nobody"}
HEADS = "SELECT id, head FROM conversations"
WITHOUT_PASSWORD = {"gus", "gil", "gina", "gwen"}


class Town:
    """All roles, each at both doors, and a group in which they are what they are."""

    def __init__(self, folder: Path) -> None:
        copy_empty(folder)
        self.store = SqlStore(f"sqlite:///{folder / 'pyconchat.db'}", "normal")  # nothing crashes
        self.store.open()
        self.disk = sqlite3.connect(folder / "pyconchat.db", isolation_level=None)
        self.house = House(
            self.store,
            Clock(),
            files=lambda chat: FileSharing(chat, Storage(folder), maybeDeferred),
        )
        self.chat = self.house.chat
        sharing = services_of(self.chat).files
        assert sharing is not None
        sharing.start()
        self.people: dict[str, TestConnection] = {}
        self.programs: dict[str, WiredProgram] = {}
        self.places: dict[str, str] = {}  # the groups in which people at nc are
        self.made = 0
        self.everybody_comes()
        for name in ("otto", "max"):
            self.house.program(name, "password").cut()
        self.programs["olga"].does(f"/claim {self.chat.accounts.claim_code}")
        self.programs["olga"].does("/operator oleg")
        self.programs["olga"].does("/ban max")

    def everybody_comes(self) -> None:
        """Let in who is not there."""
        self.places.clear()
        for role in ROLES.values():
            password = "" if role.name in WITHOUT_PASSWORD else "password"
            person, program = self.people.get(role.name), self.programs.get(role.program)
            if person is None or not person.wire.connected:
                self.people[role.name] = self.house.person(role.name, password)
            if program is None or not program.wire.connected:
                self.programs[role.program] = self.house.program(role.program, password or None)

    def a_group(self, policy: Policy = Policy.APPROVAL) -> str:
        """Make a group in which all are what they are; return its name."""
        self.everybody_comes()
        self.made += 1
        name = f"tea{self.made}"
        self.programs["ada"].does(f"/create {name} approval")
        account = self.chat.accounts.find
        ada, bob = account(Name("ada")).actor, account(Name("bob")).actor
        for member in ("bob", "gina", "gwen", "otto", "oleg", "ann", "ivy"):
            other = account(Name(member)).actor
            if member != "ann":
                self.decided(name, lambda group, other=other: group.invite(ada, other))
            if member != "ivy":
                self.decided(name, lambda group, other=other: group.join(other))
        self.decided(name, lambda group: group.ban(ada, Name("ben")))
        notes = SafeText("notes.pdf")
        self.decided(name, lambda group: group.share(bob, notes, 7, "5a", f"{self.made:032x}"))
        if policy is not Policy.APPROVAL:
            secret = " secret" * (policy is Policy.PASSWORD)
            self.programs["ada"].does(f"/policy {policy.value}{secret}", name)
        self.house.waits(0)
        return name

    def decided(self, name: str, rule: Callable[[Group], list[GroupEvent]]) -> None:
        """Have a group decide, in the same commit as what else is decided now."""
        maybeDeferred(self.chat.decide, self.chat.groups.find(name), rule)

    def pardons(self) -> None:
        """Undo what was done to somebody on the whole server."""
        accounts = self.chat.accounts
        olga = accounts.find(Name("olga")).actor
        undone = [accounts.unban(olga, b.name) for b in accounts.bans.values() if b.name != "max"]
        if fold("max") not in accounts.bans:
            undone.append(accounts.ban(olga, Name("max")))
        for events in undone:
            Deferred.fromCoroutine(self.chat.operate(lambda _, events=events: events))
        self.house.waits(0)
        for name in (*TARGETS.values(), *WITHOUT_PASSWORD):
            account = accounts.get(name)
            if account and name not in ("olga", "oleg"):
                account.become_operator(False)

    def stored_since(self, heads: dict[int, int]) -> list[Object]:
        """Return the events that were stored since the heads were these."""
        query = "SELECT body FROM entries WHERE conversation = ? AND seq > ? ORDER BY seq"
        return [
            json.loads(body)
            for id, head in self.disk.execute(HEADS).fetchall()
            if head != heads.get(id)
            for (body,) in self.disk.execute(query, (id, heads.get(id, 0)))
        ]

    def state(self, name: str) -> object:
        """Return what the rules go by, of that group and of the server."""
        group, accounts = self.chat.groups.find(name).group, self.chat.accounts
        assert group is not None
        operators = [n for n in TARGETS.values() if (a := accounts.get(n)) and a.actor.operator]
        return group.state, dict(accounts.bans), operators


class Case(NamedTuple):
    """*role* types *line* in a *place*, at a *door*; what the tables expect to come of it."""

    role: str
    line: str  # but for the group
    target: str
    place: str  # group or desk
    door: str  # person or program
    expected: str


def cases(place: str, rights: dict[str, Right]) -> Iterator[Case]:
    """Yield everything that anybody can try in a *place*."""
    for command, right in rights.items():
        targets = [*TARGETS, "oneself"] if "{}" in right.line else [""]
        for name, role in ROLES.items():
            for target in targets:
                if target == name:
                    continue  # that is oneself
                # To a group, an operator from outside is one of those who are not members of it.
                outside = place == "group" and command == "kick" and not role.member
                is_like = "outsider" if outside and target == "oneself" else target
                expected = right.outcome(role, is_like)
                for door in doors(role, place):
                    myself = role.program if door == "program" else role.name
                    line = right.line.format(TARGETS.get(target, myself), group="{group}")
                    yield Case(name, line, target, place, door, expected)


def doors(role: Role, place: str) -> list[str]:
    """Return through which doors *role* can be in *place*; a person must be a member."""
    return ["program", "person"] if place == "desk" or role.member else ["program"]


def happens(town: Town, case: Case, group: str) -> str:
    """Have it done; return ``+`` and what was stored, or the refusal's code."""
    role = ROLES[case.role]
    person, program = town.people[role.name], town.programs[role.program]
    there = group if case.place == "group" else ""
    if case.door == "person" and town.places.get(role.name) != there:
        person.types(f"/join {group}" if there else "/desk")
        town.places[role.name] = there
    everybody = [*town.people.values(), *(each.caller for each in town.programs.values())]
    for caller in everybody:
        caller.receives()
    heads, state = dict(town.disk.execute(HEADS)), town.state(group)
    line = case.line.replace("{group}", group)
    if case.door == "person":
        shown = person.types(line).receives().decode()
        code = shown.partition("refused ")[2].split(" ")[0].strip()
        mine = person
    else:
        answer = program.asks(line, there or None)
        code = "" if answer["ok"] else answer["code"]
        mine = program.caller
    stored = town.stored_since(heads)
    if code:
        assert (stored, town.state(group)) == ([], state), "a refusal changes nothing"
        assert not any(each.receives() for each in everybody if each is not mine), "or is heard of"
        return code
    town.places.pop(role.name, None)
    if not stored:
        assert town.state(group) == state, "nothing changes that is not in the log"
        return "+"
    if case.target and "name" in stored[0]:
        assert fold(stored[0]["name"]) == case.line.split()[1]
    return f"+{stored[0]['type']}"


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """All roles; at nc, too, refusals have their codes."""

    def refusal(self: TextRenderer, refused: Refused) -> bytes:
        return f"refused {refused.code.value} {refused.sentence}\n".encode()

    monkeypatch.setattr(TextRenderer, "refusal", refusal)
    town = Town(tmp_path)
    yield town
    for each in (town.house.closes, town.disk.close, town.store.close):
        each()


def test_every_command_is_in_the_table() -> None:
    """A new command has a rule here, or is said to need none."""
    names = {command.name for command in TABLE}
    assert {*IN_A_GROUP, *ANYWHERE, "join", "leave", *FREE} == names


def wrongs(town: Town, tried: Iterable[Case], policy: Policy = Policy.APPROVAL) -> list[str]:
    """Try all; return where something else came of it than the tables say."""
    group, found = town.a_group(policy), []
    fresh = town.state(group)
    for case in tried:
        try:
            became = happens(town, case, group)
        except AssertionError as error:
            became = f"failed: {error}"
        if became != case.expected:
            found.append(f"{became}: {case}")
        if became.startswith(("+server-", "+operator")):
            town.pardons()
            town.everybody_comes()
        if town.state(group) != fresh:
            group = town.a_group(policy)
            fresh = town.state(group)
    return found


@pytest.mark.parametrize(("place", "rights"), [("group", IN_A_GROUP), ("desk", AT_THE_DESK)])
def test_rights(town: Town, place: str, rights: dict[str, Right]) -> None:
    """Each may what the tables say; what is refused changes nothing, and nobody hears of it."""
    assert wrongs(town, cases(place, {**rights, **ANYWHERE})) == []


@pytest.mark.parametrize("way", WAYS_IN)
def test_ways_in(town: Town, way: str) -> None:
    """Who comes into a group, and who has to ask, is as its policy says."""
    policy, _, right = way.partition(" ")
    typed = "secret" if right else "wrong" if policy == "password" else ""
    others, applicant = WAYS_IN[way]
    become = {"applicant": applicant, "invited": "+joined", "banned": "banned"}
    tried = [
        Case(name, f"/join {{group}} {typed}", "", "desk", door, became)
        for name, role in ROLES.items()
        for became in ["+" if role.member else become.get(name, others)]
        for door in doors(role, "desk")
    ]
    assert wrongs(town, tried, Policy(policy)) == []


@pytest.mark.parametrize("place", ["group", "desk"])
def test_ways_out(town: Town, place: str) -> None:
    """Members leave, and those who ask no longer do, from wherever they are."""
    outside = {"applicant": "+withdrawn"}
    tried = [
        Case(name, "/leave {group}", "", place, door, became)
        for name, role in ROLES.items()
        for became in ["+left" if role.member else outside.get(name, "not-member")]
        for door in doors(role, place)
    ]
    assert wrongs(town, tried) == []
