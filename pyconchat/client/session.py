"""ClientSession: executes a person's input, and displays the server's answers and events.

It executes only its own commands (`completer.OWN_COMMANDS`): the server has all others, their help
and the rules. The screens (`ui.terminal`, `ui.plain`) display lines and read input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import to_builtins
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

from pyconchat.client.completer import OWN_COMMANDS, OWN_NAMES, Completer
from pyconchat.client.doubtful_lines import LEAVING, DoubtfulLines
from pyconchat.client.files.commands import FileCommands
from pyconchat.client.files.transfers import FileSettings, Transfers
from pyconchat.client.group_details import GroupDetails
from pyconchat.client.groups import Groups
from pyconchat.client.interfaces import ConnectionState, Screen
from pyconchat.client.leaving import Leaving
from pyconchat.client.line_sender import LineSender, Request, message_of
from pyconchat.client.lines import LineFormatter, server_line
from pyconchat.client.log_reader import LogReader
from pyconchat.client.login_groups import LoginGroups
from pyconchat.client.midnight import MidnightTimer
from pyconchat.client.net.address import Address
from pyconchat.client.net.connection import ServerConnection
from pyconchat.client.net.json_protocol import Object, objects_in
from pyconchat.client.net.login import ClientLogin
from pyconchat.client.own_commands import OwnCommands
from pyconchat.client.read_markers import ReadMarkers
from pyconchat.client.views import Views
from pyconchat.domain.slashes import cannot_be_command
from pyconchat.domain.text import safe_line
from pyconchat.terminal.pasted import messages_of

__all__ = ["ClientSession"]


class ClientSession:
    """One person's session at *address*.

    *finished* is called at the end with a sentence for the person, or "". *wall_clock* returns
    the time in seconds since the epoch, as `time.time` does. *notify_person* is called with the
    sender and the text of each mention and private message, *save_view* with the view for the next
    start; it may raise `OSError`.
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
        notify_person: Callable[[str, str], None],
        save_view: Callable[[str], None],
    ) -> None:
        self.address = address
        self.groups = Groups()
        self.completer = Completer(self.groups)
        self._login = login
        self._finished = finished
        self._notify_person = notify_person
        self._was_logged_in = False
        self._line_bytes = 4096
        self._formatter = LineFormatter(wall_clock)
        self._leaving = Leaving(
            reactor.seconds,
            lambda: self.unanswered + len(self.transfers.active),
            finished,
            self._notify,
        )
        self._doubtful = DoubtfulLines(self.groups, self.completer, reactor.seconds)
        self.connection = ServerConnection(reactor, endpoint, login, self)
        self._sender = LineSender(
            self.connection,
            self.groups,
            self._formatter,
            self._notify,
            self._handle_answer,
            self._carry_out,
            self._is_command,
        )
        self._login_groups = LoginGroups(
            self.connection,
            self.groups,
            address.group,
            self.go,
            self._notify,
            lambda line, answer: self._sender.answer_received({"line": line}, (), answer),
            self._rejoined,
        )
        self._details = GroupDetails(
            self.connection,
            self.groups,
            lambda: self.screen.refresh(),
        )
        self._marks = ReadMarkers(reactor, self.connection)
        self.views = Views(
            self.groups,
            LogReader(self.connection),
            self._marks,
            self._formatter,
            self._show_event,
            lambda lines: self.screen.show(lines),
        )
        self._own = OwnCommands(
            self.groups,
            self.views,
            self._entered,
            lambda name: self._sender.send_line(f"/query {name}"),
            self._notify,
            save_view,
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
        self._marks.report()
        return self.connection.stop()

    # Input of the person.

    @property
    def takes_lines(self) -> bool:
        """Return whether input is for the server: after the first login.

        False while a password may be expected, also between two questions for it.
        """
        return self._was_logged_in and not self.hides_input

    @property
    def hides_input(self) -> bool:
        """Return whether input may be a password, so that it is hidden."""
        return self._login.expects_secret

    def may_have_secret(self, line: str) -> bool:
        """Return whether the typed *line* has, or may become, a password."""
        return self.completer.may_have_password(line) or self._sender.is_waiting(line)

    def typed(self, line: str) -> None:
        """Carry out *line*, after the commands before it were answered."""
        if self.takes_lines:
            self._sender.typed(line)
        elif line.strip().lower() == "/quit":
            self._finished("")
        elif line.strip():
            self._notify("That line was discarded: you are not logged in yet. /quit ends.")

    def is_message(self, line: str) -> bool:
        """Return whether the typed *line* is a message in the current place.

        False if it is a command, or may be the answer to one that is not answered yet.
        """
        typed = line.strip()
        is_command = typed.lower() in LEAVING or (
            typed.startswith("/")
            and not typed.startswith("//")
            and not cannot_be_command(typed, lambda word: bool(self.completer.command(f"/{word}")))
        )
        return self.takes_lines and not (self.groups.at_desk or self._sender.is_busy or is_command)

    def typed_at_once(self, lines: Sequence[str]) -> None:
        """Carry out a line, or send several as one message."""
        if len(lines) == 1:
            self.typed(lines[0])
        else:
            self.pasted(lines)

    def pasted(self, lines: Sequence[str]) -> None:
        """Send *lines* to the current group, as one message if they are not too many."""
        self._sender.pasted(lambda: self._send_all(lines))

    def interrupted(self) -> None:
        """Handle Ctrl-C: the second one finishes."""
        self._leaving.interrupted()

    def leave(self) -> bool:
        """Finish; if something is still pending, only the second time. Return whether."""
        return self._leaving.leave()

    def go(self, where: str) -> None:
        """Make another place current, as ``/go`` does."""
        self._own.go(where)

    def go_to(self, number: int) -> None:
        """Make the group with that *number* current, if we are in it."""
        group = self.groups.numbered(number)
        if group is not None:
            self.go(group.name)

    @property
    def unanswered(self) -> int:
        """Return how many of the typed lines were not answered yet."""
        return self._sender.unanswered

    def _carry_out(self, line: str) -> None:
        self._leaving.stays()
        self._marks.report()  # the person has read the screen
        doubt = self._doubtful.why(line)
        if doubt:
            self._notify(doubt)
            return
        word, _, rest = line.strip().partition(" ")
        help = self.completer.own_help(line)
        is_connected = self.connection.state is ConnectionState.LIVE
        command = self.completer.command(line)
        if self._own.run(command, rest.strip()):
            pass
        elif help:
            self._show_answer({"ok": True, "type": "help", "commands": to_builtins(help)})
        elif not is_connected and command == "quit":
            self.leave()  # the server cannot answer
        elif self.completer.takes_file(line) and rest.strip():
            self._files.share(word, rest)
        elif line.strip():
            self._sender.send_line(line)

    def _entered(self) -> None:
        """Display the new entries of the place that the person has chosen."""
        self._doubtful.chose()
        self._details.current_changed()
        self.views.catch_up()

    def _is_command(self, answer: str) -> bool:
        """Return whether the answer to a question is a command."""
        return answer.lstrip().startswith("/") and bool(self.completer.command(answer))

    def _send_all(self, lines: Sequence[str]) -> None:
        for text in messages_of(lines, self._line_bytes):
            self._sender.send_text(text)

    # Reports of the connection.

    def logged_in(self, hello: Object) -> None:
        """Apply the answer to the hello; join the wanted group, and a guest's earlier ones."""
        self._was_logged_in = True
        limit = hello.get("line_bytes")
        if isinstance(limit, int) and limit > 0:
            self._line_bytes = limit
        self.groups.logged_in(hello, self._login_groups.rejoining)
        self._formatter.me = self.groups.me
        self.views.learn(hello)
        self.completer.learn(hello.get("commands"))
        for line in hello["motd"] if isinstance(hello.get("motd"), list) else ():
            self._notify(str(line))
        current = self.groups.current
        self._login_groups.join()
        if current is not None and current.name not in self._login_groups.rejoining:
            self._details.current_changed()
        self.views.catch_up()

    def event_received(self, event: Object) -> None:
        """Show an event."""
        is_live = self.connection.state is ConnectionState.LIVE
        if event.get("type") == "live":
            self._login_groups.suggest()
            self._marks.report()
        group_changed = self.groups.event_received(event)
        self.views.learn(event)
        self.views.event_received(event, is_live, self._sender.already_visible(event))
        if group_changed:
            self._doubtful.moved(event, self._sender.command_running)
            self._details.current_changed()
        if group_changed or event.get("type") in ("joined", "muted", "own-groups"):
            self.views.catch_up()
        self._details.learn_numbers()
        if event.get("type") == "shared" and is_live:
            self._files.fetch_unasked(event)
        self.screen.refresh()

    def state_changed(self, state: ConnectionState) -> None:
        """Show the state; remember a guest's groups when the connection is lost."""
        if state is ConnectionState.WAITING:
            self._login_groups.connection_lost()
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

    def _show_event(self, event: Object, is_live: bool) -> None:
        lines = self._formatter.event(event, self._current_name(), is_live)
        self.screen.show(lines)
        if any(line.rings for line in lines):
            self._notify_person(str(event.get("from")), str(event.get("text")))

    def _show_answer(self, answer: Object) -> None:
        self.screen.show(self._formatter.answer(answer, self._current_name()))

    def _handle_answer(self, request: Request, answers: Sequence[str], answer: Object) -> bool:
        """Handle the answer to a typed line; return whether it needs no line on the screen."""
        token = answer.get("token")
        if isinstance(token, str) and token:
            self._login.password_changed(token)
        self.views.learn(answer)
        if self.groups.answer_received(answer):
            self._entered()
        elif answer.get("type") == "muted":
            self.views.catch_up()
        commands = answer.get("commands")
        if answer.get("type") == "help" and isinstance(commands, list) and len(commands) > 1:
            theirs = objects_in(commands)
            commands[:] = [each for each in theirs if str(each.get("name")) not in OWN_NAMES]
            commands += to_builtins(OWN_COMMANDS)
        if message_of(request) is not None:
            return answer.get("type") == "sent" and not self.groups.is_news(answer)
        if answer.get("type") == "download":
            self.transfers.fetch(answer, dict(request))
            return True
        if answer.get("type") == "upload" and answers:  # the server has asked for the file
            self._files.share(request["line"], answers[-1])
            return True
        return False

    def _rejoined(self, name: str, answer: Object) -> None:
        """Handle the answer to a guest who joins a group again; the current one stays current."""
        if answer.get("type") != "entered":
            self.groups.remove(name)
            self._show_answer(answer)
        elif self.groups.current is self.groups.get(name):
            self._details.current_changed()

    def _current_name(self) -> str | None:
        return self.groups.place_name or None

    def _notify(self, text: str) -> None:
        self.screen.show([server_line(safe_line(text))])
