"""Inventory: the shared files by conversation, and the quota in which each of them counts.

It is updated by published entries. With several servers (nodes), a node is not notified of all
private files: the files of a conversation, and the bytes in a quota, are read from the store when
they are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeGuard

from pyconchat.chat.chat import Chat
from pyconchat.chat.conversations import Conversation, DirectConversation, GroupConversation
from pyconchat.domain.accounts import Account
from pyconchat.domain.events import Entry, FileRemoved, FileShared, GroupClosed
from pyconchat.domain.names import Key
from pyconchat.domain.shared_files import SharedFile, shared_file
from pyconchat.domain.stored import DirectFiles
from pyconchat.files.places import PrivateFiles
from pyconchat.files.quotas import Quotas, quota_key

__all__ = ["Inventory"]

MAX_IDS = 400
"""Maximum files that are requested from the store at once."""

_NOBODY = Key("~")
"""The quota key of the files of deleted accounts."""


class Inventory:
    """The files of *chat*, which count in *quotas*; *delete* deletes the bytes of removed ones."""

    def __init__(self, chat: Chat, quotas: Quotas, delete: Callable[[Sequence[str]], None]) -> None:
        self.private = PrivateFiles()
        self._chat = chat
        self._quotas = quotas
        self._delete = delete
        self._known: dict[int, dict[int, SharedFile]] = {}  # of open and closed groups
        self._owners: dict[str, Key] = {}  # the quota key of each file, by its id
        chat.publisher.watch(self._happened)
        chat.registry.watch_private(self._end_private)
        chat.stored_accounts.watch(self._disown)

    def load(
        self,
        closed: Mapping[int, Sequence[SharedFile]],
        direct: Mapping[int, DirectFiles],
    ) -> None:
        """Load the files of all groups, of *closed* ones, and of private talk (*direct*)."""
        for conversation in self._chat.groups:
            if not conversation.is_summary:
                self._known[conversation.id] = dict(conversation.group.files)
        for id, kept in closed.items():
            self._known[id] = {file.number: file for file in kept}
        self.private.load(direct)
        for files in (*self._known.values(), *map(self.private.of, direct)):
            for file in files.values():
                self._count(file, deleted=self._is_nobodys(file))
        if self._chat.nodes is not None:
            self._chat.conversations.watchers.append(self._follow)

    async def known(self, ids: Sequence[str]) -> set[str]:
        """Return the ids of all files; with several nodes, only of those in *ids*.

        Raises `NotSaved`.
        """
        if self._chat.nodes is None:
            return set(self._owners)
        read, known = self._chat.store.nodes.known_files, set[str]()
        for first in range(0, len(ids), MAX_IDS):
            some = ids[first : first + MAX_IDS]
            known |= await self._chat.journal.read_in_order(read, some)
        return known

    def purged(self, conversation: int) -> None:
        """Delete the files of a closed group that can no longer be restored."""
        self._remove(list(self._known.pop(conversation, {}).values()))

    # Files of other nodes.

    async def read_private(self, id: int) -> None:
        """Read the files of the private conversation *id*. Raises `NotSaved`.

        A single node has all in memory.
        """
        if self._chat.nodes is None:
            return
        read = self._chat.store.nodes.private_files
        stored = await self._chat.journal.read_in_order(read, id)
        if stored is None:
            return
        before = self.private.of(id)
        self.private.load({id: stored})
        self._changed(before, self.private.of(id))

    def _follow(self, conversation: Conversation, begins: bool) -> None:
        """Load the files of a group that was read from the store; remove those of a summary."""
        if not isinstance(conversation, GroupConversation):
            return
        if begins:
            before, files = self._known.get(conversation.id, {}), dict(conversation.group.files)
            self._known[conversation.id] = files
            self._changed(before, files)
        elif conversation.is_summary:
            self._changed(self._known.pop(conversation.id, {}), {})

    def _changed(self, before: Mapping[int, SharedFile], now: Mapping[int, SharedFile]) -> None:
        """Count the new files. The node that removed files has deleted their bytes."""
        for number, file in now.items():
            if number not in before and file.id not in self._owners:
                self._count(file, deleted=self._is_nobodys(file))
        for number, file in before.items():
            if number not in now:
                self._quotas.shared(self._owners.pop(file.id), -file.size)

    async def read_quota(self, account: Account, owner: Key, quota: str) -> None:
        """Count the bytes that *account* has shared at all nodes. Raises `NotSaved`.

        *owner* is its quota key, and *quota* is as in `FileShared`. A single node has counted them.
        """
        if self._chat.nodes is not None:
            read, since = self._chat.store.nodes.shared_bytes, account.actor.since
            size = await self._chat.journal.read_in_order(read, account.name, since, quota)
            self._quotas.set_shared(owner, size)

    # Events of the groups and private conversations.

    def _happened(self, entry: Entry) -> None:
        """Update the quotas, and delete the bytes of files that were removed."""
        event, id = entry.event, entry.conversation
        match event:
            case FileShared():
                file = shared_file(event, entry.at)
                if file.id not in self._owners:  # unless it was read before
                    self._count(file, deleted=self._chat.accounts.get(event.by) is None)
                self._shared(id, file)
            case FileRemoved(number=number):
                known = self._known.get(id) or self.private.of(id)
                if number in known:  # else its private conversation has ended
                    self._remove([known.pop(number)])
            case GroupClosed(by=None):
                self._remove(list(self._known.pop(id, {}).values()))
            case _:  # files of a deleted group are kept, and count, until `purged`
                pass

    def _shared(self, id: int, file: SharedFile) -> None:
        """Add *file* of the conversation *id*; delete it if that is private and has ended."""
        conversation = self._chat.conversations.get(id)
        if isinstance(conversation, GroupConversation):
            self._known.setdefault(id, {})[file.number] = file
        elif self._is_current(conversation):
            self.private.shared(conversation, file)
        else:
            self._remove([file])

    def _is_current(self, conversation: Conversation | None) -> TypeGuard[DirectConversation]:
        """Return whether *conversation* is a private one that has not ended."""
        if not isinstance(conversation, DirectConversation):
            return False
        return self._chat.conversations.private(conversation.parties) is conversation

    def _end_private(self, id: int) -> None:
        """Delete the files of the private conversation *id*, which has ended."""
        removed = list(self.private.of(id).values())
        self.private.ended(id)
        self._remove(removed)

    def _remove(self, removed: Sequence[SharedFile]) -> None:
        for file in removed:
            self._quotas.shared(self._owners.pop(file.id), -file.size)
        if removed:
            self._delete([file.id for file in removed])

    def _disown(self, account: Account) -> None:
        """Count the files of *account*, which was deleted, as nobody's: its name is free again.

        Files in its private conversations are deleted, since nobody can download them.
        """
        for conversation in self.private.of_party(account.party):
            self._end_private(conversation)
        self._quotas.move(account.key, _NOBODY)
        for id, owner in self._owners.items():
            if owner == account.key:
                self._owners[id] = _NOBODY

    def _is_nobodys(self, file: SharedFile) -> bool:
        account = self._chat.accounts.get(file.by)
        return account is None or not account.actor.owns(file)

    def _count(self, file: SharedFile, deleted: bool) -> None:
        """Count *file* in its owner's quota. *deleted*: the owner is a guest, or was deleted."""
        nobodys = deleted and not file.guest
        owner = _NOBODY if nobodys else quota_key(file.by, file.guest, file.quota)
        self._owners[file.id] = owner
        self._quotas.shared(owner, file.size)
