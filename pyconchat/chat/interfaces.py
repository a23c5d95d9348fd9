"""Every contract between the parts of a server. Whoever implements one finds all of it here.

Arguments named *after*, *upto*, *seq* are entry numbers, *at* is in milliseconds since the
epoch, and blocks are bytes ready to be written to a connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from zope.interface import Attribute, Interface

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from twisted.internet.defer import Deferred

    from pyconchat.chat.audience import Send
    from pyconchat.chat.conversations import Conversation, GroupConversation
    from pyconchat.chat.places import Place
    from pyconchat.domain.accounts import Account
    from pyconchat.domain.amending import Target
    from pyconchat.domain.decisions import Decision, MoveCursor, Repeated, RequestKey
    from pyconchat.domain.errors import Conflict, NotSaved, Refused
    from pyconchat.domain.events import AnyEvent, Entry, Quote
    from pyconchat.domain.names import Key, Name
    from pyconchat.domain.replies import EndWhy, Reply, Where
    from pyconchat.domain.search import Found, Query
    from pyconchat.domain.settings import Settings
    from pyconchat.domain.stored import (
        AccountState,
        Caught,
        CursorRecord,
        DirectFiles,
        DirectRecord,
        Loaded,
        NodeRecord,
        Online,
        OnlineRecord,
        ServerState,
        StoredGroup,
        TicketRecord,
        TokenRecord,
    )
    from pyconchat.domain.text import SafeText

T = TypeVar("T")


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
        """Return what the commit that raised `Unknown` has stored, as `commit`; None if nothing.

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

    def load() -> Loaded:
        """Read what a server keeps in memory. Takes time with groups and accounts, not entries."""

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


class INodeStore(Interface):
    """What several servers (nodes) on one database share, beside the log.

    Every method blocks, and is called by the writer's thread. They raise `NotSaved` if the
    database fails.
    """

    def begin(name: str) -> int:
        """Take the lease of the node *name*, with a new incarnation; return the node's id.

        This comes before the first commit. It removes who was online at the node's earlier run:
        `expire` returns them, if it is called before. Raises `BadStore` if a living node has that
        name.
        """

    def renew() -> list[NodeRecord]:
        """Renew the own lease; return the living nodes, with this one.

        Raises `LeaseLost` if the lease has ended and another node has noticed.
        """

    def expire() -> list[OnlineRecord]:
        """Remove the other nodes whose leases have ended; return who was online there.

        If several nodes call this at once, one of them removes a node.
        """

    def end() -> None:
        """Remove the own node, and who is online there."""

    def set_online(changes: Sequence[OnlineRecord]) -> int:
        """Store the numbers of sessions at this node, whatever node the records have.

        With 0 sessions, somebody is no longer online. Returns this node's `NodeRecord.count`.
        Raises `LeaseLost` as `renew`.
        """

    def claim_guest(name: Name, party: str) -> int:
        """Make *name* a guest of this node with one session; return this node's new count.

        Returns 0 if that is not possible: there is an account with its key, or anybody is online
        under it at any node. Nobody can register the name at another node while it is a guest here.
        Raises `LeaseLost` as `renew`.
        """

    def online(nodes: Collection[int] | None = None) -> Online:
        """Return who is online at *nodes*, as far as they live; None: at all other nodes."""

    def ids(count: int) -> int:
        """Return the first of *count* new ids of conversations, which no other node gets."""

    def heads(ids: Collection[int], above: int) -> dict[int, int]:
        """Return the heads of *ids*, and of all conversations with greater ids than *above*.

        Those that do not exist are left out.
        """

    def connected(key: Key, ids: Collection[int]) -> dict[int, int]:
        """Return the heads of *ids*, and of the open groups with which *key* is connected.

        These are the groups in which it is a member, asks to be, or is invited.
        """

    def named(name: str) -> dict[int, int]:
        """Return the head of the open group with that name or number; empty if there is none."""

    def catch_up(
        published: Mapping[int, int], most: int, versions: Mapping[int, int] | None = None
    ) -> dict[int, Caught]:
        """Return what conversations have after the entries *published*, at most *most* of each.

        Those that do not exist are left out. The state of a group is left out if its version is
        still that in *versions*: reading it takes much longer than the entries.
        """

    def account(owner: Key) -> AccountState | None:
        """Return what is stored of the account *owner*, or None."""

    def changed_accounts(after: int) -> tuple[int, list[Key]]:
        """Return the newest revision of the accounts, and which have changed after *after*.

        An account has changed if `account` returns something else, apart from its times.
        """

    def add_ticket(ticket: TicketRecord, seconds: float, most: int) -> None:
        """Store *ticket*, which is valid for so many *seconds*; 0: for ever.

        If the account then has more than *most* (0: no maximum), the first to expire are removed.
        A new password, a kick or a ban from the server, and the end of all session tokens remove
        all tickets of an account.
        """

    def ticket(digest: str) -> TicketRecord | None:
        """Return the ticket whose token has the SHA-256 *digest*; None if it is not valid."""

    def end_ticket(digest: str) -> None:
        """Remove a ticket, which was used."""

    def private_files(conversation: int) -> DirectFiles | None:
        """Return the files of a private conversation; None if it does not exist."""

    def known_files(ids: Sequence[str]) -> set[str]:
        """Return those of *ids* that are the ids of shared files, also of closed groups."""

    def shared_bytes(name: Name, since: int, quota: str) -> int:
        """Return the bytes of the files that *name* has shared, also with groups that are closed.

        Those before *since* (milliseconds since the epoch) are of an earlier account of that name.
        With a *quota* (see `FileShared`), it is what guests have shared who have that one.
        """

    def add_wrong_passwords(keys: Collection[str], seconds: float) -> None:
        """Store one more wrong password of each of *keys*; forget those older than *seconds*."""

    def wrong_passwords(keys: Collection[str], seconds: float, most: int) -> dict[str, list[float]]:
        """Return how many seconds ago the wrong passwords of each of *keys* were, newest first.

        At most the newest *most* of each, and none older than *seconds*.
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


class IBusListener(Interface):
    """Gets what a bus hears, in the reactor's thread."""

    def heard(topic: str, block: bytes) -> None:
        """Another node has told *block* to *topic*, which is followed (see `chat.blocks`).

        Blocks can be lost, come twice, or in another order.
        """

    def connected() -> None:
        """The bus is up, for the first time or again, and all followed topics are heard.

        Anything may have been missed before: the log has to be read.
        """


