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
from typing import Any
from weakref import WeakSet

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from pyconchat.chat.chat import Chat
from pyconchat.chat.conversations import GroupConversation, account_key
from pyconchat.domain.accounts import Account, is_guest_party
from pyconchat.domain.errors import Code, NotSaved, Refused
from pyconchat.domain.names import Key
from pyconchat.domain.shared_files import SharedFile
from pyconchat.domain.stored import DirectFiles, TicketRecord
from pyconchat.domain.text import SafeText, safe_line
from pyconchat.files.inventory import Inventory
from pyconchat.files.places import FilePlace, GroupFiles, NewFile, PrivatePlace
from pyconchat.files.quotas import Quotas, quota_key, quota_of
from pyconchat.files.shared_tickets import SharedTickets
from pyconchat.files.storage import Partial, Storage
from pyconchat.files.tickets import Ticket, Tickets, TicketStore, invalid_ticket, new_token

__all__ = ["FileSharing", "Upload", "file_name"]

MAX_NAME_BYTES = 200
"""Maximum bytes in a file's name. File systems allow 255; a client may have to add " (1)"."""


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
        self.tickets = self._tickets()
        self._in_use: WeakSet[Ticket] = WeakSet()  # may have expired since the transfer began
        chat.registry.watch(self._revoke)
        self._active: dict[str, Key] = {}  # the keys of the uploads that are running, with owners
        self._inventory = Inventory(chat, self.quotas, self._delete)

    def _tickets(self) -> TicketStore:
        config, chat = self.config, self._chat
        if chat.nodes is None:
            return Tickets(config.tickets_per_account, config.ticket_seconds, chat.reactor.seconds)
        return SharedTickets(config, chat.store.nodes, chat.threads, self._restore)

    def start(
        self,
        closed: Mapping[int, Sequence[SharedFile]],
        direct: Mapping[int, DirectFiles],
    ) -> None:
        """Load the files of all groups, of *closed* ones, and of private conversations (*direct*).

        Raises `OSError`.
        """
        self.storage.open()
        self._inventory.load(closed, direct)

    def clean(self, now: float) -> Deferred[int]:
        """Remove orphaned files and abandoned uploads; *now* is in seconds since the epoch.

        Nothing is removed while the store fails: the entry of a file may be in doubt.
        """
        return Deferred.fromCoroutine(self._clean(now))

    async def _clean(self, now: float) -> int:
        if self._chat.journal.failing:
            return 0
        max_age = self.config.unfinished_seconds or float("inf")
        ids: Sequence[str] = ()
        if self._chat.nodes is not None:
            ids = await self.run(self.storage.old_ids, now, max_age)
        try:
            known = await self._inventory.known(ids)
        except NotSaved:
            return 0
        removed: int = await self.run(self.storage.clean, known, now, max_age)
        return removed

    def purged(self, conversation: int) -> None:
        """Delete the files of a closed group that can no longer be restored."""
        self._inventory.purged(conversation)

    # Tickets.

    async def offer(
        self, account: Account, network: str, place: FilePlace, name: SafeText
    ) -> tuple[Ticket, int]:
        """Return a ticket to upload *name* to *place*, and how many bytes the storage has of it.

        *network* is that of the session (see `network_of`). Raises `Refused` or `NotSaved`.
        """
        place.require_right(account, writing=True)
        ticket = self._ticket(new_token(), account, quota_of(account, network), place, name)
        await self._inventory.read_quota(account, ticket.owner, ticket.quota)
        self.quotas.require_some(ticket.owner)
        return ticket, await self.run(self.storage.partial_size, ticket.owner, ticket.key)

    def ticket_for(self, account: Account, network: str, place: FilePlace, which: str) -> Ticket:
        """Return a ticket to download the file *which*: a number or a name. Raises `Refused`."""
        place.require_right(account, writing=False)
        file = place.find(which)
        quota = quota_of(account, network)
        return self._ticket(new_token(), account, quota, place, file.name, file)

    async def issue(self, ticket: Ticket) -> None:
        """Make *ticket* valid for its token. Raises `NotSaved`."""
        await self.tickets.add(ticket)

    async def private_files(self, account: Account, partner: Account) -> PrivatePlace:
        """Return the files that *account* and *partner* share. Raises `Refused` or `NotSaved`."""
        conversation = await self._chat.private.conversation(account, partner)
        id = None if conversation is None else conversation.id
        inventory = self._inventory
        place = PrivatePlace(
            *(self._chat, inventory.private, inventory.read_private), account, partner, id
        )
        await place.read()
        return place

    def left(self, ticket: Ticket) -> int:
        """Return the maximum bytes that may be uploaded with *ticket*."""
        return self.quotas.left(ticket.owner)

    def path_of(self, file: SharedFile) -> Path:
        """Return the path of the bytes of *file* on the server's disk."""
        return self.storage.path_of(file.id)

    async def redeem(self, token: str, upload: bool) -> Ticket:
        """Return the ticket of *token*, if its owner still has the right to use it.

        Raises `Refused` or `NotSaved`.
        """
        ticket = await self.tickets.find(token, upload)
        self.require_right(ticket)
        self.use(ticket)
        return ticket

    def use(self, ticket: Ticket) -> None:
        """Begin to use *ticket*: the transfer ends when it is revoked."""
        self._in_use.add(ticket)

    def _revoke(self, account: Account) -> None:
        """End all tickets of *account*, and the transfers that have begun with them."""
        for ticket in self._in_use:
            if ticket.account is account:
                ticket.revoked = True
        self.tickets.revoke(account)

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

    def _ticket(
        self,
        token: str,
        account: Account,
        quota: str,
        place: FilePlace,
        name: SafeText,
        file: SharedFile | None = None,
    ) -> Ticket:
        key, owner = _upload_key(account, place, name), self._owner(account, quota)
        return Ticket(token, account, place, name, file, key, owner, quota)

    async def _restore(self, record: TicketRecord, token: str) -> Ticket:
        """Return the ticket of *record*, which any node has issued.

        Its owner has the rights that they have now. Raises `Refused` or `NotSaved`.
        """
        account = await self._account(record.party)
        nodes = self._chat.nodes
        assert nodes is not None, "only nodes share tickets"
        # Another node may have removed them from a group.
        await nodes.loading.know_conversations(account.key)
        place: FilePlace
        if record.place.startswith("@"):
            partner = await self._account(record.place[1:])
            place = await self.private_files(account, partner)
        else:
            id = int(record.place)
            if self._chat.conversations.get(id) is None:
                await nodes.learn()  # another node has just created it
            await nodes.loading.know_group(id)
            conversation = self._chat.conversations.get(id)
            if not isinstance(conversation, GroupConversation):
                raise invalid_ticket()
            place = GroupFiles(self._chat, conversation)
        file = place.find(str(record.number)) if record.number else None
        quota = "" if account.registered else record.quota  # a guest may have registered
        return self._ticket(token, account, quota, place, record.name, file)

    async def _account(self, party: str) -> Account:
        """Return the account with *party*, as the store has it. Raises `Refused` or `NotSaved`."""
        key, nodes = account_key(party), self._chat.nodes
        if nodes is not None and not is_guest_party(party):
            await nodes.refresh_for_login(key)
        account = self._chat.accounts.get(key)
        if account is None or account.party != party:
            raise invalid_ticket()
        return account

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
            await self._inventory.read_quota(ticket.account, owner, ticket.quota)
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
            await self._inventory.read_quota(ticket.account, ticket.owner, ticket.quota)
            if not self.quotas.allows(ticket.owner, size - upload.reserved):
                await self.run(partial.discard)  # it was used up at another node
                self.quotas.require(ticket.owner, size)
            await self.run(partial.move_to, path)

            def check() -> None:
                ticket.require_good()
                self._chat.memory.require_present(ticket.account)

            check()
            file = await ticket.place.share(
                ticket.account, NewFile(ticket.name, size, digest, id, ticket.quota), check
            )
        except BaseException as problem:
            if not (isinstance(problem, Refused) and problem.code is Code.UNKNOWN):
                await self.run(self._remove, partial, id)
            if isinstance(problem, OSError):
                raise self.no_room(problem) from None
            raise
        finally:
            self._ended(upload)
        with suppress(NotSaved):  # it is shared; then the ticket is valid until it expires
            await self.tickets.remove(ticket)  # it was for one upload
        return file

    def _remove(self, partial: Partial, id: str) -> None:
        """Delete an upload that was not shared, whether or not it was renamed to *id*. Blocks."""
        with suppress(OSError):
            partial.discard()
        with suppress(OSError):
            self.storage.remove([id])

    async def interrupt(self, upload: Upload) -> None:
        """Keep the bytes of an upload that was interrupted, so that it can be resumed."""
        try:
            with suppress(OSError):
                await self.run(upload.partial.close)
        finally:
            self._ended(upload)

    async def discard(self, upload: Upload) -> None:
        """Delete the bytes of an upload that was refused."""
        try:
            with suppress(OSError):
                await self.run(upload.partial.discard)
        finally:
            self._ended(upload)

    def _ended(self, upload: Upload) -> None:
        self.quotas.release(upload.ticket.owner, upload.reserved)
        del self._active[upload.ticket.key]

    def no_room(self, problem: OSError) -> Refused:
        """Log an error of the disk, and return it as a refusal."""
        self._log.warn("a file could not be written: {problem}", problem=problem.strerror)
        return Refused(Code.DISK_FULL, "The server cannot store files now. Try again later.")

    def _delete(self, ids: Sequence[str]) -> None:
        removing = self.run(self.storage.remove, ids)
        removing.addErrback(lambda failure: self._log.failure("removing failed", failure))


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
