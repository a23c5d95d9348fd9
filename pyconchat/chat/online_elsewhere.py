"""OnlineElsewhere: who is online at the other nodes, as their notices and the store say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from pyconchat.chat.interfaces import INodeStore, IThreads
from pyconchat.chat.memory import Memory
from pyconchat.chat.session_registry import SessionRegistry
from pyconchat.domain.absence import Absence
from pyconchat.domain.accounts import Account, is_guest_party
from pyconchat.domain.errors import NotSaved, Refused
from pyconchat.domain.names import Key, fold
from pyconchat.domain.stored import NodeRecord, Online, OnlineRecord
from pyconchat.domain.text import safe_line
from pyconchat.net.waiters import Waiters

__all__ = ["OnlineElsewhere", "PresenceNotice"]


class PresenceNotice(msgspec.Struct, frozen=True, tag="online"):
    """Accounts have come to a node, or gone (with no sessions).

    *count* is that of all records that the node has stored up to these (see `NodeRecord.count`);
    0: another node tells this, because the lease of theirs has ended.
    """

    records: list[OnlineRecord]
    count: int = 0


class OnlineElsewhere:
    """Keeps `Presence.elsewhere`; *own* returns the id of this node.

    Each node counts its stored records. A node that has received fewer of them reads all of its
    records from the store *nodes*.
    """

    _log = Logger()

    def __init__(
        self,
        memory: Memory,
        registry: SessionRegistry,
        nodes: INodeStore,
        threads: IThreads,
        own: Callable[[], int],
    ) -> None:
        self._memory = memory
        self._registry = registry
        self._nodes = nodes
        self._threads = threads
        self._own = own
        self._heard: dict[int, int] = {}  # the counts of received records, by node
        self._stored: dict[int, int] = {}  # the counts that were stored at the last `compare`
        self._records: Counter[int] = Counter()  # the users online at each node
        self._dead: set[int] = set()  # nodes with users that were not living at the last `compare`
        # The records received during a read, with their counts.
        self._meanwhile: list[tuple[OnlineRecord, int]] = []
        self._reading = False
        self._read = Waiters()  # for the end of the reading
        self._watchers: list[Callable[[Account], None]] = []

    def watch(self, watcher: Callable[[Account], None]) -> None:
        """Call *watcher* with each account that has come to another node, or has left one."""
        self._watchers.append(watcher)

    def start(self, online: Online) -> None:
        """Begin with the records that were read before the start."""
        self._heard.update(online.counts)
        for record in online.records:
            self._set(record, quiet=True)

    def is_guest(self, key: Key) -> bool:
        """Return whether the account *key* is a guest of another node, as far as known."""
        account = self._memory.accounts.get(key)
        is_guest = account is not None and not account.registered
        return is_guest and key in self._memory.presence.elsewhere

    # Notices.

    def heard(self, notice: PresenceNotice) -> None:
        """Apply the notice of another node; records that are known already are ignored."""
        records = [record for record in notice.records if record.node != self._own()]
        if notice.count and records:
            node = records[0].node
            known = self._heard.get(node, 0)
            if notice.count <= known:
                return
            if notice.count == known + len(records):  # otherwise `compare` finds out
                self._heard[node] = notice.count
        for record in records:
            self._set(record)
            if self._reading:
                self._meanwhile.append((record, notice.count))

    def ended(self, record: OnlineRecord) -> None:
        """Apply the end of the lease of the node of *record*."""
        if record.node in self._memory.presence.elsewhere.get(fold(record.name), {}):
            self._gone(record)

    # Reading.

    def compare(self, living: Sequence[NodeRecord]) -> Deferred[None] | None:
        """Read the users of nodes whose notices were lost, and remove the users of dead nodes.

        Notices of records that were stored since the last call may still arrive.
        """
        counts = {each.id: each.count for each in living if each.id != self._own()}
        missed = [
            node
            for node, count in self._stored.items()
            if node in counts and self._heard.get(node, 0) < count
        ]
        self._stored = counts
        dead = {node for node, count in self._records.items() if count and node not in counts}
        self._remove(dict.fromkeys(dead & self._dead, ()))  # not one that has just begun
        self._dead = dead
        self._heard = {node: count for node, count in self._heard.items() if node not in dead}
        return self.read(missed) if missed else None

    def read(self, nodes: Collection[int] | None = None) -> Deferred[None]:
        """Read who is online at *nodes*; None: at all that live.

        Fires when that is done, or cannot be done.
        """
        if self._reading:
            return self._read.wait(False)
        self._reading = True

        def found(online: Online) -> None:
            kept: dict[int, set[str]] = {
                node: set() for node in (self._records if nodes is None else nodes)
            }
            for record in online.records:
                kept.setdefault(record.node, set()).add(record.party)
            self._remove(kept)
            for record in online.records:
                self._set(record)
            for record, count in self._meanwhile:
                if not count or count > online.counts.get(record.node, 0):  # not read
                    self._set(record)
            for node, count in online.counts.items():
                self._heard[node] = max(count, self._heard.get(node, 0))

        def failed(failure: Failure) -> None:
            if not isinstance(failure.value, NotSaved):
                self._log.failure("presence", failure)

        def done(_: object) -> None:
            self._reading = False
            self._meanwhile.clear()
            self._read.fire()

        reading = self._threads.write(self._nodes.online, nodes)
        return reading.addCallback(found).addErrback(failed).addCallback(done)

    def nodes_of(self, key: Key) -> Collection[int]:
        """Return the other nodes at which the account *key* is online, as far as known."""
        return list(self._memory.presence.elsewhere.get(key, ()))

    # Records.

    def _set(self, record: OnlineRecord, quiet: bool = False) -> None:
        """Record that somebody is online at another node, or no longer (with no sessions)."""
        key = fold(record.name)
        elsewhere = self._memory.presence.elsewhere
        known: OnlineRecord | None = elsewhere.get(key, _NOWHERE).get(record.node)
        if record.sessions:
            if known is not None and known.party != record.party:
                self._gone(known)
                known = None
            was_online = self._memory.presence.online(key)
            elsewhere.setdefault(key, {})[record.node] = record
            self._records[record.node] += known is None
            account = self._memory.accounts.get(key)
            if account is None:
                account = self._add_guest(record)
            if account is not None and not was_online and not quiet:
                self._registry.elsewhere_changed(account, True)
            self.note_absence(key)
            if known is None:
                self._call_watchers(key)
        elif known is not None and known.party == record.party:
            self._gone(known)

    def _remove(self, kept: Mapping[int, Collection[str]]) -> None:
        """Remove the records of some nodes, except the records of the parties *kept* of each."""
        if not kept:
            return
        for nodes in list(self._memory.presence.elsewhere.values()):
            for node in nodes.keys() & kept.keys():
                if nodes[node].party not in kept[node]:
                    self._gone(nodes[node])

    def _gone(self, record: OnlineRecord) -> None:
        key = fold(record.name)
        elsewhere = self._memory.presence.elsewhere
        others = elsewhere[key]
        del others[record.node]
        self._records[record.node] -= 1
        if not others:
            del elsewhere[key]
        self._call_watchers(key)
        self.note_absence(key)
        if any(each.party == record.party for each in others.values()):
            return
        account = self._memory.accounts.get(key)
        if account is None or account.party != record.party:
            return
        if not self._memory.presence.attended(key):
            self._registry.elsewhere_changed(account, False)
            if not account.registered:
                self._memory.accounts.remove(account)
                self._registry.revoke(account)
        if not account.registered:
            self._registry.forget_elsewhere(record.party)
            self.add_next_guest(key)

    def add_next_guest(self, key: Key) -> None:
        """Add the guest who has the name *key* at another node, now that it is free here."""
        for record in self._memory.presence.elsewhere.get(key, _NOWHERE).values():
            if self._memory.accounts.get(key) is None:
                account = self._add_guest(record)
                if account is not None:
                    self._registry.elsewhere_changed(account, True)

    def _add_guest(self, record: OnlineRecord) -> Account | None:
        """Add, and return, the account of *record*, unless it is a registered one.

        Or its name is reserved by somebody here who registers it, and will be refused.
        """
        if not is_guest_party(record.party):
            return None
        account = Account(record.name)
        account.party = record.party
        try:
            self._memory.accounts.add(account)
        except Refused:
            return None
        return account

    def note_absence(self, key: Key) -> None:
        """Make the account *key*, if it has no session here, away if it is at all other nodes."""
        account = self._memory.accounts.get(key)
        if account is None:
            return
        records = self._memory.presence.elsewhere.get(key, _NOWHERE).values()
        texts = [each.away for each in records if each.away is not None]
        absence, known = None, account.absence
        if texts and len(texts) == len(records):
            # Text from a bus is safe for a terminal only after it was checked again.
            absence = Absence(safe_line(texts[0]), max(each.away_at for each in records))
        if _what(absence) != _what(known):
            self._registry.absences.changed_elsewhere(account, absence)

    def _call_watchers(self, key: Key) -> None:
        account = self._memory.accounts.get(key)
        if account is not None:
            for watcher in self._watchers:
                watcher(account)


def _what(absence: Absence | None) -> tuple[str, int] | None:
    return None if absence is None else (absence.text, absence.at)


_NOWHERE: Mapping[int, OnlineRecord] = {}
