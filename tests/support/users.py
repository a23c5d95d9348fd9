"""Users of every kind of program, with one interface: `User`.

A new kind is a class here and a line in `KINDS`.
"""

from __future__ import annotations

import os
import pty
import re
import select
import socket
import ssl
import tempfile
import time
import tty
from abc import ABC, abstractmethod
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeAlias, TypeVar

from pyconchat.client.lines import Line, LineFormatter, plain_text
from pyconchat.domain.text import safe_text
from tests.support.processes import Client
from tests.support.programs import Object, Program
from tests.support.safety import OPTIONS
from tests.support.servers import PATIENCE, Server
from tests.support.terminals import environment

__all__ = [
    "ALL_KINDS",
    "KINDS",
    "LINE_KINDS",
    "PAIRS",
    "ClientUser",
    "JsonUser",
    "SocketUser",
    "TelnetUser",
    "TlsUser",
    "User",
    "UserOf",
    "Visit",
    "users",
]

IAC, DONT, DO, WONT, WILL = 255, 254, 253, 252, 251
ECHO = 1
"""Telnet commands (RFC 854), and the option ECHO (RFC 857)."""

NEGOTIATION = re.compile(r"\udcff(?:[\udcfb-\udcfe].|\udcf9)", re.DOTALL)
ERASURE = "\r\x1b[K"
PROMPT = re.compile(r"^(?:\[@?[\w.-]+\] |> )+")
TIME = re.compile(r"^\d\d:\d\d ", re.MULTILINE)


