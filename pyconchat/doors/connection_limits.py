"""ConnectionLimits: how many connections there may be, in all and from one network."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Protocol

from pyconchat.auth.rate_limits import RecentCounts, is_local
from pyconchat.config import LimitsConfig
from pyconchat.domain.errors import Code, Refused

__all__ = ["ConnectionLimits", "Counted", "CountedConnection", "TooManyConnections", "crowded_out"]

WINDOW = 600.0
"""Seconds over which `connections_per_ip_10min` counts."""

MAX_FAREWELLS = 64
"""Maximum refused connections that are open at once, until their refusal has arrived.

More are closed without a refusal: else an attacker could hold any number of descriptors for as long
as the delivery of a refusal may take, especially under TLS.
"""


class TooManyConnections(Refused):
    """A connection exceeds a limit; *cause* is the limit's name."""

    def __init__(self, cause: str, sentence: str, **fields: object) -> None:
        super().__init__(Code.TOO_MANY, sentence, **fields)
        self.cause = cause


def crowded_out() -> TooManyConnections:
    """Return the refusal for a connection that is closed in favour of a new one."""
    return TooManyConnections(
        "unauthenticated", "Too many people are logging in; try again in a minute."
    )


class Counted(Protocol):
    """A connection, or a part of one that has a door of its own, as it is counted."""

    @property
    def network(self) -> str:
        """Return its key in the counts: see `network_of`."""

    @property
    def address(self) -> str:
        """Return the address in the log."""

    @property
    def reached(self) -> tuple[str, int] | None:
        """Return host and port to which the client of a proxy connected; None without a proxy."""

    def logged_in(self) -> None:
        """Count it as logged in."""

    def closed(self, now: float) -> None:
        """Stop counting it."""


class _Stage(Enum):
    NEW = "not counted under a limit"
    STRANGER = "has not logged in"
    TRANSFER = "has a valid ticket"
    SESSION = "has logged in"
    REFUSED = "is closing"


class CountedConnection:
    """One open connection, as it is counted.

    *network* is its key in the counts (see `network_of`), *address* the address in the log.
    *crowd_out* is called if it has to be closed in favour of another one before its login.
    """

    __slots__ = ("_limits", "_stage", "address", "crowd_out", "network", "reached", "since")

    def __init__(
        self,
        limits: ConnectionLimits,
        network: str,
        address: str,
        reached: tuple[str, int] | None,
    ) -> None:
        self.network = network
        self.address = address
        self.reached = reached
        """Host and port to which the client of a proxy connected; None without a proxy."""
        self.crowd_out: Callable[[], None] | None = None
        self.since = 0
        self._limits = limits
        self._stage = _Stage.NEW
        limits.open += 1

    def admit(self, now: float) -> None:
        """Count it as not logged in. Raises `TooManyConnections`."""
        self._limits.require_room(self.network, now)
        self._limits.add_stranger(self)
        self._stage = _Stage.STRANGER

    def require_session_room(self) -> None:
        """Raise `TooManyConnections` if its network has too many sessions for another one."""
        self._limits.require_session_room(self.network)

    def logged_in(self) -> None:
        """Count it as logged in."""
        if self._stage is _Stage.STRANGER:
            self._limits.remove_stranger(self)
            self._limits.add_session(self.network, 1)
            self._stage = _Stage.SESSION

    def add_session(self, change: int) -> None:
        """Count further sessions of the connection, or (*change* is negative) no longer."""
        self._limits.add_session(self.network, change)

    def redeemed(self) -> None:
        """Count it as a transfer with a valid ticket."""
        if self._stage is _Stage.STRANGER:
            self._limits.remove_stranger(self)
            self._stage = _Stage.TRANSFER

    def refused(self, now: float) -> bool:
        """Count it as refused; return whether it may stay open until the refusal has arrived."""
        self._leave(now)
        self._stage = _Stage.REFUSED
        self._limits.farewells += 1
        return self._limits.farewells <= MAX_FAREWELLS

    def closed(self, now: float) -> None:
        """Stop counting it."""
        self._leave(now)
        self._limits.open -= 1
        self.crowd_out = None  # break the reference cycle: the cyclic GC runs rarely

    def _leave(self, now: float) -> None:
        match self._stage:
            case _Stage.STRANGER:
                self._limits.remove_stranger(self)
                self._limits.note_failure(self.network, now)
            case _Stage.SESSION:
                self._limits.add_session(self.network, -1)
            case _Stage.REFUSED:
                self._limits.farewells -= 1
            case _Stage.NEW | _Stage.TRANSFER:
                pass
        self._stage = _Stage.NEW


