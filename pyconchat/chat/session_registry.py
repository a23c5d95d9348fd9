"""SessionRegistry: the beginning and the end of sessions, as the chat sees them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from twisted.logger import Logger

from pyconchat.chat import event_log
from pyconchat.chat.absences import Absences, readers_of
from pyconchat.chat.code_makers import lost_codes
from pyconchat.chat.conversations import (
    Conversation,
    DirectConversation,
    GroupConversation,
    account_key,
)
from pyconchat.chat.interfaces import IJournal, IKeyPeer, ISession, IStore
from pyconchat.chat.memory import Memory
from pyconchat.domain.accounts import Account, is_guest_party
from pyconchat.domain.decisions import (
    Decision,
    Detach,
    EndDirect,
    MarkRead,
    MoveCursor,
    NoteLogin,
    NoteSeen,
)
from pyconchat.domain.events import NO_TEXT, GroupEvent, Why
from pyconchat.domain.group_state import JoinRequest, Member
from pyconchat.domain.names import Key, fold
from pyconchat.domain.public_keys import PublicKey
from pyconchat.domain.replies import EndWhy, PresenceChanged, ReadUpto
from pyconchat.domain.stored import CursorRecord
from pyconchat.domain.text import SafeText
from pyconchat.net.teardown import take_all

__all__ = ["HISTORY_AT_JOIN", "SessionRegistry"]

HISTORY_AT_JOIN = 20
"""Earlier entries that a person is shown after joining."""

MAX_READ_MARKERS = 1000
"""Maximum read markers of an account: the oldest is deleted."""


MAX_GONE = 1000
"""Maximum guests of this node that are remembered, in case that their end has to be stored again.
"""


class SessionRegistry:
    """The sessions of one chat; *now* returns milliseconds since the epoch."""

    _log = Logger()

    def __init__(
        self, memory: Memory, store: IStore, journal: IJournal, now: Callable[[], int]
    ) -> None:
        self._memory = memory
        self._store = store
        self._journal = journal
        self._now = now
        self._watchers: list[Callable[[Account], None]] = []
        self._presence_watchers: list[Callable[[Account, bool], None]] = []
        self._private_watchers: list[Callable[[int], None]] = []
        self.absences = Absences(memory, now)
        self._here_watchers: list[Callable[[Account, bool], None]] = []
        self._local_watchers: list[Callable[[Account, bool], None]] = []
        self.catch_up: Callable[[Key], Awaitable[None]] | None = None  # set by `Nodes`
        self.several = False  # this is one of several nodes: guests may be connected elsewhere
        self._gone: dict[Key, None] = {}  # guests of this node, whose memberships end
        self.stopping = False  # the server is stopping: departures are not announced

    def watch(self, watcher: Callable[[Account], None]) -> None:
        """Call *watcher* with each account that is removed, or whose other sessions are all ended.

        Its permissions outside its sessions (tickets) end, too.
        """
        self._watchers.append(watcher)

    def watch_presence(self, watcher: Callable[[Account, bool], None]) -> None:
        """Call *watcher* with each account that comes (True) or goes."""
        self._presence_watchers.append(watcher)

    def watch_here(self, watcher: Callable[[Account, bool], None]) -> None:
        """As `watch_presence`, whether or not the account is online at another node."""
        self._here_watchers.append(watcher)

    def watch_local(self, watcher: Callable[[Account, bool], None]) -> None:
        """Call *watcher* with each account whose first session here begins, or the last one ends.

        It may be an unattended session.
        """
        self._local_watchers.append(watcher)

    def watch_private(self, watcher: Callable[[int], None]) -> None:
        """Call *watcher* with the id of each private conversation that ends."""
        self._private_watchers.append(watcher)

    def revoke(self, account: Account) -> None:
        """Call the watchers with *account*."""
        for watcher in self._watchers:
            watcher(account)

    def opened(self, session: ISession) -> None:
        """Add *session*: from now on a kick, a ban or a new password ends it."""
        account, presence = session.account, self._memory.presence
        self.absences.opening(session)
        first = not presence.sessions(account.key)
        comes = not session.unattended and not presence.attended(account.key)
        presence.add(session)
        event_log.connected(account.name, session.peer.address, not account.registered, comes)
        if account.registered:
            self._journal.append(Decision(self._now(), writes=[NoteLogin(account.key)]))
        if comes:
            _call(self._here_watchers, account, True)
        if first:
            _call(self._local_watchers, account, True)
        if comes and account.key not in presence.elsewhere:
            self._announce(account, PresenceChanged(account.name, True))
        self.absences.note(account)

    async def missed(self, session: ISession) -> list[CursorRecord]:
        """Return the conversations with entries that the account has missed. Raises `NotSaved`.

        Returns between two publications: everything that was stored before is in the answer, and
        everything later is still to be published.
        """
        account = session.account
        if not account.registered:
            return []
        # Include what the account's other sessions have received, also those that just ended.
        for other in self._memory.presence.sessions(account.key):
            if other is not session:
                self.move_cursors(other.subscriptions.receipts())
        if self.catch_up is not None:  # the cursors of the account at another node
            await self.catch_up(account.key)
        await self._journal.settled()
        cursors: list[CursorRecord] = await self._journal.read_in_order(
            self._store.cursors, account.key
        )
        return cursors

    def closed(self, session: ISession, received: Sequence[MoveCursor]) -> None:
        """Remove *session*, which has *received* so much."""
        account, presence = session.account, self._memory.presence
        presence.remove(session)
        last = not presence.sessions(account.key)
        goes = not session.unattended and not presence.attended(account.key)
        take_all(
            lambda: self.move_cursors(received),
            lambda: event_log.disconnected(account.name, session.peer.address, goes),
            lambda: self._end_presence(session) if goes else self.absences.note(account),
            lambda: self._end_last(account) if last else None,
        )

    def _end_last(self, account: Account) -> None:
        """The last session of *account* here is closed."""
        account.named.clear()
        account.shown.clear()
        take_all(
            lambda: _call(self._local_watchers, account, False),
            lambda: self.release_private(account.party),
        )

    def _end_presence(self, session: ISession) -> None:
        """End the presence of an account: *session*, its last attended one, is closed."""
        account, reason = session.account, session.quit_reason
        account.absence = None
        guest = not account.registered
        if guest:
            self._memory.accounts.remove(account)
        take_all(
            lambda: self._end_guest(account, reason) if guest else self._note_seen(account),
            lambda: _call(self._here_watchers, account, False),
            lambda: self._announce_gone(account, reason),
        )

    def _note_seen(self, account: Account) -> None:
        account.seen_at = self._now()
        self._journal.append(Decision(account.seen_at, writes=[NoteSeen(account.key)]))

    def _end_guest(self, account: Account, reason: SafeText) -> None:
        take_all(
            lambda: self.revoke(account),
            lambda: self.end_guest(account.key, reason) if self._stores_ends else None,
        )

    def _announce_gone(self, account: Account, reason: SafeText) -> None:
        if account.key not in self._memory.presence.elsewhere:
            self._announce(account, PresenceChanged(account.name, False, reason))

    def release_private(self, party: str) -> None:
        """Remove the private conversations of *party*, which has disconnected, once all is stored.

        They are read from the store when they are needed again. Those of a disconnected guest end:
        no later account can write in them.
        """
        if self._stores_ends:
            self._journal.settled().addBoth(lambda _: self._forget_private(party, True))

    @property
    def _stores_ends(self) -> bool:
        """Return whether what a guest leaves behind ends now; else the next start ends it."""
        return self.several or not self.stopping

    def forget_elsewhere(self, party: str) -> None:
        """As `release_private`, for a guest of another node, which stores the end."""
        self._journal.settled().addBoth(lambda _: self._forget_private(party, False))

    async def end_private(self, party: str) -> None:
        """Store the end of all private conversations of a guest whose node is dead.

        Raises `NotSaved` if they cannot be read. The sessions of the others are told of the end by
        `forget_elsewhere`.
        """
        stored = await self._journal.read(self._store.directs, party)
        if stored:
            writes = [EndDirect(each.id, each.head) for each in stored]
            self._journal.append(Decision(self._now(), writes=writes))

    def _forget_private(self, party: str, store: bool) -> None:
        conversations = self._memory.conversations
        for conversation in conversations.of_party(party):
            if conversation.posting:
                continue  # the poster calls this again
            away = [each for each in conversation.parties if not self._is_online(each)]
            ended = any(map(is_guest_party, away))
            if ended:
                self._end_private(conversation, store)
            here = map(self._memory.presence.sessions, map(account_key, conversation.parties))
            if ended or not any(here):
                conversations.drop_private(conversation.parties, conversation.id)

    def _end_private(self, conversation: DirectConversation, store: bool) -> None:
        """End *conversation* for the remaining parties, at its newest entry; *store* that."""
        for party in conversation.parties:
            for session in self._memory.presence.sessions(account_key(party)):
                if conversation in session.subscriptions:
                    session.subscriptions.end(conversation, conversation.published)
        if store:
            write = EndDirect(conversation.id, conversation.published)
            self._journal.append(Decision(self._now(), writes=[write]))
        for watcher in self._private_watchers:
            watcher(conversation.id)

    def _is_online(self, party: str) -> bool:
        account = self._memory.accounts.get(account_key(party))
        known = account is not None and account.party == party
        return known and self._memory.presence.online(account_key(party))

    def end_others(self, session: ISession, why: EndWhy, reason: str) -> None:
        """End the other sessions of the account of *session*, and its permissions."""
        for other in list(self._memory.presence.sessions(session.account.key)):
            if other is not session:
                other.end(why, reason)
        self.revoke(session.account)

    def end_sessions(self, account: Account, why: EndWhy, reason: str) -> None:
        """End all sessions of *account*, and its permissions."""
        for session in list(self._memory.presence.sessions(account.key)):
            session.end(why, reason)
        self.revoke(account)

    def end_key(self, account: Account, key: PublicKey) -> None:
        """End the sessions that the removed *key* of *account* has opened."""
        for each in list(self._memory.presence.sessions(account.key)):
            peer = each.peer
            opened = IKeyPeer.providedBy(peer) and peer.key_proven and peer.key is not None
            if opened and peer.key.blob == key.blob:
                each.end(EndWhy.PASSWORD, "The key that opened this session was removed.")

    def end_all(self, why: EndWhy, reason: str) -> None:
        """End all sessions: the server is stopping."""
        for session in list(self._memory.presence.connected()):
            try:
                session.end(why, reason)
            except Exception:
                self._log.failure("a session could not be ended")

    def move_cursors(self, moves: Sequence[MoveCursor]) -> None:
        """Store the cursors. Nobody waits for it."""
        if moves:
            self._journal.append(Decision(self._now(), writes=moves))

    def show(self, session: ISession, conversation: Conversation, seq: int) -> bool:
        """Notify the other devices of an account that *session* has shown entries up to *seq*.

        Returns whether they were not shown before.
        """
        if not session.account.show(conversation.id, seq):
            return False
        for other in self._memory.presence.sessions(session.account.key):
            if other is not session and other.marks:
                where = other.view_of(conversation)
                other.send(ReadUpto(where.group, where.other, seq))
        return True

    def mark(self, session: ISession, conversation: Conversation, seq: int) -> None:
        """Record and store that *session* has shown *conversation* up to *seq*."""
        account = session.account
        if self.show(session, conversation, seq) and account.registered:
            self.move_cursors([MoveCursor(account.key, conversation.id, 0, shown=seq)])

    def mark_time(self, account: Account, target: str, at: int) -> bool:
        """Move a read marker of *account* to *at* (milliseconds since the epoch); store that.

        Returns whether it moved: it never goes back. *target* is as in `MarkRead`, not folded.
        """
        markers, key = account.read_markers, fold(target)
        if at <= markers.get(key, 0):
            return False
        markers[key] = at
        writes = [MarkRead(account.key, key, at)]
        if len(markers) > MAX_READ_MARKERS:
            oldest = min(markers, key=markers.__getitem__)
            del markers[oldest]
            writes.append(MarkRead(account.key, oldest, 0))
        if account.registered:
            self._journal.append(Decision(self._now(), writes=writes))
        return True

    def detach(
        self, account: Account, conversation: GroupConversation, reason: SafeText = NO_TEXT
    ) -> None:
        """Hide a group from the IRC clients of *account*, which stays a member; store that.

        They are shown *reason*.
        """
        account.detached |= {conversation.id}
        for session in list(self._memory.presence.sessions(account.key)):
            if session.translator is not None and conversation in session.subscriptions:
                self.move_cursors(session.subscriptions.receipts())
                session.subscriptions.detach(conversation)
                session.translator.detached(conversation, reason)
        self._store_detached(account, conversation, True)

    def attach(self, account: Account, conversation: GroupConversation) -> None:
        """End that: its IRC clients are shown the group again."""
        account.detached -= {conversation.id}
        for session in list(self._memory.presence.sessions(account.key)):
            if session.translator is not None and conversation not in session.subscriptions:
                session.translator.attached(conversation)
                earlier = 0 if session.translator.asks_history else HISTORY_AT_JOIN
                session.subscriptions.add(conversation, conversation.published, earlier)
        self._store_detached(account, conversation, False)

    def _store_detached(self, account: Account, conversation: GroupConversation, on: bool) -> None:
        if account.registered:
            write = Detach(account.key, conversation.id, on)
            self._journal.append(Decision(self._now(), writes=[write]))

    def end_guest(self, key: Key, reason: SafeText = NO_TEXT) -> None:
        """End the memberships, requests and invitations of *key*, a guest who has disconnected."""
        conversations = self._memory.groups.connected_with(key)
        if self.several and conversations:
            self._gone[key] = None
            if len(self._gone) > MAX_GONE:
                del self._gone[next(iter(self._gone))]
        now = self._now()  # the same in all groups: it shows that these are ends of one session
        for conversation in conversations:
            self._end(conversation, key, now, Why.GUEST_GONE, reason)

    def elsewhere_changed(self, account: Account, online: bool) -> None:
        """Announce that *account*, which has no session here, is online at another node, or not."""
        self._announce(account, PresenceChanged(account.name, online))

    def end_absent(self, conversation: GroupConversation) -> None:
        """End the memberships, requests and invitations of guests who are not connected.

        And those of people whose account was deleted, and the codes of who can no longer invite.
        """
        group = conversation.group
        people: dict[Key, Member | JoinRequest] = {
            **group.invitations,
            **group.requests,
            **group.members,
        }
        for key, person in people.items():
            if self._memory.accounts.get(key) is None and not self._may_be_elsewhere(key, person):
                why = Why.GUEST_GONE if person.guest else Why.LEFT
                self._end(conversation, key, self._now(), why)
        self.end_lost_codes(conversation)

    def _may_be_elsewhere(self, key: Key, person: Member | JoinRequest) -> bool:
        """Return whether a guest may be connected to another node without a notice so far."""
        return self.several and person.guest and key not in self._gone

    def end_lost_codes(self, conversation: GroupConversation) -> None:
        """End the invite codes of people who can no longer invite."""
        if not conversation.stale:
            now = self._now()
            self._append(conversation, now, lost_codes(self._memory, conversation.group, now))

    def _end(
        self,
        conversation: GroupConversation,
        key: Key,
        now: int,
        why: Why,
        reason: SafeText = NO_TEXT,
    ) -> None:
        if conversation.stale:
            return  # recovery calls `end_absent`
        self._append(conversation, now, conversation.group.forget(key, why, reason))

    def _append(
        self, conversation: GroupConversation, now: int, events: Sequence[GroupEvent]
    ) -> None:
        if events:
            self._journal.append(Decision(now, self._memory.apply(conversation, events, now)))

    def _announce(self, account: Account, change: PresenceChanged) -> None:
        if self.stopping:
            return
        for session in readers_of(self._memory, account):
            session.send(change)
        for watcher in self._presence_watchers:
            watcher(account, change.online)


def _call(
    watchers: Sequence[Callable[[Account, bool], None]], account: Account, begins: bool
) -> None:
    for watcher in watchers:
        watcher(account, begins)
