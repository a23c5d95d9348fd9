"""Every contract between the parts. Who implements one finds all of it here.

Arguments named *after*, *upto*, *seq* are entry numbers, *at* is in milliseconds since the
epoch, and blocks are bytes ready for a connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from zope.interface import Attribute, Interface

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.defer import Deferred

    from pyconchat.chat.conversation import Conversation
    from pyconchat.domain.decisions import Decision, MoveCursor, Repeated, RequestKey
    from pyconchat.domain.errors import Conflict, Refused
    from pyconchat.domain.events import Entry
    from pyconchat.domain.names import Key
    from pyconchat.domain.replies import EndWhy, Reply, Where
    from pyconchat.domain.stored import CursorRecord, Loaded, ServerState, StoredGroup, TokenRecord
    from pyconchat.domain.text import SafeText

T = TypeVar("T")


class IStore(Interface):
    """Keeps the log and the state that it has led to. Every method blocks.

    `commit`, `index`, `state`, `cursors`, `direct`, `request_seq` and `token` are called by one
    thread, `load`, `entries` and `search` by any.
    """

    behind = Attribute("How many of the stored entries `search` does not know yet.")

    def open() -> None:
        """Connect, and bring the schema up to date. Raises `BadStore`."""

    def close() -> None:
        """Disconnect. Nothing may be called afterwards."""

    def commit(batch: Sequence[Decision]) -> list[list[Entry] | Repeated | Conflict]:
        """Store all decisions of *batch* in one transaction.

        Gives each event the next number of its conversation. Returns for each decision its
        entries; `Repeated` for one whose request key was stored before, and which was left out;
        a `Conflict` for one that was left out because it was made on a state that has passed (or
        changes the state once more under a key that was stored before). When this returns, the
        rest is on disk. Raises `NotSaved`: then nothing is stored.
        """

    def index(most: int, only: int | None = None) -> bool:
        """Let `search` know the next entries, *most* of them, or of one conversation *only*.

        Returns whether there are more of the same conversations. Raises `NotSaved`.
        """

    def load() -> Loaded:
        """Read what a server keeps in memory. Takes time with groups and accounts, not entries."""

    def state(ids: Iterable[int]) -> tuple[dict[int, StoredGroup], ServerState]:
        """Read groups, and the server, again. A group that was never stored is left out."""

    def cursors(owner: Key) -> list[CursorRecord]:
        """Return what *owner* has still to receive, and an open cursor for each membership."""

    def direct(parties: tuple[str, str]) -> tuple[int, int] | None:
        """Return id and head of the private conversation of *parties*, None if there is none."""

    def request_seq(key: RequestKey) -> int | None:
        """Return the first number of what the request of *key* led to; None if it was not made.

        0 stands for something that has no number.
        """

    def token(digest: str) -> TokenRecord | None:
        """Return whose session token it is of which *digest* is the hash."""

    def entries(conversation: int, after: int, upto: int, limit: int) -> list[Entry]:
        """Return the first *limit* entries after *after*, none beyond *upto*, oldest first."""

    def search(conversation: int, words: Sequence[str], limit: int) -> list[Entry]:
        """Return the newest *limit* messages that have all of *words*, oldest first.

        Those that are not indexed yet are not found (see `index`).
        """


class IThreads(Interface):
    """The store's threads: one that writes, a few that read. Work waits in order.

    The waiting work is bounded by those who ask: a batch at a time for the journal, and a read
    or two at a time for each session.
    """

    def write(call: Callable[..., T], *args: object) -> Deferred[T]:
        """Call in the thread that writes, after all that it was given before."""

    def read(call: Callable[..., T], *args: object) -> Deferred[T]:
        """Call in one of the threads that read."""


class IJournal(Interface):
    """Makes decisions durable, then public, in the order in which they were given."""

    full = Attribute("True while more waits to be stored than should; readers then pause.")

    def append(decision: Decision) -> None:
        """Store *decision* with the others of this tick.

        When it is on disk it is published, and its `done`, if any, fires with the number of its
        first entry (0 if it has none). One that was stored before, under the same request key,
        is not stored again, and fires with the number of then. When it could not be stored,
        nobody has seen it: its origin is told, and `done` fails with `NotSaved`.
        """

    def in_order(read: Callable[..., T], *args: object) -> Deferred[T]:
        """Call the store's *read* after all commits under way and before all later ones.

        Fires after what was committed before it has been published. Fails with `NotSaved`.
        """

    def read(read: Callable[..., T], *args: object) -> Deferred[T]:
        """Call the store's *read* at once, beside the commits. Fails with `NotSaved`."""

    def when_not_full() -> Deferred[None]:
        """Fire when there is room again; at once if there is."""


