"""CountedPackets: the admission of a connection, its login deadline, and its end."""

from __future__ import annotations

import struct
from collections.abc import Callable

from twisted.conch.ssh.common import NS
from twisted.conch.ssh.transport import DISCONNECT_BY_APPLICATION, MSG_DISCONNECT
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from pyconchat.domain.errors import Refused
from pyconchat.domain.replies import EndWhy
from pyconchat.doors.connection_limits import (
    CountedConnection,
    TooManyConnections,
    crowded_out,
)
from pyconchat.doors.context import DoorContext
from pyconchat.doors.ssh.packets import Packets
from pyconchat.doors.ssh.visitor import Visitor

__all__ = ["CountedPackets"]

MAX_LINGER = 2.0
"""Maximum seconds in which a last packet may arrive before the connection is closed."""


class CountedPackets(Packets):
    """The packets of *counted*, a connection that counts for the limits until its end."""

    _own_log = Logger(namespace="pyconchat")

    def __init__(self, context: DoorContext, counted: CountedConnection, rekey_bytes: int) -> None:
        super().__init__(context, rekey_bytes)
        self.counted = counted
        self.network = counted.network
        self.address = counted.address
        self.login_seconds = context.limits.login_seconds
        self.visitor: Visitor | None = None  # who is there, after the user authentication
        self._sessions = 0  # of its channels
        self._deadline: IDelayedCall | None = None

    def admit(self) -> bool:
        """Count the connection, and begin its deadline; return False if there are too many."""
        self.counted.crowd_out = self._crowd_out
        try:
            self.counted.admit(self.context.now())
            self.counted.require_session_room()
        except TooManyConnections as refused:
            self._refuse(refused, refused.sentence.encode() + b"\r\n")
            return False
        if self.login_seconds > 0:
            self._deadline = self.context.reactor.callLater(
                self.login_seconds, self._login_timed_out
            )
        return True

    # Sessions.

    def session_begun(self) -> None:
        """Somebody is logged in: there is no deadline any more."""
        self.counted.logged_in()
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()

    def count_sessions(self, change: int) -> None:
        """Count sessions of channels; the connection itself counts as the first."""
        before, self._sessions = self._sessions, self._sessions + change
        self.counted.add_session(max(1, self._sessions) - max(1, before))

    @property
    def login_seconds_left(self) -> float:
        """Return the seconds until the deadline of the login, at least a millisecond."""
        if self._deadline is None or not self._deadline.active():
            return self.context.limits.login_seconds
        return max(0.001, self._deadline.getTime() - self.context.now())

    def turn_away(self, refused: Refused) -> None:
        """Close the connection, which has not logged in, and send the reason."""
        self.sendDisconnect(DISCONNECT_BY_APPLICATION, refused.sentence.encode())

    # The end.

    def sendDisconnect(self, reason: int, desc: bytes) -> None:
        """Send the *reason* and its description, and close the connection."""
        if self.ending:
            return
        self.stop()
        self.sendPacket(MSG_DISCONNECT, struct.pack(">L", reason) + NS(desc) + NS(b""))
        self._close_soon()

    def ssh_DISCONNECT(self, packet: bytes) -> None:
        self.abort()

    def receiveUnimplemented(self, seqnum: int) -> None:
        """Ignored: the peer lacks something that it does not need."""

    def abort(self) -> None:
        """Cut the connection."""
        self.stop()
        self._connection.abortConnection()

    def _close_soon(self) -> None:
        connection = self._connection
        connection.unregisterProducer()
        linger: Callable[[], object] = connection.abortConnection
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = self.context.reactor.callLater(MAX_LINGER, linger)
        connection.loseConnection()

    def malformed(self, problem: str) -> None:
        if not self.ending:
            whence = f"{self.address}: {problem}"
            self.context.refused.note("ssh", whence, self.context.now())
            self.stop()
            if self.gotVersion:
                self._connection.abortConnection()
            else:
                self._close_soon()

    def drop(self, cause: str, why: str, seconds: float) -> None:
        """Cut the connection, count it under *cause*, and log *why*, with the *seconds*."""
        self.context.services.statistics.dropped[cause] += 1
        account = self.visitor.account if self.visitor is not None else None
        name = "somebody" if account is None else account.name  # a stranger's may be any text
        self._own_log.info(
            "dropped {name} from {address}, who " + why,
            name=name,
            address=self.address,
            seconds=seconds,
        )
        self.abort()

    def _crowd_out(self) -> None:
        refused = crowded_out()
        now = self.context.now()
        self.context.refused.note(refused.cause, self.address, now)
        if self.counted.refused(now):
            self.turn_away(refused)
        else:
            self.abort()

    def _refuse(self, refused: TooManyConnections, line: bytes) -> None:
        """Close the connection, with *line* before any version (RFC 4253, 4.2)."""
        now = self.context.now()
        self.stop()
        self.context.refused.note(refused.cause, self.address, now)
        if not self.counted.refused(now):
            self._connection.abortConnection()
            return
        self._connection.write(line)
        self._close_soon()

    def _login_timed_out(self) -> None:
        self.context.services.statistics.dropped[EndWhy.LATE.value] += 1
        self.sendDisconnect(DISCONNECT_BY_APPLICATION, b"You took too long to log in.")
