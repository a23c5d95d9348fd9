"""Rights: the outcome of every command for every role, target and door.

The tables `IN_A_GROUP`, `ANYWHERE`, `AT_THE_DESK` and `JOINING` are the rules. The code from
`Town` on makes the cases and checks their outcomes.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock

from pyconchat.chat.chat import Chat
from pyconchat.chat.conversations import GroupConversation
from pyconchat.commands import TABLE
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import GroupEvent, Policy
from pyconchat.domain.group import Group
from pyconchat.domain.invite_codes import digest_of
from pyconchat.domain.names import Name, fold
from pyconchat.domain.text import SafeText
from pyconchat.files import FileSharing, Storage
from pyconchat.render.text import TextRenderer
from pyconchat.store import SqlStore
from pyconchat.testing import services_of
from tests.support.connections import TestConnection
from tests.support.groups import find_group
from tests.support.programs import MemoryServer, Object, WiredProgram
from tests.support.stores import copy_empty

# Who has a right. All others are refused with the first code that applies to them.
ALL = "all"
MEMBER = "member"  # or NOT_MEMBER
ADMIN = "admin"  # or NOT_MEMBER, NOT_ADMIN
POWER = "admin; operator"  # as ADMIN
MODERATOR = "moderator; admin"  # as ADMIN
HELPER = "moderator; admin; operator"  # as ADMIN
OWNER = "owner; moderator; admin; operator"  # as ADMIN, but operators must be members
SAYER = "owner; moderator; admin; any operator"  # as ADMIN
OWN = "owner"  # or NOT_MEMBER, NOT_YOURS
OPERATOR = "operator"  # or NOT_OPERATOR
NOBODY = "nobody"  # NO_GROUP: the command needs a group


class Right(NamedTuple):
    """Who may type *line*, which *stores* an event of that type (or none).

    *but* are targets with another outcome: the code of a refusal, or another event. With *only*,
    all other targets are refused with the code *otherwise*. With *spares*, somebody who is only a
    moderator is refused against the targets in `ABOVE`.
    """

    line: str
    who: str
    stores: str = ""
    but: Mapping[str, Code | str] = {}
    only: str = ""
    otherwise: Code | None = None
    spares: bool = False

    def outcome(self, role: Role, target: str) -> str:
        """Return ``+`` and the type of the stored event, or the code of the refusal."""
        outcome = self._may_not(role) or self._is_spared(role, target)
        outcome = outcome or self.but.get(target, self.stores)
        if outcome == self.stores and self.only and target not in self.only.split():
            outcome = self.otherwise or ""
        return outcome.value if isinstance(outcome, Code) else f"+{outcome}"

    def _is_spared(self, role: Role, target: str) -> Code | None:
        only_moderates = role.moderator and not role.operator
        return Code.NOT_ADMIN if self.spares and only_moderates and target in ABOVE else None

    def _may_not(self, role: Role) -> Code | None:
        if self.who == ALL or (self.who in (POWER, HELPER, SAYER, OPERATOR) and role.operator):
            return None
        if self.who == NOBODY:
            return Code.NO_GROUP
        if self.who == OPERATOR:
            return Code.NOT_OPERATOR
        if not role.member:
            return Code.NOT_MEMBER
        if self.who == OWN:
            return None if role.owner else Code.NOT_YOURS
        free = self.who == MEMBER or role.admin or (self.who == OWNER and role.operator)
        free = free or (self.who in (MODERATOR, HELPER, OWNER, SAYER) and role.moderator)
        return None if free or (self.who in (OWNER, SAYER) and role.owner) else Code.NOT_ADMIN


class Role(NamedTuple):
    """A role: *name* uses nc, and *program* a program. They differ for guests.

    A guest can have only one connection.
    """

    name: str
    program: str
    member: bool = False
    admin: bool = False
    moderator: bool = False
    operator: bool = False
    owner: bool = False  # of the group's file, and of its message


MEMBERS = "member absentee admin moderator other-moderator guest-member operator-member quiet"
ABOVE = {"admin", "moderator", "other-moderator"}
ONLINE = f"outsider guest applicant invited banned operator {MEMBERS}"
ONLINE = " ".join(set(ONLINE.split()) - {"absentee", "other-moderator", "quiet"})
AS_MEMBERS = dict.fromkeys(["oneself", *MEMBERS.split()], Code.EXISTS)
OPERATORS = dict.fromkeys(["oneself", "operator", "operator-member"], Code.UNCHANGED)
GUESTS = dict.fromkeys(["guest", "guest-member"], Code.GUEST)
SELF = {"oneself": Code.SELF}
UNKNOWN = {"unknown": Code.NO_SUCH_NAME}

READING = ("members", "online", "admin", "files", "history")
IN_A_GROUP = {
    "approve": Right("/approve {}", HELPER, "joined", {}, "applicant", Code.NO_REQUEST),
    "reject": Right("/reject {} no", HELPER, "rejected", {}, "applicant", Code.NO_REQUEST),
    "invite": Right("/invite {}", MODERATOR, "invited", {
        "applicant": "joined", "invited": Code.EXISTS, "banned": Code.BANNED,
        **AS_MEMBERS, **UNKNOWN}),
    "code": Right("/invite code 2 1", MODERATOR, "code-made"),
    "codes": Right("/invite codes", MODERATOR),
    "end code": Right("/invite code 1 off", MODERATOR, "code-ended"),
    "transfer": Right("/transfer {}", POWER, "admin", {
        "admin": Code.SELF, "guest-member": Code.GUEST}, MEMBERS, Code.NOT_MEMBER),
    "moderator": Right("/moderator {}", ADMIN, "moderator", {
        **dict.fromkeys(["oneself", *ABOVE], Code.UNCHANGED), "guest-member": Code.GUEST},
        MEMBERS, Code.NOT_MEMBER),
    "moderator off": Right("/moderator {} off", ADMIN, "unmoderator", {},
        "moderator other-moderator", Code.UNCHANGED),
    "moderators": Right("/moderators", MEMBER),
    "kick": Right("/kick {} go", HELPER, "kicked", SELF, MEMBERS, Code.NOT_MEMBER, spares=True),
    "ban": Right("/ban {} 1h go", HELPER, "banned", {**SELF, "banned": Code.EXISTS}, spares=True),
    "unban": Right("/unban {}", HELPER, "unbanned", {}, "banned", Code.NOT_BANNED),
    "requests": Right("/requests", HELPER),
    "bans": Right("/bans", HELPER),
    "quiet": Right("/quiet {} 1h", MODERATOR, "quieted", {
        **SELF, "moderator": Code.UNCHANGED, "other-moderator": Code.UNCHANGED},
        MEMBERS, Code.NOT_MEMBER, spares=True),
    "quiet off": Right("/quiet {} off", MODERATOR, "unquieted", {}, "quiet", Code.UNCHANGED),
    "slow": Right("/slow 30", MODERATOR, "slow"),
    "pace": Right("/slow", MEMBER),
    "policy": Right("/policy invite", ADMIN, "policy"),
    "hook": Right("/hook add build", ADMIN, "hook-added"),
    "hooks": Right("/hook", MEMBER),
    "end hook": Right("/hook remove ci", ADMIN, "hook-removed"),
    "quiet hook": Right("/quiet ci 1h", MODERATOR, "quieted"),
    "topic": Right("/topic tea", MODERATOR, "topic"),
    **{name: Right(f"/{name}", MEMBER) for name in READING},
    "send": Right("/send notes.pdf", MEMBER),
    "get": Right("/get 1", MEMBER),
    "remove": Right("/remove 1", OWNER, "removed"),
    "edit": Right("/edit {said} corrected", OWN, "edit"),
    "unsay": Right("/unsay {said}", SAYER, "unsay"),
    "reply": Right("/reply {said} yes", MEMBER, "message"),
    "react": Right("/react {said} 👍", MEMBER, "react"),
    "pin": Right("/pin {said}", MODERATOR, "pin"),
    "me": Right("/me waves", MEMBER, "action"),
    "search": Right("/search hello", MEMBER),
}  # fmt: skip

ANYWHERE = {
    "create": Right("/create {group}", ALL, "", {"": Code.EXISTS}),
    "go": Right("/go {group}", MEMBER),
    "msg": Right("/msg {} hi", ALL, "message", {**SELF, **UNKNOWN}),
    "query": Right("/query {} hi", ALL, "message", {**SELF, **UNKNOWN}),
    "operator": Right("/operator {}", OPERATOR, "operator", {**OPERATORS, **GUESTS, **UNKNOWN}),
    "announce": Right("/announce hi", OPERATOR, "announced"),
    "stats": Right("/stats", OPERATOR),
    "claim": Right("/claim 0123456789", ALL, "", {"": Code.BAD_ARGUMENT}),  # the code was used
}

AT_THE_DESK = {
    **{name: Right(right.line, NOBODY) for name, right in IN_A_GROUP.items()},
    "kick": Right("/kick {} go", OPERATOR, "server-kicked", SELF, ONLINE, Code.NO_SUCH_NAME),
    "ban": Right("/ban {} go", OPERATOR, "server-banned", {**SELF, "outlaw": Code.EXISTS}),
    "unban": Right("/unban {}", OPERATOR, "server-unbanned", {}, "outlaw", Code.NOT_BANNED),
    "bans": Right("/bans", OPERATOR),
}

# With the group as the last word, it does not matter where they are typed.
WITH_REASON = {
    "history": "/history 5",
    "reject": "/reject {}",
    "kick": "/kick {}",
    "ban": "/ban {} 1h",
}
WITHOUT_GROUP = (
    "moderators", "topic", "send", "edit", "reply", "me", "search"
)  # fmt: skip
NAMED = {
    name: right._replace(line=f"{WITH_REASON.get(name, right.line)} {{group}}")
    for name, right in IN_A_GROUP.items()
    if name not in WITHOUT_GROUP
}
SOME_TARGETS = ("member", "applicant", "moderator", "banned", "oneself")
OTHER = "other"
"""An open group of all."""

INVITE_CODE, WRONG_CODE = "inv-aaaa-bbbb-cccc-dddd", "inv-aaaa-bbbb-cccc-2222"
FOREVER = 4_000_000_000_000
WORDS = {"right": "secret", "code": INVITE_CODE, "wrong-code": WRONG_CODE}

# For each policy (and the right password, or another, or a code), the outcome for people who are
# neither members, nor invited, nor banned; and for applicants.
JOINING = {
    "open": ("+joined", "+joined"),
    "approval": ("+requested", "pending"),
    "invite": ("invite-only", "invite-only"),
    "password": ("wrong-password", "wrong-password"),
    "password right": ("+joined", "+joined"),
    "approval code": ("+joined", "+joined"),
    "invite code": ("+joined", "+joined"),
    "password code": ("+joined", "+joined"),
    "open code": ("+joined", "+joined"),
    "invite wrong-code": ("wrong-code", "wrong-code"),
    "approval wrong-code": ("wrong-code", "wrong-code"),
    "password wrong-code": ("wrong-code", "wrong-code"),
}

FREE = {
    "desk",
    "groups",
    "who",
    "whois",
    "away",
    "r",
    "help",
    "quit",
    "key",
    "password",
    "mentions",
    "mute",
    "set",
    "ignore",
    "unignore",
}
"""Commands that everybody may use, and that concern nobody else."""

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
    "moderator": Role("mia", "mia", member=True, moderator=True),
    "operator-member": Role("oleg", "oleg", member=True, operator=True),
}
AMENDED = ("+edit", "+unsay", "+react")
"""Outcomes after which bob's message is another one; the state of the group is the same."""

