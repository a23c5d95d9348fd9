"""The packets of SFTP version 3 (draft-ietf-secsh-filexfer-02). Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, IntFlag

__all__ = [
    "MAX_PACKET",
    "Attributes",
    "Entry",
    "Fields",
    "Kind",
    "Malformed",
    "Open",
    "Status",
    "attributes_answer",
    "data_answer",
    "handle_answer",
    "limits_answer",
    "names_answer",
    "status_answer",
    "version_answer",
]

MAX_PACKET = 256 * 1024
"""Maximum bytes of a packet, its length field excluded."""

VERSION = 3

_FOLDER, _FILE = 0o040755, 0o100644


class Malformed(Exception):
    """The peer does not keep to the protocol."""


class Kind(IntEnum):
    """The types of packets."""

    INIT = 1
    VERSION = 2
    OPEN = 3
    CLOSE = 4
    READ = 5
    WRITE = 6
    LSTAT = 7
    FSTAT = 8
    SETSTAT = 9
    FSETSTAT = 10
    OPENDIR = 11
    READDIR = 12
    REMOVE = 13
    MKDIR = 14
    RMDIR = 15
    REALPATH = 16
    STAT = 17
    RENAME = 18
    READLINK = 19
    SYMLINK = 20
    STATUS = 101
    HANDLE = 102
    DATA = 103
    NAME = 104
    ATTRS = 105
    EXTENDED = 200
    EXTENDED_REPLY = 201


class Status(IntEnum):
    """The codes of a STATUS."""

    OK = 0
    EOF = 1
    NO_SUCH_FILE = 2
    PERMISSION_DENIED = 3
    FAILURE = 4
    UNSUPPORTED = 8


class Open(IntFlag):
    """The flags of an OPEN."""

    READ = 1
    WRITE = 2
    APPEND = 4
    CREATE = 8
    TRUNCATE = 16
    NEW = 32


class _Has(IntFlag):
    """Which attributes follow."""

    SIZE = 1
    OWNERS = 2
    PERMISSIONS = 4
    TIMES = 8
    EXTENDED = 0x80000000


@dataclass(frozen=True)
class Attributes:
    """The attributes of a folder, or of a file of *size* bytes; *at* is in seconds; 0: unknown."""

    size: int | None = None
    at: int = 0

    @property
    def mode(self) -> int:
        """Return the type and the permissions, as a file system has them."""
        return _FOLDER if self.size is None else _FILE

    def packed(self) -> bytes:
        """Return the attributes as they are in a packet."""
        flags = _Has.PERMISSIONS
        size = b""
        if self.size is not None:
            flags |= _Has.SIZE
            size = struct.pack(">Q", self.size)
        times = b""
        if self.at:
            flags |= _Has.TIMES
            times = struct.pack(">2L", self.at & 0xFFFFFFFF, self.at & 0xFFFFFFFF)
        return struct.pack(">L", flags) + size + struct.pack(">L", self.mode) + times


@dataclass(frozen=True)
class Entry:
    """A *name* in a folder; *line* is what a person is shown of it."""

    name: str
    line: str
    attributes: Attributes


class Fields:
    """Reads the fields of a packet, one after the other. Each method may raise `Malformed`."""

    def __init__(self, packet: bytes) -> None:
        self._packet = packet
        self._at = 0

    def _take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._packet):
            raise Malformed("a packet that is too short")
        taken = self._packet[self._at : end]
        self._at = end
        return taken

    def byte(self) -> int:
        """Return a byte."""
        return self._take(1)[0]

    def number(self) -> int:
        """Return a number of 4 bytes."""
        return int.from_bytes(self._take(4), "big")

    def long(self) -> int:
        """Return a number of 8 bytes."""
        return int.from_bytes(self._take(8), "big")

    def string(self) -> bytes:
        """Return a string."""
        return self._take(self.number())

    def size(self) -> int | None:
        """Return the size in attributes; None if there is none."""
        flags = self.number()
        return self.long() if flags & _Has.SIZE else None


# Answers.


def _packet(kind: Kind, *pieces: bytes) -> bytes:
    length = 1 + sum(map(len, pieces))
    return b"".join((struct.pack(">LB", length, kind), *pieces))


def _string(data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + data


def version_answer(extensions: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the answer to an INIT."""
    pairs = (_string(name) + _string(data) for name, data in extensions)
    return _packet(Kind.VERSION, struct.pack(">L", VERSION), *pairs)


def status_answer(request: int, status: Status, sentence: str = "") -> bytes:
    """Return a STATUS for the *request* with that number."""
    head = struct.pack(">2L", request, status)
    return _packet(Kind.STATUS, head, _string(sentence.encode()), _string(b""))


def handle_answer(request: int, handle: bytes) -> bytes:
    """Return a HANDLE."""
    return _packet(Kind.HANDLE, struct.pack(">L", request), _string(handle))


def data_answer(request: int, data: bytes) -> bytes:
    """Return DATA."""
    return _packet(Kind.DATA, struct.pack(">2L", request, len(data)), data)


def names_answer(request: int, entries: Iterable[Entry]) -> bytes:
    """Return a NAME."""
    packed = [
        _string(each.name.encode()) + _string(each.line.encode()) + each.attributes.packed()
        for each in entries
    ]
    return _packet(Kind.NAME, struct.pack(">2L", request, len(packed)), *packed)


def attributes_answer(request: int, attributes: Attributes) -> bytes:
    """Return ATTRS."""
    return _packet(Kind.ATTRS, struct.pack(">L", request), attributes.packed())


def limits_answer(request: int, read: int, write: int, handles: int) -> bytes:
    """Return the answer to ``limits@openssh.com`` (OpenSSH's PROTOCOL, 4.8)."""
    limits = struct.pack(">4Q", MAX_PACKET, read, write, handles)
    return _packet(Kind.EXTENDED_REPLY, struct.pack(">L", request), limits)
