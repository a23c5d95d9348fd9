"""JsonMode: the protocol for programs, without a transport: objects in, answers out.

A door parses what arrives and calls `JsonMode.received` with each object. docs/line-protocol.rst
has the shapes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias, TypeVar

import msgspec
from twisted.cred.credentials import ICredentials
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from pyconchat.chat.interfaces import ISession
from pyconchat.commands.services import Services
from pyconchat.domain.errors import BadField, MustAsk, Refused
from pyconchat.domain.replies import Matches, Mentions, Replayed, Reply, Said
from pyconchat.doors.interfaces import IProgramPeer
from pyconchat.doors.json.login import JsonLogin
from pyconchat.net.waiters import Waiters
from pyconchat.render.json import refusal_object, reply_object
from pyconchat.render.replies import reply_lines
from pyconchat.sessions.requests import Hello, Request, Requests

__all__ = ["Answer", "JsonMode"]

T = TypeVar("T")

MAX_LINES_BYTES = 12 * 1024
"""Maximum bytes of the lines in an answer: with its list, they are one line of the connection."""

Answer: TypeAlias = Mapping[str, object]


class JsonMode:
    """The login and the requests of one program at *peer*.

    *ready* is called each time that `busy` becomes false, or `idle` true.
    """

    def __init__(
        self, services: Services, portal: Portal, peer: IProgramPeer, ready: Callable[[], None]
    ) -> None:
        self._services = services
        self._peer = peer
        self._ready = ready
        self._login = JsonLogin(services, portal, peer)
        self._requests: Requests | None = None
        self._answers: list[str] = []  # to the questions of the running command
        self._command: Request | None = None  # the one that is running
        self._logging_in = False
        self._words = False  # whether answers and entries have the words for people
        self._posting = 0  # messages that are not stored yet
        self._all_posted = Waiters()

    @property
    def busy(self) -> bool:
        """Return whether `received` must not be called, because a login or a command runs."""
        return self._logging_in or self._command is not None

    @property
    def idle(self) -> bool:
        """Return whether everything that was received has been answered."""
        return not self.busy and self._posting == 0

    def received(self, fields: object) -> Deferred[Answer]:
        """Handle an object; fires with its answer. Must not be called while `busy`.

        Messages may be answered in any order, after they are stored; a command is executed after
        all messages before it are answered. Fails with `PeerGone`.
        """
        if self._requests is None:
            return self._hello(fields)
        return self._request(self._requests, fields)

    def logged_in(self, session: ISession) -> None:
        """Take requests of *session* from now on."""
        self._requests = Requests(self._services, session)
        self._reader = session.account.key

    def ask(self, prompt: str, secret: bool) -> Deferred[str]:
        """Answer a question of the running command. Raises `MustAsk` without an answer to it."""
        if not self._answers:
            raise MustAsk(prompt, secret)
        return succeed(self._answers.pop(0))

    def quit_answer(self) -> Answer | None:
        """Return the answer to the running command, ``/quit``, which ends the connection."""
        return None if self._command is None else {"re": self._command.id, "ok": True}

    # The login.

    def _hello(self, fields: object) -> Deferred[Answer]:
        try:
            hello = _converted(fields, Hello)
            received = hello.received
        except Refused as refused:
            return succeed({"hello": 1, **refusal_object(refused)})
        self._logging_in = True
        self._words = hello.words
        if hello.words:
            self._peer.add_words()
        answered: Deferred[Answer] = Deferred.fromCoroutine(self._login.begin(hello, received))
        return answered.addErrback(self._login_failed)

    def answered(self) -> None:
        """Continue a login with the missed entries: its answer has been sent."""
        if self._logging_in:
            catching_up = Deferred.fromCoroutine(self._login.catch_up())
            catching_up.addErrback(self._peer.failed)
            catching_up.addBoth(self._login_done)

    async def begin_as(self, credentials: ICredentials) -> Answer:
        """Log in with *credentials*, without a hello; return the answer to it.

        `answered` has to follow. Raises `Refused` and `PeerGone`.
        """
        self._logging_in = True
        return await self._login.begin_as(credentials)

    def _login_failed(self, failure: Failure) -> Failure:
        self._logging_in = False
        return failure

    def _login_done(self, _result: object) -> None:
        self._logging_in = False
        self._ready()

    # Requests.

    def _request(self, requests: Requests, fields: object) -> Deferred[Answer]:
        id = fields.get("id") if isinstance(fields, dict) else None
        try:
            request = _converted(fields, Request)
            if request.text is not None and request.line is not None:
                raise BadField("text", "A request has a line or a text, not both.")
        except Refused as refused:
            re = {"re": id} if isinstance(id, int | str) else {}
            return succeed({**re, **refusal_object(refused)})
        message = request.message
        if message is None:
            return self._execute(requests, request)
        self._posting += 1
        posting = Deferred.fromCoroutine(self._answer(request, requests.post(request, message)))
        return posting.addBoth(self._posted, posting)

    def _posted(self, answer: T, posting: Deferred[Answer]) -> T:
        self._posting -= 1
        if self._posting == 0:
            posting.addBoth(self._all_answered)  # after the callbacks that send the answer
        return answer

    def _all_answered(self, answer: T) -> T:
        self._all_posted.fire()
        self._ready()
        return answer

    def _execute(self, requests: Requests, request: Request) -> Deferred[Answer]:
        answered: Deferred[Answer] = Deferred()
        self._command = request
        running = Deferred.fromCoroutine(self._run(requests, request))
        running.addCallbacks(answered.callback, answered.errback)
        running.addBoth(self._command_done)
        return answered

    async def _run(self, requests: Requests, request: Request) -> Answer:
        await self._all_posted.wait(self._posting == 0)
        self._answers = list(request.answers)
        return await self._answer(request, requests.execute(request))

    def _command_done(self, _result: object) -> None:
        self._command = None
        self._ready()

    async def _answer(self, request: Request, reply: Awaitable[Reply | None]) -> Answer:
        try:
            result = await reply
        except Refused as refused:
            return {"re": request.id, **refusal_object(refused)}
        reader = self._reader if self._words else None
        fields = {} if result is None else reply_object(result, reader)
        if self._words and result is not None and not isinstance(result, Said):
            fields["lines"] = _lines(result)
        return {"re": request.id, "ok": True, **fields}


def _lines(reply: Reply) -> list[str]:
    """Return what a person reads in *reply*, without entries of the log."""
    if isinstance(reply, Replayed | Matches | Mentions):
        return []
    lines = [str(line) for line in reply_lines(reply)]
    left = MAX_LINES_BYTES
    for index, line in enumerate(lines):
        left -= len(line.encode()) + 3  # quotes and comma
        if left < 0:
            return [*lines[:index], "…"]
    return lines


def _converted(fields: object, kind: type[T]) -> T:
    """Return *fields* as a record of *kind*. Raises `Refused` with the path of the bad field."""
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `$")
        raise BadField(path.strip("`.").replace("[...]", ""), f"{problem}.") from None
