"""kill -9 of nodes, of the bus and of the database, under load of programs with request keys.

``PYCONCHAT_KILLS`` is the number of kills (50); ``PYCONCHAT_SEED`` repeats an earlier run.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pyconchat.store import SqlStore
from tests.contracts.test_fold import fold_log
from tests.support.postgres import Restartable
from tests.support.programs import Object, Program
from tests.support.redis import RedisServer
from tests.support.servers import PATIENCE, Server
from tests.torture.test_kills import EVER, GONE, GROUP, SENDERS, WORDS, Account

pytestmark = pytest.mark.torture

KILLS = int(os.environ.get("PYCONCHAT_KILLS", "50"))
SEED = int(os.environ.get("PYCONCHAT_SEED", time.time_ns() % 1_000_000))
REPEATED = ("not-saved", "unknown", "busy", "trouble")
"""Codes of refusals after which a program repeats its request with the same key."""


class NodeAccount(Account):
    """A program that also repeats what could not be saved, as the database was killed."""

    def _take(self, each: Object) -> None:
        if "re" in each and not each["ok"] and each.get("code") in REPEATED:
            return  # it stays unanswered, and is repeated at the next login
        super()._take(each)

    async def logs_in(self, port: int, until_answered: bool = False) -> None:
        """As `live`; raises `ConnectionError` if the node cannot reach its database."""
        wrong = len(self.wrong)
        try:
            await self.live(port, until_answered)
        except (
            KeyError,
            ValueError,
        ):  # the end, or, on a busy machine, the greeting of the line door
            raise ConnectionError from None
        if len(self.wrong) > wrong and any(code in self.wrong[-1] for code in REPEATED):
            del self.wrong[-1]  # the hello was refused
            raise ConnectionError

    async def stays(self, ports: list[int]) -> None:
        """Be logged in at any node, as long as that lives."""
        while True:
            try:
                await self.logs_in(self._dice.choice(ports))
            except GONE:
                await asyncio.sleep(0.1)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Restartable]:
    server = Restartable()
    yield server
    server.stop()


class World:
    """Two nodes, their database and their bus, and the programs."""

    def __init__(self, folder: Path, postgres: Restartable, redis: RedisServer | None) -> None:
        self.dice = random.Random(SEED)
        self.postgres, self.redis = postgres, redis
        self.url = postgres.url.render_as_string(hide_password=False)
        self.starts = 0
        self.nodes: list[Server] = []
        for number in range(2):
            place = folder / f"node{number}"
            place.mkdir()
            self.nodes.append(Server(place))
            self.start(self.nodes[-1])
        self.programs = [NodeAccount(name, self.dice, True) for name in SENDERS]
        self.programs += [NodeAccount(name, self.dice, False) for name in ("reader", "rita")]

    @property
    def ports(self) -> list[int]:
        return [node.port for node in self.nodes]

    def start(self, node: Server) -> None:
        """Start *node* under a new name: the lease of the one that was killed still lasts."""
        self.starts += 1
        node._toml = f'[store]\nurl = "{self.url}"\n[node]\nname = "n{self.starts}"\n'
        if self.redis is not None:
            node._toml += f'[bus]\nurl = "redis://127.0.0.1:{self.redis.port}"\n'
        node.start()

    def settle(self) -> None:
        """Register all programs, and have them join the group."""
        for number, each in enumerate(self.programs):
            with closing(Program(self.ports[number % 2])) as program:
                each.token = program.logs_in(each.name, f"secret of {each.name}")["token"]
                program.asks(f"/create {GROUP} open")
                program.does(f"/join {GROUP}")
                each.since[GROUP] = program.does("here", GROUP)["seq"]

    async def suffer(self) -> None:
        """Let all programs talk, and kill something at a random moment."""
        lives = [asyncio.ensure_future(each.stays(self.ports)) for each in self.programs]
        await asyncio.sleep(self.dice.uniform(0.1, 1.0))
        choice = self.dice.random()
        if choice < 0.5:
            node = self.dice.choice(self.nodes)
            assert node.process is not None
            node.process.kill()
            node.process.wait(PATIENCE)
            await asyncio.sleep(self.dice.uniform(0.1, 0.5))
            await asyncio.to_thread(self.restart, node)
        elif choice < 0.8 and self.redis is not None:
            self.redis.kill()
            await asyncio.sleep(self.dice.uniform(0.1, 0.5))
            self.redis.start()
        else:
            self.postgres._process.send_signal(signal.SIGQUIT)  # as a crash: nothing is flushed
            self.postgres._process.wait(PATIENCE)
            await asyncio.sleep(self.dice.uniform(0.0, 0.3))
            await asyncio.to_thread(self.postgres.resume)
        await asyncio.sleep(self.dice.uniform(0.1, 0.5))
        for each in lives:
            each.cancel()
        for end in await asyncio.gather(*lives, return_exceptions=True):
            if isinstance(end, Exception) and not isinstance(end, GONE):
                raise end

    def restart(self, node: Server) -> None:
        node.kill()  # which it is; forget the log
        self.start(node)

    async def find_peace(self) -> None:
        """Let the programs log in again, until everything is answered; and then for the rest."""
        for each in (*self.programs, *self.programs):
            for _ in range(10):
                try:
                    life = each.logs_in(self.dice.choice(self.ports), until_answered=True)
                    await asyncio.wait_for(life, PATIENCE)
                except (*GONE, TimeoutError):
                    continue
                break

    def check(self) -> None:
        """Compare what the programs know with the log."""
        with closing(SqlStore(self.url)) as store:
            store.open_as_is()
            loaded = store.load()
            conversations = {stored.state.name: id for id, stored in loaded.groups.items()}
            log: dict[tuple[str, int], str] = {}
            for name, id in conversations.items():
                entries = store.entries(id, 0, EVER, 10**9)
                assert [each.seq for each in entries] == list(range(1, len(entries) + 1))
                for each in entries:
                    log[name, each.seq] = "".join(WORDS.findall(str(each.event))[:1])
                assert fold_log(entries).state == loaded.groups[id].state
        places: dict[str, list[tuple[str, int]]] = {}
        for place, words in log.items():
            if words:
                places.setdefault(words, []).append(place)
        assert {words: where for words, where in places.items() if len(where) > 1} == {}
        for account in self.programs:
            assert account.wrong == [], account.wrong[:3]
            for key, answer in account.answered.items():
                private = "/msg" in str(answer) or "to" in answer
                if answer["ok"] and "seq" in answer and key in places and not private:
                    assert places[key][0][1] == answer["seq"], answer
            for (place, seq), words in account.seen.items():
                if not place.startswith("@"):
                    assert words == log[place, seq], (account.name, place, seq)
            assert account.since[GROUP] == max(seq for name, seq in log if name == GROUP)
            assert set(account.said) == account.answered.keys()


@pytest.mark.parametrize("bus", ["notify", "redis"])
def test_killed_at_random_moments(tmp_path: Path, postgres: Restartable, bus: str) -> None:
    """Nothing is lost, repeated or reordered, and everybody has everything in the end."""
    print(f"PYCONCHAT_SEED={SEED}")
    redis = None
    if bus == "redis":
        redis = RedisServer()
        redis.start()
    world = World(tmp_path, postgres, redis)
    try:
        world.settle()
        for _ in range(KILLS // 2):
            asyncio.run(world.suffer())
        time.sleep(2)  # the lease of a killed node may still be there; a comparison of heads is due
        asyncio.run(world.find_peace())
        world.check()
    finally:
        for node in world.nodes:
            node.stop()
        if redis is not None:
            redis.close()
        postgres.forget()
    answered = sum(len(each.answered) for each in world.programs)
    print(f"{KILLS // 2} kills of {bus}; {answered} requests answered")
    assert answered > KILLS
