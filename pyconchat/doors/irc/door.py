"""IrcDoor: one IRC client's connection.

It takes lines at the pace that the limits allow, and translates what its session receives. The
client's state is `Client`'s, its commands are in `commands.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.auth.rate_limits import TokenBucket
from pyconchat.chat.audience import Send
from pyconchat.chat.conversations import GroupConversation
from pyconchat.chat.interfaces import ISession
from pyconchat.domain.accounts import Account
from pyconchat.domain.errors import MustAsk, Refused
from pyconchat.domain.events import Entry, Talk, is_coming_or_going
from pyconchat.domain.names import Key
from pyconchat.domain.replies import Done, PresenceChanged, ReadUpto, Reply, Where
from pyconchat.domain.text import SafeText
from pyconchat.domain.times import date_and_time
from pyconchat.doors.connection_limits import CountedConnection
from pyconchat.doors.context import DoorContext
from pyconchat.doors.door import Door
from pyconchat.doors.irc.client import Client, IrcPeer
from pyconchat.doors.irc.commands import FREE, OF_BATCHES, QUERIES, Commands, unreadable
from pyconchat.doors.irc.event_feed import EventFeed
from pyconchat.doors.irc.events import past_lines
from pyconchat.doors.irc.joins import show_group
from pyconchat.doors.irc.message import MAX_ANY, command_of, parse
from pyconchat.doors.irc.monitors import Monitors
from pyconchat.doors.irc.posts import echo
from pyconchat.doors.irc.read_markers import shown_elsewhere
from pyconchat.doors.irc.service import say
from pyconchat.net.connection import Lifecycle
from pyconchat.render.irc import IrcRenderer, IrcStyle
from pyconchat.render.irc_lines import line, source

__all__ = ["IrcDoor"]

T = TypeVar("T")

QUERY_BURST = 200.0
"""Queries that a client may send at once: one of 40 joined groups sends 160."""

QUERY_RATE = 50.0
"""Queries a second after that."""

FREE_COST = 5e-5
"""Seconds of work for a command that costs nothing else, such as PING."""

QUERY_COST, ANSWER_COST = 3e-5, 1e-7
"""Seconds of work for a query, and for each byte of its answer."""


@implementer(IrcPeer)
class IrcDoor(Door):
    """One client's connection."""

    translates = True
    names_places = True
    hides = False
    serves_files = False
    work_rate = 0.01

    def __init__(
        self, context: DoorContext, counted: CountedConnection, monitors: Monitors
    ) -> None:
        super().__init__(context, counted, IrcRenderer.of(IrcStyle()), MAX_ANY)
        services = context.services
        name = services.config.irc.server_name
        self.client = Client(services, context.portal, self, name, monitors)
        self._commands = Commands(self.client)
        self._events = EventFeed(self.client)
        self._queries = TokenBucket(QUERY_BURST, QUERY_RATE, context.now())
        self._written = 0  # bytes

    # What Twisted calls.

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._commands.registration.close()
        super().connectionLost(reason)
        # Break the reference cycles here: the cyclic GC runs rarely.
        del self._commands, self._events
        self.client.output.close()
        self.client.monitors.clear(self.client)
        self.client.session = None

    # What the session and the login call.

    def write(self, block: bytes) -> None:
        self.client.output.pass_on(block)

    def direct_send(self, leave: Callable[[], None]) -> Send | None:
        return None if self.client.output.answering else self._output.direct_send(leave)

    def end_direct(self) -> None:
        """Have what others send come through `write`, which puts it behind an answer."""
        self._output.end_direct()

    def end_session(self) -> None:
        """End the session; the connection is closed later."""
        self._close_session()

    def write_now(self, block: bytes) -> None:
        """Write *block*, which the client's `Output` has put in order."""
        self.rests_until = 0.0
        self._written += len(block)
        self._output.write(block)

    def ask(self, prompt: str, secret: bool = False) -> Deferred[str]:
        if not self.client.answers:
            raise MustAsk(prompt, secret)
        return succeed(self.client.answers.pop(0))

    def logged_in(self, session: ISession) -> None:
        super().logged_in(session)
        self.in_login = False

    def close(self, last: bytes = b"") -> None:
        self.client.ended = True
        super().close(last)

    def write_last(self, block: bytes) -> None:
        if block:
            self.write_now(block)

    def _close_session(self) -> None:
        if self.session is None:
            return
        client, account = self.client, self.session.account
        client.monitors.leaving(account, client.user, client.realname)
        super()._close_session()
        client.monitors.stays(account)  # unless it has gone

    # What `DelayedLines` and `Door` ask of their subclasses.

    def asking(self) -> bool:
        """Return whether a line of the login may come: none of its commands is running."""
        return self.in_login and self._task is None

    def readyForLine(self) -> bool:
        # Commands that are free of the message rate have a limit, too.
        return (self.in_login or not self._budget.waiting) and super().readyForLine()

    def next_rate(self) -> TokenBucket | None:
        first = self._lines[0] if self._lines else None
        if first is None:
            return self._rate
        command = command_of(first[:MAX_ANY])
        batch = self.client.batch
        in_batch = batch is not None and not batch.failed and command in OF_BATCHES
        if command in FREE or in_batch:  # a message of several lines costs as one of a single line
            self._budget.pay(FREE_COST, False)
            return None
        return self._queries if _asks(command, first) else self._rate

    def lineReceived(self, line: bytes) -> None:
        try:
            message = parse(line)
        except Refused as refused:
            unreadable(self.client, refused, line)
            return
        if message is None:
            return
        before = self._written
        task = Deferred.fromCoroutine(self._commands.run(message))
        if _asks(command_of(line), line):
            task.addBoth(self._charge, before)
        if not task.called:
            self.run_task(task)

    def _charge(self, result: T, before: int) -> T:
        """Pay for a query with its answer, before which so many bytes had been written."""
        self._budget.pay(QUERY_COST + ANSWER_COST * (self._written - before), False)
        return result

    def lineLengthExceeded(self, line: bytes) -> None:
        self.client.close("The line was too long.")

    def inputEnded(self) -> None:
        if self._task is None:
            self.finish()

    def silence_limits(self) -> tuple[float, float]:
        limits = self._context.limits
        return 0.0 if self.session is None else limits.ping_seconds, limits.silence_seconds

    def ping(self) -> None:
        self.client.send(f"PING :{self.client.server}\r\n")

    # What the session has its door translate (`ITranslator`).

    @property
    def asks_history(self) -> bool:
        """Return whether the client asks for past messages itself."""
        return "draft/chathistory" in self.client.caps

    @property
    def username(self) -> str:
        """Return the user name that the client gave."""
        return self.client.user

    @property
    def realname(self) -> str:
        """Return the real name that the client gave."""
        return self.client.realname

    @property
    def bot(self) -> bool:
        """Return whether the client has said that it is a bot."""
        return self.client.bot

    @property
    def invisible(self) -> bool:
        """Return whether the client wants to be found by its name only."""
        return self.client.invisible

    def replied(self, reply: Reply) -> None:
        client = self.client
        match reply:
            case PresenceChanged(name=name, online=online):
                account = client.services.accounts.get(name)
                if "away-notify" in client.caps and account is not None and account.registered:
                    self._away_line(account, None if online else "is offline")
            case ReadUpto():
                shown_elsewhere(client, reply)
            case Done() if client.login.away is None and "no longer away" in reply.text:
                client.reply("305", reply.text)
            case _:
                say(client, reply)

    def refuse(self, refused: Refused) -> None:
        self.client.notice(refused.sentence)

    def happened(self, entry: Entry, where: Where) -> None:
        if self.life is Lifecycle.OPEN or self.life is Lifecycle.INPUT_ENDED:
            self._events.happened(entry, where)

    def echo(self, entry: Entry, where: Where) -> str:
        return echo(self.client, self._commands.posts, entry, where)

    def past(self, entries: Sequence[Entry], where: Where, reader: Key, heading: str) -> bytes:
        client, renderer = self.client, self.client.renderer
        pieces: list[str] = []
        later: list[str] = []  # after the client was shown the group: as if they were live
        for entry in entries:
            is_talk = isinstance(entry.event, Talk)
            if entry.seq > client.shown_at.get(entry.conversation, entry.seq):
                lines = (
                    [renderer.message(entry, where)]
                    if is_talk
                    else self._events.caught_up(entry, where)
                )
                later += lines
            elif is_talk:
                stamp = "" if renderer.stamps else f"[{_clock(entry.at)}] "
                pieces.append(renderer.message(entry, where, stamp=stamp))
            elif not is_coming_or_going(entry.event, reader):
                pieces += past_lines(client, entry, where, reader)
        if pieces and "batch" in client.caps:
            target = f"#{where.group}" if where.group is not None else f"{where.other}"
            pieces = [client.output.batch("chathistory", (target,), pieces)]
        return "".join([*pieces, *later]).encode()

    def detached(self, conversation: GroupConversation, reason: SafeText) -> None:
        channel = f"#{conversation.group.name}"
        self.client.send(line(self.client.source, "PART", channel, *([reason] if reason else [])))

    def attached(self, conversation: GroupConversation) -> None:
        show_group(self.client, conversation)

    def absence_changed(self, account: Account) -> None:
        if "away-notify" in self.client.caps:
            self._away_line(account, None if account.absence is None else account.absence.text)

    def relay(self, piece: str, capability: str) -> None:
        if capability in self.client.caps:
            self.client.send(piece)

    def _away_line(self, account: Account, text: str | None) -> None:
        words = [] if text is None else [text or "away"]
        piece = line(source(account.name), "AWAY", *words)
        self.client.output.pass_on(piece.encode())


def _asks(command: bytes, whole: bytes) -> bool:
    """Return whether the line *whole*, with *command*, only asks for something."""
    return command in QUERIES or (command in (b"MODE", b"TOPIC") and len(whole.split()) == 2)


def _clock(at: int) -> str:
    """Return the date and time of *at* (milliseconds), for clients that show none of their own."""
    return date_and_time(at, at + 2 * 24 * 3600 * 1000)