class User(ABC):
    """A user who types and sees lines, with any kind of program."""

    def __init__(self) -> None:
        self.shown = ""  # all text that was shown
        self._seen = 0  # length of the text that `sees` has passed

    # Different for each kind.

    @abstractmethod
    def logs_in(self, name: str, password: str = "", group: str = "") -> None:
        """Log in: without a *password* as a guest; without a *group* to the front desk.

        A new name is registered. `sees` finds everything that was shown after the password.
        """

    @abstractmethod
    def cannot_log_in(self, name: str, password: str = "") -> str:
        """Try to log in, and return the server's reason why not."""

    @abstractmethod
    def types(self, *lines: str) -> None:
        """Type *lines*."""

    @abstractmethod
    def everything(self) -> bytes:
        """Return all bytes that were received."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""

    @abstractmethod
    def _receive(self) -> bool:
        """Receive the next data and add it to `shown`; return whether more may follow."""

    # Common to all kinds.

    def sees(self, text: str) -> str:
        """Wait for *text* after the text seen last, and return everything up to its end."""
        self._waits_for(text)
        at = self.shown.index(text, self._seen) + len(text)
        skipped, self._seen = self.shown[self._seen : at], at
        return skipped

    def sees_all(self) -> str:
        """Wait for everything that was sent so far, and return it."""
        self.types("/help nosuchcommand")
        end = "* There is no command /nosuchcommand; /help lists them.\n"
        return self.sees(end).removesuffix(end)

    def does_not_see(self, text: str) -> None:
        """Check that *text* is not in anything shown after the text seen last."""
        shown = self.sees_all()
        assert text not in shown, shown

    def answer_to(self, *lines: str) -> list[str]:
        """Type *lines*, and return the lines that are shown afterwards."""
        self.sees_all()
        self.types(*lines)
        return self.sees_all().splitlines()

    def is_disconnected(self) -> bool:
        """Wait until the server has ended the connection."""
        while self._receive():
            pass
        return True

    def _waits_for(self, *texts: str) -> str:
        """Wait for one of *texts* after the text seen last, and return it."""
        while True:
            for text in texts:
                if self.shown.find(text, self._seen) >= 0:
                    return text
            if not self._receive():
                sought = " or ".join(map(repr, texts))
                raise AssertionError(f"did not see {sought} but {self._unseen()!r}")

    def _unseen(self) -> str:
        return self.shown[self._seen :][-500:]


class SocketUser(User):
    """A user at a raw socket, as with nc. With CRLF as *newline* the server detects telnet."""

    def __init__(self, port: int, newline: str = "\n") -> None:
        super().__init__()
        self._socket = self._connect(port)
        self._newline = newline
        self._received = b""
        self._decoder = getincrementaldecoder("utf-8")("surrogateescape")

    def _connect(self, port: int) -> socket.socket:
        return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)

    def logs_in(self, name: str, password: str = "", group: str = "", at_desk: bool = True) -> None:
        """Answer the questions of the login, or only the first two."""
        self.types(name)  # at once: a silent connection is greeted later
        self.sees("Username: ")
        self.sees("Password: ")
        self.types(password)
        if at_desk:
            self._enters(group)

    def cannot_log_in(self, name: str, password: str = "") -> str:
        self.types(name, *([password] if password else []))
        self.sees("Username: ")
        if password:
            self.sees("Password: ")
        self.sees("* ")
        reason = self.sees("\n").removesuffix("\n")
        if reason.startswith("That is not the password"):
            self.types("")  # back to the question for a name
        return reason

    def types(self, *lines: str) -> None:
        self.sends("".join(line + self._newline for line in lines).encode())

    def sends(self, data: bytes) -> None:
        """Send *data* as it is."""
        self._socket.sendall(data)

    def everything(self) -> bytes:
        return self._received

    def close(self) -> None:
        self._socket.close()

    def shuts_down_writing(self) -> None:
        """Close the input, but continue to read."""
        self._socket.shutdown(socket.SHUT_WR)

    def _enters(self, group: str) -> None:
        self._waits_for("Group: ")
        self.types(group)
        if not group:
            self._waits_for("(help lists the commands)")

    def _receive(self) -> bool:
        try:
            self._acknowledge()
            data = self._socket.recv(65536)
        except TimeoutError:
            raise AssertionError(f"nothing received after {self._unseen()!r}") from None
        except ConnectionResetError:
            return False
        self._received += data
        self.shown = self._show(data)
        return bool(data)

    def _acknowledge(self) -> None:
        """Acknowledge at once, not 40 ms later: the server counts entries as received by it."""
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def _show(self, data: bytes) -> str:
        """Return all text that was shown, including *data*, which was just received."""
        return self.shown + self._decoder.decode(data)


class TlsUser(SocketUser):
    """A user at `openssl s_client`, or another program that makes a TLS connection."""

    def _connect(self, port: int) -> socket.socket:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(super()._connect(port))


class TelnetUser(SocketUser):
    """A user at telnet, which negotiates. `shown` has no telnet commands, no prompts and no CR."""

    def __init__(self, port: int) -> None:
        super().__init__(port, "\r\n")
        self._negotiated = 0  # bytes whose telnet commands were answered
        self._lines, self._rest = "", ""  # whole lines as shown, and the rest as received

    def logs_in(self, name: str, password: str = "", group: str = "", at_desk: bool = True) -> None:
        """Answer the questions of the login; a new password is asked for twice."""
        super().logs_in(name, password, at_desk=False)
        if self._waits_for("The same again: ", "Group: ") == "The same again: ":
            self.sees("The same again: ")
            self.types(password)
        if at_desk:
            self._enters(group)

    def _receive(self) -> bool:
        going = super()._receive()
        for command in OPTIONS.finditer(self._received, self._negotiated):
            self._negotiated = command.end()
            answer = self._answer(*command[0][1:])
            if answer is not None:
                with suppress(OSError):  # the server may have disconnected
                    self.sends(bytes([IAC, answer, command[0][2]]))
        return going

    @staticmethod
    def _answer(verb: int, option: int) -> int | None:
        """Return the verb of the answer: the server may echo, everything else is refused."""
        if verb == WILL:
            return DO if option == ECHO else DONT
        return {WONT: DONT, DO: WONT}.get(verb)

    def _show(self, data: bytes) -> str:
        lines, end, self._rest = (self._rest + self._decoder.decode(data)).rpartition("\n")
        self._lines += self._clean(lines + end)
        rest = re.sub(r"\udcff.?$|\r(\x1b\[?)?$", "", self._rest, flags=re.DOTALL)
        return self._lines + self._clean(rest)

    def _clean(self, raw: str) -> str:
        """Return the lines of *raw*. A question that was erased stays, as at nc."""
        lines: list[str] = []
        for line in NEGOTIATION.sub("", raw).replace("\r\n", "\n").split("\n"):
            first, *rewritten = (PROMPT.sub("", part) for part in line.split(ERASURE))
            lines.append(first)
            for part in rewritten:
                lines[-1:] = [lines[-1], part] if lines[-1] else [part]
        return "\n".join(lines)


class JsonUser(User):
    """A user of a program in JSON mode that shows everything as the client does."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._program = self._connect(port)
        self._formatter = LineFormatter(time.time)
        self._rendered = 0  # number of the program's objects that are in `shown`
        self._here: str | None = None  # the current group
        self._partner = ""  # of the current private conversation
        self._asked = ""  # the group that they have applied to
        self._typing = ""  # the message that was sent: it is on the screen already
        self._question: tuple[Object, list[str]] | None = (
            None  # a request that needs one more answer
        )

    def _connect(self, port: int) -> Program:
        return Program(port)

    def logs_in(self, name: str, password: str = "", group: str = "") -> None:
        hello = self._program.logs_in(name, password or None)
        self._formatter.me = hello["name"]
        self._render()
        if group:
            self.types(f"/join {group}")

    def cannot_log_in(self, name: str, password: str = "") -> str:
        answer = self._program.says_hello(name, password or None)
        assert not answer["ok"], answer
        return str(answer["error"])

    def types(self, *lines: str) -> None:
        """Type *lines*, each once the one before it has been answered."""
        for line in lines:
            if self._question is not None:
                (request, answers), self._question = self._question, None
                self._asks(request, [*answers, line])
            elif line.strip():
                place = {} if self._here is None else {"group": self._here}
                if self._partner:
                    place = {"with": self._partner}
                self._asks({"line": line, **place}, [])

    def everything(self) -> bytes:
        return bytes(self._program.received)

    def close(self) -> None:
        self._program.close()

    def _asks(self, request: Object, answers: list[str]) -> None:
        self._typing = safe_text(request["line"].removeprefix("/"))
        more = {"answers": answers} if answers else {}
        answer = self._program.asks(**request, **more)
        self._render()
        self._typing = ""
        if answer.get("code") == "missing-argument":
            self._question = request, answers
            self.shown += answer["ask"]

    def _receive(self) -> bool:
        going = self._program.receives()
        self._render()
        return going

    def _render(self) -> None:
        for each in self._program.objects[self._rendered :]:
            self._rendered += 1
            if "hello" in each or each.get("code") == "missing-argument":
                continue
            if "re" in each or each.get("ok") is False:
                self._moves(each)
                self._show(self._formatter.answer(each, self._here))
            elif not self._is_on_screen(each):
                self._moves(each)
                self._show(self._formatter.event(each, self._here, live=True))

    def _show(self, lines: list[Line]) -> None:
        for line in lines:
            pieces = tuple(piece for piece in line.pieces if piece[0] not in ("time", "day"))
            if pieces:
                self.shown += f"{plain_text(Line(pieces))}\n"

    def _is_on_screen(self, event: Object) -> bool:
        mine = event.get("type") == "message" and event["from"] == self._formatter.me
        return mine and event["text"] == self._typing

    def _moves(self, received: Object) -> None:
        """Change the current group, if the *received* object does so."""
        group, kind = received.get("group"), received.get("type")
        mine = received.get("name") == self._formatter.me
        match kind:
            case "entered":
                self._here, self._partner = group, ""
            case "query":
                self._here, self._partner = None, received["with"]
            case "asked":
                self._asked = group
            case "joined" if mine and self._here is None and group == self._asked:
                self._here = group
            case "desk":
                self._here, self._partner = None, ""
            case "left" | "kicked" | "banned" if mine and group == self._here:
                self._here = None
            case "closed" if group == self._here:
                self._here = None


