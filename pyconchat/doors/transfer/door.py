"""TransferDoor: one shared file as raw bytes, on a connection of its own.

The first line is ``upload TICKET [OFFSET [SIZE [SHA256]]]`` or ``download TICKET [OFFSET]``. An
upload is answered with one line; a download is the bytes of the file and nothing else.
"""

from __future__ import annotations

from functools import partial
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IHalfCloseableDescriptor, INegotiated
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.domain.decisions import MoveCursor
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.group_state import SharedFile
from pyconchat.doors.connection_limits import CountedConnection
from pyconchat.doors.context import DoorContext
from pyconchat.doors.interfaces import IDoor
from pyconchat.doors.transfer.download import Download, open_file
from pyconchat.doors.transfer.idle import IdleTimer
from pyconchat.doors.transfer.interfaces import ITransfer, ITransferPeer
from pyconchat.doors.transfer.problems import problem_of
from pyconchat.doors.transfer.upload import Upload
from pyconchat.files.sharing import FileSharing
from pyconchat.files.tickets import Ticket
from pyconchat.net.connection import READ_SIZE, IConnection, Lifecycle, set_read_size
from pyconchat.net.teardown import take_all

__all__ = ["TransferDoor", "recognizes_transfer"]

MAX_HEADER_BYTES = 512
"""Maximum bytes in the first line."""

MAX_LINGER = 2.0
"""Maximum seconds in which the answer may arrive before the connection is closed."""

_VERBS = (b"upload ", b"download ")


def recognizes_transfer(opening: bytes) -> bool | None:
    """Return whether *opening* begins a transfer; None if that needs more bytes."""
    if opening.startswith(_VERBS):
        return True
    return None if any(verb.startswith(opening) for verb in _VERBS) else False


