"""Incoming: the request that comes in on one connection, with what will answer it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import h11

from pyconchat.doors.web.exchange import Handler, Request, WebSocketHandler
from pyconchat.doors.web.head import request_of
from pyconchat.doors.web.reader import Body, RequestReader
from pyconchat.doors.web.site import WebSite
from pyconchat.doors.web.transfers import Transfer

__all__ = ["Incoming"]


class Incoming:
    """One request to *site* after another, from *peer* (an address); *tls*: it uses TLS here.

    `request` is None until the head has come, `handler` until it is known what answers it.
    """

    def __init__(self, site: WebSite, peer: Any, tls: bool) -> None:
        self._site = site
        self._peer = peer
        self._tls = tls
        self._body = Body(0)
        self.reader = RequestReader()
        self.request: Request | None = None
        self.handler: Handler | Transfer | WebSocketHandler | None = None

    @property
    def transfer(self) -> Transfer | None:
        """Return what answers the request, if it is an upload or a download."""
        return self.handler if isinstance(self.handler, Transfer) else None

    @property
    def body(self) -> bytes:
        """Return the received part of a short body."""
        return self._body.data

    @property
    def ends_the_connection(self) -> bool:
        """Return whether the client wants no response after this one."""
        return self.request is None or "close" in self.request.headers.get("connection", "")

    def read(self, data: bytes, now: float) -> Iterator[h11.Request | h11.Data | h11.EndOfMessage]:
        """Take the next part of the request; yield its events, once they are handled.

        Raises `HttpError` or `h11.RemoteProtocolError`.
        """
        for event in self.reader.read(data):
            match event:
                case h11.Request():
                    self._begin(event, now)
                case h11.Data():
                    (self.transfer or self._body).received(bytes(event.data))
            yield event

    def _begin(self, event: h11.Request, now: float) -> None:
        site = self._site
        request = self.request = request_of(
            event, lambda headers: site.hosts.client(self._peer, headers, tls=self._tls)
        )
        site.limits.note_request(request.client.network, now)
        handler = self.handler = site.handler(request)
        if not isinstance(handler, Transfer):
            most = handler.max_body if isinstance(handler, Handler) else 0
            self._body = Body(most, request.size or 0)

    def next(self) -> bytes:
        """Begin with the next request; return the bytes that came after this one."""
        self.request, self.handler = None, None
        return self.reader.next()