class IRenderer(Interface):
    """Turns events and replies into bytes, in one style. Pure: the same in gives the same out."""

    def talk(entries: Sequence[Entry], where: Where) -> list[str]:
        """Return one piece for each message or action, to be joined by `block`."""

    def entry(entry: Entry, where: Where, reader: Key) -> str:
        """Return the piece for any entry as *reader* sees it; empty if there is nothing to say."""

    def replay(entries: Sequence[Entry], where: Where, reader: Key, heading: str) -> bytes:
        """Return entries of the past, with their time, under *heading*; empty if none show."""

    def block(pieces: Iterable[str]) -> bytes:
        """Join pieces into what is written to a connection."""

    def reply(reply: Reply) -> bytes:
        """Return a reply."""

    def refusal(refused: Refused) -> bytes:
        """Return a refusal."""


class ServerAddress(NamedTuple):
    """Where a peer has reached the server: what it would connect to once more."""

    host: str
    port: int
    tls: bool = False


class IPeer(Interface):
    """The other side of a session, as a door presents it."""

    renderer = Attribute("The `IRenderer` of this connection.")
    hides = Attribute("True if what is typed as a secret does not show on the screen.")
    program = Attribute(
        "True of a program: it names the group in each request, keeps tokens and numbers, and"
        " gets back what it says."
    )
    reached = Attribute("Where the peer has `ServerAddress` the server.")
    network = Attribute("What the connection is counted by: see `limits.network_of`.")

    def write(block: bytes) -> None:
        """Send *block*, or queue it within the bound; a peer over the bound is dropped."""

    def ask(prompt: str, secret: bool = False) -> Deferred[str]:
        """Put a question; fires with the answer. Fails with `PeerGone` if the peer goes away.

        Raises `MustAsk` where nobody is there to be asked.
        """

    def drained() -> Deferred[None] | None:
        """Return None if more may be written now, or what fires when it may."""

    def acknowledged() -> bool:
        """Return whether the peer's kernel has all that was ever written to it."""

    def refresh() -> None:
        """Show the prompt anew: the current group has changed."""

    def hang_up(last: bytes = b"") -> None:
        """Send *last* and end the connection, after all of it has had its chance to arrive."""


class ISession(Interface):
    """One login through one door, as the chat and its commands see it."""

    account = Attribute("The `Account` that is logged in.")
    peer = Attribute("The `IPeer` through which it came.")
    current = Attribute("The `Conversation` of the current group; None at the front desk.")
    renderer = Attribute("The peer's `IRenderer`.")
    starting = Attribute("True until what was missed has been looked up.")
    awaiting = Attribute("The `Conversation` that `wait_for` named, or None.")
    parting = Attribute("The reason that was given to `quit`.")

    def hears(conversation: Conversation) -> bool:
        """Return whether the session follows *conversation*."""

    def attach(conversation: Conversation, after: int, told: int = 0) -> None:
        """Follow *conversation*, whose entries up to *after* the session does not need.

        Nor does it need the one numbered *told*.
        """

    def caught_up(conversation: Conversation) -> Deferred[None]:
        """Fire when the session is live on *conversation*; at once if it is, or never will be."""

    def detach(conversation: Conversation, upto: int) -> None:
        """Follow *conversation* no longer: its entry *upto* was the last."""

    def was_told(conversation: Conversation, seq: int) -> None:
        """Take note that the entry *seq* of a group that is not followed was shown."""

    def enter(conversation: Conversation | None) -> None:
        """Make *conversation* current, or go to the front desk."""

    def receipts() -> list[MoveCursor]:
        """Return what the peer has received since the last call, if anything is certain."""

    def unread(conversation: Conversation) -> int:
        """Return how many entries of *conversation* have not been written to the peer."""

    def where(conversation: Conversation) -> Where:
        """Return from where this session looks at *conversation*."""

    def say(reply: Reply) -> None:
        """Tell the person something."""

    def refuse(refused: Refused) -> None:
        """Tell the person that it cannot be, and why."""

    def not_saved() -> None:
        """Tell the person that what they said could not be stored."""

    def ask(prompt: str, secret: bool = False) -> Deferred[str]:
        """As `IPeer.ask`."""

    def end(why: EndWhy, reason: str) -> None:
        """Say *reason* and end the session."""

    def quit(reason: SafeText) -> None:
        """End the session because the person wants to; others are told *reason*."""

    def is_at(conversation: Conversation) -> bool:
        """Return whether the person is still in *conversation*; a program always is."""

    def wait_for(conversation: Conversation) -> None:
        """Enter *conversation* when its admin approves, unless the person goes on elsewhere."""


class IPresence(Interface):
    """Who is online, and through which sessions."""

    def sessions(key: Key) -> Sequence[ISession]:
        """Return the sessions of the account with *key*."""

    def everybody() -> Iterable[ISession]:
        """Return all sessions."""

    def online(key: Key) -> bool:
        """Return whether the account with *key* has a session."""


class IHasher(Interface):
    """Hashes passwords, off the reactor's thread and within a bound."""

    def hash(password: str) -> Deferred[str]:
        """Fire with a hash of *password*. Raises `Refused` with `Code.BUSY` at the bound."""

    def verify(hash: str, password: str) -> Deferred[bool]:
        """Fire with whether *password* is the one of *hash*. Raises as `hash`.

        An empty *hash* is nobody's: no password is right, and that takes as long to find out.
        """
