"""A crowd of JSON clients in a process of its own: ``python -m tests.torture.crowd PORT FILE``.

The JSON in FILE lists the clients: ``name``, ``token``, ``group``, ``sends``. They reconnect as the
real client does. Standard output has a JSON report a few times a second. A line on standard input
stops the messages; when all are answered, the process ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.application.internet import backoffPolicy

from pyconchat.client.net.connection import FIRST_WAIT, MAX_WAIT
from tests.support.programs import Object, line_of

PAUSE = 1.0
"""Seconds between two messages of a sending client."""


class Client:
    """One client of the crowd."""

    def __init__(self, port: int, name: str, token: str, group: str, sends: bool) -> None:
        self.live = False
        self.sends = sends
        self.said = 0
        self.unanswered: dict[str, Object] = {}
        self.seqs: dict[str, int] = {}  # the numbers in the answers
        self.last = 0  # the number of the newest entry received
        self.told = 0  # how many times it was told that the server is stopping
        self.problems: list[str] = []
        self._port = port
        self._account = {"name": name, "token": token}
        self._group = group
        self._writer: asyncio.StreamWriter | None = None

    async def run(self) -> None:
        """Connect, and reconnect after each disconnection."""
        wait, attempts = backoffPolicy(FIRST_WAIT, MAX_WAIT, factor=1.6), 0
        while True:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._connect()
            attempts = 0 if self.live else attempts + 1
            self.live, self._writer = False, None
            await asyncio.sleep(wait(attempts))

    async def talk(self) -> None:
        """Send messages at random intervals."""
        while self.sends:
            await asyncio.sleep(PAUSE * random.uniform(0.5, 1.5))
            words = f"w-{self._account['name']}-{self.said}"
            self.said += 1
            self.unanswered[words] = {
                "id": words,
                "key": words,
                "group": self._group,
                "text": words,
            }
            if self._writer is not None and not self._writer.is_closing():
                self._writer.write(line_of(**self.unanswered[words]))

    async def _connect(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**20)
        try:
            since = {self._group: self.last} if self.last else {}
            writer.write(line_of(hello=1, since=since, **self._account))
            while True:
                line = await reader.readuntil(b"\n")
                if line.startswith(b"{"):  # otherwise it is refused
                    self._take(json.loads(line), writer)
        finally:
            writer.transport.abort()

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
        elif "seq" in each and each["group"] == self._group:
            if self.last and each["seq"] != self.last + 1:
                self.problems.append(f"has {self.last}; the next entry is {each}")
            self.last = each["seq"]


async def main(port: int, people: list[dict[str, Any]]) -> None:
    """Run all clients, and report."""
    clients = [Client(port, **each) for each in people]
    coming = [asyncio.ensure_future(each.run()) for each in clients]
    talking = [asyncio.ensure_future(each.talk()) for each in clients]
    ending = asyncio.ensure_future(asyncio.to_thread(sys.stdin.readline))
    while True:
        answered = not any(each.unanswered for each in clients)
        heads = Counter(each.last for each in clients)
        report: Object = {
            "live": sum(each.live for each in clients),
            "told": sum(each.told for each in clients),
            "said": sum(each.said for each in clients),
            "problems": [problem for each in clients for problem in each.problems][:5],
            "ended": ending.done() and answered,
        }
        if report["ended"]:
            report["seqs"] = {key: seq for each in clients for key, seq in each.seqs.items()}
            report["last"] = [each.last for each in clients]
        print(json.dumps(report), flush=True)
        if report["ended"] and len(heads) <= len({each["group"] for each in people}):
            break
        if ending.done():
            for each in talking:
                each.cancel()
        assert not any(each.done() for each in coming)
        await asyncio.sleep(0.1)
    os._exit(0)  # at once: closing a thousand connections is not measured


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())))
