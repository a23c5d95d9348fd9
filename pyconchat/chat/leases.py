"""Leases: which nodes live, and who is connected to them.

A node renews its lease every few seconds. When a lease ends, another node removes who was online
there, and ends the memberships of its guests. Lost blocks are read from the store.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from pyconchat.chat.conversations import GroupConversation
from pyconchat.chat.interfaces import INodeStore, IThreads
from pyconchat.chat.memory import Memory
from pyconchat.chat.online_elsewhere import OnlineElsewhere, PresenceNotice
from pyconchat.chat.session_registry import SessionRegistry
from pyconchat.domain.accounts import Account, is_guest_party
from pyconchat.domain.errors import LeaseLost, NotSaved
from pyconchat.domain.names import Key, fold
from pyconchat.domain.replies import EndWhy
from pyconchat.domain.stored import Online, OnlineRecord
from pyconchat.net.waiters import Waiters

__all__ = ["MAX_AGE_SECONDS", "RENEW_SECONDS", "Leases"]

RENEW_SECONDS = 2.0
"""Seconds between two renewals of the lease."""

MAX_AGE_SECONDS = 10.0
"""Seconds after its last renewal at which a lease may have expired, as in the store."""

CLAIM_SECONDS = 0.2
"""Seconds between two attempts to take a guest's name."""

MAX_AWAY_TEXT = 150
"""Maximum characters of an away text at other nodes: a notice has a limited size."""


