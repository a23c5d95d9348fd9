"""Capabilities (IRCv3): which there are, and how a client asks for them."""

from __future__ import annotations

from collections.abc import Iterable

from pyconchat.domain.text import MAX_LINES
from pyconchat.doors.irc.client import Client
from pyconchat.doors.irc.open_batch import MAX_BYTES
from pyconchat.render.irc_lines import MAX_LINE, line

__all__ = ["CAPABILITIES", "listed", "requested"]

CAPABILITIES = {
    "account-notify": "",
    "account-tag": "",
    "away-notify": "",
    "batch": "",
    "cap-notify": "",
    "draft/account-registration": "before-connect",
    "draft/chathistory": "",
    "draft/event-playback": "",
    "draft/extended-isupport": "",
    "draft/message-redaction": "",
    "draft/multiline": f"max-bytes={MAX_BYTES},max-lines={MAX_LINES}",
    "draft/pre-away": "",
    "draft/read-marker": "",
    "echo-message": "",
    "extended-join": "",
    "extended-monitor": "",
    "invite-notify": "",
    "labeled-response": "",
    "message-tags": "",
    "multi-prefix": "",
    "no-implicit-names": "",
    "sasl": "PLAIN",
    "server-time": "",
    "setname": "",
    "soju.im/search": "",
    "standard-replies": "",
    "userhost-in-names": "",
}
"""The capabilities, with the values that a client of version 302 gets."""


def listed(client: Client, what: str, names: Iterable[str]) -> None:
    """Answer CAP LS or LIST: in several lines, unless the client knows only the first version."""
    words = [
        f"{name}={CAPABILITIES[name]}"
        if what == "LS" and client.version_302 and CAPABILITIES[name]
        else name
        for name in names
    ]
    head = (client.server, "CAP", client.display, what)
    if client.version_302:
        room = MAX_LINE - len(line(*head, "*", ":").encode()) - 2
        while len(" ".join(words)) > room:
            fitting: list[str] = []
            while len(" ".join([*fitting, words[0]])) <= room:
                fitting.append(words.pop(0))
            client.send(line(*head, "*", " ".join(fitting)))
    client.send(_colon(line(*head, " ".join(words) or "")))


def requested(client: Client, text: str) -> None:
    """Answer CAP REQ: all of the capabilities in *text*, or none of them."""
    words = text.split()
    names = [word.removeprefix("-") for word in words]
    refused = any(name not in CAPABILITIES for name in names) or (
        client.version_302 and "-cap-notify" in words
    )
    if not refused:
        for word in words:
            if word.startswith("-"):
                client.caps.discard(word[1:])
            else:
                client.caps.add(word)
        client.restyle()
    answer = "NAK" if refused else "ACK"
    client.send(_colon(line(client.server, "CAP", client.display, answer, text.strip())))


def _colon(piece: str) -> str:
    """Return *piece*, a CAP line, with a colon before its last parameter, as clients expect it."""
    head, _, last = piece.rpartition(" ")
    return piece if " :" in piece else f"{head} :{last}"
