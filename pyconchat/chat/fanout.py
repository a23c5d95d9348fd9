"""Fanout: writes stored entries to the sessions that receive them.

The messages of one tick become one block for each style, and each connection gets its block with
one write; so do the joins. All other events are written one by one, because they change who
receives (`ChangeDelivery`).

A large group is written in pieces, and several small ones together. The methods are generators:
after each piece they yield how many connections were written, and the journal decides when the next
piece follows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple, assert_never

from twisted.logger import Logger

from pyconchat.chat.change_delivery import MAX_WRITES_PER_PIECE, ChangeDelivery, style_of
from pyconchat.chat.conversations import (
    Conversation,
    DirectConversation,
    GroupConversation,
    account_key,
)
from pyconchat.chat.direct_blocks import DirectBlocks
from pyconchat.chat.interfaces import IPresence, IRenderer, ISession
from pyconchat.chat.session_registry import HISTORY_AT_JOIN
from pyconchat.chat.statistics import Statistics
from pyconchat.domain.events import (
    Action,
    AdminChanged,
    Announced,
    AnyEvent,
    Damaged,
    Edit,
    Entry,
    FileRemoved,
    FileShared,
    GroupClosed,
    GroupCreated,
    GroupRestored,
    HookAdded,
    HookRemoved,
    InvitationEnded,
    InviteCodeEnded,
    InviteCodeMade,
    JoinRejected,
    JoinRequested,
    MemberBanned,
    MemberInvited,
    MemberJoined,
    MemberKicked,
    MemberLeft,
    MemberQuieted,
    MemberRegistered,
    MemberUnbanned,
    Message,
    MessageRemoved,
    ModeratorEnded,
    ModeratorMade,
    OperatorMade,
    OperatorRemoved,
    Pinned,
    PolicyChanged,
    QuietEnded,
    Reaction,
    RequestWithdrawn,
    ServerBanned,
    ServerKicked,
    ServerUnbanned,
    SlowChanged,
    TagsSent,
    Talk,
    TopicChanged,
    Unpinned,
    Unsay,
)
from pyconchat.domain.ignoring import as_seen
from pyconchat.domain.mentions import names_reader
from pyconchat.domain.names import Key, fold
from pyconchat.domain.replies import Where

__all__ = ["Fanout"]

Origins = Sequence[ISession | None]

_TALK = frozenset({Message, Action})
_JOINS = frozenset({MemberJoined})


class _Blocks(dict[tuple[IRenderer, Where], tuple[list[str], bytes]]):
    """The messages *entries* in each style that is asked for: one by one, and as a block."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        super().__init__()
        self._entries = entries

    def __missing__(self, style: tuple[IRenderer, Where]) -> tuple[list[str], bytes]:
        renderer, where = style
        pieces = renderer.talk(self._entries, where)
        self[style] = rendered = pieces, renderer.block(pieces)
        return rendered


class _Talk(NamedTuple):
    """Messages that the direct sessions of *conversation* have, or are about to get.

    The *personal* sessions get another block: they have typed some, or are mentioned by *naming*.
    """

    conversation: Conversation
    entries: Sequence[Entry]
    origins: Origins
    personal: set[ISession | None]
    naming: Sequence[Entry]
    blocks: _Blocks


