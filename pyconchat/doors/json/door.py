"""The line door's side for programs: one JSON object a line, both ways.

What programs may ask, `requests` knows; docs/line-protocol.rst has the shapes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.chat.interfaces import IPeer
from pyconchat.domain.errors import BadField, Code, MustAsk, Refused
from pyconchat.domain.replies import EndWhy
from pyconchat.doors.door import Door
from pyconchat.doors.json.login import log_in
from pyconchat.render.json import JsonRenderer, refusal_object, reply_object
from pyconchat.sessions.requests import Hello, Request, Requests, said
from pyconchat.sessions.session import Session

if TYPE_CHECKING:
    from pyconchat.doors.factory import ChatFactory

__all__ = ["JsonDoor"]

T = TypeVar("T")

ESCAPING = 8
"""How many times longer than its text a line may be: JSON may write 6 bytes for one."""

MAX_BAD = 20
"""Lines in a row that are not JSON before the connection is ended."""

JSON = JsonRenderer()


@implementer(IPeer)
class JsonDoor(Door):
    """One program's connection."""

    program = True
    hides = True  # what a program is asked, it need not show

    def __init__(self, factory: ChatFactory, network: str) -> None:
        super().__init__(factory, network, JSON, factory.limits.line_bytes * ESCAPING)
        self.wrong = 0  # passwords and tokens
        self._requests: Requests | None = None
        self._answers: list[str] = []
        self._asked: Request | None = None  # the command that is carried out
        self._has_quit = False
        self._saying = 0  # messages on their way to the store
        self._all_said: Deferred[None] | None = None
        self._bad = 0

    # What the session and the login call.

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._requests = None

    def ask(self, prompt: str, secret: bool = False) -> Deferred[str]:
        if not self._answers:
            raise MustAsk(prompt, secret)
        answer: Deferred[str] = Deferred()
        answer.callback(self._answers.pop(0))
        return answer

    def logged_in(self, session: Session) -> None:
        super().logged_in(session)
        self._requests = Requests(self._factory.chat, session)

    def send(self, **fields: object) -> None:
        """Send an object."""
        self.write(JSON.line(fields))

    def hang_up(self, last: bytes = b"") -> None:
        """As any door; but who quits is answered first."""
        if self._asked is not None and self.session is not None and self.session.quitting:
            self._has_quit = True
            self.send(re=self._asked.id, ok=True)
        super().hang_up(last)

    # What the door asks of its kinds.

    def take(self, raw: bytes | None) -> None:
        try:
            fields = self._object(raw)
        except Refused as refused:
            self._bad += 1
            self.refuse(refused)
            if self._bad == MAX_BAD:
                self.say_last(EndWhy.BAD_JSON, "Too much of that was not JSON.")
            return
        self._bad = 0
        if self._requests is None:
            self._hello(fields)
        else:
            self._request(self._requests, fields)

    def finish(self) -> None:
        """As any door; and what was asked last is answered, however late that is."""
        if self._saying == 0:
            super().finish()

    def _hello(self, fields: object) -> None:
        try:
            hello = _converted(fields, Hello)
            seen = hello.seen
        except Refused as refused:
            self.send(hello=1, **refusal_object(refused))
            return
        self.run(log_in(self._factory.chat, self._factory.portal, self, hello, seen))

    def _request(self, requests: Requests, fields: object) -> None:
        id = fields.get("id") if isinstance(fields, dict) else None
        try:
            request = _converted(fields, Request)
            if request.text is not None and request.line is not None:
                raise BadField("text", "A request has a line or a text, not both.")
        except Refused as refused:
            re = {"re": id} if isinstance(id, int | str) else {}
            self.send(**re, **refusal_object(refused))
            return
        if said(request) is None:
            self.run(self._command(requests, request))
        else:
            self._saying += 1
            answered = Deferred.fromCoroutine(self._answer(requests, request))
            answered.addErrback(self._failed)
            answered.addBoth(self._said)

    async def _command(self, requests: Requests, request: Request) -> None:
        """Carry out *request*, once all that was said before is stored and answered."""
        if self._saying:
            self._all_said = Deferred()
            await self._all_said
        self._asked, self._answers = request, list(request.answers)
        await self._answer(requests, request)
        self._asked = None

    async def _answer(self, requests: Requests, request: Request) -> None:
        try:
            reply = await requests.perform(request)
        except Refused as refused:
            self.send(re=request.id, **refusal_object(refused))
        else:
            if not self._has_quit:
                fields = {} if reply is None else reply_object(reply)
                self.send(re=request.id, ok=True, **fields)

    def _said(self, _result: object) -> None:
        self._saying -= 1
        if self._saying:
            return
        if self._all_said is not None:
            waiting, self._all_said = self._all_said, None
            waiting.callback(None)
        if self._ended:
            self.pump()

    def _object(self, raw: bytes | None) -> object:
        """Return what the line *raw* says. Raises `Refused` if that is not JSON."""
        line = self.decoded(raw, self._framer.limit)
        try:
            return msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError):
            raise Refused(Code.BAD_JSON, "That is not JSON.") from None


def _converted(fields: object, kind: type[T]) -> T:
    """Return *fields* as a record of *kind*. Raises `Refused` with the path to what is wrong."""
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `$")
        raise BadField(path.strip("`.").replace("[...]", ""), f"{problem}.") from None
