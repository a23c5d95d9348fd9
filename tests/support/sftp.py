"""Clients of SFTP at an SSH door in memory, which can also break the rules."""

from __future__ import annotations

import struct
from typing import NamedTuple

from twisted.conch.ssh.common import NS, getNS

from tests.support.ssh_wire import DATA, SshClient

__all__ = ["SftpAnswer", "SftpClient"]

READ, WRITE, APPEND, CREATE, TRUNCATE, NEW = 1, 2, 4, 8, 16, 32
"""Flags of an OPEN."""

INIT, OPEN, CLOSE, READ_FILE, WRITE_FILE, LSTAT, FSTAT = 1, *range(3, 9)
SETSTAT, FSETSTAT, OPENDIR = range(9, 12)
READDIR, REMOVE, MKDIR, RMDIR, REALPATH, STAT, RENAME, READLINK, SYMLINK = range(12, 21)
EXTENDED = 200
STATUS, HANDLE, FILE_DATA, NAME, ATTRIBUTES, EXTENDED_REPLY = *range(101, 106), 201
"""Types of packets."""

OK, EOF, NO_SUCH_FILE, PERMISSION_DENIED, FAILED, UNSUPPORTED = 0, 1, 2, 3, 4, 8
"""Codes of a STATUS."""

Field = int | bytes | str


class SftpAnswer(NamedTuple):
    """An answer: its type, the number of the request, and the rest."""

    kind: int
    request: int
    rest: bytes

    @property
    def status(self) -> int | None:
        """Return the code of a STATUS; None for other answers."""
        return int(struct.unpack(">L", self.rest[:4])[0]) if self.kind == STATUS else None

    @property
    def text(self) -> str:
        """Return the sentence of a STATUS."""
        return getNS(self.rest[4:])[0].decode()

    @property
    def string(self) -> bytes:
        """Return the handle, or the data."""
        return bytes(getNS(self.rest)[0])

    @property
    def names(self) -> list[str]:
        """Return the names."""
        (count,), rest, names = struct.unpack(">L", self.rest[:4]), self.rest[4:], []
        for _ in range(count):
            name, _line, rest = getNS(rest, 2)
            names.append(name.decode())
            (flags,) = struct.unpack(">L", rest[:4])
            rest = rest[4 + 8 * bool(flags & 1) + 4 * bool(flags & 4) + 8 * bool(flags & 8) :]
        return names

    @property
    def size(self) -> int | None:
        """Return the size in ATTRS; None for a folder."""
        assert self.kind == ATTRIBUTES, self
        (flags,) = struct.unpack(">L", self.rest[:4])
        return int(struct.unpack(">Q", self.rest[4:12])[0]) if flags & 1 else None


class SftpClient:
    """A client of SFTP on a channel of *client*, which is logged in."""

    def __init__(self, client: SshClient, subsystem: bytes = b"sftp", begins: bool = True) -> None:
        self.client = client
        channel = client.opens()
        assert channel is not None
        self.channel = channel
        self._input = b""
        self._last = 0
        self.answers: list[SftpAnswer] = []
        client.asks(channel, b"subsystem", NS(subsystem))
        client.tick(0.1)
        if begins:
            self.sends(bytes([INIT]) + struct.pack(">L", 3))
            self.receives()
            self.answers.clear()

    def sends(self, packet: bytes) -> None:
        """Send *packet*, with its length."""
        self.sends_raw(NS(packet))

    def sends_raw(self, data: bytes) -> None:
        """Send *data* as it is."""
        for at in range(0, len(data), 32_768):
            piece = NS(data[at : at + 32_768])
            self.client.sends(DATA, struct.pack(">L", self.channel) + piece)

    def requests(self, kind: int, *fields: Field | list[int]) -> int:
        """Send a request; return its number. Strings are sent with their length, [n] as 8 bytes."""
        self._last += 1
        packet = struct.pack(">BL", kind, self._last)
        for each in fields:
            match each:
                case int():
                    packet += struct.pack(">L", each)
                case list():
                    packet += struct.pack(">Q", *each)
                case str():
                    packet += NS(each.encode())
                case bytes():
                    packet += NS(each)
        self.sends(packet)
        return self._last

    def receives(self) -> None:
        """Take the answers that have arrived."""
        self.client.tick(0.1)
        mine = [payload for kind, payload in self.client.ssh.packets if kind == DATA]
        self.client.ssh.packets = [each for each in self.client.ssh.packets if each[0] != DATA]
        self._input += b"".join(getNS(payload[4:])[0] for payload in mine)
        while len(self._input) >= 9:
            (length,) = struct.unpack(">L", self._input[:4])
            if len(self._input) < 4 + length:
                break
            kind, request = struct.unpack(">BL", self._input[4:9])
            self.answers.append(SftpAnswer(kind, request, self._input[9 : 4 + length]))
            self._input = self._input[4 + length :]

    def answer(self, request: int) -> SftpAnswer:
        """Return the answer to the *request* with that number."""
        for _ in range(50):
            self.receives()
            for each in self.answers:
                if each.request == request:
                    self.answers.remove(each)
                    return each
        raise AssertionError(f"no answer: {self.answers} {self.client.gone}")

    def asks(self, kind: int, *fields: Field | list[int]) -> SftpAnswer:
        """Send a request, and return its answer."""
        return self.answer(self.requests(kind, *fields))

    # Acts of people.

    def opens(self, path: str, flags: int = READ) -> SftpAnswer:
        """Open a file."""
        return self.asks(OPEN, path, flags, 0)

    def puts(self, path: str, data: bytes, flags: int = WRITE | CREATE | TRUNCATE) -> SftpAnswer:
        """Send a file as OpenSSH does; return the answer to the CLOSE."""
        opened = self.opens(path, flags)
        assert opened.kind == HANDLE, opened.text
        for at in range(0, len(data), 30_000):
            answer = self.asks(WRITE_FILE, opened.string, [at], data[at : at + 30_000])
            assert answer.status == OK, answer.text
        return self.asks(CLOSE, opened.string)

    def gets(self, path: str) -> bytes:
        """Return the bytes of a file."""
        opened, data = self.opens(path), b""
        assert opened.kind == HANDLE, opened.text
        while (answer := self.asks(READ_FILE, opened.string, [len(data)], 2**31)).kind == FILE_DATA:
            data += answer.string
        assert answer.status == EOF
        self.asks(CLOSE, opened.string)
        return data

    def lists(self, path: str) -> list[str]:
        """Return the names in a folder."""
        handle, names = self.asks(OPENDIR, path), []
        assert handle.kind == HANDLE, handle.text
        while (answer := self.asks(READDIR, handle.string)).kind == NAME:
            names += answer.names
        assert answer.status == EOF
        self.asks(CLOSE, handle.string)
        return names
