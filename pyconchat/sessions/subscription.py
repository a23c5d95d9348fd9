"""Subscriptions: the conversations that a session receives, from the store and then live.

It has the session's position in each of them; `LogDelivery` delivers the entries after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from twisted.internet.defer import Deferred
from zope.interface import implementer

from pyconchat.chat.conversations import Conversation, DirectConversation, GroupConversation
from pyconchat.chat.interfaces import ISession, ISubscriptions
from pyconchat.commands.services import Services
from pyconchat.domain.decisions import OPEN_END, MoveCursor
from pyconchat.domain.names import fold
from pyconchat.domain.replies import Done
from pyconchat.domain.stored import CursorRecord
from pyconchat.domain.text import SafeText
from pyconchat.render.words import counted
from pyconchat.sessions.log_delivery import LogDelivery, Subscription

__all__ = ["Subscriptions"]


@implementer(ISubscriptions)
class Subscriptions(LogDelivery):
    """The conversations that *session* receives."""

    __slots__ = ("_active", "_missed", "_services", "settled")

    def __init__(self, services: Services, session: ISession) -> None:
        super().__init__(services.chat, session)
        self._services = services
        self._active: dict[Conversation, Subscription] = {}
        self.settled = False
        self._missed: list[Subscription] = []  # found by `find_missed`, for `deliver_missed`

    def __contains__(self, conversation: Conversation) -> bool:
        return conversation in self._active

    def set_apart(self) -> None:
        session = self._session
        for conversation in self._active:
            conversation.audience.set_apart(session)

    def groups(self) -> Iterator[GroupConversation]:
        return (each for each in self._active if isinstance(each, GroupConversation))

    # The start of a session.

    async def find_missed(self, since: Mapping[str, int]) -> None:
        """Find the missed entries. *since* is as for `ISession.start`. Raises `NotSaved`."""
        since = {name.lower(): seq for name, seq in since.items()}
        partners = [name[1:] for name in since if name.startswith("@")]
        account = self._session.account
        directs = [
            await self._chat.private.known_with(account, partner)
            for partner in partners
            if self._receiving
        ]
        if not self._receiving:
            return
        records = await self._services.registry.missed(self._session)
        if not self._receiving:
            return
        members = {record.conversation for record in records if record.upto == OPEN_END}
        for record in records:
            self._add_missed(record, since, member=record.conversation in members)
        for direct in directs:
            if direct is not None:
                self._add_direct(direct, since)

    def _add_missed(self, record: CursorRecord, since: Mapping[str, int], member: bool) -> None:
        conversation = self._services.conversations.of_cursor(record)
        session = self._session
        session.account.show(conversation.id, record.shown)
        if record.named:
            session.account.named[conversation.id] = list(record.named)
        is_open = record.upto == OPEN_END
        read = record.read
        # Another device may have received entries without displaying them. A program with markers
        # reads them in its groups on demand: there may be thousands.
        if is_open and (not session.peer.program or (session.marks and record.parties is not None)):
            read = min(read, record.shown)
        missed = Subscription(conversation, read, record.upto)
        has = since.get(self._name_of(conversation))
        # A number beyond the log belongs to another log: a closed group of the same name.
        if has is not None and has <= conversation.published:
            if is_open:
                missed.read = has
            elif member:
                return  # the membership's open cursor covers it
            else:  # a former member receives only entries that the account's cursor includes
                missed.read = max(has, missed.read)
        translator = self._session.translator
        if is_open and translator is not None:
            if conversation.id in self._session.account.detached:
                return  # hidden until the client joins it again
            if translator.asks_history and missed.read < conversation.published:
                missed.held, missed.read = True, conversation.published
        if is_open:
            self._active[conversation] = missed
        self._missed.append(missed)

    def _add_direct(self, direct: DirectConversation, since: Mapping[str, int]) -> None:
        """Add a private conversation that the account has received, but this peer has not."""
        has = since[self._name_of(direct)]
        if direct not in self._active and has <= direct.published:
            self._active[direct] = Subscription(direct, has)
            self._missed.append(self._active[direct])

    async def deliver_missed(self, most: int) -> None:
        """Deliver the missed entries, one conversation after another, then receive live.

        *most* is as for `ISession.catch_up`.
        """
        missed, self._missed = self._missed, []
        for subscription in missed:
            await self.begin(subscription, self.deliver_newest(subscription, most))
            if self.waits(subscription.conversation):
                self._tell_mentions(subscription.conversation)

    def _tell_mentions(self, conversation: Conversation) -> None:
        """Display how many unread messages of a muted group mention the account."""
        count = self.mentions(conversation)
        if count:
            name = self._session.view_of(conversation).group
            sentence = f"{counted(count, 'message')} for you in {name}, which is muted"
            sentence += f": /join {name} shows more."
            translator = self._session.translator
            typed = sentence if translator is None else translator.typed(sentence)
            self._session.send(Done(SafeText(typed)))

    # Changes.

    def add(self, conversation: Conversation, after: int, earlier: int = 0) -> None:
        subscription = Subscription(conversation, after)
        self._active[conversation] = subscription
        opening = self.deliver_earlier(subscription, earlier)
        subscription.catching_up = self.begin(subscription, opening)

    def end(self, conversation: Conversation, upto: int) -> None:
        subscription = self._active.pop(conversation)
        if self._session in conversation.sessions or self._is_muted(conversation):
            conversation.audience.remove(self._session)
            subscription.read = upto  # pending entries of a muted group are not delivered later
        subscription.upto = upto  # a subscription that is catching up continues to the end
        self._ended.append(subscription)
        self._session.peer.wake()
        if self._session.current is conversation:
            self._session.move(None)

    def detach(self, conversation: Conversation) -> None:
        subscription = self._active.pop(conversation, None)
        if subscription is not None:
            subscription.upto = subscription.read  # a subscription that is catching up stops there
        conversation.audience.remove(self._session)

    def held(self) -> Iterator[Conversation]:
        return (conversation for conversation, each in self._active.items() if each.held)

    def release(self, conversation: Conversation) -> None:
        subscription = self._active.get(conversation)
        if subscription is not None:
            subscription.held = False
            self._session.peer.wake()

    def refresh(self, conversation: Conversation) -> None:
        subscription = self._active.get(conversation)
        if subscription is None or self._session.peer.names_places:
            return
        if self._is_muted(conversation):
            subscription.read = self._position(subscription)
            conversation.audience.remove(self._session)
        elif not subscription.running:
            if self._session not in conversation.sessions:
                shown = conversation.published - self.unread(conversation)
                subscription.read = max(subscription.read, shown)
            most = self._services.config.limits.missed_entries
            opening = self.deliver_newest(subscription, most)
            subscription.catching_up = self.begin(subscription, opening)

    def waits(self, conversation: Conversation) -> bool:
        return conversation in self._active and self._is_muted(conversation)

    def _is_muted(self, conversation: Conversation) -> bool:
        session = self._session
        muted = conversation.id in session.account.muted
        return muted and not session.peer.names_places and session.current is not conversation

    def delivered(self, conversation: Conversation, seq: int) -> None:
        if self._receiving:
            subscription = Subscription(conversation, seq - 1, seq)
            subscription.read = seq
            self._ended.append(subscription)
            self._session.peer.wake()

    def when_live(self, conversation: Conversation) -> Deferred[None]:
        subscription = self._active.get(conversation)
        live: Deferred[None] = Deferred()
        if subscription is None or subscription.catching_up is None:
            live.callback(None)
        else:
            subscription.catching_up.addBoth(lambda _: live.callback(None))
        return live

    def stop(self) -> None:
        self._receiving = False
        for conversation, subscription in self._active.items():
            subscription.read = self._position(subscription)
            conversation.audience.remove(self._session)

    def clear(self) -> None:
        """Drop all subscriptions: the session has ended."""
        self._active.clear()
        self._missed.clear()
        self._ended.clear()

    # Positions.

    def unread(self, conversation: Conversation) -> int:
        subscription = self._active.get(conversation)
        return 0 if subscription is None else conversation.published - self._shown(subscription)

    def _shown(self, subscription: Subscription) -> int:
        """Return the number of the newest entry that the session has received."""
        session, position = self._session, self._position(subscription)
        shown: int = session.account.shown.get(subscription.conversation.id, 0)
        if session.marks:
            return shown
        return position if session.peer.program else max(position, shown)

    def mentions(self, conversation: Conversation) -> int:
        subscription = self._active.get(conversation)
        if subscription is None:
            return 0
        return self.count_mentions(conversation, self._shown(subscription))

    def receipts(self) -> list[MoveCursor]:
        session = self._session
        account = session.account
        if not account.registered:
            self._ended.clear()  # a guest has no cursors
            self.settled = True
            return []
        moved = [
            (each, position)
            for each in (*self._active.values(), *self._ended)
            if not each.held and (position := self._position(each)) > each.saved
        ]
        self.settled = not moved
        if not moved or not session.peer.acknowledged():
            return []
        moves: list[MoveCursor] = []
        for each, position in moved:
            each.saved = position
            shown = 0 if session.marks else position
            if shown:
                self._services.registry.show(session, each.conversation, shown)
            move = MoveCursor(account.key, each.conversation.id, position, each.upto, shown)
            moves.append(move)
        self._ended = [each for each in self._ended if each.read < each.upto]
        return moves

    def _position(self, subscription: Subscription) -> int:
        conversation, session = subscription.conversation, self._session
        live = session in conversation.sessions
        if live and self._active.get(conversation) is subscription:
            return conversation.received(session)
        return subscription.read

    def _name_of(self, conversation: Conversation) -> str:
        """Return a group's name, or ``@`` and the partner's, folded, as in *since*."""
        where = self._session.view_of(conversation)
        return fold(f"@{where.other}" if where.other is not None else f"{where.group}")
