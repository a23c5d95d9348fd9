"""Peers: the connections of sessions as the chat sees them, and what renders for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from zope.interface import Attribute, Interface

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from twisted.internet.defer import Deferred

    from pyconchat.chat.audience import Send
    from pyconchat.chat.conversations import GroupConversation
    from pyconchat.chat.interfaces.sessions import ISession
    from pyconchat.domain.accounts import Account
    from pyconchat.domain.errors import Refused
    from pyconchat.domain.events import Entry
    from pyconchat.domain.names import Key
    from pyconchat.domain.replies import EndWhy, Reply, Where
    from pyconchat.domain.settings import Settings
    from pyconchat.domain.text import SafeText


__all__ = ["IKeyPeer", "ILoginPeer", "IPeer", "IRenderer", "ITranslator", "ServerAddress"]


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
    unattended = Attribute("True if nobody reads what the session receives: one command, or SFTP.")
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
        """Queue the rest of *block*: the kernel took *sent* bytes directly."""

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

        The received entries are stored before the connection is closed, so that the next login, at
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

    def relay(piece: str, capability: str, by: Account | None) -> None:
        """Send *piece*, which another client's door has made, to a client with *capability*.

        It is an act of the account *by*, None if it is the server's.
        """

    def typed(sentence: str) -> str:
        """Return *sentence*, in which only names are people's, with commands as the client's."""

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

        Events about *reader*, the session's account or nobody, are addressed to the session.
        """

    def echo(entry: Entry, where: Where) -> str:
        """Return the piece for a message that was sent here; empty if it is not shown again."""
