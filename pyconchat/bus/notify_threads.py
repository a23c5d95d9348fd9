"""The two threads of the bus over PostgreSQL: one executes NOTIFY, the other listens.

Each has a connection of its own. NOTIFY is never in the transaction that stores entries, because
PostgreSQL commits transactions with a NOTIFY one after the other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from binascii import Error as NotBase64
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Container
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IReactorFromThreads

from pyconchat.bus.block_queue import BlockQueue, Told
from pyconchat.bus.delays import Delays
from pyconchat.bus.postgres import (
    ConnectionFailed,
    Interrupted,
    Interrupts,
    PostgresConnection,
    StatementFailed,
)
from pyconchat.chat.blocks import BadBlock, head_of

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

__all__ = ["MAX_PAYLOAD", "Listening", "Sending", "pack", "unpack"]

MAX_PAYLOAD = 7900
"""Maximum bytes of a notification's payload. PostgreSQL's own limit is 7,999."""

MAX_STATEMENT_BLOCKS = 200
"""Maximum blocks that are sent by one statement."""

MAX_STATEMENT_BYTES = 512 * 1024
"""Maximum bytes of these blocks, except for a larger one alone."""

# Another chat in another schema of the same database has its own channel.
_CHANNEL = b"SELECT 'pyconchat_' || (hashtext(current_schema())::bigint & 4294967295)"
_NOTIFY = (
    b"SELECT pg_notify($1, payload) FROM unnest(string_to_array($2, chr(10))) AS each (payload)"
)


def pack(topic: str, block: bytes) -> bytes | None:
    """Return the payload for *block*, or for its head if that is too large; None if it has none."""
    payload = topic.encode() + b" " + b2a_base64(block, newline=False)
    if len(payload) <= MAX_PAYLOAD:
        return payload
    try:
        return topic.encode() + b" " + b2a_base64(head_of(block), newline=False)
    except BadBlock:
        return None


def unpack(payload: bytes, topics: Container[bytes]) -> Told | None:
    """Return topic and block of *payload*; None if it is for none of *topics*, or damaged."""
    topic, _, text = payload.rpartition(b" ")
    if topic not in topics:
        return None
    try:
        return topic.decode(), a2b_base64(text, strict_mode=True)
    except (NotBase64, UnicodeDecodeError):
        return None


class _ConnectedThread(ABC):
    """A thread with a connection by *conninfo*, which it reopens whenever it is lost.

    *changed* is called in the reactor's thread: with an empty text when the connection can be used,
    else with the reason why not. *ended* fires when the thread has ended.
    """

    name = ""

    def __init__(
        self,
        reactor: IReactorFromThreads,
        conninfo: str,
        changed: Callable[[str], None],
        ended: Deferred[None],
    ) -> None:
        self.interrupts = Interrupts()
        self.delays = Delays()
        self._reactor = reactor
        self._conninfo = conninfo
        self._changed = changed
        self._ended = ended
        self._thread = Thread(target=self._run, name=self.name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def _run(self) -> None:
        while not self.interrupts.ending:
            reason = "the connection was closed"
            try:
                self._use_connection()
                break
            except (ConnectionFailed, Interrupted, StatementFailed) as problem:
                reason = str(problem)
            except Exception as problem:  # one that neither psycopg nor this module expects
                reason = repr(problem)
            self._reactor.callFromThread(self._changed, reason)
            with suppress(Interrupted):
                self.interrupts.wait(self.delays.next())
        self._reactor.callFromThread(self._end)

    def _end(self) -> None:
        self._thread.join()
        self.interrupts.close()
        self._ended.callback(None)

    def _use_connection(self) -> None:
        connection = PostgresConnection(self._conninfo, self.interrupts)
        try:
            channel = connection.execute(_CHANNEL).get_value(0, 0) or b""
            self._prepare(connection, channel)
            self._reactor.callFromThread(self._changed, "")
            self._work(connection, channel)
        finally:
            connection.close()

    @abstractmethod
    def _prepare(self, connection: PostgresConnection, channel: bytes) -> None:
        """Prepare the new *connection* for *channel*."""

    @abstractmethod
    def _work(self, connection: PostgresConnection, channel: bytes) -> None:
        """Use *connection*. Returns when the thread is to end."""


class Sending(_ConnectedThread):
    """Sends the blocks of *queue*, several by one statement."""

    name = "pyconchat-notify"

    def __init__(self, queue: BlockQueue, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.finishing = False
        self._queue = queue

    def finish(self) -> None:
        """Send the waiting blocks, and end. Called in the reactor's thread."""
        self.finishing = True
        self.interrupts.wake()

    def _prepare(self, connection: PostgresConnection, channel: bytes) -> None:
        # NOTIFY writes a commit record; there is no need to wait until it is on the disk.
        connection.execute(b"SET synchronous_commit = off")

    def _work(self, connection: PostgresConnection, channel: bytes) -> None:
        while True:
            blocks = self._queue.take(MAX_STATEMENT_BLOCKS, MAX_STATEMENT_BYTES)
            if not blocks:
                if self.finishing:
                    return
                connection.wait_for_input(60)
                continue
            payloads = [pack(topic, block) for topic, block in blocks]
            text = b"\n".join([each for each in payloads if each is not None])
            try:
                connection.execute(_NOTIFY, channel, text)
            except StatementFailed:
                self._queue.dropped += len(blocks)
                raise
            except (ConnectionFailed, Interrupted):
                self._queue.put_back(blocks)  # some blocks may be received twice
                raise


class Listening(_ConnectedThread):
    """Puts the blocks for *topics* into *queue*, and calls *arrived* in the reactor's thread."""

    name = "pyconchat-listen"

    def __init__(
        self,
        queue: BlockQueue,
        topics: Container[bytes],
        arrived: Callable[[], None],
        *arguments: Any,
    ) -> None:
        super().__init__(*arguments)
        self._queue = queue
        self._topics = topics
        self._arrived = arrived

    def _prepare(self, connection: PostgresConnection, channel: bytes) -> None:
        connection.execute(b'LISTEN "' + channel + b'"')

    def _work(self, connection: PostgresConnection, channel: bytes) -> None:
        while True:
            first = False
            for notification in connection.notifications():
                told = unpack(notification.extra, self._topics)
                if told is not None:
                    first |= self._queue.put(told)
            if first:
                self._reactor.callFromThread(self._arrived)
