"""A client of SSH that blocks, for one connection: Conch's transport on a socket."""

from __future__ import annotations

import socket
import struct
import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.conch.ssh.common import NS, getNS
from twisted.conch.ssh.keys import Key
from twisted.conch.ssh.transport import SSHClientTransport
from twisted.internet.defer import Deferred, succeed
from twisted.internet.testing import StringTransport

from benchmarks.options import Failed
from benchmarks.server import LOOPBACK

__all__ = ["SshClient", "new_key"]

TIMEOUT = 30.0
"""Seconds after which a run fails if the server does not answer."""

WINDOW = 2**31
"""So large that it is never adjusted."""

ERASE = b"\x15"

_SERVICE_REQUEST, _SERVICE_ACCEPT = 5, 6
_REQUEST, _FAILURE, _SUCCESS = 50, 51, 52
_OPEN, _OPENED, _DATA, _CHANNEL_REQUEST = 90, 91, 94, 98


def new_key() -> Any:
    """Return a new Ed25519 key."""
    return Key(Ed25519PrivateKey.generate())


class _Transport(SSHClientTransport):
    """Keeps the packets that it receives, and logs nothing."""

    def __init__(self) -> None:
        self.packets: list[tuple[int, bytes]] = []
        self.secure = False

    def verifyHostKey(self, pubKey: bytes, fingerprint: str) -> Deferred[bool]:  # noqa: N803
        return succeed(True)

    def connectionSecure(self) -> None:
        self.secure = True

    def dispatchMessage(self, messageNum: int, payload: bytes) -> None:  # noqa: N803
        if messageNum >= _REQUEST or messageNum == _SERVICE_ACCEPT:
            self.packets.append((messageNum, payload))
        else:
            super().dispatchMessage(messageNum, payload)


class SshClient:
    """A connection to the SSH port *port*, logged in as *name* with *key*. Raises `Failed`."""

    def __init__(self, port: int, name: str, key: Any) -> None:
        self.socket = socket.create_connection((LOOPBACK, port), TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._ssh: Any = _Transport()
        self._out: Any = StringTransport()
        self._ssh.makeConnection(self._out)
        while not self._ssh.secure:
            self._pump()
        self._send(_SERVICE_REQUEST, NS(b"ssh-userauth"))
        self._wait_for(_SERVICE_ACCEPT)
        head = b"\1" + NS(key.sshType()) + NS(key.public().blob())
        request = NS(name.encode()) + NS(b"ssh-connection") + NS(b"publickey") + head
        session = bytes(self._ssh.sessionID or b"")
        signature = key.sign(NS(session) + bytes([_REQUEST]) + request)
        self._send(_REQUEST, request + NS(signature))
        if self._wait_for(_SUCCESS, _FAILURE)[0] == _FAILURE:
            raise Failed(f"{name} could not log in")

    def open_terminal(self, group: str) -> None:
        """Open a session with a terminal, in *group*, and wait for its prompt."""
        self._send(_OPEN, NS(b"session") + struct.pack(">3L", 0, WINDOW, 32_768))
        _, payload = self._wait_for(_OPENED)
        self._channel = payload[4:8]
        size = struct.pack(">4L", 80, 24, 0, 0)
        self._send_request(b"pty-req", NS(b"xterm") + size + NS(b""))
        self._send_request(b"exec", NS(f"chat {group}".encode()))
        self._read_until(f"[{group}] ".encode())

    def echo(self, key: bytes) -> float:
        """Type *key* in place of what is typed; return the seconds until the terminal shows it."""
        began = time.perf_counter()
        self._send(_DATA, self._channel + NS(ERASE + key))
        self._read_until(key)
        return time.perf_counter() - began

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()

    def _send_request(self, name: bytes, rest: bytes) -> None:
        self._send(_CHANNEL_REQUEST, self._channel + NS(name) + b"\0" + rest)

    def _read_until(self, text: bytes) -> None:
        shown = b""
        while text not in shown:
            _, payload = self._wait_for(_DATA)
            shown += getNS(payload[4:])[0]

    def _send(self, kind: int, payload: bytes) -> None:
        self._ssh.sendPacket(kind, payload)
        self._flush()

    def _wait_for(self, *kinds: int) -> tuple[int, bytes]:
        while True:
            while self._ssh.packets:
                packet: tuple[int, bytes] = self._ssh.packets.pop(0)
                if packet[0] in kinds:
                    return packet
            self._pump()

    def _flush(self) -> None:
        data = self._out.value()
        self._out.clear()
        if data:
            self.socket.sendall(data)

    def _pump(self) -> None:
        self._flush()
        data = self.socket.recv(65_536)
        if not data:
            raise Failed("the server has closed a connection of SSH")
        self._ssh.dataReceived(data)
        self._flush()
