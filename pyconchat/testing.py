"""Fakes and builders, for the tests of this project and of other doors and bots.

Nothing here waits: threads run in place, time is a `twisted.internet.task.Clock`, and a peer
keeps the output that it receives.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from weakref import WeakKeyDictionary

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock
from zope.interface import implementer

from pyconchat.auth.turns import Turns
from pyconchat.chat.audience import Send
from pyconchat.chat.chat import Chat
from pyconchat.chat.conversations import GroupConversation
from pyconchat.chat.interfaces import Asker, IHasher, IPeer, IStore, IThreads, ServerAddress
from pyconchat.chat.nodes import Node
from pyconchat.commands.services import Services
from pyconchat.config import Config
from pyconchat.domain.accounts import Account
from pyconchat.domain.errors import MustAsk
from pyconchat.domain.events import AnyEvent
from pyconchat.domain.names import person_name
from pyconchat.domain.password_rules import password_spellings
from pyconchat.files.sharing import FileSharing
from pyconchat.render.text import TextRenderer
from pyconchat.sessions.session import Session
from pyconchat.store import SqlStore

__all__ = [
    "FakePeer",
    "InlineThreads",
    "PlainHasher",
    "TestUser",
    "make_chat",
    "make_store",
    "services_of",
]

T = TypeVar("T")

EPOCH = 1_700_000_000.0
"""The time of day, in seconds since the epoch, when a fake clock is at 0."""


@implementer(IThreads)
class InlineThreads:
    """Threads that call functions at once, in place."""

    def write(self, call: Callable[..., T], *args: object) -> Deferred[T]:
        return maybeDeferred(call, *args)

    def read(self, call: Callable[..., T], *args: object) -> Deferred[T]:
        return maybeDeferred(call, *args)

    search = read


@implementer(IHasher)
class PlainHasher:
    """A hasher without cost: a hash is ``plain:`` and the password."""

    def __init__(self) -> None:
        self.turns = Turns()

    def hash(self, password: str, asker: Asker) -> Deferred[str]:
        return succeed(f"plain:{password_spellings(password)[0]}")

    def verify(self, hash: str, password: str) -> Deferred[bool]:
        return succeed(hash in [f"plain:{each}" for each in password_spellings(password)])


@implementer(IPeer)
class FakePeer:
    """A peer that reads everything at once, and gives *answers* to questions in turn."""

    def __init__(self, *answers: str) -> None:
        self.renderer = TextRenderer("\n")
        self.network = "192.0.2.1"
        self.address = "192.0.2.1"
        self.server_address = ServerAddress("192.0.2.99", 8000)
        self.hides = False
        self.program = False
        self.names_places = False
        self.echoes = False
        self.translates = False
        self.unattended = False
        self.written = b""
        self.answers = list(answers)
        self.asked: list[str] = []
        self.closed = False
        self.receives = True  # whether its kernel acknowledges

    @property
    def lines(self) -> list[str]:
        """Return the lines that were written since the last call."""
        written, self.written = self.written, b""
        return written.decode().splitlines()

    def write(self, block: bytes) -> None:
        self.written += block

    def direct_send(self, leave: Callable[[], None]) -> Send | None:
        def send(block: bytes) -> int:
            self.write(block)
            return len(block)

        return send

    def write_rest(self, block: bytes, sent: int) -> None:
        self.write(block[sent:])

    def ask(self, prompt: str, secret: bool = False) -> Deferred[str]:
        self.asked.append(prompt)
        if not self.answers:
            raise MustAsk(prompt, secret)
        return succeed(self.answers.pop(0))

    def when_writable(self) -> Deferred[None] | None:
        return None

    def acknowledged(self) -> bool:
        return self.receives

    def wake(self) -> None:
        """Do nothing: this peer is never checked."""

    def discard_input(self) -> None:
        pass

    def refresh_prompt(self) -> None:
        pass

    def close(self, last: bytes = b"") -> None:
        self.written += last
        self.closed = True

    def end_when_idle(self, last: bytes) -> None:
        self.close(last)


def make_store(folder: Path) -> SqlStore:
    """Return an open SQLite store in *folder*."""
    store = SqlStore(f"sqlite:///{folder / 'pyconchat.db'}")
    store.open()
    return store


def make_chat(
    store: IStore,
    clock: Clock | None = None,
    config: Config | None = None,
    hasher: IHasher | None = None,
    threads: IThreads | None = None,
    node: Node | None = None,
) -> Chat:
    """Return a chat on *store* that has started. A tick passes when *clock* is advanced."""
    clock = clock or Clock()
    reactor: IReactorTime = clock
    chat = Chat(
        store,
        threads or InlineThreads(),
        reactor,
        hasher or PlainHasher(),
        config or Config(),
        wall_clock=lambda: EPOCH + clock.seconds(),
        node=node,
    )
    if chat.nodes is not None:
        chat.nodes.take_lease()
    chat.start(store.load(summaries=chat.nodes is not None))
    clock.advance(0)
    return chat


_services: WeakKeyDictionary[Chat, Services] = WeakKeyDictionary()


def services_of(chat: Chat, files: FileSharing | None = None) -> Services:
    """Return the services of *chat*, the same at each call; with *files*, if it takes any."""
    known = _services.get(chat)
    if known is None or (files is not None and known.files is not files):
        known = _services[chat] = Services.of(chat, files)
    return known


class TestUser:
    """A person with a session in *chat*: a guest, or the owner of *password*.

    `types` sends lines and lets the tick pass; `sees` returns the received lines.
    """

    __test__ = False  # not a class of tests, whatever its name says to pytest

    def __init__(self, chat: Chat, name: str, password: str = "", *answers: str) -> None:
        self.chat = chat
        self.peer = self.make_peer(*answers)
        self.session = Session(services_of(chat), self._account(chat, name, password), self.peer)
        self._result: list[object] = []
        Deferred.fromCoroutine(self._starts()).addErrback(self._result.append)
        self.tick()

    def make_peer(self, *answers: str) -> FakePeer:
        """Return the peer of the session, which gives *answers*."""
        return FakePeer(*answers)

    async def _starts(self) -> None:
        await self.session.start()
        await self.session.catch_up(services_of(self.chat).config.limits.missed_entries)

    @property
    def account(self) -> Account:
        """Return the account of the session."""
        return self.session.account

    def types(self, *lines: str) -> list[str]:
        """Type *lines*, one a tick, and return the lines that are received from then on."""
        self.tick()
        self.peer.lines.clear()
        self.peer.written = b""
        for line in lines:
            self.session.line(line)
            self.tick()
        return self.sees()

    def sees(self) -> list[str]:
        """Return the lines that were received since the last call."""
        self.tick()
        return self.peer.lines

    def leaves(self) -> None:
        """Disconnect."""
        self.session.close()
        self.tick()

    def tick(self) -> None:
        """Let the pending decisions be stored and published."""
        clock = self.chat.reactor
        assert isinstance(clock, Clock)
        clock.advance(0)
        clock.advance(0)

    def log(self) -> list[AnyEvent]:
        """Return the events of the current group's log."""
        conversation = self.session.current
        assert isinstance(conversation, GroupConversation), f"{self.account.name} is in no group"
        entries = self.chat.store.entries(conversation.id, 0, 2**62, 10_000)
        return [entry.event for entry in entries]

    def _account(self, chat: Chat, name: str, password: str) -> Account:
        account = chat.accounts.get(name)
        if account is not None and account.registered:
            assert account.password_hash == f"plain:{password}", "a test knows its passwords"
            return account
        if not password:
            return chat.registration.add_guest(person_name(name), self.peer.network, replace=True)
        made: list[Account] = []
        registering = Deferred.fromCoroutine(
            chat.registration.register_new(person_name(name), password, self.peer.network)
        )
        registering.addCallback(made.append)
        for _ in range(20):  # logins of other users may still be pending
            if not made:
                self.tick_of(chat)
        return made[0]

    @staticmethod
    def tick_of(chat: Chat) -> None:
        """Let a tick of *chat* pass."""
        clock = chat.reactor
        assert isinstance(clock, Clock)
        clock.advance(0)
