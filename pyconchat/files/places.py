"""Places of files: a group, or a private conversation, whose members share files with each other.

A place checks the rights and stores the decisions; `FileSharing` has tickets, quotas and the bytes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple, Protocol

from twisted.internet.defer import DeferredLock

from pyconchat.chat.chat import Chat
from pyconchat.chat.conversations import DirectConversation, GroupConversation, Parties
from pyconchat.chat.private import parties_of
from pyconchat.domain.accounts import Account
from pyconchat.domain.decisions import RequestKey
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import FileShared, GroupEvent
from pyconchat.domain.group import Group
from pyconchat.domain.shared_files import SharedFile, find_file
from pyconchat.domain.stored import DirectFiles
from pyconchat.domain.text import SafeText

__all__ = ["FilePlace", "GroupFiles", "NewFile", "PrivateFiles", "PrivatePlace"]


class NewFile(NamedTuple):
    """An uploaded file. The fields are as in `FileShared`."""

    name: SafeText
    size: int
    sha256: str
    id: str
    quota: str


class FilePlace(Protocol):
    """A place of files. *key* is part of the names of unfinished uploads to it."""

    @property
    def key(self) -> str:
        """Return a key that distinguishes the place from all others of an account."""

    @property
    def files(self) -> Mapping[int, SharedFile]:
        """Return the files, by number."""

    def require_right(self, account: Account, writing: bool) -> None:
        """Raise `Refused` unless *account* may read the files, or, *writing*, share one."""

    def find(self, which: str) -> SharedFile:
        """Return the file with the number *which*, or the newest with that name.

        Raises `Refused`.
        """

    async def share(self, account: Account, new: NewFile, check: Callable[[], None]) -> SharedFile:
        """Let *account* share a file. Raises `Refused` or `NotSaved`.

        *check* raises `Refused` if its ticket was revoked; it is called when the place decides.
        """


class GroupFiles:
    """The files of a group."""

    def __init__(self, chat: Chat, conversation: GroupConversation) -> None:
        self._chat = chat
        self._conversation = conversation
        self.key = str(conversation.id)

    @property
    def files(self) -> Mapping[int, SharedFile]:
        return self._conversation.group.files

    def require_right(self, account: Account, writing: bool) -> None:
        group = self._conversation.group
        group.require_member(account.actor)
        if writing:
            group.require_voice(account.actor, self._chat.now())

    def find(self, which: str) -> SharedFile:
        return self._conversation.group.file(which)

    async def share(self, account: Account, new: NewFile, check: Callable[[], None]) -> SharedFile:
        def rule(group: Group) -> list[GroupEvent]:
            check()
            return group.share(
                *(account.actor, new.name, new.size, new.sha256, new.id),
                now=self._chat.now(),
                quota=new.quota,
            )

        await self._chat.decide(self._conversation, rule)
        return _with_id(self.files, new.id)


class PrivateFiles:
    """The files of private conversations, by conversation and number.

    A single server has all of them in memory, because they count in the quotas of their owners.
    """

    def __init__(self) -> None:
        self._files: dict[int, dict[int, SharedFile]] = {}
        self._last: dict[int, int] = {}  # the highest number that a file ever had
        self._parties: dict[int, Parties] = {}
        self._locks: dict[Parties, DeferredLock] = {}  # while a decision about files is stored

    def load(self, stored: Mapping[int, DirectFiles]) -> None:
        """Load the files that the store has, by conversation."""
        for id, each in stored.items():
            self._files[id] = {file.number: file for file in each.files}
            self._last[id] = each.last_file
            self._parties[id] = each.parties

    def of(self, id: int | None) -> dict[int, SharedFile]:
        """Return the files of the conversation *id*; None: it has no entry yet."""
        return self._files.get(id, {}) if id is not None else {}

    def next_number(self, id: int) -> int:
        """Return the number for the next file of the conversation *id*."""
        return self._last.get(id, 0) + 1

    def shared(self, conversation: DirectConversation, file: SharedFile) -> None:
        """Add *file*, which was shared in *conversation*."""
        self._files.setdefault(conversation.id, {})[file.number] = file
        self._last[conversation.id] = file.number
        self._parties[conversation.id] = conversation.parties

    def of_party(self, party: str) -> Sequence[int]:
        """Return the conversations of *party* that have had files."""
        return [id for id, parties in self._parties.items() if party in parties]

    def ended(self, id: int) -> None:
        """Remove the conversation *id*, which has ended with its files."""
        for known in (self._files, self._last, self._parties):
            known.pop(id, None)

    @asynccontextmanager
    async def deciding(self, parties: Parties) -> AsyncIterator[None]:
        """Hold the lock of the conversation of *parties*: files get their numbers one by one."""
        lock = self._locks.setdefault(parties, DeferredLock())
        await lock.acquire()
        try:
            yield
        finally:
            lock.release()
            if not lock.locked and self._locks.get(parties) is lock:  # it was released in turn
                del self._locks[parties]


class PrivatePlace:
    """The files of the private conversation of *account* and *partner*, who are its parties now.

    *id* is its conversation, None as long as it has no entry. *read* updates *known* with the
    changes of other nodes to a conversation; it raises `NotSaved`.
    """

    def __init__(
        self,
        chat: Chat,
        known: PrivateFiles,
        read: Callable[[int], Awaitable[None]],
        account: Account,
        partner: Account,
        id: int | None,
    ) -> None:
        self._chat = chat
        self._known = known
        self._read = read
        self._partner = partner
        self._parties = parties_of(account, partner)
        self._id = id
        self.key = f"@{partner.party}"

    async def read(self) -> None:
        """Read the changes of other nodes. Raises `NotSaved`."""
        if self._id is not None:
            await self._read(self._id)

    @property
    def files(self) -> Mapping[int, SharedFile]:
        return self._known.of(self._id)

    def require_right(self, account: Account, writing: bool) -> None:
        self._chat.private.require_partner(account, self._partner)
        if parties_of(account, self._partner) != self._parties:  # a guest has registered
            raise Refused(Code.NOT_MEMBER, "That private conversation has ended.")

    def find(self, which: str) -> SharedFile:
        file = find_file(self.files, which)
        if file is None:
            raise Refused(
                Code.NO_SUCH_FILE,
                "There is no such file with {name}; see /files.",
                name=self._partner.name,
            )
        return file

    async def share(self, account: Account, new: NewFile, check: Callable[[], None]) -> SharedFile:
        def event(conversation: DirectConversation) -> FileShared:
            check()
            self.require_right(account, writing=True)
            number = self._known.next_number(conversation.id)
            return conversation.rules.share(account.actor, number, *new)

        async with self._known.deciding(self._parties):
            await self.read()
            self.require_right(account, writing=True)
            self._id = await self._chat.private.share(account, self._partner, event)
        return _with_id(self.files, new.id)

    async def remove(self, account: Account, number: int, key: RequestKey | None) -> None:
        """Let *account* remove its file *number*. Raises `Refused` or `NotSaved`."""
        async with self._known.deciding(self._parties):
            self.require_right(account, writing=True)
            file = self.find(str(number))
            conversation = await self._chat.private.conversation(account, self._partner)
            self.require_right(account, writing=True)
            assert conversation is not None, "it has a file"

            def rule(direct: object) -> list[GroupEvent]:
                return conversation.rules.remove(account.actor, file)

            await self._chat.private.decide(account, self._partner, conversation, rule, key)


def _with_id(files: Mapping[int, SharedFile], id: str) -> SharedFile:
    return next(file for file in files.values() if file.id == id)
