"""Opening: what a server sent before it closed a connection without an object for us.

PyconChat's own servers say why in a line for people, because they do not know yet who has
connected. Other servers speak another protocol: trying again would not help.
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
_TLS = (b"\x15\x03", b"\x16\x03")  # an alert, or a handshake (RFC 8446, 5.1)


def refusal_in(opening: bytes) -> GaveUp | LoginRefused | None:
    """Return why the server closed, by its first bytes; None if they do not say it."""
    if opening.startswith(_TLS):
        return GaveUp("That port speaks TLS: connect with --tls.")
    if opening.lstrip().startswith(_HTTP):
        return GaveUp("A web server answers there, not PyconChat.")
    lines = [line.strip().removeprefix(_PROMPT) for line in opening.split(b"\n")]
    reasons = [line.removeprefix(_MARK) for line in lines if line.startswith(_MARK)]
    if reasons:
        return LoginRefused(safe_line(reasons[-1].decode(errors="replace")), WAIT)
    if any(lines) and not any(line.startswith(b"{") for line in lines):  # an object that was cut
        return GaveUp("Another server answers there, not PyconChat.")
    return None
