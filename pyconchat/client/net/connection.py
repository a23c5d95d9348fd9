"""Link: the connection to one server, for as long as the client runs.

It logs in, comes back after a cut, resumes after the last entries that it has, and makes each
request until it is answered. What is asked goes out in order, under keys, so that nothing is
lost and nothing is done twice.
"""

from __future__ import annotations

import secrets
import typing
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import cast

from twisted.application.internet import ClientService, backoffPolicy
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.client.groups import objects_in
from pyconchat.client.net.json_protocol import Object, Wire
from pyconchat.domain.text import safe_text
from pyconchat.net.connection import IConnection

__all__ = ["IN_DOUBT", "Answered", "GaveUp", "Link", "Listener", "State"]

FIRST_WAIT, MAX_WAIT = 0.3, 15.0
"""Seconds before the first and between later attempts to come back; with jitter."""

QUIET = 20.0
"""Seconds without a byte from the server after which it is asked for a sign of life."""

DEAD = 35.0
"""Seconds without a byte after which the connection is given up."""

IN_DOUBT = "in-doubt"
"""The code, of our own, of requests that may or may not have been carried out."""

COMES_BACK = ("stopping", "late", "trouble")
"""Why a server may end a connection so that it is worth coming back."""

Answered = Callable[[Object], None]


class State(Enum):
    """How it stands with the link."""

    CONNECTING = "connecting"
    LOGGING_IN = "logging in"
    CATCHING_UP = "catching up"
    LIVE = "connected"
    WAITING = "reconnecting"
    ENDED = "disconnected"


class GaveUp(Exception):
    """There can be no link, and trying again would not help; the message says why, or ""."""


class Listener(typing.Protocol):
    """Who is told what comes over the link."""

    def said_hello(self, hello: Object) -> None: ...
    def happened(self, event: Object) -> None: ...
    def changed(self, state: State) -> None: ...
    def failed(self, problem: str) -> None: ...
    def in_doubt(self, lines: Sequence[str]) -> None: ...
    def ended(self, why: str) -> None: ...


class Login(typing.Protocol):
    """Who knows the name and the password."""

    async def hello(self, refused: Object | None) -> Object:
        """Return the hello to try, or to try after *refused*. Raises `GaveUp`."""
        ...

    def accepted(self, hello: Object) -> None:
        """Take note of the server's answer."""
        ...


class _Pending:
    """A request that was not answered yet."""

    def __init__(self, fields: Object, answered: Answered, quiet: bool) -> None:
        self.fields = fields
        self.quiet = quiet
        self.answered = answered
        self.wire: Wire | None = None  # on which it was sent last