class ConnectionLimits:
    """Counts connections: all, those that have not logged in, and sessions.

    Local connections (loopback, Unix sockets) have no limits by network: a local proxy may serve
    many people.
    """

    def __init__(self, config: LimitsConfig) -> None:
        self.open = 0
        self.unauthenticated = 0
        self.farewells = 0
        self._config = config
        self._strangers: dict[str, dict[CountedConnection, None]] = {}  # oldest first
        self._sessions: dict[str, int] = {}  # by network
        self._failures = RecentCounts(config.connections_per_ip_10min, WINDOW)
        self._count = 0

    def connection(
        self, network: str, address: str = "", reached: tuple[str, int] | None = None
    ) -> CountedConnection:
        """Return a new connection, which counts as open until it is `closed`."""
        return CountedConnection(self, network, address or network, reached)

    # Called by `CountedConnection`.

    def require_room(self, network: str, now: float) -> None:
        """Raise `TooManyConnections` if *network* has too many that have not logged in."""
        if is_local(network):
            return
        if 0 < self._config.connections_per_ip <= len(self._strangers.get(network, ())):
            raise TooManyConnections(
                "connections_per_ip",
                "There are too many connections from your address that have not logged in;"
                " close one.",
            )
        wait = self._failures.wait(network, now)
        if wait > 0:
            raise TooManyConnections(
                "connections_per_ip_10min",
                "There were too many connections from your address that did not log in;"
                " try again in {wait} s.",
                wait=int(wait) + 1,
            )

    def require_session_room(self, network: str) -> None:
        """Raise `TooManyConnections` if *network* has too many sessions."""
        most = self._config.sessions_per_ip
        if 0 < most <= self._sessions.get(network, 0) and not is_local(network):
            raise TooManyConnections(
                "sessions_per_ip", "There are too many connections from your address; close one."
            )

    def add_stranger(self, connection: CountedConnection) -> None:
        """Count *connection*; above the limit, close the oldest of the network with the most."""
        self._count += 1
        connection.since = self._count
        self._strangers.setdefault(connection.network, {})[connection] = None
        self.unauthenticated += 1
        if 0 < self._config.unauthenticated < self.unauthenticated:
            most = max(self._strangers.values(), key=_by_size_and_age)
            oldest = next(iter(most))
            assert oldest.crowd_out is not None, "it is open"
            oldest.crowd_out()

    def remove_stranger(self, connection: CountedConnection) -> None:
        """Stop counting *connection* as not logged in."""
        strangers = self._strangers[connection.network]
        del strangers[connection]
        if not strangers:
            del self._strangers[connection.network]
        self.unauthenticated -= 1

    def add_session(self, network: str, change: int) -> None:
        """Add *change* to the sessions of *network*."""
        count = self._sessions.pop(network, 0) + change
        if count:
            self._sessions[network] = count

    def note_failure(self, network: str, now: float) -> None:
        """Count a connection of *network* that has ended without a login."""
        if self._config.connections_per_ip_10min > 0 and not is_local(network):
            self._failures.note(network, now)


def _by_size_and_age(strangers: dict[CountedConnection, None]) -> tuple[int, int]:
    """Return the sort key of a network for closing one connection."""
    return len(strangers), -next(iter(strangers)).since