class ClientUser(User):
    """A user of the bundled client in plain mode. `shown` has no times of day.

    Input and output are on two terminals, so that `shown` has no echo.
    """

    def __init__(self, port: int, folder: Path) -> None:
        super().__init__()
        self._port = port
        self._folder = folder
        self.home = folder  # the folder in which the client runs
        self._received = b""
        self._decoder = getincrementaldecoder("utf-8")()
        self._lines, self._rest = "", ""  # whole lines as shown, and the rest as received
        self._open: list[int] = []
        self._keyboard = self._screen = -1
        self._process: Client | None = None

    def logs_in(self, name: str, password: str = "", group: str = "") -> None:
        self._start(name, password)
        if not password:
            self._waits_for("press Enter to be a guest: ")
            self.types("")
        entered = "* You are in ", "* Your groups: ", "(help lists the commands)", "help lists more"
        if self._waits_for(*entered) == entered[0]:
            self.types("/desk")
            self._waits_for("(help lists the commands)")
        if group:
            self.types(f"/join {group}")

    def cannot_log_in(self, name: str, password: str = "") -> str:
        self._start(name, password)
        self._waits_for("pyconchat: ")
        self.sees("pyconchat: ")
        assert self.is_disconnected()
        return self.sees("\n").removesuffix("\n").removeprefix("error: ")

    def types(self, *lines: str) -> None:
        os.write(self._keyboard, "".join(f"{line}\n" for line in lines).encode())

    def everything(self) -> bytes:
        return self._received

    def is_disconnected(self) -> bool:
        """Wait until the client has exited, because the server has ended the connection."""
        super().is_disconnected()
        assert self._process is not None
        self._process.wait(PATIENCE)
        return True

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)
        for descriptor in self._open:
            os.close(descriptor)
        self._open.clear()

    def _start(self, name: str, password: str) -> None:
        self.close()
        # Two terminals: input is not echoed to the output.
        self._keyboard, stdin = pty.openpty()
        self._screen, stdout = pty.openpty()
        self._open += [self._keyboard, stdin, self._screen, stdout]
        for terminal in (stdin, stdout):
            tty.setraw(terminal)  # all bytes are passed on unchanged
        self.home = Path(tempfile.mkdtemp(dir=self._folder))
        secret = {"PYCONCHAT_PASSWORD": password} if password else {}
        self._process = Client(
            ["--plain", f"--name={name}", f"127.0.0.1:{self._port}"],
            self.home,
            (stdin, stdout, stdout),
            environment(self.home, **secret),
            {"pyconchat.client.ui.joined_lines.MAX_PASTED_LINES": 1},  # tests type very fast
        )

    def _receive(self) -> bool:
        assert self._process is not None
        deadline = time.monotonic() + PATIENCE
        while not select.select([self._screen], [], [], 0.05)[0]:
            if self._process.poll() is not None:
                return False
            assert time.monotonic() < deadline, f"nothing received after {self._unseen()!r}"
        data = os.read(self._screen, 65536)
        self._received += data
        lines, end, self._rest = (self._rest + self._decoder.decode(data)).rpartition("\n")
        self._lines += TIME.sub("", lines + end)
        self.shown = self._lines + TIME.sub("", self._rest)
        return True


