"""Programs in JSON mode, at real sockets and in memory, and a server in memory."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from pyconchat.chat.chat import Chat
from pyconchat.chat.interfaces import Asker, IHasher, IStore, IThreads
from pyconchat.chat.nodes import Node
from pyconchat.config import Config, DoorsConfig, LimitsConfig
from pyconchat.doors.factory import ChatFactory
from pyconchat.files import FileSharing
from pyconchat.sessions.portal import login_portal
from pyconchat.testing import PlainHasher, make_chat, services_of
from tests.support.connections import TestConnection
from tests.support.servers import PATIENCE

__all__ = [
    "CountingHasher",
    "MemoryServer",
    "Object",
    "Program",
    "ReconnectingProgram",
    "WiredProgram",
    "line_of",
    "numbers",
    "pieces",
]

Object = dict[str, Any]

UNLIMITED = {
    "connections_per_ip": 0,
    "connections_per_ip_10min": 0,
    "sessions_per_ip": 0,
    "login_attempts_per_minute": 0,
    "messages_per_second": 0,
}


def line_of(**fields: object) -> bytes:
    """Return an object as a line of JSON."""
    return json.dumps(fields).encode() + b"\n"


def numbers(events: list[Object], place: str = "tea") -> list[int]:
    """Return the numbers of the entries of a conversation, in the order of delivery.

    *place* is a group, or ``@`` and a name.
    """
    return [event["seq"] for event in events if "seq" in event and place_of(event) == place]


def place_of(event: Object) -> str:
    """Return the conversation of *event*, as ``since`` names it."""
    return f"@{event['with']}" if "with" in event else str(event["group"])


class JsonProgram:
    """The base of all programs, over any connection."""

    def __init__(self) -> None:
        self.objects: list[Object] = []  # everything that was received
        self.received = bytearray()  # the same as bytes
        self.hello: Object = {}  # the answer to the last hello
        self._ids = count(1)
        self._taken = 0  # bytes of `received` that were decoded
        self._seen = 0  # objects that `sees` has passed

    # Implemented by the subclasses.

    def sends(self, data: bytes) -> None:
        """Send *data* unchanged."""
        raise NotImplementedError

    def receives(self) -> bool:
        """Read the received data; return whether more may follow."""
        raise NotImplementedError

    # Common to all.

    @property
    def events(self) -> list[Object]:
        """Return the events that were received."""
        return [each for each in self.objects if "re" not in each and "hello" not in each]

    @property
    def entries(self) -> list[Object]:
        """Return the events that are entries."""
        return [each for each in self.events if "seq" in each]

    def says_hello(self, name: str, password: str | None = None, **more: object) -> Object:
        """Say hello and return the answer."""
        fields: Object = {"hello": 1, "name": name, **more}
        if password is not None:
            fields["password"] = password
        before = len(self.objects)
        self.sends(line_of(**fields))
        found = self.finds(lambda each: "hello" in each, before)
        self.hello = found
        return found

    def logs_in(self, name: str, password: str | None = None, **more: object) -> Object:
        """Say hello, which must succeed, and wait until all missed entries have arrived."""
        answer = self.says_hello(name, password, **more)
        assert answer["ok"], answer
        self.finds(lambda each: each.get("type") == "live", 0)
        return answer

    def requests(self, line: str | None = None, group: str | None = None, **more: object) -> int:
        """Send a request with a new id, and return the id."""
        id = next(self._ids)
        fields: Object = {"id": id, "line": line, "group": group, **more}
        self.sends(line_of(**{key: value for key, value in fields.items() if value is not None}))
        return id

    def answer(self, id: object) -> Object:
        """Wait for the answer to the request *id*."""
        return self.finds(lambda each: "re" in each and each["re"] == id, 0)

    def asks(self, line: str | None = None, group: str | None = None, **more: object) -> Object:
        """Send a request, and return its answer."""
        return self.answer(self.requests(line, group, **more))

    def does(self, line: str | None = None, group: str | None = None, **more: object) -> Object:
        """Send a request that must succeed, and return its answer."""
        answer = self.asks(line, group, **more)
        assert answer["ok"], answer
        return answer

    def is_refused(self, line: str, group: str | None = None, **more: object) -> str:
        """Send a request that must be refused, and return the code."""
        answer = self.asks(line, group, **more)
        assert not answer["ok"], answer
        assert answer["error"]
        return str(answer["code"])

    def error_to(self, data: bytes) -> Object:
        """Send *data*, which is invalid; return the one object that is the answer."""
        before = len(self.objects)
        self.sends(data + b"\n")
        return self.finds(lambda each: each.get("ok") is False, before)

    def sees(self, type: str, **fields: object) -> Object:
        """Wait for an event with these fields, after the one of the last call."""
        wanted = {"type": type, **fields}

        def fits(each: Object) -> bool:
            return "re" not in each and wanted.items() <= each.items()

        found = self.finds(fits, self._seen)
        self._seen = next(i for i, each in enumerate(self.objects) if each is found) + 1
        return found

    def finds(self, fits: Callable[[Object], bool], start: int) -> Object:
        """Wait for an object that *fits*, from the one numbered *start* on."""
        while True:
            for each in self.objects[start:]:
                if fits(each):
                    return each
            start = len(self.objects)
            more = self.receives()
            if len(self.objects) == start and not more:
                raise AssertionError(f"no such object; the last were {self.objects[-5:]}")

    def is_disconnected(self) -> bool:
        """Return whether the server has ended the connection."""
        raise NotImplementedError

    def since(self) -> dict[str, int]:
        """Return the last number of each conversation, for the next hello."""
        return {place_of(each): each["seq"] for each in self.entries if place_of(each) != "None"}

    def _takes(self, data: bytes) -> None:
        self.received += data
        while (end := self.received.find(b"\n", self._taken)) >= 0:
            line = self.received[self._taken : end]
            self._taken = end + 1
            if not self.objects and not line.startswith(b"{"):
                continue  # the greeting of the line door
            self.objects.append(json.loads(line))


class Program(JsonProgram):
    """A program at a real socket; with *trust* it connects by TLS."""

    def __init__(self, port: int, trust: ssl.SSLContext | None = None) -> None:
        super().__init__()
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if trust is not None:
            self._socket = trust.wrap_socket(self._socket, server_hostname="127.0.0.1")

    def sends(self, data: bytes) -> None:
        self._socket.sendall(data)

    def receives(self) -> bool:
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            data = self._socket.recv(65536)
        except TimeoutError:
            raise AssertionError(f"nothing came after {self.objects[-5:]}") from None
        except ConnectionResetError:
            return False
        self._takes(data)
        return bool(data)

    def is_disconnected(self) -> bool:
        """Wait until the server ends the connection."""
        while self.receives():
            pass
        return True

    def shuts_down_writing(self) -> None:
        """End the input, and continue to read."""
        self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class WiredProgram(JsonProgram):
    """A program in memory. A connection that is cut has acknowledged nothing."""

    def __init__(self, connection: TestConnection) -> None:
        super().__init__()
        self.connection = connection
        self.wire = connection.wire

    def sends(self, data: bytes) -> None:
        self.connection.sends(data)
        self.receives()

    def receives(self) -> bool:
        self.connection.tick()
        data = self.connection.receives()
        self._takes(data)
        return bool(data)

    def waits(self, seconds: float) -> None:
        """Let time pass."""
        self.connection.waits(seconds)
        self.receives()

    def is_disconnected(self) -> bool:
        """Return whether the server has closed the connection, after some time for it."""
        self.waits(1)
        return not self.wire.connected or self.wire.disconnected

    def shuts_down_writing(self) -> None:
        """End the input, and continue to read."""
        self.connection.ends_input()
        self.receives()

    def cut(self) -> None:
        """Lose the connection."""
        self.wire.loseConnection()
        self.connection.tick()


class CountingHasher(PlainHasher):
    """Counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def hash(self, password: str, asker: Asker) -> Deferred[str]:
        self.calls += 1
        return super().hash(password, asker)

    def verify(self, hash: str, password: str) -> Deferred[bool]:
        self.calls += 1
        return super().verify(hash, password)


