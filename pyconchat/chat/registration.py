"""Registration: creates accounts, and changes their passwords and settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from twisted.internet.defer import Deferred

from pyconchat.chat.bounds import MAX_TRIES
from pyconchat.chat.conversations import GroupConversation
from pyconchat.chat.interfaces import Asker, IHasher, IJournal, ISession, IStore
from pyconchat.chat.memory import Memory
from pyconchat.chat.nodes import Nodes
from pyconchat.chat.session_registry import SessionRegistry
from pyconchat.domain.accounts import Account
from pyconchat.domain.decisions import (
    Decision,
    Ignore,
    MarkRead,
    MoveKeys,
    Mute,
    NewEntry,
    Register,
    SaveSetting,
    SetPassword,
    Write,
)
from pyconchat.domain.errors import Code, Conflict, NotSaved, Refused
from pyconchat.domain.names import Key, Name, fold
from pyconchat.domain.password_rules import check_password
from pyconchat.domain.refusals import name_in_use, not_saved
from pyconchat.domain.replies import EndWhy

__all__ = ["Registration"]


class Registration:
    """The accounts of one chat; *now* returns milliseconds since the epoch."""

    def __init__(
        self,
        memory: Memory,
        store: IStore,
        journal: IJournal,
        registry: SessionRegistry,
        hasher: IHasher,
        now: Callable[[], int],
    ) -> None:
        self._memory = memory
        self._accounts = memory.accounts
        self._store = store
        self._journal = journal
        self._registry = registry
        self._hasher = hasher
        self._now = now
        self.nodes: Nodes | None = None  # set if this is one of several nodes
        self._changing: set[Key] = set()  # accounts whose new passwords are being stored

    def add_guest(self, name: Name, network: str, replace: bool = False) -> Account:
        """Return a new guest account for somebody at *network*. Raises `Refused`.

        With *replace* it takes over the name of a guest at the same network.
        """
        self._memory.admit(name)
        self._memory.admit_network(network)
        if replace:
            self._replace_guest(name, network)
        # A former guest with this name may have memberships whose end is not stored yet.
        if self._memory.groups.connected_with(fold(name)):
            raise name_in_use(name)
        if not self._accounts.guests_allowed:
            raise Refused(Code.GUESTS_OFF, "This server has no guests: choose a password.")
        self._memory.require_free(name)
        account = Account(name)
        self._accounts.add(account)
        return account

    def replaces_guest(self, account: Account, network: str) -> bool:
        """Return whether somebody at *network* may take over the name of the guest *account*.

        That is so if all its sessions are from there: the owner of a lost connection need not wait
        until the server detects the loss.
        """
        sessions = self._memory.presence.sessions(account.key)
        here = all(session.peer.network == network for session in sessions)
        return not account.registered and bool(sessions) and here

    def _replace_guest(self, name: Name, network: str) -> None:
        """End the sessions of the guest *name*, if somebody at *network* may take over the name.

        The memberships end as well: two people may share an address.
        """
        account = self._accounts.get(name)
        if account is None or not self.replaces_guest(account, network):
            return
        for session in list(self._memory.presence.sessions(account.key)):
            session.end(EndWhy.REPLACED, "Somebody at your address has logged in with your name.")
            session.close()

    async def refresh(self, name: Name) -> None:
        """Apply the state of the account *name* as other nodes have stored it. Raises `Refused`."""
        if self.nodes is not None:
            try:
                await self.nodes.refresh_for_login(fold(name))
            except NotSaved:
                raise not_saved() from None

    async def claim_guest(self, account: Account) -> None:
        """Take the name of the new guest *account* at all nodes. Raises `Refused` or `NotSaved`."""
        assert self.nodes is not None, "one server alone has nobody to ask"
        claimed = False
        try:
            claimed = await self.nodes.leases.claim_guest(account)
        finally:
            if not claimed:
                self.dismiss(account)
        if not claimed:
            raise name_in_use(account.name)

    def dismiss(self, account: Account) -> None:
        """Remove the guest *account*, whose session did not begin."""
        present = self._accounts.get(account.name) is account
        online = self._memory.presence.sessions(account.key)
        if present and not account.registered and not online:
            self._accounts.remove(account)
            if self.nodes is not None:
                self.nodes.leases.dismissed(account)
                self.nodes.leases.elsewhere.add_next_guest(account.key)

    async def register_new(
        self, name: Name, password: str, network: str, replace: bool = False
    ) -> Account:
        """Register a name that is not in use. Raises `Refused` or `NotSaved`.

        *replace* is as for `add_guest`.
        """
        password = check_password(password)
        with self.reserved(name, network, replace):
            password_hash = await self._hasher.hash(password, Asker(fold(name), network))
            now = self._now()
            await self.save_new(name, [Register(name, password_hash)])
        return self.registered(Account(name, password_hash, since=now))

    @contextmanager
    def reserved(self, name: Name, network: str, replace: bool) -> Iterator[None]:
        """Reserve *name* for somebody at *network* while it is registered. Raises `Refused`.

        *replace* is as for `add_guest`.
        """
        self._memory.admit(name)
        self._memory.admit_network(network)
        if replace:
            self._replace_guest(name, network)
        try:
            with self._accounts.reserved(name, self._now()):
                yield
        except Refused:
            if self.nodes is not None:  # a guest may have taken the name at another node
                self.nodes.leases.elsewhere.add_next_guest(fold(name))
            raise

    def registered(self, account: Account) -> Account:
        """Add the new *account*, which is stored, and return it. Raises `Refused`."""
        self._accounts.add(account)
        self._memory.admit(account.name)  # an operator may have banned the name since
        return account

    async def change_password(
        self, session: ISession, password: str, proof: tuple[str, int]
    ) -> None:
        """Register the guest of *session*, or change the password; end the other sessions.

        *proof* is the account's, as of when the old password was checked. Raises `Refused` or
        `NotSaved`.
        """
        account: Account = session.account
        asker = Asker(account.key, session.peer.network)
        password_hash = await self._hasher.hash(check_password(password), asker)
        if account.proof != proof:  # another device was faster, and has ended this session
            raise Refused(Code.WRONG_PASSWORD, "Your password was changed on another device.")
        await self.become_registered(session, password_hash, [])

    async def become_registered(
        self, session: ISession, password_hash: str, more: Sequence[Write]
    ) -> None:
        """Store the password of *session*'s account and *more*; register it if it is a guest.

        The other sessions end. Without a password (*password_hash* is empty) the account has keys.
        Raises `Refused` or `NotSaved`.
        """
        account: Account = session.account
        was_registered = account.registered
        self._memory.require_present(account)
        if account.key in self._changing:
            raise Refused(Code.BUSY, "Another of your sessions is changing this; try again.")
        now = self._now()
        self._changing.add(account.key)
        try:
            if account.registered:
                await self.save([SetPassword(account.key, password_hash), *more])
            else:
                await self._register_guest(account, password_hash, more)
        finally:
            self._changing.discard(account.key)
        party = account.party
        account.register(password_hash, now)
        if party != account.party:
            self._registry.release_private(party)
            if self.nodes is not None:
                self.nodes.leases.registered(party, account)
        if self._accounts.get(account.name) is None:  # the guest disconnected during the commit
            self._accounts.add(account)
        if was_registered:  # a guest, who has one session, keeps its open tickets
            self._registry.end_others(
                session, EndWhy.PASSWORD, "Your password was changed on another device."
            )

    async def _register_guest(
        self, account: Account, password_hash: str, more: Sequence[Write]
    ) -> None:
        """Store the account of a guest. Raises `Refused` or `NotSaved`."""
        for _ in range(MAX_TRIES):
            writes: list[Write] = [Register(account.name, password_hash), *more]
            writes.append(MoveKeys(account.party, account.key))
            writes += _chosen(account)
            entries: list[NewEntry] = []
            for conversation in self._memory.groups.connected_with(account.key):
                events = conversation.group.register(account.name)
                entries += self._memory.apply(conversation, events, self._now())
            try:
                await self._save_unless_conflict(writes, entries)
            except Conflict:  # with the name, or with a change of one of the groups
                if not self._registry.several or not entries:
                    raise name_in_use(account.name) from None
            else:
                return
        raise name_in_use(account.name)

    async def ignore(self, account: Account, name: Name, on: bool) -> None:
        """Add *name* to the ignore list of *account*, or remove it. Raises `NotSaved`."""
        if account.registered:
            await self.save([Ignore(account.key, name, on)])
        if on:
            account.ignores[fold(name)] = name
            for session in self._memory.presence.sessions(account.key):
                session.subscriptions.set_apart()
        else:
            account.ignores.pop(fold(name), None)

    async def mute(self, account: Account, conversation: GroupConversation, on: bool) -> None:
        """Mute or unmute a group of *account*. Raises `NotSaved`.

        Mutes of groups of which it is no longer a member are deleted.
        """
        own = {each.id for each in self._memory.groups.memberships(account.key)}
        changes = {**dict.fromkeys(account.muted - own, False), conversation.id: on}
        if account.registered:
            await self.save([Mute(account.key, *each) for each in changes.items()])
        for id, muted in changes.items():
            account.muted = account.muted | {id} if muted else account.muted - {id}
        for session in self._memory.presence.sessions(account.key):
            session.subscriptions.refresh(conversation)

    async def change_setting(self, account: Account, name: str, on: bool) -> None:
        """Switch the setting *name* of *account*. Raises `Refused` or `NotSaved`."""
        account.settings.changed(name, on)
        if account.registered:
            await self.save([SaveSetting(account.key, name, on)])
        account.settings = account.settings.changed(name, on)
        for session in self._memory.presence.sessions(account.key):
            session.restyle()

    def save(
        self, writes: Sequence[Write], entries: Sequence[NewEntry] | None = None
    ) -> Deferred[int]:
        """Store *writes* and *entries* in one transaction; fires when they are stored."""
        done: Deferred[int] = Deferred()
        self._journal.append(Decision(self._now(), entries or (), writes), done=done)
        return done

    async def save_new(self, name: Name, writes: Sequence[Write]) -> None:
        """As `save`, for the new account *name*. Raises `Refused` if there is one already."""
        try:
            await self._save_unless_conflict(writes, ())
        except Conflict:
            raise name_in_use(name) from None

    def _save_unless_conflict(
        self, writes: Sequence[Write], entries: Sequence[NewEntry]
    ) -> Deferred[int]:
        done: Deferred[int] = Deferred()
        decision = Decision(self._now(), entries, writes)
        self._journal.append(decision, done=done, retry=lambda: done.errback(Conflict()))
        return done


def _chosen(account: Account) -> list[Write]:
    """Return the writes that store the settings and lists of a guest who registers."""
    ignores = [Ignore(account.key, name, True) for name in account.ignores.values()]
    mutes = [Mute(account.key, id, True) for id in account.muted]
    settings = [SaveSetting(account.key, *each) for each in account.settings.differing()]
    markers = [MarkRead(account.key, *each) for each in account.read_markers.items()]
    return [*ignores, *mutes, *settings, *markers]
