"""Download: fetches one file from the server."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from pyconchat.client.files.download_folder import DownloadFolder
from pyconchat.client.files.snapshot import snapshot_of
from pyconchat.client.files.transfer import (
    MAX_ANSWER_BYTES,
    MAX_IDLE,
    Interrupted,
    Network,
    Transfer,
    TransferFailed,
    TransferProtocol,
)
from pyconchat.domain.text import safe_line

__all__ = ["Download"]

REFUSED = (b"refused ", b"* ")
"""The start of a refusal: of the transfer, or of a connection before any input was read."""

REFUSAL = re.compile(rb"(refused [a-z-]+: |\* )([^\n]*)\n")


class Download(Transfer):
    """Fetches the file *name* into *folder*."""

    verb = "fetching"

    def __init__(self, network: Network, name: str, size: int, folder: DownloadFolder) -> None:
        super().__init__(network, name, size)
        self._folder = folder

    async def fetch(self, number: int, sha256: str, ticket: Callable[[], Deferred[str]]) -> Path:
        """Fetch the file; return its path. *ticket* fires with a ticket.

        Raises `TransferFailed`.
        """
        try:
            file, path = self._folder.begin(number, sha256)
        except OSError as problem:
            raise TransferFailed(f"{self.name}: {problem.strerror}") from None

        async def attempt() -> None:
            self._start_attempt(file.seek(0, os.SEEK_END))
            if self.done >= self.size:
                return
            header = f"download {await ticket()} {self.done}\n"
            protocol = _DownloadProtocol(
                self._network, header, file, self.size - self.done, self._moved
            )
            await self._connect(protocol)
            await protocol.complete

        with file:
            await self._retry(lambda: Deferred.fromCoroutine(attempt()))
            file.flush()
        if (await self._network.run(snapshot_of, path)).sha256 != sha256:
            path.unlink()
            raise TransferFailed(f"{self.name}: its hash is wrong; the file was deleted.")
        try:
            return self._folder.finish(path, self.name)
        except OSError as problem:
            raise TransferFailed(f"{self.name}: {problem.strerror}") from None


class _DownloadProtocol(TransferProtocol):
    """Writes the next *size* bytes from the server to *file*.

    *complete* fires when all are written. It fails with `TransferFailed` if the server refuses
    or the disk is full, and with `Interrupted` if the connection ends before.
    """

    def __init__(
        self,
        network: Network,
        header: str,
        file: BinaryIO,
        size: int,
        moved: Callable[[int], None],
    ) -> None:
        super().__init__(network, header)
        self.complete: Deferred[None] = Deferred()
        self._file = file
        self._left = size
        self._moved = moved
        self._opening: bytes | None = b""  # the first bytes, while they may be a refusal
        self._problem: Exception | None = None

    def dataReceived(self, data: bytes) -> None:
        self.limit_idle(MAX_IDLE)
        if self._opening is not None:
            self._opening += data
            if _may_be_refusal(self._opening):
                return
            data, self._opening = self._opening, None
        self._write(data[: self._left])

    def _write(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as problem:
            self._problem = TransferFailed(str(problem.strerror))
            self.connection.abortConnection()
            return
        self._left -= len(data)
        self._moved(len(data))
        if not self._left:
            self.connection.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        opening, refusal = self._opening or b"", None
        if len(opening) != self._left:  # otherwise it is a file that looks like a refusal
            refusal = REFUSAL.fullmatch(opening)
        if refusal is None:
            self._write(opening[: self._left])
        if self._problem is not None:
            self.complete.errback(self._problem)
        elif refusal is not None:
            why = safe_line(refusal[2].decode(errors="replace"))
            kind = Interrupted if refusal[1] == b"* " else TransferFailed
            self.complete.errback(kind(why))
        elif self._left:
            self.complete.errback(Interrupted("the connection was lost"))
        else:
            self.complete.callback(None)


def _may_be_refusal(opening: bytes) -> bool:
    return len(opening) < MAX_ANSWER_BYTES and any(
        each.startswith(opening[: len(each)]) for each in REFUSED
    )
