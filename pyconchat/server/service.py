"""The service: one running server, as twistd starts and stops it."""

from __future__ import annotations

import os
import secrets
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized
from twisted.python.threadpool import ThreadPool

from pyconchat import __version__
from pyconchat.auth.passwords import Hasher
from pyconchat.chat.chat import Chat
from pyconchat.chat.interfaces import IBus, IBusListener
from pyconchat.chat.nodes import Node, Nodes
from pyconchat.chat.statistics import LagMeter
from pyconchat.commands.services import Services
from pyconchat.config import Config
from pyconchat.domain.errors import NotSaved
from pyconchat.domain.replies import EndWhy
from pyconchat.doors.factory import ChatFactory, IrcFactory
from pyconchat.files import FileSharing, Storage
from pyconchat.server.drain import SESSIONS_PER_SECOND, Drain
from pyconchat.server.log import log_observer
from pyconchat.server.options import Options, stop
from pyconchat.server.ports import Ports
from pyconchat.server.process import (
    Owner,
    limit_gc,
    lock_folder,
    make_folder,
    max_connections,
    raise_descriptor_limit,
)
from pyconchat.server.purge import Purge
from pyconchat.server.start_lines import database_line, node_line, reserved_lines
from pyconchat.server.stopping import Stopping
from pyconchat.server.store_threads import StoreThreads
from pyconchat.sessions.portal import login_portal
from pyconchat.store import READERS, BadStore, SqlStore
from pyconchat.store.database_id import conninfo_of, database_id

__all__ = ["ChatService", "Options", "makeService"]

MAX_DISK_THREADS = 4
"""Maximum transfers that read or write the disk at the same time."""

MAX_LEASE_WAIT = 15.0
"""Seconds that a start waits for the lease of an earlier run with the same name to end."""

MAX_CLOSING = 10.0
"""Maximum seconds until all connections are closed: each takes 4 at most."""

LEASE_PAUSE = 1.0
"""Seconds between two attempts."""

CLEAN_SECONDS = 3600.0
"""Seconds between two searches for unneeded files."""


