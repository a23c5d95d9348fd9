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

from pyconchat.client.files.transfer import (
    MAX_ANSWER_BYTES,
    MAX_IDLE,
    Interrupted,
    Network,
    RefusedForNow,
    Transfer,
    TransferFailed,
    TransferProtocol,
    sha256_of,
)
from pyconchat.domain.text import safe_line

__all__ = ["Upload"]

BLOCK_BYTES = 256 * 1024
"""Bytes that are read from the disk at once."""

TEMPORARY = ("bad-argument", "busy", "too-many")
"""Codes of refusals while an earlier attempt has not ended at the server."""


class Upload(Transfer):
    """Sends the file at *path*. *number* is the one that the server gives it. Raises `OSError`."""

    verb = "sending"

    def __init__(self, network: Network, path: Path) -> None:
        name = safe_line(os.fsencode(path.name).decode(errors="replace"))
        super().__init__(network, name, path.stat().st_size)
        self.path = path
        self.number = 0
        self._sha256 = ""

    async def send(
        self,
        ticket: Callable[[], Deferred[tuple[str, int]]],
        shared: Callable[[str], Deferred[int]],
    ) -> None:
        """Send the file. Raises `TransferFailed`, `OSError`.

        *ticket* fires with a ticket and the offset from which to send. *shared* gets a hash and
        fires with the number of our shared file that has it, or 0; it is asked when everything
        was sent, and the connection was lost before the server's answer.
        """
        self._sha256 = await self._network.run(sha256_of, self.path)
        all_sent = False

        async def attempt() -> None:
            nonlocal all_sent
            if all_sent:
                self.number = await shared(self._sha256)
                if self.number:
                    return
            token, offset = await ticket()
            self._start_attempt(min(offset, self.size))
            with self.path.open("rb") as file:
                file.seek(self.done)
                header = f"upload {token} {self.done} {self.size} {self._sha256}\n"
                protocol = _UploadProtocol(self._network, header, file, self._moved)
                await self._connect(protocol)
                answer = await protocol.answer
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
        if verb != "shared":
            raise Interrupted("the connection was lost")
        self.done = self.size
        number = rest.split()[0] if rest else ""
        self.number = int(number) if number.isdecimal() else 0


@implementer(IPushProducer)
class _UploadProtocol(TransferProtocol):
    """Sends *file* as fast as the server reads it; *answer* fires with the server's line.

    It fires with "" if the connection ends without one.
    """

    def __init__(
        self, network: Network, header: str, file: BinaryIO, moved: Callable[[int], None]
    ) -> None:
        super().__init__(network, header)
        self.answer: Deferred[str] = Deferred()
        self._file = file
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
        self.answer.callback(safe_line(answer))

    def resumeProducing(self) -> None:
        self._paused = False
        if not self._reading and not self._stopped:
            self._reading = True
            reading = self._run(self._file.read, BLOCK_BYTES)
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
        if not data:
            self.stopProducing()  # the server answers now
            return
        self.limit_idle(MAX_IDLE)
        self.connection.write(data)
        self._moved(len(data))
        if not self._paused:
            self.resumeProducing()

    def _reading_failed(self, _failure: Failure) -> None:
        self._reading = False
        self.connection.abortConnection()
