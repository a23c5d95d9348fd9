"""Upload: sends one file to the server."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.client.files.snapshot import Snapshot, snapshot_of
from pyconchat.client.files.transfer import (
    MAX_ANSWER_BYTES,
    MAX_IDLE,
    Interrupted,
    Network,
    RefusedForNow,
    Transfer,
    TransferFailed,
    TransferProtocol,
)
from pyconchat.domain.text import safe_line

__all__ = ["Upload"]

BLOCK_BYTES = 256 * 1024
"""Bytes that are read from the disk at once."""

CHANGES = "it changes while it is sent"

TEMPORARY = ("bad-argument", "busy", "too-many")
"""Codes of refusals while the server has not noticed the end of an earlier attempt."""


class Upload(Transfer):
    """Sends the file at *path*. *number* is assigned by the server. Raises `OSError`."""

    verb = "sending"

    def __init__(self, network: Network, path: Path) -> None:
        name = safe_line(os.fsencode(path.name).decode(errors="replace"))
        super().__init__(network, name, path.stat().st_size)
        self.path = path
        self.number = 0

    async def send(
        self,
        ticket: Callable[[], Deferred[tuple[str, int]]],
        shared: Callable[[str], Deferred[int]],
    ) -> None:
        """Send the file's current content. Raises `TransferFailed`, `OSError`.

        *ticket* fires with a ticket and the offset from which to send. *shared* gets a hash and
        fires with the number of our shared file that has it, or 0; it is called when everything
        was sent, and the connection was lost before the server's answer.
        """
        snapshot: Snapshot = await self._network.run(snapshot_of, self.path)
        self.size = snapshot.size
        all_sent = begun = False

        async def attempt() -> None:
            nonlocal all_sent, begun
            if all_sent:
                self.number = await shared(snapshot.sha256)
                if self.number:
                    return
            if begun and await self._network.run(snapshot_of, self.path, self.size) != snapshot:
                raise TransferFailed(f"{self.name}: {CHANGES}")
            begun = True
            token, offset = await ticket()
            self._start_attempt(min(offset, self.size))
            with self.path.open("rb") as file:
                file.seek(self.done)
                header = f"upload {token} {self.done} {self.size} {snapshot.sha256}\n"
                left = self.size - self.done
                protocol = _UploadProtocol(self._network, header, file, left, self._moved)
                await self._connect(protocol)
                try:
                    answer = await protocol.answer
                except OSError as problem:
                    raise TransferFailed(f"{self.name}: {problem.strerror}") from None
            all_sent = self.done >= self.size
            self._handle_answer(answer)

        await self._retry(lambda: Deferred.fromCoroutine(attempt()))

    def _handle_answer(self, answer: str) -> None:
        verb, _, rest = answer.partition(" ")
        if verb == "refused":
            code, _, why = rest.partition(": ")
            if code in TEMPORARY:
                raise RefusedForNow(why)
            raise TransferFailed(f"{self.name}: {why}")
        if verb == "*":  # the connection was refused before any input was read
            raise Interrupted(rest)
        if verb != "shared":
            raise Interrupted("the connection was lost")
        self.done = self.size
        number = rest.split()[0] if rest else ""
        self.number = int(number) if number.isdecimal() else 0


@implementer(IPushProducer)
class _UploadProtocol(TransferProtocol):
    """Sends *left* bytes of *file* as fast as the server reads them.

    *answer* fires with the server's line, or with "" if the connection ends without one. It fails
    with `OSError` if the file cannot be read or is shorter.
    """

    def __init__(
        self,
        network: Network,
        header: str,
        file: BinaryIO,
        left: int,
        moved: Callable[[int], None],
    ) -> None:
        super().__init__(network, header)
        self.answer: Deferred[str] = Deferred()
        self._file = file
        self._left = left
        self._problem: OSError | None = None
        self._moved = moved
        self._run = network.run
        self._received = b""
        self._reading = False
        self._paused = False
        self._stopped = False

    def connectionMade(self) -> None:
        super().connectionMade()
        self.connection.registerProducer(self, True)
        self.resumeProducing()

    def dataReceived(self, data: bytes) -> None:
        self._received = (self._received + data)[:MAX_ANSWER_BYTES]
        if b"\n" in self._received:
            self.stopProducing()
            self.connection.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self.stopProducing()
        answer = self._received.partition(b"\n")[0].decode(errors="replace")
        if self._problem is not None:
            self.answer.errback(self._problem)
        else:
            self.answer.callback(safe_line(answer))

    def resumeProducing(self) -> None:
        self._paused = False
        if not self._reading and not self._stopped:
            self._reading = True
            reading = self._run(self._file.read, min(BLOCK_BYTES, self._left))
            reading.addCallbacks(self._read, self._reading_failed)

    def pauseProducing(self) -> None:
        self._paused = True

    def stopProducing(self) -> None:
        if not self._stopped:
            self._stopped = True
            self.connection.unregisterProducer()

    def _read(self, data: bytes) -> None:
        self._reading = False
        if self._stopped:
            return
        if not self._left:
            self.stopProducing()  # the server answers now
            return
        if not data:
            self._fail(OSError(0, CHANGES))
            return
        self._left -= len(data)
        self.limit_idle(MAX_IDLE)
        self.connection.write(data)
        self._moved(len(data))
        if not self._paused:
            self.resumeProducing()

    def _reading_failed(self, failure: Failure) -> None:
        self._reading = False
        why = getattr(failure.value, "strerror", None)
        self._fail(OSError(0, why or "it cannot be read"))

    def _fail(self, problem: OSError) -> None:
        self._problem = problem
        self.connection.abortConnection()
