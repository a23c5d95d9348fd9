"""Incoming: publishes the stored entries of this node and the others, in the order of the log.

Only a server that is one of several nodes has it. The bus saves time, but it may lose, repeat or
reorder: if an entry does not follow the known ones, the gap is read from the store.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from pyconchat.chat.behind import Behind
from pyconchat.chat.blocks import BadBlock, Entries, Head, Notice, account_of, decode_block
from pyconchat.chat.box import Box
from pyconchat.chat.conversations import DirectConversation, GroupConversation
from pyconchat.chat.gap_filling import MAX_CAUGHT, FillingCommits
from pyconchat.chat.interfaces import IBus, IBusListener, IJournal, INodeStore, ISession
from pyconchat.chat.journal import Journal
from pyconchat.chat.memory import Memory
from pyconchat.chat.other_states import OtherStates
from pyconchat.chat.pending import PendingDecision
from pyconchat.chat.publisher import Publisher, Runs, runs_of
from pyconchat.chat.recovery import Recovery
from pyconchat.chat.telling import tell, versions_of
from pyconchat.domain.events import Entry, about, decode
from pyconchat.domain.names import Key
from pyconchat.domain.stored import Caught

__all__ = ["Incoming"]

GAP_SECONDS = 0.03
"""Seconds that a gap may wait to be filled by the bus, before it is read from the store."""

NEWEST = 2**62
"""More than the number of any entry."""

MAX_ENTRIES = 2000
"""Maximum entries of all conversations that are read, and accepted in one turn of the reactor."""


@implementer(IBusListener)
class Incoming:
    """Receives the entries of all nodes; *node* is the name of this one.

    *noticed* is called with the payloads of the notices of other nodes, *reconnected* when the bus
    has connected, since when anything may have been missed, and *stored* with decisions of this
    node, to tell the others what is in no conversation. *found_private* is called with a private
    conversation that is not in memory, the account whose topic it came by, and the number before
    its entries: it calls `read`. *added* is called with each group whose state was read here for
    the first time, or after a summary.

    An entry is *accepted* when all entries before it are: then it follows in the queue of what the
    journal publishes, and the state in memory is that after it, or a later one.
    """

    _log = Logger()

    def __init__(
        self,
        node: str,
        memory: Memory,
        nodes: INodeStore,
        publisher: Publisher,
        recovery: Recovery,
        bus: Callable[[IBusListener], IBus],
        reactor: IReactorTime,
        noticed: Callable[[bytes], None],
        reconnected: Callable[[], None],
        stored: Callable[[Sequence[PendingDecision]], None],
        found_private: Callable[[int, Key, int], object],
        added: Callable[[int], None],
    ) -> None:
        self._node = node
        self._memory = memory
        self._nodes = nodes
        self._publisher = publisher
        self._recovery = recovery
        self._states = OtherStates(memory)
        self.bus = bus(self)
        self._reactor = reactor
        self._noticed = noticed
        self._reconnected = reconnected
        self._decisions_stored = stored
        self._found_private = found_private
        self._added = added
        self.journal: Journal  # set by `Nodes`
        self.commits: FillingCommits  # set by `Nodes`
        self._accepted: dict[int, int] = {}  # where it is more than the published one
        self._box = Box()
        self._behind = Behind(self._catch_up, self._caught, self.known_in_memory, reactor)
        self._fresh: set[int] = set()  # conversations of conflicts, whose state was just read
        self.gaps = self.conflicts = 0  # for the metrics

    def known(self, id: int) -> int:
        """Return the number of the newest accepted entry of the conversation *id*."""
        accepted = self._accepted.get(id)
        if accepted is not None:
            return accepted
        conversation = self._memory.conversations.get(id)
        return 0 if conversation is None else conversation.published

    def known_in_memory(self, id: int) -> int | None:
        """As `known`, but None if the conversation is not in memory, or only its summary."""
        conversation = self._memory.conversations.get(id)
        if conversation is None or conversation.is_summary:
            return None
        accepted = self._accepted.get(id)  # before `published`: the writer's thread asks, too
        return conversation.published if accepted is None else accepted

    def version(self, id: int) -> int:
        """Return the version of the stored state of the group *id*; -1 if it is not in memory."""
        conversation = self._memory.conversations.get(id)
        return conversation.version if isinstance(conversation, GroupConversation) else -1

    # Entries of this node.

    def publish(
        self, decisions: Sequence[PendingDecision], stored: Sequence[Sequence[Entry]]
    ) -> Iterator[int]:
        """Accept the *stored* entries of *decisions*, and the entries of other nodes before them.

        Publishes them to the other nodes. Returns the same as `Publisher.publish`.
        """
        caught, self._fresh = self.commits.take()
        runs = runs_of(decisions, stored)
        versions = versions_of(decisions, stored)
        tell(self.bus, self._node, self._memory, runs, versions)
        self._decisions_stored(decisions)
        for id in self._fresh - caught.keys():
            missing = self._memory.conversations.get(id)
            if isinstance(missing, GroupConversation):  # its creation was refused
                self._memory.restore_group(missing, None)
        others: set[tuple[int, int]] = set()
        for id in {**runs, **caught}:
            conversation = self._memory.conversations.get(id)
            entries, origins = runs.get(id, ([], []))
            if conversation is None:
                continue
            if isinstance(conversation, GroupConversation):
                changed = [each + 1 for each in versions.get(id, {}).values() if each is not None]
                conversation.version = max(conversation.version, *changed, 0)
            if id in caught:
                own = {each.seq for each in entries}
                others.update((id, each.seq) for each in caught[id].entries if each.seq not in own)
                self._states.match(conversation, caught[id], self.known(id), own, id in self._fresh)
                runs[id] = _merged(caught[id].entries, entries, origins)
            runs[id] = self._new(id, *runs[id])
        return self._deliver({id: run for id, run in runs.items() if run[0]}, others)

    def recover(self, journal: IJournal, decisions: Sequence[PendingDecision]) -> None:
        """Decide once more what had a conflict, on the state that `publish` has caught.

        All else is left to *recovery*.
        """
        again: list[Callable[[], None]] = []
        others: list[PendingDecision] = []
        for pending in decisions:
            ids = {new.conversation for new in pending.decision.entries}
            if pending.retry is not None and ids and ids <= self._fresh:
                again.append(pending.retry)
            else:
                others.append(pending)
        if others:
            self._recovery.recover(journal, others)
        self.conflicts += len(again)
        for retry in again:
            retry()

    # Blocks of other nodes.

    def heard(self, topic: str, data: bytes) -> None:
        try:
            block = decode_block(data)
        except BadBlock as problem:
            self._log.warn("a block of another node is damaged: {problem}", problem=problem)
            return
        match block:
            case Entries(_, id, first, entries):
                if self.known_in_memory(id) is None:
                    self._found(topic, id, first - 1)
                else:
                    for dropped in self._box.put(id, first, entries, self.known(id)):
                        self.read(dropped)
                    self._advance(id)
            case Head(_, id, last):
                if self.known_in_memory(id) is None:
                    self._found(topic, id, last - 1)
                elif self.known(id) < last:
                    self._wait_for(id)
            case Notice(_, payload):
                self._noticed(payload)

    def _found(self, topic: str, id: int, before: int) -> None:
        """Read a conversation that is not in memory, whose entry *before* + 1 was received."""
        key = account_of(topic)
        if self._memory.conversations.get(id) is not None:  # its summary
            self.read(id, before)
        elif key is None:
            self.read(id, 0)
        else:
            self._found_private(id, key, before)

    def connected(self) -> None:
        self._reconnected()

    def _advance(self, id: int) -> None:
        """Accept what is next from the box; if something else is there, wait for what is before."""
        conversation = self._memory.conversations.get(id)
        if conversation is None:
            return
        entries: list[Entry] = []
        seq = self.known(id) + 1
        while (found := self._box.get(id, seq)) is not None:
            entry = Entry(id, seq, found.at, decode(found.body.decode()))
            if about(entry.event):  # the quote of the earlier entry is read with it
                self.read(id)
                break
            if not self._states.replay(conversation, entry, found.version):
                break
            entries.append(entry)
            seq += 1
        self._box.remove(id, seq - 1)
        if entries:
            self._show(id, entries)
        if id in self._box:
            self._wait_for(id)

    # Gaps.

    def _wait_for(self, id: int) -> None:
        """Read the missing entries before those in the box, unless the bus delivers them soon."""
        self._reactor.callLater(GAP_SECONDS, self._read_if_missing, id, self.known(id))

    def _read_if_missing(self, id: int, known: int) -> None:
        if self.known(id) == known:
            self.gaps += 1
            self.read(id)

    def read(self, id: int, after: int | None = None) -> None:
        """Read the new entries of the conversation *id* from the store.

        If it is not in memory, that is everything after *after*. Of a group of which only a summary
        is in memory, the state is read, and by default no entries.
        """
        if after is None:
            after = NEWEST if self.is_summary(id) else self.known(id)
        self._behind.add(id, after)

    def is_summary(self, id: int) -> bool:
        """Return whether *id* is that of a group of which only a summary is in memory."""
        conversation = self._memory.conversations.get(id)
        return conversation is not None and conversation.is_summary

    def when_read(self, ids: Collection[int] | None = None) -> Deferred[None]:
        """As `Behind.when_read`."""
        return self._behind.when_read(ids)

    def _catch_up(self, after: Mapping[int, int]) -> Deferred[dict[int, Caught]]:
        versions = {id: self.version(id) for id in after}
        most = min(MAX_CAUGHT, MAX_ENTRIES // len(after))
        return self.journal.read_in_order(self._nodes.catch_up, after, most, versions)

    async def refresh(self, heads: Mapping[int, int]) -> None:
        """Read the states of groups that are not followed, which have these *heads*.

        Their entries are passed over, unless they matter here. Raises `NotSaved`.
        """
        caught = await self._catch_up(heads)
        for id, each in list(caught.items()):
            conversation = self._memory.conversations.get(id)
            if (
                isinstance(conversation, GroupConversation)
                and id not in self._accepted
                and self._states.may_pass(conversation, each)
            ):
                if conversation.is_summary:
                    self._states.renew_summary(conversation, each)
                    del caught[id]
                else:
                    conversation.pass_over(heads[id])
            else:
                self.read(id, self.known(id))
                del caught[id]
        failed = self._caught(caught)
        for id, each in caught.items():
            if each.more or id in failed:
                self.read(id)

    def _caught(self, caught: Mapping[int, Caught]) -> set[int]:
        """Apply the read entries; return the conversations of which that has failed."""
        failed: set[int] = set()
        for id, each in caught.items():
            try:
                self._take(id, each)
            except Exception:  # it must not keep the others back
                self._log.failure("conversation {id} cannot be taken over", id=id)
                failed.add(id)
        return failed

    def _take(self, id: int, caught: Caught) -> None:
        """Apply the state and the entries that were *caught* of the conversation *id*."""
        conversation = self._memory.conversations.get(id)
        if conversation is None:
            conversation = self._states.add(id, caught)
            if conversation is None:
                return
            if isinstance(conversation, GroupConversation):
                self._added(id)
        elif isinstance(conversation, GroupConversation) and conversation.is_summary:
            self._states.load(conversation, caught)
            self._added(id)
        else:
            self._states.match(conversation, caught, self.known(id))
        entries, _ = self._new(id, caught.entries, [None] * len(caught.entries))
        if entries:
            self._show(id, entries)
        self._box.remove(id, self.known(id))
        if not caught.more:
            self._advance(id)

    # Publishing.

    def _new(
        self, id: int, entries: list[Entry], origins: list[ISession | None]
    ) -> tuple[list[Entry], list[ISession | None]]:
        """Accept the next ones of *entries*; return them and their *origins*."""
        known = self.known(id)
        if entries and entries[0].seq <= known:
            keep = [index for index, each in enumerate(entries) if each.seq > known]
            entries = [entries[index] for index in keep]
            origins = [origins[index] for index in keep]
        if entries:
            assert entries[0].seq == known + 1, "the gap before it was filled"
            self._accepted[id] = entries[-1].seq
        return entries, origins

    def _show(self, id: int, entries: list[Entry]) -> None:
        conversation = self._memory.conversations.get(id)
        if isinstance(conversation, DirectConversation):
            self._states.note_correspondents(conversation, entries)
        self._accepted[id] = entries[-1].seq
        others = {(id, entry.seq) for entry in entries}
        self.journal.publish(self._deliver({id: (entries, [None] * len(entries))}, others))

    def _deliver(self, runs: Runs, others: Collection[tuple[int, int]]) -> Iterator[int]:
        yield from self._publisher.deliver(runs, others)
        for id in runs:
            conversation = self._memory.conversations.get(id)
            if conversation is None or conversation.published >= self._accepted.get(id, 0):
                self._accepted.pop(id, None)


def _merged(
    caught: Sequence[Entry], own: Sequence[Entry], origins: Sequence[ISession | None]
) -> tuple[list[Entry], list[ISession | None]]:
    """Return the *caught* entries with the *origins* of the *own* ones."""
    typed = {entry.seq: (entry, origin) for entry, origin in zip(own, origins, strict=True)}
    pairs = [typed.get(entry.seq, (entry, None)) for entry in caught]
    return [entry for entry, _ in pairs], [origin for _, origin in pairs]
