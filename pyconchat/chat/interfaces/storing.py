"""The store and its threads, and the journal that uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from zope.interface import Attribute, Interface

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from twisted.internet.defer import Deferred

    from pyconchat.chat.interfaces.sessions import ISession
    from pyconchat.domain.amending import Target
    from pyconchat.domain.decisions import Decision, Repeated, RequestKey
    from pyconchat.domain.errors import Conflict, NotSaved
    from pyconchat.domain.events import AnyEvent, Entry, Quote
    from pyconchat.domain.names import Key
    from pyconchat.domain.search import Found, Query
    from pyconchat.domain.stored import (
        CursorRecord,
        DirectRecord,
        Loaded,
        ServerState,
        StoredGroup,
        TokenRecord,
    )

T = TypeVar("T")


__all__ = ["ICommits", "IJournal", "IStore", "IThreads"]


class ICommits(Interface):
    """Stores decisions: the part of `IStore` that the journal uses."""

    def commit(batch: Sequence[Decision]) -> list[list[Entry] | Repeated | Conflict | NotSaved]:
        """Store all decisions of *batch* in one transaction.

        Gives each event the next number of its conversation. Returns for each decision its
        entries; or `Repeated` if its request key was stored before; or a `Conflict` if it was made
        on an older state of a group (or changes a state under a request key that was stored
        before); or a `NotSaved` if the database refuses it, but not others. These decisions are
        left out. When this returns, the rest is on disk. Raises `NotSaved`: then nothing is
        stored; or `Unknown`: then `settle` has to be called before the next commit.
        """

    def settle() -> list[list[Entry] | Repeated | Conflict | NotSaved] | None:
        """Return the results of the commit that raised `Unknown`, as `commit`; None if it failed.

        Raises `NotSaved` while that cannot be found out.
        """


class IStore(ICommits):
    """Keeps the log and the state that it has led to. Every method blocks.

    `commit`, `index`, `clean`, `count_day`, `purge`, `state`, `cursors`, `direct`,
    `request_seq`, `mentions` and `token` are called by one thread, `load`, `entries`, `page`,
    `seq_at`, `directs`, `target`, `quotes`, `numbered` and `search` by any.
    """

    nodes = Attribute("The `INodeStore` of the same database.")
    behind = Attribute("Count of stored entries that are not indexed for `search` yet.")
    index_step = Attribute("Count of entries for one `index`, for which a commit may wait.")
    unclean = Attribute("True while the disk has text of removed messages, for `clean`.")

    def open() -> None:
        """Connect, and bring the schema up to date. Raises `BadStore`."""

    def close() -> None:
        """Disconnect. Nothing may be called afterwards."""

    def index(most: int, only: int | None = None) -> bool:
        """Index the next entries for `search`: at most *most*, or those of conversation *only*.

        Returns whether there are more. While another node indexes, only those of *only* are
        indexed. Raises `NotSaved`.
        """

    def clean() -> None:
        """Overwrite a part of the remaining text of removed messages on disk. Raises `NotSaved`."""

    def count_day(now: int) -> list[int]:
        """Count a day of keeping closed groups, if a day has passed at *now* (milliseconds).

        Returns the ids of the groups that have been kept for long enough. Raises `NotSaved`.
        """

    def purge(group: int, most: int) -> bool:
        """Delete the next *most* entries of the closed *group*, and with the last ones the group.

        Returns whether there are more. Raises `NotSaved`.
        """

    def load(summaries: bool = False) -> Loaded:
        """Read what a server keeps in memory. Takes time with groups and accounts, not entries.

        One of several nodes needs only *summaries* of the groups (see `GroupState`).
        """

    def state(ids: Iterable[int]) -> tuple[dict[int, StoredGroup], ServerState | None]:
        """Read the conversations *ids* again: groups, and the server's state.

        That is None if `SERVER` is not among *ids*: it takes time with the accounts. Groups that
        were never stored are left out.
        """

    def cursors(owner: Key) -> list[CursorRecord]:
        """Return what *owner* has not received yet, and an open cursor for each membership.

        A private conversation is included until all of it was shown to *owner*.
        """

    def direct(parties: tuple[str, str]) -> tuple[int, int] | None:
        """Return id and head of the private conversation of *parties*, or None."""

    def request_seq(key: RequestKey) -> int | None:
        """Return the first entry number of the request with *key*; None if it was not stored.

        0 stands for a request that has stored no entry.
        """

    def mentions(owner: Key) -> list[tuple[int, int]]:
        """Return the mentions of *owner*, newest first, as conversations and numbers."""

    def token(digest: str) -> TokenRecord | None:
        """Return the session token with the hash *digest*, or None."""

    def entries(
        conversation: int,
        after: int,
        upto: int,
        limit: int,
        wanted: Callable[[], bool] = lambda: True,
    ) -> list[Entry]:
        """Return the first *limit* entries after *after*, none beyond *upto*, oldest first.

        Raises `TimedOut` as `search` does.
        """

    def page(
        conversation: int,
        after: int,
        upto: int,
        limit: int,
        kinds: Sequence[type[AnyEvent]] = (),
        newest: bool = False,
        without: Sequence[type[AnyEvent]] = (),
    ) -> list[Entry]:
        """Return *limit* entries after *after* up to *upto*: the first or the *newest* of them.

        With *kinds*, only entries of these events are counted and returned; entries of the events
        *without* are not. Oldest first.
        """

    def seq_at(conversation: int, at: int, head: int) -> int:
        """Return the number of the last entry before *at*, of those up to *head*; 0 for none."""

    def directs(party: str) -> list[DirectRecord]:
        """Return the private conversations of *party*, those with the newest entries first."""

    def target(conversation: int, seq: int | None, asker: Key) -> Target | None:
        """Return the entry *seq*, or the last message of *asker*; None if there is none.

        Only the newest entries are searched for the last message.
        """

    def quotes(conversation: int, seqs: Sequence[int]) -> dict[int, Quote]:
        """Return the quotes of those of the entries *seqs* that are messages, by number."""

    def numbered(
        places: Sequence[tuple[int, int]], wanted: Callable[[], bool] = lambda: True
    ) -> list[Entry]:
        """Return the entries at *places* (conversations and numbers), in their order.

        Those that do not exist are left out. Raises `TimedOut` as `search` does.
        """

    def search(
        conversation: int, query: Query, before: int, limit: int, wanted: Callable[[], bool]
    ) -> Found:
        """Return the newest *limit* entries before *before* that *query* finds; maybe fewer.

        One call reads a bounded number of entries: if there may be older results, the next one
        continues before `Found.rest`. Entries that are not indexed yet are not found (see `index`).
        Raises `TimedOut` if it takes too long, or when *wanted*, which is called in this thread,
        returns false.
        """


class IThreads(Interface):
    """The store's threads: one writes, a few read, one searches. Calls are queued in order.

    The callers bound the queue: the journal has one batch in it, each session a read or two.
    """

    def write(call: Callable[..., T], *args: object) -> Deferred[T]:
        """Call in the writing thread, after everything that was queued before."""

    def read(call: Callable[..., T], *args: object) -> Deferred[T]:
        """Call in one of the reading threads."""

    def search(call: Callable[..., T], *args: object) -> Deferred[T]:
        """Call in the searching thread: a search must not keep the others from reading."""


class IJournal(Interface):
    """Makes decisions durable, then public, in the order in which they were appended."""

    full = Attribute("True while too many decisions are pending; doors then stop reading.")
    failing = Attribute("True if the last attempt to store something has failed.")

    def append(
        decision: Decision,
        origin: ISession | None = None,
        done: Deferred[int] | None = None,
        retry: Callable[[], None] | None = None,
    ) -> None:
        """Store *decision* with the others of this tick, then publish it.

        *done* fires when it is published, with the number of its first entry (0 if it has none);
        for a request key that was stored before, with the number of that time. If it could not be
        stored, nobody has seen it: *done* fails with `NotSaved`, or, without *done*, the session
        *origin* is told. If it may have been stored, they get the refusal `Code.UNKNOWN`. *origin*
        has typed it, and gets no echo. After a `Conflict`, *retry* is called once the group has
        been read again; without it, the decision is not saved.
        """

    def read_in_order(read: Callable[..., T], *args: object) -> Deferred[T]:
        """Call the store's *read* after all earlier commits and before all later ones.

        Fires when everything that was committed before it has been published. Fails with
        `NotSaved`.
        """

    def read(read: Callable[..., T], *args: object) -> Deferred[T]:
        """Call the store's *read* at once, in parallel with commits. Fails with `NotSaved`."""

    def settled() -> Deferred[int]:
        """Fire when everything that was appended so far is stored and published.

        Fails with `NotSaved` if nothing can be stored now: the state in memory may have to be
        undone.
        """

    def when_published() -> Deferred[int]:
        """Fire when everything that was appended so far is published, or lost: for readers.

        Fires at once if nothing is pending.
        """

    def when_not_full() -> Deferred[None]:
        """Fire when `full` is false; at once if it is."""

    def when_committed() -> Deferred[None]:
        """Fire when the current commit is done; at once if there is none."""

    def when_idle() -> Deferred[None]:
        """Fire when everything that was appended is stored and published."""
