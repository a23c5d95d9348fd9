"""Download: sends a file from the disk, as fast as the peer reads it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.group_state import SharedFile
from pyconchat.doors.transfer.interfaces import ITransfer, ITransferPeer
from pyconchat.files.sharing import FileSharing

__all__ = ["Download", "open_file"]

READ_SIZE = 256 * 1024
"""Bytes that are read from the disk at once."""

WRITE_SIZE = 32 * 1024
"""Bytes that are written at once: a slow peer that reads so many makes progress."""


@implementer(ITransfer, IPushProducer)
class Download:
    """The download of *size* bytes of the file open as *descriptor*, from its position.

    *require_right* raises `Refused` as soon as the peer may not read the file.
    """

    def __init__(
        self,
        peer: ITransferPeer,
        descriptor: int,
        require_right: Callable[[], None],
        size: int,
    ) -> None:
        self._peer = peer
        self._left = size
        self._require_right = require_right
        self._descriptor = descriptor
        self._pieces: list[bytes] = []  # read from the disk, not written yet
        self._reading = False
        self._paused = False
        self._stopped = False

    def begin(self, first: bytes) -> None:
        self._peer.connection.resumeProducing()
        self._peer.connection.registerProducer(self, True)
        self.resumeProducing()

    def received(self, data: bytes) -> None:
        """Ignored: a download takes no input."""

    def input_ended(self) -> None:
        """Ignored: `nc` ends its input at once, and still gets the file."""

    def cut(self, _answer: Callable[[], None] | None = None) -> None:
        self.stopProducing()

    def resumeProducing(self) -> None:
        """Continue: the peer has read the output."""
        self._paused = False
        self._peer.made_progress()
        while self._pieces and not self._paused and not self._stopped:
            self._peer.connection.write(self._pieces.pop(0))
        if not (self._pieces or self._paused or self._reading or self._stopped):
            try:
                self._require_right()
            except Refused:
                self._abort()
                return
            self._reading = True
            size = min(READ_SIZE, self._left)
            reading = self._peer.files.run(os.read, self._descriptor, size)
            reading.addCallbacks(self._read, self._failed)

    def pauseProducing(self) -> None:
        self._paused = True

    def stopProducing(self) -> None:
        if not self._stopped:
            self._stopped = True
            if not self._reading:
                os.close(self._descriptor)

    def _read(self, data: bytes) -> None:
        self._reading = False
        if self._stopped:
            os.close(self._descriptor)
            return
        if not data:
            self.stopProducing()
            self._peer.connection.unregisterProducer()
            self._peer.connection.loseConnection()
            return
        self._left -= len(data)
        self._pieces = [data[at : at + WRITE_SIZE] for at in range(0, len(data), WRITE_SIZE)]
        if not self._paused:
            self.resumeProducing()

    def _failed(self, failure: Failure) -> None:
        self._reading = False
        self._abort()

    def _abort(self) -> None:
        """End at once: an orderly close would make a short file look complete."""
        self.stopProducing()
        self._peer.connection.abortConnection()


async def open_file(files: FileSharing, file: SharedFile, offset: int) -> int:
    """Return a descriptor of *file*, at *offset* bytes. Raises `Refused` or `OSError`."""
    opening: Deferred[int] = files.run(_open_at, files.path_of(file), offset)
    try:
        return await opening
    except FileNotFoundError:
        what = "The bytes of that file are gone from the server's disk: tell its operator."
        raise Refused(Code.NO_SUCH_FILE, what) from None


def _open_at(path: Path, offset: int) -> int:
    """Return a descriptor of the file at *path*, at *offset* bytes. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    os.lseek(descriptor, offset, os.SEEK_SET)
    return descriptor