TARGETS = {name: role.name for name, role in ROLES.items()}
TARGETS |= {
    "absentee": "otto",
    "quiet": "quin",
    "other-moderator": "moe",
    "outlaw": "max",
    "unknown": "nobody",
}
HEADS = "SELECT id, head FROM conversations"
WITHOUT_PASSWORD = {"gus", "gil", "gina", "gwen"}


class Town:
    """People in all roles, each at both doors, and a group in which they have these roles.

    Those in the role *acting* are at the server *actors*, all others at *others*, which may be the
    same. *settle* is called after each change that one server must learn from the other. The
    database is in *folder*.
    """

    def __init__(
        self,
        folder: Path,
        actors: MemoryServer,
        others: MemoryServer,
        settle: Callable[[], None] = lambda: None,
    ) -> None:
        self.disk = sqlite3.connect(folder / "pyconchat.db", isolation_level=None)
        self.actors, self.server = actors, others
        self.acting = ""
        self.settle = settle
        self.chat = others.chat
        for server in dict.fromkeys((actors, others)):
            sharing = services_of(server.chat).files
            assert sharing is not None
            sharing.start({}, {})
        self.people: dict[str, TestConnection] = {}
        self.programs: dict[str, WiredProgram] = {}
        self.places: dict[str, str] = {}  # the current groups of people at nc
        self.made = 0
        self.said = 0  # the number of bob's message
        self.log_in_everybody()
        for name in ("otto", "max", "moe", "quin"):
            self.server.program(name, "password").cut()
        self.programs["olga"].does(f"/claim {self.chat.accounts.claim_code}")
        self.programs["olga"].does("/operator oleg")
        self.programs["olga"].does("/ban max")
        self.programs["ada"].does(f"/create {OTHER} open")
        self.settle()

    def acts(self, acting: str) -> None:
        """Let those in the role *acting* be the ones at the server `actors`."""
        for role in {self.acting, acting} - {""}:
            self.people[ROLES[role].name].wire.loseConnection()
            self.programs[ROLES[role].program].cut()
        self.acting = acting
        self.settle()
        self.log_in_everybody()

    def log_in_everybody(self) -> None:
        """Log in everybody who is not connected."""
        self.places.clear()
        for each, role in ROLES.items():
            server = self.actors if each == self.acting else self.server
            password = "" if role.name in WITHOUT_PASSWORD else "password"
            person, program = self.people.get(role.name), self.programs.get(role.program)
            if person is None or not person.wire.connected:
                self.people[role.name] = server.person(role.name, password)
            if program is None or not program.wire.connected:
                self.programs[role.program] = server.program(role.program, password or None)
        self.settle()

    def new_group(self, policy: Policy = Policy.APPROVAL) -> str:
        """Create a group in which everybody has their role; return its name."""
        self.log_in_everybody()
        account = self.chat.accounts.find
        olga = account(Name("olga")).actor
        for used in list(self.chat.groups):  # or each session would follow more and more
            if used.group.name == OTHER:
                continue
            self.decide(used.group.name, lambda group: group.close(olga))
        self.settle()
        self.made += 1
        name = f"tea{self.made}"
        self.programs["ada"].does(f"/create {name} open")
        self.settle()  # also if she is at the other node
        ada, bob = account(Name("ada")).actor, account(Name("bob")).actor
        for member in ("bob", "gina", "gwen", "otto", "oleg", "mia", "moe", "quin"):
            other = account(Name(member)).actor
            self.decide(name, lambda group, other=other: group.join(other, 0))
        ann, ivy = account(Name("ann")).actor, account(Name("ivy")).actor
        self.decide(name, lambda group: group.change_policy(ada, Policy.APPROVAL))
        self.decide(name, lambda group: group.join(ann, 0))
        self.decide(name, lambda group: group.invite(ada, ivy, 0))
        self.decide(name, lambda group: group.ban(ada, Name("ben"), 0))
        self.decide(name, lambda group: group.make_code(ada, digest_of(INVITE_CODE), 1, 0, FOREVER))
        self.decide(name, lambda group: group.add_hook(ada, Name("ci"), "5a"))
        self.decide(name, lambda group: group.make_moderator(ada, Name("mia")))
        self.decide(name, lambda group: group.make_moderator(ada, Name("moe")))
        self.decide(name, lambda group: group.quiet(ada, Name("quin"), 0))
        self.server.waits(0)
        self.settle()
        self.said = self.programs["bob"].does(group=name, text="hello")["seq"]
        self.settle()
        notes = SafeText("notes.pdf")
        self.decide(name, lambda group: group.share(bob, notes, 7, "5a", f"{self.made:032x}", 0))
        if policy is not Policy.APPROVAL:
            secret = " secret" * (policy is Policy.PASSWORD)
            self.programs["ada"].does(f"/policy {policy.value}{secret}", name)
        self.server.waits(0)
        self.settle()
        return name

    def asks(self, program: WiredProgram, line: str, place: str, **more: object) -> Object:
        """Send *line* from *program*; return the answer when the servers have settled."""
        asked = program.requests(line, place or None, **more)
        self.settle()
        return program.answer(asked)

    def decide(self, name: str, rule: Callable[[Group], list[GroupEvent]]) -> None:
        """Have a group decide by *rule*, and store it in the next commit."""

        async def decide(conversation: GroupConversation) -> None:
            await self.chat.states.know(conversation)
            await self.chat.decide(conversation, rule)

        Deferred.fromCoroutine(decide(find_group(self.chat, name)))

    def undo_server_events(self) -> None:
        """Lift server bans, ban max again, and take operator rights back."""
        accounts = self.chat.accounts
        olga = accounts.find(Name("olga")).actor
        undone = [
            accounts.unban(olga, b.name, 0) for b in accounts.bans.values() if b.name != "max"
        ]
        if fold("max") not in accounts.bans:
            undone.append(accounts.ban(olga, Name("max"), 0))
        for name in (*TARGETS.values(), *WITHOUT_PASSWORD):
            account = accounts.get(name)
            if account and name not in ("olga", "oleg") and account.actor.operator:
                undone.append(accounts.remove_operator(olga, account.name))
        for events in undone:
            Deferred.fromCoroutine(self.chat.operate(lambda _, events=events: events))
        self.server.waits(0)
        self.settle()

    def stored_since(self, heads: dict[int, int]) -> list[Object]:
        """Return the events that were stored after *heads*."""
        query = "SELECT body FROM entries WHERE conversation = ? AND seq > ? ORDER BY seq"
        return [
            json.loads(body)
            for id, head in self.disk.execute(HEADS).fetchall()
            if head != heads.get(id)
            for (body,) in self.disk.execute(query, (id, heads.get(id, 0)))
        ]

    def state(self, name: str) -> object:
        """Return the state of the group *name* and of the server on which rights depend.

        Both servers have the same, if both follow the group.
        """
        here, there = (self._state(server, name) for server in (self.actors, self.server))
        if self._follows(self.actors, name):
            assert here == there, "the servers know different things"
        return there

    @staticmethod
    def _follows(server: MemoryServer, name: str) -> bool:
        found, nodes = server.chat.groups.get(name), server.chat.nodes
        return found is None or nodes is None or found.id in nodes.following

    def _state(self, server: MemoryServer, name: str) -> object:
        found, accounts = server.chat.groups.get(name), server.chat.accounts
        state = None if found is None else found.group.state  # None: it was deleted
        operators = [n for n in TARGETS.values() if (a := accounts.get(n)) and a.actor.operator]
        return state, dict(accounts.bans), operators


