"""OneShot: shares files, or fetches one, and ends; for scripts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

from pyconchat.client.files.paths import safe_path
from pyconchat.client.files.transfers import FileSettings, Transfers
from pyconchat.client.interfaces import ConnectionState
from pyconchat.client.net.connection import ServerConnection
from pyconchat.client.net.json_protocol import Object
from pyconchat.client.net.login import ClientLogin
from pyconchat.client.ui.group_entry import GroupEntry
from pyconchat.client.ui.unattended import ServerTimeout

__all__ = ["OneShot"]


class OneShot:
    """Shares the files *send* with *group*, or fetches its file *get*.

    A group that does not exist is created only with *create*.
    *redraw* is called on progress, *finished* at the end with the reason of a failure, or "".
    """

    def __init__(
        self,
        reactor: IReactorTime,
        endpoint: IStreamClientEndpoint,
        login: ClientLogin,
        group: str,
        create: bool,
        send: Sequence[Path],
        get: str,
        files: FileSettings,
        redraw: Callable[[], None],
        finished: Callable[[str], None],
    ) -> None:
        self._send = send
        self._get = get
        self._finished = finished
        self._messages: list[str] = []
        self._begun = False
        self._ended = False
        self.connection = ServerConnection(reactor, endpoint, login, self)
        self.transfers = Transfers(
            reactor, endpoint, self.connection, files, self._messages.append, redraw
        )
        self._entry = GroupEntry(self.connection, group, create, self._entered, self._finish)
        self._timeout = ServerTimeout(reactor, self.connection, self._finish)
        self._timeout.start()

    # Reports of the connection.

    def logged_in(self, hello: Object) -> None:
        """Join the group; a guest has to do so after each login."""
        self._entry.start()

    def event_received(self, event: Object) -> None:
        """Ignore events."""

    def state_changed(self, state: ConnectionState) -> None:
        """Run the timeout while there is no connection."""
        if state is ConnectionState.WAITING and not self._ended:
            self._timeout.start()
        elif state is ConnectionState.LIVE and self._begun:
            self._timeout.stop()

    def connecting_failed(self, problem: str) -> None:
        """Ignore it: the timeout reports the last problem."""

    def unconfirmed(self, lines: Sequence[str]) -> None:
        """Ignore it: each attempt of a transfer asks for a ticket of its own."""

    def connection_ended(self, reason: str) -> None:
        """Fail: the connection will not come back."""
        self._finish(reason or "the server ended the session")

    def _entered(self, group: str, why_temporary: str) -> None:
        if self._begun:
            return
        if why_temporary and self._send:
            self._finish(why_temporary)
            return
        self._begun = True
        self._timeout.stop()
        if self._get:
            request = {"group": group, "line": f"/get {self._get}"}
            self.connection.ask(lambda answer: self._fetch(answer, request), **request)
        else:
            sending = [
                self.transfers.send(path, {"group": group, "line": f"/send {_name(path)}"})
                for path in self._send
            ]
            gatherResults(sending).addCallback(self._transferred)

    def _fetch(self, answer: Object, request: Object) -> None:
        if answer.get("type") != "download":
            self._finish(str(answer.get("error") or "the server gave no ticket"))
            return
        fetching: Deferred[bool] = self.transfers.fetch(answer, request)
        fetching.addCallback(lambda succeeded: self._transferred([succeeded]))

    def _transferred(self, results: list[bool]) -> None:
        why = "; ".join(self._messages) or "a transfer has failed"
        self._finish("" if results and all(results) else why)

    def _finish(self, why: str) -> None:
        self._ended = True
        self._timeout.stop()
        self._finished(why)


def _name(path: Path) -> str:
    return safe_path(Path(path.name))