class Leases:
    """The lease of this node, and the presence of all others.

    *begin* takes a new lease. *tell* sends a notice to the other nodes; *settled* waits until all
    decisions are stored.
    """

    _log = Logger()

    def __init__(
        self,
        begin: Callable[[], int],
        memory: Memory,
        registry: SessionRegistry,
        nodes: INodeStore,
        threads: IThreads,
        reactor: IReactorTime,
        tell: Callable[[PresenceNotice], None],
        settled: Callable[[], Awaitable[int]],
    ) -> None:
        self._begin = begin
        self._memory = memory
        self._registry = registry
        self._nodes = nodes
        self._threads = threads
        self._reactor = reactor
        self._tell = tell
        self._settled = settled
        self.node = 0  # the id of this node
        self._held = False
        self._renewed_at = 0.0  # seconds of the reactor's clock
        self.know_conversations: Callable[[Key], Awaitable[None]]  # set by `Nodes`
        self._changes: dict[str, OnlineRecord] = {}  # of this node, not stored yet, by party
        self._storing = False
        self._stored = Waiters()  # for the end of that
        self._ending = False  # `_end_nodes` is running
        self.elsewhere = OnlineElsewhere(memory, registry, nodes, threads, lambda: self.node)
        self._renewing = LoopingCall(self._renew)
        self._renewing.clock = reactor
        registry.watch_here(self._local)
        registry.absences.watch(lambda account: self._note(account, 1))

    def start(self, node: int, online: Online) -> None:
        """Begin with the lease of *node*; *online* are the users at other nodes."""
        self.node = node
        self._hold(self._reactor.seconds())
        self.elsewhere.start(online)
        self._renewing.start(RENEW_SECONDS)  # at once: a killed node may have left guests

    def halt(self) -> None:
        """Stop renewing the lease."""
        if self._renewing.running:
            self._renewing.stop()
        self._held = False

    @property
    def held(self) -> bool:
        """Return whether this node has its lease; false also when it could not be renewed."""
        age = self._reactor.seconds() - self._renewed_at
        return self._held and age < MAX_AGE_SECONDS

    def _hold(self, since: float) -> None:
        self._held, self._renewed_at = True, since

    # This node.

    def _local(self, account: Account, online: bool) -> None:
        """Note that *account* has come here, or is gone."""
        self._note(account, int(online))
        if not online:
            self.elsewhere.note_absence(account.key)

    def _note(self, account: Account, sessions: int) -> None:
        """Note that *account* has *sessions* here, and whether it is away."""
        record = OnlineRecord(self.node, account.name, account.party, sessions)
        absence = account.absence
        if sessions and absence is not None:
            away = absence.text[:MAX_AWAY_TEXT]
            record = msgspec.structs.replace(record, away=away, away_at=absence.at)
        self._changes[account.party] = record
        if not self._storing:
            self._storing = True
            self._reactor.callLater(0, self._store)

    def dismissed(self, account: Account) -> None:
        """Give back the name of the guest *account*, whose session did not begin."""
        self._note(account, 0)

    def registered(self, old: str, account: Account) -> None:
        """Note that the guest with the party *old* has become a registered *account*."""
        self._changes[old] = OnlineRecord(self.node, account.name, old, 0)
        self._note(account, 1)

    def _store(self) -> None:
        changes, self._changes = list(self._changes.values()), {}
        if not changes:
            self._storing = False
            self._stored.fire()
            return
        # Disconnected users first: a guest may have become registered, with the same key.
        changes.sort(key=lambda record: record.sessions)

        def stored(count: int) -> None:
            count -= len(changes)
            for records in _parts(changes):
                count += len(records)
                self._tell(PresenceNotice(records, count))

        def again(failure: Any) -> None:
            self._failed(failure)
            self._changes = {each.party: each for each in changes} | self._changes
            self._stored.fire()  # nobody waits until the database is back

        storing = self._threads.write(self._nodes.set_online, changes)
        storing.addCallbacks(stored, again)
        storing.addBoth(lambda _: self._reactor.callLater(0.05, self._store))

    def when_stored(self) -> Deferred[None]:
        """Fire when the other nodes know who is online here, or after a failure to store that."""
        return self._stored.wait(not self._storing)

    async def is_alone(self) -> bool:
        """Return whether there is no other living node, or the database cannot tell."""
        try:
            return len(await self._threads.write(self._nodes.renew)) < 2
        except NotSaved:  # also without a lease
            return True

    async def claim_guest(self, account: Account) -> bool:
        """Take the name of *account*, a guest, on all nodes. Raises `NotSaved`."""
        claim = self._nodes.claim_guest, account.name, account.party
        count = await self._threads.write(*claim)
        if not count:
            await deferLater(self._reactor, CLAIM_SECONDS)  # somebody may have just gone elsewhere
            count = await self._threads.write(*claim)
        if count:
            record = OnlineRecord(self.node, account.name, account.party, 1)
            self._tell(PresenceNotice([record], count))
        return bool(count)

    # The lease.

    def _renew(self) -> Deferred[None]:
        # A failure must not end the renewals.
        return Deferred.fromCoroutine(self._keep()).addErrback(self._failed)

    async def _keep(self) -> None:
        since = self._reactor.seconds()  # the answer may take long, and the lease lasts from here
        try:
            living = await self._threads.write(self._nodes.renew)
            self._hold(since)
            ended = await self._threads.write(self._nodes.expire)
        except LeaseLost:
            await self._begin_again()
            return
        except NotSaved as problem:
            self._log.warn("the lease cannot be renewed: {problem}", problem=problem)
            return
        if ended.counts and not self._ending:
            self._ending = True
            # Not awaited: for many users it takes longer than the lease lasts.
            Deferred.fromCoroutine(self._end_nodes(ended))
        reading = self.elsewhere.compare(living)
        if reading is not None:
            await reading

    async def _end_nodes(self, ended: Online) -> None:
        """End the memberships of guests at nodes whose leases have *ended*, and remove the nodes.

        After a failure it is repeated: the nodes are still in the store at the next renewal.
        """
        try:
            left: list[tuple[Key, GroupConversation]] = []
            for record in ended.records:
                left += await self._end(record)
            await self._settled()
            if not any(
                each.stale or each in self._memory.groups.connected_with(key) for key, each in left
            ):
                await self._threads.write(self._nodes.remove, list(ended.counts))
        except NotSaved as problem:
            self._log.warn("guests of a dead node are not ended yet: {problem}", problem=problem)
        except Exception:
            self._log.failure("guests of a dead node are not ended yet")
        finally:
            self._ending = False

    async def _end(self, record: OnlineRecord) -> list[tuple[Key, GroupConversation]]:
        """End the presence of somebody at a node whose lease has ended.

        A guest's memberships and private conversations end, too; returns the groups that the guest
        leaves. Raises `NotSaved`.
        """
        key = fold(record.name)
        self.elsewhere.ended(record)
        left: list[tuple[Key, GroupConversation]] = []
        if is_guest_party(record.party):
            await self._registry.end_private(record.party)
            try:
                await self.know_conversations(key)
            except NotSaved:
                raise
            except Exception:  # the others are ended, too; the next start ends the rest
                self._log.failure("the groups of {party} are not known", party=record.party)
                return []
            if self._memory.accounts.get(key) is None:
                left = [(key, each) for each in self._memory.groups.connected_with(key)]
                self._registry.end_guest(key)
        self._tell(PresenceNotice([msgspec.structs.replace(record, sessions=0)]))
        return left

    async def _begin_again(self) -> None:
        """Take a new lease. Others have ended the guests of this node, so their sessions end."""
        self._log.error("the lease of this node was lost: its guests are disconnected")
        self._held = False
        presence = self._memory.presence
        for session in list(presence.connected()):
            if not session.account.registered:
                session.end(EndWhy.TROUBLE, "The server lost its database for a while.")
        since = self._reactor.seconds()
        try:
            self.node = await self._threads.write(self._begin)
        except NotSaved as problem:
            self._log.warn("no new lease: {problem}", problem=problem)
            return
        self._hold(since)
        for session in presence.everybody():
            if session.account.registered:
                self._note(session.account, 1)
        await self.elsewhere.read()

    def _failed(self, failure: Any) -> None:
        if not isinstance(failure.value, NotSaved):
            self._log.failure("presence", failure)


def _parts(records: Sequence[OnlineRecord]) -> Iterator[list[OnlineRecord]]:
    """Divide *records*, in order, into what fits in a notice, which has at most 1 KiB."""
    part: list[OnlineRecord] = []
    for record in records:
        if part and (len(part) == 3 or record.away or part[-1].away):
            yield part
            part = []
        part.append(record)
    if part:
        yield part
