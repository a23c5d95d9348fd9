"""FillingCommits: commits of one of several nodes, with the entries of other nodes in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set

from msgspec.structs import replace
from zope.interface import implementer

from pyconchat.chat.interfaces import ICommits, INodeStore, IStore
from pyconchat.domain.decisions import Decision, Repeated
from pyconchat.domain.errors import Conflict, NotSaved, Unknown
from pyconchat.domain.events import Entry
from pyconchat.domain.stored import Caught

__all__ = ["MAX_CAUGHT", "FillingCommits"]

MAX_CAUGHT = 1000
"""Maximum entries of a conversation that are read at once to close a gap."""

Results = list["list[Entry] | Repeated | Conflict | NotSaved"]


@implementer(ICommits)
class FillingCommits:
    """Commits to *store* in the writer's thread; the journal uses it in place of the store.

    After a commit, *nodes* reads what other nodes have stored between what this node knows and the
    new entries, and what has led to a conflict. No commit of ours comes between, as it is in the
    same thread. *known* returns the number of the newest known entry of a conversation, None if it
    is not in memory, and *version* that of its group's state. They read integers that the reactor's
    thread only increases; an old one means that something is read in vain.
    """

    def __init__(
        self,
        store: IStore,
        nodes: INodeStore,
        known: Callable[[int], int | None],
        version: Callable[[int], int],
    ) -> None:
        self._store = store
        self._nodes = nodes
        self._known = known
        self._version = version
        self._batch: Sequence[Decision] = ()
        self._stored: Results | None = None  # the results of a commit, until its gaps are filled
        self._caught: dict[int, Caught] = {}
        self._conflicts: set[int] = set()

    def commit(self, batch: Sequence[Decision]) -> Results:
        """As `IStore.commit`."""
        self._batch = batch
        return self._filled(self._store.commit(batch))

    def settle(self) -> Results | None:
        """As `IStore.settle`."""
        stored = self._stored if self._stored is not None else self._store.settle()
        return None if stored is None else self._filled(stored)

    def take(self) -> tuple[Mapping[int, Caught], set[int]]:
        """Return the entries that the last commit has read, once; in the reactor's thread.

        And the conversations in which it had conflicts.
        """
        caught, self._caught = self._caught, {}
        conflicts, self._conflicts = self._conflicts, set()
        return caught, conflicts

    def _filled(self, stored: Results) -> Results:
        """Read what lies before *stored*, and return that. Raises `NotSaved` or `Unknown`."""
        gaps = self._gaps(stored)
        if gaps:
            self._stored = stored
            try:
                self._caught = self._catch_up(gaps, self._conflicts)
            except NotSaved as error:
                # It is saved, but must not be published before the entries before it.
                raise Unknown(f"the entries before it cannot be read: {error}") from error
        self._stored = None
        return stored

    def _catch_up(self, known: Mapping[int, int], conflicts: Set[int]) -> dict[int, Caught]:
        """Read all that the conversations have after the *known* entries.

        The states of groups with *conflicts* are read in any case: a refused decision has changed
        those in memory.
        """
        versions = {id: self._version(id) for id in known.keys() - conflicts}
        caught = dict(self._nodes.catch_up(known, MAX_CAUGHT, versions))
        for id, first in caught.items():
            entries, last = list(first.entries), first
            while last.more:
                after = {id: entries[-1].seq}
                more = self._nodes.catch_up(after, MAX_CAUGHT, versions).get(id)
                if more is None:  # its log was removed meanwhile
                    break
                last = more
                entries += last.entries
            caught[id] = replace(last, entries=entries)
        return caught

    def _gaps(self, stored: Results) -> dict[int, int]:
        """Return the known number of each conversation that has a gap or a conflict."""
        first: dict[int, int] = {}
        conflicts: set[int] = set()
        for decision, result in zip(self._batch, stored, strict=True):
            if isinstance(result, list):
                for entry in result:
                    first.setdefault(entry.conversation, entry.seq)
            elif isinstance(result, Conflict):
                conflicts.update(new.conversation for new in decision.entries)
        found = {id: self._known(id) for id in {*first, *conflicts}}
        # A closed group that is not in memory any more has no state to be read.
        self._conflicts = conflicts = {id for id in conflicts if found[id] is not None}
        known = {id: seq or 0 for id, seq in found.items()}
        return {
            id: seq
            for id, seq in known.items()
            if id in conflicts or (id in first and first[id] > seq + 1)
        }
