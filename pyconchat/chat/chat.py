"""Chat: the requests that change groups and conversations.

A request finds its group, lets it decide, changes the memory at once, and appends the decision
to the journal. What could not be stored is undone (see `Recovery`).
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from pyconchat.chat.account_keys import AccountKeys
from pyconchat.chat.amending import Amending
from pyconchat.chat.bounds import MAX_TRIES, Bounds
from pyconchat.chat.code_makers import lost_codes
from pyconchat.chat.conversations import (
    GroupConversation,
)
from pyconchat.chat.current_states import CurrentStates
from pyconchat.chat.interfaces import Asker, ICommits, IHasher, ISession, IStore, IThreads
from pyconchat.chat.journal import Journal
from pyconchat.chat.memory import Memory
from pyconchat.chat.nodes import Node, Nodes
from pyconchat.chat.page_turns import PageTurns
from pyconchat.chat.posting import Posting, retry_of
from pyconchat.chat.private import PrivateTalk
from pyconchat.chat.publisher import Publisher
from pyconchat.chat.readiness import Readiness
from pyconchat.chat.reading import Reading
from pyconchat.chat.recovery import Recovery
from pyconchat.chat.registration import Registration
from pyconchat.chat.search_indexer import SearchIndexer
from pyconchat.chat.session_registry import SessionRegistry
from pyconchat.chat.statistics import Statistics
from pyconchat.chat.stored_accounts import StoredAccounts
from pyconchat.config import Config
from pyconchat.domain.accounts import Account, Accounts
from pyconchat.domain.decisions import SERVER, Decision, NewEntry, RequestKey
from pyconchat.domain.errors import Conflict
from pyconchat.domain.events import (
    GroupCreated,
    GroupEvent,
    OperatorRemoved,
    Policy,
    ServerBanned,
    ServerEvent,
)
from pyconchat.domain.group import Group
from pyconchat.domain.names import Name, group_name
from pyconchat.domain.refusals import not_saved
from pyconchat.domain.replies import Stats
from pyconchat.domain.stored import Loaded

__all__ = ["Chat"]

Rule = Callable[[Group], list[GroupEvent]]

_PUTS_OUT = (ServerBanned, OperatorRemoved)
"""The events that may end invite codes of the named account."""


class Chat:
    """The whole chat of one server, put together from its parts.

    *wall_clock* returns seconds since the epoch. *node* is this server among several on one
    database; None: it has the database alone.
    """

    _log = Logger()

    def __init__(
        self,
        store: IStore,
        threads: IThreads,
        reactor: IReactorTime,
        hasher: IHasher,
        config: Config,
        wall_clock: Callable[[], float],
        node: Node | None = None,
    ) -> None:
        self.config = config
        self._wall_clock = wall_clock
        self.store = store
        self.threads = threads
        self.reactor = reactor
        self.hasher = hasher
        self.statistics = Statistics(reactor.seconds)
        self.memory = Memory(config.guests, self.now)
        self.accounts = self.memory.accounts
        self.groups = self.memory.groups
        self.conversations = self.memory.conversations
        self.presence = self.memory.presence
        self.publisher = Publisher(
            self.memory,
            self.statistics,
            lambda *ending: self.registry.end_sessions(*ending),
        )
        self._recovery = recovery = Recovery(
            self.memory, store, reactor, lambda group: self.registry.end_absent(group)
        )
        self.nodes: Nodes | None = None
        commits: ICommits = store
        publish, recover = self.publisher.publish, recovery.recover
        if node is not None:
            self.nodes = Nodes(node, self.memory, store, threads, self.publisher, recovery, reactor)
            commits = self.nodes.commits
            publish, recover = self.nodes.incoming.publish, self.nodes.incoming.recover
        self.journal = Journal(commits, threads, reactor, publish, recover, self.statistics)
        turns = PageTurns(self.journal, reactor)
        self.registry = SessionRegistry(self.memory, store, self.journal, self.now)
        self.registration = Registration(
            self.memory, store, self.journal, self.registry, hasher, self.now
        )
        self.stored_accounts = StoredAccounts(
            self.memory, store, self.journal, self.registry, self.now
        )
        if self.nodes is not None:
            self.registration.nodes = self.nodes
            self.nodes.connect(self.journal, self.registry, self.stored_accounts.take_over_state)
        self.states = CurrentStates(self.memory, self.nodes)
        self.readiness = Readiness(store, threads, reactor, self.registry, self.nodes)
        self.keys = AccountKeys(
            self.memory, self.journal, self.registry, self.registration, self.now
        )
        self.private = PrivateTalk(self.memory, store, self.journal, self.registry, self.now)
        self.private.nodes = self.nodes
        self.indexer = SearchIndexer(
            store,
            threads,
            reactor,
            busy=lambda: self.journal.busy,
            active=lambda: self.journal.active,
        )
        self.reading = Reading(store, self.journal, turns, self.indexer, self.presence)
        self.amending = Amending(self.memory, store, self.journal, self.decide, self.private)
        self.posting = Posting(
            self.memory, self.journal, self.registry, self.now, several=node is not None
        )
        self.bounds = Bounds(config.limits, self.groups)
        gauge = self.statistics.gauge
        gauge("sessions", lambda: sum(1 for _ in self.presence.connected()))
        gauge("accounts", lambda: len(self.presence))
        gauge("groups", lambda: len(self.groups))
        gauge("waiting", lambda: self.journal.waiting)

    def start(self, loaded: Loaded) -> None:
        """Set the state in memory to *loaded*, read from the store.

        End the memberships of the last run's guests, and of accounts deleted since.
        """
        self.memory.load(loaded)
        if self.nodes is not None:
            self.nodes.start()
        for conversation in list(self.groups):
            self.registry.end_absent(conversation)
        self.registry.several = self.nodes is not None  # others may be connected elsewhere
        lobby = self.groups.get(self.config.lobby) if self.config.lobby is not None else None
        if lobby is not None:
            Deferred.fromCoroutine(self._become_lobby(lobby)).addErrback(
                lambda failure: self._log.failure("there is no lobby", failure)
            )

    async def _become_lobby(self, conversation: GroupConversation) -> None:
        await self.states.know(conversation)
        await self.decide(conversation, lambda group: group.become_lobby())

    def wake_readers(self) -> None:
        """Wake the peers that may have received something since the last call."""
        self.publisher.fanout.wake_readers()

    def now(self) -> int:
        """Return the time of day, in milliseconds since the epoch."""
        return int(self._wall_clock() * 1000)

    # Groups.

    def decide(
        self,
        conversation: GroupConversation,
        rule: Rule,
        key: RequestKey | None = None,
        tries: int = MAX_TRIES,
    ) -> Deferred[int]:
        """Let a group decide by *rule*; fires when the decision is stored and published.

        Raises `Refused`. Fails with `NotSaved`. After a `Conflict` with another node's change,
        *rule* decides again, on the new state, at most *tries* times.
        """
        group = self.memory.usable(conversation)
        events = rule(group)
        if not events:
            return succeed(0)
        now = self.now()
        self.bounds.check(group, events, now)
        done: Deferred[int] = Deferred()

        def decide_again() -> None:
            self.decide(conversation, rule, key, tries - 1).chainDeferred(done)

        decision = Decision(now, self.memory.apply(conversation, events, now), key=key)
        retry = retry_of(decide_again, done, None, tries)
        self.journal.append(decision, done=done, retry=retry)
        return done

    async def create(
        self,
        session: ISession,
        raw: str,
        policy: Policy,
        password: str = "",
        key: RequestKey | None = None,
        lobby: bool = False,
    ) -> GroupConversation:
        """Create a group. Raises `Refused` or `NotSaved`.

        Its admin is the account of *session*; the *lobby* has none.
        """
        name = group_name(raw)
        self.groups.require_free(name)
        self.bounds.check_groups(session.account.name)
        password_hash = ""
        if policy is Policy.PASSWORD:
            asker = Asker(session.account.key, session.peer.network)
            password_hash = await self.hasher.hash(password, asker)
        for _ in range(MAX_TRIES):
            self.groups.require_free(name)  # again: hashing takes time
            self.bounds.check_groups(session.account.name)
            self.memory.require_present(session.account)
            conversation, created = self._create(session, name, policy, password_hash, key, lobby)
            try:
                await created
            except Conflict:
                assert self.nodes is not None, "another node has created a group"
                await self.nodes.learn()  # its name or its number is that of this one
            else:
                return conversation
        raise not_saved()

    def _create(
        self,
        session: ISession,
        name: Name,
        policy: Policy,
        password_hash: str,
        key: RequestKey | None,
        lobby: bool,
    ) -> tuple[GroupConversation, Deferred[int]]:
        """Create a group; the Deferred fires when it is stored, and fails with `Conflict`."""
        actor = session.account.actor
        number = self.groups.free_number(name)
        event = GroupCreated(number, name, actor.name, policy, password_hash, actor.guest, lobby)
        group = Group.created(self.conversations.new_id(), event)
        conversation = GroupConversation(group.id, 0, group)
        self.conversations.add(conversation)
        self.groups.add(conversation)
        done: Deferred[int] = Deferred()
        decision = Decision(self.now(), (NewEntry(group.id, event, 0),), key=key)
        self.journal.append(decision, done=done, retry=lambda: done.errback(Conflict()))
        return conversation, done

    # The server.

    async def operate(
        self, rule: Callable[[Accounts], list[ServerEvent]], key: RequestKey | None = None
    ) -> None:
        """Let the accounts decide by *rule*. Raises `Refused` or `NotSaved`."""
        if self.nodes is not None:
            await self.nodes.learn()
            names = (each.name for each in rule(self.accounts) if isinstance(each, _PUTS_OUT))
            await self.nodes.loading.know_codes(list(names))
        if self.conversations.server.stale:
            raise not_saved()
        now = self.now()
        entries: list[NewEntry] = []
        for event in rule(self.accounts):
            self.accounts.apply(event, now)
            entries.append(NewEntry(SERVER, event))
            if isinstance(event, _PUTS_OUT):
                entries += self._lost_codes(now)
        await self._append(Decision(now, entries, key=key))

    def _lost_codes(self, now: int) -> list[NewEntry]:
        """End the invite codes of people who can no longer invite; return the entries to store.

        Recovery does so in the groups that are stale.
        """
        entries: list[NewEntry] = []
        for conversation in self.groups:
            group = conversation.group
            if group.codes and not conversation.stale:
                events = lost_codes(self.memory, group, now)
                entries += self.memory.apply(conversation, events, now)
        return entries

    def figures(self, account: Account) -> Stats:
        """Return the server's statistics. Raises `Refused`."""
        self.accounts.require_operator(account.actor, "see the server's figures")
        return self.statistics.stats()

    # Decisions.

    def settled(self) -> Deferred[int]:
        """Fire when everything that was decided so far is stored and published."""
        return self.journal.settled()

    def when_published(self) -> Deferred[int]:
        """Fire when everything that was decided so far is published, or lost."""
        return self.journal.when_published()

    @property
    def recovering(self) -> bool:
        """Return whether a decision that was lost is still to be undone.

        Until then, a request may be refused because of it.
        """
        return self._recovery.running

    def answered(self, key: RequestKey) -> Deferred[int | None]:
        """Fire with the entry number of the request with *key*; None if it was not stored."""
        return self.journal.read_in_order(self.store.request_seq, key)

    def _append(self, decision: Decision) -> Deferred[int]:
        done: Deferred[int] = Deferred()
        self.journal.append(decision, done=done)
        return done
