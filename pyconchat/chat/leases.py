"""Leases: which nodes live, and who is connected to them.

A node renews its lease every few seconds. When a lease ends, another node removes who was online
there, and ends the memberships of its guests. What the bus loses is read from the store.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from pyconchat.chat.interfaces import INodeStore, IThreads
from pyconchat.chat.memory import Memory
from pyconchat.chat.session_registry import SessionRegistry
from pyconchat.domain.absence import Absence
from pyconchat.domain.accounts import Account, is_guest_party
from pyconchat.domain.errors import LeaseLost, NotSaved
from pyconchat.domain.names import Key, Name, fold
from pyconchat.domain.replies import EndWhy
from pyconchat.domain.stored import OnlineRecord
from pyconchat.domain.text import safe_line
from pyconchat.net.waiters import Waiters

__all__ = ["MAX_AGE_SECONDS", "RENEW_SECONDS", "AwayNotice", "Leases", "PresenceNotice"]

RENEW_SECONDS = 2.0
"""Seconds between two renewals of the lease."""

MAX_AGE_SECONDS = 10.0
"""Seconds after its last renewal at which a lease may have expired, as in the store."""

CLAIM_SECONDS = 0.2
"""Seconds between two attempts to take a guest's name."""

MAX_AWAY_TEXT = 150
"""Maximum characters of an away text at other nodes: a notice has a limited size."""

RENEWALS_PER_READING = 5
"""Renewals between two readings of everybody who is online elsewhere."""


class PresenceNotice(msgspec.Struct, frozen=True, tag="online"):
    """Accounts have come to a node, or gone (with no sessions)."""

    records: list[OnlineRecord]


class AwayNotice(msgspec.Struct, frozen=True, tag="away"):
    """*name* is away since *at* (milliseconds since the epoch) with *text*; None: is present.

    The text has come over a bus, so it is safe for a terminal only when it was checked again.
    """

    name: Name
    text: str | None
    at: int


