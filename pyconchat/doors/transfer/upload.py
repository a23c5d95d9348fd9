"""Upload: writes what a peer sends to the disk, in turns with the peer."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.text import in_bytes
from pyconchat.doors.transfer.interfaces import ITransfer, ITransferPeer
from pyconchat.files.sharing import Upload as SharedUpload
from pyconchat.net.connection import set_read_size

__all__ = ["Upload"]

READ_SIZE = 256 * 1024
"""Maximum bytes that are read in a turn: each read and each piece of a file has a cost of its own.

With the 64 KiB that Twisted reads, the reactor needs 1.7 times as long for a file.
"""

MAX_QUEUED = 1024 * 1024
"""Maximum bytes that wait for the disk before the peer is paused."""

GiveUp = Callable[[SharedUpload], Coroutine[Deferred[Any], Any, None]]


def _nothing() -> None:
    """Do nothing: the peer has gone."""


@implementer(ITransfer)
class Upload:
    """The upload of *file*, of *size* bytes (None: until the input ends).

    *sha256* is the expected hash of the file, in hex; empty if the peer has not given it.
    """

    def __init__(
        self, peer: ITransferPeer, file: SharedUpload, size: int | None, sha256: str
    ) -> None:
        self._peer = peer
        self._file = file
        self._size = size
        self._sha256 = sha256
        self._queue: list[bytes] = []
        self._queued = 0
        self._received = file.partial.size  # with the queued bytes
        self._writing = False
        self._paused = False
        self._complete = False
        self._done = False
        # If the upload does not complete: what happens to the partial file, and the answer.
        self._give_up: GiveUp = peer.files.interrupt
        self._answer: Callable[[], None] = _nothing

    def begin(self, first: bytes) -> None:
        set_read_size(self._peer.connection, READ_SIZE)
        self._peer.connection.resumeProducing()
        self.received(first)

    def received(self, data: bytes) -> None:
        if self._complete or self._done:
            return
        self._peer.made_progress()
        self._received += len(data)
        if self._size is not None and self._received > self._size:
            self._refuse(Code.BAD_ARGUMENT, "More came than the size says; it was not kept.")
            return
        if self._received > self._file.most:
            most = in_bytes(self._file.most)
            self._refuse(Code.TOO_LONG, f"There is room for {most} only; it was not kept.")
            return
        if data:
            self._queue.append(data)
            self._queued += len(data)
        self._complete = self._received == self._size
        if self._queued >= MAX_QUEUED and not self._paused:
            self._paused = True
            self._peer.connection.pauseProducing()
        self._continue()

    def input_ended(self) -> None:
        """Complete an upload without a size; refuse one that is too short."""
        if self._size is None:
            self._complete = True
            self._continue()
        elif not self._complete and not self._done:
            what = f"Of {self._size} bytes {self._received} came; /send says how to go on."
            self.cut(partial(self._peer.refuse, Refused(Code.BAD_ARGUMENT, what)))

    def cut(self, answer: Callable[[], None] = _nothing) -> None:
        """Keep the received part, once it is on the disk."""
        if not self._done and not self._complete:
            self._stop(self._peer.files.interrupt, answer)

    def _continue(self) -> None:
        if self._writing or self._done:
            return
        if self._queue:
            pieces, self._queue, self._queued = self._queue, [], 0
            self._writing = True
            written = self._peer.files.run(self._file.partial.write, pieces)
            written.addCallbacks(self._written, self._failed)
        elif self._complete:
            self._done = True
            self._peer.stop_timer()
            sharing = Deferred.fromCoroutine(self._peer.files.share(self._file, self._sha256))
            sharing.addCallback(self._peer.shared)
            sharing.addErrback(self._peer.fail)

    def _written(self, _result: object) -> None:
        self._writing = False
        self._peer.made_progress()
        if self._done:
            self._let_go()
            return
        if self._paused and self._queued < MAX_QUEUED:
            self._paused = False
            self._peer.connection.resumeProducing()
        self._continue()

    def _failed(self, failure: Failure) -> None:
        self._writing = False
        answer = self._answer if self._done else partial(self._peer.fail, failure)
        self._stop(self._peer.files.discard, answer)

    def _refuse(self, code: Code, sentence: str) -> None:
        answer = partial(self._peer.refuse, Refused(code, sentence))
        self._stop(self._peer.files.discard, answer)

    def _stop(self, give_up: GiveUp, answer: Callable[[], None]) -> None:
        self._done = True
        self._give_up, self._answer = give_up, answer
        if not self._writing:
            self._let_go()

    def _let_go(self) -> None:
        """Release the partial file, then answer: the peer may send the file again at once."""
        answer = self._answer
        ending = Deferred.fromCoroutine(self._give_up(self._file))
        ending.addCallback(lambda _: answer())
