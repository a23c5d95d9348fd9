"""TerminalSession: a person at a terminal, with the line editor."""

from __future__ import annotations

from collections.abc import Callable

from zope.interface import implementer

from pyconchat.chat.audience import Send
from pyconchat.chat.interfaces import IKeyPeer, ILoginPeer, ISession
from pyconchat.doors.line.dialogue import LoginDialogue
from pyconchat.doors.line.edited_lines import MAX_READ, EditedLines
from pyconchat.doors.line.telnet import Telnet
from pyconchat.doors.ssh.interfaces import ISshDoor
from pyconchat.doors.ssh.opening import Opening
from pyconchat.doors.ssh.peer import Arrival, PersonPeer
from pyconchat.net.connection import READ_SIZE, set_read_size
from pyconchat.render.terminal import TerminalRenderer
from pyconchat.sessions.typed import message_in

__all__ = ["TerminalSession"]

COLUMNS, ROWS = (20, 500), (2, 500)
"""The least and the most characters of a terminal; a size of 0 is not known."""

COLOURED, PLAIN = TerminalRenderer(True), TerminalRenderer(False)


@implementer(ILoginPeer, IKeyPeer, ISshDoor)
class TerminalSession(PersonPeer):
    """One person's terminal. Their own messages come back, with the time, as everybody's."""

    hides = True
    echoes = True
    max_read = MAX_READ

    def __init__(self, arrival: Arrival, opening: Opening, group: str) -> None:
        super().__init__(arrival, group)
        self.renderer = PLAIN if opening.variables.get("NO_COLOR") else COLOURED
        self._size = opening.columns, opening.rows

    # Called by the channel.

    def begin_prompt(self) -> None:
        self._telnet = Telnet(lambda _data: None)
        edited = EditedLines(
            self._output.write, self.MAX_LENGTH, self._context.services, self._keeps_line
        )
        self._edited = self._prompt = edited
        edited.editor.start()
        self.resized(*self._size)

    async def _log_in(self) -> None:
        services, portal = self._context.services, self._context.portal
        visitor = self.visitor
        key = visitor.key if visitor.proven else None
        dialogue = LoginDialogue(services, portal, self, visitor.name, key, self._group)
        if visitor.credentials is not None:
            await dialogue.enter_as(visitor.credentials)
        else:
            await dialogue.run()
        self.in_login = False

    def resized(self, columns: int, rows: int) -> None:
        """Draw again for another size of the terminal."""
        if self._edited is not None and not self.ending:
            self._edited.editor.resized(_clamped(columns, COLUMNS), _clamped(rows, ROWS))

    def logged_in(self, session: ISession) -> None:
        super().logged_in(session)
        set_read_size(self._connection, READ_SIZE)  # other channels may have more to read

    # The screen.

    def direct_send(self, leave: Callable[[], None]) -> Send | None:
        """As `IPeer` has it: the editor shows each block above the prompt, at any time."""
        assert self._edited is not None, "the prompt was begun"
        if not self._output.begin_direct(leave):
            return None
        return self._edited.editor.show_by(self.channel.write)

    def _keeps_line(self, line: str) -> bool:
        """Return whether an entered *line* stays on the screen: a message comes back."""
        if self.session is None or self.session.current is None:
            return True
        return message_in(line) is None


def _clamped(size: int, bounds: tuple[int, int]) -> int:
    return 0 if size == 0 else max(bounds[0], min(size, bounds[1]))
