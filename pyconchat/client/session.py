"""ClientSession: what a person does at the client, and what they see of the server.

It knows no command except its own ``/go``: the server has the commands, their help and the rules.
How lines look and are typed is left to the screens (`ui.terminal`, `ui.plain`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

from pyconchat.client.completer import Completer
from pyconchat.client.files.commands import FileCommands
from pyconchat.client.files.transfers import FileSettings, Transfers
from pyconchat.client.groups import Groups
from pyconchat.client.interfaces import UNCONFIRMED, ConnectionState, Screen
from pyconchat.client.line_sender import LineSender, Request, message_of
from pyconchat.client.lines import LineFormatter, server_line
from pyconchat.client.midnight import MidnightTimer
from pyconchat.client.net.address import Address
from pyconchat.client.net.connection import ServerConnection
from pyconchat.client.net.json_protocol import Object
from pyconchat.client.net.login import ClientLogin
from pyconchat.domain.moves import Moves, is_nearly_command_word
from pyconchat.domain.text import safe_line

__all__ = ["ClientSession"]


class ClientSession:
    """One person's session at *address*.

    *finished* is called at the end with a sentence for the person, or "". *wall_clock* returns
    the time in seconds since the epoch, as `time.time` does.
    """

    screen: Screen  # set by `start`

    def __init__(
        self,
        reactor: IReactorTime,
        address: Address,
        endpoint: IStreamClientEndpoint,
        login: ClientLogin,
        finished: Callable[[str], None],
        files: FileSettings,
        wall_clock: Callable[[], float],
    ) -> None:
        self.address = address
        self.groups = Groups()
        self.completer = Completer(self.groups)
        self._login = login
        self._finished = finished
        self._formatter = LineFormatter(wall_clock)
        self._wanted_group = address.group
        self._leaving = False
        self._moves = Moves()
        self._last_line = ""
        self._seconds = reactor.seconds
        self._rejoining: list[str] = []  # groups of a guest after the connection was lost
        self.connection = ServerConnection(reactor, endpoint, login, self)
        self._sender = LineSender(
            self.connection,
            self.groups,
            self._formatter,
            self._notify,
            self._handle_answer,
            self._carried_out_instead,
        )
        self.transfers = Transfers(
            reactor, endpoint, self.connection, files, self._notify, lambda: self.screen.refresh()
        )
        self._files = FileCommands(
            self.transfers, self.connection, self.groups, files.auto_get, self._notify
        )
        self._midnight = MidnightTimer(
            reactor, wall_clock, lambda: self.screen.show(self._formatter.midnight())
        )

    def start(self, screen: Screen) -> None:
        """Connect; show everything on *screen*."""
        self.screen = self._sender.screen = screen
        self.connection.start()
        self._midnight.start()

    def stop(self) -> Deferred[None]:
        """Disconnect; fires when the connection is closed."""
        return self.connection.stop()

    # What the person does.

    def typed(self, line: str) -> None:
        """Carry out *line*, after the commands before it were answered."""
        self._sender.in_order(lambda: self._carry_out(line))

    def pasted(self, lines: Sequence[str]) -> None:
        """Send each of *lines* as a message to the current group."""
        self._sender.in_order(lambda: self._send_all(lines))

    def leave(self) -> bool:
        """Finish; if something is still pending, only the second time. Return whether."""
        pending = self.unanswered + len(self.transfers.active)
        if pending and not self._leaving:
            self._leaving = True
            self._notify(f"{pending} still pending; repeat to leave anyway.")
            return False
        self._finished("")
        return True

    def go(self, where: str) -> None:
        """Make another group current: by name or number, or the next with unread messages."""
        group = self.groups.get(where) if where else self.groups.next_unread()
        if group is None:
            self._notify(
                f"You are not in {where}: /join {where}." if where else "You are in no group."
            )
            return
        self.groups.enter(group)
        self._moves.chose()
        topic = f"; topic: {group.topic}" if group.topic else ""
        self._notify(f"You are in {group.name}{topic}.")
        self._group_changed()

    def go_to(self, index: int) -> None:
        """Make the group at *index* (from 0) current, if there is one."""
        groups = self.groups.all()
        if index < len(groups):
            self.go(groups[index].name)

    @property
    def unanswered(self) -> int:
        """Return how many of the typed lines were not answered yet."""
        return self._sender.unanswered

    def _carry_out(self, line: str) -> None:
        self._leaving = False
        if self._moves.recent(self._seconds()) and self._is_doubtful(line):
            return
        self._last_line = line.strip()
        word, _, rest = line.strip().partition(" ")
        at_desk = self.groups.current is None
        is_connected = self.connection.state is ConnectionState.LIVE
        if word.lower() == "/go" or (at_desk and word.lower() == "go"):
            self.go(rest.strip())
        elif not is_connected and self.completer.command(line) == "quit":
            self.leave()  # the server cannot answer
        elif self.completer.takes_file(line) and rest.strip():
            self._files.share(word, rest)
        elif line.strip():
            self._sender.send_line(line)

    def _carried_out_instead(self, answer: str) -> bool:
        """Carry out the answer to a question if it is a command; return whether it is."""
        if not answer.lstrip().startswith("/") or not self.completer.command(answer):
            return False
        self.typed(answer.strip())
        return True

    def _has_left(self, event: Object) -> bool:
        """Return whether *event* is the answer to ``leave`` or ``qqq``, alone in a group."""
        command = self.completer.command(f"/{self._last_line}")
        return event.get("type") == "left" and command == "leave"

    def _is_doubtful(self, line: str) -> bool:
        """Return whether *line* may have been typed for another place; then say so."""
        current = self.groups.current
        word = line.strip().partition(" ")[0]
        is_command = self.completer.works_at_desk(line) or (
            current is not None and is_nearly_command_word(word)
        )
        if line.startswith("/") or not is_command or self._moves.repeated(line):
            return False
        where = "at the front desk" if current is None else f"in {current.name}"
        what = "carry it out" if current is None else "say it there"
        self._notify(f"You are {where} now: send it again to {what}.")
        return True

    def _send_all(self, lines: Sequence[str]) -> None:
        for line in lines:
            if line.strip():
                self._sender.send_text(line)

    # What the connection reports.

    def logged_in(self, hello: Object) -> None:
        """Take over what the server's hello says; join the groups that are to be joined."""
        self.groups.logged_in(hello, self._rejoining)
        self._formatter.me = self.groups.me
        self.completer.learn(hello.get("commands"))
        for line in hello["motd"] if isinstance(hello.get("motd"), list) else ():
            self._notify(str(line))
        for group in self._rejoining:
            self.connection.ask_quietly(partial(self._rejoined, group), line=f"/join {group}")
        if self._wanted_group:
            self._join_wanted_group()
        current = self.groups.current
        if current is not None and current.name not in self._rejoining:
            self._group_changed()

    def event_received(self, event: Object) -> None:
        """Show an event."""
        is_live = self.connection.state is ConnectionState.LIVE
        if event.get("type") == "live":
            self._suggest_group()
        group_changed = self.groups.event_received(event)
        if not self._sender.already_visible(event):
            self.screen.show(self._formatter.event(event, self._current_name(), is_live))
        if group_changed:
            if not (self._sender.command_running or self._has_left(event)):
                self._moves.moved(self._seconds())
            self._group_changed()
        if event.get("type") == "shared" and is_live:
            self._files.fetch_unasked(event)
        self.screen.refresh()

    def state_changed(self, state: ConnectionState) -> None:
        """Show the state; remember a guest's groups when the connection is lost."""
        if state is ConnectionState.WAITING and self.connection.guest:
            self._rejoining = [group.name for group in self.groups.all()]
        self.screen.refresh()

    def connecting_failed(self, problem: str) -> None:
        """Show why there is no connection."""
        self._notify(f"No connection: {problem}.")

    def unconfirmed(self, lines: Sequence[str]) -> None:
        """Show what may or may not have arrived."""
        for line in lines:
            self._notify(f"This may not have arrived: {line}")

    def connection_ended(self, reason: str) -> None:
        """Finish: the connection will not come back."""
        self._finished(reason)

    def _handle_answer(self, request: Request, answers: Sequence[str], answer: Object) -> bool:
        """Use an answer to something typed; return whether it needs no line on the screen."""
        token = answer.get("token")
        if isinstance(token, str) and token:
            self._login.password_changed(token)
        if self.groups.answer_received(answer):
            self._moves.chose()
            self._group_changed()
        if message_of(request) is not None:
            return False
        if answer.get("type") == "download":
            self.transfers.fetch(answer, dict(request))
            return True
        if answer.get("type") == "upload" and answers:  # the server has asked for the file
            self._files.share(request["line"], answers[-1])
            return True
        return False

    # The groups.

    def _suggest_group(self) -> None:
        """Show a newcomer, who is in no group yet, which groups there are to enter."""
        groups = self.groups.all()
        if self.groups.current is not None or self._wanted_group or self.connection.unanswered:
            return
        if len(groups) == 1:
            self.go(groups[0].name)
        elif groups:
            listed = ", ".join(f"{number} {group.name}" for number, group in enumerate(groups, 1))
            self._notify(f"Your groups: {listed}. /go NAME, or Alt and the number, enters one.")
        else:
            self._notify("You are at the front desk: join GROUP enters a group, help lists more.")

    def _join_wanted_group(self) -> None:
        """Enter the group of the address, or ask to join it."""
        group = self.groups.get(self._wanted_group)
        if group is None:
            line = f"/join {self._wanted_group}"
            self.connection.ask_quietly(partial(self._wanted_group_answered, line), line=line)
            return
        self._wanted_group = ""
        if self.groups.current is None:
            self.go(group.name)

    def _wanted_group_answered(self, line: str, answer: Object) -> None:
        if answer.get("code") != UNCONFIRMED:  # otherwise the next login asks again
            self._wanted_group = ""
            self._sender.answer_received({"line": line}, (), answer)

    def _rejoined(self, name: str, answer: Object) -> None:
        """Handle the answer to a guest who joins a group again; the current one stays current."""
        if answer.get("code") == UNCONFIRMED:
            return  # the next login asks again
        if answer.get("type") != "entered":
            self.groups.remove(name)
            self.screen.show(self._formatter.answer(answer, self._current_name()))
        elif self.groups.current is self.groups.get(name):
            self._group_changed()

    def _group_changed(self) -> None:
        """Ask who is in the group that is current now."""
        if self.groups.current is not None:
            group = self.groups.current.name
            self.connection.ask_quietly(self._members_received, group=group, line="/members")
        self.screen.refresh()

    def _members_received(self, answer: Object) -> None:
        self.groups.answer_received(answer)
        self.screen.refresh()

    def _current_name(self) -> str | None:
        return self.groups.current.name if self.groups.current is not None else None

    def _notify(self, text: str) -> None:
        self.screen.show([server_line(safe_line(text))])
