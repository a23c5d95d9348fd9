"""Answers: the answers to requests of SFTP, and the sentences of refusals for people.

Requests that write into a file, one after the other, are answered after one write to the disk.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from twisted.logger import Logger

from pyconchat.domain.errors import NotSaved, PeerGone, Refused
from pyconchat.domain.refusals import internal_error, not_saved
from pyconchat.doors.ssh.sftp.requests import Request, Requests, refusal
from pyconchat.doors.ssh.sftp.wire import Kind, Malformed, Status, status_answer
from pyconchat.files.sharing import FileSharing

__all__ = ["Answers"]

_CHANGES = frozenset(
    {
        *(Kind.OPEN, Kind.WRITE, Kind.CLOSE, Kind.REMOVE, Kind.MKDIR, Kind.RMDIR, Kind.RENAME),
        *(Kind.SYMLINK, Kind.SETSTAT, Kind.FSETSTAT),
    }
)
"""Requests whose refusal a person has to read: most clients show no more than the status."""


class Answers:
    """The answers to *requests* about *files*.

    *complain* tells a person the sentence of a refusal: most clients show no more than the status.
    Nothing is written after *ended* returns True.
    """

    _log = Logger(namespace="pyconchat")

    def __init__(
        self,
        requests: Requests,
        files: FileSharing,
        complain: Callable[[str], None],
        ended: Callable[[], bool],
    ) -> None:
        self.requests = requests
        self._files = files
        self._complain = complain
        self._ended = ended
        self._complained = ""  # the last sentence, of the file that was opened last

    async def answer(self, taken: Sequence[Request]) -> bytes:
        """Return the answers to *taken*: one request, or several that write. Raises `Malformed`."""
        if taken[0].kind == Kind.WRITE:
            return await self._write(taken)
        return await self._answer(taken[0])

    async def _write(self, taken: Sequence[Request]) -> bytes:
        """Write adjacent parts of a file in one call. Raises `Malformed`."""
        answers = []
        parts = deque(_Part.of(each) for each in taken)
        while parts and not self._ended():
            run, end = [parts.popleft()], 0
            end = run[0].offset + len(run[0].data)
            while parts and (parts[0].handle, parts[0].offset) == (run[0].handle, end):
                end += len(parts[0].data)
                run.append(parts.popleft())
            writing = self.requests.write(run[0].handle, run[0].offset, [each.data for each in run])
            refused = await self._refused(Kind.WRITE, writing)
            answers += [_done(each.request, refused) for each in run]
        return b"".join(answers)

    async def _answer(self, request: Request) -> bytes:
        answer = b""

        async def work() -> None:
            nonlocal answer
            answer = await self.requests.answer(request)

        refused = await self._refused(request.kind, work())
        if refused is not None:
            return refusal(request.id, refused)
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
            self._complain(refused.sentence)
        return refused


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
