"""SSH clients at a door in memory, which can also break the rules."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.conch.ssh.common import NS, getNS
from twisted.conch.ssh.keys import Key
from twisted.conch.ssh.transport import SSHClientTransport
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from pyconchat.config import Config, FilesConfig, LimitsConfig
from pyconchat.doors.factory import ChatFactory
from pyconchat.doors.ssh.factory import SshFactory
from pyconchat.doors.ssh.host_key import host_key
from pyconchat.files import FileSharing, Storage
from pyconchat.sessions.portal import login_portal
from pyconchat.store import SqlStore
from pyconchat.testing import make_chat, services_of
from tests.support.connections import TestConnection, Wire
from tests.support.stepwise import StepByStep

__all__ = ["PASSWORD", "ClientTransport", "ServerOf", "SshClient", "SshServer", "new_key"]

PASSWORD = "a long password"

SERVICE_REQUEST, SERVICE_ACCEPT, KEXINIT = 5, 6, 20
REQUEST, FAILURE, SUCCESS, BANNER, PK_OK, INFO_RESPONSE = 50, 51, 52, 53, 60, 61
GLOBAL_REQUEST, OPEN, OPENED, NOT_OPENED = 80, 90, 91, 92
ADJUST, DATA, EXTENDED, EOF, CLOSE, CHANNEL_REQUEST = 93, 94, 95, 96, 97, 98


def new_key() -> Key:
    """Return a new Ed25519 key."""
    return Key(Ed25519PrivateKey.generate())


class SshServer:
    """A server in memory, with a line door and an SSH door; *work* are its threads, if given."""

    def __init__(
        self,
        store: SqlStore,
        clock: Clock,
        folder: Path,
        limits: Any = None,
        work: StepByStep | None = None,
        **settings: Any,
    ) -> None:
        config = Config(
            limits=LimitsConfig(**{"messages_per_second": 0, **(limits or {})}),
            **{"files": FilesConfig(free_disk=0), **settings},
        )
        self.clock = clock
        self.chat = make_chat(store, clock, config, work, work)
        self.disk_waits: list[Callable[[], Any]] | None = None
        """The pending operations of the disk; None: it executes them at once."""
        self.files = FileSharing(
            self.chat, Storage(folder / "files"), self._run if work is None else work.run
        )
        self.files.start({}, {})
        self.services = services_of(self.chat, self.files)
        self.lines = ChatFactory(self.services, login_portal(self.services), clock)
        self.lines.open_doors.start()
        self.ssh = SshFactory(self.lines, host_key(folder / "host_key", make=True))

    def stop(self) -> None:
        """Stop the checks of the connections."""
        self.lines.open_doors.stop()

    def _run(self, call: Callable[..., Any], *args: Any) -> Deferred[Any]:
        if self.disk_waits is None:
            return maybeDeferred(call, *args)
        done: Deferred[Any] = Deferred()
        self.disk_waits.append(lambda: maybeDeferred(call, *args).chainDeferred(done))
        return done

    def runs_disk(self) -> None:
        """Execute the pending operations of the disk, and everything that follows."""
        assert self.disk_waits is not None
        while self.disk_waits:
            self.disk_waits.pop(0)()
            self.waits(0.1)

    def at_nc(self, name: str, password: str = "") -> TestConnection:
        """Return somebody at nc, at the front desk."""
        return TestConnection(self.lines, self.clock).logs_in(name, password)

    def registers(self, *names: str) -> None:
        """Register *names* with PASSWORD."""
        for name in names:
            self.at_nc(name, PASSWORD).types("/quit")
        self.waits(5)

    def waits(self, seconds: float) -> None:
        """Let *seconds* pass."""
        for _ in range(int(seconds * 10) + 1):
            self.clock.advance(0.1)

    def dropped(self, cause: str) -> int:
        """Return how many connections were dropped because of *cause*."""
        statistics = self.services.statistics
        return statistics.dropped[cause] + statistics.turned_away[cause]


class ServerOf(Protocol):
    """Makes a server with *limits* and *settings*."""

    def __call__(self, limits: Any = None, **settings: Any) -> SshServer: ...


class ClientTransport(SSHClientTransport):
    """Conch's client, without services: it keeps the packets that it receives."""

    def __init__(self) -> None:
        self.packets: list[tuple[int, bytes]] = []
        self.disconnected = ""
        self.exchanges = 0
        self.refused_lines = b""

    def verifyHostKey(self, pubKey: bytes, fingerprint: str) -> Deferred[bool]:  # noqa: N803
        return succeed(True)

    def connectionSecure(self) -> None:
        self.exchanges += 1

    def dispatchMessage(self, messageNum: int, payload: bytes) -> None:  # noqa: N803
        if messageNum >= 50 or messageNum == SERVICE_ACCEPT:
            self.packets.append((messageNum, payload))
        elif messageNum == 1:
            self.disconnected = getNS(payload[4:])[0].decode()
        else:
            super().dispatchMessage(messageNum, payload)


