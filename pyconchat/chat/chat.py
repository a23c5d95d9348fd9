"""Chat: finds the group, lets it decide, hands what was decided to the journal.

Every request of every door comes through here or through the commands, which call this. What
it does at once, in memory, is undone if it cannot be stored (see `Recovery`).
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from pyconchat.auth.rate_limits import TokenBucket
from pyconchat.auth.throttle import LoginThrottle
from pyconchat.auth.tokens import Tokens
from pyconchat.chat import event_log
from pyconchat.chat.conversation import Conversation
from pyconchat.chat.conversations import Conversations
from pyconchat.chat.fanout import Fanout
from pyconchat.chat.group_directory import GroupDirectory
from pyconchat.chat.interfaces import IHasher, ISession, IStore, IThreads
from pyconchat.chat.journal import Journal
from pyconchat.chat.presence import Presence
from pyconchat.chat.recovery import Recovery
from pyconchat.chat.search_indexer import SearchIndexer
from pyconchat.chat.statistics import Statistics
from pyconchat.config import Config
from pyconchat.domain.accounts import Account, Accounts
from pyconchat.domain.decisions import (
    SERVER,
    Decision,
    Ignore,
    MoveCursor,
    MoveKeys,
    NewEntry,
    OpenDirect,
    RequestKey,
    SaveAccount,
    Write,
)
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import (
    Action,
    Entry,
    GroupClosed,
    GroupCreated,
    GroupEvent,
    Message,
    Policy,
    ServerBanned,
    ServerEvent,
    ServerKicked,
    Why,
)
from pyconchat.domain.group import Group
from pyconchat.domain.names import Key, Name, fold, group_name
from pyconchat.domain.password_rules import check_password
from pyconchat.domain.replies import Done, EndWhy, PresenceChanged, Stats
from pyconchat.domain.stored import AccountRecord, CursorRecord, Loaded, ServerState
from pyconchat.domain.text import SafeText

if TYPE_CHECKING:
    from pyconchat.files import FileSharing

__all__ = ["Chat"]

MAX_PRESENCE = 100
"""Sessions in a group up to which it is told who comes online and goes.

