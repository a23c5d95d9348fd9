"""SftpDoor: a session of SFTP: its packets, its bounds, and the order of its answers.

Requests are answered one after the other. What waits is bounded: packets that are not taken stay in
the channel, whose window then runs out. No more is read from the disk than the peer takes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Coroutine, Sequence
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.chat.interfaces import IKeyPeer, ILoginPeer
from pyconchat.domain.decisions import MoveCursor
from pyconchat.domain.errors import MustAsk, NotSaved, PeerGone, Refused
from pyconchat.domain.refusals import internal_error, not_saved
from pyconchat.doors.connection_limits import Counted
from pyconchat.doors.context import DoorContext
from pyconchat.doors.door import Door
from pyconchat.doors.input_budget import InputBudget
from pyconchat.doors.line.door import LF
from pyconchat.doors.ssh.channel import ISshDoor, SessionChannel
from pyconchat.doors.ssh.peer import SshPeer, open_session
from pyconchat.doors.ssh.sftp.folders import Folders
from pyconchat.doors.ssh.sftp.handles import NewFile
from pyconchat.doors.ssh.sftp.requests import Request, Requests, refusal
from pyconchat.doors.ssh.sftp.wire import (
    MAX_PACKET,
    Fields,
    Kind,
    Malformed,
    Status,
    status_answer,
    version_answer,
)
from pyconchat.doors.ssh.visitor import Visitor
from pyconchat.files.sharing import FileSharing
from pyconchat.net.connection import READ_SIZE, Lifecycle, set_read_size

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

REFUSED = 1
"""The exit status after a login that was refused."""

_CHANGES = frozenset(
    {
        *(Kind.OPEN, Kind.WRITE, Kind.CLOSE, Kind.REMOVE, Kind.MKDIR, Kind.RMDIR, Kind.RENAME),
        *(Kind.SYMLINK, Kind.SETSTAT, Kind.FSETSTAT),
    }
)
"""Requests whose refusal a person has to read: most clients show no more than the status."""


@implementer(ILoginPeer, IKeyPeer, ISshDoor)
class SftpDoor(SshPeer, Door):
    """The session of a client of SFTP. It shows nothing of what the chat writes."""

    names_places = True
    max_read = MAX_PACKET
    pays = True

    def __init__(
        self,
        context: DoorContext,
        counted: Counted,
        channel: SessionChannel,
        visitor: Visitor,
        files: FileSharing,
    ) -> None:
        Door.__init__(self, context, counted, LF, context.limits.line_bytes)
        self._budget = InputBudget(context.input_turns, self.input_allowed, RATE)
        self.begin_peer(channel, visitor)
        self._files = files
        self._input = bytearray()
        self._waiting: deque[Request] = deque()
        self._waiting_bytes = 0
        self._requests: Requests | None = None  # None before the login
        self._version_known = False
        self._working = False
        self._complained = ""  # the last sentence that was shown, of the file that was opened last

    # The login.

    def connectionMade(self) -> None:
        super().connectionMade()
        self.run(self._log_in())

    async def _log_in(self) -> None:
        try:
            session = await open_session(self, self._context)
        except Refused as refused:
            self.channel.complain(refused.sentence)
            self.channel.exit_status = REFUSED
            self.close()
            return
        self.in_login = False
        set_read_size(self._connection, READ_SIZE)
        self.channel.widen(WINDOW)
        services = self._context.services
        folders = Folders(services, session, self._pay)
        self._requests = Requests(services, session, self._files, folders, self._wait_for_turn)

    # Packets.

    def dataReceived(self, data: bytes) -> None:
        if not self.ending:
            self._last_input = self._context.now()
            self._input += data
            self.deliverLines()

    def readConnectionLost(self) -> None:
        """The peer has ended its input: answer what waits, and close."""
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
        if self._requests is not None:
            self._run(self._answer_all(self._requests))

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

    async def _answer_all(self, requests: Requests) -> None:
        """Answer requests, one after the other. Raises `Malformed`."""
        while self._output.empty and not self.ending:
            self._take_requests()
            if not self._waiting:
                break
            taken = self._next()
            self._update_reading()
            if taken[0].kind == Kind.WRITE:
                answer = await self._write(requests, taken)
            else:
                answer = await self._answer(taken[0], requests.answer(taken[0]))
            self._output.write(answer)

    def _next(self) -> list[Request]:
        """Return the next request, or all of several that write."""
        taken = [self._waiting.popleft()]
        while self._waiting and taken[0].kind == self._waiting[0].kind == Kind.WRITE:
            taken.append(self._waiting.popleft())
        self._waiting_bytes -= sum(each.size for each in taken)
        return taken

    async def _write(self, requests: Requests, taken: Sequence[Request]) -> bytes:
        """Write what follows on each other at once. Raises `Malformed`."""
        answers = []
        parts = deque(_Part.of(each) for each in taken)
        while parts and not self.ending:
            run, end = [parts.popleft()], 0
            end = run[0].offset + len(run[0].data)
            while parts and (parts[0].handle, parts[0].offset) == (run[0].handle, end):
                end += len(parts[0].data)
                run.append(parts.popleft())
            writing = requests.write(run[0].handle, run[0].offset, [each.data for each in run])
            refused = await self._refused(Kind.WRITE, writing)
            answers += [_done(each.request, refused) for each in run]
        return b"".join(answers)

    async def _answer(self, request: Request, answering: Awaitable[bytes]) -> bytes:
        answer = b""

        async def work() -> None:
            nonlocal answer
            answer = await answering

        refused = await self._refused(request.kind, work())
        if refused is not None:
            return refusal(request.id, refused)
        if request.kind == Kind.READ and len(answer) >= MIN_DATA:
            self._pay(-REQUEST_COST)
        return answer

    async def _refused(self, kind: int, work: Awaitable[None]) -> Refused | None:
        """Do *work*; return why it was refused, if it was. Raises `Malformed` and `PeerGone`."""
        try:
            await work
        except Refused as problem:
            refused = problem
        except NotSaved:
            refused = not_saved()
        except OSError as error:
            refused = self._files.no_room(error)
        except (Malformed, PeerGone):
            raise
        except Exception:
            self._log.failure("a request of SFTP failed")
            refused = internal_error()
        else:
            if kind == Kind.OPEN:
                self._complained = ""
            return None
        repeated = kind in (Kind.WRITE, Kind.CLOSE) and refused.sentence == self._complained
        if kind in _CHANGES and not repeated:
            self._complained = refused.sentence
            self.channel.complain(refused.sentence)
        return refused

    async def _wait_for_turn(self) -> None:
        """Wait until the message rate allows another change. Raises `PeerGone`."""
        while self._rate is not None and (wait := self._rate.take(self._context.now())) > 0:
            await deferLater(self.clock, wait)
            if self.ending:
                raise PeerGone

    # The end.

    def check(self, now: float) -> list[MoveCursor]:
        limit = self._files.config.idle_seconds
        if self._requests is not None and limit > 0:
            idle = [new for new in self._requests.handles.new_files if now - new.moved_at >= limit]
            if idle:
                self._run(self._expire(idle))
        return super().check(now)

    def may_rest(self) -> bool:
        return False  # files may be open

    async def _expire(self, idle: Sequence[NewFile]) -> None:
        for each in idle:
            await each.expire()

    def _detach(self) -> None:
        super()._detach()
        if not self._working:
            self._release()

    def _release(self) -> None:
        self._input.clear()
        self._waiting.clear()
        requests, self._requests = self._requests, None
        if requests is not None:
            closing = Deferred.fromCoroutine(requests.handles.give_up())
            closing.addErrback(lambda failure: self._log.failure("closing failed", failure))

    # What the session calls.

    def write(self, block: bytes) -> None:
        """Ignored: nothing of the chat is shown."""

    def write_last(self, block: bytes) -> None:
        if block:
            self.channel.complain(block.decode().rstrip("\n"))

    def acknowledged(self) -> bool:
        """Return False: what arrives here is not what the person has seen."""
        return False

    def ask(self, prompt: str, secret: bool = False) -> Deferred[str]:
        raise MustAsk(prompt, secret)


class _Part(NamedTuple):
    """What one request writes."""

    request: int
    handle: bytes
    offset: int
    data: bytes

    @classmethod
    def of(cls, request: Request) -> _Part:
        """Return what *request* writes. Raises `Malformed`."""
        fields = request.fields
        return cls(request.id, fields.string(), fields.long(), fields.string())


def _done(request: int, refused: Refused | None) -> bytes:
    return refusal(request, refused) if refused else status_answer(request, Status.OK)
