"""A store that fails for a while: nothing unsaved is shown, and everything works afterwards."""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from pyconchat.store import SqlStore
from tests.contracts.test_fold import fold_log
from tests.support.postgres import Restartable
from tests.support.programs import Object, Program, line_of
from tests.support.servers import PATIENCE, Server
from tests.support.skips import missing, require_program
from tests.support.users import SocketUser

GROUP = "tea"
NOT_SAVED = "Not saved: the server cannot store anything now. Try again soon."
EVER = 2**62


class Fault(NamedTuple):
    """A *server* whose *store* breaks and is repaired. *reads*: it can be read while broken."""

    server: Server
    breaks: Callable[[], None]
    mends: Callable[[], None]
    store: SqlStore
    reads: bool = True


class Members:
    """Users and programs in one group: alice is its admin; bob and dora are at nc."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.alice, self.carol = Program(server.port), Program(server.port)
        self.bob, self.dora = SocketUser(server.port), SocketUser(server.port)
        self.alice.logs_in("alice", "secret of alice")
        self.alice.does(f"/create {GROUP} open")
        self.carol.logs_in("carol", "secret of carol")
        self.carol.does(f"/join {GROUP}")
        self.bob.logs_in("bob", "secret of bob")
        self.bob.types(f"/join {GROUP}")
        self.bob.sees(f"You are in {GROUP}")
        self.dora.logs_in("dora")  # a guest in no group
        self.says("before")

    def says(self, text: str) -> None:
        """Have alice say *text*, which is stored, and which bob sees."""
        self.alice.does(text, GROUP)
        self.bob.sees(f"alice: {text}\n")

    def members(self) -> list[str]:
        """Return the members that carol is shown, once the store works."""
        answer = until_stored(self.carol, "/members")
        return [each["name"] for each in answer["members"]]

    def groups(self) -> list[str]:
        """Return the groups that carol is shown."""
        return [each["group"] for each in self.carol.does("/groups")["groups"]]

    def close(self) -> None:
        for each in (self.alice, self.carol, self.bob, self.dora):
            each.close()


@contextmanager
def members_of(server: Server) -> Iterator[Members]:
    """Log them in, and disconnect them at the end."""
    with closing(Members(server)) as people:
        yield people


def nothing_can_be_stored(people: Members) -> None:
    """Check that everything is refused, and that nobody sees any of it."""
    people.dora.types("/create cups open")
    people.dora.sees(NOT_SAVED)
    assert people.alice.is_refused("lost", GROUP, key="k1") == "not-saved"
    assert people.alice.is_refused("/me loses", GROUP) == "not-saved"
    assert people.alice.is_refused("/msg bob lost secret") == "not-saved"
    people.bob.types("lost too")
    assert "lost" not in people.bob.sees(NOT_SAVED)
    assert people.alice.is_refused("/kick carol lost", GROUP) == "not-saved"
    people.dora.types("/join tea", "/who")
    shown = people.dora.sees("Online: 4")
    assert "save" in shown
    assert "You are in" not in shown
    assert people.carol.does("/who")["people"]


def all_is_well(people: Members, store: SqlStore) -> None:
    """Check that failures have left no trace, that everything works, and that the log is whole."""
    carol = people.carol
    until_stored(people.alice, "again", key="k1")
    people.bob.sees("alice: again\n")
    assert people.members() == ["alice", "carol", "bob"]
    assert people.groups() == [GROUP]
    people.dora.types("/join tea", "/create cups open")
    people.dora.sees("You are in tea")
    people.dora.sees("cups")
    people.bob.types("me too")
    carol.sees("message", text="me too")
    shown = people.bob.everything().decode() + carol.received.decode()
    assert "lost" not in shown
    assert people.alice.does("/msg bob at last")["seq"] == 1
    with closing(store):
        states = store.load().groups
        assert sorted(each.state.name for each in states.values()) == ["cups", GROUP]
        for id, stored in states.items():
            log = store.entries(id, 0, EVER, 10_000)
            assert [entry.seq for entry in log] == list(range(1, stored.head + 1))
            assert fold_log(log).state == stored.state
            said = [getattr(entry.event, "text", "") for entry in log]
            assert said.count("again") == (stored.state.name == GROUP)
            assert not [text for text in said if "lost" in text]
    assert [each["seq"] for each in carol.entries] == sorted(each["seq"] for each in carol.entries)


def until_stored(program: Program, text: str, **more: object) -> Object:
    """Say *text* until it is stored: the server finds out by itself that the store works."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := program.asks(text, GROUP, **more))["ok"]:
        assert answer["code"] == "not-saved"
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return answer


def sqlite(server: Server) -> SqlStore:
    """Return the store of *server*."""
    return SqlStore(f"sqlite:///{server.state / 'pyconchat.db'}")


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Fault]:
    """A server that can write nothing behind the first bytes of a file while broken.

    So it cannot add to the WAL, which is as long as it will be from the start.
    """
    server = Server(tmp_path)

    def limit(most: int) -> None:
        assert server.process is not None
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

    def breaks() -> None:
        limit(1 << 16)

    server.start()
    yield Fault(server, breaks, lambda: limit(resource.RLIM_INFINITY), sqlite(server))
    server.stop()


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Fault]:
    """A server with its state on a small disk, which is full while broken."""
    state = tmp_path / "state"
    state.mkdir()
    mount = [require_program("mount"), "-t", "tmpfs", "-o", "size=3m,mode=700", "tmpfs", state]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        missing("the right to mount a small disk")
    server, ballast = Server(tmp_path, "[files]\nfree_disk = 0\n"), state / "ballast"

    def breaks() -> None:
        with ballast.open("ab", buffering=0) as filling, suppress(OSError):
            while True:
                filling.write(b"x" * 4096)

    try:
        server.start()
        yield Fault(server, breaks, ballast.unlink, sqlite(server))
        server.stop()
    finally:
        subprocess.run([require_program("umount"), "-l", state], check=True)