Beyond, telling everybody of everybody would cost the square of the group's size.
"""

Rule = Callable[[Group], list[GroupEvent]]


class Chat:
    """The whole chat of one server: its groups, accounts, and sessions."""

    _log = Logger()

    def __init__(
        self,
        store: IStore,
        threads: IThreads,
        reactor: IReactorTime,
        hasher: IHasher,
        config: Config,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.config = config
        self.store = store
        self.reactor = reactor
        self.hasher = hasher
        self.presence = Presence()
        self.accounts = Accounts(config.guests)
        self.groups = GroupDirectory()
        self.conversations = Conversations()
        self.throttle = LoginThrottle(hasher, reactor, config.limits)
        self.statistics = Statistics(reactor.seconds)
        self.fanout = Fanout(self.presence, self.statistics)
        recover = Recovery(self).recover
        self.journal = Journal(store, threads, reactor, self._publish, recover, self.statistics)
        self.indexer = SearchIndexer(store, threads, reactor, lambda: self.journal.busy)
        self.tokens = Tokens(store, self.journal, self.accounts, self.now)
        self.sharing: FileSharing | None = None  # where this server keeps files, if it does
        self._watchers: list[Callable[[Entry], None]] = []
        self.statistics.gauge("sessions", lambda: sum(1 for _ in self.presence.everybody()))
        self.statistics.gauge("accounts", lambda: len(self.presence))
        self.statistics.gauge("groups", lambda: len(self.groups))
        self.statistics.gauge("waiting", lambda: self.journal.waiting)
        self.stopping = False  # then nobody needs to hear who goes
        self._wall_clock = wall_clock

    def start(self, loaded: Loaded) -> None:
        """Take over what the store has *loaded*, and end what guests of the last run had."""
        self.conversations.begin_after(loaded.highest_conversation, loaded.server_head)
        self.restore_server(loaded.server)
        self.groups = GroupDirectory(loaded.highest_number)
        for id, stored in loaded.groups.items():
            group = Group(id, stored.state, stored.version)
            conversation = Conversation(id, stored.head, group)
            self.conversations.add(conversation)
            self.groups.add(conversation)
        for conversation in list(self.groups):
            self.end_absent_guests(conversation)

    def watch(self, watcher: Callable[[Entry], None]) -> None:
        """Have *watcher* called with each entry that is stored, but for what people say."""
        self._watchers.append(watcher)

    def now(self) -> int:
        """Return the time of day, in milliseconds since the epoch."""
        return int(self._wall_clock() * 1000)

    # Who comes and goes.

    def new_account(self, name: Name, password_hash: str = "", operator: bool = False) -> Account:
        """Return an account that nobody can find yet."""
        limits = self.config.limits
        bucket = TokenBucket(
            limits.message_burst, limits.messages_per_second, self.reactor.seconds()
        )
        return Account(name, password_hash, bucket, operator)

    def add_guest(self, name: Name) -> Account:
        """Let a guest in. Raises `Refused`."""
        self.accounts.admit(name)
        if self.groups.places(fold(name)):  # of a guest of that name, whose end is not stored yet
            raise Refused(Code.TAKEN, "{name} is in use; choose another name.", name=name)
        if not self.accounts.guests_allowed:
            raise Refused(Code.GUESTS_OFF, "This server has no guests: choose a password.")
        account = self.new_account(name)
        self.accounts.add(account)
        return account

    def dismiss(self, account: Account) -> None:
        """Forget the guest *account*, whose session has not even begun."""
        if not account.registered and not self.presence.online(account.key):
            self.accounts.remove(account)

    async def register_new(self, name: Name, password: str) -> Account:
        """Register a name that nobody has. Raises `Refused` or `NotSaved`."""
        self.accounts.admit(name)
        check_password(password)
        with self.accounts.reserved(name):
            password_hash = await self.hasher.hash(password)
            await self._store(writes=[SaveAccount(name, password_hash)])
        account = self.new_account(name, password_hash)
        self.accounts.add(account)
        self.accounts.admit(name)  # again: an operator may have been quicker
        return account

    async def change_password(self, session: ISession, password: str) -> None:
        """Register the guest of *session*, or change the password; end the other sessions."""
        account = session.account
        password_hash = await self.hasher.hash(check_password(password))
        self.require_here(account)
        entries: list[NewEntry] = []
        writes: list[Write] = [SaveAccount(account.name, password_hash)]
        if not account.registered:
            writes.append(MoveKeys(account.party, account.key))
            for conversation in self.groups.places(account.key):
                group = _group(conversation)
                entries += self._apply(conversation, group.register(account.name))
        await self._store(entries, writes)
        account.register(password_hash)
        if self.accounts.get(account.name) is None:  # the guest left while it was stored
            self.accounts.add(account)
        for other in list(self.presence.sessions(account.key)):
            if other is not session:
                other.end(EndWhy.PASSWORD, "Your password was changed on another device.")

    async def end_elsewhere(self, session: ISession) -> None:
        """End the other sessions of the account of *session*, and its session tokens."""
        account = session.account
        if account.registered:
            await self.tokens.end(account)
        for other in list(self.presence.sessions(account.key)):
            if other is not session:
                other.end(EndWhy.EVERYWHERE, "You have quit everywhere, on another device.")

    async def opened(self, session: ISession) -> list[CursorRecord]:
        """Note a new session; return what its account has still to receive.

        Returns between two publications: what was stored before is in the answer, what is
        stored later is yet to be published.
        """
        account = session.account
        if self.presence.add(session):
            event_log.connected(account.name, not account.registered)
            self._announce(account, PresenceChanged(account.name, True))
        if not account.registered:
            return []
        # What its other sessions, and those that have just ended, have received counts too.
        for other in self.presence.sessions(account.key):
            if other is not session:
                self.move_cursors(other.receipts())
        await self.settled()
        return await self.journal.in_order(self.store.cursors, account.key)

    def closed(self, session: ISession, received: Sequence[MoveCursor]) -> None:
        """Note that *session* is gone, and how far it had *received* what."""
        account = session.account
        self.move_cursors(received)
        if not self.presence.remove(session):
            return
        event_log.disconnected(account.name)
        if not account.registered:
            self.accounts.remove(account)
            if not self.stopping:  # else the next start does, when nobody is there to be told
                for conversation in self.groups.places(account.key):
                    self._forget(conversation, account.key)
        self._announce(account, PresenceChanged(account.name, False, session.parting))

    def move_cursors(self, moves: Sequence[MoveCursor]) -> None:
        """Remember what was received. Nobody waits for it."""
        if moves:
            self.journal.append(Decision(self.now(), writes=moves))

    def _announce(self, account: Account, change: PresenceChanged) -> None:
        if self.stopping:
            return
        readers: dict[ISession, None] = {}
        for conversation in self.groups.memberships(account.key):
            if len(conversation.sessions) <= MAX_PRESENCE:
                readers.update(conversation.sessions)
        for session in readers:
            if session.account is not account and account.key not in session.account.ignores:
                session.say(change)

    # What people say.

    def say(
        self,
        session: ISession,
        conversation: Conversation,
        text: SafeText,
        done: Deferred[int] | None = None,
        key: RequestKey | None = None,
    ) -> None:
        """Have *session* say *text* in a group. Raises `Refused`.

        *done* fires with the message's number; without it, the session is told only if the
        message could not be stored.
        """
        event = self.usable(conversation).post(session.account.actor, text)
        entries = (NewEntry(conversation.id, event),)
        self.journal.append(Decision(self.now(), entries, (), _typist(session), done, key=key))

    def act(
        self,
        session: ISession,
        conversation: Conversation,
        text: SafeText,
        key: RequestKey | None = None,
    ) -> Deferred[int]:
        """As `say`, of what they do; fires with the number."""
        event = self.usable(conversation).act(session.account.actor, text)
        return self._store([NewEntry(conversation.id, event)], origin=_typist(session), key=key)

    async def tell(
        self, session: ISession, name: Name, text: SafeText, key: RequestKey | None = None
    ) -> tuple[Account, int]:
        """Say *text* to one person; return who that is and the number.

        Raises `Refused` or `NotSaved`.
        """
        sender, receiver = session.account, self.accounts.find(name)
        if receiver is sender:
            raise Refused(Code.SELF, "That is you. To whom do you want to talk?")
        conversation, writes = await self._direct(sender, receiver)
        if self.accounts.get(receiver.name) is not receiver:
            raise Refused(Code.NO_SUCH_NAME, "{name} has just left.", name=receiver.name)
        self.require_here(sender)
        message = Message(sender.name, text)
        entries = [NewEntry(conversation.id, message)]
        seq = await self._store(entries, writes, origin=_typist(session), key=key)
        return receiver, seq

    async def _direct(
        self, one: Account, other: Account
    ) -> tuple[Conversation, Sequence[OpenDirect]]:
        """Return the private conversation of two, and what opens it if there was none."""
        parties = (min(one.party, other.party), max(one.party, other.party))
        known = self.conversations.private(parties)
        if known is not None:
            return known, ()
        found = None
        if one.registered and other.registered:
            found = await self.journal.in_order(self.store.direct, parties)
        known = self.conversations.private(parties)
        if known is not None:  # somebody was quicker
            return known, ()
        if found is not None:
            return self.conversations.add_private(parties, *found), ()
        id = self.conversations.new_id()
        owners = tuple(each.key for each in (one, other) if each.registered)
        return self.conversations.add_private(parties, id, 0), (OpenDirect(id, parties, owners),)

    async def direct_with(self, account: Account, partner: str) -> Conversation | None:
        """Return the private conversation of *account* and *partner*, if there is one."""
        other = self.accounts.get(partner)
        if other is None or other is account:
            return None
        parties = (min(account.party, other.party), max(account.party, other.party))
        known = self.conversations.private(parties)
        if known is None and account.registered and other.registered:
            found = await self.journal.in_order(self.store.direct, parties)
            if found is not None:
                return self.conversations.add_private(parties, *found)
        return known

    async def ignore(self, account: Account, name: Name, on: bool) -> None:
        """Hide what *name* says from *account*, or no longer."""
        if account.registered:
            await self._store(writes=[Ignore(account.key, name, on)])
        if on:
            account.ignores[fold(name)] = name
        else:
            account.ignores.pop(fold(name), None)

    # What becomes of groups.

    def decide(
        self,
        conversation: Conversation,
        rule: Rule,
        key: RequestKey | None = None,
        retry: bool = True,
    ) -> Deferred[int]:
        """Let a group decide by *rule*; fire when what was decided is stored and published.

        Raises `Refused`. Fails with `NotSaved`. If another node has changed the group in the
        meantime, *rule* is asked once more, about the new state.
        """
        events = rule(self.usable(conversation))
        if not events:
            return succeed(0)
        done: Deferred[int] = Deferred()

        def again() -> None:
            try:
                self.decide(conversation, rule, key, retry=False).chainDeferred(done)
            except Refused:
                done.errback()

        entries = self._apply(conversation, events)
        once_more = again if retry else None
        self.journal.append(Decision(self.now(), entries, done=done, again=once_more, key=key))
        return done

    async def create(
        self,
        session: ISession,
        raw: str,
        policy: Policy,
        password: str = "",
        key: RequestKey | None = None,
    ) -> Conversation:
        """Make a group with the account of *session* as its admin."""
        name = group_name(raw)
        self.groups.require_free(name)
        password_hash = await self.hasher.hash(password) if policy is Policy.PASSWORD else ""
        self.groups.require_free(name)  # again: hashing takes its time
        self.require_here(session.account)
        actor = session.account.actor
        number = self.groups.free_number(name)
        event = GroupCreated(number, name, actor.name, policy, password_hash, actor.guest)
        group = Group.created(self.conversations.new_id(), event)
        conversation = Conversation(group.id, 0, group)
        self.conversations.add(conversation)
        self.groups.add(conversation)
        await self._store([NewEntry(group.id, event, 0)], key=key)
        return conversation

    async def join(
        self,
        session: ISession,
        conversation: Conversation,
        note: SafeText,
        password: Callable[[], Awaitable[str]],
        request: RequestKey | None = None,
    ) -> bool:
        """Let somebody into a group, or have them ask; return whether they are in.

        *password* is called where the group asks for one.
        """
        actor = session.account.actor
        key = fold(actor.name)
        group = self.usable(conversation)
        proof = ""
        if (
            group.policy is Policy.PASSWORD
            and key not in group.members
            and key not in group.bans
            and key not in group.invitations
        ):
            network, hash = session.peer.network, group.password_hash
            self.throttle.admit(network)
            if await self.throttle.check(network, f"group {group.id}", hash, await password()):
                proof = hash
        self.require_here(session.account)
        await self.decide(conversation, lambda group: group.join(actor, note, proof), request)
        return key in group.members

    def hear_of(self, session: ISession) -> list[Conversation]:
        """Return the groups of which the account of *session* is a member."""
        return self.groups.memberships(session.account.key)

    # What operators do.

    async def operate(
        self, rule: Callable[[Accounts], list[ServerEvent]], key: RequestKey | None = None
    ) -> None:
        """Let the accounts decide by *rule*. Raises `Refused` or `NotSaved`."""
        if self.conversations.server.stale:
            raise _unsaved()
        at = self.now()
        entries: list[NewEntry] = []
        for event in rule(self.accounts):
            self.accounts.apply(event, at)
            entries.append(NewEntry(SERVER, event))
            if isinstance(event, ServerBanned):
                banned = fold(event.name)
                for conversation in self.groups.places(banned):
                    events = _group(conversation).forget(banned, Why.SERVER_BAN)
                    entries += self._apply(conversation, events)
        await self._store(entries, key=key)

    def figures(self, account: Account) -> Stats:
        """Return what the server has done, and how it is. Raises `Refused`."""
        self.accounts.require_operator(account.actor, "see the server's figures")
        return self.statistics.stats()

    # The way to the journal and back.

    def require_here(self, account: Account) -> None:
        """Raise `Refused` if *account* was banned, or was a guest who has gone, meanwhile."""
        self.accounts.admit(account.name)
        if self.accounts.get(account.name) is not account:
            raise Refused(Code.NO_SUCH_NAME, "{name} is not here any more.", name=account.name)

    def usable(self, conversation: Conversation) -> Group:
        """Return the group of *conversation*. Raises `Refused` if it is closed, or in doubt."""
        if conversation.stale:
            raise _unsaved()
        group = _group(conversation)
        if group.closed:
            raise Refused(
                Code.NO_SUCH_GROUP,
                "{group} was closed a moment ago; /join {group} makes a new one.",
                group=group.name,
            )
        return group

    def _apply(self, conversation: Conversation, events: Iterable[GroupEvent]) -> list[NewEntry]:
        """Change the group as *events* say; return what is to be stored."""
        group, at = _group(conversation), self.now()
        entries: list[NewEntry] = []
        for event in events:
            entries.append(NewEntry(conversation.id, event, group.version))
            group.apply(event, at)
            self.groups.note(conversation, event)
            if isinstance(event, GroupClosed):
                self.groups.remove(conversation)
        return entries

    def _store(
        self,
        entries: Sequence[NewEntry] = (),
        writes: Sequence[Write] = (),
        origin: ISession | None = None,
        key: RequestKey | None = None,
    ) -> Deferred[int]:
        done: Deferred[int] = Deferred()
        self.journal.append(Decision(self.now(), entries, writes, origin, done, key=key))
        return done

    def answered(self, key: RequestKey) -> Deferred[int | None]:
        """Fire with the number that the request of *key* was given; None if it was not made."""
        return self.journal.in_order(self.store.request_seq, key)

    def settled(self) -> Deferred[int]:
        """Fire when all that was decided so far is stored and published."""
        return self._store()

    def _forget(self, conversation: Conversation, key: Key) -> None:
        """End what the guest *key*, who is gone, had in a group."""
        if not conversation.stale:  # else `_restored` comes back to it
            events = _group(conversation).forget(key, Why.GUEST_GONE)
            if events:
                self.journal.append(Decision(self.now(), self._apply(conversation, events)))

    def end_absent_guests(self, conversation: Conversation) -> None:
        """End what guests who are gone have in a group."""
        group = _group(conversation)
        for name in group.guests():
            if self.accounts.get(name) is None:
                self._forget(conversation, fold(name))

    def _publish(
        self, decisions: Sequence[Decision], stored: Sequence[Sequence[Entry]]
    ) -> Iterator[int]:
        """Show what was stored, conversation by conversation, each in order.

        Yields, now and then, to how many connections it has written since.
        """
        entries: dict[int, list[Entry]] = {}
        origins: dict[int, list[ISession | None]] = {}
        happenings: list[Entry] = []
        for decision, numbered in zip(decisions, stored, strict=True):
            self.statistics.entries += len(numbered)
            for entry in numbered:
                id = entry.conversation
                if id not in entries:
                    entries[id], origins[id] = [], []
                entries[id].append(entry)
                origins[id].append(decision.origin)
                if type(entry.event) is not Message and type(entry.event) is not Action:
                    happenings.append(entry)
        for id, run in entries.items():
            try:
                yield from self.fanout.publish(self.conversations[id], run, origins[id])
            except Exception:  # one conversation's trouble is not that of the others
                self._log.failure("publishing to conversation {id} failed", id=id)
        for entry in happenings:
            try:
                self._happened(entry)
            except Exception:
                self._log.failure("what follows from an entry failed", seq=entry.seq)

    def _happened(self, entry: Entry) -> None:
        """Do what follows for sessions and groups from something that was shown."""
        event_log.happened(self.conversations[entry.conversation].group, entry)
        for watcher in self._watchers:
            watcher(entry)
        match entry.event:
            case GroupClosed():
                self.conversations.drop(entry.conversation)
            case ServerKicked(name=name) | ServerBanned(name=name):
                for session in list(self.presence.sessions(fold(name))):
                    session.end(EndWhy.PUT_OFF, "You were put off this server.")
            case _:
                pass

    async def read_accounts(self) -> None:
        """Take over what was changed in the store by somebody else. Raises `NotSaved`."""
        _, server = await self.journal.in_order(self.store.state, [])
        if server.claim_code is None:
            self.accounts.claim_code = None
        for record in server.accounts:
            account = self.accounts.get(record.name)
            if account is not None and account.registered:
                self._take_over(account, record)

    def _take_over(self, account: Account, record: AccountRecord) -> None:
        """Have the password of *record*, and the power: what it lacks was decided since."""
        if account.password_hash != record.password_hash:
            account.register(record.password_hash)
            for session in list(self.presence.sessions(account.key)):
                session.end(EndWhy.PASSWORD, "Your password was changed by an administrator.")
        if record.operator and not account.actor.operator:
            account.become_operator(True)
            for session in self.presence.sessions(account.key):
                session.say(Done(SafeText("You are an operator of this server now.")))

    def restore_server(self, server: ServerState) -> None:
        """Take over what the store says of accounts and of the server's bans."""
        self.accounts.claim_code = server.claim_code
        self.accounts.bans = {fold(ban.name): ban for ban in server.bans}
        for record in server.accounts:
            account = self.accounts.get(record.name)
            if account is None:
                account = self.new_account(record.name, record.password_hash, record.operator)
                self.accounts.add(account)
            account.become_operator(record.operator)
        for owner, name in server.ignores:
            account = self.accounts.get(owner)
            if account is not None:
                account.ignores[fold(name)] = name


def _group(conversation: Conversation) -> Group:
    assert conversation.group is not None, "only a group's conversation comes here"
    return conversation.group


def _typist(session: ISession) -> ISession | None:
    """Return *session* if what it says is on its screen already."""
    return None if session.peer.program else session


def _unsaved() -> Refused:
    return Refused(Code.NOT_SAVED, "The server cannot save anything now; try again soon.")
