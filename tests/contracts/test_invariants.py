"""Invariants: they hold after any sequence of actions, on a real store.

People and programs connect and disconnect, talk, and type commands, allowed or not, several in
one tick; the chat restarts, and commits fail. Whenever the journal is idle, the logs on the disk
are compared with the state in the database, with the state in memory, and with the output of each
session.
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
    CodeEvent,
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
from pyconchat.domain.ignoring import as_seen
from pyconchat.domain.names import Key, Name, fold
from pyconchat.store import SqlStore
from pyconchat.store.sql import Stored
from tests.contracts.building import NO_LIMIT
from tests.support.connections import TestConnection
from tests.support.examples import QUICK, examples
from tests.support.groups import find_group
from tests.support.programs import MemoryServer, Object, line_of
from tests.support.stores import copy_empty, share_statements

FIRST_SESSIONS = [("ann", True), ("olga", True), ("ann", False), ("gus", False), ("ben", False)]
REGISTERED = ("ann", "ben", "Cem")
NAMES = (*REGISTERED, "gus", "Gil")
PASSWORD = "password"

TALKING = ["{new}", "{new}", "/me {new}", "/msg {name} {new}", "/ignore {name}", "/unignore {name}"]
TALKING += ["/reply 3 {new}", "/react 3 👍", "/pin 3", "/pin 3 off"]
JOINING = ["/join {group}", "/join {group} please", "/join {group} secret"]
LEAVING = ["/leave {group}", "/leave {group}", "/desk"]
ADMIN_COMMANDS = [
    "approve",
    "approve",
    "reject",
    "invite",
    "invite",
    "transfer",
    "kick",
    "ban",
    "unban",
    "moderator",
    "quiet",
]
MODERATING = ["/moderator {name} off", "/quiet {name} off", "/slow 1", "/slow 0"]
MODERATING += ["/ban {name} 1m", "/quiet {name} 1m", "/invite code", "/invite code 1 off"]
POLICIES = ["open", "approval", "invite", "password secret"]

some = st.integers(0, 11)  # an index, modulo the number of sessions or groups
names = st.sampled_from(NAMES)
lines = st.sampled_from([*TALKING, *JOINING, *LEAVING])
orders = st.sampled_from(
    [*ADMIN_COMMANDS, *MODERATING, "/topic tea", *(f"/policy {each}" for each in POLICIES)]
)
now = st.sampled_from([True, True, False])  # False: in the same tick as the next action


class FailingStore(SqlStore):
    """A store whose next commit fails if *failing* is set."""

    failing = False

    def commit(self, batch: Sequence[Decision]) -> list[Stored]:
        if self.failing and not all(each.empty for each in batch):
            self.failing = False
            raise NotSaved("told to")
        return super().commit(batch)


class Log:
    """One conversation's log, read from the disk, and the state that results from it."""

    def __init__(self, parties: list[Key]) -> None:
        self.parties = parties
        self.entries: list[Entry] = []
        self.group: Group | None = None
        self.since: dict[Key, int] = {}  # for each member, the number of the entry that added them

    def add(self, entry: Entry) -> None:
        """Add the next *entry*. The sender of a message in a group must be a member."""
        event = entry.event
        self.entries.append(entry)
        if isinstance(event, GroupCreated):
            self.group = Group.created(entry.conversation, event)
            self.since = {fold(event.by): entry.seq}
        elif self.group is not None:
            if isinstance(event, Talk):
                key = fold(event.sender)
                assert key in self.group.members, f"not a member: {entry}"
                quiet = self.group.quieted.get(key)
                assert quiet is None or not quiet.lasts(entry.at), f"not quiet: {entry}"
            self.group.apply(event, entry.at)  # type: ignore[arg-type]
            self.since = {key: self.since.get(key, entry.seq) for key in self.group.members}
        elif self.parties:
            assert fold(event.sender) in self.parties