class Case(NamedTuple):
    """*role* types *line* in a *place*, at a *door*; *expected* is the outcome by the tables."""

    role: str
    line: str  # with "{group}" for the group's name
    target: str
    place: str  # group, desk, or other
    door: str  # person or program
    expected: str
    answer: str = ""  # to the question, if there is one


def cases(
    place: str, rights: dict[str, Right], targets: Iterable[str] = (*TARGETS, "oneself")
) -> Iterator[Case]:
    """Yield every combination of command, role and target in a *place*, and of role and door.

    The *targets* of a command take turns with the doors.
    """
    for command, right in rights.items():
        named = targets if "{}" in right.line else [""]
        for name, role in ROLES.items():
            for nth, target in enumerate(named):
                if target == name:
                    continue  # that is "oneself"
                # An operator outside the group who kicks themselves is refused as no member.
                in_group = place == "group" or "{group}" in right.line
                outside = in_group and command == "kick" and not role.member
                is_like = "outsider" if outside and target == "oneself" else target
                if command == "transfer" and target == "oneself":
                    is_like = name
                expected = right.outcome(role, is_like)
                both = doors(role, place)
                for door in [both[nth % len(both)]] if target else both:
                    myself = role.program if door == "program" else role.name
                    words = {"group": "{group}", "said": "{said}"}
                    line = right.line.format(TARGETS.get(target, myself), **words)
                    yield Case(name, line, target, place, door, expected)