class Leases:
    """The lease of this node, and the presence of all others; *tell* sends a notice to them."""

    _log = Logger()

    def __init__(
        self,
        name: str,
        memory: Memory,
        registry: SessionRegistry,
        nodes: INodeStore,
        threads: IThreads,
        reactor: IReactorTime,
        tell: Callable[[PresenceNotice | AwayNotice], None],
    ) -> None:
        self._name = name
        self._memory = memory
        self._registry = registry
        self._nodes = nodes
        self._threads = threads
        self._reactor = reactor
        self._tell = tell
        self.node = 0  # the id of this node
        self._held = False
        self._renewed_at = 0.0  # seconds of the reactor's clock
        self.know_groups: Callable[[Key], Awaitable[None]]  # set by `Nodes`
        self._changes: dict[str, OnlineRecord] = {}  # of this node, not stored yet, by party
        self._storing = False
        self._stored = Waiters()  # for the end of that
        self._heard: list[OnlineRecord] = []  # during a reading
        self._reading = False
        self._read = Waiters()  # for the end of the reading
        self._renewals = 0
        self._renewing = LoopingCall(self._renew)
        self._renewing.clock = reactor
        registry.watch_local(self._local)
        registry.absences.watch(self._tell_absence)

    def start(self, node: int, online: Sequence[OnlineRecord]) -> None:
        """Begin with the lease of *node*; *online* are those at other nodes."""
        self.node = node
        self._hold()
        for record in online:
            self._set(record, quiet=True)
        self._renewing.start(RENEW_SECONDS, now=False)

    def halt(self) -> None:
        """Renew the lease no more."""
        if self._renewing.running:
            self._renewing.stop()
        self._held = False

    @property
    def held(self) -> bool:
        """Return whether this node has its lease; false also when it could not be renewed."""
        age = self._reactor.seconds() - self._renewed_at
        return self._held and age < MAX_AGE_SECONDS

    def _hold(self) -> None:
        self._held, self._renewed_at = True, self._reactor.seconds()

    # This node.

    def _local(self, account: Account, online: bool) -> None:
        """Note that the first session of *account* has begun here, or that the last one ended."""
        self._note(account, int(online))

    def _note(self, account: Account, sessions: int) -> None:
        record = OnlineRecord(self.node, account.name, account.party, sessions)
        self._changes[account.party] = record
        if not self._storing:
            self._storing = True
            self._reactor.callLater(0, self._store)

    def _tell_absence(self, account: Account) -> None:
        absence = account.absence
        if absence is None:
            self._tell(AwayNotice(account.name, None, 0))
        else:
            self._tell(AwayNotice(account.name, absence.text[:MAX_AWAY_TEXT], absence.at))

    def heard_absence(self, notice: AwayNotice) -> None:
        """Take over that somebody at another node is away, or no longer."""
        account = self._memory.accounts.get(notice.name)
        if account is not None:
            text = None if notice.text is None else safe_line(notice.text)
            absence = None if text is None else Absence(text, notice.at)
            self._registry.absences.changed_elsewhere(account, absence)

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
        # First those who go: a guest may have become registered, with the same key.
        changes.sort(key=lambda record: record.sessions)

        def stored(_: object) -> None:
            for first in range(0, len(changes), 3):  # a notice has at most 1 KiB
                self._tell(PresenceNotice(changes[first : first + 3]))

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

    def is_guest_elsewhere(self, key: Key) -> bool:
        """Return whether the account *key* is a guest of another node, as far as known."""
        account = self._memory.accounts.get(key)
        is_guest = account is not None and not account.registered
        return is_guest and key in self._memory.presence.elsewhere

    async def claim_guest(self, account: Account) -> bool:
        """Take the name of *account*, a guest, on all nodes. Raises `NotSaved`."""
        claim = self._nodes.claim_guest, account.name, account.party
        if await self._threads.write(*claim):
            return True
        await deferLater(self._reactor, CLAIM_SECONDS)  # somebody may have just gone elsewhere
        return await self._threads.write(*claim)

    # The other nodes.

    def heard(self, notice: PresenceNotice) -> None:
        """Take over what another node has told."""
        for record in notice.records:
            if record.node != self.node:
                self._set(record)
                if self._reading:
                    self._heard.append(record)

    def _set(self, record: OnlineRecord, quiet: bool = False) -> None:
        """Record that somebody is online at another node, or no longer (with no sessions)."""
        key = fold(record.name)
        elsewhere = self._memory.presence.elsewhere
        nodes = elsewhere.get(key, {})
        known = nodes.get(record.node)
        if record.sessions:
            if known is not None and known.party != record.party:
                self._gone(known)
            was_online = self._memory.presence.online(key)
            elsewhere.setdefault(key, {})[record.node] = record
            account = self._memory.accounts.get(key)
            if account is None and is_guest_party(record.party):
                account = Account(record.name)
                account.party = record.party
                self._memory.accounts.add(account)
            if account is not None and not was_online and not quiet:
                self._registry.elsewhere_changed(account, True)
        elif known is not None and known.party == record.party:
            self._gone(known)

    def _gone(self, record: OnlineRecord) -> None:
        key = fold(record.name)
        elsewhere = self._memory.presence.elsewhere
        del elsewhere[key][record.node]
        if elsewhere[key]:
            return
        del elsewhere[key]
        account = self._memory.accounts.get(key)
        if account is None or account.party != record.party:
            return
        self._registry.absences.changed_elsewhere(account, None)
        if not self._memory.presence.sessions(key):
            self._registry.elsewhere_changed(account, False)
            if not account.registered:
                self._memory.accounts.remove(account)
                self._registry.revoke(account)
        if not account.registered:
            self._registry.forget_elsewhere(record.party)

    def read(self) -> Deferred[None]:
        """Read who is online at the other nodes. Fires when that is done, or cannot be done."""
        if self._reading:
            return self._read.wait(False)
        self._reading = True

        def found(records: Sequence[OnlineRecord]) -> None:
            now = {(record.node, record.party) for record in records}
            for nodes in list(self._memory.presence.elsewhere.values()):
                for record in list(nodes.values()):
                    if (record.node, record.party) not in now:
                        self._gone(record)
            for record in (*records, *self._heard):  # what was heard may be newer
                self._set(record)

        def done(_: object) -> None:
            self._reading = False
            self._heard.clear()
            self._read.fire()

        reading = self._threads.write(self._nodes.online)
        return reading.addCallback(found).addErrback(self._failed).addCallback(done)

    # The lease.

    def _renew(self) -> Deferred[None]:
        # A failure must not end the renewals.
        return Deferred.fromCoroutine(self._keep()).addErrback(self._failed)

    async def _keep(self) -> None:
        try:
            await self._threads.write(self._nodes.renew)
            self._hold()
            gone = await self._threads.write(self._nodes.expire)
        except LeaseLost:
            await self._begin_again()
            return
        except NotSaved as problem:
            self._log.warn("the lease cannot be renewed: {problem}", problem=problem)
            return
        for record in gone:
            await self._expired(record)
        self._renewals += 1
        if self._renewals % RENEWALS_PER_READING == 0:
            await self.read()

    async def _expired(self, record: OnlineRecord) -> None:
        """End what somebody has left at a node whose lease has ended."""
        key = fold(record.name)
        if record.node in self._memory.presence.elsewhere.get(key, {}):
            self._gone(record)
        if is_guest_party(record.party):
            try:
                await self.know_groups(key)
            except NotSaved as problem:  # the next start ends what this node does not know
                self._log.warn("the groups of a guest are not known: {problem}", problem=problem)
            if self._memory.accounts.get(key) is None:
                self._registry.end_guest(key)
        self._tell(PresenceNotice([msgspec.structs.replace(record, sessions=0)]))

    async def _begin_again(self) -> None:
        """Take a new lease. Others have ended the guests of this node, so their sessions end."""
        self._log.error("the lease of this node was lost: its guests are disconnected")
        self._held = False
        presence = self._memory.presence
        for session in list(presence.everybody()):
            if not session.account.registered:
                session.end(EndWhy.TROUBLE, "The server lost its database for a while.")
        try:
            self.node = await self._threads.write(self._nodes.begin, self._name)
        except NotSaved as problem:
            self._log.warn("no new lease: {problem}", problem=problem)
            return
        self._hold()
        for session in presence.everybody():
            if session.account.registered:
                self._note(session.account, 1)
        await self.read()

    def _failed(self, failure: Any) -> None:
        if not isinstance(failure.value, NotSaved):
            self._log.failure("presence", failure)
