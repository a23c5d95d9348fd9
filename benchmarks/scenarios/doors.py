"""`doors`: a large group whose members are at all doors, and one whose members are all at `nc`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager

from benchmarks.discarding import Discarding
from benchmarks.load import Load, LoadedGroup
from benchmarks.options import Options
from benchmarks.programs import Program, SocketProgram
from benchmarks.protocols import GROUP, IRC_PROTOCOL, LINE_PROTOCOL
from benchmarks.report import Result
from benchmarks.scenarios.one_group import WARM_UP, GroupSize
from benchmarks.server import LOOPBACK, Server, free_port, running
from benchmarks.ssh_client import SshClient, new_key
from benchmarks.users import Users, names

__all__ = ["doors"]

MEMBERS = 1_000
SENDERS = 10
IN_FLIGHT = 64

SHARES = {"JSON": 250, "IRC": 200, "WebSocket": 200, "SSH": 50}
"""The members who are not at ``nc`` in the second group, by door."""

MIN_RATIO = 0.8
"""The target: lines in the same processor time, relative to a group whose members are at `nc`."""


def doors(options: Options) -> list[Result]:
    """Measure lines per second, and the server's processor time for a line."""
    rest = ", ".join(f"{count} at {door}" for door, count in SHARES.items())
    result = Result(
        "doors",
        f"doors: {MEMBERS:,} members, {rest}, the others at nc, or all of them; {IN_FLIGHT} in"
        f" flight, durability {options.durability}",
        members=MEMBERS,
        in_flight=IN_FLIGHT,
        shares=SHARES,
        durability=options.durability,
    )
    for _ in range(options.runs):
        alone = _measure(options, result, "all at nc", {})
        mixed = _measure(options, result, "at all doors", SHARES)
        result.add("lines in the same time", "x", alone / mixed, minimum=MIN_RATIO)
    return [result]


class _Ports:
    """The free ports of the doors of a server."""

    def __init__(self) -> None:
        self.irc, self.web, self.ssh = free_port(), free_port(), free_port()

    @property
    def settings(self) -> str:
        """Return the lines of the configuration file."""
        ports = {"irc": self.irc, "web": self.web, "ssh": self.ssh}
        lines = [f'{door} = ["tcp:{port}:interface={LOOPBACK}"]' for door, port in ports.items()]
        return "\n".join(["[doors]", *lines, ""])


def _measure(options: Options, result: Result, where: str, shares: dict[str, int]) -> float:
    """Add the figures of a group with *shares* of its members at other doors than `nc`.

    Return the server's processor time for a line, in us.
    """
    ports = _Ports()
    at_nc = MEMBERS - sum(shares.values())
    senders, listeners = names("s", SENDERS), names("m", at_nc - SENDERS)
    observer = listeners[len(listeners) // 2]
    timeout = GroupSize(MEMBERS, SENDERS).login_timeout
    with (
        running(options, settings=ports.settings) as server,
        closing(_start(server)) as users,
        ExitStack() as stack,
    ):
        first, *others = [LINE_PROTOCOL.login(name, GROUP, False) for name in senders + listeners]
        users.log_in([LINE_PROTOCOL.login(first.name, GROUP, True)], timeout)
        for door, count in shares.items():
            stack.enter_context(_MEMBERS_AT[door](server, ports, count, timeout))
        users.log_in(others, timeout)
        users.drain(1.0)
        group = LoadedGroup(GROUP, at_nc, senders, observer)
        load = Load(users, [group], IN_FLIGHT, options.seed)
        sample = load.run(server.pid, WARM_UP, options.seconds)
        server.stop()
    seconds, lines = sample.usage.seconds, sample.messages * (MEMBERS - 1)
    cost = sample.usage.server * seconds / lines * 1e6
    result.add(f"{where}: delivered", "lines/s", lines / seconds)
    result.add(f"{where}: server's time per line", "us", cost)
    return cost


def _start(server: Server) -> Users:
    server.start()
    return Users(server.port)


@contextmanager
def _programs(server: Server, _: _Ports, count: int, _timeout: float) -> Iterator[None]:
    with _joined([Program(server.port, name, "") for name in names("j", count)]):
        yield


@contextmanager
def _sockets(_: Server, ports: _Ports, count: int, _timeout: float) -> Iterator[None]:
    with _joined([SocketProgram(ports.web, name) for name in names("w", count)]):
        yield


@contextmanager
def _joined(programs: list[Program]) -> Iterator[None]:
    """Let *programs* join the group, and discard what they receive."""
    for each in programs:
        each.ask(line=f"/join {GROUP}")
    discarding = Discarding(each.connection for each in programs)
    yield
    discarding.stop()


@contextmanager
def _irc_clients(_: Server, ports: _Ports, count: int, timeout: float) -> Iterator[None]:
    with closing(Users(ports.irc, IRC_PROTOCOL)) as users:
        logins = [IRC_PROTOCOL.login(name, GROUP, False) for name in names("i", count)]
        users.log_in(logins, timeout)
        discarding = Discarding(users.connections().values())
        yield
        discarding.stop()


@contextmanager
def _terminals(server: Server, ports: _Ports, count: int, _timeout: float) -> Iterator[None]:
    """Log in accounts with keys, each at a terminal in the group."""
    key = new_key()
    public = key.public().toString("openssh").decode()
    clients = []
    for name in names("t", count):
        with closing(Program(server.port, name)) as program:
            program.ask(line=f"/key add {public}")
            program.ask(line=f"/join {GROUP}")
        clients.append(SshClient(ports.ssh, name, key))
        clients[-1].open_terminal(GROUP)
    discarding = Discarding(each.socket for each in clients)
    yield
    discarding.stop()


_MEMBERS_AT: dict[str, Callable[[Server, _Ports, int, float], AbstractContextManager[None]]] = {
    "JSON": _programs,
    "IRC": _irc_clients,
    "WebSocket": _sockets,
    "SSH": _terminals,
}
