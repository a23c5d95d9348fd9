"""Run: creates the parts of the client for its kind of run, and runs the reactor until the end.

The kinds: on a terminal, in plain lines, as a pipe, and for one transfer of files.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet import asyncioreactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint

from pyconchat.client.files.transfers import FileSettings, progress
from pyconchat.client.interfaces import Cancelled, GaveUp
from pyconchat.client.lines import server_line
from pyconchat.client.net.address import Address
from pyconchat.client.net.login import Ask, ClientLogin
from pyconchat.client.net.saved import SavedState
from pyconchat.client.notifier import Notifier, ignore_notice
from pyconchat.client.options import Options
from pyconchat.client.session import ClientSession
from pyconchat.client.views import ViewMode
from pyconchat.render.words import counted

__all__ = ["run"]

MAX_STOPPING = 3.0
"""Maximum seconds for disconnecting at the end."""


def run(options: Options) -> int:
    """Run the client with *options*; return the exit status."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    asyncioreactor.install(loop)
    with _restored_blocking(), _restored_terminal():
        client = _Client(options)
        if options.send or options.get:
            return client.one_shot()
        if not sys.stdin.isatty():
            return client.pipe()
        return client.plain() if options.plain else client.terminal()


class _Client:
    """One run of the client. Any of its parts ends it by calling `_finish`."""

    def __init__(self, options: Options) -> None:
        from twisted.internet import reactor

        self._reactor: Any = reactor
        self._options = options
        self._address = options.address
        self._saved = SavedState(options.state)
        self._reason: str | None = None  # of the end: "" if nothing failed

    def terminal(self) -> int:
        """Run with a line to type in, below text that scrolls."""
        from pyconchat.client.ui.terminal import TerminalScreen

        # prompt_toolkit would ask for the cursor's position, and some terminals do not answer.
        os.environ["PROMPT_TOOLKIT_NO_CPR"] = "1"
        session = self._session("one")
        history: Path | None = None
        with suppress(OSError):  # without a file, the history is in memory
            history = self._saved.history(self._address)
        screen = TerminalScreen(session, history, self._options.colours)

        async def draw() -> None:
            try:
                await screen.run()
            except Exception as problem:
                self._finish(f"the screen has failed: {problem!r}")
            else:
                self._finish("")

        def start() -> None:
            drawn = Deferred.fromFuture(asyncio.ensure_future(draw()))

            def close() -> Deferred[None]:
                screen.close()
                return drawn

            self._reactor.addSystemEventTrigger("before", "shutdown", close)
            session.start(screen)

        return self._run_reactor(start, session.stop, partial(_unsent, session))

    def plain(self) -> int:
        """Run with lines in and lines out."""
        from twisted.internet.stdio import StandardIO

        from pyconchat.client.ui.plain import PlainScreen

        # Without a status line, new entries in other groups would not be noticed.
        session = self._session("all")

        def read() -> None:
            # It closes its descriptors at the end of the input, so it gets copies.
            StandardIO(screen, stdin=os.dup(0), stdout=os.dup(1), reactor=self._reactor)  # type: ignore[call-arg]  # mypy knows only Windows' StandardIO

        screen = PlainScreen(session, self._reactor, read)

        def start() -> None:
            # The terminal itself clears the line; a person's Ctrl-C must not end the client.
            signal.signal(
                signal.SIGINT, lambda *_: self._reactor.callFromThread(screen.interrupted)
            )
            read()
            session.start(screen)

        return self._run_reactor(start, session.stop, partial(_unsent, session))

    def pipe(self) -> int:
        """Run for another program, whose output is sent to the group."""
        from pyconchat.client.ui.pipe import Pipe
        from pyconchat.client.ui.standard_files import StandardFiles

        pipe = Pipe(
            self._reactor,
            self._endpoint(_cannot_ask),
            self._login_without_questions(),
            self._address.group,
            self._options.create,
            self._finish,
            time.time,
        )

        def start() -> None:
            StandardFiles(pipe, pipe.input_failed, self._reactor)
            pipe.connection.start()

        def stop() -> Deferred[None]:
            written = pipe.written()  # without a timeout: the reader decides how long it takes
            self._reactor.addSystemEventTrigger("before", "shutdown", lambda: written)
            return pipe.connection.stop()

        return self._run_reactor(start, stop, lambda: "interrupted before all was sent")

    def one_shot(self) -> int:
        """Run for a script: share files, or fetch one."""
        from pyconchat.client.ui.oneshot import OneShot

        def redraw() -> None:
            if sys.stderr.isatty():
                bars = "  ".join(progress(each) for each in one_shot.transfers.active)
                print(f"\r\x1b[K{bars}", end="", file=sys.stderr, flush=True)

        one_shot = OneShot(
            self._reactor,
            self._endpoint(_cannot_ask),
            self._login_without_questions(),
            self._address.group,
            self._options.create or bool(self._options.send),
            self._options.send,
            self._options.get,
            self._file_settings(),
            redraw,
            self._finish,
        )
        connection = one_shot.connection
        return self._run_reactor(
            connection.start, connection.stop, lambda: "interrupted before all was done"
        )

    # The parts.

    def _login_without_questions(self) -> ClientLogin:
        name = self._address.name or self._options.user
        self._address = self._address._replace(name=name)
        return ClientLogin(
            self._address, self._saved, _cannot_ask, _print, self._options.password, guest=True
        )

    def _session(self, view: ViewMode) -> ClientSession:
        """Return a person's session, which needs a screen to start. *view* is the default."""

        async def ask(question: str, secret: bool) -> str:
            *above, last = question.split("\n")
            for line in above:
                notify(line)
            try:
                return await session.screen.ask(last, secret)
            except Cancelled:
                raise GaveUp("") from None

        def notify(line: str) -> None:
            session.screen.show([server_line(line)])

        command = self._options.notify
        notify_person = Notifier(self._reactor, command).notify if command else ignore_notice
        if not self._address.name:
            name = self._saved.last_name(self._address)
            self._address = self._address._replace(name=name or "")
        session = ClientSession(
            self._reactor,
            self._address,
            self._endpoint(ask),
            ClientLogin(self._address, self._saved, ask, notify, self._options.password),
            self._finish,
            self._file_settings(),
            time.time,
            notify_person,
            self._saved.save_view,
        )
        chosen = self._options.view or self._saved.view()
        session.views.mode = "all" if chosen == "all" else "one" if chosen == "one" else view
        return session

    def _file_settings(self) -> FileSettings:
        from twisted.internet.threads import deferToThread

        return FileSettings(self._options.downloads, self._options.auto_get, deferToThread)

    def _endpoint(self, ask: Ask) -> IStreamClientEndpoint:
        from twisted.internet.endpoints import HostnameEndpoint

        address: Address = self._address
        plain = HostnameEndpoint(self._reactor, address.host.encode(), address.port)
        if not address.tls:
            return plain
        from pyconchat.client.net.first_contact import FirstContactEndpoint
        from pyconchat.client.net.known_hosts import KnownHosts
        from pyconchat.client.net.tls_endpoint import VerifiedTLSEndpoint

        known = KnownHosts(self._saved.known_hosts)
        tls = VerifiedTLSEndpoint(self._reactor, plain, address.host, address.port, known)
        return FirstContactEndpoint(tls, known, ask)

    # The run.

    def _run_reactor(
        self,
        start: Callable[[], None],
        stop: Callable[[], Deferred[None]],
        interrupted: Callable[[], str],
    ) -> int:
        """Call *start*, run the reactor until `_finish`, and return the exit status.

        *interrupted* returns the reason of the end if it is a signal: "" if nothing is lost.
        """

        def shut_down() -> Deferred[None]:
            if self._reason is None:
                self._reason = interrupted()
            return stop().addTimeout(MAX_STOPPING, self._reactor, lambda *_: None)

        self._reactor.callWhenRunning(start)
        self._reactor.addSystemEventTrigger("before", "shutdown", shut_down)
        self._reactor.run()
        if self._reason:
            print(f"pyconchat: {self._reason}", file=sys.stderr)
        return 1 if self._reason else 0

    def _finish(self, reason: str) -> None:
        if self._reason is None:
            self._reason = reason
            if self._reactor.running:
                # In the next reactor turn: the caller may not have finished.
                self._reactor.callLater(0, self._reactor.stop)


