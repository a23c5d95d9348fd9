"""What holds whatever is done: people and programs do random things to a chat on a real store.

They come and go, say and ask for anything, allowed or not, several in one tick; the chat starts
again, and commits fail. Whenever nothing is under way, the logs on the disk are compared with the
state there, with that in memory, and with what each session was shown.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from twisted.internet.task import Clock

from pyconchat.chat.conversations import account_key
from pyconchat.domain.decisions import SERVER, Decision
from pyconchat.domain.errors import NotSaved
from pyconchat.domain.events import (
    Entry,
    GroupCreated,
    JoinRequested,
    MemberJoined,
    Request,
    ServerBanned,
    ServerUnbanned,
    Talk,
    subject,
)
from pyconchat.domain.group import Group
from pyconchat.domain.names import Key, fold
from pyconchat.store import SqlStore
from pyconchat.store.sql import Stored
from tests.contracts.building import NO_LIMIT
from tests.support.connections import TestConnection
from tests.support.examples import QUICK, examples
from tests.support.programs import House, Object, line_of
from tests.support.stores import copy_empty

AT_FIRST = [("ann", True), ("olga", True), ("ann", False), ("gus", False), ("ben", False)]
REGISTERED = ("ann", "ben", "Cem")
NAMES = (*REGISTERED, "gus", "Gil")
PASSWORD = "password"

SAYING = ["{new}", "{new}", "/me {new}", "/msg {name} {new}", "/ignore {name}", "/unignore {name}"]
JOINING = ["/join {group}", "/join {group} please", "/join {group} secret"]
LEAVING = ["/leave {group}", "/leave {group}", "/desk"]
RULING = ["approve", "approve", "reject", "invite", "invite", "transfer", "kick", "ban", "unban"]
POLICIES = ["open", "approval", "invite", "password secret"]

some = st.integers(0, 11)  # the how-manieth of those there are
names = st.sampled_from(NAMES)
lines = st.sampled_from([*SAYING, *JOINING, *LEAVING])
orders = st.sampled_from([*RULING, "/topic tea", *(f"/policy {each}" for each in POLICIES)])
now = st.sampled_from([True, True, False])  # or together with what is done next


class Failing(SqlStore):
    """A store that can be told to fail once."""

    fails = False

    def commit(self, batch: Sequence[Decision]) -> list[Stored]:
        if self.fails and not all(each.empty for each in batch):
            self.fails = False
            raise NotSaved("told to")
        return super().commit(batch)


class Log:
    """One conversation's log as read from the disk, and the state to which it leads."""

    def __init__(self, parties: list[Key]) -> None:
        self.parties = parties
        self.entries: list[Entry] = []
        self.group: Group | None = None
        self.since: dict[Key, int] = {}  # with which entry those came who are members

    def add(self, entry: Entry) -> None:
        """Take the next *entry*; who says something in a group must be a member."""
        event = entry.event
        self.entries.append(entry)
        if isinstance(event, GroupCreated):
            self.group = Group.created(entry.conversation, event)
            self.since = {fold(event.by): entry.seq}
        elif self.group is not None:
            if isinstance(event, Talk):
                assert fold(event.sender) in self.group.members, f"not a member: {entry}"
            self.group.apply(event, entry.at)  # type: ignore[arg-type]
            self.since = {key: self.since.get(key, entry.seq) for key in self.group.members}
        elif self.parties:
            assert fold(event.sender) in self.parties


class Somebody:
    """Somebody at one door."""

    def __init__(self, name: str, caller: TestConnection, program: bool) -> None:
        self.name, self.key, self.caller, self.program = name, fold(name), caller, program
        self.typed: set[str] = set()
        self.new = True

    @property
    def here(self) -> bool:
        """Return whether the connection stands."""
        return bool(self.caller.wire.connected and not self.caller.wire.disconnected)

    def sends(self, data: bytes) -> None:
        """Send *data*, and let nothing store_events yet."""
        self.caller.door.dataReceived(data)

    def looks(self) -> tuple[list[str], list[Object]]:
        """Return the new words that were shown, and, to a program, the entries."""
        data = self.caller.receives()
        if not self.program:
            words = re.findall(r"\bm\d+\b", data.decode())
            return [word for word in words if word not in self.typed], []
        objects = [json.loads(line) for line in data.splitlines() if line.startswith(b"{")]
        entries = [each for each in objects if "seq" in each and "re" not in each]
        return [each["text"] for each in entries if "text" in each], entries