def doors(role: Role, place: str) -> list[str]:
    """Return the doors by which *role* can type in *place*. A person must be a member."""
    return ["program", "person"] if place != "group" or role.member else ["program"]


def outcome_of(town: Town, case: Case, group: str) -> str:
    """Run *case*; return ``+`` and the type of the stored event, or the refusal's code."""
    role = ROLES[case.role]
    person, program = town.people[role.name], town.programs[role.program]
    there = {"group": group, "desk": "", OTHER: OTHER}[case.place]
    if case.door == "person" and town.places.get(role.name) != there:
        person.types(f"/join {there}" if there else "/desk")
        town.places[role.name] = there
        town.settle()
    everybody = [*town.people.values(), *(each.connection for each in town.programs.values())]
    for connection in everybody:
        connection.receives()
    heads, state = dict(town.disk.execute(HEADS)), town.state(group)
    line = case.line.replace("{group}", group).replace("{said}", str(town.said))
    if case.door == "person":
        person.types(line)
        town.settle()
        shown = person.receives().decode()
        if shown.endswith(": "):
            person.types(case.answer.format(group=group))
            town.settle()
            shown = person.receives().decode()
        code = shown.partition("refused ")[2].split(" ")[0].strip()
        mine = person
    else:
        answer = town.asks(program, line, there)
        if not answer["ok"] and answer["code"] == "missing-argument":
            answer = town.asks(program, line, there, answers=[case.answer.format(group=group)])
        code = "" if answer["ok"] else answer["code"]
        mine = program.connection
    stored = town.stored_since(heads)
    if code:
        assert (stored, town.state(group)) == ([], state), "a refusal changes nothing"
        others = [each for each in everybody if each is not mine]
        seen = [data for each in others if (data := each.receives())]
        assert not seen, "others do not see a refusal"
        return code
    town.places.pop(role.name, None)
    if not stored:
        assert town.state(group) == state, "a change without an entry in the log"
        return "+"
    if case.target and "name" in stored[0]:
        assert fold(stored[0]["name"]) == case.line.split()[1]
    return f"+{stored[0]['type']}"