class Fanout:
    """Delivers entries of conversations to the sessions that are subscribed to them."""

    _log = Logger()

    def __init__(self, presence: IPresence, statistics: Statistics) -> None:
        self._presence = presence
        self._statistics = statistics
        self._changes = ChangeDelivery(presence)
        self._published: dict[Conversation, None] = {}  # since the last call of `wake_readers`
        self._direct = DirectBlocks()
        self._begun: list[_Talk] = []  # whose direct blocks are in `_direct`, or sent

    def publish(
        self, conversation: Conversation, entries: Sequence[Entry], origins: Origins
    ) -> Iterator[int]:
        """Deliver consecutive *entries*; *origins* are the sessions that typed them.

        Messages may be left to `finish`, or to the next call.
        """
        if isinstance(conversation, DirectConversation):
            for party in conversation.parties:
                key = account_key(party)
                sessions = self._presence.sessions(key)
                account = sessions[0].account if sessions else None
                # Not another guest who has the name now: the entry may come from another node.
                if account is not None and (account.registered or account.party == party):
                    self._subscribe(conversation, key, entries[0].seq - 1)
        first = 0
        while first < len(entries):
            last = _end_of_run(entries, first)
            run = entries[first:last]
            if type(run[0].event) in _TALK:
                yield from self._talk(conversation, run, origins[first:last])
            else:
                yield from self.finish()
                yield from self._change(conversation, run)
            first = last
        self._published[conversation] = None

    def finish(self) -> Iterator[int]:
        """Deliver what the calls of `publish` have left."""
        written = self._direct.send()
        begun, self._begun = self._begun, []
        if written >= MAX_WRITES_PER_PIECE:
            yield written
            written = 0
        for talk in begun:
            try:
                for count in self._write_others(talk):
                    written += count
                    if written >= MAX_WRITES_PER_PIECE:
                        yield written
                        written = 0
            except Exception:  # a failure in one conversation must not stop the others
                self._log.failure("publishing to conversation {id} failed", id=talk.conversation.id)
        if written:
            yield written

    def wake_readers(self) -> None:
        """Wake the peers that may have received something since the last call.

        Not the peers of guests, whose receipt is not stored.
        """
        published, self._published = self._published, {}
        for conversation in published:
            for session in conversation.sessions:
                if session.account.registered:
                    session.peer.wake()

    # Messages and actions.

    def _talk(
        self, conversation: Conversation, entries: Sequence[Entry], origins: Origins
    ) -> Iterator[int]:
        """Write messages and actions: a block per style, one write per connection.

        The blocks of the direct sessions are collected. `finish` sends the last of these blocks,
        and then writes to the other sessions.
        """
        conversation.start_publishing(entries[-1].seq)
        self._statistics.messages += len(entries)
        self._statistics.deliveries += len(entries) * len(conversation.sessions)
        naming = [entry for entry in entries if entry.event.mentions]  # type: ignore[union-attr]
        personal = {*origins, *self._mentioned(conversation, naming)} if naming else set(origins)
        blocks = _Blocks(entries)
        audience = conversation.audience
        direct = self._direct
        for style, sends in audience.direct_pieces(MAX_WRITES_PER_PIECE, personal):
            direct.add(audience, style, sends, blocks[style[0], style[1]][1])
            if direct.size >= MAX_WRITES_PER_PIECE:
                yield from self.finish()
        author = origins[0]
        # A translator may have to echo it, or to end a labelled answer.
        if len(entries) == 1 and author is not None and author.translator is None:
            audience.write_nothing(author)
        if audience.pending or naming:
            self._begun.append(_Talk(conversation, entries, origins, personal, naming, blocks))

    def _write_others(self, talk: _Talk) -> Iterator[int]:
        """Write *talk* to the sessions that are not direct, or get another block."""
        conversation, entries, origins, personal, naming, blocks = talk
        audience = conversation.audience
        pending = audience.pending
        private = isinstance(conversation, DirectConversation)
        while pending:
            piece = list(islice(pending, MAX_WRITES_PER_PIECE))
            for session in piece:
                where = session.view_of(conversation)
                pieces, block = blocks[session.renderer, where]
                if session in personal or session.account.ignores:
                    block = self._personal(session, where, pieces, entries, origins)
                pending.pop(session, None)  # a disconnect may have removed it
                if block:
                    session.peer.write(block)
                if not private and audience.is_apart(session):
                    send = session.direct_send()
                    if send is not None:
                        audience.admit(session, style_of(session, where), send)
            yield len(piece)
        for session in personal if naming else ():
            if session is not None and session.subscriptions.waits(conversation):
                self._write_mentions(session, conversation, naming)

    def _write_mentions(
        self, session: ISession, conversation: Conversation, entries: Sequence[Entry]
    ) -> None:
        """Write the *entries* that mention the owner of a session that has muted the group."""
        key, ignores = session.account.key, session.account.ignores
        where, renderer = session.view_of(conversation), session.renderer
        block = renderer.block(
            renderer.entry(entry, where, key)
            for entry in entries
            if names_reader(entry.event, key) and as_seen(entry, ignores) is not None
        )
        if block:
            session.peer.write(block)

    def _mentioned(
        self, conversation: Conversation, entries: Sequence[Entry]
    ) -> Iterator[ISession]:
        """Record mentions in the mentioned accounts; yield their sessions."""
        for entry in entries:
            for name in entry.event.mentions if isinstance(entry.event, Talk) else ():
                sessions = self._presence.sessions(fold(name))
                if sessions and as_seen(entry, sessions[0].account.ignores) is not None:
                    sessions[0].account.mention(conversation.id, entry.seq)
                    yield from sessions

    def _personal(
        self,
        session: ISession,
        where: Where,
        pieces: Sequence[str],
        entries: Sequence[Entry],
        origins: Origins,
    ) -> bytes:
        """Return the block without the session's own and ignored entries, with mentions marked."""
        ignores, key = session.account.ignores, session.account.key
        renderer: IRenderer = session.renderer
        kept: list[str] = []
        for piece, entry, origin in zip(pieces, entries, origins, strict=True):
            if origin is session:
                if session.translator is not None:
                    kept.append(session.translator.echo(entry, where))
                continue
            seen = as_seen(entry, ignores) if ignores else entry
            if seen is None:
                continue
            if entry.event.mentions and names_reader(entry.event, key):  # type: ignore[union-attr]
                kept.append(renderer.entry(seen, where, key))
            elif seen is entry:
                kept.append(piece)
            else:  # it quotes an ignored person
                kept += renderer.talk([seen], where)
        return renderer.block(kept)

    # All other events.

    def _change(self, conversation: Conversation, entries: Sequence[Entry]) -> Iterator[int]:
        """Write events that change the group or the server; readers differ in their wording."""
        conversation.start_publishing(entries[-1].seq)
        for entry in entries:
            event = entry.event
            if isinstance(event, MemberJoined) and isinstance(conversation, GroupConversation):
                self._enter_group(conversation, fold(event.name))
        yield from self._changes.deliver(conversation, entries)
        for entry in entries:
            self._update_subscriptions(conversation, entry.event, entry.seq)

    def _update_subscriptions(self, conversation: Conversation, event: AnyEvent, seq: int) -> None:
        """Subscribe or unsubscribe the sessions of the account that *event* lets in or out."""
        match event:
            case MemberLeft(name=name) | MemberKicked(name=name) | MemberBanned(name=name):
                for session in self._presence.sessions(fold(name)):
                    if conversation in session.subscriptions:
                        session.subscriptions.end(conversation, seq)
            case MemberJoined(name=name):
                self._subscribe(conversation, fold(name), seq, HISTORY_AT_JOIN)
            case GroupCreated(by=by):
                self._subscribe(conversation, fold(by), seq)
            case Message() | Action():
                pass
            case GroupClosed():
                self._end_all(conversation, seq)
            case AdminChanged() | PolicyChanged() | TopicChanged():
                pass
            case GroupRestored():  # made while the server is stopped; read from the store
                pass
            case JoinRequested() | RequestWithdrawn() | JoinRejected():
                pass
            case MemberInvited() | InvitationEnded() | MemberRegistered() | MemberUnbanned():
                pass
            case MemberQuieted() | QuietEnded() | SlowChanged():
                pass
            case ModeratorMade() | ModeratorEnded() | InviteCodeMade() | InviteCodeEnded():
                pass
            case FileShared() | FileRemoved() | HookAdded() | HookRemoved():
                pass
            case ServerKicked() | ServerBanned() | ServerUnbanned() | Announced():
                pass
            case OperatorMade() | OperatorRemoved():
                pass
            case Edit() | Unsay() | Reaction() | Pinned() | Unpinned() | TagsSent():
                pass
            case Damaged() | MessageRemoved():
                pass  # only read, never published
            case _:
                assert_never(event)

    def _end_all(self, conversation: Conversation, seq: int) -> None:
        """Unsubscribe the members' sessions from a group that was deleted."""
        assert isinstance(conversation, GroupConversation), "only a group is closed"
        for key in conversation.group.members:
            for session in self._presence.sessions(key):
                if conversation in session.subscriptions:
                    session.subscriptions.end(conversation, seq)

    def _enter_group(self, conversation: GroupConversation, key: Key) -> None:
        """Make the group current in the sessions that await its approval."""
        for session in self._presence.sessions(key):
            if session.awaiting is conversation:
                session.move(conversation)

    def _subscribe(
        self, conversation: Conversation, key: Key, after: int, history: int = 0
    ) -> None:
        """Subscribe the sessions of *key* to *conversation* after the entry *after*.

        A person is also shown *history* entries before it. A program is not: it would get numbers
        out of order. Nor is a peer that asks for them itself.
        """
        for session in self._presence.sessions(key):
            # A session that is starting finds its subscriptions in the store.
            if session.starting or conversation in session.subscriptions:
                continue
            translator = session.translator
            asks = session.peer.program or (translator is not None and translator.asks_history)
            earlier = 0 if asks else history
            session.subscriptions.add(conversation, after, earlier)


def _end_of_run(entries: Sequence[Entry], first: int) -> int:
    """Return the index after the entries from *first* on that are written together.

    These are messages and actions, or joins, or else a single event: it may end somebody's right to
    receive the next one.
    """
    kind, last = type(entries[first].event), first + 1
    kinds = _TALK if kind in _TALK else _JOINS if kind in _JOINS else frozenset()
    while last < len(entries) and type(entries[last].event) in kinds:
        last += 1
    return last
