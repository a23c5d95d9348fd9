"""kill -9, many times, under load: nothing that was acknowledged or seen is lost or changed.

``PYCONCHAT_KILLS`` is the number of kills (50); ``PYCONCHAT_SEED`` repeats an earlier run.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import shutil
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from pyconchat.store import SqlStore
from tests.contracts.test_fold import fold_log
from tests.support.programs import Object, Program, line_of, place_of
from tests.support.servers import PATIENCE, Server

pytestmark = pytest.mark.torture

KILLS = int(os.environ.get("PYCONCHAT_KILLS", "50"))
SEED = int(os.environ.get("PYCONCHAT_SEED", time.time_ns() % 1_000_000))

GROUP = "tea"
SENDERS = ("ann", "ben", "cleo")
OUTSTANDING = 16
EVER = 2**62
WORDS = re.compile(r"w-[a-z]+-\d+")  # the text of each message, which is sent once
GONE = (ConnectionError, asyncio.IncompleteReadError)


class Account:
    """A program that reconnects with its token, and repeats requests that were not answered."""

    def __init__(self, name: str, dice: random.Random, sends: bool) -> None:
        self.name = name
        self.token = ""
        self.sends = sends
        self.said: list[str] = []
        self.unanswered: dict[str, Object] = {}  # by key
        self.answered: dict[str, Object] = {}
        self.seen: dict[
            tuple[str, int], str
        ] = {}  # the text of each entry, by conversation and number
        self.since: dict[str, int] = {}
        self.wrong: list[str] = []
        self._dice = dice
        self._is_live = False

    async def live(self, port: int, until_answered: bool = False) -> None:
        """Log in and talk, until the server is killed, or everything is answered."""
        self._is_live = False
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
        writer.write(line_of(hello=1, name=self.name, token=self.token, since=self.since))
        talking = None
        try:
            hello = json.loads(await reader.readuntil(b"\n"))
            if not hello["ok"]:
                self.wrong.append(str(hello))
                return
            for request in self.unanswered.values():
                writer.write(line_of(**request))
            if self.sends and not until_answered:
                talking = asyncio.ensure_future(self._talk(writer))
            while not until_answered or self.unanswered or not self._is_live:
                self._take(json.loads(await reader.readuntil(b"\n")))
        finally:
            if talking is not None:
                talking.cancel()
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _talk(self, writer: asyncio.StreamWriter) -> None:
        while True:
            await asyncio.sleep(self._dice.uniform(0, 0.01))
            if len(self.unanswered) >= OUTSTANDING:
                continue
            words = f"w-{self.name}-{len(self.said)}"
            self.said.append(words)
            other = self._dice.choice([each for each in SENDERS if each != self.name])
            lines = [words] * 6 + [f"/me {words}", f"/msg {other} {words}"]
            if self.name == SENDERS[0]:
                lines += [f"/topic {words}", f"/create {words} open"]
                lines += [f"/kick nobody {words}"]  # refused, like all its repetitions
            line = self._dice.choice(lines)
            request: Object = {"id": words, "key": words, "line": line, "group": GROUP}
            self.unanswered[words] = request
            writer.write(line_of(**request))

    def _take(self, each: Object) -> None:
        if "re" in each:
            request = self.unanswered.pop(each["re"], None)
            if request is None:
                self.wrong.append(f"answered twice: {each}")
            elif each["ok"] == request["line"].startswith("/kick"):
                self.wrong.append(f"{request} was answered by {each}")
            self.answered[each["re"]] = each
        elif "seq" in each:
            place, seq = place_of(each), each["seq"]
            last = self.since.get(place, 0)
            if seq != last + 1:
                self.wrong.append(f"{self.name} has {last} of {place}; the next entry is {each}")
            self.since[place] = seq
            self.seen[place, seq] = "".join(WORDS.findall(json.dumps(each))[:1])
        elif each.get("type") == "live":
            self._is_live = True


class NcUser:
    """A user at nc, who talks or only reads."""

    def __init__(self, name: str, dice: random.Random, sends: bool) -> None:
        self.name = name
        self.said: list[str] = []
        self.seen: set[str] = set()
        self._dice = dice
        self._sends = sends

    async def live(self, port: int) -> None:
        """Log in and talk, until the server is killed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"{self.name}\nsecret of {self.name}\n{GROUP}\n".encode())
        talking = asyncio.ensure_future(self._talk(writer))
        try:
            while True:
                line = await reader.readuntil(b"\n")
                self.seen.update(WORDS.findall(line.decode()))
        finally:
            talking.cancel()
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _talk(self, writer: asyncio.StreamWriter) -> None:
        while self._sends:
            await asyncio.sleep(self._dice.uniform(0, 0.01))
            self.said.append(f"w-{self.name}-{len(self.said)}")
            writer.write(f"{self.said[-1]}\n".encode())


