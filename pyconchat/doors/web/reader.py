"""RequestReader: the requests of one connection, read with h11; Body: a short body. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

import h11

from pyconchat.doors.web.exchange import HttpError
from pyconchat.doors.web.head import end_of_head, require_plain_head

__all__ = ["Body", "RequestReader"]


class RequestReader:
    """Reads one request, and after `next` the one that follows it.

    A body whose length the head says (RFC 9112, 6.3) is passed on as it comes: h11 would copy it
    several times, and a shared file may be large.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._http = h11.Connection(h11.SERVER)
        self._head: bytes | None = b""  # None after its end
        self._left: int | None = None  # bytes of the body that have not come; None: h11 reads it
        self._ended = False  # the end of that body was yielded
        self._rest = b""

    @property
    def has_begun(self) -> bool:
        """Return whether any byte of the request has come."""
        return self._head != b""

    @property
    def has_head(self) -> bool:
        """Return whether the head is complete."""
        return self._head is None

    @property
    def has_body(self) -> bool:
        """Return whether the head and the body are complete."""
        if self._left is not None:
            return not self._left
        return self._head is None and self._http.their_state is not h11.SEND_BODY

    @property
    def has_all(self) -> bool:
        """Return whether the client sends nothing more that belongs to the request."""
        if self._left is not None:
            return not self._left
        return self._http.their_state in (h11.DONE, h11.MUST_CLOSE, h11.CLOSED)

    def read(self, data: bytes) -> Iterator[h11.Request | h11.Data | h11.EndOfMessage]:
        """Take *data*, and yield the head, the parts of the body, and the end, as they have come.

        Raises `HttpError` or `h11.RemoteProtocolError`.
        """
        if self._head is not None:
            self._head += data
            end = end_of_head(self._head)
            if not end:
                return
            head, self._rest, self._head = self._head[:end], self._head[end:], None
            require_plain_head(head)
            self._http.receive_data(head)
            request = self._http.next_event()
            if not isinstance(request, h11.Request):
                raise HttpError(400, "The request is not valid.")
            self._left = _length_of_body(request)
            yield request
            data, self._rest = self._rest, b""
        if self._left is None:
            yield from self._read_by_h11(data)
        else:
            yield from self._read_body(data)

    def _read_body(self, data: bytes) -> Iterator[h11.Data | h11.EndOfMessage]:
        assert self._left is not None, "the length is known"
        part = data[: self._left]  # no copy if it is all
        self._left -= len(part)
        self._rest += data[len(part) :]
        if part:
            yield h11.Data(data=part)
        if not self._left and not self._ended:
            self._ended = True
            yield h11.EndOfMessage()

    def _read_by_h11(self, data: bytes) -> Iterator[h11.Request | h11.Data | h11.EndOfMessage]:
        if data:  # to h11, nothing means that the client has closed the connection
            self._http.receive_data(data)
        while True:
            event = self._http.next_event()
            if not isinstance(event, h11.Request | h11.Data | h11.EndOfMessage):
                return
            yield event
            if isinstance(event, h11.EndOfMessage):
                return

    def go_on(self) -> bytes:
        """Return the response 100 for a client that waits for it (RFC 9110, 10.1.1), else b""."""
        if not self._http.they_are_waiting_for_100_continue:
            return b""
        return self._http.send(h11.InformationalResponse(status_code=100, headers=[])) or b""

    def next(self) -> bytes:
        """Begin with the next request; return the bytes that came after this one."""
        rest = self.rest
        self._begin()
        return rest

    @property
    def rest(self) -> bytes:
        """Return the bytes that came after the request."""
        return self._rest if self._left is not None else bytes(self._http.trailing_data[0])


def _length_of_body(request: h11.Request) -> int | None:
    """Return the length that the head says; None if there is none, or the body has chunks."""
    fields = dict(request.headers)
    if b"transfer-encoding" in fields or b"content-length" not in fields:
        return None
    return int(fields[b"content-length"])


class Body:
    """The body of a request, of at most *most* bytes; *size* is its length by the head.

    Raises `HttpError` if it is longer.
    """

    def __init__(self, most: int, size: int = 0) -> None:
        self._most = most
        self._parts: list[bytes] = []
        self._size = 0
        self._require(size)

    @property
    def data(self) -> bytes:
        """Return the received part."""
        return b"".join(self._parts)

    def received(self, data: bytes) -> None:
        """Take the next bytes. Raises `HttpError`."""
        self._size += len(data)
        self._require(self._size)
        self._parts.append(data)

    def _require(self, size: int) -> None:
        if size > self._most:
            raise HttpError(413, f"The body is too long: at most {self._most} bytes are taken.")
