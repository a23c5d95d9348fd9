"""Messages as lines of the IRC protocol, in one style for each set of capabilities.

Only messages are rendered here, because their bytes are shared by all readers with equal
capabilities. The door translates all other events and the replies, for each reader.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from zope.interface import implementer

from pyconchat.chat.interfaces import IRenderer
from pyconchat.domain.errors import Refused
from pyconchat.domain.events import Action, Entry, Message, Reaction, Tags, TagsSent, Talk
from pyconchat.domain.names import Key, fold
from pyconchat.domain.replies import Ended, Reply, Where
from pyconchat.domain.settings import Settings
from pyconchat.domain.text import SafeText
from pyconchat.render.events import event_sentence
from pyconchat.render.irc_lines import (
    HOST,
    REACT,
    REPLY,
    SERVICE,
    SHORT,
    composed,
    line,
    server_time,
    source,
    tagged,
    text_lines,
)

__all__ = ["IrcRenderer", "IrcStyle", "client_tags", "msgid", "target_of"]


MAX_REPEATED = 256
"""Maximum characters of client-only tags that each line of a message repeats."""


class IrcStyle(NamedTuple):
    """The capabilities that change the bytes of a message."""

    tags: bool = False
    time: bool = False
    account: bool = False
    multiline: bool = False


def msgid(entry: Entry) -> str:
    """Return the id of a message: its conversation and its number."""
    return f"{entry.conversation}-{entry.seq}"


def client_tags(entry: Entry) -> Tags:
    """Return the client-only tags of *entry*, which may be of any door."""
    match entry.event:
        case Message(reply_to=seq, tags=tags) if seq:
            return ((REPLY, SafeText(f"{entry.conversation}-{seq}")), *tags)
        case Message(tags=tags) | Action(tags=tags) | TagsSent(tags=tags):
            return tags
        case Reaction(about=seq, emoji=emoji):
            return (
                (REACT, SafeText(emoji)),
                (REPLY, SafeText(f"{entry.conversation}-{seq}")),
            )
        case _:
            return ()


_styles: dict[IrcStyle, IrcRenderer] = {}


@implementer(IRenderer)
class IrcRenderer:
    """Lines for clients with the capabilities of *style*. `of` returns the one for a style."""

    def __init__(self, style: IrcStyle) -> None:
        self._style = style
        self._plain = not any(style[:3])

    @classmethod
    def of(cls, style: IrcStyle) -> IrcRenderer:
        """Return the renderer for *style*, always the same, so that its output is shared."""
        if style not in _styles:
            _styles[style] = cls(style)
        return _styles[style]

    def styled(self, settings: Settings) -> IrcRenderer:
        return self  # clients of IRC have settings of their own

    def talk(self, entries: Sequence[Entry], where: Where) -> list[str]:
        if where.other is not None:
            return [self.message(entry, where) for entry in entries]
        middle = f"@{HOST} PRIVMSG #{where.group} :"
        quick = self._nothing if self._plain else self._quick_tags
        return [
            f"{quick(entry, event)}:{event.sender}!{event.sender}{middle}{event.text}\r\n"
            if type(event := entry.event) is Message
            and len(event.text) <= SHORT
            and not event.notice
            and not event.tags
            and not event.reply_to
            and not event.cuts
            and "\n" not in event.text
            else self.message(entry, where)
            for entry in entries
        ]

    @staticmethod
    def _nothing(_entry: Entry, _event: Message) -> str:
        return ""

    def _quick_tags(self, entry: Entry, event: Message) -> str:
        """Return the tags of a message to a group, as `tags` does: none needs to be escaped."""
        tags = ""
        if self._style.time:
            tags = f";time={server_time(entry.at)}"
        if self._style.account and not event.guest:
            tags += f";account={event.sender}"
        if self._style.tags:
            tags += f";msgid={entry.conversation}-{entry.seq}"
        return f"@{tags[1:]} " if tags else ""

    def message(self, entry: Entry, where: Where, stamp: str = "") -> str:
        """Return the lines of a message; *stamp* precedes its text."""
        event = entry.event
        assert isinstance(event, Talk), "only messages and actions are talk"
        target = target_of(event.sender, where)
        command = "NOTICE" if type(event) is Message and event.notice else "PRIVMSG"
        head = f":{source(event.sender)} {command} {target} :"
        unregistered = event.guest or (type(event) is Message and event.hook)
        client = client_tags(entry)
        first = self.tags(entry, where, event.sender, unregistered, client)
        text, end = f"{stamp}{event.text}", "\r\n"
        cuts: Sequence[int] = ()
        if isinstance(event, Action):
            head, end = f"{head}\x01ACTION ", "\x01\r\n"
        else:
            cuts = [len(stamp) + each for each in event.cuts]
            if self._style.multiline:
                lines = list(composed(head, target, text, cuts))
                return _batched(entry, first, head, target, lines)
        later = first
        if self._style.tags:  # the id is on the first line only
            later = self.tags(entry, where, event.sender, unregistered, _repeated(client), id=False)
        pieces = text_lines(head, target, text, cuts)
        return "".join(
            f"{later if number else first}{head}{piece}{end}" for number, piece in enumerate(pieces)
        )

    def tags(
        self,
        entry: Entry,
        where: Where,
        sender: str,
        guest: bool,
        client: Tags = (),
        id: bool = True,
    ) -> str:
        """Return the tags before the line of *entry*, an act of *sender*."""
        style = self._style
        tags = ""  # none but the client's need to be escaped
        if style.time:
            tags = f";time={server_time(entry.at)}"
        if style.account and not guest and fold(sender) not in where.guests:
            tags += f";account={sender}"
        if style.tags and id:
            tags += f";msgid={msgid(entry)}"
        if style.tags and client:
            tags += f";{tagged(client)[1:-1]}"
        return f"@{tags[1:]} " if tags else ""

    @property
    def stamps(self) -> bool:
        """Return whether lines have their time as a tag."""
        return self._style.time

    def entry(self, entry: Entry, where: Where, reader: Key) -> str:
        if isinstance(entry.event, Talk):
            return self.message(entry, where)
        sentence = event_sentence(
            entry.event, where, reader, entry.at, entry.quote, answerable=False
        )
        if not sentence or where.group is None:
            return ""
        return line(source(SERVICE), "NOTICE", f"#{where.group}", sentence)

    def replay(self, entries: Sequence[Entry], where: Where, reader: Key, heading: str) -> bytes:
        return self.block(self.entry(entry, where, reader) for entry in entries)

    def block(self, pieces: Iterable[str]) -> bytes:
        return "".join(pieces).encode()

    def reply(self, reply: Reply) -> bytes:
        """Return the last line of a connection; the door translates all other replies."""
        assert isinstance(reply, Ended), "the door translates it"
        return f"ERROR :{reply.text}\r\n".encode()

    def refusal(self, refused: Refused) -> bytes:
        return f"ERROR :{refused.sentence}\r\n".encode()


def _batched(
    entry: Entry, tags: str, head: str, target: str, lines: Sequence[tuple[str, bool]]
) -> str:
    """Return *lines*, of which each begins with *head*, as a batch with *tags*, if several.

    Its reference differs from the server's references to other batches.
    """
    if len(lines) == 1:
        return f"{tags}{head}{lines[0][0]}\r\n"
    reference, origin = f"m{msgid(entry)}", head.partition(" ")[0]
    begin = f"{tags}{origin} BATCH +{reference} draft/multiline {target}\r\n"
    inner = (
        f"@batch={reference}{';draft/multiline-concat' if joined else ''} {head}{piece}\r\n"
        for piece, joined in lines
    )
    return "".join([begin, *inner, f"{origin} BATCH -{reference}\r\n"])


def _repeated(tags: Tags) -> Tags:
    """Return the *tags* that later lines of a message repeat: none, if they are long."""
    kept = tuple(each for each in tags if each[0] not in (REPLY, REACT))
    return kept if sum(len(name) + len(value) for name, value in kept) <= MAX_REPEATED else ()


def target_of(sender: str, where: Where) -> str:
    """Return the target of a message of *sender*: its group, or one party in private."""
    if where.other is None:
        return f"#{where.group}"
    own = where.own or where.other
    return own if fold(sender) == fold(where.other) else where.other
