"""Transfer: one file on its way, over connections of its own, until all of it has arrived."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

from twisted.application.internet import backoffPolicy
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IDelayedCall,
    IPushProducer,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.client.files.downloads import Downloads
from pyconchat.domain.text import safe_text
from pyconchat.net.connection import IConnection

__all__ = ["Broken", "Download", "Transfer", "Upload"]

BLOCK = 256 * 1024
"""Bytes that are read from the disk at once."""

MAX_TRIES = 8
"""Attempts in a row that brought nothing before a transfer is given up."""

NOT_YET = ("bad-argument", "busy", "too-many")
"""Codes of refusals while an earlier attempt has not ended at the server."""

IDLE = 60.0
"""Seconds in which nothing moves after which a connection is given up."""

IDLE_THERE = 90.0
"""Seconds after which a server has certainly noticed that a connection is cut."""

MAX_ANSWER_BYTES = 1024
REFUSED = b"refused "
REFUSAL = re.compile(rb"refused [a-z-]+: ([^\n]*)\n")


class Broken(Exception):
    """The transfer cannot be; the message is one line."""


class _Cut(Exception):
    """The connection ended before its time: there may be another."""


class _NotYet(_Cut):
    """An earlier attempt has not ended at the server, as far as that knows."""


class Transfer:
    """What the screen shows of a transfer of *size* bytes, *done* of which have moved."""

    verb = ""

    def __init__(self, reactor: IReactorTime, name: str, size: int) -> None:
        self.name = name
        self.size = size
        self.done = 0
        self._reactor = reactor
        self._began = reactor.seconds()
        self._first = 0  # bytes that had moved before this run

    @property
    def rate(self) -> float:
        """Return the bytes a second so far."""
        seconds = self._reactor.seconds() - self._began
        return (self.done - self._first) / seconds if seconds > 0.1 else 0.0

    @property
    def left(self) -> float | None:
        """Return how many seconds it still takes, at that rate."""
        return (self.size - self.done) / self.rate if self.rate > 0 else None

    async def _persist(self, attempt: Callable[[], Deferred[None]]) -> None:
        """Make attempts until one succeeds. Raises `Broken`."""
        wait, tries = backoffPolicy(0.2, 10.0, factor=1.7), 0
        begun = self._reactor.seconds()
        while True:
            before = self.done
            try:
                await attempt()
                return
            except Broken:
                raise
            except _NotYet as problem:
                tries += 1
                if self._reactor.seconds() - begun > IDLE_THERE:
                    raise Broken(f"{self.name}: {problem}") from None
            except Exception as problem:  # whatever a connection fails with
                tries = 1 if self.done > before else tries + 1
                if tries >= MAX_TRIES:
                    raise Broken(f"{self.name}: {problem}") from None
            await deferLater(self._reactor, wait(tries))


class Upload(Transfer):
    """The file at *path* on its way to the server, through *endpoint*."""

    verb = "sending"

    def __init__(
        self,
        reactor: IReactorTime,
        endpoint: IStreamClientEndpoint,
        path: Path,
        run: Callable[..., Deferred[Any]],
    ) -> None:
        name = safe_text(os.fsencode(path.name).decode(errors="replace"))
        super().__init__(reactor, name, path.stat().st_size)
        self.path = path
        self._endpoint = endpoint
        self._run = run
        self._sha256 = ""
        self.number = 0

    async def send(
        self,
        ticket: Callable[[], Deferred[tuple[str, int]]],
        shared: Callable[[str], Deferred[int]],
    ) -> None:
        """Send it; *ticket* gets a ticket and what is there already. Raises `Broken`, `OSError`.

        *shared* gets the number of a file of ours with that hash, 0 for none: it is asked where
        all was sent, and only the answer was lost.
        """
        self._sha256 = await self._run(_digest, self.path)
        all_sent = False

        async def attempt() -> None:
            nonlocal all_sent
            if all_sent:
                self.number = await shared(self._sha256)
                if self.number:
                    return
            token, offset = await ticket()
            self.done = self._first = min(offset, self.size)
            self._began = self._reactor.seconds()
            with self.path.open("rb") as file:
                file.seek(self.done)
                header = f"upload {token} {self.done} {self.size} {self._sha256}\n"
                sending = _Sending(self._reactor, header.encode(), file, self._moved, self._run)
                await self._endpoint.connect(Factory.forProtocol(lambda: sending))
                answer = await sending.answer
            all_sent = self.done >= self.size
            self._take(answer)

        await self._persist(lambda: Deferred.fromCoroutine(attempt()))

    def _take(self, answer: str) -> None:
        verb, _, rest = answer.partition(" ")
        if verb == "refused":
            code, _, why = rest.partition(": ")
            if code in NOT_YET:
                raise _NotYet(why)
            raise Broken(f"{self.name}: {why}")
        if verb != "shared":
            raise _Cut("the connection was cut")
        self.done = self.size
        number = rest.split()[0] if rest else ""
        self.number = int(number) if number.isdecimal() else 0

    def _moved(self, count: int) -> None:
        self.done += count


class Download(Transfer):
    """A file on its way into *downloads*."""

    verb = "fetching"

    def __init__(
        self,
        reactor: IReactorTime,
        endpoint: IStreamClientEndpoint,
        name: str,
        size: int,
        downloads: Downloads,
        run: Callable[..., Deferred[Any]],
    ) -> None:
        super().__init__(reactor, name, size)
        self._endpoint = endpoint
        self._downloads = downloads
        self._run = run

    async def fetch(self, number: int, sha256: str, ticket: Callable[[], Deferred[str]]) -> Path:
        """Fetch it; return where it is. *ticket* gets a ticket. Raises `Broken`."""
        try:
            file, path = self._downloads.begin(number, sha256)
        except OSError as problem:
            raise Broken(f"{self.name}: {problem.strerror}") from None

        async def attempt() -> None:
            self.done = self._first = file.seek(0, os.SEEK_END)
            self._began = self._reactor.seconds()
            if self.done >= self.size:
                return
            header = f"download {await ticket()} {self.done}\n"
            fetching = _Fetching(
                self._reactor, header.encode(), file, self.size - self.done, self._moved
            )
            await self._endpoint.connect(Factory.forProtocol(lambda: fetching))
            await fetching.complete

        with file:
            await self._persist(lambda: Deferred.fromCoroutine(attempt()))
            file.flush()
        if await self._run(_digest, path) != sha256:
            path.unlink()
            raise Broken(f"{self.name}: its hash is not what it should be; it was not kept.")
        try:
            return self._downloads.finish(path, self.name)
        except OSError as problem:
            raise Broken(f"{self.name}: {problem.strerror}") from None

    def _moved(self, count: int) -> None:
        self.done += count


@implementer(IPushProducer)
class _Sending(Protocol):
    """Sends *header*, then *file*, as fast as the server takes it, then hears the *answer*."""

    def __init__(
        self,
        reactor: IReactorTime,
        header: bytes,
        file: BinaryIO,
        moved: Callable[[int], None],
        run: Callable[..., Deferred[Any]],
    ) -> None:
        self.answer: Deferred[str] = Deferred()
        self._idle = _Idle(reactor, self)
        self._header = header
        self._file = file
        self._moved = moved
        self._run = run
        self._received = b""
        self._reading = False
        self._paused = False
        self._ended = False

    def connectionMade(self) -> None:
        self._idle.moved()
        connection = cast(IConnection, self.transport)
        connection.write(self._header)
        connection.registerProducer(self, True)
        self.resumeProducing()

    def dataReceived(self, data: bytes) -> None:
        self._received = (self._received + data)[:MAX_ANSWER_BYTES]
        if b"\n" in self._received:
            self.stopProducing()
            cast(IConnection, self.transport).loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._idle.stop()
        self.stopProducing()
        answer = self._received.partition(b"\n")[0].decode(errors="replace")
        self.answer.callback(safe_text(answer))

    def resumeProducing(self) -> None:
        self._paused = False
        if not self._reading and not self._ended:
            self._reading = True
            reading = self._run(self._file.read, BLOCK)
            reading.addCallbacks(self._read, self._failed)

    def pauseProducing(self) -> None:
        self._paused = True

    def stopProducing(self) -> None:
        if not self._ended:
            self._ended = True
            cast(IConnection, self.transport).unregisterProducer()

    def _read(self, data: bytes) -> None:
        self._reading = False
        if self._ended:
            return
        if not data:
            self.stopProducing()  # now the server answers
            return
        self._idle.moved()
        cast(IConnection, self.transport).write(data)
        self._moved(len(data))
        if not self._paused:
            self.resumeProducing()

    def _failed(self, _failure: Failure) -> None:
        self._reading = False
        cast(IConnection, self.transport).abortConnection()


class _Fetching(Protocol):
    """Sends *header*, and writes the *size* bytes that come to *file*."""

    def __init__(
        self,
        reactor: IReactorTime,
        header: bytes,
        file: BinaryIO,
        size: int,
        moved: Callable[[int], None],
    ) -> None:
        self.complete: Deferred[None] = Deferred()
        self._header = header
        self._file = file
        self._left = size
        self._moved = moved
        self._idle = _Idle(reactor, self)
        self._held: bytes | None = b""  # the first bytes, while they may be a refusal
        self._problem: Exception | None = None

    def connectionMade(self) -> None:
        self._idle.moved()
        cast(IConnection, self.transport).write(self._header)

    def dataReceived(self, data: bytes) -> None:
        self._idle.moved()
        if self._held is not None:
            self._held += data
            if _may_refuse(self._held):
                return
            data, self._held = self._held, None
        self._write(data[: self._left])

    def _write(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as problem:
            self._problem = Broken(str(problem.strerror))
            cast(IConnection, self.transport).abortConnection()
            return
        self._left -= len(data)
        self._moved(len(data))
        if not self._left:
            cast(IConnection, self.transport).loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._idle.stop()
        held, refusal = self._held or b"", None
        if len(held) != self._left:  # else it is a file that looks like a refusal
            refusal = REFUSAL.fullmatch(held)
        if refusal is None:
            self._write(held[: self._left])
        if self._problem is not None:
            self.complete.errback(self._problem)
        elif refusal is not None:
            self.complete.errback(Broken(safe_text(refusal[1].decode(errors="replace"))))
        elif self._left:
            self.complete.errback(_Cut("the connection was cut"))
        else:
            self.complete.callback(None)


class _Idle:
    """Gives up the connection of *protocol* when nothing has moved for `IDLE` seconds."""

    def __init__(self, reactor: IReactorTime, protocol: Protocol) -> None:
        self._reactor = reactor
        self._protocol = protocol
        self._timer: IDelayedCall | None = None

    def moved(self) -> None:
        """Something has: it may take as long again."""
        if self._timer is not None and self._timer.active():
            self._timer.reset(IDLE)
        else:
            self._timer = self._reactor.callLater(IDLE, self._give_up)

    def stop(self) -> None:
        """The connection has ended."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _give_up(self) -> None:
        cast(IConnection, self._protocol.transport).abortConnection()


def _may_refuse(opening: bytes) -> bool:
    return len(opening) < MAX_ANSWER_BYTES and REFUSED.startswith(opening[: len(REFUSED)])


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
