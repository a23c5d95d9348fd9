"""Client: one IRC client, from its first line to its last, without its transport.

It has the client's name and its capabilities. Commands are functions that take it; `commands.py`
lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar
from weakref import ref

from twisted.cred.portal import Portal
from twisted.logger import Logger

from pyconchat.chat.conversations import GroupConversation
from pyconchat.chat.interfaces import ILoginPeer, ISession, ITranslator
from pyconchat.chat.places import Place
from pyconchat.commands import Call, Cancelled
from pyconchat.commands.services import Services
from pyconchat.domain.accounts import Account
from pyconchat.domain.errors import Code, NotSaved, PeerGone, Refused
from pyconchat.domain.events import AnyEvent
from pyconchat.domain.group import Actor
from pyconchat.domain.refusals import internal_error, not_saved
from pyconchat.domain.replies import Reply
from pyconchat.domain.text import SafeText
from pyconchat.doors.irc.message import Message
from pyconchat.doors.irc.monitors import Monitors
from pyconchat.doors.irc.open_batch import OpenBatch
from pyconchat.doors.irc.output import Output, with_tag
from pyconchat.net.waiters import Waiters
from pyconchat.render.irc import IrcRenderer, IrcStyle
from pyconchat.render.irc_lines import SERVICE, line, source

__all__ = ["Client", "IrcPeer"]

T = TypeVar("T")

MAX_READ = 4
"""Maximum groups that are read from the store for one line."""


_OF_EVENTS = (
    *("account-notify", "account-tag", "away-notify", "draft/message-redaction"),
    *("extended-join", "invite-notify", "message-tags", "server-time"),
)
"""The capabilities that change the lines of events."""


class IrcPeer(ITranslator, ILoginPeer):
    """The door of a client."""

    def end_direct() -> None:
        """Pass the output of others through `write` from now on."""

    def end_session() -> None:
        """End the session; the connection is closed later."""

    def write_now(block: bytes) -> None:  # noqa: N805 - a method of an interface
        """Write *block*, which the client's `Output` has put in order."""


