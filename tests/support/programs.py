"""Programs that talk JSON: at real sockets, and over wires in memory."""

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
from pyconchat.chat.interfaces import IHasher, IStore, IThreads
from pyconchat.config import Config, LimitsConfig
from pyconchat.doors.factory import ChatFactory
from pyconchat.files import FileSharing
from pyconchat.sessions.portal import login_portal
from pyconchat.testing import PlainHasher, make_chat, services_of
from tests.support.connections import TestConnection
from tests.support.servers import PATIENCE

__all__ = [
    "CountingHasher",
    "House",
    "Object",
    "Program",
    "Stubborn",
    "WiredProgram",
    "line_of",
    "numbers",
    "pieces",
]

Object = dict[str, Any]

UNLIMITED = {
    "connections_per_ip": 0,
    "connections_per_ip_10min": 0,
    "login_attempts_per_minute": 0,
    "messages_per_second": 0,
}


def line_of(**fields: object) -> bytes:
    """Return an object as a line."""
    return json.dumps(fields).encode() + b"\n"


def numbers(events: list[Object], place: str = "tea") -> list[int]:
    """Return the numbers of the entries of *place*, a group or ``@`` and a name, as they came."""
    return [event["seq"] for event in events if "seq" in event and place_of(event) == place]


def place_of(event: Object) -> str:
    """Return of which conversation *event* is, as ``since`` names it."""
    return f"@{event['with']}" if "with" in event else str(event["group"])


class Talking:
    """What all programs can do, however their bytes come and go."""

    def __init__(self) -> None:
        self.objects: list[Object] = []  # all that ever came
        self.received = bytearray()  # the bytes of which they were made
        self.hello: Object = {}  # the last answer to one
        self._ids = count(1)
        self._taken = 0  # how many bytes of `received` are objects
        self._seen = 0  # how far `sees` has come

    # How the kinds differ.

    def sends(self, data: bytes) -> None:
        """Send *data* as it is."""
        raise NotImplementedError

    def receives(self) -> bool:
        """Take what comes; return whether anything may still come."""
        raise NotImplementedError

    # What is the same.

    @property
    def events(self) -> list[Object]:
        """Return the events among what came."""
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
        """Say hello, which must go well, and wait until all that was missed has come."""
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
        """Send a request that must go well, and return its answer."""
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
        """Send *data*, which is wrong; return the one object that comes back."""
        before = len(self.objects)
        self.sends(data + b"\n")
        return self.finds(lambda each: each.get("ok") is False, before)

    def sees(self, type: str, **fields: object) -> Object:
        """Wait for an event with these fields, after the one that was seen last."""
        wanted = {"type": type, **fields}

        def fits(each: Object) -> bool:
            return "re" not in each and wanted.items() <= each.items()

        found = self.finds(fits, self._seen)
        self._seen = next(i for i, each in enumerate(self.objects) if each is found) + 1
        return found

    def finds(self, fits: Callable[[Object], bool], start: int) -> Object:
        """Wait for an object that *fits*, not before the one numbered *start*."""
        while True:
            for each in self.objects[start:]:
                if fits(each):
                    return each
            start = len(self.objects)
            going = self.receives()
            if len(self.objects) == start and not going:
                raise AssertionError(f"that never came; the last were {self.objects[-5:]}")

    def is_disconnected(self) -> bool:
        """Return whether the server has ended the connection."""
        raise NotImplementedError

    def is_cut_off(self) -> bool:
        return self.is_disconnected()

    def since(self) -> dict[str, int]:
        """Return the last number that came of each conversation, for the next hello."""
        return {place_of(each): each["seq"] for each in self.entries if place_of(each) != "None"}

    def _takes(self, data: bytes) -> None:
        self.received += data
        while (end := self.received.find(b"\n", self._taken)) >= 0:
            line = self.received[self._taken : end]
            self._taken = end + 1
            if not self.objects and not line.startswith(b"{"):
                continue  # the greeting of people
            self.objects.append(json.loads(line))


class Program(Talking):
    """A program at a real socket; by TLS where *trust* is given."""

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
        """Send the end of the input, and go on reading."""
        self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Go away."""
        self._socket.close()


class WiredProgram(Talking):
    """A program over a wire in memory. What is cut off it never acknowledged."""

    def __init__(self, caller: TestConnection) -> None:
        super().__init__()
        self.caller = caller
        self.wire = caller.wire

    def sends(self, data: bytes) -> None:
        self.caller.sends(data)
        self.receives()

    def receives(self) -> bool:
        self.caller.tick()
        data = self.caller.receives()
        self._takes(data)
        return bool(data)

    def waits(self, seconds: float) -> None:
        """Let time pass."""
        self.caller.waits(seconds)
        self.receives()

    def is_disconnected(self) -> bool:
        """Return whether the server has ended the connection, having had its time to do so."""
        self.waits(1)
        return not self.wire.connected or self.wire.disconnected

    def shuts_down_writing(self) -> None:
        """Send the end of the input, and go on reading."""
        self.caller.ends_input()
        self.receives()

    def cut(self) -> None:
        """Lose the connection."""
        self.wire.loseConnection()
        self.caller.tick()


class CountingHasher(PlainHasher):
    """Counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def hash(self, password: str) -> Deferred[str]:
        self.asked += 1
        return super().hash(password)

    def verify(self, hash: str, password: str) -> Deferred[bool]:
        self.asked += 1
        return super().verify(hash, password)