@pytest.fixture
def gone(postgres: Restartable, tmp_path: Path) -> Iterator[Fault]:
    """A server whose PostgreSQL is stopped while broken."""
    url = postgres.url.render_as_string(hide_password=False)
    server = Server(tmp_path, f'[store]\nurl = "{url}"\n')
    server.start()
    yield Fault(server, postgres.pause, postgres.resume, SqlStore(url), reads=False)
    server.stop()
    postgres.forget()
    assert "Traceback" not in server.log()


@pytest.fixture
def fault(request: pytest.FixtureRequest) -> Fault:
    """A server whose store fails in the way that the parameter names."""
    found: Fault = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("fault", ["full", "limited", "gone"], indirect=True)
def test_a_store_that_fails_for_a_while(fault: Fault) -> None:
    """Senders are told that nothing is saved; reading works if it can; everything works later."""
    with members_of(fault.server) as people:
        fault.breaks()
        nothing_can_be_stored(people)
        if fault.reads:
            assert people.members() == ["alice", "carol", "bob"]
            texts = [each.get("text") for each in people.carol.does("/history", GROUP)["entries"]]
            assert texts[-1] == "before"
            with closing(SocketUser(fault.server.port)) as bob:  # logs in again, and reads
                bob.logs_in("bob", "secret of bob")
        else:
            assert people.carol.is_refused("/history", GROUP) == "not-saved"
        fault.mends()
        all_is_well(people, fault.store)


@pytest.mark.parametrize("fault", ["limited", "gone"], indirect=True)
def test_unsaved_changes_are_not_listed(fault: Fault) -> None:
    """A group, a member or a kick that was not saved is never listed."""
    with members_of(fault.server) as people:
        fault.breaks()
        for line, group in (("/kick carol", GROUP), ("/create cups open", None)):
            refused = people.alice.requests(line, group)
            members = people.alice.requests("/members", GROUP)
            groups = people.alice.requests("/groups")
            assert people.alice.answer(refused)["code"] == "not-saved"
            listed = people.alice.answer(members)
            if listed["ok"]:
                assert [each["name"] for each in listed["members"]] == ["alice", "carol", "bob"]
            else:
                assert listed["code"] == "not-saved"
            assert [each["group"] for each in people.alice.answer(groups)["groups"]] == [GROUP]
            assert people.groups() == [GROUP]
        fault.mends()
        until_stored(people.alice, "again")
        assert people.members() == ["alice", "carol", "bob"]
        assert people.groups() == [GROUP]


def test_a_refused_request_with_a_key(gone: Fault) -> None:
    """It cannot be read whether it was carried out: it is refused, and the connection stays."""
    with members_of(gone.server) as people:
        gone.breaks()
        for text, group in (("lost", "nosuch"), (" ", GROUP), ("/kick nobody", GROUP)):
            assert people.alice.is_refused(text, group, key="k2") == "not-saved"
        assert people.alice.is_refused("lost", "nosuch") == "no-such-group"
        gone.mends()
        until_stored(people.alice, "again", key="k2")


def test_reading_while_nothing_can_be_stored(limited: Fault) -> None:
    """Unsaved messages, one's own too, are no reason to refuse reading."""
    with members_of(limited.server) as people:
        limited.breaks()
        burst = b"".join(line_of(id=f"x{n}", group=GROUP, text=f"lost {n}") for n in range(300))
        refused = 0
        for _ in range(10):
            people.alice.sends(burst)
            refused += not people.carol.asks("/history 5", GROUP)["ok"]
        people.bob.types("lost as well", "/history 5")
        people.bob.sees(NOT_SAVED)
        people.bob.types("/nosuchcommand")
        shown = people.bob.sees("/nosuchcommand")
        limited.mends()
        until_stored(people.alice, "again")
        assert refused == 0
        assert "alice: before" in shown


# Another process.

HOLDS = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)
database.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
database.execute("COMMIT")
"""


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Have another process lock *database*."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        yield
        holder.communicate(b"\n", timeout=PATIENCE)


def test_a_database_that_is_locked(limited: Fault) -> None:
    """Messages wait and are stored later; requests that store nothing are answered at once."""
    server = limited.server
    with members_of(server) as people:
        with locked(server.state / "pyconchat.db"):
            until = time.monotonic() + 0.7
            waiting = [people.alice.requests(f"late {n}", GROUP) for n in range(20)]
            people.bob.types("later still")
            while time.monotonic() < until:
                assert people.carol.does("/who")["people"]
                people.dora.types("/who")
                people.dora.sees("Online: 4")
            assert not [each for each in people.alice.objects if each.get("re") in waiting]
            assert b"late" not in people.bob.everything() + people.carol.received
        answers = [people.alice.answer(id) for id in waiting]
        assert all(answer["ok"] for answer in answers)
        people.bob.sees("alice: late 19\n")
        people.carol.sees("message", text="later still")
    server.stop()
    assert server.tracebacks() == []
    with closing(sqlite3.connect(server.state / "pyconchat.db")) as database:
        bodies = [json.loads(body) for (body,) in database.execute("SELECT body FROM entries")]
    said = [body.get("text", "") for body in bodies]
    assert [text for text in said if text.startswith("late ")] == [f"late {n}" for n in range(20)]
    assert said.count("later still") == 1
