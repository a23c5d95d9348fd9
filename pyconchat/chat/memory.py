"""Memory: what a running chat has in memory of its store: accounts, groups, conversations.

It is loaded at the start, changed when something is decided, and read again from the store when
a decision could not be stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import cast

from pyconchat.chat.conversations import Conversations, GroupConversation
from pyconchat.chat.group_directory import GroupDirectory
from pyconchat.chat.hook_directory import HookDirectory
from pyconchat.chat.presence import Presence
from pyconchat.domain.accounts import Account, Accounts
from pyconchat.domain.decisions import NewEntry
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import (
    Entry,
    GroupClosed,
    GroupEvent,
    HookAdded,
    HookRemoved,
    OperatorMade,
    ServerEvent,
)
from pyconchat.domain.group import Group
from pyconchat.domain.names import Key, Name, fold
from pyconchat.domain.refusals import group_closed, not_saved
from pyconchat.domain.stored import Loaded, ServerState, StoredGroup

__all__ = ["Memory"]


class Memory:
    """The accounts, groups, conversations and sessions of one chat.

    *now* returns milliseconds since the epoch.
    """

    def __init__(self, guests_allowed: bool, now: Callable[[], int]) -> None:
        self._now = now
        self.accounts = Accounts(guests_allowed)
        self.groups = GroupDirectory()
        self.hooks = HookDirectory(self.accounts.hook_names)
        self.conversations = Conversations()
        self.presence = Presence()

    def load(self, loaded: Loaded) -> None:
        """Fill the memory with the *loaded* state of the store."""
        self.conversations.begin_after(loaded.highest_conversation, loaded.server_head)
        self.groups.begin_after(loaded.highest_number)
        self.restore_server(loaded.server)
        for id, stored in loaded.groups.items():
            self.add_group(id, stored, stored.head)

    def restore_server(self, server: ServerState) -> None:
        """Set the state of the server and the accounts' settings to the stored ones."""
        self.accounts.claim_code = server.claim_code
        self.accounts.restore_bans(server.bans)
        for record in server.accounts:
            account = self.accounts.get(record.name)
            if account is None:
                account = Account(
                    record.name,
                    record.password_hash,
                    record.operator,
                    record.created_at,
                    record.keys,
                )
                seen = (record.last_login_at, record.last_seen_at)
                account.seen_at = max((at for at in seen if at is not None), default=None)
                account.ended_at = record.ended_at
                self.accounts.add(account)
            account.become_operator(record.operator)
        for owner, name in server.ignores:
            account = self.accounts.get(owner)
            if account is not None:
                account.ignores[fold(name)] = name
        for owner, conversation in server.mutes:
            account = self.accounts.get(owner)
            if account is not None:
                account.muted |= {conversation}
        for owner, conversation in server.detached:
            account = self.accounts.get(owner)
            if account is not None:
                account.detached |= {conversation}
        for owner, target, at in server.read_markers:
            account = self.accounts.get(owner)
            if account is not None:
                account.read_markers[target] = at
        for owner, setting, on in server.settings:
            account = self.accounts.get(owner)
            if account is not None:
                account.settings = account.settings.stored([(setting, on)])

    def restore_group(self, conversation: GroupConversation, stored: StoredGroup | None) -> None:
        """Set a group to its stored state; None if it was never stored."""
        group = conversation.group
        self.groups.remove(conversation)
        if stored is None:
            self.conversations.drop(conversation.id)
            group.discard()
            self.hooks.note(conversation)
            return
        group.restore(stored.state, stored.version)
        conversation.stored()
        self.hooks.note(conversation)
        if not group.closed:
            if not conversation.is_summary:
                self.conversations.add(conversation)
            self.groups.add(conversation)

    def apply(
        self, conversation: GroupConversation, events: Iterable[GroupEvent], at: int
    ) -> list[NewEntry]:
        """Change a group as *events* say, at *at* (milliseconds); return the entries to store."""
        group = conversation.group
        entries: list[NewEntry] = []
        for event in events:
            entries.append(NewEntry(conversation.id, event, group.version))
            self._change(conversation, event, at)
        return entries

    def replay(self, conversation: GroupConversation, entry: Entry) -> None:
        """Change a group as *entry* says, which another node has stored."""
        self._change(conversation, cast(GroupEvent, entry.event), entry.at)

    def replay_server(self, entry: Entry) -> None:
        """Change the server's state as *entry* says, which another node has stored."""
        if isinstance(entry.event, OperatorMade) and entry.event.by is None:
            self.accounts.claim_code = None
        with suppress(KeyError):  # an account that is not known yet: its current state is read
            self.accounts.apply(cast(ServerEvent, entry.event), entry.at)

    def add_group(self, id: int, stored: StoredGroup, published: int) -> GroupConversation:
        """Add a group that another node has created."""
        group = Group(id, stored.state, stored.version)
        conversation = GroupConversation(id, published, group)
        self.conversations.add(conversation)
        self.groups.add(conversation)
        self.hooks.note(conversation)
        return conversation

    def summarize(self, conversation: GroupConversation) -> None:
        """Replace the state of a group by its summary, until the group is read again."""
        group = conversation.group
        state = group.state.summary()
        self.restore_group(conversation, StoredGroup(state, group.version, conversation.published))
        self.conversations.emptied(conversation)

    def _change(self, conversation: GroupConversation, event: GroupEvent, at: int) -> None:
        conversation.group.apply(event, at)
        self.groups.note(conversation, event)
        if isinstance(event, GroupClosed):
            self.groups.remove(conversation)
        if isinstance(event, HookAdded | HookRemoved | GroupClosed):
            self.hooks.note(conversation)

    def usable(self, conversation: GroupConversation) -> Group:
        """Return the group of *conversation*.

        Raises `Refused` if it is closed or stale, or only its summary is in memory.
        """
        group = conversation.group
        if conversation.stale or conversation.is_summary:
            raise not_saved()
        if group.closed:
            raise group_closed(group.name)
        return group

    def online_accounts(self) -> dict[Key, Account]:
        """Return the accounts that are online, here or at another node."""
        online = {session.account.key: session.account for session in self.presence.everybody()}
        for key in self.presence.elsewhere:
            account = self.accounts.get(key)
            if account is not None:
                online.setdefault(key, account)
        return online

    def count_online(self) -> int:
        """Return how many accounts are online, here or at another node."""
        here = self.presence
        return len(here) + sum(not here.attended(key) for key in here.elsewhere)

    def admit(self, name: str) -> None:
        """Raise `Refused` if *name* is banned from the server now."""
        self.accounts.admit(name, self._now())

    def require_free(self, name: Name) -> None:
        """Raise `Refused` if no new account may have *name* now."""
        self.accounts.require_free(name, self._now())

    def require_free_for_hook(self, name: Name) -> None:
        """Raise `Refused` if an account has *name*, or none may have it but for other hooks."""
        self.accounts.require_no_account(name, self._now())

    def admit_network(self, network: str) -> None:
        """Raise `Refused` if no guest or new account may come from *network* now."""
        self.accounts.admit_network(network, self._now())

    def require_present(self, account: Account) -> None:
        """Raise `Refused` if *account* has been banned, or was a guest who has disconnected."""
        self.admit(account.name)
        if self.accounts.get(account.name) is not account:
            raise Refused(Code.NO_SUCH_NAME, "{name} is no longer connected.", name=account.name)