class World:
    """All users, and the log after the last kill."""

    def __init__(self, server: Server, seed: int) -> None:
        self.server = server
        self.dice = random.Random(seed)
        self.programs = [Account(name, self.dice, True) for name in SENDERS]
        self.programs.append(Account("reader", self.dice, False))
        self.people = [NcUser("pam", self.dice, True), NcUser("rob", self.dice, False)]
        self.log: dict[tuple[int, int], str] = {}

    def settle(self) -> None:
        """Register all users, and have them join the group."""
        for each in (*self.programs, *self.people):
            with closing(Program(self.server.port)) as program:
                hello = program.logs_in(each.name, f"secret of {each.name}")
                program.asks(f"/create {GROUP} open")
                program.does(f"/join {GROUP}")
                if isinstance(each, Account):
                    each.token = hello["token"]
                    each.since[GROUP] = program.does("here", GROUP)["seq"]

    async def suffer(self) -> None:
        """Let all users talk, and kill the server at a random moment."""
        lives = [each.live(self.server.port) for each in (*self.programs, *self.people)]
        everybody = asyncio.gather(*lives, return_exceptions=True)
        await asyncio.sleep(self.dice.choice([0.1, 0.5, 1.0, 1.0]) * self.dice.random())
        assert self.server.process is not None
        self.server.process.kill()
        for end in await asyncio.wait_for(everybody, PATIENCE):
            if end is not None and not isinstance(end, GONE):
                raise end
        self.server.process.wait(PATIENCE)
        assert self.server.tracebacks() == []
        self.server.kill()  # which it is; forget the log

    async def find_peace(self) -> None:
        """Let the programs log in again, until everything is answered."""
        lives = [each.live(self.server.port, until_answered=True) for each in self.programs]
        await asyncio.wait_for(asyncio.gather(*lives), 3 * PATIENCE)

    def check(self, folder: Path, at_peace: bool = False) -> None:
        """Compare what all users know with a copy of what is on the disk."""
        folder.mkdir()
        for suffix in ("", "-wal"):
            with suppress(FileNotFoundError):
                shutil.copy(self.server.state / f"pyconchat.db{suffix}", folder)
        path = folder / "pyconchat.db"
        with closing(sqlite3.connect(path)) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            rows = database.execute("SELECT conversation, seq, body FROM entries").fetchall()
            heads = dict(database.execute("SELECT id, head FROM conversations"))
            groups = dict(database.execute("SELECT name, conversation FROM groups"))
            pairs = {
                frozenset(parties): id
                for id, *parties in database.execute(
                    "SELECT id, party_a, party_b FROM conversations"
                )
                if parties[0] is not None
            }
        log = {(conversation, seq): body for conversation, seq, body in rows}
        counts = dict.fromkeys(heads, 0)
        for conversation, _ in log:
            counts[conversation] += 1
        assert counts == heads
        assert all((id, seq) in log for id, head in heads.items() for seq in range(1, head + 1))
        assert self.log.items() <= log.items(), "what was stored has changed"
        self.log = log

        places: dict[str, list[tuple[int, int]]] = {}
        for place, body in log.items():
            for words in WORDS.findall(body)[:1]:
                places.setdefault(words, []).append(place)
        twice = {words: where for words, where in places.items() if len(where) > 1}
        assert twice == {}
        for account in self.programs:
            assert account.wrong == []
            refused = {key for key, each in account.answered.items() if not each["ok"]}
            assert account.answered.keys() - refused <= places.keys()
            assert not refused & places.keys()
            for key, answer in account.answered.items():
                if answer["ok"] and "seq" in answer:
                    assert places[key][0][1] == answer["seq"], answer
            for (place, seq), words in account.seen.items():
                if place.startswith("@"):
                    id = pairs[frozenset((account.name, place[1:]))]
                else:
                    id = groups[place]
                assert words in log[id, seq]
            if at_peace:
                assert set(account.said) == account.answered.keys()
        for person in self.people:
            assert person.seen <= places.keys()
            stored = [places[words][0] for words in person.said if words in places]
            assert stored == sorted(stored)
        store = SqlStore(f"sqlite:///{path}")
        with closing(store):
            states = store.state(groups.values())[0]
            for id, state in states.items():
                assert fold_log(store.entries(id, 0, EVER, 10**9)).state == state.state
        shutil.rmtree(folder)


def test_killed_at_random_moments(tmp_path: Path) -> None:
    """Acknowledged entries are stored once; seen entries are stored as seen; no gaps."""
    print(f"PYCONCHAT_SEED={SEED}")
    server = Server(tmp_path)
    world = World(server, SEED)
    server.start()
    try:
        world.settle()
        for _ in range(KILLS):
            asyncio.run(world.suffer())
            world.check(tmp_path / "copy")
            server.start()
        asyncio.run(world.find_peace())
        server.stop()
        world.check(tmp_path / "copy", at_peace=True)
    finally:
        server.stop()
    answered = sum(len(each.answered) for each in world.programs)
    print(f"{KILLS} kills; {len(world.log)} entries, {answered} requests answered")
    assert answered > 20 * KILLS
