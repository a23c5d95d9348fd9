"""The head of a request: read by h11, and checked for what h11 is lenient about."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import h11

from pyconchat.doors.web.exchange import Client, HttpError, Request

__all__ = ["MAX_FIELDS", "MAX_HEAD", "end_of_head", "request_of", "require_plain_head"]

MAX_HEAD = 16 * 1024
"""Maximum bytes of a request's head."""

MAX_FIELDS = 64
"""Maximum header fields."""

_END = re.compile(rb"\r?\n\r?\n")
_FOLDED = re.compile(rb"\n[ \t]")

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE"})
_ONCE = frozenset({"host", "origin", "content-length", "content-type", "range"})


def end_of_head(data: bytes) -> int:
    """Return where the head in *data* ends; 0 if it is not complete. Raises `HttpError`."""
    found = _END.search(data)
    if found is None or found.end() > MAX_HEAD:
        if len(data) > MAX_HEAD:
            raise HttpError(431, "The head of the request is too long.")
        return 0
    return found.end()


def require_plain_head(head: bytes) -> None:
    """Raise `HttpError` for folded lines, which proxies read in different ways (RFC 9112, 5.2)."""
    if _FOLDED.search(head):
        raise HttpError(400, "Header fields must not be folded.")


def request_of(event: h11.Request, client_of: Callable[[Mapping[str, str]], Client]) -> Request:
    """Return *event* as a request of the client whom *client_of* finds in the header fields.

    Raises `HttpError`.
    """
    if len(event.headers) > MAX_FIELDS:
        raise HttpError(431, "There are too many header fields.")
    headers: dict[str, str] = {}
    for raw_name, raw_value in event.headers:
        name, value = raw_name.decode("ascii").lower(), raw_value.decode("latin-1")
        if name in headers:
            if name in _ONCE:
                raise HttpError(400, f"There is more than one {name}.")
            value = f"{headers[name]}{'; ' if name == 'cookie' else ', '}{value}"
        headers[name] = value
    if "transfer-encoding" in headers and "content-length" in headers:
        raise HttpError(400, "A body has one length only.")  # RFC 9112, 6.3
    if event.http_version != b"1.1":
        raise HttpError(505, "HTTP/1.1 is spoken here.")
    method = event.method.decode("ascii")
    if method not in METHODS:
        raise HttpError(405, "That method is not known.", Allow=", ".join(sorted(METHODS)))
    path, _, query = event.target.decode("ascii").partition("?")
    if not path.startswith("/"):
        raise HttpError(400, "The target must be a path.")
    size = None if "transfer-encoding" in headers else int(headers.get("content-length", "0"))
    return Request(method, path, query, headers, client_of(headers), size)