Visit: TypeAlias = Callable[..., SocketUser]

UserOf: TypeAlias = Callable[..., User]
"""Connects a user with some kind of program, and logs them in if a name is given."""

KINDS: dict[str, Callable[[Server, Path], User]] = {
    "nc": lambda server, _: SocketUser(server.port),
    "telnet": lambda server, _: TelnetUser(server.port),
    "json": lambda server, _: JsonUser(server.port),
    "client": lambda server, folder: ClientUser(server.port, folder),
}

ALL_KINDS: dict[str, Callable[[Server, Path], User]] = {
    **KINDS,
    "tls": lambda server, _: TlsUser(server.tls_port),
}
"""All kinds, including those that differ from another only in the transport."""

LINE_KINDS = ["nc", "telnet"]
"""Kinds in which the server asks for name, password and group."""

PAIRS = [*zip(KINDS, KINDS, strict=True), *zip(KINDS, [*KINDS][1:] + [*KINDS][:1], strict=True)]
"""Kinds of two users: each kind with itself, and with another."""


S = TypeVar("S")


@contextmanager
def users(
    server: S, folder: Path, kinds: Mapping[str, Callable[[S, Path], User]]
) -> Iterator[UserOf]:
    """Yield a function that connects users to *server*: ``user("nc", "alice", "password")``.

    *kinds* are the kinds of programs that they may have.
    """
    connected: list[User] = []

    def user(kind: str, name: str = "", password: str = "", group: str = "") -> User:
        connected.append(kinds[kind](server, folder))
        if name:
            connected[-1].logs_in(name, password, group)
        return connected[-1]

    try:
        yield user
    finally:
        for each in connected:
            with suppress(OSError):
                each.close()
