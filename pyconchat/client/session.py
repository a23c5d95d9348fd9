"""ClientSession: a person at the client. Lines become requests, what comes back becomes lines.

It knows no command but its own ``/go``; help, completion and what may be done are the server's.
How lines look on the screen, and how they are typed, is the screen's (`terminal`, `plain`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

from pyconchat.client.completer import Completer
from pyconchat.client.files.downloads import Downloads
from pyconchat.client.files.transfers import Transfers, paths_of, shown
from pyconchat.client.groups import Rooms
from pyconchat.client.lines import Line, LineFormatter, server_line
from pyconchat.client.net.address import Address
from pyconchat.client.net.connection import IN_DOUBT, GaveUp, Link, State
from pyconchat.client.net.json_protocol import Object
from pyconchat.client.net.login import ClientLogin
from pyconchat.domain.text import safe_text

__all__ = ["MAX_UNDER_WAY", "Cancelled", "ClientSession", "Files", "Screen"]

MAX_UNDER_WAY = 1000
"""Requests that may wait for their answers, as while the server is away."""

MAX_FILES = 20
"""Files that are shared with one command."""

MINUTE = 60.0


class Screen(Protocol):
    """What a person sees and types at. *keeps_typed*: what was typed stands there already."""

    keeps_typed: bool

    def show(self, lines: Sequence[Line]) -> None:
        """Add *lines* to what was shown."""

    def ask(self, question: str, secret: bool) -> Deferred[str]:
        """Put a question. Fails with `Cancelled`."""
        ...

    def refresh(self) -> None:
        """Show anew how things stand."""


class Files(NamedTuple):
    """How files are dealt with: fetched into *folder*, by themselves up to *auto_get* bytes.

    *run* calls something that takes its time in a thread.
    """

    folder: Path
    auto_get: int
    run: Callable[..., Deferred[Any]]


class Cancelled(Exception):
    """The person would not answer."""


class ClientSession:
    """One person's time at *address*; *finished* is called with the last words, "" for none.

    *wall_clock* returns the time in seconds since the epoch, as `time.time` does.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        address: Address,
        endpoint: IStreamClientEndpoint,
        login: ClientLogin,
        finished: Callable[[str], None],
        files: Files,
        wall_clock: Callable[[], float],
    ) -> None:
        self.address = address
        self.rooms = Rooms()
        self.words = Completer(self.rooms)
        self.screen: Screen  # to be set before `start`
        self._reactor = reactor
        self._login = login
        self._finished = finished
        self._wall_clock = wall_clock
        self._formatter = LineFormatter(wall_clock)
        self._wanted = address.group
        self._leaving = False
        self._commands = 0  # that were not answered yet
        self._later: deque[Callable[[], None]] = deque()  # what was typed after them
        self._typed: list[str] = []  # messages that stand on the screen already
        self._back: list[str] = []  # groups of a guest, to be joined again
        self.link = Link(reactor, endpoint, login, self)
        self._auto_get = files.auto_get
        self.transfers = Transfers(
            reactor,
            endpoint,
            self.link,
            Downloads(files.folder),
            files.run,
            self._tell,
            lambda: self.screen.refresh(),
        )

    def start(self) -> None:
        """Connect."""
        self.link.start()
        self._reactor.callLater(self._until_midnight(), self._midnight)

    def stop(self) -> Deferred[None]:
        """Disconnect."""
        return self.link.stop()

    # What the person does.

    def typed(self, line: str) -> None:
        """Do what *line* says, once the commands before it have been answered.

        One of them may lead to the group that this is meant for.
        """
        if self._commands or self._later:
            self._put_off(lambda: self._do(line))
        else:
            self._do(line)

    def _do(self, line: str) -> None:
        self._leaving = False
        word, _, rest = line.strip().partition(" ")
        at_desk = self.rooms.current is None
        if word.lower() == "/go" or (at_desk and word.lower() == "go"):
            self.go(rest.strip())
        elif self.link.state is not State.LIVE and self.words.command(line) == "quit":
            self.leave()  # there is nobody to ask
        elif self.words.takes_file(line) and rest.strip():
            self._share(word, rest)
        elif line.strip():
            self._ask(line=line)

    def leave(self) -> bool:
        """Disconnect; only the second time if something is still on its way. Return whether."""
        under_way = self.under_way + len(self.transfers.under_way)
        if under_way and not self._leaving:
            self._leaving = True
            self._tell(f"{under_way} on the way still; once more leaves all the same.")
            return False
        self._finished("")
        return True

    @property
    def under_way(self) -> int:
        """Return how many of the lines that were typed are not answered yet."""
        return self.link.under_way + len(self._later)

    def pasted(self, lines: Sequence[str]) -> None:
        """Say *lines* in the current group, each as it is."""
        if self._commands or self._later:
            self._put_off(lambda: self._say_all(lines))
        else:
            self._say_all(lines)

    def _say_all(self, lines: Sequence[str]) -> None:
        for line in lines:
            if line.strip():
                self._ask(text=line)

    def _put_off(self, action: Callable[[], None]) -> None:
        if self.under_way >= MAX_UNDER_WAY:
            self._tell("Too much is on its way already; wait until the server is back.")
        else:
            self._later.append(action)
            self.screen.refresh()

    def _go_on(self) -> None:
        """Do what was put off, up to the next command."""
        while self._later and not self._commands:
            self._later.popleft()()

    def go(self, where: str) -> None:
        """Make another group current: by name or number, or the next with something unread."""
        room = self.rooms.get(where) if where else self.rooms.next_unread()
        if room is None:
            place = f"You are not in {where}: /join {where}" if where else "You are in no group"
            self._tell(f"{place}.")
            return
        self.rooms.enter(room)
        topic = f"; topic: {room.topic}" if room.topic else ""
        self._tell(f"You are in {room.name}{topic}.")
        self._moved()

    def go_to(self, index: int) -> None:
        """Make the group at *index* (from 0) current, if there are so many."""
        rooms = self.rooms.all()
        if index < len(rooms):
            self.go(rooms[index].name)

    # What the link tells.

    def said_hello(self, hello: Object) -> None:
        """Take over what the server says at the beginning of each connection."""
        self.rooms.said_hello(hello, kept=self._back)
        self._formatter.me = self.rooms.me
        self.words.learn(hello.get("commands"))
        for line in hello["motd"] if isinstance(hello.get("motd"), list) else ():
            self._tell(str(line))
        for group in self._back:
            self.link.ask_quietly(partial(self._joined_again, group), line=f"/join {group}")
        if self._wanted:
            self._enter(self._wanted)
        if self.rooms.current is not None and self.rooms.current.name not in self._back:
            self._moved()

    def happened(self, event: Object) -> None:
        """Show an event."""
        live = self.link.state is State.LIVE
        if event.get("type") == "live":
            self._say_where()
        moved = self.rooms.happened(event)
        if not self._stands_there(event):
            self.screen.show(self._formatter.event(event, self._here(), live))
        if moved:
            self._moved()
        if event.get("type") == "shared" and live:
            self._get_by_itself(event)
        self.screen.refresh()

    def _stands_there(self, event: Object) -> bool:
        """Return whether *event* is a message that was typed on a screen that has kept it."""
        mine = event.get("type") == "message" and event.get("from") == self.rooms.me
        if not mine or event.get("text") not in self._typed:
            return False
        self._typed.remove(event["text"])
        return True

    def changed(self, state: State) -> None:
        """Show how it stands with the link."""
        if state is State.WAITING and self.link.guest:
            self._back = [room.name for room in self.rooms.all()]
        self.screen.refresh()

    def failed(self, problem: str) -> None:
        """Say why there is no connection."""
        self._tell(f"No connection: {problem}.")

    def in_doubt(self, lines: Sequence[str]) -> None:
        """Say what may or may not have arrived."""
        for line in lines:
            self._tell(f"This may not have arrived: {line}")

    def ended(self, why: str) -> None:
        """The server, or the login, wants no more of us."""
        self._finished(why)

    # Requests and answers.

    def _ask(self, answers: Sequence[str] = (), **fields: str) -> None:
        if self.link.under_way >= MAX_UNDER_WAY:
            self._tell("Too much is on its way already; wait until the server is back.")
            return
        room = self.rooms.current
        place = {"group": room.name} if room is not None else {}
        request = {**place, **fields}
        if self.link.state in (State.WAITING, State.CONNECTING):
            said = fields.get("line") or fields.get("text")
            self._tell(f"On its way once the server is back: {said}")
        if self.screen.keeps_typed and "line" in fields and _said(request) is not None:
            self._typed.append(safe_text(_said(request) or ""))
            del self._typed[:-MAX_UNDER_WAY]
        if _said(request) is None:
            self._commands += 1
            self.link.ask(
                partial(self._command_answered, request, answers), **request, **_more(answers)
            )
        else:
            self._send(request, answers)
        self.screen.refresh()

    def _command_answered(
        self, request: dict[str, str], answers: Sequence[str], answer: Object
    ) -> None:
        self._commands -= 1
        self._answered(request, answers, answer)
        self._go_on()

    def _send(self, request: dict[str, str], answers: Sequence[str]) -> None:
        self.link.ask(partial(self._answered, request, answers), **request, **_more(answers))

    def _answered(self, request: dict[str, str], answers: Sequence[str], answer: Object) -> None:
        if answer.get("code") == IN_DOUBT:
            return  # it has been told
        question = answer.get("ask")
        if answer.get("code") == "missing-argument" and isinstance(question, str):
            secret = answer.get("secret") is True
            Deferred.fromCoroutine(self._ask_more(request, answers, question, secret))
            return
        token = answer.get("token")
        if isinstance(token, str) and token:
            self._login.renewed(token)
        if self.rooms.answered(answer):
            self._moved()
        said = _said(request)
        if answer.get("type") == "download" and said is None:
            self.transfers.fetch(answer, dict(request))
            return
        if (
            answer.get("type") == "upload" and answers and said is None
        ):  # the server has asked for the file
            self._share(request["line"], answers[-1])
            return
        self.screen.show(self._formatter.answer(answer, self._here()))
        if answer.get("ok") is not True and said is not None:
            self._tell(f"Not said: {said}")
            if safe_text(said) in self._typed:
                self._typed.remove(safe_text(said))
        self.screen.refresh()

    async def _ask_more(
        self, request: dict[str, str], answers: Sequence[str], question: str, secret: bool
    ) -> None:
        try:
            answer = await self.screen.ask(question, secret)
        except (Cancelled, GaveUp):
            self._tell("Cancelled.")
            return
        self._send(request, [*answers, answer])

    def _say_where(self) -> None:
        """Tell somebody who has just come, and is in no group yet, where they could go."""
        rooms = self.rooms.all()
        if self.rooms.current is not None or self._wanted or self.link.under_way:
            return
        if len(rooms) == 1:
            self.go(rooms[0].name)
        elif rooms:
            groups = ", ".join(f"{number} {room.name}" for number, room in enumerate(rooms, 1))
            self._tell(f"Your groups: {groups}. /go NAME, or Alt and the number, enters one.")
        else:
            self._tell("You are at the front desk: join GROUP enters a group, help lists more.")

    # Files.

    def _share(self, command: str, typed: str) -> None:
        """Share the files that were *typed*, each by a *command* of its own."""
        room, paths = self.rooms.current, paths_of(typed)
        if room is None:
            self._tell("You are in no group: enter one first.")
        elif not paths:
            self._tell(f"There is no file {typed.strip()} here.")
        elif len(paths) > MAX_FILES:
            self._tell(f"Those are {len(paths)} files; at most {MAX_FILES} at once.")
        else:
            for path in paths:
                name = shown(Path(path.name))
                self.transfers.send(path, {"group": room.name, "line": f"{command} {name}"})

    def _get_by_itself(self, event: Object) -> None:
        size, group, by = event.get("size"), event.get("group"), event.get("by")
        if self._may_come(size) and by != self.rooms.me:
            request = {"group": str(group), "line": f"/get {event.get('number')}"}
            self.link.ask_quietly(partial(self._got_by_itself, request), **request)

    def _got_by_itself(self, request: dict[str, str], answer: Object) -> None:
        if answer.get("type") == "download" and self._may_come(answer.get("size")):
            self.transfers.fetch(answer, dict(request))

    def _may_come(self, size: object) -> bool:
        return isinstance(size, int) and 0 <= size <= self._auto_get

    def _joined_again(self, group: str, answer: Object) -> None:
        """Take the answer to a guest who comes back to a group; the current one stays current."""
        if answer.get("code") == IN_DOUBT:
            return  # it is asked again
        if answer.get("type") != "entered":
            self.rooms.leave(group)
            self.screen.show(self._formatter.answer(answer, self._here()))
        elif self.rooms.current is self.rooms.get(group):
            self._moved()

    def _enter(self, group: str) -> None:
        """Enter the group that was asked for at the start."""
        room = self.rooms.get(group)
        if room is None:
            self.link.ask_quietly(self._entered, line=f"/join {group}")
            return
        self._wanted = ""
        if self.rooms.current is None:
            self.go(room.name)

    def _entered(self, answer: Object) -> None:
        if answer.get("code") != IN_DOUBT:  # then it is asked again
            request, self._wanted = {"line": f"/join {self._wanted}"}, ""
            self._answered(request, (), answer)

    def _moved(self) -> None:
        """Learn who is in the group that is current now."""
        room = self.rooms.current
        if room is not None:
            self.link.ask_quietly(self._learned, group=room.name, line="/members")
        self.screen.refresh()

    def _learned(self, answer: Object) -> None:
        self.rooms.answered(answer)
        self.screen.refresh()

    def _here(self) -> str | None:
        return self.rooms.current.name if self.rooms.current is not None else None

    def _tell(self, text: str) -> None:
        self.screen.show([server_line(safe_text(text))])

    # The days.

    def _midnight(self) -> None:
        self.screen.show(self._formatter.midnight())
        self._reactor.callLater(self._until_midnight(), self._midnight)

    def _until_midnight(self) -> float:
        now = datetime.fromtimestamp(self._wall_clock())
        tomorrow = datetime.combine(now.date() + timedelta(days=1), datetime.min.time())
        # Looked at again often, for a machine may have slept, or its clock been set.
        return min((tomorrow - now).total_seconds() + 0.1, MINUTE)


def _more(answers: Sequence[str]) -> dict[str, list[str]]:
    return {"answers": list(answers)} if answers else {}


def _said(request: dict[str, str]) -> str | None:
    """Return what *request* is to say in a group; None for a command."""
    line = request.get("line", "")
    if "group" not in request or (line.startswith("/") and not line.startswith("//")):
        return None
    return request.get("text") or line.removeprefix("/")
