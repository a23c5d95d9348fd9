"""FramedJson: the objects of JSON mode, each block in one frame of a WebSocket (RFC 6455, 5.2)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence

from pyconchat.domain.events import Entry
from pyconchat.domain.names import Key
from pyconchat.domain.replies import Where
from pyconchat.render.json import JsonRenderer

__all__ = ["BYTES", "TEXT", "FramedJson", "frame"]

TEXT, BYTES = 0x1, 0x2
"""The opcodes of frames with a message."""

_FINAL = 0x80
_SHORT, _LONG = struct.Struct("!BBH"), struct.Struct("!BBQ")


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """Return *payload* as one frame of a server, which is not masked."""
    size = len(payload)
    if size < 126:
        return bytes((_FINAL | opcode, size)) + payload
    if size < 1 << 16:
        return _SHORT.pack(_FINAL | opcode, 126, size) + payload
    return _LONG.pack(_FINAL | opcode, 127, size) + payload


class FramedJson(JsonRenderer):
    """As `JsonRenderer`. A frame has whole lines, and is made once for all its receivers."""

    def replay(self, entries: Sequence[Entry], where: Where, reader: Key, heading: str) -> bytes:
        lines = super().replay(entries, where, reader, heading)
        return frame(lines) if lines else b""

    def block(self, pieces: Iterable[str]) -> bytes:
        lines = super().block(pieces)
        return frame(lines) if lines else b""

    def line(self, fields: Mapping[str, object]) -> bytes:
        return frame(super().line(fields))
