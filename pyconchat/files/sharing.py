"""FileSharing: the shared files of a running server: tickets, uploads, quotas.

The rights to them are checked by their place: a group, or a private conversation.

A ticket permits the transfer of one file. The rights of its owner are checked again when the
transfer begins, and once more before an uploaded file is shared.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from pyconchat.chat.chat import Chat
from pyconchat.chat.conversations import Conversation, DirectConversation, GroupConversation
from pyconchat.domain.accounts import Account
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import Entry, FileRemoved, FileShared, GroupClosed
from pyconchat.domain.names import Key
from pyconchat.domain.shared_files import SharedFile, shared_file
from pyconchat.domain.stored import DirectFiles
from pyconchat.domain.text import SafeText, safe_line
from pyconchat.files.places import (
    FilePlace,
    NewFile,
    PrivateFiles,
    PrivatePlace,
)
from pyconchat.files.quotas import Quotas, quota_key, quota_of
from pyconchat.files.storage import Partial, Storage
from pyconchat.files.tickets import Ticket, Tickets

__all__ = ["FileSharing", "Upload", "file_name"]

MAX_NAME_BYTES = 200
"""Maximum bytes in a file's name. File systems allow 255; a client may have to add " (1)"."""

_NOBODY = Key("~")
"""The quota key of the files of deleted accounts."""


@dataclass
class Upload:
    """An upload that has begun. *most* is the maximum size of the file, in bytes."""

    ticket: Ticket
    partial: Partial
    reserved: int
    most: int


