"""StoredAccounts: applies the changes of others to the accounts in the store.

Others are `pyconchat-admin`, and the other nodes on the same database.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyconchat.chat import event_log
from pyconchat.chat.interfaces import IJournal, IStore
from pyconchat.chat.memory import Memory
from pyconchat.chat.session_registry import SessionRegistry
from pyconchat.domain.accounts import Account, deleted_party
from pyconchat.domain.decisions import SERVER, Decision, DeleteAccount
from pyconchat.domain.names import Key, fold
from pyconchat.domain.public_keys import PublicKey
from pyconchat.domain.replies import Done, EndWhy
from pyconchat.domain.settings import Settings
from pyconchat.domain.stored import AccountRecord, AccountState
from pyconchat.domain.text import SafeText

__all__ = ["QUIT_EVERYWHERE", "StoredAccounts"]

QUIT_EVERYWHERE = "You have quit everywhere, on another device."
"""Sent to the other sessions of an account whose owner has ended all of them."""


class StoredAccounts:
    """Brings the accounts of *memory* to what *store* has; *now* returns milliseconds."""

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
        self._store = store
        self._journal = journal
        self._registry = registry
        self._now = now
        self._watchers: list[Callable[[Account], None]] = []

    def watch(self, watcher: Callable[[Account], None]) -> None:
        """Call *watcher* with each account that is deleted, when its name is free again."""
        self._watchers.append(watcher)

    async def reload(self) -> None:
        """Apply the changes of `pyconchat-admin` in the store. Raises `NotSaved`."""
        before = self._accounts.registered()  # accounts registered after it in memory remain
        operators = {account.key for account in before if account.actor.operator}
        _, server = await self._journal.read_in_order(self._store.state, [SERVER])
        assert server is not None, "it was asked for"
        if server.claim_code is None:
            self._accounts.claim_code = None
        for record in server.accounts:
            account = self._accounts.get(record.name)
            if account is not None and account.registered:
                self._take_over(account, record, account.key in operators)
        stored = {fold(record.name) for record in server.accounts}
        for account in before:
            if account.key not in stored:
                self._delete(account)

    def take_over_state(self, key: Key, state: AccountState | None) -> None:
        """Apply the state of the account *key* from another node; None: it was deleted."""
        account = self._accounts.get(key)
        if state is None:
            if account is not None and account.registered:
                self._delete(account)
            return
        record = state.record
        guest = account is not None and not account.registered
        if account is not None and guest and not self._memory.presence.sessions(key):
            # A guest of another node has registered. One of this node does so itself.
            account.register(record.password_hash, record.created_at)
        if account is None:
            account = Account(
                *(record.name, record.password_hash, record.operator),
                *(record.created_at, record.keys),
            )
            account.ended_at = record.ended_at
            self._accounts.add(account)
        elif account.registered:
            if account.ended_at != record.ended_at:
                account.ended_at = record.ended_at
                self._registry.end_sessions(account, EndWhy.EVERYWHERE, QUIT_EVERYWHERE)
            if account.password_hash != record.password_hash:
                account.register(record.password_hash, record.created_at)
                self._registry.end_sessions(
                    account, EndWhy.PASSWORD, "Your password was changed on another device."
                )
            account.become_operator(record.operator)
            self._take_over_keys(account, record.keys)
        account.ignores = {fold(name): name for name in state.ignores}
        changed, account.muted = account.muted ^ set(state.mutes), frozenset(state.mutes)
        account.detached = frozenset(state.detached)
        for target, at in state.read_markers:
            account.read_markers[target] = max(at, account.read_markers.get(target, 0))
        account.settings = Settings().stored(state.settings)
        for session in self._memory.presence.sessions(key):
            session.restyle()
            for id in changed:
                conversation = self._memory.conversations.get(id)
                if conversation is not None:
                    session.subscriptions.refresh(conversation)

    def _take_over_keys(self, account: Account, keys: Sequence[PublicKey]) -> None:
        """Set the public keys; end the sessions that a removed one has opened."""
        blobs = {key.blob for key in keys}
        removed = [key for key in account.keys if key.blob not in blobs]
        account.keys = list(keys)
        for key in removed:
            self._registry.end_key(account, key)

    def _take_over(self, account: Account, record: AccountRecord, was_operator: bool) -> None:
        """Set password and operator as in *record*; newer decisions in memory stay."""
        if account.password_hash != record.password_hash:
            account.register(record.password_hash, record.created_at)
            event_log.administered("password changed", account.name)
            self._registry.end_sessions(
                account, EndWhy.PASSWORD, "Your password was changed by an administrator."
            )
        if record.operator and not account.actor.operator:
            self._make_operator(account, True, "You are an operator of this server now.")
        elif was_operator and not record.operator:
            self._make_operator(account, False, "You are no longer an operator of this server.")
            self._end_lost_codes()

    def _make_operator(self, account: Account, operator: bool, sentence: str) -> None:
        account.become_operator(operator)
        what = "operator made" if operator else "operator removed"
        event_log.administered(what, account.name)
        for session in self._memory.presence.sessions(account.key):
            session.send(Done(SafeText(sentence)))

    def _end_lost_codes(self) -> None:
        for conversation in self._memory.groups:
            self._registry.end_lost_codes(conversation)

    def _delete(self, account: Account) -> None:
        """Remove *account*, which `pyconchat-admin` has deleted, from memory."""
        event_log.administered("account deleted", account.name)
        sessions = list(self._memory.presence.sessions(account.key))
        self._registry.end_sessions(
            account, EndWhy.PUT_OFF, "Your account was deleted by an administrator."
        )
        for session in sessions:
            session.close()  # at once: afterwards it moves no cursor
        self._accounts.remove(account)
        for watcher in self._watchers:
            watcher(account)
        for conversation in self._memory.groups.connected_with(account.key):
            self._registry.end_absent(conversation)
        self._end_lost_codes()
        conversations = self._memory.conversations
        private = conversations.of_party(account.party)
        for direct in private:
            conversations.detach(direct.parties)

        def drop(_result: object) -> None:
            for direct in private:
                conversations.drop(direct.id)

        self._journal.settled().addBoth(drop)  # pending decisions are still published
        # Again, in order: pending requests may have written for this account.
        write = DeleteAccount(account.key, deleted_party(account.key))
        self._journal.append(Decision(self._now(), writes=[write]))
