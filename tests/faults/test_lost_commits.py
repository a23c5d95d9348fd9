"""The answer to a COMMIT is lost: users are told, and shown, what PostgreSQL really has stored."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pyconchat.domain.errors import Unknown
from pyconchat.store import SqlStore
from tests.contracts.building import create, say, texts
from tests.faults.test_store_faults import Members, Restartable, members_of, until_stored
from tests.support.programs import Program
from tests.support.proxies import CommitCutter
from tests.support.servers import PATIENCE, Server

GROUP = "tea"


@pytest.fixture
def cutter(postgres: Restartable) -> Iterator[CommitCutter]:
    host = str(postgres.url.query["host"])
    with closing(CommitCutter(f"{host}/.s.PGSQL.5432")) as cutter:
        yield cutter
    postgres.forget()


@pytest.fixture
def server(
    request: pytest.FixtureRequest, cutter: CommitCutter, tmp_path: Path
) -> Iterator[Server]:
    """A server whose PostgreSQL is behind the proxy.

    With the marker `down` it soon gives up to ask what became of a commit: PostgreSQL is down.
    """
    url = f"postgresql://postgres@127.0.0.1:{cutter.port}/postgres"
    is_down = request.node.get_closest_marker("down") is not None
    constants = {"pyconchat.store.commits.SETTLE_SECONDS": 0.3} if is_down else {}
    server = Server(tmp_path, f'[store]\nurl = "{url}"\n', constants=constants)
    server.start()
    yield server
    cutter.down = False
    server.stop()
    assert "Traceback" not in server.log()


def check_the_log(postgres: Restartable, people: Members) -> None:
    """Check that everybody has received each stored message once, in order."""
    with closing(SqlStore(postgres.url.render_as_string(hide_password=False))) as store:
        ((id, stored),) = store.load().groups.items()
        log = store.entries(id, 0, 2**62, 1000)
        assert [entry.seq for entry in log] == list(range(1, stored.head + 1))
        last = [getattr(entry.event, "text", "") for entry in log][-1]
    people.carol.sees("message", text=last)
    for each in (people.alice, people.carol):
        numbers = [entry["seq"] for entry in each.entries if entry.get("group") == GROUP]
        assert numbers == sorted(set(numbers))
        assert numbers[-1] - numbers[0] == len(numbers) - 1


def test_a_message_that_was_stored(
    server: Server, cutter: CommitCutter, postgres: Restartable
) -> None:
    """PostgreSQL is asked at once: the sender gets the number, and everybody the message."""
    with members_of(server) as people:
        for number in range(3):
            cutter.cut = "after"
            people.alice.does(f"kept {number}", GROUP, key=f"k{number}")
            people.bob.sees(f"alice: kept {number}\n")
            people.says(f"next {number}")
        assert cutter.cuts == 3
        check_the_log(postgres, people)


def test_a_message_that_was_not_stored(
    server: Server, cutter: CommitCutter, postgres: Restartable
) -> None:
    """It is refused, and nobody sees it; repeated, it is stored once."""
    with members_of(server) as people:
        cutter.cut = "before"
        assert people.alice.is_refused("lost", GROUP, key="k") == "not-saved"
        until_stored(people.alice, "again", key="k")
        assert "lost" not in people.bob.sees("alice: again\n")
        assert cutter.cuts == 1
        check_the_log(postgres, people)


@pytest.mark.down
@pytest.mark.parametrize("cut", ["after", "before"])
def test_while_it_is_not_known(
    server: Server, cutter: CommitCutter, postgres: Restartable, cut: str
) -> None:
    """The sender is told so. What was stored is published when that is known."""
    with members_of(server) as people:
        cutter.cut, cutter.down_after_cut = cut, True
        assert people.alice.is_refused("perhaps", GROUP, key="k") == "unknown"
        assert people.alice.is_refused("lost", GROUP) == "not-saved"
        cutter.down = False
        if cut == "after":
            people.bob.sees("alice: perhaps\n")
        until_stored(people.alice, "perhaps", key="k")
        until_stored(people.alice, "and on")
        shown = people.bob.sees("alice: and on\n")
        assert shown.count("perhaps") == (cut == "before")
        assert "lost" not in shown
        check_the_log(postgres, people)


@pytest.mark.parametrize("down", [False, pytest.param(True, marks=pytest.mark.down)])
def test_a_ban_that_was_stored(
    server: Server, cutter: CommitCutter, postgres: Restartable, down: bool
) -> None:
    """The banned member's session hears the group no longer."""
    with members_of(server) as people:
        cutter.cut, cutter.down_after_cut = "after", down
        answer = people.alice.asks("/ban bob noise", GROUP)
        assert answer["ok"] or answer["code"] == "unknown"
        assert answer["ok"] != down
        cutter.down = False
        people.bob.sees("You were banned from tea by alice: noise")
        until_stored(people.alice, "without bob")
        assert "without bob" not in people.bob.sees_all()
        assert people.members() == ["alice", "carol"]
        check_the_log(postgres, people)


@pytest.mark.down
def test_a_private_conversation_and_a_group_that_were_stored(
    server: Server, cutter: CommitCutter
) -> None:
    """They can be used when that is known."""
    with members_of(server) as people:
        cutter.cut, cutter.down_after_cut = "after", True
        assert people.alice.is_refused("/msg bob psst") == "unknown"
        cutter.down = False
        people.bob.sees("psst")
        deadline = time.monotonic() + PATIENCE
        while not people.alice.asks("/msg bob again")["ok"]:
            assert time.monotonic() < deadline
        people.bob.sees("again")
        cutter.cut, cutter.down_after_cut = "after", True
        assert people.carol.is_refused("/create cups open") == "unknown"
        cutter.down = False
        people.carol.sees("created", group="cups")
        people.carol.does("/topic shelf", "cups")
        people.carol.does("in cups", "cups")


@pytest.mark.parametrize("cut", ["after", "before"])
def test_a_batch_with_a_decision_that_is_refused(
    cutter: CommitCutter, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    """The writer does not wait either: the result of the whole batch is read later."""
    monkeypatch.setattr("pyconchat.store.commits.SETTLE_SECONDS", 0.2)
    url = f"postgresql://postgres@127.0.0.1:{cutter.port}/postgres"
    with closing(SqlStore(url)) as store:
        store.open()
        create(store, 2)
        batch = [say(2, "before"), say(2, "\ud800"), say(2, "after")]
        cutter.cut, cutter.down_after_cut = cut, True
        with pytest.raises(Unknown):
            store.commit(batch)
        cutter.down = False
        settled = store.settle()
        if cut == "before":
            assert settled is None
            settled = store.commit(batch)
        assert settled is not None
        assert [isinstance(each, list) for each in settled] == [True, False, True]
        assert texts(store.entries(2, 1, 2**62, 10)) == ["before", "after"]


def test_an_account_that_was_stored(server: Server, cutter: CommitCutter) -> None:
    """Its owner can log in afterwards, and the server takes the next ones."""
    with members_of(server):
        cutter.cut = "after"
        for name in ("eve", "fay"):
            with closing(Program(server.port)) as eve:
                eve.logs_in(name, f"secret of {name}")
        with closing(Program(server.port)) as eve:
            eve.logs_in("eve", "secret of eve")
