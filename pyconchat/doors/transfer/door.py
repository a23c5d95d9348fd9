"""The line door's side for files: one transfer as raw bytes on a connection of its own.

The first line is ``upload TICKET [OFFSET [SIZE [SHA256]]]`` or ``download TICKET [OFFSET]``. One
line answers an upload; a download is the bytes and nothing else.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IDelayedCall,
    IHalfCloseableDescriptor,
    INegotiated,
    IPushProducer,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.domain.decisions import MoveCursor
from pyconchat.domain.errors import Code, NotSaved, Refused
from pyconchat.domain.text import in_bytes
from pyconchat.files.sharing import FileSharing, Upload
from pyconchat.net.connection import IConnection, plain_socket, unacknowledged

if TYPE_CHECKING:
    from pyconchat.doors.factory import ChatFactory

__all__ = ["TransferDoor"]

MAX_HEADER_BYTES = 512
"""Bytes in the first line."""

MAX_QUEUED = 1024 * 1024
"""Bytes that wait for the disk before no more are read from the peer."""

BLOCK = 256 * 1024
"""Bytes that are read from the disk at once."""

PIECE = 32 * 1024
"""Bytes that are written at once: a slow peer that takes so many moves."""

LINGER = 2.0
"""Seconds that the answer has to arrive before the connection is closed all the same."""


class TransferDoor(Protocol):
    """One transfer."""

    _log = Logger()

    def __init__(self, factory: ChatFactory, network: str) -> None:
        self.network = network
        self._factory = factory
        self.patience = factory.limits.login_seconds  # until a ticket has to be shown
        self._header = b""
        self._transfer: _Upload | _Download | None = None
        self._begun = False
        self._known = False  # the ticket was good, and what comes is wanted
        self._counted = False  # as somebody who has logged in
        self._ended = False  # the peer sends nothing more
        self._gone = False
        self._timer: IDelayedCall | None = None
        self._unread = 0  # bytes that the peer had not acknowledged when last looked

    @property
    def sharing(self) -> FileSharing:
        """Return the files."""
        sharing = self._factory.chat.sharing
        assert sharing is not None, "without one the doorstep opens no such door"
        return sharing

    @property
    def connection(self) -> IConnection:
        """Return the transport."""
        return cast(IConnection, self.transport)

    def connectionMade(self) -> None:
        self._socket = plain_socket(self.connection)
        if self.patience > 0:
            self._timer = self._factory.reactor.callLater(self.patience, self._too_slow)
        else:
            self.made_progress()

    def dataReceived(self, data: bytes) -> None:
        if self._transfer is not None:
            self._transfer.received(data)
            return
        if self._begun:
            self._header += data if self._known else b""  # of one that is refused, nothing
            return
        self._header += data
        line, newline, rest = self._header.partition(b"\n")
        if not newline and len(line) <= MAX_HEADER_BYTES:
            return
        self._begun = True
        self._header = rest
        self.connection.pauseProducing()
        begun = Deferred.fromCoroutine(self._begin(line[:MAX_HEADER_BYTES]))
        begun.addErrback(self.fail)

    def readConnectionLost(self) -> None:
        """The peer sends nothing more: an upload without a size is complete."""
        self._ended = True
        if self._transfer is not None:
            self._transfer.input_ended()
        elif not self._begun:
            self.connection.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._gone = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._factory.forget(self)
        self._factory.connections.closed(self.network, self._counted)
        if self._transfer is not None:
            self._transfer.cut()

    def _in_time(self) -> None:
        """A ticket was shown: from now on, what counts is that something moves."""
        self.be_patient()
        self._timer = None
        self.made_progress()

    # What the factory calls.

    def look_after(self, now: float) -> list[MoveCursor]:
        """A transfer has no cursors; that it goes on is seen to by its own timer."""
        return []

    def hang_up(self, last: bytes = b"") -> None:
        """End the transfer: the server stops."""
        self.connection.abortConnection()

    # What the transfers call.

    def made_progress(self) -> None:
        """Something moved: it may take as long again until the next."""
        limit = self.sharing.config.idle_seconds
        if self._timer is not None and self._timer.active():
            self._timer.reset(limit)
        elif limit > 0 and not self._gone:
            self._unread = unacknowledged(self._socket)
            self._timer = self._factory.reactor.callLater(limit, self._idle)

    def _idle(self) -> None:
        """Nothing was to be done for a while; but a slow peer may have taken something."""
        before, self._unread = self._unread, unacknowledged(self._socket)
        if self._unread != before:
            self._timer = self._factory.reactor.callLater(
                self.sharing.config.idle_seconds, self._idle
            )
        else:
            self._too_slow()

    def be_patient(self) -> None:
        """All is here; how long the disk takes is not the peer's doing."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def answer(self, line: str, complete: bool = True) -> None:
        """Say how it ended, and close; unless it is *complete*, the peer may be sending still.

        To close then would have its kernel throw away the answer, unread (RFC 9293, 3.6.1).
        """
        self.be_patient()
        if self._gone:
            return
        self._known = False  # what comes now is not wanted
        self.connection.write(f"{line}\n".encode())
        self.connection.resumeProducing()  # else the end would not be noticed
        half_closes = IHalfCloseableDescriptor.providedBy(self.connection)
        if complete or not half_closes or INegotiated.providedBy(self.connection):
            self.connection.loseConnection()
        else:
            self.connection.loseWriteConnection()  # type: ignore[attr-defined]
        self._timer = self._factory.reactor.callLater(LINGER, self._too_slow)

    def fail(self, failure: Failure) -> None:
        """Say why it cannot be."""
        if not isinstance(failure.value, Refused | OSError | NotSaved):
            self._log.failure("a transfer failed", failure)
        self.refuse(failure.value)

    def refuse(self, problem: BaseException | None) -> None:
        """Say that it cannot be, because of *problem*."""
        if isinstance(problem, OSError):
            problem = self.sharing.no_room(problem)
        elif isinstance(problem, NotSaved):
            problem = Refused(Code.NOT_SAVED, "The server cannot save anything now; try again.")
        elif not isinstance(problem, Refused):
            problem = Refused(Code.TROUBLE, "Something went wrong here; it has been logged.")
        self.answer(f"refused {problem.code.value}: {problem.sentence}", complete=False)

    async def _begin(self, line: bytes) -> None:
        verb, *words = line.decode("ascii", "replace").split()
        upload = verb == "upload"
        ticket = self.sharing.redeem(words.pop(0) if words else "", upload)
        self._in_time()
        self._known = self._counted = True
        self._factory.connections.logged_in()
        offset = _number(words[0]) if words else 0
        if upload:
            size = _number(words[1]) if len(words) > 1 else None
            sha256 = words[2] if len(words) > 2 else ""
            began = await self.sharing.begin(ticket, offset, size)
            self._transfer = _Upload(self, began, size, sha256)
        else:
            assert ticket.file is not None
            if offset > ticket.file.size:
                raise Refused(Code.BAD_ARGUMENT, "The offset is beyond the file's end.")
            path = self.sharing.storage.place(ticket.file.id)
            try:
                descriptor = await self.sharing.run(_opened, path, offset)
            except FileNotFoundError:
                what = "The bytes of that file are gone from the server's disk: tell its operator."
                raise Refused(Code.NO_SUCH_FILE, what) from None
            self._transfer = _Download(self, descriptor)
        if self._gone:
            self._transfer.cut()
            return
        first, self._header = self._header, b""
        self._transfer.begin(first)
        if self._ended:
            self._transfer.input_ended()

    def _too_slow(self) -> None:
        self.connection.abortConnection()