class Client:
    """One client at *door*. *nick* is the requested name, and then the account's name."""

    _log = Logger(namespace="pyconchat")

    def __init__(
        self, services: Services, portal: Portal, door: IrcPeer, name: str, monitors: Monitors
    ) -> None:
        self.services = services
        self.portal = portal
        self._door = ref(door)  # no cycle: the cyclic GC runs rarely
        self.server = name
        self.output = Output(door.write_now, name, door.end_direct)
        self.caps: set[str] = set()
        self.event_style: tuple[bool, ...] = ()  # the capabilities that change an event's lines
        self.version_302 = False
        self.nick = ""
        self.user = ""
        self.realname = ""
        self.bot = False
        self.invisible = False
        self.away: SafeText | None = None  # at the login; afterwards the session knows
        self.session: ISession | None = None
        self.answers: list[str] = []  # to the questions of the running command
        self.shown_at: dict[int, int] = {}  # groups, with the newest entry when they were shown
        self.own_event: AnyEvent | None = None  # which the running command causes
        self.requests_sent: dict[int, int] = {}  # to join groups, live, and not confirmed
        self.batch: OpenBatch | None = None  # which the client is sending
        self.reads = 0  # of the log, for the running command
        self.work = 0.0  # seconds, of the running query, that its answer does not show
        self.posting = 0  # messages that are not stored yet
        self.all_posted = Waiters()
        self.monitors = monitors
        self.ended = False

    @property
    def door(self) -> IrcPeer:
        """Return the door. Raises `PeerGone` after a disconnect."""
        door = self._door()
        if door is None:
            raise PeerGone
        return door

    # Its identity.

    @property
    def registered(self) -> bool:
        """Return whether the login is complete (001 has been sent)."""
        return self.session is not None and not self.session.starting

    @property
    def login(self) -> ISession:
        """Return the session of a client that has logged in. Raises `PeerGone` after its end."""
        if self.session is None:
            raise PeerGone
        return self.session

    @property
    def account(self) -> Account:
        """Return the account of a client that has logged in."""
        account: Account = self.login.account
        return account

    @property
    def actor(self) -> Actor:
        """Return the account as an `Actor`, with what OPER has given it."""
        actor: Actor = self.login.actor
        return actor

    @property
    def display(self) -> str:
        """Return its name in numerics."""
        return self.nick or "*"

    @property
    def source(self) -> str:
        """Return the source of its messages and changes."""
        return source(self.nick, self.user_shown)

    @property
    def user_shown(self) -> str:
        """Return the user name in its source: the nick, as everywhere else."""
        return self.nick

    @property
    def style(self) -> IrcStyle:
        """Return the style of messages that its capabilities ask for."""
        return IrcStyle(
            "message-tags" in self.caps,
            "server-time" in self.caps,
            "account-tag" in self.caps,
            {"draft/multiline", "batch"} <= self.caps,
        )

    @property
    def renderer(self) -> IrcRenderer:
        """Return the renderer for `style`."""
        return IrcRenderer.of(self.style)

    def restyle(self) -> None:
        """Apply changed capabilities."""
        self.batch = None  # its lines are free of charge only as long as they are such
        self.event_style = tuple(each in self.caps for each in _OF_EVENTS)
        self.door.renderer = self.renderer
        if self.session is not None:
            self.session.marks = "draft/read-marker" in self.caps
            self.session.restyle()

    # Output.

    def send(self, piece: str) -> None:
        """Send *piece*, one or more whole lines."""
        self.output.add(piece)

    def reply(self, numeric: str, *params: str) -> None:
        """Send a numeric reply."""
        self.output.add(line(self.server, numeric, self.display, *params))

    def fail(self, kind: str, command: str, code: str, *context: str) -> None:
        """Send a standard reply (IRCv3): *kind* is FAIL, WARN or NOTE; the last is a sentence."""
        if "standard-replies" in self.caps or kind == "FAIL":
            self.output.add(line(self.server, kind, command, code, *context))

    def notice(self, text: str, target: str = "") -> None:
        """Send a NOTICE of the service, a line for each of *text*, to *target*."""
        for each in text.split("\n"):
            if each:
                self.output.add(line(source(SERVICE), "NOTICE", target or self.display, each))

    def close(self, reason: str) -> None:
        """Send ERROR, and close the connection."""
        if not self.ended:
            self.ended = True
            self.output.end()
            self.door.close(f"ERROR :{reason}\r\n".encode())

    def monitored_is_away(self, account: Account) -> None:
        """Tell the client, if it asks for that and does not learn it through a group."""
        if "extended-monitor" in self.caps and not self._learns_of(account):
            self.door.absence_changed(account)

    def monitored_has_changed(self, account: Account, piece: str, capability: str) -> None:
        """Send *piece*, as `monitored_is_away`, to a client with *capability*."""
        ignored = account.key in self.account.ignores
        knows = ignored or self._learns_of(account)
        if {"extended-monitor", capability} <= self.caps and not knows:
            self.output.pass_on(self.with_account(piece, account).encode())

    def with_account(self, piece: str, account: Account) -> str:
        """Return *piece*, a line of *account*, with its account tag if the client wants that."""
        if "account-tag" in self.caps and account.registered:
            return with_tag("account", account.name, piece)
        return piece

    def _learns_of(self, account: Account) -> bool:
        return account is self.account or self.knows(account)

    def knows(self, account: Account) -> bool:
        """Return whether the client and *account* share a group."""
        return any(account.key in each.group.members for each in self.groups())

    # Commands.

    def call(self, place: Place = None, answer: Callable[[Reply], None] | None = None) -> Call:
        """Return a use of a command of the other doors, in *place*; *answer* gets its replies."""
        return Call(self.services, self.login, place, answer or _ignore)

    async def know_groups(self, message: Message) -> None:
        """Read the groups that *message* names, if only summaries are in memory.

        At most `MAX_READ` groups are read. Raises `NotSaved`.
        """
        words = ",".join(message.params[:2]).split(",")
        channels = [each[1:] for each in words if each.startswith("#")][:MAX_READ]
        named = (self.services.groups.known_to(self.actor, each) for each in channels)
        await self.services.chat.states.know_all(each for each in named if each is not None)

    def group(self, name: str) -> GroupConversation:
        """Return the group that a channel's *name* stands for. Raises `Refused`."""
        if not name.startswith("#"):
            raise Refused(Code.NO_SUCH_GROUP, "There is no such group.")
        return self.services.groups.find(self.actor, name[1:])

    def group_joined(self, name: str) -> GroupConversation:
        """As `group`; also raises `Refused` if the client is not in it."""
        conversation = self.group(name)
        if not self.shows(conversation):
            raise Refused(
                Code.NOT_MEMBER,
                "You are not in {group}: join it first.",
                group=conversation.group.name,
            )
        self.services.memory.usable(conversation)
        return conversation

    def shows(self, conversation: GroupConversation) -> bool:
        """Return whether the client is in the group: a member, who has not left it by PART."""
        account = self.account
        return account.key in conversation.group.members and (
            conversation.id not in account.detached
        )

    def groups(self) -> Sequence[GroupConversation]:
        """Return the groups that the client is in."""
        memberships = self.services.groups.memberships(self.account.key)
        return [each for each in memberships if each.id not in self.account.detached]

    def charge(self, count: int) -> None:
        """Charge the account's message rate for *count* more messages or changes in a line."""
        if count > 0 and self.services.config.limits.messages_per_second > 0:
            now = self.services.chat.reactor.seconds()
            self.services.rates.of(self.account).charge(count, now)

    def refused(self, error: BaseException | None, message: Message) -> Refused | None:
        """Return *error* of the command *message* as a refusal; None if the client is gone."""
        match error:
            case Refused():
                return error
            case NotSaved():
                return not_saved()
            case Cancelled():
                return Refused(Code.CANCELLED, "Cancelled.")
            case PeerGone():
                return None
            case _:
                self._log.failure("IRC command {name} failed", name=message.command)
                return internal_error()

    # Messages on their way.

    def posts(self) -> None:
        """Note that a message is on its way to the store."""
        self.posting += 1

    def posted(self, result: T) -> T:
        """Note that it is stored and published, or lost."""
        self.posting -= 1
        if self.posting == 0:
            self.all_posted.fire()
        return result


def _ignore(_reply: Reply) -> None:
    """Take a reply that IRC has an event for."""