class Link:
    """The link through *endpoint*, as whom *login* says, heard by *listener*."""

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        endpoint: IStreamClientEndpoint,
        login: Login,
        listener: Listener,
    ) -> None:
        self.state = State.CONNECTING
        self.guest = False
        self.problem = ""  # why the last attempt to connect has failed
        self._login = login
        self._listener = listener
        self._wire: Wire | None = None
        self._live = False
        self._since: dict[str, int] = {}
        self._latest: dict[str, str] = {}  # when the last entry of each conversation was made
        self._pending: dict[int, _Pending] = {}
        self._quiet_ones = 0
        self._number = 0
        self._prefix = secrets.token_hex(6)
        self._hello: Deferred[Object] | None = None
        self._ending = False
        self._quiet = 0.0
        self._seen = 0
        self._now = reactor.seconds
        self._pulse = LoopingCall(self._look)
        self._pulse.clock = reactor
        self._service = ClientService(
            _Entrance(reactor, endpoint, self._begin, self._end, self._failed),
            Factory.forProtocol(Protocol),
            backoffPolicy(FIRST_WAIT, MAX_WAIT, factor=1.6),
            clock=reactor,
        )

    def start(self) -> None:
        """Begin to connect."""
        self._pulse.start(5.0, now=False)
        self._service.startService()

    def stop(self) -> Deferred[None]:
        """Let go of the server; fires when nothing is open any more."""
        self._ending = True
        if self._pulse.running:
            self._pulse.stop()
        return self._service.stopService()

    @property
    def under_way(self) -> int:
        """Return how many requests were not answered yet, but for the quiet ones."""
        return len(self._pending) - self._quiet_ones

    def ask(self, answered: Answered, **fields: object) -> None:
        """Make a request until it is answered; *answered* is called with the answer."""
        self._ask(answered, fields, quiet=False)

    def ask_quietly(self, answered: Answered, **fields: object) -> None:
        """As `ask`, for the client itself: nobody is told that this is under way."""
        self._ask(answered, fields, quiet=True)

    def _ask(self, answered: Answered, fields: Object, quiet: bool) -> None:
        self._number += 1
        fields = {"id": self._number, "key": f"{self._prefix}-{self._number}", **fields}
        pending = self._pending[self._number] = _Pending(fields, answered, quiet)
        self._quiet_ones += quiet
        if self._live:
            self._send(pending)

    # What comes and goes.

    async def _begin(self, wire: Wire) -> None:
        """Log in over a new connection, and make the requests that were not answered."""
        self._wire = wire
        wire.receive, wire.lost = self._received, self._cut
        self._heard()
        self._change(State.LOGGING_IN)
        refused: Object | None = None
        while True:
            hello = await self._login.hello(refused)
            if self._wire is not wire:
                raise ConnectionError("cut while somebody was asked")
            self._hello = Deferred()
            wire.send({"hello": 1, "since": self._since, **hello})
            answer = await self._hello
            if answer.get("ok") is True:
                break
            refused = answer
        self._login.accepted(answer)
        for group in objects_in(answer.get("groups")):
            name, head = str(group.get("group")), group.get("head")
            if isinstance(head, int) and head < self._since.get(name, 0):
                del self._since[name]  # that was another group of the same name
        again, self.guest = self.guest, answer.get("registered") is not True
        if again:
            self._doubt()
        self._live = True
        self.problem = ""
        self._change(State.CATCHING_UP)
        self._listener.said_hello(answer)
        for pending in list(self._pending.values()):
            if pending.wire is not wire:
                self._send(pending)

    def _doubt(self) -> None:
        """Give up what was sent as a guest who is gone: to say it again might be twice."""
        doubtful = {
            number: each
            for number, each in self._pending.items()
            if each.wire is not None and each.wire is not self._wire
        }
        for number, each in doubtful.items():
            del self._pending[number]
            self._quiet_ones -= each.quiet
        asked = [each.fields for each in doubtful.values() if not each.quiet]
        lines = [str(each.get("line") or each.get("text") or "") for each in asked]
        if lines:
            self._listener.in_doubt(lines)
        for each in doubtful.values():
            each.answered({"ok": False, "code": IN_DOUBT})

    def _received(self, fields: Object) -> None:
        """Take an object. What goes wrong with one is no reason to cut the connection."""
        self._heard()
        try:
            self._take(fields)
        except Exception:
            self._log.failure("something that the server said could not be taken")

    def _take(self, fields: Object) -> None:
        if "hello" in fields:
            if self._hello is not None and not self._hello.called:
                self._hello.callback(fields)
        elif "re" in fields:
            pending = self._pending.pop(fields["re"], None) if _is_number(fields["re"]) else None
            if fields.get("type") == "password" and fields.get("token"):
                self.guest = False  # who was one has registered
            if pending is not None:
                self._quiet_ones -= pending.quiet
                pending.answered(fields)
        elif "type" in fields:
            self._happened(fields)

    def _happened(self, event: Object) -> None:
        kind = event["type"]
        if kind == "live":
            self._change(State.LIVE)
        elif kind == "end":
            self._told_to_end(event)
            return
        elif not self._is_new(event):
            return
        self._listener.happened(event)

    def _is_new(self, event: Object) -> bool:
        """Return whether *event* was not seen yet, and take note of its number."""
        seq, place = event.get("seq"), _place(event)
        if place is None or not _is_number(seq):
            return True
        assert isinstance(seq, int)
        at = str(event.get("at"))
        # What begins anew, later, is another conversation of the same name.
        anew = seq == 1 and (event["type"] == "created" or at > self._latest.get(place, ""))
        if seq <= self._since.get(place, 0) and not anew:
            return False
        self._since[place], self._latest[place] = seq, at
        return True

    def _told_to_end(self, event: Object) -> None:
        why, text = event.get("why"), event.get("text") or "The server ended the connection."
        if why not in COMES_BACK:
            self._end("" if why == "bye" else str(text))

    def _cut(self, _reason: Failure) -> None:
        self._wire, self._live = None, False
        if self._hello is not None and not self._hello.called:
            self._hello.errback(ConnectionError("cut during the login"))
        if self.guest:
            self._since.clear()  # the conversations of a guest end with the connection
        if not self._ending:
            self._change(State.WAITING)

    def _failed(self, problem: str) -> None:
        """Say why there is no connection, unless that has been said."""
        problem = safe_text(problem.splitlines()[0]).rstrip(".")
        if self._ending or problem == self.problem:
            return
        self.problem = problem
        self._listener.failed(problem)
        self._change(State.WAITING)

    def _end(self, why: str) -> None:
        """Do not come back."""
        if not self._ending:
            self._ending = True
            self._change(State.ENDED)
            self._listener.ended(why)

    def _send(self, pending: _Pending) -> None:
        assert self._wire is not None
        pending.wire = self._wire
        self._wire.send(pending.fields)

    def _change(self, state: State) -> None:
        if self.state is not state:
            self.state = state
            self._listener.changed(state)

    # Signs of life.

    def _heard(self) -> None:
        self._quiet = self._now()

    def _look(self) -> None:
        wire = self._wire
        if wire is None:
            return
        if wire.received != self._seen:  # a long line on its way is a sign too
            self._seen = wire.received
            self._heard()
        silence = self._now() - self._quiet
        waiting = self._hello is not None and not self._hello.called
        if silence >= DEAD and (self._live or waiting):
            wire.abort()
        elif silence >= QUIET and self._live:
            wire.send({"id": 0})