class ChatService(MultiService):
    """A server: the state folder, the store, the chat, and its doors."""

    _log = Logger(namespace="pyconchat")

    def __init__(
        self,
        config: Config,
        reactor: Any,
        owner: Owner = (None, None),
        wall_clock: Callable[[], float] = time.time,
        observer: ILogObserver | None = None,
    ) -> None:
        super().__init__()
        self._observer = observer
        self.config = config
        self._owner = owner
        self._reactor = reactor
        self._wall_clock = wall_clock
        self._threads = StoreThreads(reactor, READERS)
        self._hasher = Hasher(reactor)
        several = bool(config.node_name)
        self._store = SqlStore(
            config.store_url, config.store.durability, self._damaged, shared=several
        )
        node = self._node() if several else None
        # All threads start with the server: later, a container may have none left (pids.max).
        self._disk = ThreadPool(MAX_DISK_THREADS, MAX_DISK_THREADS, "pyconchat-files")
        self.chat = Chat(
            self._store, self._threads, reactor, self._hasher, config, wall_clock, node
        )
        run = partial(deferToThreadPool, reactor, self._disk)
        self._files = FileSharing(self.chat, Storage(config.state_path / "files"), run)
        self._purge = Purge(self._store, self._threads, reactor, self.chat.now, self._files.purged)
        services = Services.of(self.chat, self._files)
        self._statistics = services.statistics
        self._statistics.gauge("hashing", lambda: self._hasher.pending)
        self._lag = LagMeter(reactor, self._statistics.lag)
        raise_descriptor_limit()
        self._factory = ChatFactory(services, login_portal(services), reactor, max_connections)
        self._doors = self._factory.open_doors
        self._cleaning = LoopingCall(self._clean)
        self._cleaning.clock = reactor
        self._drain = Drain(reactor, self.chat.presence.connected)
        self._lock: int | None = None
        self._had_terminal = False
        self._listens = False
        self._ports = Ports(
            reactor, config.state_path, config.trusted_proxies, config.public_url.rstrip("/")
        )

    def _node(self) -> Node:
        """Return this server as one of several nodes."""
        from pyconchat.bus.opening import BadBus, bus_name, open_bus  # others do not import it

        config, reactor = self.config, self._reactor
        conninfo = conninfo_of(config.store_url)
        run = f"{config.node_name}/{secrets.token_hex(4)}"

        def bus(listener: IBusListener) -> IBus:
            try:
                chat = database_id(conninfo) if conninfo else ""
                return open_bus(config.bus.url, conninfo, chat, run, listener, reactor)
            except (BadBus, BadStore) as problem:
                stop(problem)

        try:
            name = bus_name(config.bus.url)
        except BadBus as problem:
            stop(problem)
        return Node(config.node_name, self._store.nodes, bus, run, name)

    # Starting.

    def setServiceParent(self, parent: Any) -> None:
        """Join twistd's application *parent*, which then logs to our observer."""
        super().setServiceParent(parent)
        if self._observer is not None and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self._observer)

    def privilegedStartService(self) -> None:
        """Listen, while the process may still be root; logins have to wait for `startService`."""
        self._listens = True
        version = f"PyconChat {__version__}"
        self._log.info("{version} starts, process {pid}", version=version, pid=os.getpid())
        self._had_terminal = os.isatty(0)
        signal.signal(signal.SIGHUP, self._hangup)  # at once: the default action ends the process
        try:
            make_folder(self.config.state_path, self._owner)
        except OSError as problem:
            stop(f"cannot use the state folder {self.config.state_path}: {problem.strerror}")
        for description in self.config.doors.line:
            self._ports.open_line(description, self._factory)
        irc = IrcFactory(self._factory) if self.config.doors.irc else None
        for description in self.config.doors.irc:
            self._ports.open_irc(description, irc)
        if self.config.doors.ssh:
            self._open_ssh()
        if self.config.doors.web:
            web = self._web_factory(irc)
            for description in self.config.doors.web:
                self._ports.open_web(description, web)
        if self.config.doors.metrics:
            from pyconchat.server.metrics import metrics_factory  # most servers do not import it

            factory = metrics_factory(self._statistics, self.chat.nodes, self.chat.readiness)
            self._ports.open_metrics(self.config.doors.metrics, factory)
        super().privilegedStartService()

    def _open_ssh(self) -> None:
        try:
            from pyconchat.doors.ssh.factory import SshFactory  # needs an extra
            from pyconchat.doors.ssh.host_key import host_key
        except ImportError as problem:
            stop(f"doors.ssh: {problem}: pip install '.[ssh]', in the checkout")
        path = self.config.host_key_path
        try:
            key = host_key(path, make=not self.config.ssh_host_key)
        except OSError as problem:
            stop(f"cannot use the SSH host key {path}: {problem.strerror}")
        except ValueError as problem:
            stop(f"cannot use the SSH host key {path}: {problem}")
        factory = SshFactory(self._factory, key)
        for description in self.config.doors.ssh:
            self._ports.open_ssh(description, factory)
        self._log.info("SSH host key: {fingerprint}", fingerprint=factory.fingerprint)

    def _web_factory(self, irc: IrcFactory | None) -> Any:
        """Return the factory of the web door. Exits with one line without its packages."""
        try:
            from pyconchat.doors.web.factory import WebFactory
        except ModuleNotFoundError as problem:
            stop(f"doors.web: {problem.name} is missing: pip install '.[web]', in the checkout")
        from pyconchat.server.metrics import metrics_text

        monitors = irc.monitors if irc is not None else None
        return WebFactory(self._factory, metrics_text(self._statistics, self.chat.nodes), monitors)

    def startService(self) -> None:
        if not self._listens:
            self.privilegedStartService()  # `twist`, which is never root, calls only this method
        self._lock_state()
        self._log.info("state folder: {folder}", folder=self.config.state_path)
        self._log.info("{line}", line=database_line(self.config))
        if self.config.node_name:
            self._log.info("{line}", line=node_line(self.config))
        try:
            self._store.lock()
            self._store.open()
            self._store.prepare()
            if self.chat.nodes is not None:
                self._take_lease(self.chat.nodes)
            loaded = self._store.load(summaries=self.chat.nodes is not None)
        except (BadStore, NotSaved) as problem:
            stop(problem)
        self._threads.start()
        self._hasher.start()
        self._disk.start()
        self.chat.start(loaded)
        try:
            self._files.start(loaded.closed_files, loaded.direct_files)
        except OSError as problem:
            stop(f"cannot use the folder for files: {problem.filename}: {problem.strerror}")
        self._cleaning.start(CLEAN_SECONDS, now=True)
        self._purge.start()
        self._doors.start()
        self._lag.start()
        self.chat.indexer.start()
        super().startService()
        limit_gc()
        self._ports.log_addresses()
        for line in reserved_lines(each.name for each in self.chat.accounts.registered()):
            self._log.warn("{line}", line=line)
        code = self.chat.accounts.claim_code
        if code is not None:
            self._log.info("to become the first operator: type /claim {code}", code=code)

    def _take_lease(self, nodes: Nodes) -> None:
        """Take the lease; first wait until the lease of an earlier, killed run has expired."""
        until = time.monotonic() + MAX_LEASE_WAIT
        said = ""
        while True:
            try:
                nodes.take_lease()
                return
            except BadStore as problem:
                if time.monotonic() > until:
                    raise
                if str(problem) != said:
                    said = str(problem)
                    self._log.info("waiting, because {problem}", problem=said)
                time.sleep(LEASE_PAUSE)

    def _lock_state(self) -> None:
        folder = self.config.state_path
        try:
            self._lock = lock_folder(folder)
        except BlockingIOError:
            stop(f"the state folder {folder} is in use by another server")
        except OSError as problem:
            stop(f"cannot use the state folder {folder}: {problem.strerror}")

    # Stopping.

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        self.chat.registry.stopping = True
        stopping = Stopping(self._reactor, self._drain.cut_short, self._hangup)
        await stopping.run(
            (
                self._ports.close_doors,
                lambda: Deferred.fromCoroutine(self._end_in_turn()),
                self._ports.close,
                self._doors.stop,
                self._lag.stop,
                self._purge.stop,
                self._stop_cleaning,
                self._end_all,
                self._doors.shut_down,
                lambda: self._doors.when_empty().addTimeout(MAX_CLOSING, self._reactor),
                self.chat.journal.when_idle,
                self._give_back_lease,
                self._hasher.stop,
                self._disk.stop,
                self.chat.indexer.stop,
                self._threads.stop,
                self._store.close,
                self._unlock_state,
            )
        )

    async def _end_in_turn(self) -> None:
        """End the sessions a few at a time, if clients can reconnect to other nodes."""
        nodes = self.chat.nodes
        if nodes is None or await nodes.leases.is_alone():
            return
        self._log.info(
            "ending {rate} sessions a second; a second signal ends all at once",
            rate=SESSIONS_PER_SECOND,
        )
        await self._drain.run()

    def _end_all(self) -> None:
        self.chat.registry.end_all(EndWhy.STOPPING, "The server is stopping; come back soon.")

    def _give_back_lease(self) -> Deferred[None] | None:
        return None if self.chat.nodes is None else self.chat.nodes.stop()

    def _stop_cleaning(self) -> None:
        if self._cleaning.running:
            self._cleaning.stop()

    def _unlock_state(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    # While it runs.

    def _clean(self) -> Deferred[None]:
        """Remove files that are no longer needed."""
        cleaning = self._files.clean(self._wall_clock())
        return cleaning.addCallbacks(
            lambda _count: None, lambda failure: self._log.failure("cleaning failed", failure)
        )

    def _damaged(self, conversation: int, seq: int) -> None:
        """Log that an entry is damaged. A thread of the store calls this."""
        self._reactor.callFromThread(
            self._log.error,
            "entry {seq} of conversation {conversation} is damaged",
            seq=seq,
            conversation=conversation,
        )

    def _hangup(self, *_: object) -> None:
        """SIGHUP: reload the changes of an administrator; stop if the terminal is closed."""
        if self._had_terminal and not os.isatty(0):
            self._reactor.callFromThread(self._reactor.stop)
            return
        self._reactor.callFromThread(lambda: Deferred.fromCoroutine(self.reload()))

    async def reload(self) -> None:
        """Read the certificates again, and the accounts, which `pyconchat-admin` changes."""
        await self._ports.reload_certificates()
        try:
            await self.chat.stored_accounts.reload()
        except NotSaved as problem:
            self._log.error("could not read the accounts: {problem}", problem=problem)
        else:
            self._log.info("read the accounts")


def makeService(options: Options) -> ChatService:
    """Return the service that *options* describe. Exits with one line if it cannot start."""
    from twisted.internet import reactor

    # Twisted's reactor uses wall-clock time: after the clock is set back, timers would fire late.
    reactor.seconds = time.monotonic  # type: ignore[method-assign]
    try:
        observer = None if options.parent is None else log_observer(options.parent, reactor)
        return ChatService(options.result, reactor, options.owner, observer=observer)
    except BadStore as problem:
        stop(problem)
