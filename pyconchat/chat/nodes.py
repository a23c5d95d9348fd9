"""Nodes: what makes a chat one of several nodes on one database.

Each node has in memory the groups of the accounts that are online there, and all accounts. It
receives the changes of other nodes by the bus, or reads them from the store.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from pyconchat.chat.blocks import SERVER_TOPIC, Notice, encode_block
from pyconchat.chat.comparing import Comparing
from pyconchat.chat.following import Following
from pyconchat.chat.gap_filling import FillingCommits
from pyconchat.chat.id_blocks import IdBlocks
from pyconchat.chat.incoming import Incoming
from pyconchat.chat.interfaces import IBus, IBusListener, INodeStore, IStore, IThreads
from pyconchat.chat.journal import Journal
from pyconchat.chat.leases import Leases
from pyconchat.chat.loading import Loading
from pyconchat.chat.memory import Memory
from pyconchat.chat.online_elsewhere import PresenceNotice
from pyconchat.chat.pending import PendingDecision
from pyconchat.chat.publisher import Publisher
from pyconchat.chat.recovery import Recovery
from pyconchat.chat.session_registry import SessionRegistry
from pyconchat.chat.unheard import UnheardPrivate
from pyconchat.domain.decisions import SERVER, owner_of
from pyconchat.domain.errors import NotSaved
from pyconchat.domain.events import OperatorMade, OperatorRemoved
from pyconchat.domain.names import Key, fold
from pyconchat.domain.stored import AccountState

__all__ = ["BusOf", "Node", "Nodes"]

BusOf = Callable[[IBusListener], IBus]
"""Makes the bus, for its listener."""

LOSS_SECONDS = 30.0
"""Minimum seconds between two reads of new entries because the bus has dropped blocks."""

GONE_SECONDS = 0.2
"""Seconds in which a node stores that a guest has disconnected."""


class Node(NamedTuple):
    """A node: its *name*, what the nodes share in the *store*, and the *bus* between them.

    *run* is the name in its blocks: of this run of the program, and of no other one. *bus_name* is
    the same at all nodes that hear each other.
    """

    name: str
    store: INodeStore
    bus: BusOf
    run: str
    bus_name: str = ""


class AccountNotice(msgspec.Struct, frozen=True, tag="account"):
    """Something that is stored of the account *key* has changed."""

    key: Key


class LossNotice(msgspec.Struct, frozen=True, tag="loss"):
    """Blocks were dropped before they were sent: all nodes read the new entries from the store."""


_decode = msgspec.json.Decoder(PresenceNotice | AccountNotice | LossNotice).decode


class Nodes:
    """One *node* among several: the parts of its chat that the others need."""

    _log = Logger()

    def __init__(
        self,
        node: Node,
        memory: Memory,
        store: IStore,
        threads: IThreads,
        publisher: Publisher,
        recovery: Recovery,
        reactor: IReactorTime,
    ) -> None:
        self._node = node
        self._memory = memory
        self._store = store
        self._threads = threads
        self._reactor = reactor
        self.leases: Leases
        self._registry: SessionRegistry
        self._journal: Journal
        self.incoming = Incoming(
            *(node.run, memory, node.store, publisher, recovery, node.bus, reactor),
            noticed=self.noticed,
            reconnected=self.compare,
            stored=self.tell_accounts,
            found_private=lambda *found: self._run(self.private.heard(*found)),
            added=self.unneeded,
        )
        self.bus = self.incoming.bus
        self.following = Following(
            *(memory, self.bus, reactor.seconds, self.incoming.read),
            read_private=lambda key: self._run(self.private.read(key)),
            unneeded=self.unneeded,
        )
        self.commits = FillingCommits(
            store, node.store, self.incoming.known_in_memory, self.incoming.version
        )
        self.incoming.commits = self.commits
        self.private: UnheardPrivate
        self._ids = IdBlocks(node.store, threads)
        self._id = 0
        self._dropped = 0  # blocks that the bus had dropped at the last `LossNotice`
        self._loss_told = float("-inf")  # seconds
        self._comparing: Comparing
        self.loading: Loading

    def connect(
        self,
        journal: Journal,
        registry: SessionRegistry,
        take_over: Callable[[Key, AccountState | None], None],
    ) -> None:
        """Connect the parts of the chat that are made later.

        *take_over* is called with the stored state of an account.
        """
        self._journal = journal
        self._registry = registry
        self.incoming.journal = journal
        self._take_over = take_over
        self.private = UnheardPrivate(self._memory, self._store, journal, self.incoming)
        self.leases = Leases(
            *(self._begin, self._memory, registry, self._node.store, self._threads),
            *(self._reactor, self._tell, journal.settled),
        )
        self._comparing = Comparing(
            *(self._memory, self._node.store, journal, self.incoming, self.following),
            *(self._reactor, self.refresh, self.private.changed, self._each_second, self._run),
        )
        self.loading = Loading(
            *(self._memory, self.following, self.incoming, self._node.store),
            *(journal, registry, self.refresh),
        )
        self._memory.conversations.more_ids = self._ids.next
        registry.watch_local(self.following.account)
        registry.catch_up = self.loading.know_conversations
        self.leases.know_conversations = self.loading.know_conversations

    def _begin(self) -> int:
        return self._node.store.begin(self._node.name, self._node.bus_name)

    def take_lease(self) -> None:
        """Take the lease, before the store is loaded. Blocks. Raises `BadStore` or `NotSaved`."""
        self._id = self._begin()
        self._ids.fill()
        self._comparing.prepare()

    def start(self) -> None:
        """Begin, after the store was loaded. Blocks for a read. Raises `NotSaved`."""
        online = self._node.store.online()
        self.following.start()
        self.leases.start(self._id, online)
        self._comparing.start()
        self.bus.start()

    def stop(self) -> Deferred[None]:
        """Give the lease back, and disconnect from the bus."""
        self.leases.halt()
        ending = self.leases.when_stored()
        ending.addCallback(lambda _: self._threads.write(self._node.store.end))
        ending.addErrback(self._failed)
        ending.addCallback(lambda _: self.halt())
        return ending

    def halt(self) -> Deferred[None]:
        """Stop the periodic work and the bus; the lease stays until it expires."""
        self._comparing.stop()
        self.leases.halt()
        return self.bus.stop()

    def figures(self) -> dict[str, float]:
        """Return figures for the metrics."""
        return {
            "bus_up": int(self.bus.up),
            "bus_lag_seconds": self.bus.lag,
            "bus_told": self.bus.told,
            "bus_heard": self.bus.heard,
            "bus_dropped": self.bus.dropped,
            "followed_groups": len(self.following),
            "gaps": self.incoming.gaps,
            "conflicts": self.incoming.conflicts,
            "lease_held": int(self.leases.held),
            "draining": int(self._registry.stopping),
        }

    def _each_second(self) -> None:
        self.following.drop_idle()
        self._run(self.loading.summarize_unneeded())
        now = self._reactor.seconds()
        if (
            self.bus.up
            and self.bus.dropped != self._dropped
            and now - self._loss_told >= LOSS_SECONDS
        ):
            self._dropped, self._loss_told = self.bus.dropped, now
            self._tell(LossNotice())
            self.compare()  # the dropped blocks may have been for this node

    # Reads.

    def compare(self) -> None:
        """Read the changes from the store soon."""
        self._run(self._comparing.compare())
        self.leases.elsewhere.read()

    async def learn(self) -> None:
        """Read the conversations that other nodes have created or changed. Raises `NotSaved`."""
        await self._comparing.compare()
        await self.incoming.when_read()

    def unneeded(self, id: int) -> None:
        """As `Loading.unneeded`."""
        self.loading.unneeded(id)

    # Notices.

    def _tell(self, notice: PresenceNotice | AccountNotice | LossNotice) -> None:
        payload = msgspec.json.encode(notice)
        self.bus.tell(SERVER_TOPIC, encode_block(Notice(self._node.run, payload)))

    def tell_accounts(self, decisions: Sequence[PendingDecision]) -> None:
        """Notify the other nodes of the accounts that the stored *decisions* have changed."""
        keys: dict[Key, None] = {}
        for pending in decisions:
            for write in pending.decision.writes:
                owner = owner_of(write)
                if owner is not None:
                    keys[owner] = None
            for new in pending.decision.entries:
                if isinstance(new.event, OperatorMade | OperatorRemoved):
                    keys[fold(new.event.name)] = None
        for key in keys:
            self._tell(AccountNotice(key))

    def noticed(self, payload: bytes) -> None:
        """Carry out the notice of another node."""
        try:
            notice = _decode(payload)
        except msgspec.DecodeError as problem:
            self._log.warn("a notice of another node is damaged: {problem}", problem=problem)
            return
        if isinstance(notice, AccountNotice):
            self._run(self.refresh(notice.key))
        elif isinstance(notice, LossNotice):
            self.compare()
        else:
            self.leases.elsewhere.heard(notice)

    # Accounts.

    async def refresh(self, key: Key) -> None:
        """Apply the stored state of the account *key*. Raises `NotSaved`.

        A guest of another node, who may just have disconnected there, gets a moment to be gone.
        """
        elsewhere = self.leases.elsewhere
        for pause in (0.0, GONE_SECONDS):
            if not elsewhere.is_guest(key):
                break
            if pause:
                await deferLater(self._reactor, pause)
            await elsewhere.read(elsewhere.nodes_of(key))
        state = await self._journal.read_in_order(self._node.store.account, key)
        account = self._memory.accounts.get(key)
        if (
            state is None and account is not None and account.registered
        ):  # memberships and codes of it end
            await self.loading.know_conversations(key)
            await self.loading.know_codes([account.name])
        self._take_over(key, state)

    async def refresh_for_login(self, key: Key) -> None:
        """Read the account *key*, and the new bans, from the store. Raises `NotSaved`."""
        if self.leases.elsewhere.is_guest(key):
            await self.refresh(key)
        revision, head = await self._journal.read_in_order(self._node.store.newest)
        if not self._comparing.has_accounts(revision):
            await self._comparing.read_accounts()
        if self.incoming.known(SERVER) < head:
            self.incoming.read(SERVER)
            await self.incoming.when_read([SERVER])

    # Failures.

    def _run(self, work: Coroutine[Deferred[Any], Any, None]) -> Deferred[None]:
        return Deferred.fromCoroutine(work).addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        if not isinstance(failure.value, NotSaved):
            self._log.failure("a change of another node cannot be taken over", failure)
