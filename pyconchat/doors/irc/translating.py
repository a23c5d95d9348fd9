"""TranslatingDoor: translates the deliveries of an IRC client's session into lines of IRC.

The commands and the limits of the connection are in `door.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyconchat.chat.conversations import GroupConversation
from pyconchat.domain.accounts import Account
from pyconchat.domain.errors import Refused
from pyconchat.domain.events import Entry, Talk, is_coming_or_going
from pyconchat.domain.ignoring import text_of
from pyconchat.domain.names import Key
from pyconchat.domain.replies import Done, PresenceChanged, ReadUpto, Reply, Where
from pyconchat.domain.text import SafeText
from pyconchat.domain.times import date_and_time
from pyconchat.doors.door import Door
from pyconchat.doors.irc.client import Client
from pyconchat.doors.irc.commands import Commands
from pyconchat.doors.irc.event_feed import EventFeed
from pyconchat.doors.irc.events import is_about, past_lines
from pyconchat.doors.irc.hints import sentence_of, typed
from pyconchat.doors.irc.joins import show_group
from pyconchat.doors.irc.posts import echo
from pyconchat.doors.irc.read_markers import shown_elsewhere
from pyconchat.doors.irc.service import say
from pyconchat.net.connection import Lifecycle
from pyconchat.render.irc_lines import line, source
from pyconchat.sessions.log_delivery import EARLIER

__all__ = ["TranslatingDoor"]


class TranslatingDoor(Door):
    """The methods of `ITranslator`, for the session of `client`."""

    client: Client
    _commands: Commands
    _events: EventFeed

    @property
    def asks_history(self) -> bool:
        """Return whether the client asks for past messages itself."""
        return "draft/chathistory" in self.client.caps

    @property
    def event_style(self) -> tuple[bool, ...]:
        """Return the client's capabilities that change the lines of events."""
        return self.client.event_style

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

    def typed(self, sentence: str) -> str:
        return typed(sentence)

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
        self.client.notice(sentence_of(refused))

    def happened(self, entry: Entry, where: Where) -> None:
        if self.life is Lifecycle.OPEN or self.life is Lifecycle.INPUT_ENDED:
            self._events.happened(entry, where)

    def shared(self, entry: Entry, where: Where) -> bytes | None:
        return self._events.shared(entry, where)

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
                continue
            stamp = "" if renderer.stamps else f"[{_clock(entry.at)}] "
            if is_talk:
                pieces.append(renderer.message(entry, where, stamp=stamp))
            elif is_coming_or_going(entry.event, reader):
                pass
            elif heading != EARLIER or not is_about(entry.event, reader):  # who joins knows those
                pieces += past_lines(client, entry, where, reader, stamp)
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
            absence, ignores = account.absence, self.client.account.ignores
            text = None if absence is None else text_of(account.name, absence.text, ignores)
            self._away_line(account, text)

    def relay(self, piece: str, capability: str, by: Account | None) -> None:
        if capability in self.client.caps:
            self.client.send(piece if by is None else self.client.with_account(piece, by))

    def _away_line(self, account: Account, text: str | None) -> None:
        words = [] if text is None else [text or "away"]
        piece = line(source(account.name), "AWAY", *words)
        self.client.output.pass_on(self.client.with_account(piece, account).encode())


def _clock(at: int) -> str:
    """Return the date and time of *at* (milliseconds), for clients that show none of their own."""
    return date_and_time(at, at + 2 * 24 * 3600 * 1000)
