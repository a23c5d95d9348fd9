"""Run: puts the parts of the client together, in one of its three ways, and takes them apart."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from twisted.internet import asyncioreactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint

from pyconchat.client.lines import server_line
from pyconchat.client.net.address import Address
from pyconchat.client.net.connection import GaveUp
from pyconchat.client.net.login import Ask, ClientLogin
from pyconchat.client.net.saved import Folder, default_folder
from pyconchat.client.options import Options
from pyconchat.client.session import Cancelled, ClientSession, Files

__all__ = ["run"]

LAST_WORDS = 3.0
"""Seconds for saying goodbye to the server."""


def run(options: Options) -> int:
    """Run the client as *options* say; return the exit status."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    asyncioreactor.install(loop)
    with _descriptors_as_found(), _terminal_as_found():
        client = _Client(options)
        if options.send or options.get:
            return client.errand()
        if not sys.stdin.isatty():
            return client.pipe()
        return client.plain() if options.plain else client.terminal()


class _Client:
    """One run: from the start to `_finish`, which may be called from anywhere."""

    def __init__(self, options: Options) -> None:
        from twisted.internet import reactor

        self._reactor: Any = reactor
        self._options = options
        self._address = options.address
        self._folder = Folder(default_folder())
        self._why: str | None = None

    def terminal(self) -> int:
        """Run with a line to type at, below a text that scrolls by."""
        from pyconchat.client.ui.terminal import Terminal

        # prompt_toolkit would ask the terminal for the cursor's row, which some never answer.
        os.environ["PROMPT_TOOLKIT_NO_CPR"] = "1"
        session = self._session()
        history: Path | None = None
        with suppress(OSError):  # where nothing can be kept, nothing is
            history = self._folder.history(self._address)
        screen = Terminal(session, history)
        session.screen = screen

        async def drawing() -> None:
            try:
                await screen.run()
            except Exception as problem:
                self._finish(f"the screen has failed: {problem!r}")
            else:
                self._finish("")

        def begin() -> None:
            drawn = Deferred.fromFuture(asyncio.ensure_future(drawing()))

            def close() -> Deferred[None]:
                screen.close()
                return drawn

            self._reactor.addSystemEventTrigger("before", "shutdown", close)
            session.start()

        return self._go(begin, session.stop)

    def plain(self) -> int:
        """Run with lines in and lines out."""
        from twisted.internet.stdio import StandardIO

        from pyconchat.client.ui.plain import Plain

        session = self._session()

        def read() -> None:
            # Descriptors of its own, for it closes them at the end of the input.
            StandardIO(screen, stdin=os.dup(0), stdout=os.dup(1), reactor=self._reactor)  # type: ignore[call-arg]  # mypy knows the one of Windows

        session.screen = screen = Plain(session, self._reactor, read)

        def begin() -> None:
            read()
            session.start()

        return self._go(begin, session.stop)

    def pipe(self) -> int:
        """Run for another program: its output goes to the group."""
        from twisted.internet.stdio import StandardIO

        from pyconchat.client.ui.pipe import Pipe

        pipe = Pipe(
            self._reactor,
            self._endpoint(_nobody),
            self._quiet_login(),
            self._address.group,
            self._finish,
            time.time,
        )

        def begin() -> None:
            StandardIO(pipe, reactor=self._reactor)
            pipe.link.start()

        def stop() -> Deferred[None]:
            written = pipe.written()  # without a limit: it is for the reader to read
            self._reactor.addSystemEventTrigger("before", "shutdown", lambda: written)
            return pipe.link.stop()

        return self._go(begin, stop, "interrupted before all was sent")

    def errand(self) -> int:
        """Run for a script: share files, or fetch one."""
        from pyconchat.client.files.transfers import progress
        from pyconchat.client.ui.oneshot import Errand

        def draw() -> None:
            if sys.stderr.isatty():
                bars = "  ".join(progress(each) for each in errand.transfers.under_way)
                print(f"\r\x1b[K{bars}", end="", file=sys.stderr, flush=True)

        errand = Errand(
            self._reactor,
            self._endpoint(_nobody),
            self._quiet_login(),
            self._address.group,
            self._options.send,
            self._options.get,
            self._files(),
            draw,
            self._finish,
        )
        return self._go(errand.link.start, errand.link.stop, "interrupted before all was done")

    def _quiet_login(self) -> ClientLogin:
        """Return the login of a program, which nobody can be asked about."""
        name = self._address.name or os.environ.get("USER", "")
        self._address = self._address._replace(name=name)
        return ClientLogin(
            self._address, self._folder, _nobody, _write, self._options.password, guest=True
        )

    def _session(self) -> ClientSession:
        """Return a person's session, without its screen."""

        async def ask(question: str, secret: bool) -> str:
            *above, last = question.split("\n")
            for line in above:
                tell(line)
            try:
                return await session.screen.ask(last, secret)
            except Cancelled:
                raise GaveUp("") from None

        def tell(line: str) -> None:
            session.screen.show([server_line(line)])

        if not self._address.name:
            last = self._folder.last_name(self._address)
            self._address = self._address._replace(name=last or "")
        login = ClientLogin(self._address, self._folder, ask, tell, self._options.password)
        session = ClientSession(
            self._reactor,
            self._address,
            self._endpoint(ask),
            login,
            self._finish,
            self._files(),
            time.time,
        )
        return session

    def _files(self) -> Files:
        from twisted.internet.threads import deferToThread

        return Files(self._options.downloads, self._options.auto_get, deferToThread)

    def _endpoint(self, ask: Ask) -> IStreamClientEndpoint:
        from twisted.internet.endpoints import HostnameEndpoint

        address: Address = self._address
        plain = HostnameEndpoint(self._reactor, address.host.encode(), address.port)
        if not address.tls:
            return plain
        from pyconchat.client.net.first_contact import MeetingEndpoint
        from pyconchat.client.net.known_hosts import KnownHosts, TrustEndpoint

        known = KnownHosts(self._folder.known_hosts)
        trusting = TrustEndpoint(self._reactor, plain, address.host, address.port, known)
        return MeetingEndpoint(trusting, known, ask)

    def _go(
        self,
        begin: Callable[[], None],
        stop: Callable[[], Deferred[None]],
        interrupted: str = "",
    ) -> int:
        """Run the reactor from *begin* to `_finish`; return the exit status.

        A signal is an end too; *interrupted* says what that means.
        """

        def end() -> Deferred[None]:
            if self._why is None:
                self._why = interrupted
            return stop().addTimeout(LAST_WORDS, self._reactor, _enough)

        self._reactor.callWhenRunning(begin)
        self._reactor.addSystemEventTrigger("before", "shutdown", end)
        self._reactor.run()
        if self._why:
            print(f"pyconchat: {self._why}", file=sys.stderr)
        return 1 if self._why else 0

    def _finish(self, why: str) -> None:
        if self._why is None:
            self._why = why
            if self._reactor.running:
                # Not at once: who calls this may be in the middle of something.
                self._reactor.callLater(0, self._reactor.stop)


async def _nobody(question: str, secret: bool) -> str:
    raise GaveUp(f"nobody can be asked here: {question.splitlines()[0].rstrip(': ')}")


def _write(line: str) -> None:
    with suppress(BrokenPipeError):
        print(line, flush=True)


def _enough(_result: object, _timeout: float) -> None:
    """The server had its time."""


@contextmanager
def _descriptors_as_found() -> Iterator[None]:
    """Leave standard input and output waiting or not, as they were; others share them."""
    blocking: dict[int, bool] = {}
    for descriptor in (0, 1, 2):
        with suppress(OSError):
            blocking[descriptor] = os.get_blocking(descriptor)
    try:
        yield
    finally:
        for descriptor, waits in blocking.items():
            with suppress(OSError):
                os.set_blocking(descriptor, waits)


@contextmanager
def _terminal_as_found() -> Iterator[None]:
    """Leave the terminal as it was found, whatever happens."""
    try:
        found = termios.tcgetattr(sys.stdin.fileno())
    except (termios.error, OSError, ValueError):  # it is none
        yield
        return
    try:
        yield
    finally:
        with suppress(termios.error, OSError):
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, found)
