"""Errand: files to share or to fetch, and then the end: for scripts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

from pyconchat.client.files.downloads import Downloads
from pyconchat.client.files.transfers import Transfers, shown
from pyconchat.client.net.connection import IN_DOUBT, Link, State
from pyconchat.client.net.json_protocol import Object
from pyconchat.client.net.login import ClientLogin
from pyconchat.client.session import Files

__all__ = ["Errand"]

PATIENCE = 60.0
"""Seconds in which the server has to let us in."""


class Errand:
    """Shares the files *send* with *group*, or fetches the file *get* from it.

    *draw* is called when something has moved; *finished* with why it failed, or "".
    """

    def __init__(
        self,
        reactor: IReactorTime,
        endpoint: IStreamClientEndpoint,
        login: ClientLogin,
        group: str,
        send: Sequence[Path],
        get: str,
        files: Files,
        draw: Callable[[], None],
        finished: Callable[[str], None],
    ) -> None:
        self.said: list[str] = []
        self._group = group
        self._send = send
        self._get = get
        self._finished = finished
        self._begun = False
        self._ended = False
        self._reactor = reactor
        self._late = reactor.callLater(PATIENCE, self._too_late)
        self.link = Link(reactor, endpoint, login, self)
        self.transfers = Transfers(
            reactor,
            endpoint,
            self.link,
            Downloads(files.folder),
            files.run,
            self.said.append,
            draw,
        )

    # What the link tells.

    def said_hello(self, hello: Object) -> None:
        """Enter the group, where that is needed, and begin."""
        answered = self._came_back if self._begun else self._entered
        self.link.ask_quietly(answered, line=f"/join {self._group}")

    def happened(self, event: Object) -> None:
        """What others do is nothing to this."""

    def changed(self, state: State) -> None:
        """Wait for the server for as long as at the beginning, but no longer."""
        if state is State.WAITING and not self._late.active() and not self._ended:
            self._late = self._reactor.callLater(PATIENCE, self._too_late)
        elif state is State.LIVE and self._begun and self._late.active():
            self._late.cancel()

    def failed(self, problem: str) -> None:
        """The link tries again; if that is no use, this is told at the end."""

    def in_doubt(self, lines: Sequence[str]) -> None:
        """A ticket that was asked for is asked for again with the next attempt."""

    def ended(self, why: str) -> None:
        """There is no way to the server."""
        self._finish(why or "the server ended the session")

    def _came_back(self, answer: Object) -> None:
        """A guest has to join anew; whoever may not is told by the next request."""

    def _entered(self, answer: Object) -> None:
        if answer.get("code") == IN_DOUBT:
            return  # it is asked again
        if answer.get("type") != "entered":
            self._finish(str(answer.get("error") or "the group's admin has to approve first"))
            return
        self._begun = True
        if self._late.active():
            self._late.cancel()
        group = str(answer.get("group"))
        if self._get:
            request = {"group": group, "line": f"/get {self._get}"}
            self.link.ask(lambda given: self._fetch(given, request), **request)
            return
        sending = [
            self.transfers.send(path, {"group": group, "line": f"/send {shown(Path(path.name))}"})
            for path in self._send
        ]
        gatherResults(sending).addCallback(self._done)

    def _fetch(self, answer: Object, request: Object) -> None:
        if answer.get("type") != "download":
            self._finish(str(answer.get("error") or "the server gave no ticket"))
            return
        fetching: Deferred[bool] = self.transfers.fetch(answer, request)
        fetching.addCallback(lambda here: self._done([here]))

    def _done(self, results: list[bool]) -> None:
        self._finish("" if all(results) else "; ".join(self.said))

    def _too_late(self) -> None:
        problem = f": {self.link.problem}" if self.link.problem else ""
        self._finish(f"no answer from the server for {PATIENCE:.0f} s{problem}")

    def _finish(self, why: str) -> None:
        self._ended = True
        if self._late.active():
            self._late.cancel()
        self._finished(why)
