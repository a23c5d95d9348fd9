"""The service: twistd's options, the configuration, and a running server put together."""

from __future__ import annotations

import fcntl
import os
import time
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import msgspec
from twisted.application.service import MultiService
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.endpoints import quoteStringArgument, serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python import usage
from twisted.python.threadpool import ThreadPool

from pyconchat.chat import Chat
from pyconchat.config import BadConfig, Config, DoorsConfig, default_state, read_config
from pyconchat.doors.factory import LineFactory
from pyconchat.errors import NotSaved
from pyconchat.files import Shelf, Storage
from pyconchat.journal import Threads
from pyconchat.login import login_portal
from pyconchat.passwords import Hasher
from pyconchat.replies import EndWhy
from pyconchat.store import READERS, BadStore, SqlStore

__all__ = ["ChatService", "Options", "makeService"]


DISK_THREADS = 4
"""Transfers whose bytes are read or written at the same time; the others take turns."""

CLEANING = 3600.0
"""Seconds between two looks for files that nobody will ask for."""

BACKLOG = 1024
"""Connections that may wait to be accepted."""


TLS = frozenset({"ssl", "tls", "selfsigned"})
"""The kinds of endpoints that people reach by TLS."""

OPENSSL = "openssl s_client -quiet -connect"


class CannotStart(Exception):
    """The server cannot start; the message is one line that says what to do."""


def _stop(problem: object) -> NoReturn:
    """End the program with one line and exit status 1.

    The line goes past twistd's log, which catches what is written to `sys.stderr`. A daemon, whose
    standard error is nowhere, fails with `CannotStart`: then the twistd that waits for it in the
    foreground says so, and ends with status 1 too.
    """
    if os.path.samestat(os.fstat(2), os.stat(os.devnull)):
        raise CannotStart(str(problem))
    os.write(2, f"pyconchat: {problem}\n".encode())
    raise SystemExit(1)


class Options(usage.Options):
    """What stands on twistd's command line after ``pyconchat``."""

    synopsis = "[options] [HOST PORT]"
    optParameters = [
        ["config", "c", None, "Read the settings from this TOML file."],
        ["state", "s", None, "Keep everything in this folder [~/.local/state/pyconchat]."],
        ["lobby", None, None, "An open group that everyone enters at login [none]."],
    ]
    optFlags = [["no-guests", None, "Let in only those who register."]]
    longdesc = (
        "Group chat for telnet, nc and its own client. HOST PORT is short for"
        " --line tcp:PORT:interface=HOST. What is given here overrides the file."
    )

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.result = Config()

    def opt_line(self, endpoint: str) -> None:
        """Listen on this Twisted server endpoint; repeatable [tcp:8000:interface=127.0.0.1]."""
        self.lines.append(endpoint)

    opt_l = opt_line

    def parseArgs(self, *address: str) -> None:
        if not address:
            return
        if len(address) != 2 or not address[1].isdigit():
            _stop("after the options come HOST PORT, or nothing")
        host, port = address
        escaped = host.replace("\\", "\\\\").replace(":", "\\:")
        self.lines.append(f"tcp:{port}:interface={escaped}")

    def postOptions(self) -> None:
        try:
            self.result = self._config().check()
        except BadConfig as problem:
            _stop(problem)

    def _config(self) -> Config:
        config = read_config(Path(self["config"])) if self["config"] is not None else Config()
        changes: dict[str, Any] = {}
        if self["state"] is not None:
            changes["state"] = str(Path(self["state"]).expanduser().absolute())
        elif not config.state:
            changes["state"] = default_state()
        if self["lobby"] is not None:
            changes["lobby"] = self["lobby"]
        if self["no-guests"]:
            changes["guests"] = False
        if self.lines:
            changes["doors"] = DoorsConfig(line=tuple(self.lines))
        return msgspec.structs.replace(config, **changes)