def files_in(folder: Path, chat: Chat) -> FileSharing:
    """Return the files of *chat*, in *folder*."""
    return FileSharing(chat, Storage(folder), maybeDeferred)


def refusal_with_code(_renderer: TextRenderer, refused: Refused) -> bytes:
    """Return a refusal as the tests read it at nc."""
    return f"refused {refused.code.value} {refused.sentence}\n".encode()


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """People in all roles. Refusals have their codes at nc, too."""
    monkeypatch.setattr(TextRenderer, "refusal", refusal_with_code)
    copy_empty(tmp_path)
    store = SqlStore(f"sqlite:///{tmp_path / 'pyconchat.db'}", "normal")  # faster
    store.open()
    files = partial(files_in, tmp_path)
    server = MemoryServer(store, Clock(), files=files)
    town = Town(tmp_path, server, server)
    yield town
    for each in (server.stop, town.disk.close, store.close):
        each()


def test_every_command_is_in_the_table() -> None:
    """Every command has a rule here, or is in `FREE`."""
    names = {command.name for command in TABLE}
    lines = {right.line.split()[0][1:] for right in (*IN_A_GROUP.values(), *ANYWHERE.values())}
    assert {*lines - {"moderators"}, "join", "leave", "qqq", "delete", *FREE} == names


