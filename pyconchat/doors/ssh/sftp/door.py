"""SftpDoor: a session of SFTP: its packets, its bounds, and the order of its answers.

Requests are answered one after the other. Waiting requests are bounded: packets that are not taken
stay in the channel, whose window then runs out. No more is read from the disk than the peer takes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Coroutine, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.chat.interfaces import IKeyPeer, ILoginPeer, ISession
from pyconchat.domain.decisions import MoveCursor
from pyconchat.domain.errors import PeerGone
from pyconchat.doors.ssh.interfaces import ISshDoor
from pyconchat.doors.ssh.peer import Arrival, UnattendedPeer
from pyconchat.doors.ssh.sftp.answers import Answers
from pyconchat.doors.ssh.sftp.folders import Folders
from pyconchat.doors.ssh.sftp.handles import NewFile
from pyconchat.doors.ssh.sftp.requests import Request, Requests
from pyconchat.doors.ssh.sftp.wire import (
    MAX_PACKET,
    Fields,
    Kind,
    Malformed,
    version_answer,
)
from pyconchat.files.sharing import FileSharing
from pyconchat.net.connection import READ_SIZE, Lifecycle, set_read_size
from pyconchat.net.teardown import take_all

__all__ = ["SftpDoor"]

MAX_REQUESTS = 64
"""Maximum requests that wait for their answers; OpenSSH's client has as many."""

MAX_WAITING = 512 * 1024
"""Bytes of requests that wait; when there are more, none is taken."""

WINDOW = 1024 * 1024
"""Bytes that the peer may send before any are taken: 20 MB a second, 50 ms away."""

REQUEST_COST = 5e-5
"""Seconds of work for a request. One that moves data is free: windows limit that."""

RATE = 0.02
"""Seconds of work a second for other requests, 400 of them, after 200 at once."""

MIN_DATA = 4096
"""Bytes of data from which on a request is free."""