class Machine(RuleBasedStateMachine):
    """A few people, who do everything."""

    @initialize()
    def opens(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        copy_empty(self.folder)
        self.store = Failing(f"sqlite:///{self.folder / 'pyconchat.db'}", "normal")
        self.store.open()
        self.disk = sqlite3.connect(self.folder / "pyconchat.db", isolation_level=None)
        self.house = House(self.store, Clock())
        self.sessions: list[Somebody] = []
        self.logs: dict[int, Log] = {}
        self.bans: set[Key] = set()
        self.ignored: dict[Key, set[Key]] = defaultdict(set)  # those who no longer are, too
        self.devices: dict[Key, dict[str, list[int]]] = {}  # what programs have of each group
        self.made, self.said = 2, 0
        code = self.house.chat.accounts.claim_code
        for number, (name, program) in enumerate(AT_FIRST):
            self.comes(name, program)
            for line in ("/join g2", "/policy open", "/join g1"):
                self.asks(self.sessions[number], line, "g2" if "policy" in line else None, True)
        self.asks(self.sessions[1], f"/claim {code}", None, True)
        self.asks(self.sessions[0], "/approve gus ben", "g1", True)

    def teardown(self) -> None:
        self.settles()
        self.all_is_well()
        self.house.closes()
        self.disk.close()
        self.store.close()
        shutil.rmtree(self.folder)

    # What is done.

    @rule(name=st.sampled_from([*NAMES, "olga"]), program=st.booleans())
    def comes(self, name: str, program: bool) -> None:
        self.settles()
        self.all_is_well()
        chat, key = self.house.chat, fold(name)
        for other in self.sessions:
            if program and other.program and other.key == key:  # it is one device
                other.caller.wire.loseConnection()
        self.settles()
        known = chat.accounts.get(name)
        registered = known.registered if known else name in (*REGISTERED, "olga")
        guest = Somebody(name, self.house.caller(), program)
        if not program:
            guest.sends(f"{name}\n{PASSWORD * registered}\n\n".encode())
        elif registered:
            has = {place: seqs[-1] for place, seqs in self.devices.get(key, {}).items()}
            guest.sends(line_of(hello=1, name=name, password=PASSWORD, since=has))
        else:
            self.devices.pop(key, None)
            guest.sends(line_of(hello=1, name=name))
        self.settles()
        session = getattr(guest.caller.door.door, "session", None)
        if session is None or session.account.key != key:  # then the password was taken for a name
            guest.caller.wire.loseConnection()
        else:
            assert key not in self.bans, "who is banned does not come in"
            self.sessions.append(guest)

    @rule(who=some)
    def goes(self, who: int) -> None:
        if session := self.session(who):
            session.caller.wire.loseConnection()

    @rule(who=some, policy=st.sampled_from(POLICIES), at_once=now)
    def creates(self, who: int, policy: str, at_once: bool) -> None:
        if len(self.house.chat.groups) < 3 and self.sessions:
            self.made += 1
            self.asks(self.session(who), f"/create g{self.made} {policy}", None, at_once)

    @rule(who=some, line=lines, name=names, group=some, at_once=now)
    def types(self, who: int, line: str, name: str, group: int, at_once: bool) -> None:
        if (session := self.session(who)) and (place := self.group(group)):
            self.said += 1
            word = f"m{self.said}"
            if "ignore" in line:
                self.ignored[session.key].add(fold(name))
            if not session.program:
                session.typed.add(word)
            self.asks(session, line.format(new=word, name=name, group=place), place, at_once)

    @rule(who=some, line=orders, name=names, group=some, at_once=now)
    def governs(self, who: int, line: str, name: str, group: int, at_once: bool) -> None:
        if place := self.group(group):
            admin = self.house.chat.groups.find(place).group.admin  # type: ignore[union-attr]
            admins = [each for each in self.sessions if each.key == fold(admin)]
            session = admins[0] if admins and who % 4 else self.session(who)
            self.asks(session, f"/{line} {name}" if line in RULING else line, place, at_once)

    @rule(what=st.sampled_from(["kick", "ban", "unban", "unban"]), name=names, at_once=now)
    def operates(self, what: str, name: str, at_once: bool) -> None:
        for olga in [each for each in self.sessions if each.name == "olga" and each.program]:
            self.asks(olga, f"/{what} {name}", None, at_once)

    @rule(name=st.sampled_from(["gus", "Gil"]), at_once=now)
    def registers(self, name: str, at_once: bool) -> None:
        account = self.house.chat.accounts.get(name)
        for session in self.sessions:
            if session.name == name and account is not None and not account.registered:
                asked = line_of(id=0, line="/password", answers=[PASSWORD])
                session.sends(asked if session.program else f"/password\n{PASSWORD}\n".encode())
        self.asks(None, "", None, at_once)

    @rule()
    def fails(self) -> None:
        self.store.fails = True

    @rule()
    def waits(self) -> None:
        self.house.waits(2)

    @rule()
    def restarts(self) -> None:
        self.settles()
        self.all_is_well()
        for session in self.sessions:
            session.caller.wire.protocol = None
        self.sessions.clear()
        self.store.fails = False
        self.house.restarts()

    # How it is done.

    def session(self, who: int) -> Somebody | None:
        """Return one of those who are there."""
        self.sessions = [each for each in self.sessions if each.here]
        return self.sessions[who % len(self.sessions)] if self.sessions else None

    def group(self, which: int) -> str | None:
        """Return the name of one of the groups."""
        groups = [each.group.name for each in self.house.chat.groups if each.group]
        return groups[which % len(groups)] if groups else None

    def asks(self, session: Somebody | None, line: str, group: str | None, at_once: bool) -> None:
        """Have *line* typed; by a program in *group*, by a person where they are."""
        if session is not None:
            asked = line_of(id=0, line=line, **({"group": group} if group else {}))
            session.sends(asked if session.program else line.encode() + b"\n")
        if at_once:
            self.settles()

    def settles(self) -> None:
        """Let everything be stored and shown."""
        for _ in range(8):
            self.house.clock.advance(0)

    # What holds.

    @invariant()
    def all_is_well(self) -> None:
        if not self.house.chat.journal.when_idle().called:
            return
        before = {id: dict(log.since) for id, log in self.logs.items()}
        new = self.read_logs()
        self.groups_are_as_their_logs(new)
        self.who_is_banned_is_out(new)
        for session in list(self.sessions):
            self.was_shown_all(session, before, new)
        self.sessions = [each for each in self.sessions if each.here]

    def read_logs(self) -> dict[int, list[Entry]]:
        """Read what is new on the disk; the numbers have no gap, and only members say things."""
        new: dict[int, list[Entry]] = {}
        query = "SELECT id, head, party_a, party_b FROM conversations"
        for id, head, *parties in self.disk.execute(query).fetchall():
            log = self.logs.setdefault(id, Log([account_key(each) for each in parties if each]))
            first = len(log.entries)
            new[id] = self.store.entries(id, first, NO_LIMIT, 10_000) if head > first else []
            assert [each.seq for each in new[id]] == list(range(first + 1, head + 1))
            for entry in new[id]:
                log.add(entry)
        return new

    def groups_are_as_their_logs(self, new: dict[int, list[Entry]]) -> None:
        """Each has an admin who is a member; disk and memory have what the log leads to."""
        chat = self.house.chat
        still = {id for id, log in self.logs.items() if log.group and not log.group.closed}
        assert {each.id for each in chat.groups} == still
        for conversation in chat.groups:
            group, log = conversation.group, self.logs[conversation.id]
            assert log.group
            assert fold(group.admin) in group.members
            assert (conversation.stale, conversation.published) == (False, len(log.entries))
            assert (group.state, group.version) == (log.group.state, log.group.version)
        changed = [id for id in new if new[id] and self.logs[id].group is not None]
        for id, stored in self.store.state(changed)[0].items():
            folded = self.logs[id].group
            assert folded.closed == (not folded.members), "the last one out closes the group"
            assert (stored.state, stored.version) == (folded.state, folded.version)

    def who_is_banned_is_out(self, new: dict[int, list[Entry]]) -> None:
        """Who is banned from the server has no session and no place, and does nothing more."""
        chat, before = self.house.chat, set(self.bans)
        for entry in new.get(SERVER, []):
            if isinstance(entry.event, ServerBanned):
                self.bans.add(fold(entry.event.name))
            elif isinstance(entry.event, ServerUnbanned):
                self.bans.discard(fold(entry.event.name))
                before.discard(fold(entry.event.name))
        assert set(chat.accounts.bans) == self.bans
        for key in self.bans:
            assert not chat.presence.sessions(key)
            assert not chat.groups.memberships(key)
            assert not any(each.group and key in each.group.requests for each in chat.groups)
        for event in (entry.event for entries in new.values() for entry in entries):
            if isinstance(event, Talk):
                assert fold(event.sender) not in before
            elif isinstance(event, MemberJoined | JoinRequested | GroupCreated):
                assert fold(subject(event) or "") not in before

    def was_shown_all(
        self, session: Somebody, before: dict[int, dict[Key, int]], new: dict[int, list[Entry]]
    ) -> None:
        """What *session* saw is on the disk, was for it, and came in order; nothing is missing."""
        words, entries = session.looks()
        for id, log in self.logs.items():
            said = {e.event.text: e for e in log.entries if isinstance(e.event, Talk)}
            shown = [word for word in words if word in said]
            words = [word for word in words if word not in said]
            if log.parties:
                assert not shown or session.key in log.parties, "that was private"
            stays = before.get(id, {}).get(session.key, 0)
            if stays and stays == log.since.get(session.key) and session.here and not session.new:
                hidden = self.ignored[session.key]
                talk = [e.event for e in new[id] if isinstance(e.event, Talk)]
                heard = [each for each in talk if fold(each.sender) not in hidden]
                expected = [each.text for each in heard if each.text not in session.typed]
                mine = [word for word in shown if fold(said[word].event.sender) not in hidden]
                assert mine == expected, f"{session.name} was shown {shown}"
        assert not words, f"{session.name} was shown what is not stored: {words}"
        if session.program:
            self.device_has_all(session, entries)
        session.new = False

    def device_has_all(self, session: Somebody, entries: list[Object]) -> None:
        """The numbers that a program was given, also by earlier connections, follow each other."""
        has = self.devices.setdefault(session.key, {})
        for entry in entries:
            if entry.get("group"):
                has.setdefault(entry["group"], []).append(entry["seq"])
        for log in self.logs.values():
            if log.group is None:
                continue
            seqs = has.get(log.group.name, [])
            assert seqs == sorted(set(seqs)), f"{session.name}: {seqs}"
            since = log.since.get(session.key)
            if since is not None and session.here and seqs:
                hidden = self.ignored[session.key]
                due = set()
                for e in log.entries[max(since, seqs[0]) - 1 :]:
                    ignored = isinstance(e.event, Talk) and fold(e.event.sender) in hidden
                    if not ignored and not isinstance(e.event, Request):
                        due.add(e.seq)
                assert due <= set(seqs), f"{session.name} lacks {due - set(seqs)}"


TestWhateverIsDone = Machine.TestCase
TestWhateverIsDone.settings = settings(
    max_examples=examples(20),
    stateful_step_count=min(200, examples(50)),
    deadline=None,
    database=None,
    phases=QUICK,
    suppress_health_check=[HealthCheck.too_slow],
)