def _unsent(session: ClientSession) -> str:
    """Return the sentence about the lines that a signal leaves unsent by ending *session*."""
    count = session.unanswered
    return f"interrupted before {counted(count, 'line')} had been sent" if count else ""


async def _cannot_ask(question: str, secret: bool) -> str:
    asked = question.splitlines()[0].rstrip(": ")
    how = " (use --password-file or $PYCONCHAT_PASSWORD)" if secret else ""
    raise GaveUp(f"without a terminal nobody can answer: {asked}{how}")


def _print(line: str) -> None:
    with suppress(BrokenPipeError):
        print(line, flush=True)


@contextmanager
def _restored_blocking() -> Iterator[None]:
    """Restore which standard files block at the end: other programs share them."""
    blocking: dict[int, bool] = {}
    for descriptor in (0, 1, 2):
        with suppress(OSError):
            blocking[descriptor] = os.get_blocking(descriptor)
    try:
        yield
    finally:
        for descriptor, blocks in blocking.items():
            with suppress(OSError):
                os.set_blocking(descriptor, blocks)


@contextmanager
def _restored_terminal() -> Iterator[None]:
    """Restore the settings of the terminal at the end, whatever happens."""
    try:
        settings = termios.tcgetattr(sys.stdin.fileno())
    except (termios.error, OSError, ValueError):  # not a terminal
        yield
        return
    try:
        yield
    finally:
        with suppress(termios.error, OSError):
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, settings)