def differences(town: Town, tried: Iterable[Case], policy: Policy = Policy.APPROVAL) -> list[str]:
    """Run all cases; return those whose outcome is not the expected one."""
    group, found = town.new_group(policy), []
    fresh = town.state(group)
    for case in tried:
        try:
            outcome = outcome_of(town, case, group)
        except AssertionError as error:
            outcome = f"failed: {error}"
        if outcome != case.expected:
            found.append(f"{outcome}: {case}")
        if outcome.startswith(("+server-", "+operator")):
            town.undo_server_events()
            town.log_in_everybody()
        if town.state(group) != fresh or outcome in AMENDED:
            group = town.new_group(policy)
            fresh = town.state(group)
    return found


@pytest.mark.parametrize(("place", "rights"), [("group", IN_A_GROUP), ("desk", AT_THE_DESK)])
def test_rights(town: Town, place: str, rights: dict[str, Right]) -> None:
    """Each role has the rights of the tables. A refusal changes nothing; others do not see it."""
    assert differences(town, cases(place, {**rights, **ANYWHERE})) == []


@pytest.mark.parametrize(("place", "door"), [("desk", "person"), (OTHER, "program")])
def test_rights_in_a_named_group(town: Town, place: str, door: str) -> None:
    """They are the same as in the group."""
    tried = [each for each in cases(place, NAMED, SOME_TARGETS) if each.door == door]
    assert differences(town, tried) == []