class _Upload:
    """What comes in goes to the disk, in turns with the peer."""

    def __init__(self, door: TransferDoor, upload: Upload, size: int | None, sha256: str) -> None:
        self._door = door
        self._upload = upload
        self._size = size
        self._sha256 = sha256
        self._queue: list[bytes] = []
        self._queued = 0
        self._here = upload.partial.size  # with what is queued
        self._writing = False
        self._paused = False
        self._complete = False
        self._done = False
        self._leave = door.sharing.interrupt  # what becomes of it at a premature end

    def begin(self, first: bytes) -> None:
        self._door.connection.resumeProducing()
        self.received(first)

    def received(self, data: bytes) -> None:
        if self._complete or self._done:
            return
        self._door.made_progress()
        self._here += len(data)
        if self._size is not None and self._here > self._size:
            self._refuse(Code.BAD_ARGUMENT, "More came than the size says; it was not kept.")
            return
        if self._here > self._upload.most:
            most = in_bytes(self._upload.most)
            self._refuse(Code.TOO_LONG, f"There is room for {most} only; it was not kept.")
            return
        if data:
            self._queue.append(data)
            self._queued += len(data)
        self._complete = self._here == self._size
        if self._queued >= MAX_QUEUED and not self._paused:
            self._paused = True
            self._door.connection.pauseProducing()
        self._go_on()

    def input_ended(self) -> None:
        if self._size is None:
            self._complete = True
            self._go_on()
        elif not self._complete and not self._done:
            what = f"Of {self._size} bytes {self._here} came; /send says how to go on."
            self._door.refuse(Refused(Code.BAD_ARGUMENT, what))
            self.cut()

    def cut(self) -> None:
        """Keep what came, as soon as it is on the disk."""
        if not self._done and not self._complete:
            self._done = True
            self._leave_it()

    def _go_on(self) -> None:
        if self._writing or self._done:
            return
        if self._queue:
            pieces, self._queue, self._queued = self._queue, [], 0
            self._writing = True
            written = self._door.sharing.run(self._upload.partial.write, pieces)
            written.addCallbacks(self._written, self._failed)
        elif self._complete:
            self._done = True
            self._door.be_patient()
            sharing = Deferred.fromCoroutine(self._door.sharing.share(self._upload, self._sha256))
            sharing.addCallback(
                lambda file: self._door.answer(f"shared {file.number} {file.size} {file.sha256}")
            )
            sharing.addErrback(self._door.fail)

    def _written(self, _result: object) -> None:
        self._writing = False
        self._door.made_progress()
        if self._done:
            self._leave_it()
            return
        if self._paused and self._queued < MAX_QUEUED:
            self._paused = False
            self._door.connection.resumeProducing()
        self._go_on()

    def _failed(self, failure: Failure) -> None:
        self._writing = False
        if not self._done:
            self._done = True
            self._door.fail(failure)
        self._leave = self._door.sharing.discard
        self._leave_it()

    def _refuse(self, code: Code, sentence: str) -> None:
        self._done = True
        self._door.refuse(Refused(code, sentence))
        self._leave = self._door.sharing.discard
        self._leave_it()

    def _leave_it(self) -> None:
        if not self._writing:
            Deferred.fromCoroutine(self._leave(self._upload))