@implementer(ILoginPeer, IKeyPeer, ISshDoor)
class SftpDoor(UnattendedPeer):
    """The session of a client of SFTP. It discards the output of the chat."""

    work_rate = RATE
    max_read = MAX_PACKET
    pays = True

    def __init__(self, arrival: Arrival, files: FileSharing) -> None:
        super().__init__(arrival)
        self._files = files
        self._input = bytearray()
        self._waiting: deque[Request] = deque()
        self._waiting_bytes = 0
        self._answers: Answers | None = None  # None before the login
        self._version_known = False
        self._working = False

    async def serve(self, session: ISession) -> None:
        set_read_size(self._connection, READ_SIZE)
        self.channel.widen(WINDOW)
        services = self._context.services
        folders = Folders(services, session, self._pay)
        requests = Requests(services, session, self._files, folders, self._wait_for_turn)
        self._answers = Answers(requests, self._files, self.channel.complain, lambda: self.ending)

    # Packets.

    def dataReceived(self, data: bytes) -> None:
        if not self.ending:
            self._last_input = self._context.now()
            self._input += data
            self.deliverLines()

    def readConnectionLost(self) -> None:
        """The peer has ended its input: answer the waiting requests, and close."""
        if self.life is Lifecycle.OPEN:
            self.life = Lifecycle.INPUT_ENDED
            self.deliverLines()

    def deliverLines(self) -> None:
        """Take requests, and answer them, as far as that may be done now."""
        if self.ending or self.delivering:
            return
        self.delivering = True
        try:
            self._take_requests()
        except Malformed as problem:
            self._cut(problem)
            return
        finally:
            self.delivering = False
        self._update_reading()
        self._work()

    @property
    def _full(self) -> bool:
        """Return whether no more requests may be taken now."""
        many = len(self._waiting) >= MAX_REQUESTS or self._waiting_bytes >= MAX_WAITING
        return many or self._budget.waiting

    def _update_reading(self) -> None:
        """Have the channel pass on input only while requests may be taken."""
        if self.paused is not self._full and not self.ending:
            self.paused = self._full
            if self.paused:
                self.channel.pauseProducing()
            else:
                self.channel.resumeProducing()

    def _take_requests(self) -> None:
        """Take complete packets. Raises `Malformed`."""
        while len(self._input) >= 4 and not self._full:
            length = int.from_bytes(self._input[:4], "big")
            if not 1 <= length <= MAX_PACKET:
                raise Malformed("a packet with a bad length")
            if len(self._input) < 4 + length:
                break
            with memoryview(self._input) as view:
                packet = bytes(view[4 : 4 + length])
            del self._input[: 4 + length]
            self._take(packet)

    def _take(self, packet: bytes) -> None:
        """Take one *packet*. Raises `Malformed`."""
        kind, fields = packet[0], Fields(packet[1:])
        if (kind == Kind.INIT) is self._version_known:
            raise Malformed("INIT is the first packet, and only that")
        if kind == Kind.INIT:
            fields.number()
            self._version_known = True
            self._output.write(version_answer([(b"limits@openssh.com", b"1")]))
            return
        if kind != Kind.WRITE or len(packet) < MIN_DATA:
            self._pay(REQUEST_COST)
        self._waiting.append(Request(kind, fields.number(), fields, len(packet)))
        self._waiting_bytes += len(packet)

    def _pay(self, cost: float) -> None:
        self._budget.pay(cost, False)

    def _cut(self, problem: Malformed) -> None:
        self.channel.conn.transport.malformed(f"SFTP: {problem}")

    # Answers.

    def _work(self) -> None:
        """Answer requests while the peer takes the answers."""
        if self._answers is not None:
            self._run(self._answer_all(self._answers))

    def _run(self, work: Coroutine[Deferred[Any], Any, None]) -> None:
        """Run *work*, unless other work is running, or the session ends."""
        if self._working or self.ending:
            work.close()
            return
        self._working = True
        Deferred.fromCoroutine(work).addErrback(self._failed).addBoth(self._rest)

    def _rest(self, _result: object) -> None:
        self._working = False
        if self.ending:
            self._release()
        elif self.life is Lifecycle.INPUT_ENDED and not self._waiting and self._output.empty:
            self.finish()

    def _failed(self, failure: Failure) -> None:
        if isinstance(failure.value, Malformed):
            self._cut(failure.value)
        else:
            self._task_failed(failure)

    async def _answer_all(self, answers: Answers) -> None:
        """Answer requests, one after the other. Raises `Malformed`."""
        while self._output.empty and not self.ending:
            self._take_requests()
            if not self._waiting:
                break
            taken = self._next()
            self._update_reading()
            answer = await answers.answer(taken)
            if taken[0].kind == Kind.READ and len(answer) >= MIN_DATA:
                self._pay(-REQUEST_COST)
            self._output.write(answer)

    def _next(self) -> list[Request]:
        """Return the next request, or all of several that write."""
        taken = [self._waiting.popleft()]
        while self._waiting and taken[0].kind == self._waiting[0].kind == Kind.WRITE:
            taken.append(self._waiting.popleft())
        self._waiting_bytes -= sum(each.size for each in taken)
        return taken

    async def _wait_for_turn(self) -> None:
        """Wait until the message rate allows another change. Raises `PeerGone`."""
        while self._rate is not None and (wait := self._rate.take(self._context.now())) > 0:
            await deferLater(self.clock, wait)
            if self.ending:
                raise PeerGone

    # The end.

    def check(self, now: float) -> list[MoveCursor]:
        limit = self._files.config.idle_seconds
        if self._answers is not None and limit > 0:
            handles = self._answers.requests.handles
            idle = [new for new in handles.new_files if now - new.moved_at >= limit]
            if idle:
                self._run(self._expire(idle))
        return super().check(now)

    def may_rest(self) -> bool:
        return False  # files may be open

    async def _expire(self, idle: Sequence[NewFile]) -> None:
        for each in idle:
            await each.expire()

    def _detach(self) -> None:
        take_all(super()._detach, self._release_unless_working)

    def _release_unless_working(self) -> None:
        if not self._working:
            self._release()

    def _release(self) -> None:
        self._input.clear()
        self._waiting.clear()
        answers, self._answers = self._answers, None
        if answers is not None:
            closing = Deferred.fromCoroutine(answers.requests.handles.give_up())
            closing.addErrback(lambda failure: self._log.failure("closing failed", failure))

    # Called by the session.

    def write(self, block: bytes) -> None:
        """Ignored: nothing of the chat is shown."""

    def write_last(self, block: bytes) -> None:
        if block:
            self.channel.complain(block.decode().rstrip("\n"))
