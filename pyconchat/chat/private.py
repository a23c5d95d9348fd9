"""PrivateTalk: the requests of two people who talk in private.

Only the two parties may write or read, not a later account with the same name as either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec.structs import replace
from twisted.internet.defer import Deferred

from pyconchat.chat.conversations import DirectConversation, Parties
from pyconchat.chat.interfaces import IJournal, ISession, IStore
from pyconchat.chat.memory import Memory
from pyconchat.chat.nodes import Nodes
from pyconchat.chat.session_registry import SessionRegistry
from pyconchat.domain.accounts import Account, correspond
from pyconchat.domain.decisions import Decision, NewEntry, OpenDirect, RequestKey
from pyconchat.domain.direct import Direct
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import Action, FileShared, GroupEvent, Message, Tags, TagsSent
from pyconchat.domain.refusals import no_such_message, require_few_lines
from pyconchat.domain.text import SafeText

__all__ = ["Delivered", "PrivateTalk", "parties_of"]


class Delivered(NamedTuple):
    """A private message to *receiver* was stored as entry *seq*.

    *away* is the away text of the receiver, if the sender has not got it yet; else None.
    """

    receiver: Account
    seq: int
    away: SafeText | None


class PrivateTalk:
    """The private conversations of one chat; *now* returns milliseconds since the epoch."""

    def __init__(
        self,
        memory: Memory,
        store: IStore,
        journal: IJournal,
        registry: SessionRegistry,
        now: Callable[[], int],
    ) -> None:
        self._memory = memory
        self._accounts = memory.accounts
        self._conversations = memory.conversations
        self._store = store
        self._journal = journal
        self._registry = registry
        self._now = now
        self.nodes: Nodes | None = None  # set if this is one of several nodes

    def require_partner(self, account: Account, partner: Account, or_self: bool = False) -> None:
        """Raise `Refused` if *partner* has disconnected for good, or is *account* itself.

        With *or_self* that is allowed: clients of IRC talk to themselves.
        """
        if partner is account and not or_self:
            raise Refused(Code.SELF, "That is you. To whom do you want to talk?")
        if self._accounts.get(partner.name) is not partner:
            raise Refused(Code.NO_SUCH_NAME, "{name} has just left.", name=partner.name)

    async def post(
        self,
        session: ISession,
        receiver: Account,
        text: SafeText,
        key: RequestKey | None = None,
        kind: type[Message] | type[Action] = Message,
        reply_to: int = 0,
        notice: bool = False,
        tags: Tags = (),
        cuts: tuple[int, ...] = (),
    ) -> Delivered:
        """Post *text* to *receiver*, as an answer to the entry *reply_to*.

        Raises `Refused` or `NotSaved`.

        *notice*, *tags* and *cuts* are as in `Message`.

        It is appended to the journal before the first wait, if the conversation is in memory.
        """
        sender: Account = session.account
        or_self = session.translator is not None
        self.require_partner(sender, receiver, or_self)
        known = await self._find(sender, receiver)
        self.require_partner(sender, receiver, or_self)
        self._memory.require_present(sender)
        if reply_to > (0 if known is None else known.published):
            raise no_such_message(reply_to)
        require_few_lines(text)
        conversation, writes = self._opened(known, sender, receiver)
        first = not sender.registered and sender.party not in conversation.guests
        event: Message | Action = kind(sender.name, text, first, tags=tags)
        if isinstance(event, Message) and (reply_to or notice or cuts):
            event = replace(event, reply_to=reply_to, notice=notice, cuts=cuts)
        decision = Decision(self._now(), (NewEntry(conversation.id, event),), writes, key)
        if first:
            conversation.guests.add(sender.party)
        try:
            origin = None if session.peer.echoes else session
            seq = await self._append(sender, conversation, decision, origin)
        except BaseException:
            if first:
                conversation.guests.discard(sender.party)
            raise
        if session.away is not None:
            self._registry.absences.end(session)
        correspond(sender, receiver)
        absence = None if receiver.key in sender.ignores else receiver.absence
        if absence is None or not absence.is_news_to(sender.party):
            return Delivered(receiver, seq, None)
        return Delivered(receiver, seq, absence.text)

    async def send_tags(self, sender: Account, receiver: Account, tags: Tags) -> int:
        """Send *tags* without a text to *receiver*, who may be *sender*; return their number.

        Raises `Refused` or `NotSaved`.
        """
        self.require_partner(sender, receiver, or_self=True)
        known = await self._find(sender, receiver)
        self.require_partner(sender, receiver, or_self=True)
        self._memory.require_present(sender)
        conversation, writes = self._opened(known, sender, receiver)
        entry = NewEntry(conversation.id, TagsSent(sender.name, tags, not sender.registered))
        return await self._append(sender, conversation, Decision(self._now(), (entry,), writes))

    async def share(
        self,
        sender: Account,
        receiver: Account,
        file: Callable[[DirectConversation], FileShared],
    ) -> int:
        """Share with *receiver* what *file* returns for their conversation; return its id.

        Raises `Refused` or `NotSaved`. The number of the file is one more than that of the last.
        """
        self.require_partner(sender, receiver)
        known = await self._find(sender, receiver)
        self.require_partner(sender, receiver)
        self._memory.require_present(sender)
        conversation, writes = self._opened(known, sender, receiver)
        event = file(conversation)
        # The version makes the store refuse a number that another node has given to a file.
        entry = NewEntry(conversation.id, event, event.number - 1)
        await self._append(sender, conversation, Decision(self._now(), (entry,), writes))
        correspond(sender, receiver)
        return conversation.id

    def _opened(
        self, known: DirectConversation | None, sender: Account, receiver: Account
    ) -> tuple[DirectConversation, Sequence[OpenDirect]]:
        """Return the conversation, and the writes that create it if it is not *known* yet."""
        if known is not None:
            return known, ()
        parties, id = parties_of(sender, receiver), self._conversations.new_id()
        both = dict.fromkeys((sender, receiver))  # the same account, if it writes to itself
        owners = tuple(each.key for each in both if each.registered)
        conversation = self._conversations.add_private(parties, id, 0)
        return conversation, (OpenDirect(id, parties, owners),)

    async def decide(
        self,
        account: Account,
        partner: Account,
        conversation: DirectConversation,
        rule: Callable[[Direct], list[GroupEvent]],
        key: RequestKey | None = None,
    ) -> int:
        """Let *account* decide by *rule* in its conversation with *partner*.

        Returns the number of the first entry. Raises `Refused` or `NotSaved`.
        """
        self.require_partner(account, partner, or_self=True)
        self._memory.require_present(account)
        entries = [NewEntry(conversation.id, event) for event in rule(conversation.rules)]
        return await self._append(account, conversation, Decision(self._now(), entries, (), key))

    async def _append(
        self,
        sender: Account,
        conversation: DirectConversation,
        decision: Decision,
        origin: ISession | None = None,
    ) -> int:
        """Append *decision*; keep *conversation* in memory until it is published."""
        conversation.posting += 1
        try:
            done: Deferred[int] = Deferred()
            self._journal.append(decision, origin, done)
            return await done
        finally:
            conversation.posting -= 1
            if not self._memory.presence.sessions(sender.key):  # it has disconnected since
                self._registry.release_private(sender.party)

    async def conversation(
        self, account: Account, partner: Account, or_self: bool = False
    ) -> DirectConversation | None:
        """Return the conversation of *account* and *partner*; None if it has no entry yet.

        *or_self* is as in `require_partner`. Raises `Refused` or `NotSaved`.
        """
        self.require_partner(account, partner, or_self)
        found = await self._find(account, partner)
        self.require_partner(account, partner, or_self)
        self._memory.require_present(account)
        return found

    async def known_with(self, account: Account, partner: str) -> DirectConversation | None:
        """Return the private conversation of *account* and *partner*, a name, or None."""
        other = self._accounts.get(partner)
        if other is None or other is account:
            return None
        return await self._find(account, other)

    async def _find(self, one: Account, other: Account) -> DirectConversation | None:
        parties = parties_of(one, other)
        known = self._conversations.private(parties)
        stored = self.nodes is not None or (one.registered and other.registered)
        if known is None and stored:
            found = await self._journal.read_in_order(self._store.direct, parties)
            if found is not None and self.nodes is not None:
                return await self.nodes.private.add(parties, *found)
            if found is not None:
                return self._conversations.add_private(parties, *found)
            known = self._conversations.private(parties)  # created while the store was read
        return known


def parties_of(one: Account, other: Account) -> Parties:
    """Return the parties of the private conversation of two accounts."""
    return min(one.party, other.party), max(one.party, other.party)