class MemoryServer:
    """A running chat with its doors in memory, for people and programs."""

    def __init__(
        self,
        store: IStore,
        clock: Clock,
        config: Config | None = None,
        files: Callable[[Chat], FileSharing] | None = None,
        hasher: IHasher | None = None,
        threads: IThreads | None = None,
        node: Node | None = None,
    ) -> None:
        self.threads = threads
        self.node = node
        self.own_hasher = hasher
        self.files = files
        self.clock = clock
        self.store = store
        self.config = config or Config(
            limits=LimitsConfig(**UNLIMITED),
            public_url="https://chat.example.org",
            doors=DoorsConfig(web=("tcp:8080:interface=127.0.0.1",)),
        )
        self.start()

    def start(self) -> None:
        """Start with the content of the store."""
        self.hasher = CountingHasher()
        self.chat: Chat = make_chat(
            *(self.store, self.clock, self.config, self.own_hasher or self.hasher, self.threads),
            node=self.node,
        )
        sharing = None if self.files is None else self.files(self.chat)
        services = services_of(self.chat, sharing)
        portal: Portal = login_portal(services)
        self.factory = ChatFactory(services, portal, self.clock)
        self.factory.open_doors.start()

    def stop(self) -> None:
        """Stop, without informing anybody."""
        self.factory.open_doors.stop()

    def restart(self) -> None:
        """Stop and start again, on the same store."""
        self.stop()
        self.start()

    def connect(self, newline: str = "\n", host: str = "192.0.2.1") -> TestConnection:
        """Open a connection that has not sent anything."""
        return TestConnection(self.factory, self.clock, newline, host)

    def person(self, name: str, password: str = "") -> TestConnection:
        """Log in at nc, up to the front desk."""
        return self.connect().logs_in(name, password)

    def connect_program(self) -> WiredProgram:
        """Open a connection of a program that has not sent anything."""
        return WiredProgram(self.connect())

    def program(self, name: str, password: str | None = None, **more: object) -> WiredProgram:
        """Log in as a program."""
        program = self.connect_program()
        program.logs_in(name, password, **more)
        return program

    def waits(self, seconds: float) -> None:
        """Let time pass; the first ten seconds in steps of one second."""
        self.clock.pump([1.0] * int(min(seconds, 10)))
        self.clock.advance(max(0.0, seconds - 10))
        for _ in range(4):
            self.clock.advance(0)