@implementer(IPushProducer)
class _Download:
    """What the disk has goes out, as fast as the peer takes it."""

    def __init__(self, door: TransferDoor, descriptor: int) -> None:
        self._door = door
        self._descriptor = descriptor
        self._pieces: list[bytes] = []  # read, and still to be written
        self._reading = False
        self._paused = False
        self._stopped = False

    def begin(self, _first: bytes) -> None:
        self._door.connection.resumeProducing()
        self._door.connection.registerProducer(self, True)
        self.resumeProducing()

    def received(self, data: bytes) -> None:
        """Who fetches has nothing to say."""

    def input_ended(self) -> None:
        """`nc` ends its input at once; the file comes all the same."""

    def cut(self) -> None:
        self.stopProducing()

    def resumeProducing(self) -> None:
        """Go on: the peer has taken what was written."""
        self._paused = False
        self._door.made_progress()
        while self._pieces and not self._paused and not self._stopped:
            self._door.connection.write(self._pieces.pop(0))
        if not (self._pieces or self._paused or self._reading or self._stopped):
            self._reading = True
            reading = self._door.sharing.run(os.read, self._descriptor, BLOCK)
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
            self._door.connection.unregisterProducer()
            self._door.connection.loseConnection()
            return
        self._pieces = [data[at : at + PIECE] for at in range(0, len(data), PIECE)]
        if not self._paused:
            self.resumeProducing()

    def _failed(self, failure: Failure) -> None:
        """The rest cannot be read: a cut says so, where a short file would lie."""
        self._reading = False
        self.stopProducing()
        self._door.connection.abortConnection()


def _number(word: str) -> int:
    if not (word.isascii() and word.isdigit() and len(word) <= 16):
        raise Refused(Code.BAD_ARGUMENT, "Offset and size are counts of bytes.")
    return int(word)


def _opened(path: Any, offset: int) -> int:
    """Return a descriptor of the file at *path*, after *offset* bytes. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    os.lseek(descriptor, offset, os.SEEK_SET)
    return descriptor