class House:
    """A line door in memory, into which people and programs come."""

    def __init__(
        self,
        store: IStore,
        clock: Clock,
        config: Config | None = None,
        files: Callable[[Chat], FileSharing] | None = None,
        hasher: IHasher | None = None,
        threads: IThreads | None = None,
    ) -> None:
        self.threads = threads
        self.own_hasher = hasher
        self.files = files
        self.clock = clock
        self.store = store
        self.config = config or Config(limits=LimitsConfig(**UNLIMITED))
        self.opens()

    def opens(self) -> None:
        """Start, on what the store has."""
        self.hasher = CountingHasher()
        self.chat: Chat = make_chat(
            self.store, self.clock, self.config, self.own_hasher or self.hasher, self.threads
        )
        sharing = None if self.files is None else self.files(self.chat)
        services = services_of(self.chat, sharing)
        portal: Portal = login_portal(services)
        self.factory = ChatFactory(services, portal, self.clock)
        self.factory.open_doors.start()

    def closes(self) -> None:
        """Stop, without a word to anybody."""
        self.factory.open_doors.stop()

    def restarts(self) -> None:
        """Stop and start again, on the same store."""
        self.closes()
        self.opens()

    def caller(self, newline: str = "\n", host: str = "192.0.2.1") -> TestConnection:
        """Connect somebody who has not said anything."""
        return TestConnection(self.factory, self.clock, newline, host)

    def person(self, name: str, password: str = "") -> TestConnection:
        """Let somebody in at nc, to the front desk."""
        return self.caller().logs_in(name, password)

    def stranger(self) -> WiredProgram:
        """Connect a program that has not said anything."""
        return WiredProgram(self.caller())

    def program(self, name: str, password: str | None = None, **more: object) -> WiredProgram:
        """Let a program in."""
        program = self.stranger()
        program.logs_in(name, password, **more)
        return program

    def waits(self, seconds: float) -> None:
        """Let time pass, in steps of a second as far as it goes."""
        self.clock.pump([1.0] * int(min(seconds, 10)))
        self.clock.advance(max(0.0, seconds - 10))
        for _ in range(4):
            self.clock.advance(0)


def pieces(data: bytes) -> Iterator[bytes]:
    """Yield *data* byte by byte."""
    for index in range(len(data)):
        yield data[index : index + 1]


class Stubborn(Talking):
    """A program as the document wants it: cut off, it comes back and asks once more.

    *cuts* are, for each connection, after how many bytes sent and received it is lost; when there
    are no more of them, it stays. What is cut off was never acknowledged. A line counts when it
    came whole.
    """

    def __init__(
        self, house: House, name: str, password: str, cuts: Iterator[tuple[int, int]]
    ) -> None:
        super().__init__()
        self.connections = 0
        self.log: dict[str, list[int]] = {}  # the numbers, as they came
        self._house = house
        self._account = (name, password)
        self._cuts = cuts
        self._caller: TestConnection | None = None
        self._noted = 0

    def insists(self, **fields: object) -> Object:
        """Ask until there is an answer."""
        id = f"r{next(self._ids)}"
        while True:
            if self._connected():
                self.sends(line_of(id=id, **fields))
                for each in self.objects:
                    if each.get("re") == id:
                        return each

    def looks(self) -> None:
        """See what has come, if connected."""
        if self._caller is not None:
            self.receives()

    def stays(self) -> None:
        """Be there, and have what was missed."""
        while not self._connected():
            pass

    def sends(self, data: bytes) -> None:
        assert self._caller is not None
        whole = len(data) <= self._may_send
        self._caller.sends(data[: self._may_send])
        self._may_send -= len(data)
        self.receives()
        if not whole:
            self._cut()

    def receives(self) -> bool:
        if self._caller is None:
            return False
        self._caller.tick()
        data = self._caller.receives()
        self._takes(data[: self._may_receive])
        whole = len(data) <= self._may_receive
        self._may_receive -= len(data)
        for each in self.objects[self._noted :]:
            if "seq" in each and "type" in each and "re" not in each:
                self.log.setdefault(place_of(each), []).append(each["seq"])
        self._noted = len(self.objects)
        if not whole:
            self._cut()
        return False

    def since(self) -> dict[str, int]:
        return {place: seqs[-1] for place, seqs in self.log.items() if place != "None"}

    def _connected(self) -> bool:
        """Be connected and logged in; return whether that is so."""
        if self._caller is not None:
            return True
        self._may_send, self._may_receive = next(self._cuts, (1_000_000, 1_000_000))
        self.connections += 1
        self._caller = self._house.caller()
        self.received = bytearray()
        self._taken = 0
        name, password = self._account
        self.sends(line_of(hello=1, name=name, password=password, since=self.since()))
        return self._caller is not None

    def _cut(self) -> None:
        if self._caller is not None:
            caller, self._caller = self._caller, None
            caller.wire.loseConnection()
            caller.tick()