@implementer(IDoor, ITransferPeer)
class TransferDoor(LineReceiver):
    """One transfer: the first line, then raw bytes."""

    _log = Logger()

    delimiter = b"\n"
    MAX_LENGTH = MAX_HEADER_BYTES
    unsent = 0
    rests_until = 0.0
    opened_by_input = False

    def __init__(self, context: DoorContext, counted: CountedConnection) -> None:
        files = context.services.files
        assert files is not None, "a server without files has no such door"
        self.network = counted.network
        self._counted = counted
        self.files: FileSharing = files
        self.login_seconds = context.limits.login_seconds
        self._context = context
        self._life = Lifecycle.OPEN
        self._early: bytes | None = b""  # input before the transfer began; None: unwanted
        self._transfer: ITransfer | None = None
        self._timer: IDelayedCall | None = None  # for the first line, and the last

    @property
    def connection(self) -> IConnection:
        """Return the transport."""
        return cast(IConnection, self.transport)

    # Called by Twisted, by way of the detector.

    def connectionMade(self) -> None:
        self._idle = IdleTimer(
            self._context.reactor, self.files.config.idle_seconds, self.connection
        )
        set_read_size(self.connection, READ_SIZE)
        if self.login_seconds > 0:
            self._timer = self._context.reactor.callLater(self.login_seconds, self._timed_out)
        else:
            self.made_progress()

    def lineReceived(self, line: bytes) -> None:
        self.setRawMode()
        self.connection.pauseProducing()
        Deferred.fromCoroutine(self._begin(line)).addErrback(self.fail)

    def lineLengthExceeded(self, line: bytes) -> None:
        self.lineReceived(line[:MAX_HEADER_BYTES])  # no ticket is so long: it is refused

    def rawDataReceived(self, data: bytes) -> None:
        if self._transfer is not None:
            self._transfer.received(data)
        elif self._early is not None:
            self._early += data

    def readConnectionLost(self) -> None:
        """The peer has ended its input: an upload without a size is complete."""
        if self._life is Lifecycle.OPEN:
            self._life = Lifecycle.INPUT_ENDED
        if self._transfer is not None:
            self._transfer.input_ended()
        elif self.line_mode:
            self.connection.loseConnection()

    def writeConnectionLost(self) -> None:
        """Ignored: `answer` has closed this direction."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._life = Lifecycle.GONE
        take_all(
            self._cancel_timer,
            self.stop_timer,
            lambda: self._context.open_doors.remove(self),
            lambda: self._counted.closed(self._context.now()),
            self._cut_transfer,
        )

    def _cut_transfer(self) -> None:
        if self._transfer is not None:
            self._transfer.cut()

    # Called by `OpenDoors` and the detector.

    def check(self, now: float) -> list[MoveCursor]:
        """A transfer has no cursors, and a timer of its own."""
        return []

    def shut_down(self) -> None:
        self.connection.abortConnection()

    def turn_away(self, refused: Refused) -> None:
        self.connection.abortConnection()

    def release(self, last: bytes = b"") -> None:
        raise AssertionError("a transfer keeps its connection")

    # Called by the transfers.

    def made_progress(self) -> None:
        if self._life is not Lifecycle.GONE:
            self._idle.restart()

    def stop_timer(self) -> None:
        self._idle.stop()

    def _cancel_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def shared(self, file: SharedFile) -> None:
        self._answer(f"shared {file.number} {file.size} {file.sha256}", complete=True)

    def _answer(self, line: str, complete: bool) -> None:
        """Send *line* and close; unless it is *complete*, the peer may be sending still.

        A full close would then make the kernel discard the answer, unread (RFC 9293, 3.6.1).
        """
        self._cancel_timer()
        self.stop_timer()
        if self._life is Lifecycle.GONE:
            return
        self._life = Lifecycle.CLOSING
        self._early = None
        self.connection.write(f"{line}\n".encode())
        self.connection.resumeProducing()  # to notice the end of the input
        half_closes = IHalfCloseableDescriptor.providedBy(self.connection)
        if complete or not half_closes or INegotiated.providedBy(self.connection):
            self.connection.loseConnection()
        else:
            self.connection.loseWriteConnection()  # type: ignore[attr-defined]
        self._timer = self._context.reactor.callLater(MAX_LINGER, self._timed_out)

    def refuse(self, problem: Refused | OSError) -> None:
        refused = self.files.no_room(problem) if isinstance(problem, OSError) else problem
        self._answer(f"refused {refused.code.value}: {refused.sentence}", complete=False)

    def fail(self, failure: Failure) -> None:
        self.refuse(problem_of(failure))

    # The beginning.

    async def _begin(self, line: bytes) -> None:
        verb, *words = line.decode("ascii", "replace").split()
        upload = verb == "upload"
        ticket = await self.files.redeem(words.pop(0) if words else "", upload)
        self._accept()
        offset = _number(words[0]) if words else 0
        if upload:
            transfer = await self._begin_upload(ticket, offset, words[1:])
        else:
            transfer = await self._begin_download(ticket, offset)
        self._transfer = transfer
        if self._life is Lifecycle.GONE:
            transfer.cut()
            return
        first, self._early = self._early or b"", None
        transfer.begin(first)
        if self._life is Lifecycle.INPUT_ENDED:
            transfer.input_ended()

    def _accept(self) -> None:
        """Count the connection as logged in: its ticket is good."""
        self._cancel_timer()
        self.made_progress()
        if self._life is not Lifecycle.GONE:
            self._counted.redeemed()

    async def _begin_upload(self, ticket: Ticket, offset: int, words: list[str]) -> ITransfer:
        size = _number(words[0]) if words else None
        sha256 = words[1] if len(words) > 1 else ""
        file = await self.files.begin(ticket, offset, size)
        return Upload(self, file, size, sha256)

    async def _begin_download(self, ticket: Ticket, offset: int) -> ITransfer:
        file = ticket.file
        assert file is not None, "the ticket is for a download"
        if offset > file.size:
            raise Refused(Code.BAD_ARGUMENT, "The offset is beyond the file's end.")
        descriptor = await open_file(self.files, file, offset)
        right = partial(self.files.require_right, ticket)
        return Download(self, descriptor, right, file.size - offset)

    def _timed_out(self) -> None:
        self.connection.abortConnection()


def _number(word: str) -> int:
    if not (word.isascii() and word.isdigit() and len(word) <= 16):
        raise Refused(Code.BAD_ARGUMENT, "Offset and size are counts of bytes.")
    return int(word)
