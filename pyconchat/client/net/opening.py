"""Opening: the bytes that a server sends before it closes a connection without an object.

A PyconChat server sends the reason as a line of text, because it has not recognized the protocol
yet. Other servers use another protocol: a retry would fail too.
"""

from __future__ import annotations

from pyconchat.client.interfaces import GaveUp, LoginRefused
from pyconchat.domain.text import safe_line

__all__ = ["refusal_in"]

WAIT = 20.0
"""Seconds until the next attempt: each counts against the limits of our address."""

_MARK = b"* "  # before each line of a PyconChat server for people
_PROMPT = b"Username: "
_HTTP = (b"HTTP/", b"<!DOCTYPE", b"<html")
_IRC = b"ERROR :"
_TLS = (b"\x15\x03", b"\x16\x03")  # an alert, or a handshake (RFC 8446, 5.1)


def refusal_in(opening: bytes) -> GaveUp | LoginRefused | None:
    """Return the reason why the server closed, from its first bytes; None if there is none."""
    if opening.startswith(_TLS):
        return GaveUp("That port speaks TLS: connect with --tls.")
    if opening.lstrip().startswith(_HTTP):
        return GaveUp("A web server answers there, not PyconChat.")
    if opening.startswith(_IRC):
        sentence = opening.removeprefix(_IRC).partition(b"\n")[0].decode(errors="replace")
        return GaveUp(safe_line(sentence) or "An IRC server answers there, not PyconChat.")
    lines = [line.strip().removeprefix(_PROMPT) for line in opening.split(b"\n")]
    reasons = [line.removeprefix(_MARK) for line in lines if line.startswith(_MARK)]
    if reasons:
        return LoginRefused(safe_line(reasons[-1].decode(errors="replace")), WAIT)
    if any(lines) and not any(line.startswith(b"{") for line in lines):  # an incomplete object
        return GaveUp("Another server answers there, not PyconChat.")
    return None
