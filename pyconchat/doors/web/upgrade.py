"""The opening handshake of a WebSocket (RFC 6455, 4.2)."""

from __future__ import annotations

import base64
import binascii
import hashlib

from pyconchat.doors.connection_limits import TooManyConnections
from pyconchat.doors.web.door import IRC_BINARY, IRC_TEXT, IrcSocketDoor, WebDoor
from pyconchat.doors.web.exchange import HttpError, Request, WebSocketHandler
from pyconchat.doors.web.site import WebSite
from pyconchat.doors.web.socket import SocketDoor

__all__ = ["accept_of", "open_socket"]

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def open_socket(
    site: WebSite, request: Request, handler: WebSocketHandler
) -> tuple[bytes, SocketDoor]:
    """Return the head that accepts *request*, and the door that takes over the connection.

    Raises `HttpError`.
    """
    accept = accept_of(request)
    subprotocol = _subprotocol_of(site, request)
    context, client = site.context, request.client
    counted = context.connection_limits.connection(client.network, client.address)
    try:
        counted.admit(context.now())
        counted.require_session_room()
    except TooManyConnections as refused:
        counted.closed(context.now())
        raise HttpError(503, refused.sentence, Retry_After="60") from None
    door: SocketDoor
    if subprotocol and site.monitors is not None:
        door = IrcSocketDoor(context, counted, site.monitors, subprotocol == IRC_BINARY)
    else:
        door = WebDoor(context, site.sessions, counted, handler)
    chosen = f"Sec-WebSocket-Protocol: {subprotocol}\r\n" if subprotocol else ""
    head = (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n{chosen}\r\n"
    )
    return head.encode(), door


def _subprotocol_of(site: WebSite, request: Request) -> str:
    """Return IRC's subprotocol that the client prefers; empty if it offers none: JSON mode.

    Raises `HttpError` if IRC is off.
    """
    offered = request.headers.get("sec-websocket-protocol", "").split(",")
    for each in (name.strip() for name in offered):
        if each in (IRC_TEXT, IRC_BINARY):
            if site.monitors is None:
                raise HttpError(400, "IRC is off here.")
            return each
    return ""


def accept_of(request: Request) -> str:
    """Return the answer to the client's key. Raises `HttpError`."""
    headers = request.headers
    tokens = [each.strip().lower() for each in headers.get("connection", "").split(",")]
    if "upgrade" not in tokens or headers.get("upgrade", "").lower() != "websocket":
        raise HttpError(426, "Here is a WebSocket.", Upgrade="websocket")
    if headers.get("sec-websocket-version") != "13":
        raise HttpError(426, "Version 13 is spoken here.", Sec_WebSocket_Version="13")
    key = headers.get("sec-websocket-key", "")
    try:
        good = len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        good = False
    if not good:
        raise HttpError(400, "The key of the WebSocket is not valid.")
    digest = hashlib.sha1(f"{key}{_GUID}".encode(), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()
