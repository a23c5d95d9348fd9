"""What several servers (nodes) on one database share, and the bus between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zope.interface import Attribute, Interface

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from twisted.internet.defer import Deferred

    from pyconchat.domain.names import Key, Name
    from pyconchat.domain.stored import (
        AccountState,
        Caught,
        ChangedHead,
        DirectFiles,
        NodeRecord,
        Online,
        OnlineRecord,
        TicketRecord,
    )


__all__ = ["IBus", "IBusListener", "INodeStore"]


class INodeStore(Interface):
    """What several servers (nodes) on one database share, beside the log.

    Every method blocks, and is called by the writer's thread. They raise `NotSaved` if the
    database fails.
    """

    def begin(name: str, bus: str = "") -> int:
        """Take the lease of the node *name*, with a new incarnation; return the node's id.

        Called before the first commit. Removes the online records of the node's earlier run; the
        start ends its guests. Raises `BadStore` if a living node has that name, or uses another
        *bus*.
        """

    def renew() -> list[NodeRecord]:
        """Renew the own lease; return the living nodes, with this one.

        Raises `LeaseLost` if the lease has ended and another node has noticed.
        """

    def expire() -> Online:
        """Claim the other nodes whose leases have ended; return the users who were online there.

        The claimed nodes lose their leases. Until `remove`, each call returns them again, because
        the caller may have failed, or the answer may be lost. No other node can claim them while
        this one lives. The counts are 0.
        """

    def remove(ids: Collection[int]) -> None:
        """Remove claimed nodes with their online records, after their guests have been ended."""

    def end() -> None:
        """Remove the own node, with its online records."""

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

    def count_online(ids: Collection[int]) -> dict[int, int]:
        """Return how many members of the groups *ids* are online at any node, if any are."""

    def ids(count: int) -> int:
        """Return the first of *count* new ids of conversations, which no other node gets."""

    def heads(ids: Collection[int]) -> dict[int, int]:
        """Return the heads of the conversations *ids*. Those that do not exist are left out."""

    def changes(since: int | None) -> tuple[int, list[ChangedHead]]:
        """Return the heads that were moved after the answer with the number *since*.

        And the number of this answer. With None, that is all: no head is returned. Everything that
        is committed later is in the answer to the returned number; something earlier may be there
        again, and is everything if the database has gone back to an earlier state.
        """

    def connected(key: Key, ids: Collection[int]) -> dict[int, int]:
        """Return the heads of *ids*, and of the open groups with which *key* is connected.

        These are the groups in which it is a member, asks to be, or is invited.
        """

    def named(name: str) -> dict[int, int]:
        """Return the head of the open group with that name or number; empty if there is none."""

    def with_codes(makers: Collection[Name]) -> dict[int, int]:
        """Return the heads of the open groups with invite codes that one of *makers* has made."""

    def catch_up(
        published: Mapping[int, int], most: int, versions: Mapping[int, int] | None = None
    ) -> dict[int, Caught]:
        """Return what conversations have after the entries *published*, at most *most* of each.

        Those that do not exist are left out. The state of a group is left out if its version is
        still that in *versions*: reading it takes much longer than the entries.
        """

    def account(owner: Key) -> AccountState | None:
        """Return the stored state of the account *owner*, or None."""

    def changed_accounts(after: int) -> tuple[int, list[Key]]:
        """Return the newest revision of the accounts, and which have changed after *after*.

        An account has changed if `account` returns something else, apart from its times.
        """

    def newest() -> tuple[int, int]:
        """Return the newest revision of the accounts, and the head of the server's log."""

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
        """Return the *ids* that belong to shared files, also of closed groups."""

    def shared_bytes(name: Name, since: int, quota: str) -> int:
        """Return the bytes of the files that *name* has shared, also with groups that are closed.

        Files from before *since* (milliseconds since the epoch) belong to an earlier account.
        With a *quota* (see `FileShared`), it is what guests have shared who have that one.
        """

    def add_wrong_passwords(keys: Collection[str], seconds: float) -> None:
        """Store one more wrong password of each of *keys*; delete records older than *seconds*."""

    def wrong_passwords(keys: Collection[str], seconds: float, most: int) -> dict[str, list[float]]:
        """Return how many seconds ago the wrong passwords of each of *keys* were, newest first.

        At most the newest *most* of each, and none older than *seconds*.
        """


class IBusListener(Interface):
    """Gets what a bus hears, in the reactor's thread."""

    def heard(topic: str, block: bytes) -> None:
        """Another node has published *block* to *topic*, which is followed (see `chat.blocks`).

        Blocks can be lost, come twice, or in another order.
        """

    def connected() -> None:
        """The bus is up, for the first time or again, and subscribed to all followed topics.

        Anything may have been missed before: the log has to be read.
        """


class IBus(Interface):
    """Publishes the stored entries of this node, and receives those of the other nodes.

    It only saves time: everything is in the store, and a node that misses a block reads it there. A
    topic is text without control characters, of at most 200 bytes. Own blocks are not received.
    """

    up = Attribute("True while blocks reach the others, and theirs this node, as far as known.")
    told = Attribute("Count of blocks that were passed to the engine.")
    heard = Attribute("Count of blocks that were passed to the listener.")
    dropped = Attribute("Count of blocks that were not told or not heard, for want of room.")
    lag = Attribute("Seconds that a block took last, from this node to itself.")

    def start() -> None:
        """Connect; and again, without end, whenever the connection is lost."""

    def stop() -> Deferred[None]:
        """Disconnect. Fires when all published blocks are sent, or after a second."""

    def follow(topic: str) -> Deferred[None]:
        """Subscribe to *topic*, until `unfollow`.

        Fires when no later block will be missed. If the bus is not up then, the
        listener's `connected` is called later. Never fails.
        """

    def unfollow(topic: str) -> None:
        """Unsubscribe from *topic*."""

    def tell(topic: str, block: bytes) -> None:
        """Send *block* to all other nodes that follow *topic*. Never waits.

        If too many blocks are waiting, the oldest ones are dropped.
        """
