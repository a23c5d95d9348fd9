"""Lost answers to COMMIT under load, and many servers that start on one database.

``PYCONCHAT_CUTS`` is the number of lost answers (40); ``PYCONCHAT_SEED`` repeats an earlier run.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from pyconchat.domain.events import Message
from pyconchat.store import BadStore, SqlStore
from tests.support.postgres import Restartable
from tests.support.programs import Program
from tests.support.proxies import CommitCutter
from tests.support.servers import PATIENCE, Server

pytestmark = pytest.mark.torture

CUTS = int(os.environ.get("PYCONCHAT_CUTS", "40"))
SEED = int(os.environ.get("PYCONCHAT_SEED", time.time_ns() % 1_000_000))

GROUP = "tea"
ROUNDS = 50
STORES = 6


@pytest.fixture(scope="module")
def postgres() -> Iterator[Restartable]:
    server = Restartable()
    yield server
    server.stop()


def repeat_until_stored(program: Program, text: str, key: str) -> int:
    """Say *text* until it is stored; return its number."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := program.asks(text, GROUP, key=key))["ok"]:
        assert answer["code"] in ("not-saved", "unknown"), answer
        assert time.monotonic() < deadline, answer
        time.sleep(0.05)
    return int(answer["seq"])


def test_lost_answers_to_commits(postgres: Restartable, tmp_path: Path) -> None:
    """Each message is stored once, under the number that its sender gets, and seen once."""
    dice = random.Random(SEED)
    print(f"seed {SEED}")
    with closing(CommitCutter(f"{postgres.url.query['host']}/.s.PGSQL.5432")) as cutter:
        url = f"postgresql://postgres@127.0.0.1:{cutter.port}/postgres"
        server = Server(tmp_path, f'[store]\nurl = "{url}"\n')
        server.start()
        with closing(Program(server.port)) as alice, closing(Program(server.port)) as bob:
            alice.logs_in("alice", "secret of alice")
            bob.logs_in("bob", "secret of bob")
            alice.does(f"/create {GROUP} open")
            bob.does(f"/join {GROUP}")
            numbers: dict[str, int] = {}
            for number in range(CUTS):
                for text in (f"quiet {number}", f"cut {number}"):
                    if text.startswith("cut"):
                        cutter.down_after_cut = dice.random() < 0.2
                        cutter.cut = dice.choice(["before", "after"])
                    answer = alice.asks(text, GROUP, key=text)
                    cutter.down = False
                    if not answer["ok"]:
                        assert answer["code"] in ("not-saved", "unknown"), answer
                        numbers[text] = repeat_until_stored(alice, text, text)
                    else:
                        numbers[text] = int(answer["seq"])
            assert cutter.cuts == CUTS
            repeat_until_stored(alice, "the end", "end")
            bob.sees("message", text="the end")
            seen = [each for each in bob.entries if each.get("type") == "message"]
        server.stop()
        assert "Traceback" not in server.log()
    with closing(SqlStore(postgres.url.render_as_string(hide_password=False))) as store:
        ((id, stored),) = store.load().groups.items()
        log = store.entries(id, 0, 2**62, 10_000)
        assert store.problems() == []
    assert [entry.seq for entry in log] == list(range(1, stored.head + 1))
    said = {entry.event.text: entry.seq for entry in log if isinstance(entry.event, Message)}
    assert len(said) == sum(isinstance(entry.event, Message) for entry in log) == 2 * CUTS + 1
    assert {text: said[text] for text in numbers} == numbers
    assert [(each["text"], each["seq"]) for each in seen] == list(said.items())


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_many_servers_on_one_database(kind: str, postgres: Restartable, tmp_path: Path) -> None:
    """Of all that start at the same moment exactly one gets the database, in every round."""
    url = f"sqlite:///{tmp_path / 'chat.db'}"
    if kind == "postgres":
        url = postgres.url.render_as_string(hide_password=False)

    refusals: list[str] = []

    def start(_: int) -> SqlStore | None:
        store = SqlStore(url)
        try:
            store.lock()
        except BadStore as problem:
            store.close()
            refusals.append(str(problem))
            return None
        return store

    rounds = ROUNDS if kind == "sqlite" else ROUNDS // 10  # a refusal takes 2 s with PostgreSQL
    with ThreadPoolExecutor(STORES) as threads:
        for _ in range(rounds):
            (winner,) = [each for each in threads.map(start, range(STORES)) if each is not None]
            winner.open()
            assert winner.problems() == []
            winner.close()
    assert len(refusals) == rounds * (STORES - 1)
    assert all("is in use by another server" in each for each in refusals)