class IBus(Interface):
    """Tells the other nodes what this node has stored, and hears what they have stored.

    It saves time only: everything is in the store, and whoever misses a block reads it there. A
    topic is text without control characters, of at most 200 bytes. Own blocks are not heard.
    """

    up = Attribute("True while blocks reach the others, and theirs this node, as far as known.")
    told = Attribute("Count of blocks that were passed to the engine.")
    heard = Attribute("Count of blocks that were passed to the listener.")
    dropped = Attribute("Count of blocks that were not told or not heard, for want of room.")
    lag = Attribute("Seconds that a block took last, from this node to itself.")

    def start() -> None:
        """Connect; and again, without end, whenever the connection is lost."""

    def stop() -> Deferred[None]:
        """Disconnect. Fires when what was told is sent, or after a second."""

    def follow(topic: str) -> Deferred[None]:
        """Hear what is told to *topic*, until `unfollow`.

        Fires when nothing that is told from then on is missed. If the bus is not up then, the
        listener's `connected` is called later. Never fails.
        """

    def unfollow(topic: str) -> None:
        """Hear no more of *topic*."""

    def tell(topic: str, block: bytes) -> None:
        """Send *block* to all other nodes that follow *topic*. Never waits.

        If too many blocks are waiting, the oldest ones are dropped.
        """


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
        """Fire when everything that was appended so far is stored and published, or lost."""

    def when_not_full() -> Deferred[None]:
        """Fire when `full` is false; at once if it is."""

    def when_committed() -> Deferred[None]:
        """Fire when the current commit is done; at once if there is none."""

    def when_idle() -> Deferred[None]:
        """Fire when everything that was appended is stored and published."""


class IRenderer(Interface):
    """Turns events and replies into bytes, in one style. Pure."""

    def talk(entries: Sequence[Entry], where: Where) -> list[str]:
        """Return one piece for each message or action, to be joined by `block`."""

    def entry(entry: Entry, where: Where, reader: Key) -> str:
        """Return the piece for any entry as *reader* sees it; empty if it shows nothing."""

    def replay(entries: Sequence[Entry], where: Where, reader: Key, heading: str) -> bytes:
        """Return past entries with their time under *heading*; empty if none of them shows."""

    def block(pieces: Iterable[str]) -> bytes:
        """Join pieces into a block."""

    def reply(reply: Reply) -> bytes:
        """Return the block for a reply."""

    def refusal(refused: Refused) -> bytes:
        """Return the block for a refusal."""

    def styled(settings: Settings) -> IRenderer:
        """Return the renderer for readers with these *settings*.

        Equal settings get the same renderer, so that its output is shared.
        """


