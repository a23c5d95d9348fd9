"""LineSender: sends typed lines, in order, and displays the answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

from twisted.internet.defer import Deferred

from pyconchat.client.groups import Groups
from pyconchat.client.interfaces import (
    UNCONFIRMED,
    Cancelled,
    ConnectionState,
    GaveUp,
    Screen,
)
from pyconchat.client.lines import LineFormatter
from pyconchat.client.net.connection import ServerConnection
from pyconchat.client.net.json_protocol import Object
from pyconchat.domain.errors import ASK_PASSWORD_AGAIN
from pyconchat.domain.slashes import unescaped
from pyconchat.domain.text import safe_line, safe_text

__all__ = ["MAX_UNANSWERED", "AnswerHandler", "LineSender", "Request", "message_of"]

_ASK_AGAIN = frozenset(code.value for code in ASK_PASSWORD_AGAIN)

MAX_UNANSWERED = 1000
"""Maximum lines without an answer, as while the server cannot be reached."""

Request: TypeAlias = dict[str, str]

AnswerHandler: TypeAlias = Callable[[Request, Sequence[str], Object], bool]
"""Handles the answer to a request with the answers that were given to the server's questions.

Returns whether the answer is completely handled: then nothing is displayed.
"""


class _Waiting(NamedTuple):
    """Pending input, behind unanswered commands. *line* is the typed line; None for a paste."""

    action: Callable[[], None]
    line: str | None


class LineSender:
    """Sends lines for the current one of *groups*; *notify* shows text.

    *carry_out* gets each typed line in its turn, *handle* each answer first. *is_command* returns
    whether an answer to a question is a command, which is carried out in place of the command
    that asked.

    Input after a command is held until the command and its questions are answered: the command may
    change the current group, and the line may be the answer to a question, such as a password,
    which must not be said in a group.
    """

    screen: Screen  # set before the first line

    def __init__(
        self,
        connection: ServerConnection,
        groups: Groups,
        formatter: LineFormatter,
        notify: Callable[[str], None],
        handle: AnswerHandler,
        carry_out: Callable[[str], None],
        is_command: Callable[[str], bool],
    ) -> None:
        self._connection = connection
        self._groups = groups
        self._formatter = formatter
        self._notify = notify
        self._handle = handle
        self._carry_out = carry_out
        self._is_command = is_command
        self._commands = 0  # unanswered, or waiting for an answer of the person
        self._waiting: deque[_Waiting] = deque()  # for their answers
        self._visible: list[str] = []  # typed messages that the screen keeps

    @property
    def unanswered(self) -> int:
        """Return how many lines were not answered yet, whether sent or not."""
        return self._connection.unanswered + len(self._waiting)

    @property
    def command_running(self) -> bool:
        """Return whether a command is unanswered."""
        return self._commands > 0

    @property
    def is_busy(self) -> bool:
        """Return whether new input has to wait for commands."""
        return bool(self._commands or self._waiting)

    def typed(self, line: str) -> None:
        """Carry out *line* when all commands before it were answered.

        If one of them asks a question, *line* is the answer, as at the other doors.
        """
        self._in_order(self._typed(line))

    def pasted(self, send: Callable[[], None]) -> None:
        """Call *send* when all commands before it were answered."""
        self._in_order(_Waiting(send, None))

    def is_waiting(self, line: str) -> bool:
        """Return whether the typed *line* waits, so that it may become an answer."""
        return any(each.line == line for each in self._waiting)

    def _typed(self, line: str) -> _Waiting:
        return _Waiting(partial(self._carry_out, line), line)

    def _in_order(self, waiting: _Waiting) -> None:
        if not self.is_busy:
            waiting.action()
        elif self.unanswered >= MAX_UNANSWERED:
            self._refuse()
        else:
            self._waiting.append(waiting)
            self.screen.refresh()

    def send_line(self, line: str) -> None:
        """Send *line*, a message or a command."""
        self._send({"line": line})

    def send_text(self, text: str) -> None:
        """Send *text* as a message, whatever it begins with."""
        self._send({"text": text})

    def already_visible(self, event: Object) -> bool:
        """Return whether *event* is a message that is still visible where it was typed.

        Each typed message counts once.
        """
        is_mine = event.get("type") == "message" and event.get("from") == self._groups.me
        if not is_mine or event.get("text") not in self._visible:
            return False
        self._visible.remove(event["text"])
        return True

    def answer_received(self, request: Request, answers: Sequence[str], answer: Object) -> None:
        """Show the answer to *request*, to which *answers* were added."""
        if answer.get("code") == UNCONFIRMED:
            return  # the connection has reported it
        question = answer.get("ask")
        if answer.get("code") == "missing-argument" and isinstance(question, str):
            secret = answer.get("secret") is True
            self._commands += 1  # until the question is answered
            Deferred.fromCoroutine(self._ask(request, answers, question, secret))
            return
        if self._handle(request, answers, answer):
            return
        self.screen.show(self._formatter.answer(answer, self._groups.place_name or None))
        message = message_of(request)
        if answer.get("ok") is not True and message is not None:
            self._notify(f"Not sent: {message}")
            if safe_text(message) in self._visible:
                self._visible.remove(safe_text(message))
        self.screen.refresh()

    def _send(self, request: Request) -> None:
        if self._connection.unanswered >= MAX_UNANSWERED:
            self._refuse()
            return
        request = {**self._groups.place, **request}
        if self._connection.state in (ConnectionState.WAITING, ConnectionState.CONNECTING):
            typed = request.get("line") or request.get("text")
            self._notify(f"Will be sent when the server is back: {typed}")
        message = message_of(request)
        if message is None:
            self._commands += 1
            self._connection.ask(partial(self._command_answered, request, ()), **request)
        else:
            if self.screen.keeps_typed:
                self._visible.append(safe_text(message))
                del self._visible[:-MAX_UNANSWERED]
            self._connection.ask(partial(self.answer_received, request, ()), **request)
        self.screen.refresh()

    def _command_answered(self, request: Request, answers: Sequence[str], answer: Object) -> None:
        self.answer_received(request, answers, answer)
        self._command_ended()

    def _command_ended(self) -> None:
        self._commands -= 1
        while self._waiting and not self._commands:
            self._waiting.popleft().action()

    async def _ask(
        self, request: Request, answers: Sequence[str], question: str, secret: bool
    ) -> None:
        """Ask the person for the missing argument of *request*, and repeat it with the answer."""
        try:
            answer = await self._answer_to(question, secret)
        except (Cancelled, GaveUp):
            self._notify("Cancelled.")
            self._command_ended()
            return
        if self._is_command(answer):
            self._waiting.appendleft(self._typed(answer.strip()))
            self._command_ended()
            return
        answers = [*answers, answer]
        answered = partial(self._command_answered, request, answers)
        if secret:
            answered = partial(self._password_answered, request, answers)
        self._connection.ask(answered, **request, answers=answers)

    def _password_answered(self, request: Request, answers: Sequence[str], answer: Object) -> None:
        """Ask again for a password that was refused.

        The next line is another attempt, which must not be sent to the group as a message.
        """
        if str(answer.get("code")) in _ASK_AGAIN:
            question = f"{safe_line(str(answer.get('error')))} Once more: "
            Deferred.fromCoroutine(self._ask(request, answers[:-1], question, secret=True))
            return
        self._command_answered(request, answers, answer)

    async def _answer_to(self, question: str, secret: bool) -> str:
        """Return the line that was typed ahead, or ask the person. Raises `Cancelled`."""
        ahead = self._waiting[0].line if self._waiting else None
        if ahead is None:
            return await self.screen.ask(question, secret)
        self._waiting.popleft()
        if not self._is_command(ahead):
            asked = question.strip().rstrip(":")
            self._notify(f"The line that you typed ahead is the answer to: {asked}")
        return ahead

    def _refuse(self) -> None:
        self._notify("Too many lines are unanswered; wait until the server is back.")


def message_of(request: Request) -> str | None:
    """Return the message that *request* sends to a place; None for a command."""
    line = request.get("line", "")
    at_desk = "group" not in request and "with" not in request
    if at_desk or (line.startswith("/") and not line.startswith("//")):
        return None
    return request.get("text") or (unescaped(line) if line.startswith("//") else line)