class ChatService(MultiService):
    """A server: the state folder, the store, the chat, and its doors."""

    _log = Logger(namespace="pyconchat")

    def __init__(self, config: Config, reactor: Any) -> None:
        super().__init__()
        self.config = config
        self._reactor = reactor
        self._threads = Threads(reactor, READERS)
        self._hasher = Hasher(reactor)
        self._store = SqlStore(config.store_url, config.store.durability)
        self.chat = Chat(self._store, self._threads, reactor, self._hasher, config)
        self._disk = ThreadPool(0, DISK_THREADS, "pyconchat-files")
        run = partial(deferToThreadPool, reactor, self._disk)
        self._shelf = Shelf(self.chat, Storage(config.state_path / "files"), run)
        portal = login_portal(self.chat, self._hasher)
        self._factory = LineFactory(self.chat, portal, reactor)
        self._cleaning = LoopingCall(self._clean)
        self._cleaning.clock = reactor
        self._lock: int | None = None
        self._ports: list[tuple[str, Deferred[Any]]] = []  # with what kind of endpoint each is

    def privilegedStartService(self) -> None:
        """Open the doors while we may still be root; nobody is let in before `startService`."""
        for description in self.config.doors.line:
            self._listen(description)
        super().privilegedStartService()

    def startService(self) -> None:
        self._prepare_state()
        try:
            self._store.open()
            loaded = self._store.load()
        except (BadStore, NotSaved) as problem:
            _stop(problem)
        self._threads.start()
        self._hasher.start()
        self._disk.start()
        self.chat.start(loaded)
        try:
            self._shelf.start()
        except OSError as problem:
            _stop(f"cannot use the folder for files: {problem}")
        self._cleaning.start(CLEANING, now=True)
        self._factory.start()
        super().startService()
        self._tell_how_to_connect()

    async def _stopping(self) -> None:
        await DeferredList(
            [port.addCallback(lambda each: each.stopListening()) for _, port in self._ports]
        )
        self._factory.stop()
        if self._cleaning.running:
            self._cleaning.stop()
        self.chat.stopping = True
        for session in list(self.chat.presence.everybody()):
            session.end(EndWhy.STOPPING, "The server is stopping; come back soon.")
        self._factory.hang_up()
        await self._factory.when_empty()
        await self.chat.journal.when_idle()
        self._hasher.stop()
        self._disk.stop()
        self._threads.stop()
        self._store.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return Deferred.fromCoroutine(self._stopping())

    def _clean(self) -> Deferred[None]:
        """Remove files that nobody will ask for."""
        cleaning = self._shelf.clean(time.time())
        return cleaning.addCallbacks(
            lambda _count: None, lambda failure: self._log.failure("cleaning failed", failure)
        )

    def _listen(self, description: str) -> None:
        try:
            endpoint = serverFromString(self._reactor, self._completed(description))
        except ImportError as problem:
            _stop(f"doors.line: {description}: {problem}")
        except Exception as problem:  # what the parser of each kind of endpoint raises
            _stop(f"doors.line: {description!r} is not a server endpoint: {problem}")
        listening = endpoint.listen(self._factory)
        failures: list[Any] = []
        listening.addErrback(failures.append)
        if failures:
            cause = failures[0].value
            if isinstance(cause, CannotListenError):
                why = getattr(cause.socketError, "strerror", None) or cause.socketError
                _stop(f"cannot listen on {description}: {why}")
            _stop(f"cannot listen on {description}: {cause}")
        self._ports.append((description.partition(":")[0], listening))

    def _completed(self, description: str) -> str:
        """Return an endpoint's *description* with what this server knows better than Twisted."""
        kind = description.partition(":")[0]
        if kind in ("tcp", "ssl", "selfsigned") and ":backlog=" not in description:
            # With Twisted's 50, many who come back at once after a restart would wait seconds.
            description += f":backlog={BACKLOG}"
        if kind == "selfsigned" and ":folder=" not in description:
            description += f":folder={quoteStringArgument(str(self.config.state_path))}"
        return description

    def _prepare_state(self) -> None:
        folder = self.config.state_path
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as problem:
            _stop(f"cannot use the state folder {folder}: {problem.strerror}")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            _stop(f"the state folder {folder} is in use by another server")

    def _tell_how_to_connect(self) -> None:
        for kind, listening in self._ports:
            listening.addCallback(self._tell_address, kind)
        code = self.chat.accounts.claim_code
        if code is not None:
            self._log.info("operator: type /claim {code}", code=code)

    def _tell_address(self, port: Any, kind: str) -> Any:
        address = port.getHost()
        if isinstance(address, IPv4Address | IPv6Address):
            host = "localhost" if address.host in ("0.0.0.0", "::", "127.0.0.1") else address.host
            self._log.info(
                "connect with: pyconchat {tls}{host} {port}   or: {other} {host}{colon}{port}",
                tls="--tls " if kind in TLS else "",
                other=OPENSSL if kind in TLS else "telnet",
                host=host,
                colon=":" if kind in TLS else " ",
                port=address.port,
            )
        else:
            self._log.info("listening on {address}", address=address)
        return port


def makeService(options: Options) -> ChatService:
    """Return the service that *options* describe. Exits with one line if that cannot be."""
    from twisted.internet import reactor

    try:
        return ChatService(options.result, reactor)
    except BadStore as problem:
        _stop(problem)