class SshClient:
    """A connection to the SSH door of *server*."""

    def __init__(self, server: SshServer, host: str = "192.0.2.7", connects: bool = True) -> None:
        self.server = server
        self.wire = Wire()
        self.wire.peerAddr = IPv4Address("TCP", host, 50_000)
        self.door = server.ssh.buildProtocol(self.wire.peerAddr)
        self.wire.protocol = self.door
        self.ssh = ClientTransport()
        self.out = StringTransport()
        self.received = b""
        self.door.makeConnection(self.wire)
        if connects:
            self.ssh.makeConnection(self.out)
            self.tick()

    # Bytes and packets.

    def tick(self, seconds: float = 0.0) -> None:
        """Pass bytes on in both directions, until none are left; *seconds* pass before that."""
        self.server.clock.advance(seconds)
        for _ in range(200):
            sent = self.out.value()
            self.out.clear()
            if sent and self.wire.connected:
                self.door.dataReceived(sent)
            self.server.clock.advance(0)
            got = self.wire.value()
            self.wire.clear()
            self.received += got
            if got and self.ssh.transport is not None:
                self.ssh.dataReceived(got)
            if not (got or self.out.value()):
                return

    def sends(self, number: int, payload: bytes) -> None:
        """Send a packet."""
        self.ssh.sendPacket(number, payload)
        self.tick()

    def sends_raw(self, data: bytes) -> None:
        """Send *data* as it is."""
        if self.wire.connected:
            self.door.dataReceived(data)
        self.tick()

    def gets(self, *numbers: int) -> bytes:
        """Return the payload of the next packet with one of *numbers*, and drop those before it."""
        for _ in range(20):
            for at, (number, payload) in enumerate(self.ssh.packets):
                if number in numbers:
                    del self.ssh.packets[: at + 1]
                    self.number = number
                    return payload
            self.tick(0.1)
        raise AssertionError(f"no packet {numbers}: {self.ssh.packets} {self.ssh.disconnected!r}")

    @property
    def gone(self) -> bool:
        """Return whether the server has ended the connection."""
        return not self.wire.connected

    # The login.

    def begins(self) -> SshClient:
        """Ask for the user authentication."""
        self.sends(SERVICE_REQUEST, NS(b"ssh-userauth"))
        self.gets(SERVICE_ACCEPT)
        return self

    def tries(self, name: str, method: bytes, rest: bytes) -> bool | None:
        """Try to log in; return whether that has succeeded; None: a question, or a good key."""
        packet = NS(name.encode()) + NS(b"ssh-connection") + NS(method) + rest
        self.sends(REQUEST, packet)
        return self.result()

    def result(self) -> bool | None:
        """Return the result of a request, as `tries`; False at the end of the connection."""
        for _ in range(80):
            for number, payload in self.ssh.packets:
                if number in (FAILURE, SUCCESS, PK_OK):
                    self.ssh.packets.remove((number, payload))
                    self.methods = getNS(payload)[0] if number == FAILURE else b""
                    return {FAILURE: False, SUCCESS: True}.get(number)
            if self.gone:
                return False
            self.tick(0.1)
        raise AssertionError("the request was not answered")

    def password(self, name: str, password: str = PASSWORD) -> bool | None:
        """Try a password."""
        return self.tries(name, b"password", b"\0" + NS(password.encode()))

    def key(self, name: str, key: Key, algorithm: bytes = b"", good: bool = True) -> bool | None:
        """Try *key*, with a signature that is *good* or not."""
        algorithm = algorithm or key.sshType()
        head = b"\1" + NS(algorithm) + NS(key.public().blob())
        whole = NS(name.encode()) + NS(b"ssh-connection") + NS(b"publickey") + head
        data = NS(self.ssh.sessionID) + bytes([REQUEST]) + whole
        signature = key.sign(data if good else b"another", signatureType=algorithm)
        return self.tries(name, b"publickey", head + NS(signature))

    def probe(self, name: str, key: Key) -> bool | None:
        """Ask whether *key* would do."""
        rest = b"\0" + NS(key.sshType()) + NS(key.public().blob())
        return self.tries(name, b"publickey", rest)

    def logs_in(self, name: str, key: Key | None = None) -> SshClient:
        """Log in, with *key* or the password."""
        self.begins()
        assert (self.password(name) if key is None else self.key(name, key)) is True
        return self

    def enters(self, name: str) -> SshClient:
        """Let a stranger in, without questions."""
        self.begins()
        assert self.tries(name, b"keyboard-interactive", NS(b"") + NS(b"")) is None
        self.sends(INFO_RESPONSE, struct.pack(">L", 0))
        assert self.result() is True
        return self

    # Channels.

    def opens(self, kind: bytes = b"session", window: int = 2**21, most: int = 32768) -> int | None:
        """Open a channel; return its number at the server; None if it was refused."""
        self.sends(OPEN, NS(kind) + struct.pack(">3L", 7, window, most))
        payload = self.gets(OPENED, NOT_OPENED)
        if self.number == NOT_OPENED:
            self.why = struct.unpack(">L", payload[4:8])[0]
            return None
        return int(struct.unpack(">2L", payload[:8])[1])

    def asks(self, channel: int, request: bytes, rest: bytes = b"", reply: bool = False) -> None:
        """Send a request of a channel."""
        head = struct.pack(">L", channel) + NS(request) + bytes([reply])
        self.sends(CHANNEL_REQUEST, head + rest)

    def runs(self, command: str = "", window: int = 2**21, term: str = "") -> int:
        """Open a session, with a terminal or not, that runs *command* or a shell."""
        channel = self.opens(window=window)
        assert channel is not None
        if term:
            size = struct.pack(">4L", 80, 24, 0, 0)
            self.asks(channel, b"pty-req", NS(term.encode()) + size + NS(b""))
        if command:
            self.asks(channel, b"exec", NS(command.encode()))
        else:
            self.asks(channel, b"shell")
        self.tick(0.1)
        return channel

    def types(self, channel: int, *lines: str) -> None:
        """Type *lines*."""
        for line in lines:
            data = f"{line}\n".encode()
            self.sends(DATA, struct.pack(">L", channel) + NS(data))
            self.tick(0.1)

    def ends_input(self, channel: int) -> None:
        """Send the end of the input."""
        self.sends(EOF, struct.pack(">L", channel))

    def closes(self, channel: int) -> None:
        """Close a channel."""
        self.sends(CLOSE, struct.pack(">L", channel))

    def sees(self, wait: float = 0.5) -> str:
        """Return the text of the standard output since the last call, of all channels."""
        return self._text(DATA, 4, wait)

    def errors(self) -> str:
        """Return the text of the standard error since the last call, of all channels."""
        return self._text(EXTENDED, 8, 0.5)

    def status(self) -> int | None:
        """Return the exit status that was sent, and confirm the end of the channel."""
        for _ in range(40):
            for number, payload in self.ssh.packets:
                name, rest = getNS(payload[4:]) if number == CHANNEL_REQUEST else (b"", b"")
                if name == b"exit-status":
                    self.ssh.packets.remove((number, payload))
                    return int(struct.unpack(">L", rest[1:5])[0])
            self.tick(0.1)
        return None

    def _text(self, number: int, head: int, wait: float) -> str:
        for _ in range(int(wait * 10)):
            self.tick(0.1)
        found = [payload for kind, payload in self.ssh.packets if kind == number]
        self.ssh.packets = [each for each in self.ssh.packets if each[0] != number]
        return b"".join(getNS(payload[head:])[0] for payload in found).decode()