class ServerAddress(NamedTuple):
    """The address at which a peer has reached the server; *path* is that of a Unix socket."""

    host: str
    port: int
    tls: bool = False
    path: str = ""


class IPeer(Interface):
    """The other side of a session, as a door presents it."""

    renderer = Attribute("The `IRenderer` of this connection.")
    hides = Attribute("True if the answer to a secret question does not show on the screen.")
    program = Attribute("True of a program, which keeps session tokens and entry numbers.")
    names_places = Attribute(
        "True if each request names its place: the session is in none, and mutes nothing."
    )
    echoes = Attribute("True if the peer gets its own messages back as everybody's.")
    translates = Attribute("True of an `ITranslator`.")
    server_address = Attribute("The `ServerAddress` at which the peer has connected.")
    network = Attribute("The network that connections are counted by: see `network_of`.")
    address = Attribute("The peer's IP address, for the log; ``local`` for a Unix socket.")

    def write(block: bytes) -> None:
        """Send *block*, or queue it. A peer whose queue exceeds its limit is disconnected."""

    def direct_send(leave: Callable[[], None]) -> Send | None:
        """Return a function that does what `write` does now, for as long as that is so.

        *leave* is called when it is no longer so. None: only `write` may be used.
        """

    def write_rest(block: bytes, sent: int) -> None:
        """Queue what the kernel has not taken of *block*: it took *sent* bytes directly."""

    def ask(prompt: str, secret: bool = False) -> Deferred[str]:
        """Ask a question; fires with the answer. Fails with `PeerGone` at a disconnect.

        Raises `MustAsk` where nobody can be asked.
        """

    def when_writable() -> Deferred[None] | None:
        """Return None if more may be written now, else a Deferred that fires when it may."""

    def acknowledged() -> bool:
        """Return whether the peer's kernel has acknowledged everything that was written."""

    def wake() -> None:
        """Notice that something was written, or that the position in a conversation moved."""

    def discard_input() -> None:
        """Discard all input that has arrived and was not handled."""

    def refresh_prompt() -> None:
        """Show the prompt again: the current group has changed."""

    def close(last: bytes = b"") -> None:
        """Send *last* and close the connection when it has been delivered, or timed out."""

    def end_when_idle(last: bytes) -> None:
        """As `close`, after the input that has arrived is handled and answered, or timed out.

        What was received is stored before the connection is closed, so that the next login, at
        another node, does not deliver it again.
        """


class IKeyPeer(IPeer):
    """A peer at SSH."""

    key = Attribute("The `PublicKey` that the client has offered; None without one.")
    key_proven = Attribute("True if the client has signed with it: it has opened the session.")
    ssh_address = Attribute("The `ServerAddress` of the SSH door at which the peer has connected.")


class ILoginPeer(IPeer):
    """A peer during its login."""

    def send(reply: Reply) -> None:
        """Send *reply*."""

    def refuse(refused: Refused) -> None:
        """Send a refusal."""

    def logged_in(session: ISession) -> None:
        """Pass all further lines to *session*. Raises `PeerGone` after a disconnect."""

    def end(why: EndWhy, text: str) -> None:
        """Send *text* as the last line and close the connection."""


