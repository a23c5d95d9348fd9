"""Fanout: shows what was stored to those who follow it.

Messages of one tick become one block for each style, and each connection gets its block with
one write. Everything else that can happen is shown entry by entry, because it changes who
follows.

What goes to many is written in pieces, with turns of the reactor between them: whoever drives
it says when. Each method that may take so long is an iterator, and yields how many connections
it has written since it last did.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from pyconchat.chat.conversation import Conversation
from pyconchat.chat.interfaces import IPresence, IRenderer, ISession
from pyconchat.chat.statistics import Statistics
from pyconchat.domain.events import (
    Action,
    AnyEvent,
    Entry,
    GroupCreated,
    MemberBanned,
    MemberJoined,
    MemberKicked,
    MemberLeft,
    Message,
    Talk,
    subject,
)
from pyconchat.domain.names import Key, Name, fold
from pyconchat.domain.replies import Where

__all__ = ["Fanout", "own_key"]

HISTORY = 20
"""Earlier entries that somebody who joins is shown."""

PIECE = 50
"""Connections that are written at once."""

Origins = Sequence[ISession | None]


def own_key(party: str) -> Key:
    """Return the account's key of one of the two parties to a private conversation.

    A guest's party is ``key~number``, for the next guest of that name is somebody else.
    """
    return Key(party.partition("~")[0])


class Fanout:
    """Publishes entries of conversations to the sessions that follow them."""

    def __init__(self, presence: IPresence, statistics: Statistics) -> None:
        self._presence = presence
        self._statistics = statistics

    def publish(
        self, conversation: Conversation, entries: Sequence[Entry], origins: Origins
    ) -> Iterator[int]:
        """Show *entries*, which follow each other; *origins* are the sessions that typed them."""
        if conversation.parties is not None:
            self._follow_direct(conversation, entries[0].seq - 1)
        first = 0
        for index, entry in enumerate(entries):
            if type(entry.event) is not Message and type(entry.event) is not Action:
                yield from self._talk(conversation, entries[first:index], origins[first:index])
                yield from self._happening(conversation, entry)
                first = index + 1
        yield from self._talk(conversation, entries[first:], origins[first:])

    def _talk(
        self, conversation: Conversation, entries: Sequence[Entry], origins: Origins
    ) -> Iterator[int]:
        """Show messages and actions: a block per style, one write per connection."""
        if not entries:
            return
        due = conversation.begins(entries[-1].seq)
        self._statistics.messages += len(entries)
        self._statistics.deliveries += len(entries) * len(due)
        rendered: dict[tuple[IRenderer, Where], tuple[list[str], bytes]] = {}
        authors = set(origins)
        here, elsewhere, private = (
            conversation.here,
            conversation.elsewhere,
            conversation.group is None,
        )
        while piece := list(islice(due, PIECE)):
            for session in piece:
                if private:
                    where = session.where(conversation)
                else:
                    where = here if session.current is conversation else elsewhere
                style = (session.renderer, where)
                try:
                    pieces, block = rendered[style]
                except KeyError:
                    pieces = session.renderer.talk(entries, where)
                    block = session.renderer.block(pieces)
                    rendered[style] = pieces, block
                if session in authors or session.account.ignores:
                    block = self._personal(session, pieces, entries, origins)
                due.pop(session, None)  # unless it has gone
                if block:
                    session.peer.write(block)
            yield len(piece)

    def _personal(
        self,
        session: ISession,
        pieces: Sequence[str],
        entries: Sequence[Entry],
        origins: Origins,
    ) -> bytes:
        """Leave out what the session typed itself, and whom its account ignores."""
        ignores = session.account.ignores
        renderer: IRenderer = session.renderer
        return renderer.block(
            piece
            for piece, entry, origin in zip(pieces, entries, origins, strict=True)
            if origin is not session and not (ignores and is_ignored(entry, ignores))
        )

    def _happening(self, conversation: Conversation, entry: Entry) -> Iterator[int]:
        """Show something that changes the group, to each as it concerns them."""
        event = entry.event
        due = conversation.begins(entry.seq)
        group = conversation.group
        if isinstance(event, MemberJoined):
            self._let_in(conversation, fold(event.name))
        if group is None:
            readers = list(self._presence.everybody())
        else:
            readers = [*due, *self._outsiders(conversation, event)]
        about = subject(event)
        told_apart = None if about is None else fold(about)
        common: dict[tuple[IRenderer, Where], bytes] = {}
        for number, session in enumerate(readers, 1):
            if number % PIECE == 0:
                yield PIECE
            due.pop(session, None)
            key = session.account.key
            if group is not None and not group.may_read(event, key):
                continue
            where = session.where(conversation)
            if key == told_apart:
                block = session.renderer.block([session.renderer.entry(entry, where, key)])
            else:
                style = (session.renderer, where)
                if style not in common:
                    piece = session.renderer.entry(entry, where, Key(""))
                    common[style] = session.renderer.block([piece])
                block = common[style]
            if block:
                session.peer.write(block)
            if group is not None and not session.hears(conversation):
                session.was_told(conversation, entry.seq)
        yield len(readers) % PIECE
        if isinstance(event, MemberLeft | MemberKicked | MemberBanned):
            for session in self._presence.sessions(fold(event.name)):
                if session.hears(conversation):
                    session.detach(conversation, entry.seq)
        elif isinstance(event, MemberJoined):
            self._follow(conversation, fold(event.name), entry.seq, HISTORY)
        elif isinstance(event, GroupCreated):
            self._follow(conversation, fold(event.by), entry.seq)

    def _outsiders(self, conversation: Conversation, event: AnyEvent) -> list[ISession]:
        """Return the sessions of the one whom *event* is about that do not follow the group."""
        about = subject(event)
        if about is None:
            return []
        sessions = self._presence.sessions(fold(about))
        # One that is starting finds it in the store.
        return [each for each in sessions if not each.starting and not each.hears(conversation)]

    def _let_in(self, conversation: Conversation, key: Key) -> None:
        """Have those who asked, and have done nothing else since, enter the group."""
        for session in self._presence.sessions(key):
            if session.awaiting is conversation:
                session.enter(conversation)

    def _follow(self, conversation: Conversation, key: Key, after: int, history: int = 0) -> None:
        """Have the sessions of *key* follow *conversation* after the entry *after*.

        A person is shown as much *history* as well; a program would get numbers out of order.
        """
        for session in self._presence.sessions(key):
            # One that is starting reads in the store what it follows, this among the rest.
            if session.starting or session.hears(conversation):
                continue
            if history and not session.peer.program:
                session.attach(conversation, max(0, after - 1 - history), told=after)
            else:
                session.attach(conversation, after)

    def _follow_direct(self, conversation: Conversation, after: int) -> None:
        for party in conversation.parties or ():
            self._follow(conversation, own_key(party), after)


def is_ignored(entry: Entry, ignores: Mapping[Key, Name]) -> bool:
    """Return whether *entry* is something that one of *ignores* said."""
    event = entry.event
    return isinstance(event, Talk) and fold(event.sender) in ignores