def test_every_command_that_takes_a_group_is_tried() -> None:
    """With the group named last."""
    tried = {right.line.split()[0][1:] for right in NAMED.values()}
    assert {command.name for command in TABLE if command.args.group} == tried


@pytest.mark.parametrize("way", JOINING)
def test_joining(town: Town, way: str) -> None:
    """Who can join a group, and who has to ask, depends on its policy."""
    policy, _, word = way.partition(" ")
    typed = WORDS.get(word, "wrong" if policy == "password" else "")
    others, applicant = JOINING[way]
    outcomes = {"applicant": applicant, "invited": "+joined", "banned": "banned"}
    tried = [
        Case(name, f"/join {{group}} {typed}", "", "desk", door, outcome)
        for name, role in ROLES.items()
        for outcome in ["+" if role.member else outcomes.get(name, others)]
        for door in doors(role, "desk")
    ]
    assert differences(town, tried, Policy(policy)) == []


@pytest.mark.parametrize("place", ["group", "desk"])
def test_leaving(town: Town, place: str) -> None:
    """Members leave, and applicants withdraw, in a group and at the front desk."""
    outside = {"applicant": "+withdrawn"}
    tried = [
        Case(name, "/leave {group}", "", place, door, outcome, "yes")
        for name, role in ROLES.items()
        for outcome in ["+left" if role.member else outside.get(name, "not-member")]
        for door in doors(role, place)
    ]
    assert differences(town, tried) == []


@pytest.mark.parametrize("place", ["group", "desk"])
def test_deleting(town: Town, place: str) -> None:
    """The admin and the operators delete a group, in it and at the front desk."""
    deleted = "+rejected"  # the applicant; then the group is closed
    others = {"operator": deleted, "operator-member": deleted, "admin": deleted}
    tried = [
        Case(name, "/delete {group}", "", place, door, outcome, "{group}")
        for name, role in ROLES.items()
        for outcome in [others.get(name, "not-admin" if role.member else "not-member")]
        for door in doors(role, place)
    ]
    assert differences(town, tried) == []


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("word", ["leave", "qqq"])
def test_stepping_out(town: Town, word: str, policy: Policy) -> None:
    """In a group, these words end the membership only if one can join again by oneself."""
    free = policy in (Policy.OPEN, Policy.PASSWORD)
    tried = [
        Case(name, word, "", "group", door, "+left" if free and not role.admin else "+")
        for name, role in ROLES.items()
        if role.member
        for door in doors(role, "group")
    ]
    assert differences(town, tried, policy) == []