class ITranslator(IPeer):
    """A peer whose door translates replies and events itself.

    Its renderer renders messages.
    """

    event_style = Attribute(
        "What the bytes of an event of others depend on, hashable: peers with equal styles share"
        " them (see `shared`)."
    )

    asks_history = Attribute(
        "True if the peer asks for past entries itself: none is sent at a login or after a join,"
        " and what it has missed stays unread until it has asked."
    )

    username = Attribute("The user name that the client gave.")
    realname = Attribute("The real name that the client gave.")
    bot = Attribute("True if the client has said that it is a bot.")
    invisible = Attribute("True if the client wants to be found by its name only.")

    def detached(conversation: GroupConversation, reason: SafeText) -> None:
        """Hide the group: the account has left it at the IRC door, for *reason*."""

    def attached(conversation: GroupConversation) -> None:
        """Show the group again."""

    def absence_changed(account: Account) -> None:
        """Translate that *account*, in a group of the client, is away now, or no longer."""

    def relay(piece: str, capability: str) -> None:
        """Send *piece*, which another client's door has made, to a client with *capability*."""

    def replied(reply: Reply) -> None:
        """Translate *reply*, which the session sends."""

    def refuse(refused: Refused) -> None:
        """Translate a refusal."""

    def happened(entry: Entry, where: Where) -> None:
        """Translate the entry of an event that is not a message."""

    def shared(entry: Entry, where: Where) -> bytes | None:
        """Return what `happened` would send of an event that this peer has no part in.

        It is the same for all peers of this `event_style`; None if that is not so of *entry*.
        """

    def past(entries: Sequence[Entry], where: Where, reader: Key, heading: str) -> bytes:
        """Return the block of past *entries* under *heading*; empty if none of them shows.

        What concerns *reader*, the session's account or nobody, is told to the session.
        """

    def echo(entry: Entry, where: Where) -> str:
        """Return the piece for a message that was sent here; empty if it is not shown again."""


class ISubscriptions(Interface):
    """The conversations that one session receives, and how far it has received each."""

    settled = Attribute("True if the last call of `receipts` found nothing to acknowledge.")

    def __contains__(conversation: Conversation) -> bool:
        """Return whether the session is subscribed to *conversation*."""

    def set_apart() -> None:
        """Receive blocks by way of the peer's `write`, until the fan-out admits it again."""

    def groups() -> Iterable[GroupConversation]:
        """Return the groups among them."""

    def add(conversation: Conversation, after: int, earlier: int = 0) -> None:
        """Subscribe to the entries of *conversation* after *after*.

        Before them, at most the *earlier* newest entries up to *after* are delivered, without joins
        and leaves of others.
        """

    def end(conversation: Conversation, upto: int) -> None:
        """Unsubscribe from *conversation* after the entry *upto*."""

    def delivered(conversation: Conversation, seq: int) -> None:
        """Note that entry *seq* of a conversation outside the subscriptions was delivered."""

    def detach(conversation: Conversation) -> None:
        """Stop receiving *conversation*, whose cursor stays where it is."""

    def held() -> Iterable[Conversation]:
        """Return the conversations of which the peer has to ask for what it has missed."""

    def release(conversation: Conversation) -> None:
        """Move the cursor of *conversation* from now on: the peer has asked for what it missed."""

    def refresh(conversation: Conversation) -> None:
        """Start or stop receiving *conversation*, after it was muted, unmuted, entered or left.

        A person's session receives a muted group only while that is current. The waiting entries
        are delivered first.
        """

    def waits(conversation: Conversation) -> bool:
        """Return whether *conversation* is muted, and not received now."""

    def when_live(conversation: Conversation) -> Deferred[None]:
        """Fire when the session has caught up with *conversation*, or will not."""

    def unread(conversation: Conversation) -> int:
        """Return the number of unread entries of *conversation*.

        For a program, those that it has not received; for a program that `marks`, and for a person,
        those that no device of the account has shown.
        """

    def mentions(conversation: Conversation) -> int:
        """Return the number of these unread entries that mention the account."""

    def receipts() -> list[MoveCursor]:
        """Return the cursors that have moved since the last call, as far as acknowledged."""

    def stop() -> None:
        """Stop receiving. Entries published from now on are delivered at the next login."""