class FileSharing:
    """The files of *chat*, in *storage*. *run* calls a function in the thread for the disk."""

    _log = Logger()

    def __init__(self, chat: Chat, storage: Storage, run: Callable[..., Deferred[Any]]) -> None:
        self.config = chat.config.files
        self.storage = storage
        self.quotas = Quotas(self.config)
        self._chat = chat
        self.run = run
        self.tickets = Tickets(self.config.tickets_per_account)
        chat.registry.watch(self.tickets.revoke)
        self._active: dict[str, Key] = {}  # the keys of the uploads that are running, with owners
        self._known: dict[int, dict[int, SharedFile]] = {}  # of groups, also of closed ones
        self._private = PrivateFiles()
        self._owners: dict[str, Key] = {}  # the quota key of each file, by its id
        chat.publisher.watch(self._happened)
        chat.registry.watch_private(self._end_private)
        chat.stored_accounts.watch(self._disown)

    def start(
        self,
        closed: Mapping[int, Sequence[SharedFile]],
        direct: Mapping[int, DirectFiles],
    ) -> None:
        """Load the files of all groups, of *closed* ones, and of private conversations (*direct*).

        Raises `OSError`.
        """
        self.storage.open()
        for conversation in self._chat.groups:
            self._known[conversation.id] = dict(conversation.group.files)
        for id, kept in closed.items():
            self._known[id] = {file.number: file for file in kept}
        self._private.load(direct)
        for files in (*self._known.values(), *map(self._private.of, direct)):
            for file in files.values():
                account = self._chat.accounts.get(file.by)
                self._count(file, deleted=account is None or not account.actor.owns(file))

    def clean(self, now: float) -> Deferred[int]:
        """Remove orphaned files and abandoned uploads; *now* is in seconds since the epoch.

        Nothing is removed while the store fails: the entry of a file may be in doubt.
        """
        if self._chat.journal.failing:
            return succeed(0)
        # A node does not know all private files: those of other nodes' users may be missing.
        known = set(self._owners) if self._chat.nodes is None else None
        max_age = self.config.unfinished_seconds or float("inf")
        return self.run(self.storage.clean, known, now, max_age)

    def purged(self, conversation: int) -> None:
        """Delete the files of a closed group that is no longer kept."""
        self._remove(list(self._known.pop(conversation, {}).values()))

    # Tickets.

    async def offer(
        self, account: Account, network: str, place: FilePlace, name: SafeText
    ) -> tuple[Ticket, int]:
        """Return a ticket to upload *name* to *place*, and how many bytes the storage has of it.

        *network* is that of the session (see `network_of`). Raises `Refused`.
        """
        place.require_right(account, writing=True)
        ticket = self._issue(account, network, place, name, None)
        self.quotas.require_some(ticket.owner)
        return ticket, await self.run(self.storage.partial_size, ticket.owner, ticket.key)

    def ticket_for(self, account: Account, network: str, place: FilePlace, which: str) -> Ticket:
        """Return a ticket to download the file *which*: a number or a name. Raises `Refused`."""
        place.require_right(account, writing=False)
        file = place.find(which)
        return self._issue(account, network, place, file.name, file)

    async def private_files(self, account: Account, partner: Account) -> PrivatePlace:
        """Return the files that *account* and *partner* share. Raises `Refused` or `NotSaved`."""
        conversation = await self._chat.private.conversation(account, partner)
        id = None if conversation is None else conversation.id
        return PrivatePlace(self._chat, self._private, account, partner, id)

    def left(self, ticket: Ticket) -> int:
        """Return the maximum bytes that may be uploaded with *ticket*."""
        return self.quotas.left(ticket.owner)

    def path_of(self, file: SharedFile) -> Path:
        """Return the path of the bytes of *file* on the server's disk."""
        return self.storage.path_of(file.id)

    def redeem(self, token: str, upload: bool) -> Ticket:
        """Return the ticket of *token*, if its owner still has the right to use it.

        Raises `Refused`.
        """
        ticket = self.tickets.find(token, upload, self._now())
        self.require_right(ticket)
        self.tickets.begin(ticket)
        return ticket

    def use(self, ticket: Ticket) -> None:
        """Begin to use *ticket*, whose token was given to nobody: it takes no place of others."""
        self.tickets.begin(ticket)
        self.tickets.remove(ticket)

    def unfinished(
        self, account: Account, network: str, place: FilePlace, name: SafeText
    ) -> Deferred[int]:
        """Return how many bytes the storage has of the upload *name* of *account*; 0: none."""
        owner = self._owner(account, quota_of(account, network))
        key = _upload_key(account, place, name)
        size: Deferred[int] = self.run(self.storage.partial_size, owner, key)
        return size

    def partial_size(self, ticket: Ticket) -> Deferred[int]:
        """Return how many bytes of the upload of *ticket* the server has."""
        size: Deferred[int] = self.run(self.storage.partial_size, ticket.owner, ticket.key)
        return size

    def require_right(self, ticket: Ticket) -> None:
        """Raise `Refused` if the owner of *ticket* may no longer use it."""
        ticket.require_good()
        self._chat.memory.require_present(ticket.account)
        ticket.place.require_right(ticket.account, writing=False)
        if ticket.file is not None:
            ticket.place.find(str(ticket.file.number))

    def _issue(
        self,
        account: Account,
        network: str,
        place: FilePlace,
        name: SafeText,
        file: SharedFile | None,
    ) -> Ticket:
        now = self._now()
        lifetime = self.config.ticket_seconds or float("inf")
        token = self.tickets.new_token()
        key = _upload_key(account, place, name)
        quota = quota_of(account, network)
        owner = self._owner(account, quota)
        ticket = Ticket(token, account, place, name, file, now + lifetime, key, owner, quota)
        self.tickets.add(ticket, now)
        return ticket

    @staticmethod
    def _owner(account: Account, quota: str) -> Key:
        return quota_key(account.name, not account.registered, quota)

    # Uploads.

    async def begin(self, ticket: Ticket, offset: int, size: int | None) -> Upload:
        """Begin an upload, or resume it after *offset* bytes.

        *size* is that of the whole file in bytes, None if it is not known. Raises `Refused`; then
        nothing is reserved.
        """
        key, owner = ticket.key, ticket.owner
        if size is not None and offset > size:
            raise Refused(Code.BAD_ARGUMENT, "The offset is beyond the size.")
        if key in self._active:
            raise Refused(Code.BUSY, "{name} is being uploaded already.", name=ticket.name)
        self._active[key] = owner
        reserved: int | None = None
        try:
            disk = await self.run(self.storage.disk)
            reserved = self.quotas.reserve(owner, size, disk)
            here = await self.run(self.storage.partial_size, owner, key)
            if offset > here:
                raise Refused(
                    Code.BAD_ARGUMENT, "The server has only {here} bytes of that file.", here=here
                )
            await self._make_room(owner)
            partial = await self.run(self.storage.begin, owner, key, offset)
        except BaseException as problem:
            del self._active[key]
            if reserved is not None:
                self.quotas.release(owner, reserved)
            if isinstance(problem, OSError):
                raise self.no_room(problem) from None
            raise
        return Upload(ticket, partial, reserved, reserved if size is None else size)

    async def _make_room(self, owner: Key) -> None:
        """Remove the interrupted uploads of *owner* if they exceed the quota."""
        active = [key for key, each in self._active.items() if each == owner]
        interrupted = await self.run(self.storage.interrupted_bytes, owner, active)
        if not self.quotas.allows(owner, interrupted):
            await self.run(self.storage.remove_interrupted, owner, active)

    async def share(self, upload: Upload, sha256: str) -> SharedFile:
        """Share an upload that is complete. Its hash must be *sha256*, unless that is empty.

        Raises `Refused` or `NotSaved`; then the file is deleted, unless its entry may have been
        stored: the entry is published later, or `clean` removes the file.
        """
        ticket, partial = upload.ticket, upload.partial
        digest, size, id = partial.digest(), partial.size, secrets.token_hex(16)
        path = self.storage.path_of(id)
        try:
            if sha256 and sha256.lower() != digest:
                await self.run(partial.discard)
                raise Refused(
                    Code.BAD_ARGUMENT,
                    "The SHA-256 of the upload is {digest}; send the file again.",
                    digest=digest,
                )
            await self.run(partial.move_to, path)

            def check() -> None:
                ticket.require_good()
                self._chat.memory.require_present(ticket.account)

            check()
            file = await ticket.place.share(
                ticket.account, NewFile(ticket.name, size, digest, id, ticket.quota), check
            )
        except OSError as problem:
            raise self.no_room(problem) from None
        except BaseException as problem:
            if not (isinstance(problem, Refused) and problem.code is Code.UNKNOWN):
                self.run(self.storage.remove, [id])
            raise
        finally:
            self._ended(upload)
        self.tickets.remove(ticket)  # it was for one upload
        return file

    async def interrupt(self, upload: Upload) -> None:
        """Keep the bytes of an upload that was interrupted, so that it can be resumed."""
        with suppress(OSError):
            await self.run(upload.partial.close)
        self._ended(upload)

    async def discard(self, upload: Upload) -> None:
        """Delete the bytes of an upload that was refused."""
        with suppress(OSError):
            await self.run(upload.partial.discard)
        self._ended(upload)

    def _ended(self, upload: Upload) -> None:
        self.quotas.release(upload.ticket.owner, upload.reserved)
        del self._active[upload.ticket.key]

    def no_room(self, problem: OSError) -> Refused:
        """Log an error of the disk, and return it as a refusal."""
        self._log.warn("a file could not be written: {problem}", problem=problem.strerror)
        return Refused(Code.DISK_FULL, "The server cannot store files now. Try again later.")

    # Events of the groups and private conversations.

    def _happened(self, entry: Entry) -> None:
        """Update the quotas, and delete the bytes of files that were removed."""
        event, id = entry.event, entry.conversation
        match event:
            case FileShared():
                file = shared_file(event, entry.at)
                self._count(file, deleted=self._chat.accounts.get(event.by) is None)
                self._shared(id, file)
            case FileRemoved(number=number):
                known = self._known.get(id) or self._private.of(id)
                if number in known:  # else its private conversation has ended
                    self._remove([known.pop(number)])
            case GroupClosed(by=None):
                self._remove(list(self._known.pop(id, {}).values()))
            case _:  # those of a deleted group are kept, and count, until `purged`
                pass

    def _shared(self, id: int, file: SharedFile) -> None:
        """Add *file* of the conversation *id*; delete it if that is private and has ended."""
        conversation = self._chat.conversations.get(id)
        if isinstance(conversation, GroupConversation):
            self._known.setdefault(id, {})[file.number] = file
        elif self._is_current(conversation):
            self._private.shared(conversation, file)
        else:
            self._remove([file])

    def _is_current(self, conversation: Conversation | None) -> TypeGuard[DirectConversation]:
        """Return whether *conversation* is a private one that has not ended."""
        if not isinstance(conversation, DirectConversation):
            return False
        return self._chat.conversations.private(conversation.parties) is conversation

    def _end_private(self, id: int) -> None:
        """Delete the files of the private conversation *id*, which has ended."""
        removed = list(self._private.of(id).values())
        self._private.ended(id)
        self._remove(removed)

    def _remove(self, removed: Sequence[SharedFile]) -> None:
        for file in removed:
            self.quotas.shared(self._owners.pop(file.id), -file.size)
        if removed:
            removing = self.run(self.storage.remove, [file.id for file in removed])
            removing.addErrback(lambda failure: self._log.failure("removing failed", failure))

    def _disown(self, account: Account) -> None:
        """Count the files of *account*, which was deleted, as nobody's: its name is free again.

        Those in its private conversations are deleted: nobody can get them any more.
        """
        for conversation in self._private.of_party(account.party):
            self._end_private(conversation)
        self.quotas.move(account.key, _NOBODY)
        for id, owner in self._owners.items():
            if owner == account.key:
                self._owners[id] = _NOBODY

    def _count(self, file: SharedFile, deleted: bool) -> None:
        """Count *file* in its owner's quota. *deleted*: it is of no account, or of a guest."""
        nobodys = deleted and not file.guest
        owner = _NOBODY if nobodys else quota_key(file.by, file.guest, file.quota)
        self._owners[file.id] = owner
        self.quotas.shared(owner, file.size)

    def _now(self) -> float:
        return self._chat.reactor.seconds()


def _upload_key(account: Account, place: FilePlace, name: SafeText) -> str:
    return f"{account.party}/{place.key}/{name}"


def file_name(typed: str) -> SafeText:
    """Return the name under which the file with the path *typed* is shared. Raises `Refused`."""
    name = safe_line(typed.replace("\\", "/").rstrip("/").rpartition("/")[2]).strip()
    name = name.lstrip(".").strip()  # a download should not create a hidden file
    if not name:
        raise Refused(Code.BAD_NAME, "That is not the name of a file.")
    if len(name.encode()) > MAX_NAME_BYTES:
        raise Refused(Code.TOO_LONG, "A file's name has at most {most} bytes.", most=MAX_NAME_BYTES)
    return SafeText(name)
