"""Sessions, their subscriptions, and who is online."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zope.interface import Attribute, Interface

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from twisted.internet.defer import Deferred

    from pyconchat.chat.audience import Send
    from pyconchat.chat.conversations import Conversation, GroupConversation
    from pyconchat.chat.places import Place
    from pyconchat.domain.accounts import Account
    from pyconchat.domain.decisions import MoveCursor, RequestKey
    from pyconchat.domain.errors import Refused
    from pyconchat.domain.names import Key
    from pyconchat.domain.replies import EndWhy, Reply, Where
    from pyconchat.domain.text import SafeText


__all__ = ["IPresence", "ISession", "ISubscriptions"]


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
        """Return the conversations of which the peer has to request the missed entries."""

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
    unattended = Attribute(
        "True if nobody reads what it receives: the account is not online by it. A guest's session"
        " never is: the account lasts as long as its sessions."
    )
    starting = Attribute("True until `start` has found the missed entries.")
    awaiting = Attribute("The `Conversation` whose approval enters it, or None.")
    active_at = Attribute("When the last line was received, in the reactor's seconds.")
    began_at = Attribute("When the session began, in the reactor's seconds.")
    marks = Attribute(
        "True for a peer that reports shown entries; else received entries count as shown."
    )
    away = Attribute(
        "The away text, empty if no reason was given; None while the session is not away."
    )
    aside = Attribute(
        "To whom the last private message from another place went, and when, or None:"
        " `tuple[Name, int] | None`, in milliseconds since the epoch."
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
        """As `end`, after the input of the peer is handled: see `IPeer.end_when_idle`."""

    def quit(reason: SafeText) -> None:
        """End the session on the person's request; others are shown *reason*."""


class IPresence(Interface):
    """The sessions of the accounts that are online."""

    def sessions(key: Key) -> Sequence[ISession]:
        """Return the sessions of the account with *key*, unattended ones included."""

    def attended(key: Key) -> Sequence[ISession]:
        """Return the attended sessions of the account with *key*."""

    def everybody() -> Iterable[ISession]:
        """Return the attended sessions of all accounts."""

    def connected() -> Iterable[ISession]:
        """Return all sessions, unattended ones included."""

    def online(key: Key) -> bool:
        """Return whether the account with *key* has an attended session, here or elsewhere."""