class ISession(Interface):
    """One login through one door, as the chat, the commands and the doors see it."""

    account = Attribute("The `Account` that is logged in.")
    actor = Attribute("The account as an `Actor`: an operator also after `operate_as`.")
    peer = Attribute("The `IPeer` of the session.")
    current = Attribute("The current `Place`; None at the front desk.")
    renderer = Attribute("The peer's `IRenderer`, in the style of the account's settings.")
    translator = Attribute("The peer, if it is an `ITranslator`, else None.")
    subscriptions = Attribute("The `ISubscriptions` of the session.")
    starting = Attribute("True until `start` has found the missed entries.")
    awaiting = Attribute("The `Conversation` whose approval enters it, or None.")
    active_at = Attribute("When the last line was received, in the reactor's seconds.")
    marks = Attribute(
        "True for a peer that reports shown entries; else received entries count as shown."
    )
    away = Attribute(
        "The away text, empty if no reason was given; None while the session is not away."
    )
    quitting = Attribute("True after `quit`.")
    quit_reason = Attribute("The `SafeText` that was given to `quit`.")

    def operate_as(account: Account) -> None:
        """Give this session the power of *account*, as long as that has it and its password."""

    def start(since: Mapping[str, int] | None = None) -> Deferred[None]:
        """Find the missed entries. Fails with `NotSaved` if the log cannot be read.

        *since* has the number up to which the peer has each conversation (a group's name, or
        ``@`` and the partner's); the account's cursors count for the others.
        """

    def catch_up(most: int = 0) -> Deferred[None]:
        """Deliver the missed entries, then receive live.

        With *most*, at most so many of the newest of each conversation, after `Missed`; for a
        person without joins and leaves of others.
        """

    def close() -> None:
        """End the session: the peer has disconnected, or is about to be."""

    def line(line: str) -> Deferred[None] | None:
        """Handle a line that a person typed. Returns None if it is done, else when it is."""

    def line_in(line: str, current: Place) -> Deferred[None] | None:
        """As `line`, for one that was typed in *current* (None: at the front desk).

        The session may be elsewhere now, after an approval or a kick.
        """

    def answer_group(answer: str) -> Deferred[None]:
        """Handle the answer to the question for a group, which may be a command; as `command`."""

    def command(
        line: str,
        place: Place,
        answer: Callable[[Reply], None],
        key: RequestKey | None = None,
    ) -> Deferred[None]:
        """Execute the command *line* in *place*; call *answer* with its reply.

        Fails with `Refused`, also for an internal error, which is logged; or with `PeerGone`.
        """

    def note_activity() -> None:
        """Record that a line was received: the person is not idle."""

    def require_welcome() -> None:
        """Raise `Refused` if the account has been banned: the session is about to end."""

    def enter(place: Place) -> None:
        """Make *place* the current one."""

    def move(place: Place) -> None:
        """As `enter`, for a move by others: the person may be typing for the previous place."""

    def await_approval(conversation: GroupConversation) -> None:
        """Enter *conversation* when its admin approves, unless the person enters another."""

    def is_in(place: Place) -> bool:
        """Return whether *place* is still current; for a program, always True."""

    def view_of(conversation: Conversation) -> Where:
        """Return how *conversation* is named to this session."""

    def restyle() -> None:
        """Apply the changed settings of the account."""

    def direct_send() -> Send | None:
        """Return how a block of messages that is everybody's is sent; None: only by the peer."""

    def send(reply: Reply) -> None:
        """Send *reply*."""

    def refuse(refused: Refused) -> None:
        """Send a refusal."""

    def not_saved() -> None:
        """Send the refusal of a message that could not be stored."""

    def ask(prompt: str, secret: bool = False) -> Deferred[str]:
        """As `IPeer.ask`. Fails with `Cancelled` if the answer is a command with its slash."""

    def end(why: EndWhy, reason: str) -> None:
        """Send *reason* and end the session."""

    def end_when_idle(why: EndWhy, reason: str) -> None:
        """As `end`, after what the peer has sent is handled: see `IPeer.end_when_idle`."""

    def quit(reason: SafeText) -> None:
        """End the session on the person's request; others are shown *reason*."""


class IPresence(Interface):
    """The sessions of the accounts that are online."""

    def sessions(key: Key) -> Sequence[ISession]:
        """Return the sessions of the account with *key*."""

    def everybody() -> Iterable[ISession]:
        """Return all sessions."""

    def online(key: Key) -> bool:
        """Return whether the account with *key* has a session."""


class Asker(NamedTuple):
    """The source of a request to hash: the key of an account, and its network."""

    account: str
    network: str


class IHasher(Interface):
    """Hashes passwords, off the reactor's thread and within a bound."""

    turns = Attribute(
        "The `pyconchat.auth.turns.Turns` in which all hashing except for logins waits."
    )

    def hash(password: str, asker: Asker) -> Deferred[str]:
        """Fire with a hash of *password*, when it is the turn of *asker*.

        Fails with `Refused` and `Code.BUSY` if too many of their requests are waiting.
        """

    def verify(hash: str, password: str) -> Deferred[bool]:
        """Fire with whether *password* matches *hash*. Raises `Refused` with `Code.BUSY`.

        No password matches an empty *hash*; verifying it takes as long as any other. Logins call
        it at once; any other check waits for its turn first.
        """
