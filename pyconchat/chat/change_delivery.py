"""ChangeDelivery: writes events that change a group, or the server, to the sessions of a log.

Most readers get the same bytes: they are made once for each style, and sent straight to the sockets
that take them, as messages are. Those whom an event is about, or who have caused it, read another
wording, so they are written to one by one. If that is so of everybody, all are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from pyconchat.chat.audience import Style
from pyconchat.chat.conversations import Conversation, GroupConversation, ServerConversation
from pyconchat.chat.direct_blocks import DirectBlocks
from pyconchat.chat.interfaces import IPresence, ISession
from pyconchat.domain.events import Entry, actor, is_for_members, is_of_gone_guest, subject
from pyconchat.domain.ignoring import as_seen
from pyconchat.domain.names import NOBODY, Key, fold
from pyconchat.domain.replies import Where

__all__ = ["MAX_WRITES_PER_PIECE", "ChangeDelivery", "style_of"]

MAX_WRITES_PER_PIECE = 50
"""About so many connections are written to between two yields."""


def style_of(session: ISession, where: Where) -> Style:
    """Return the style of the bytes for *session* in a conversation at *where*."""
    translator = session.translator
    return session.renderer, where, None if translator is None else translator.event_style


class _Change:
    """The *entry* of an event in *conversation*, and its block for each style."""

    def __init__(self, conversation: Conversation, entry: Entry) -> None:
        event = entry.event
        about = None if is_of_gone_guest(event) else subject(event)
        by = actor(event)
        self.conversation = conversation
        self.entry = entry
        self.about: Key | None = None if about is None else fold(about)
        self.by: Key | None = None if by is None else fold(by)
        self._blocks: dict[Style, bytes | None] = {}

    def block(self, style: Style, session: ISession) -> bytes | None:
        """Return the block for everybody with *style*, as *session*; None if each has its own."""
        if style not in self._blocks:
            renderer, where, _ = style
            if session.translator is not None:
                self._blocks[style] = session.translator.shared(self.entry, where)
            else:
                piece = renderer.entry(self.entry, where, NOBODY)
                self._blocks[style] = renderer.block([piece])
        return self._blocks[style]

    def write(self, session: ISession, style: Style) -> None:
        """Write it to *session*, in its own wording if that differs."""
        key = session.account.key
        if not self.conversation.may_read(self.entry.event, key):
            return
        renderer, where, _ = style
        seen = as_seen(self.entry, session.account.ignores)
        if seen is None:
            return
        if session.translator is not None:
            session.translator.happened(seen, where)
            return
        own = key == self.about or seen is not self.entry
        block = (
            renderer.block([renderer.entry(seen, where, key)])
            if own
            else self.block(style, session)
        )
        if block:
            session.peer.write(block)


class ChangeDelivery:
    """Writes events to the sessions in *presence*."""

    def __init__(self, presence: IPresence) -> None:
        self._presence = presence

    def deliver(self, conversation: Conversation, entries: Sequence[Entry]) -> Iterator[int]:
        """Write consecutive *entries*, after which nobody but those who come receives more or less.

        Yields the count of connections that were written to, as `Fanout.publish`.
        """
        changes = [_Change(conversation, entry) for entry in entries]
        if isinstance(conversation, ServerConversation):
            online = [each for each in self._presence.everybody() if not each.starting]
            yield from self._write_each(conversation, changes, dict.fromkeys(online))
            return
        # No yield before the audience has begun: its sessions do not have the entries yet.
        for change in changes:  # who joins a large group does not wait for all members
            self._write_to_outsiders(conversation, change)
        audience = conversation.audience
        for change in changes:
            for session in self._concerned(change):
                audience.set_apart(session)
        blocks = self._common_blocks(conversation, changes)
        if blocks is None:
            yield from self._write_each(conversation, changes, audience.begin())
            return
        direct = DirectBlocks()
        for style, sends in audience.direct_pieces(MAX_WRITES_PER_PIECE):
            if blocks[style]:
                direct.add(audience, style, sends, blocks[style])
                direct.send()
            yield len(sends)
        yield from self._write_each(conversation, changes, audience.pending)

    def _write_to_outsiders(self, conversation: Conversation, change: _Change) -> None:
        """Write to sessions of whom *change* is about that do not receive the conversation."""
        if change.about is None:
            return
        for session in list(self._presence.sessions(change.about)):
            # A session that is starting finds the entry in the store.
            if session.starting:
                continue
            receives = conversation in session.subscriptions
            if receives and not session.subscriptions.waits(conversation):
                continue
            change.write(session, style_of(session, session.view_of(conversation)))
            if isinstance(conversation, GroupConversation) and not receives:
                session.subscriptions.delivered(conversation, change.entry.seq)

    def _concerned(self, change: _Change) -> Iterable[ISession]:
        """Return the sessions of the subject and of the author of *change*."""
        for key in (change.about, change.by):
            if key is not None:
                yield from self._presence.sessions(key)

    @staticmethod
    def _common_blocks(
        conversation: Conversation, changes: Sequence[_Change]
    ) -> dict[Style, bytes] | None:
        """Return the block of *changes* for each style; None if it differs by reader."""
        if not isinstance(conversation, GroupConversation):
            return None
        if not all(is_for_members(change.entry.event) for change in changes):
            return None
        common: dict[Style, bytes] = {}
        for style, session in conversation.audience.styles():
            blocks = [change.block(style, session) for change in changes]
            if any(block is None for block in blocks):
                return None
            common[style] = b"".join(block for block in blocks if block is not None)
        return common

    @staticmethod
    def _write_each(
        conversation: Conversation, changes: Sequence[_Change], pending: dict[ISession, None]
    ) -> Iterator[int]:
        """Write *changes* to each of *pending*, and remove it; those that can be direct will be."""
        audience = conversation.audience
        is_group = isinstance(conversation, GroupConversation)
        while piece := list(islice(pending, MAX_WRITES_PER_PIECE)):
            for session in piece:
                pending.pop(session, None)  # a disconnect may have removed it
                style = style_of(session, session.view_of(conversation))
                for change in changes:
                    change.write(session, style)
                if is_group and audience.is_apart(session):
                    send = session.direct_send()
                    if send is not None:
                        audience.admit(session, style, send)
            yield len(piece)
