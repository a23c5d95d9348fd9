"""The two protocols of the bus over Redis: one publishes blocks, the other receives them.

txredisapi logs in and selects the database; hiredis parses. Everything after the login is handled
here: the library's Deferred for each command would take three times as long as all the rest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, cast

import hiredis
import txredisapi
from twisted.internet.defer import Deferred

from pyconchat.bus.block_queue import BlockQueue, Told

__all__ = ["Login", "Publishing", "Receiving"]

MAX_UNCONFIRMED = 1000
"""Maximum blocks that are sent before Redis has confirmed the first of them."""

MAX_UNCONFIRMED_BYTES = 2**20
"""Maximum bytes of these blocks, except for the last one."""

MAX_CHANNELS = 1000
"""Maximum channels in one command."""


_packed: Callable[[Sequence[bytes]], bytes] = cast(Any, hiredis.pack_command)


class Login:
    """Takes the place of the library's factory, to which its protocols report a failed login."""

    isLazy = False

    def __init__(self) -> None:
        self.problem = ""

    def stopTrying(self) -> None:
        """Do nothing: the connection always retries."""

    def connectionError(self, problem: str) -> None:
        """Note the reason of a failed login."""
        self.problem = problem


class _Protocol(txredisapi.SubscriberProtocol):  # type: ignore[misc]
    """Calls *changed* with this protocol when it is logged in, and when the connection is lost."""

    def __init__(
        self,
        changed: Callable[[Any], None],
        db: int,
        username: str | None,
        password: str | None,
    ) -> None:
        super().__init__(
            charset=None, convertNumbers=False, dbid=db, username=username, password=password
        )
        self.factory = Login()
        self.problem = ""
        self.lost = False
        self._changed = changed
        self.whenConnected().addCallback(self._changed)

    def connectionLost(self, reason: Any) -> None:
        self.lost = True
        if not self.problem:
            self.problem = self.factory.problem or reason.getErrorMessage()
        super().connectionLost(reason)
        self._changed(self)

    def dataReceived(self, data: bytes, unpause: bool = False) -> None:
        try:
            super().dataReceived(data)
        except txredisapi.InvalidData as error:
            self.fail(f"the server does not speak Redis's protocol: {error}")

    def tryConvertData(self, data: Any) -> Any:
        """Return *data* unchanged: bytes, numbers, and lists of them."""
        return data

    def replyReceived(self, reply: Any) -> None:
        if not self._ready:
            super().replyReceived(reply)  # the replies to the library's own commands
        elif isinstance(reply, Exception):
            self.fail(str(reply))
        else:
            self.handle(reply)

    def handle(self, reply: Any) -> None:
        """Handle *reply*, which is not an error."""
        raise NotImplementedError

    def fail(self, problem: str) -> None:
        """Close the connection at once, because of *problem*."""
        self.problem = self.problem or problem
        self.transport.abortConnection()


class Publishing(_Protocol):
    """Publishes what is in *queue*."""

    def __init__(self, queue: BlockQueue, prefix: bytes, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._queue = queue
        self._prefix = prefix
        self._unconfirmed: deque[Told] = deque()
        self._unconfirmed_bytes = 0

    @property
    def idle(self) -> bool:
        """Return whether everything was published."""
        return not self._unconfirmed and not len(self._queue)

    def send(self, topic: str, block: bytes) -> None:
        """Publish *block* to *topic*, after the blocks in the queue."""
        unconfirmed = self._unconfirmed
        bytes_then = self._unconfirmed_bytes + len(block)
        full = len(unconfirmed) >= MAX_UNCONFIRMED or bytes_then > MAX_UNCONFIRMED_BYTES
        if full or len(self._queue):
            self._queue.put((topic, block))
            return
        unconfirmed.append((topic, block))
        self._unconfirmed_bytes = bytes_then
        self.transport.write(_packed((b"PUBLISH", self._prefix + topic.encode(), block)))

    def publish(self) -> None:
        """Send more of the waiting blocks, unless too many sent ones are unconfirmed."""
        most = MAX_UNCONFIRMED - len(self._unconfirmed)
        size = MAX_UNCONFIRMED_BYTES - self._unconfirmed_bytes
        if most <= 0 or size <= 0:
            return
        blocks = self._queue.take(most, size)
        for topic, block in blocks:
            self._unconfirmed_bytes += len(block)
            self.transport.write(_packed((b"PUBLISH", self._prefix + topic.encode(), block)))
        self._unconfirmed.extend(blocks)

    def handle(self, reply: Any) -> None:
        """Remove the oldest block, which is confirmed. *reply* is the number of receivers."""
        if not self._unconfirmed:
            self.fail("the server has sent an unexpected answer")
            return
        self._unconfirmed_bytes -= len(self._unconfirmed.popleft()[1])
        if len(self._queue):
            self.publish()

    def connectionLost(self, reason: Any) -> None:
        self._queue.put_back(self._unconfirmed)  # some blocks may be received twice
        self._unconfirmed.clear()
        self._unconfirmed_bytes = 0
        super().connectionLost(reason)


class Receiving(_Protocol):
    """Receives the blocks of channels, and calls *received* with topic and block."""

    def __init__(
        self, received: Callable[[str, bytes], None], prefix: bytes, *arguments: Any
    ) -> None:
        super().__init__(*arguments)
        self._received = received
        self._prefix = prefix
        self._skipped = len(prefix)
        self._waiting: deque[Deferred[None] | None] = deque()  # one for each expected answer

    def subscribe_all(self, topics: Sequence[str]) -> Deferred[None]:
        """Subscribe to *topics*, at least one. Fires when the subscriptions are active."""
        done: Deferred[None] = Deferred()
        for start in range(0, len(topics), MAX_CHANNELS):
            some = topics[start : start + MAX_CHANNELS]
            self._command(b"SUBSCRIBE", some)
            self._waiting.extend([None] * len(some))
        self._waiting[-1] = done
        return done

    def unsubscribe(self, topic: str) -> None:
        """Unsubscribe from *topic*."""
        self._command(b"UNSUBSCRIBE", [topic])

    def handle(self, reply: Any) -> None:
        """Handle a message, or the answer to a subscription."""
        kind, channel, block = reply if type(reply) is list and len(reply) == 3 else (b"", b"", b"")
        if kind == b"message":
            self._received(str(channel[self._skipped :], "utf-8", "replace"), block)
        elif kind == b"subscribe" and self._waiting:
            done = self._waiting.popleft()
            if done is not None:
                done.callback(None)
        elif kind != b"unsubscribe":
            self.fail("the server has sent an unexpected answer")

    def connectionLost(self, reason: Any) -> None:
        super().connectionLost(reason)
        waiting, self._waiting = self._waiting, deque()
        for done in waiting:
            if done is not None:
                done.callback(None)

    def _command(self, command: bytes, topics: Sequence[str]) -> None:
        channels = [self._prefix + topic.encode() for topic in topics]
        self.transport.write(_packed((command, *channels)))