@implementer(IStreamClientEndpoint)
class _Entrance:
    """Connects by way of a login: *begin* logs in over a new connection.

    *give_up* is told if it is no use to try again, *failed* why it was not possible now.

    Not by ``prepareConnection``: a `ClientService` cannot take a connection that is lost then.
    """

    def __init__(
        self,
        clock: IReactorTime,
        endpoint: IStreamClientEndpoint,
        begin: Callable[[Wire], Awaitable[None]],
        give_up: Callable[[str], None],
        failed: Callable[[str], None],
    ) -> None:
        self._clock = clock
        self._failed = failed
        self._endpoint = endpoint
        self._begin = begin
        self._give_up = give_up

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:  # noqa: N803
        return Deferred.fromCoroutine(self._enter(protocolFactory))

    async def _enter(self, factory: IProtocolFactory) -> IProtocol:
        try:
            return await self._connect(factory)
        except GaveUp as gave:
            self._give_up(str(gave))
            raise
        except Exception as problem:
            self._failed(str(problem) or type(problem).__name__)
            raise

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        wire = await self._endpoint.connect(Factory.forProtocol(lambda: Wire(self._clock)))
        assert isinstance(wire, Wire)
        try:
            await self._begin(wire)
        except BaseException:
            wire.abort()
            raise
        transport = cast(IConnection, wire.transport)
        protocol = factory.buildProtocol(transport.getPeer())
        assert protocol is not None
        protocol.makeConnection(transport)
        cut = wire.lost

        def lost(reason: Failure) -> None:
            cut(reason)
            protocol.connectionLost(reason)

        wire.lost = lost
        return protocol


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _place(event: Object) -> str | None:
    """Return where *event* happened, as ``since`` names it."""
    partner, group = event.get("with"), event.get("group")
    if isinstance(partner, str):
        return f"@{partner}"
    return group if isinstance(group, str) else None