def pieces(data: bytes) -> Iterator[bytes]:
    """Yield *data* byte by byte."""
    for index in range(len(data)):
        yield data[index : index + 1]


class ReconnectingProgram(JsonProgram):
    """A program that reconnects after each cut and repeats its request, as the document says.

    *cuts* has, for each connection, the bytes sent and received until it is lost; after the
    last of them it is kept. A cut connection has acknowledged nothing. An incomplete line does
    not count.
    """

    def __init__(
        self, server: MemoryServer, name: str, password: str, cuts: Iterator[tuple[int, int]]
    ) -> None:
        super().__init__()
        self.connections = 0
        self.log: dict[str, list[int]] = {}  # of each conversation, as they arrived
        self._server = server
        self._account = (name, password)
        self._cuts = cuts
        self._connection: TestConnection | None = None
        self._logged = 0

    def asks_until_answered(self, **fields: object) -> Object:
        """Repeat the request until it is answered; return the answer."""
        id = f"r{next(self._ids)}"
        while True:
            if self._connect():
                self.sends(line_of(id=id, **fields))
                for each in self.objects:
                    if each.get("re") == id:
                        return each

    def receives_if_connected(self) -> None:
        """Read the received data, if connected."""
        if self._connection is not None:
            self.receives()

    def stays_connected(self) -> None:
        """Reconnect until a login succeeds, and all missed entries have arrived."""
        while not self._connect():
            pass

    def sends(self, data: bytes) -> None:
        assert self._connection is not None
        whole = len(data) <= self._may_send
        self._connection.sends(data[: self._may_send])
        self._may_send -= len(data)
        self.receives()
        if not whole:
            self._cut()

    def receives(self) -> bool:
        if self._connection is None:
            return False
        self._connection.tick()
        data = self._connection.receives()
        self._takes(data[: self._may_receive])
        whole = len(data) <= self._may_receive
        self._may_receive -= len(data)
        for each in self.objects[self._logged :]:
            if "seq" in each and "type" in each and "re" not in each:
                self.log.setdefault(place_of(each), []).append(each["seq"])
        self._logged = len(self.objects)
        if not whole:
            self._cut()
        return False

    def since(self) -> dict[str, int]:
        return {place: seqs[-1] for place, seqs in self.log.items() if place != "None"}

    def _connect(self) -> bool:
        """Connect and log in, if necessary; return whether that succeeded."""
        if self._connection is not None:
            return True
        self._may_send, self._may_receive = next(self._cuts, (1_000_000, 1_000_000))
        self.connections += 1
        self._connection = self._server.connect()
        self.received = bytearray()
        self._taken = 0
        name, password = self._account
        self.sends(line_of(hello=1, name=name, password=password, since=self.since()))
        return self._connection is not None

    def _cut(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.wire.loseConnection()
            connection.tick()
