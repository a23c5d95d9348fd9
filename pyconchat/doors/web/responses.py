"""Responses: their heads, the responses to failed requests, and the log of requests."""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus

from twisted.logger import Logger
from twisted.python.failure import Failure

from pyconchat.domain.errors import NotSaved, PeerGone, Refused
from pyconchat.domain.refusals import not_saved
from pyconchat.doors.context import DoorContext
from pyconchat.doors.web.exchange import HttpError, Request, Response, status_of
from pyconchat.doors.web.static import PROTECTION

__all__ = ["RequestLog", "response_head", "response_to"]

_log = Logger(namespace="pyconchat")

_FORBIDDEN = (403, 421, 429)
"""Statuses that may mean an attack."""


def response_head(request: Request | None, response: Response, size: int, close: bool) -> bytes:
    """Return the head of *response* with a body of *size* bytes.

    *request* is None if its head could not be read; *close*: the connection ends with the response.
    """
    headers = {**PROTECTION, **response.headers}
    if request is not None and request.client.secure:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    if response.status not in (204, 304):
        headers["Content-Type"] = response.type
        headers["Content-Length"] = str(size)
    headers.setdefault("Cache-Control", "no-store")
    if close:
        headers["Connection"] = "close"
    lines = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


def response_to(failure: Failure) -> Response | None:
    """Return the response to a request that has failed; None if nobody is there to read it."""
    problem = failure.value
    match problem:
        case HttpError():
            return problem.response
        case Refused():
            return Response(status_of(problem), f"{problem.sentence}\n".encode())
        case NotSaved():
            return Response(503, f"{not_saved().sentence}\n".encode())
        case PeerGone():
            return None
        case _:
            _log.failure("a request failed", failure)
            return Response(500, b"That failed because of an error in the server.\n")


class RequestLog:
    """Logs requests, except for *quiet_paths*: the files of the page, and paths that are polled."""

    def __init__(self, context: DoorContext, quiet_paths: Collection[str]) -> None:
        self._context = context
        self._quiet = quiet_paths

    def answered(self, request: Request | None, status: int) -> None:
        """Log *request*, answered with *status*. Forbidden ones are logged at a limited rate."""
        if request is None or request.path in self._quiet:
            return
        address = request.client.address
        if status in _FORBIDDEN:
            self._context.refused.log(f"http {status}", address, self._context.now())
        elif status < 400:
            _log.info(
                "web: {method} {path} {status} for {address}",
                method=request.method,
                path=_without_secret(request.path),
                status=status,
                address=address,
            )


def _without_secret(path: str) -> str:
    """Return *path* without the ticket or the token in it."""
    first = path.split("/")[1] if "/" in path else ""
    return f"/{first}/…" if first in ("file", "hook") else path