class Client:
    """One connection of *name*, through nc or by a *program*."""

    def __init__(self, name: str, connection: TestConnection, program: bool) -> None:
        self.name, self.key, self.connection, self.program = name, fold(name), connection, program
        self.typed: set[str] = set()
        self.new = True

    @property
    def connected(self) -> bool:
        """Return whether both sides are connected."""
        return bool(self.connection.wire.connected and not self.connection.wire.disconnected)

    def send(self, data: bytes) -> None:
        """Send *data*, without running the reactor."""
        self.connection.door.dataReceived(data)

    def new_output(self) -> tuple[list[str], list[Object]]:
        """Return the texts of new messages, and for a program also the entries."""
        data = self.connection.receives()
        if not self.program:
            words = re.findall(r'(?<!")\bm\d+\b', data.decode())  # without quotes
            return [word for word in words if word not in self.typed], []
        objects = [json.loads(line) for line in data.splitlines() if line.startswith(b"{")]
        entries = [each for each in objects if "seq" in each and "re" not in each]
        return [each["text"] for each in entries if "text" in each], entries


class Machine(RuleBasedStateMachine):
    """A few people, who do everything.

    One class, although long: Hypothesis takes the rules and invariants of one machine.
    """

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        copy_empty(self.folder)
        self.store = FailingStore(f"sqlite:///{self.folder / 'pyconchat.db'}", "normal")
        share_statements(self.store).open()
        self.disk = sqlite3.connect(self.folder / "pyconchat.db", isolation_level=None)
        self.server = MemoryServer(self.store, Clock())
        self.sessions: list[Client] = []
        self.logs: dict[int, Log] = {}
        self.bans: set[Key] = set()
        self.ignored: dict[Key, set[Key]] = defaultdict(set)  # all who were ever ignored
        self.devices: dict[Key, dict[str, list[int]]] = {}  # numbers that programs have by group
        self.created, self.messages = 2, 0
        code = self.server.chat.accounts.claim_code
        for number, (name, program) in enumerate(FIRST_SESSIONS):
            self.log_in(name, program)
            for line in ("/join g2", "/policy open", "/join g1"):
                self.type(self.sessions[number], line, "g2" if "policy" in line else None, True)
        self.type(self.sessions[1], f"/claim {code}", None, True)
        self.type(self.sessions[0], "/approve gus ben", "g1", True)

    def teardown(self) -> None:
        self.settle()
        self.check_everything()
        self.server.stop()
        self.disk.close()
        self.store.close()
        shutil.rmtree(self.folder)

    # Actions.

    @rule(name=st.sampled_from([*NAMES, "olga"]), program=st.booleans())
    def log_in(self, name: str, program: bool) -> None:
        self.settle()
        self.check_everything()
        chat, key = self.server.chat, fold(name)
        for other in self.sessions:
            if program and other.program and other.key == key:  # an account has one program
                other.connection.wire.loseConnection()
        self.settle()
        known = chat.accounts.get(name)
        registered = known.registered if known else name in (*REGISTERED, "olga")
        guest = Client(name, self.server.connect(), program)
        if not program:
            guest.send(f"{name}\n{PASSWORD * registered}\n\n".encode())
        elif registered:
            has = {place: seqs[-1] for place, seqs in self.devices.get(key, {}).items()}
            guest.send(line_of(hello=1, name=name, password=PASSWORD, since=has))
        else:
            self.devices.pop(key, None)
            guest.send(line_of(hello=1, name=name))
        self.settle()
        session = getattr(guest.connection.door.door, "session", None)
        if session is None or session.account.key != key:  # the password was taken as a name
            guest.connection.wire.loseConnection()
        else:
            assert key not in self.bans, "a banned person has logged in"
            self.sessions.append(guest)

    @rule(who=some)
    def disconnect(self, who: int) -> None:
        if session := self.session(who):
            session.connection.wire.loseConnection()

    @rule(who=some, policy=st.sampled_from(POLICIES), at_once=now)
    def create(self, who: int, policy: str, at_once: bool) -> None:
        if len(self.server.chat.groups) < 3 and self.sessions:
            self.created += 1
            self.type(self.session(who), f"/create g{self.created} {policy}", None, at_once)

    @rule(who=some, line=lines, name=names, group=some, at_once=now)
    def talk(self, who: int, line: str, name: str, group: int, at_once: bool) -> None:
        if (session := self.session(who)) and (place := self.group(group)):
            self.messages += 1
            word = f"m{self.messages}"
            if "ignore" in line:
                self.ignored[session.key].add(fold(name))
            if not session.program:
                session.typed.add(word)
            self.type(session, line.format(new=word, name=name, group=place), place, at_once)

    @rule(who=some, line=orders, name=names, group=some, at_once=now)
    def administrate(self, who: int, line: str, name: str, group: int, at_once: bool) -> None:
        if place := self.group(group):
            admin = find_group(self.server.chat, place).group.admin
            admins = [each for each in self.sessions if admin and each.key == fold(admin)]
            session = admins[0] if admins and who % 4 else self.session(who)
            typed = f"/{line} {name}" if line in ADMIN_COMMANDS else line.format(name=name)
            self.type(session, typed, place, at_once)

    @rule(what=st.sampled_from(["kick", "ban", "unban", "unban"]), name=names, at_once=now)
    def operate(self, what: str, name: str, at_once: bool) -> None:
        for olga in [each for each in self.sessions if each.name == "olga" and each.program]:
            self.type(olga, f"/{what} {name}", None, at_once)

    @rule(name=st.sampled_from(["gus", "Gil"]), at_once=now)
    def register(self, name: str, at_once: bool) -> None:
        account = self.server.chat.accounts.get(name)
        for session in self.sessions:
            if session.name == name and account is not None and not account.registered:
                asked = line_of(id=0, line="/password", answers=[PASSWORD])
                session.send(asked if session.program else f"/password\n{PASSWORD}\n".encode())
        self.type(None, "", None, at_once)

    @rule()
    def fail_a_commit(self) -> None:
        self.store.failing = True

    @rule(seconds=st.sampled_from([2, 2, 60]))
    def wait(self, seconds: int) -> None:
        self.server.waits(seconds)

    @rule()
    def restart(self) -> None:
        self.settle()
        self.check_everything()
        for session in self.sessions:
            session.connection.wire.protocol = None
        self.sessions.clear()
        self.store.failing = False
        self.server.restart()

    # Helpers.

    def session(self, who: int) -> Client | None:
        """Return one of the connected clients."""
        self.sessions = [each for each in self.sessions if each.connected]
        return self.sessions[who % len(self.sessions)] if self.sessions else None

    def group(self, which: int) -> str | None:
        """Return the name of one of the groups."""
        groups = [each.group.name for each in self.server.chat.groups if each.group]
        return groups[which % len(groups)] if groups else None

    def type(self, session: Client | None, line: str, group: str | None, at_once: bool) -> None:
        """Have *line* typed: by a program in *group*, by a person in their current group."""
        if session is not None:
            asked = line_of(id=0, line=line, **({"group": group} if group else {}))
            session.send(asked if session.program else line.encode() + b"\n")
        if at_once:
            self.settle()

    def settle(self) -> None:
        """Run the reactor until everything is stored and published."""
        for _ in range(8):
            self.server.clock.advance(0)

    # Invariants.

    @invariant()
    def check_everything(self) -> None:
        if not self.server.chat.journal.when_idle().called:
            return
        before = {id: dict(log.since) for id, log in self.logs.items()}
        new = self.read_logs()
        self.check_groups(new)
        self.check_listed_groups()
        self.check_bans(new)
        for session in list(self.sessions):
            self.check_output(session, before, new)
        self.sessions = [each for each in self.sessions if each.connected]

    def read_logs(self) -> dict[int, list[Entry]]:
        """Read the new entries from the disk. Their numbers have no gaps."""
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

    def check_groups(self, new: dict[int, list[Entry]]) -> None:
        """Database and memory have the state of the logs. Each admin is a member."""
        chat = self.server.chat
        open_groups = {id for id, log in self.logs.items() if log.group and not log.group.closed}
        assert {each.id for each in chat.groups} == open_groups
        for conversation in chat.groups:
            group, log = conversation.group, self.logs[conversation.id]
            assert log.group
            assert group.admin is None or fold(group.admin) in group.members
            assert group.moderators.keys() <= group.members.keys()
            assert (conversation.stale, conversation.published) == (False, len(log.entries))
            assert (group.state, group.version) == (log.group.state, log.group.version)
        changed = [id for id in new if new[id] and self.logs[id].group is not None]
        for id, stored in self.store.state(changed)[0].items() if changed else ():
            folded = self.logs[id].group
            assert folded.closed == (not folded.members), "a group closes with its last member"
            assert (stored.state, stored.version) == (folded.state, folded.version)

    def check_listed_groups(self) -> None:
        """The groups that are listed to somebody are found without looking at the others."""
        groups = self.server.chat.groups
        for session in self.sessions:
            account = self.server.chat.accounts.get(session.name)
            if account is not None:
                listed = [each for each in groups if each.group.lists_to(account.actor)]
                assert list(groups.listed_to(account.actor)) == listed
                assert groups.count_listed_to(account.actor) == len(listed)

    def check_bans(self, new: dict[int, list[Entry]]) -> None:
        """A person who is banned from the server has no session and makes no requests."""
        chat, before = self.server.chat, set(self.bans)
        for entry in new.get(SERVER, []):
            if isinstance(entry.event, ServerBanned):
                self.bans.add(fold(entry.event.name))
            elif isinstance(entry.event, ServerUnbanned):
                self.bans.discard(fold(entry.event.name))
                before.discard(fold(entry.event.name))
        assert set(chat.accounts.bans) == self.bans
        for key in self.bans:
            assert not chat.presence.sessions(key)
        for event in (entry.event for entries in new.values() for entry in entries):
            if isinstance(event, Talk):
                assert fold(event.sender) not in before
            elif isinstance(event, MemberJoined | JoinRequested | GroupCreated):
                assert fold(subject(event) or "") not in before

    def check_output(
        self, session: Client, before: dict[int, dict[Key, int]], new: dict[int, list[Entry]]
    ) -> None:
        """A session's output is stored, may be read by it, is in order, and is complete."""
        words, entries = session.new_output()
        for id, log in self.logs.items():
            said = {e.event.text: e for e in log.entries if isinstance(e.event, Talk)}
            shown = [word for word in words if word in said]
            words = [word for word in words if word not in said]
            if log.parties:
                assert not shown or session.key in log.parties, "a private message leaked"
            since = before.get(id, {}).get(session.key, 0)
            stays = since and since == log.since.get(session.key)
            if stays and session.connected and not session.new:
                hidden = self.ignored[session.key]
                talk = [e.event for e in new[id] if isinstance(e.event, Talk)]
                heard = [each for each in talk if fold(each.sender) not in hidden]
                expected = [each.text for each in heard if each.text not in session.typed]
                mine = [word for word in shown if fold(said[word].event.sender) not in hidden]
                assert mine == expected, f"{session.name} received {shown}"
        assert not words, f"{session.name} received what is not stored: {words}"
        if session.program:
            self.check_numbers(session, entries)
        session.new = False

    def check_numbers(self, session: Client, entries: list[Object]) -> None:
        """The numbers that a program has, of all its connections, are in order and complete."""
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
            if since is not None and session.connected and seqs:
                hidden = self.ignored[session.key]
                due = set()
                for e in log.entries[max(since, seqs[0]) - 1 :]:
                    ignored = as_seen(e, {key: Name(key) for key in hidden}) is None
                    if not ignored and not isinstance(e.event, Request | CodeEvent):
                        due.add(e.seq)
                assert due <= set(seqs), f"{session.name} lacks {due - set(seqs)}"


TestRandomActions = Machine.TestCase
TestRandomActions.settings = settings(
    max_examples=examples(20),
    stateful_step_count=min(200, examples(50)),
    deadline=None,
    database=None,
    phases=QUICK,
    suppress_health_check=[HealthCheck.too_slow],
)
