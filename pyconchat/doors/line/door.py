"""The line door's side for people at `nc` and `telnet`.

It turns bytes into lines and shows what the chat writes; the questions of the login are
`Login`'s, and what lines mean, the session knows. A client whose lines end in CRLF is taken for
telnet: only then are telnet's options used, and a prompt stands where the next line is typed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from zope.interface import implementer

from pyconchat.chat.interfaces import IPeer
from pyconchat.domain.errors import Refused
from pyconchat.doors.door import Door
from pyconchat.doors.line.dialogue import Login
from pyconchat.doors.line.prompt import Screen
from pyconchat.doors.line.telnet import Client, Telnet, recognize
from pyconchat.render.text import TextRenderer
from pyconchat.sessions.session import PeerGone

if TYPE_CHECKING:
    from pyconchat.doors.factory import ChatFactory

__all__ = ["LineDoor"]

LOGIN_LINE = 512
"""Bytes in a line of somebody who has not logged in."""

LF, CRLF = TextRenderer("\n"), TextRenderer("\r\n")


@implementer(IPeer)
class LineDoor(Door):
    """One person's connection."""

    def __init__(self, factory: ChatFactory, network: str) -> None:
        super().__init__(factory, network, LF, factory.limits.line_bytes)
        self._client = Client.UNKNOWN
        self._opening = b""  # what came before the client was recognized
        self._question: Deferred[str] | None = None
        self._prompt = ""
        self._secret = False
        self._pinged = False

    # What Twisted calls.

    def connectionMade(self) -> None:
        super().connectionMade()
        self._screen = Screen(self._output)
        self._telnet = Telnet(self._output.write)
        self.run(Login(self._factory.chat, self._factory.portal, self).run())

    def dataReceived(self, data: bytes) -> None:
        self._pinged = False
        if self._client is Client.UNKNOWN:
            self._opening += data
            self._client = recognize(self._opening)
            if self._client is Client.UNKNOWN:
                if len(self._opening) <= LOGIN_LINE:
                    return
                self._client = Client.PLAIN
            if self._client is Client.TELNET:
                self.renderer, self._screen.erasing = CRLF, True
            data, self._opening = self._opening, b""
        if self._client is Client.TELNET:
            data = self._telnet.receive(data)
        super().dataReceived(data)

    def readConnectionLost(self) -> None:
        if self._client is Client.UNKNOWN:
            self._client = Client.PLAIN
            self._lines.extend(self._framer.feed(self._opening))
        super().readConnectionLost()

    def leave(self, last: bytes = b"") -> None:
        super().leave(last)
        self._stop_asking()

    # What the session and the login call.

    @property
    def hides(self) -> bool:  # type: ignore[override]  # here it depends on the client
        return self._client is Client.TELNET

    def write(self, block: bytes) -> None:
        self._screen.write(block)

    def ask(self, prompt: str, secret: bool = False) -> Deferred[str]:
        if self._gone or (self._ended and not self._lines):
            raise PeerGone
        question: Deferred[str] = Deferred()
        self._question, self._prompt, self._secret = question, prompt, secret
        if self.hides and secret:
            self._telnet.hide_input(True)
        self._screen.prompt(prompt.encode())
        self.pump()  # the answer may be there already
        return question

    def refresh(self) -> None:
        if self._question is None and self._screen.prompted:
            self._screen.prompt(self._place())

    # What the door asks of its kinds.

    def take(self, raw: bytes | None) -> None:
        self._screen.typed()
        try:
            line = self.decoded(raw, LOGIN_LINE if self.session is None else self._framer.limit)
        except Refused as refused:
            if self._question is not None:
                self._end_hidden_line()
            self.refuse(refused)
            if self._question is not None:
                self._screen.prompt(self._prompt.encode())
            return
        if self._question is not None:
            self._answer(line)
        elif self.session is not None:
            task = self.session.line(line)
            if task is not None and not task.called:
                self.wait_for(task)

    def asking(self) -> bool:
        return self._question is not None

    def idle(self) -> None:
        """Show a telnet user where they are, when it is their turn to type."""
        free = self._task is None and self._question is None and self.session is not None
        if free and self.hides and not self._screen.prompted:
            self._screen.prompt(self._place())

    def show_last(self, block: bytes) -> None:
        self._screen.farewell(block)

    def was_silent(self, silence: float) -> bool:
        if self._client is not Client.TELNET:
            return False  # nc cannot be asked; the kernel watches over it
        limits = self._factory.limits
        if 0 < limits.silence_seconds <= silence:
            self.drop("silent", "said nothing for {seconds:.0f} s", seconds=silence)
            return True
        if 0 < limits.ping_seconds <= silence and not self._pinged:
            self._pinged = True
            self._telnet.ping()
        return False

    def finish(self) -> None:
        self._stop_asking()
        super().finish()

    # Questions and prompts.

    def _answer(self, line: str) -> None:
        question, self._question = self._question, None
        if self.hides and self._secret:
            self._telnet.hide_input(False)
        self._end_hidden_line()
        assert question is not None
        question.callback(line)

    def _stop_asking(self) -> None:
        if self._question is not None:
            question, self._question = self._question, None
            question.errback(PeerGone())

    def _end_hidden_line(self) -> None:
        """End the line on the screen of a client that did not show the end either."""
        if self.hides and self._secret:
            self._output.write(b"\r\n")

    def _place(self) -> bytes:
        current = self.session.current if self.session is not None else None
        name = current.group.name if current is not None and current.group is not None else None
        return f"[{name}] ".encode() if name is not None else b"> "
