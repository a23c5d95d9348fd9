"""`irc`: the IRC door against InspIRCd with the same capabilities; JOIN, idle sessions, history."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from benchmarks import proc
from benchmarks.large_state import ARCHIVE, OWNER, PASSWORD, large_state
from benchmarks.options import Failed, Options
from benchmarks.protocols import GROUP, OPENING, TAGS, ChatProtocol, IrcProtocol, Login
from benchmarks.reference_servers import REFERENCE_SERVERS, running_reference
from benchmarks.report import Result, percentile
from benchmarks.scenarios.one_group import (
    GroupSize,
    RunningServer,
    add_sample,
    measure_running,
)
from benchmarks.server import LOOPBACK, Server, free_port, running
from benchmarks.users import TIMEOUT, Users, names

__all__ = ["irc"]

IN_FLIGHT = (1, 64)
"""Messages in flight per sender."""

REFERENCES = {"": "inspircd", TAGS: "inspircd-tags"}
"""The reference server for each set of capabilities."""

MEMBERS = 1000
JOINS = 50
MAX_JOIN_MS = 20.0
"""The size of the joined group, how often it is joined, and the target for one JOIN."""

MAX_IDLE = 0.05
"""Maximum share of a core that an idle server uses."""

MAX_SESSION_KIB = 12.0

PING_SECONDS = 70.0
"""Seconds in which the server pings every session once."""

IDLE_SECONDS = 60.0
"""Duration of the measurement of idle sessions, in seconds."""

SECONDS_PER_LOGIN = 0.1

GROUPS = 50
RECONNECTS = 4
REST = 12.0
MAX_HISTORY_MS = 10.0
"""The target for CHATHISTORY with 100 messages (p99). A client asks as after a reconnect: for each
of its groups, the next one as soon as it has the answer. Between two of them it rests (seconds),
until it may cause as much work at once again (`doors/irc/door.py`)."""


class _AtIrcPort:
    """Our *server*, at its IRC *port*."""

    def __init__(self, server: Server, port: int) -> None:
        self._server = server
        self.port = port
        self.logins = server.logins

    @property
    def pid(self) -> int:
        return self._server.pid

    def start(self) -> float:
        return self._server.start()

    def stop(self) -> None:
        self._server.stop()


@contextmanager
def _running(options: Options, state: Path | None = None) -> Iterator[_AtIrcPort]:
    port = free_port()
    settings = f'silence_seconds = 0\n[doors]\nirc = ["tcp:{port}:interface={LOOPBACK}"]\n'
    with running(options, state, settings) as server:
        yield _AtIrcPort(server, port)


def irc(options: Options) -> list[Result]:
    """Measure lines per second, JOIN, memory and processor use of idle sessions, CHATHISTORY."""
    results: list[Result] = []
    for members in options.members:
        for caps in REFERENCES:
            results += _fan_out(options, members, caps)
    return [*results, *_join(options), _idle(options), _history(options)]


def _fan_out(options: Options, members: int, caps: str) -> list[Result]:
    in_flight = sorted({each * options.senders for each in IN_FLIGHT})
    size = GroupSize(members, options.senders)
    name = REFERENCES[caps]
    described = caps.replace(" ", " and ") or "no capabilities"
    ours, theirs = (
        [
            Result(
                "irc",
                f"irc{which}: {members:,} members, {messages} in flight, {described}",
                members=members,
                in_flight=messages,
                capabilities=caps,
                reference=reference,
            )
            for messages in in_flight
        ]
        for which, reference in (("", ""), (f" of {name}", name))
    )
    for _ in range(options.runs):
        with _running(options) as server:
            samples = measure_running(server, IrcProtocol(caps, OPENING), options, size, in_flight)
        for result, sample in zip(ours, samples, strict=True):
            add_sample(result, sample)
        with running_reference(options, name) as other:  # in turn: noise affects both
            protocol = REFERENCE_SERVERS[name].protocol
            samples = measure_running(other, protocol, options, size, in_flight)
        for result, sample in zip(theirs, samples, strict=True):
            add_sample(result, sample)
    for one, its in zip(ours, theirs, strict=True):
        for figure in ("delivered", "latency p50", "latency p99"):
            one.compare(figure, its, f"that of {name}")
    return [*ours, *theirs]


def _join(options: Options) -> list[Result]:
    ours, theirs = (
        Result(
            "irc",
            f"irc{which}: JOIN of a group of {MEMBERS:,} members",
            members=MEMBERS,
            reference=reference,
        )
        for which, reference in (("", ""), (" of inspircd", "inspircd"))
    )
    for _ in range(options.runs):
        with _running(options) as server:
            _join_often(ours, server, IrcProtocol("", OPENING), MAX_JOIN_MS)
        with running_reference(options, "inspircd") as other:
            _join_often(theirs, other, REFERENCE_SERVERS["inspircd"].protocol, None)
    return [ours, theirs]


def _join_often(
    result: Result, server: RunningServer, protocol: ChatProtocol, most: float | None
) -> None:
    """Add the times of JOINs at *server*, with the target of at most *most* ms."""
    server.start()
    with closing(Users(server.port, protocol)) as users:
        first, *others = names("m", MEMBERS)
        users.log_in([protocol.login(first, GROUP, True)], TIMEOUT)
        timeout = 5 * GroupSize(MEMBERS, 1).login_timeout
        users.log_in([protocol.login(name, GROUP, False) for name in others], timeout)
        _wait_until_live(users, server.pid)
        with _connected(server.port, "joiner") as joiner:
            times, cpu = [], 0.0
            for _ in range(JOINS):
                before = proc.cpu_seconds(server.pid)
                times.append(_ask(joiner, f"JOIN #{GROUP}", b" 366 ")[0])
                users.drain(0.2)
                cpu += proc.cpu_seconds(server.pid) - before
                _ask(joiner, f"PART #{GROUP}", b" PART ")
                users.drain(0.2)  # until all members have received it
        server.stop()
    times.sort()
    p50, p99 = (percentile(times, each) * 1e3 for each in (0.5, 0.99))
    result.add("to the end of the names, p50", "ms", p50, maximum=most)
    result.add("to the end of the names, p99", "ms", p99)
    result.add("server's processor time", "ms", cpu / JOINS * 1e3, maximum=most)


def _wait_until_live(users: Users, pid: int) -> None:
    """Wait until the JOINs are delivered to all members, and the server is idle."""
    busy = 1.0
    while busy > MAX_IDLE:
        before, began = proc.cpu_seconds(pid), time.monotonic()
        users.drain(1.0)
        time.sleep(1)
        busy = (proc.cpu_seconds(pid) - before) / (time.monotonic() - began)


def _idle(options: Options) -> Result:
    sessions = options.sessions
    result = Result("irc", f"irc: {sessions:,} idle sessions", sessions=sessions)
    for _ in range(options.runs):
        with _running(options) as server:
            # The second start is measured: creating the tables at the first one takes memory.
            server.start()
            server.stop()
            server.start()
            time.sleep(1)
            before = proc.resident_bytes(server.pid)
            with closing(Users(server.port, _AtDesk())) as users:
                logins = [_AtDesk().login(name, "", False) for name in names("m", sessions)]
                users.log_in(logins, 60 + SECONDS_PER_LOGIN * sessions)
                _answer_pings(users, PING_SECONDS)
                after, busy = proc.resident_bytes(server.pid), proc.cpu_seconds(server.pid)
                _answer_pings(users, IDLE_SECONDS)
                busy = proc.cpu_seconds(server.pid) - busy
                server.stop()
        size = (after - before) / sessions / 1024
        result.add("memory of a session", "KiB", size, maximum=MAX_SESSION_KIB)
        result.add("server's processor use", "% of core", busy / IDLE_SECONDS * 100)
    return result


def _answer_pings(users: Users, seconds: float) -> None:
    """Answer each PING, for *seconds*."""
    connections = users.connections()
    for each in connections.values():
        each.send(b"PONG first\r\n")  # answers the PINGs that arrived during the logins
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        for descriptor, _ in users.epoll.poll(left):
            if b"PING " in connections[descriptor].recv(4096):
                connections[descriptor].send(b"PONG next\r\n")


class _AtDesk(IrcProtocol):
    """IRC, for users who join no group."""

    def login(self, name: str, group: str, first: bool) -> Login:
        login = super().login(name, group, first)
        return login._replace(steps=login.steps[:1], done=b" 422 ")


def _history(options: Options) -> Result:
    state = large_state(options)
    result = Result(
        "irc",
        f"irc: CHATHISTORY of 100 among {options.entries:,} messages",
        entries=options.entries,
        requests=GROUPS * RECONNECTS,
    )
    numbers = random.Random(options.seed)
    caps = f"{TAGS} batch draft/chathistory"
    for _ in range(options.runs):
        with _running(options, state) as server:
            server.start()
            with _connected(server.port, OWNER, PASSWORD, caps) as reader:
                _, answer = _ask(reader, f"CHATHISTORY LATEST #{ARCHIVE} * 1", b" BATCH -")
                conversation = answer.partition(b"msgid=")[2].partition(b"-")[0].decode()
                for name in ("LATEST", "BEFORE", "AROUND"):
                    times, cpu = [], 0.0
                    for _ in range(RECONNECTS):
                        time.sleep(REST)
                        seqs = [numbers.randint(200, options.entries) for _ in range(GROUPS)]
                        places = [f"msgid={conversation}-{seq}" for seq in seqs]
                        if name == "LATEST":
                            places = ["*"] * GROUPS
                        before = proc.cpu_seconds(server.pid)
                        times += _request_history(reader, name, places)
                        cpu += proc.cpu_seconds(server.pid) - before
                    times.sort()
                    cpu /= len(times)
                    result.add(f"{name}, server's processor time", "ms", cpu * 1e3)
                    result.add(f"{name}, p50", "ms", percentile(times, 0.5) * 1e3)
                    p99 = percentile(times, 0.99) * 1e3
                    result.add(f"{name}, p99", "ms", p99, maximum=MAX_HISTORY_MS)
                time.sleep(REST)
                took = _request_at_once(reader, GROUPS) * 1e3
                result.add(f"{GROUPS} requests in one write, to the last answer", "ms", took)
            server.stop()
    return result


def _request_history(reader: socket.socket, name: str, places: Sequence[str]) -> list[float]:
    """Request 100 messages at each of *places*; return the response times in seconds."""
    times = []
    for place in places:
        line = f"CHATHISTORY {name} #{ARCHIVE} {place} 100"
        took, answer = _ask(reader, line, b" BATCH -")
        if answer.count(b" PRIVMSG ") < 50:
            raise Failed(f"{line} was answered {answer[:200]!r}")
        times.append(took)
    return times


def _request_at_once(reader: socket.socket, count: int) -> float:
    """Send *count* requests in one write; return the seconds to the end of the last answer."""
    line = f"CHATHISTORY LATEST #{ARCHIVE} * 100"
    return _ask(reader, "\r\n".join([*[line] * count, "PING last"]), b" PONG ")[0]


@contextmanager
def _connected(port: int, name: str, password: str = "", caps: str = "") -> Iterator[socket.socket]:
    """Yield the connection of a client that has logged in as *name*."""
    with socket.create_connection((LOOPBACK, port), TIMEOUT) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        secret = f"PASS :{name}:{password}\r\n" if password else ""
        begin = f"CAP REQ :{caps}\r\n" if caps else ""
        end = "\r\nCAP END" if caps else ""
        line = f"{begin}{secret}NICK {name}\r\nUSER {name} 0 * :{name}{end}"
        _ask(connection, line, b" 422 ")
        _ask(connection, "PING ready", b" PONG ")
        yield connection


def _ask(connection: socket.socket, line: str, end: bytes) -> tuple[float, bytes]:
    """Send *line*, and receive until a line with *end* is complete. Raises `Failed`.

    Returns the response time in seconds, and all that was received.
    """
    began = time.perf_counter()
    connection.sendall(f"{line}\r\n".encode())
    answer = b""
    while end not in answer or not answer.endswith(b"\n"):
        data = connection.recv(1 << 20)
        if not data:
            raise Failed(f"the server closed the connection after {line}")
        answer += data
    return time.perf_counter() - began, answer
