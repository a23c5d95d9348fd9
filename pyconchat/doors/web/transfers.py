"""Transfers: shared files over HTTP, with the tickets of /send and /get.

``Content-Range`` resumes an upload, and ``Range`` a download (RFC 9110, 14).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from urllib.parse import quote

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.group_state import SharedFile
from pyconchat.doors.context import DoorContext
from pyconchat.doors.transfer.download import Download, open_file
from pyconchat.doors.transfer.idle import IdleTimer
from pyconchat.doors.transfer.interfaces import ITransfer, ITransferPeer
from pyconchat.doors.transfer.problems import problem_of
from pyconchat.doors.transfer.upload import Upload
from pyconchat.doors.web.exchange import (
    Http,
    HttpError,
    Request,
    Response,
    json_response,
    status_of,
)
from pyconchat.doors.web.responses import RequestLog, response_head
from pyconchat.files.sharing import FileSharing
from pyconchat.net.connection import IConnection
from pyconchat.net.teardown import take_all

__all__ = ["Transfer"]

_CONTENT_RANGE = re.compile(r"bytes (?:(\d{1,16})-(\d{1,16})|\*)/(\d{1,16})")
_RANGE = re.compile(r"bytes=(\d{1,16})-(\d{0,16})")


@implementer(ITransferPeer)
class Transfer:
    """One upload or download: *request* has the *ticket* in its path."""

    def __init__(
        self,
        context: DoorContext,
        files: FileSharing,
        log: RequestLog,
        request: Request,
        ticket: str,
    ) -> None:
        self.files = files
        self._log = log
        self._context = context
        self._request = request
        self._ticket = ticket
        self._transfer: ITransfer | None = None
        self._early: list[bytes] = []
        self._input_ended = False
        self._cut = False
        self._unreadable: Callable[[], None] | None = None
        self._answered = False

    @property
    def connection(self) -> IConnection:
        """Return the transport."""
        return self._http.connection

    # Called by `HttpConnection`.

    def begin(self, http: Http) -> None:
        """Begin: the head of the request has been read."""
        self._http = http
        self._idle = IdleTimer(
            self._context.reactor, self.files.config.idle_seconds, http.connection
        )
        http.connection.pauseProducing()
        self.made_progress()
        Deferred.fromCoroutine(self._begin()).addErrback(self.fail)

    def received(self, data: bytes) -> None:
        """Take the next bytes of an upload."""
        if self._transfer is not None:
            self._transfer.received(data)
        elif not self._answered:
            self._early.append(data)  # no more than one read: the connection is paused

    def input_ended(self) -> None:
        """The body is complete."""
        self._input_ended = True
        if self._transfer is not None:
            self._transfer.input_ended()

    def unreadable(self, response: Response) -> None:
        """Keep the received bytes, and send *response*: the rest of the body cannot be read."""
        if self._request.method != "PUT":
            self.connection.abortConnection()  # the head of the file may have been sent
            return
        self.connection.pauseProducing()
        self._unreadable = partial(self._respond, response)
        if self._transfer is not None:
            self._transfer.cut(self._unreadable)

    def cut(self) -> None:
        """The connection was lost."""
        self._cut = True
        transfer = self._transfer
        take_all(self.stop_timer, *([] if transfer is None else [transfer.cut]))

    # Called by the transfers.

    def made_progress(self) -> None:
        if not self._cut:
            self._idle.restart()

    def stop_timer(self) -> None:
        self._idle.stop()

    def shared(self, file: SharedFile) -> None:
        fields = {"number": file.number, "size": file.size, "sha256": file.sha256}
        self._respond(json_response(201, fields))

    def refuse(self, problem: Refused | OSError) -> None:
        refused = self.files.no_room(problem) if isinstance(problem, OSError) else problem
        self._respond(Response(status_of(refused), f"{refused.sentence}\n".encode()))

    def fail(self, failure: Failure) -> None:
        if isinstance(failure.value, HttpError):
            self._respond(failure.value.response)
        else:
            self.refuse(problem_of(failure))

    def _respond(self, response: Response) -> None:
        self.stop_timer()
        if not self._cut and not self._answered:
            self._answered = True
            self._early.clear()
            self._http.respond(response)

    # The beginning.

    async def _begin(self) -> None:
        if self._request.method == "PUT":
            transfer: ITransfer = await self._upload()
        else:
            transfer = await self._download()
        self._transfer = transfer
        if self._cut:
            transfer.cut()
            return
        if self._unreadable is not None:
            transfer.cut(self._unreadable)
            return
        early, self._early = self._early, []
        transfer.begin(b"".join(early))
        if self._input_ended and self._request.method == "PUT":
            transfer.input_ended()

    async def _upload(self) -> ITransfer:
        """Begin an upload. Raises `Refused` or `HttpError`."""
        ticket = await self.files.redeem(self._ticket, True)
        offset, size = _content_range(self._request)
        try:
            file = await self.files.begin(ticket, offset, size)
        except Refused as refused:
            if refused.code is not Code.BAD_ARGUMENT:
                raise
            here = await self.files.partial_size(ticket)
            raise HttpError(409, refused.sentence, Upload_Offset=str(here)) from None
        return Upload(self, file, size, "")

    async def _download(self) -> ITransfer:
        """Send the head of the response, and begin a download. Raises `Refused` or `HttpError`."""
        ticket = await self.files.redeem(self._ticket, False)
        file = ticket.file
        assert file is not None, "the ticket is for a download"
        tag = f'"{file.sha256[:32]}"'
        first, end = _range(self._request, file.size, tag)
        descriptor = await open_file(self.files, file, first)
        headers = {
            "ETag": tag,
            "Accept-Ranges": "bytes",
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}",
        }
        status = 200
        if end - first != file.size:
            status = 206
            headers["Content-Range"] = f"bytes {first}-{end - 1}/{file.size}"
        self._answered = True
        response = Response(status, b"", headers, "application/octet-stream")
        self.connection.unregisterProducer()
        self.connection.write(response_head(self._request, response, end - first, close=True))
        self._log.answered(self._request, status)
        return Download(self, descriptor, partial(self.files.require_right, ticket), end - first)


def _content_range(request: Request) -> tuple[int, int | None]:
    """Return where the body begins in the file, and the file's size. Raises `HttpError`."""
    header = request.headers.get("content-range")
    if header is None:
        return 0, request.size
    found = _CONTENT_RANGE.fullmatch(header.strip())
    if found is None:
        raise HttpError(400, "The Content-Range is not valid.")
    size = int(found[3])
    first, last = (size, size - 1) if found[1] is None else (int(found[1]), int(found[2]))
    if last != size - 1 or first > size or request.size not in (None, size - first):
        raise HttpError(400, "The Content-Range must lead to the end of the file.")
    return first, size


def _range(request: Request, size: int, tag: str) -> tuple[int, int]:
    """Return the first byte that is asked for, and the one behind the last. Raises `HttpError`.

    Several ranges, or the last bytes only, are answered with the whole file (RFC 9110, 14.2).
    """
    found = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if found is None or request.headers.get("if-range", tag).strip() != tag:
        return 0, size
    first = int(found[1])
    end = min(int(found[2]) + 1, size) if found[2] else size
    if first >= size or end <= first:
        raise HttpError(416, "The file is shorter.", Content_Range=f"bytes */{size}")
    return first, end
