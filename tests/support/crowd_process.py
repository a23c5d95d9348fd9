"""A crowd in a process of its own: ``python -m tests.support.crowd_process PORT,PORT FILE``.

The JSON in FILE lists it: ``name``, ``group``, ``sends``, and the ``token`` of a program or the
``password`` of a person at nc. When all are connected, they begin to talk. All reconnect as the
real client does, to the ports in turn. Standard output has a JSON report a few times a second. A
line on standard input stops the messages; when all are answered and received, the process ends.
"""

from __future__ import annotations

import array
import asyncio
import fcntl
import json
import os
import random
import re
import sys
import termios
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.application.internet import backoffPolicy

from pyconchat.client.net.connection import FIRST_WAIT, MAX_WAIT
from tests.support.programs import Object, line_of

PAUSE = 1.0
"""Seconds between two messages of a sending client."""

CROSSING_SECONDS = 0.05
"""Seconds before the server's last line in which a person's line may cross it in transit."""

MAX_TRANSIT = 30.0
"""Seconds after which a person's line that no program has received is lost."""

WORDS = re.compile(r"w-\w+-\d+")

Log = dict[str, dict[int, str]]
"""The texts of the messages, by group and number, as all programs have received them."""


class Visitor:
    """Somebody who talks, and reconnects after each disconnection, to *ports* in turn."""

    def __init__(self, ports: list[int], name: str, group: str, sends: bool) -> None:
        self.name = name
        self.group = group
        self.sends = sends
        self.live = False
        self.said: list[str] = []
        self.told = 0  # count of notices that the server is stopping
        self.problems: list[str] = []
        self._ports = ports
        self._attempt = 0

    async def run(self) -> None:
        """Connect, and reconnect after each disconnection."""
        wait, attempts = backoffPolicy(FIRST_WAIT, MAX_WAIT, factor=1.6), 0
        while True:
            self._attempt += 1
            port = self._ports[self._attempt % len(self._ports)]
            with suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
                try:
                    await self.lives(reader, writer)
                finally:
                    writer.transport.abort()
            attempts = 0 if self.live else attempts + 1
            self.live = False
            self.has_gone()
            await asyncio.sleep(wait(attempts))

    async def talk(self) -> None:
        """Send messages at random intervals."""
        while self.sends:
            await asyncio.sleep(PAUSE * random.uniform(0.5, 1.5))
            await self.says(f"w-{self.name}-{len(self.said)}")

    async def lives(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Log in, and receive until the end."""
        raise NotImplementedError

    async def says(self, words: str) -> None:
        """Send *words*."""
        raise NotImplementedError

    def has_gone(self) -> None:
        """The connection is lost."""


class Client(Visitor):
    """A program, which repeats unanswered requests with their keys. It adds to *log*."""

    def __init__(
        self, ports: list[int], log: Log, name: str, token: str, group: str, sends: bool
    ) -> None:
        super().__init__(ports, name, group, sends)
        self.unanswered: dict[str, Object] = {}
        self.seqs: dict[str, int] = {}  # the numbers in the answers
        self.last = 0  # the number of the newest entry received
        self._token = token
        self._log = log.setdefault(group, {})
        self._writer: asyncio.StreamWriter | None = None

    async def says(self, words: str) -> None:
        self.said.append(words)
        request = {"id": words, "key": words, "group": self.group, "text": words}
        self.unanswered[words] = request
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(line_of(**request))

    async def lives(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        since = {self.group: self.last} if self.last else {}
        writer.write(line_of(hello=1, since=since, name=self.name, token=self._token))
        while True:
            line = await reader.readuntil(b"\n")
            if line.startswith(b"{"):  # otherwise it is refused
                self._take(json.loads(line), writer)

    def has_gone(self) -> None:
        self._writer = None

    def _take(self, each: Object, writer: asyncio.StreamWriter) -> None:
        if "hello" in each:
            if not each["ok"]:
                self.problems.append(str(each))
        elif "re" in each:
            if not each["ok"]:
                self.problems.append(str(each))
            elif self.unanswered.pop(each["re"], None) is not None:
                self.seqs[each["re"]] = each["seq"]
        elif each["type"] == "live":
            self.live, self._writer = True, writer
            for request in self.unanswered.values():
                writer.write(line_of(**request))
        elif each["type"] == "end":
            self.told += each["why"] == "stopping"
        elif "seq" in each and each["group"] == self.group:
            if self.last and each["seq"] != self.last + 1:
                self.problems.append(f"has {self.last}; the next entry is {each}")
            self.last = each["seq"]
            if each["type"] == "message":
                text = self._log.setdefault(each["seq"], each["text"])
                if text != each["text"]:
                    self.problems.append(f"{each['seq']} was {text}, and is {each}")


class Person(Visitor):
    """Somebody at nc, whose lines are not answered."""

    def __init__(self, ports: list[int], name: str, password: str, group: str, sends: bool) -> None:
        super().__init__(ports, name, group, sends)
        self.heard: list[str] = []
        self.crossing: list[str] = []  # lines sent while the server's last line was in transit
        self._password = password
        self._spoke_at = 0.0
        self._writer: asyncio.StreamWriter | None = None

    async def says(self, words: str) -> None:
        while self._writer is None or self._unread():
            await asyncio.sleep(0.005)  # people read the screen before they continue
        self.said.append(words)
        self._spoke_at = time.monotonic()
        self._writer.write(f"{words}\n".encode())

    async def lives(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{self.name}\n{self._password}\n{self.group}\n".encode())
        while True:
            line = (await reader.readuntil(b"\n")).decode()
            if f"You are in {self.group}" in line:
                self.live, self._writer = True, writer
            elif "server is stopping" in line:
                self.told += 1
                self._writer = None
                if time.monotonic() - self._spoke_at < CROSSING_SECONDS:
                    self.crossing.append(self.said[-1])
            else:
                self.heard += WORDS.findall(line)

    def has_gone(self) -> None:
        self._writer = None

    def _unread(self) -> int:
        assert self._writer is not None
        count = array.array("i", [0])
        fcntl.ioctl(self._writer.get_extra_info("socket").fileno(), termios.FIONREAD, count)
        return count[0]

    def has_heard(self, log: Log) -> bool:
        """Return whether nothing in *log* is new to the person, and it has their last line."""
        texts = set(log[self.group].values())
        others = {text for text in texts if f"w-{self.name}-" not in text}
        return others <= set(self.heard) and self._was_received(texts)

    def _was_received(self, texts: set[str]) -> bool:
        """Return whether the last line is among *texts*, or lost, which the test then reports."""
        is_old = time.monotonic() - self._spoke_at > MAX_TRANSIT
        return is_old or not self.said or self.said[-1] in texts | set(self.crossing)


async def main(ports: list[int], members: list[dict[str, Any]]) -> None:
    """Run all, and report."""
    log: Log = {}
    turns = [ports[number % len(ports) :] + ports[: number % len(ports)] for number in range(2)]
    clients, people = [], []
    for number, each in enumerate(members):
        if "token" in each:
            clients.append(Client(turns[number % 2], log, **each))
        else:
            people.append(Person(turns[number % 2], **each))
    visitors: list[Visitor] = [*clients, *people]
    coming = [asyncio.ensure_future(each.run()) for each in visitors]
    talking: list[asyncio.Future[None]] = []
    ending = asyncio.ensure_future(asyncio.to_thread(sys.stdin.readline))
    while True:
        answered = not any(each.unanswered for each in clients)
        report: Object = {
            "at": time.monotonic(),
            "live": sum(each.live for each in visitors),
            "told": sum(each.told for each in visitors),
            "said": sum(len(each.said) for each in visitors),
            "problems": [problem for each in visitors for problem in each.problems][:5],
            "ended": ending.done() and answered,
        }
        heads = {(each.group, each.last) for each in clients}
        received = len(heads) == len({each.group for each in clients})
        received = received and all(each.has_heard(log) for each in people if log)
        if report["ended"]:
            report["seqs"] = {key: seq for each in clients for key, seq in each.seqs.items()}
            report["last"] = [each.last for each in clients]
            report["log"] = log
            report["people"] = [
                [each.name, each.group, each.said, each.crossing, each.heard] for each in people
            ]
        print(json.dumps(report), flush=True)
        if report["ended"] and received:
            break
        if not talking and all(each.live for each in visitors):
            talking = [asyncio.ensure_future(each.talk()) for each in visitors]
        if ending.done():
            for task in talking:
                task.cancel()
        assert not any(each.done() for each in coming)
        await asyncio.sleep(0.1)
    os._exit(0)  # at once: closing a thousand connections is not measured


if __name__ == "__main__":
    asyncio.run(
        main([*map(int, sys.argv[1].split(","))], json.loads(Path(sys.argv[2]).read_text()))
    )
