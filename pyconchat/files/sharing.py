"""FileSharing: the shared files of a running server: who may send and fetch what, and how much.

A ticket is leave for one transfer of one file. Whether its owner still has the right behind it
is asked when the transfer begins, and, of what was sent, once more when it is to be shared.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from pyconchat.chat.chat import Chat
from pyconchat.chat.conversations import GroupConversation
from pyconchat.domain.accounts import Account
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import Entry, FileRemoved, FileShared, GroupClosed
from pyconchat.domain.group_state import SharedFile
from pyconchat.domain.names import Key, fold
from pyconchat.domain.text import SafeText, safe_text
from pyconchat.files.quotas import Quotas
from pyconchat.files.storage import Partial, Storage

__all__ = ["FileSharing", "Ticket", "Upload", "file_name"]

MAX_NAME_BYTES = 200
"""Bytes in a file's name: what every file system takes, with room for " (1)"."""

MAX_TICKETS = 10_000
"""Tickets at once; the oldest makes room."""


@dataclass(frozen=True)
class Ticket:
    """Leave for *account* to send (or to fetch) a file of a group, until *ends* (seconds)."""

    token: str
    account: Account
    conversation: GroupConversation
    name: SafeText
    file: SharedFile | None  # what is to be fetched; None for an upload
    ends: float
    key: str  # what unfinished bytes of this upload are found by, under any ticket
    owner: Key  # whose quota it takes


@dataclass
class Upload:
    """An upload that has begun. *most* is how large the file may become, in bytes."""

    ticket: Ticket
    partial: Partial
    reserved: int
    most: int


class FileSharing:
    """The files of *chat*, in *storage*. *run* calls something in a thread for the disk."""

    _log = Logger()

    def __init__(self, chat: Chat, storage: Storage, run: Callable[..., Deferred[Any]]) -> None:
        self.config = chat.config.files
        self.storage = storage
        self.quotas = Quotas(self.config)
        self._chat = chat
        self.run = run
        self._tickets: dict[str, Ticket] = {}
        self._under_way: dict[str, Key] = {}  # the keys of uploads, and whose they are
        self._known: dict[int, dict[int, FileShared | SharedFile]] = {}
        chat.publisher.watch(self._happened)

    def start(self) -> None:
        """Take over what the groups have. Raises `OSError`."""
        self.storage.open()
        for conversation in self._chat.groups:
            files = self._known[conversation.id] = dict(conversation.group.files)
            for file in files.values():
                self.quotas.shared(_owner(file.by, file.guest), file.size)

    def clean(self, now: float) -> Deferred[int]:
        """Remove what nobody will ask for; *now* is in seconds since the epoch."""
        known = {file.id for files in self._known.values() for file in files.values()}
        oldest = self.config.unfinished_seconds or float("inf")
        return self.run(self.storage.clean, known, now, oldest)

    # Tickets.

    async def offer(
        self, account: Account, conversation: GroupConversation, name: SafeText
    ) -> tuple[Ticket, int]:
        """Return leave to share *name* with a group, and how many bytes are here already.

        Raises `Refused`.
        """
        conversation.group.require_member(account.actor)
        ticket = self._issue(account, conversation, name, None)
        self.quotas.require_some(ticket.owner)
        return ticket, await self.run(self.storage.partial_size, ticket.owner, ticket.key)

    def ticket_for(self, account: Account, conversation: GroupConversation, which: str) -> Ticket:
        """Return leave to fetch a file. Raises `Refused`."""
        group = conversation.group
        group.require_member(account.actor)
        file = group.file(which)
        return self._issue(account, conversation, file.name, file)

    def left(self, ticket: Ticket) -> int:
        """Return the maximum bytes that may be uploaded with *ticket*."""
        return self.quotas.left(ticket.owner)

    def path_of(self, file: SharedFile) -> Path:
        """Return the path of the bytes of *file* on the server's disk."""
        return self.storage.place(file.id)

    def redeem(self, token: str, upload: bool) -> Ticket:
        """Return the ticket of *token*, if its owner may still do what it is for.

        Raises `Refused`.
        """
        ticket = self._tickets.get(token)
        if ticket is None or (ticket.file is None) is not upload or self._now() >= ticket.ends:
            raise Refused(
                Code.BAD_TOKEN, "That ticket is not good, or not any more: /send or /get again."
            )
        self._chat.memory.require_present(ticket.account)
        ticket.conversation.group.require_member(ticket.account.actor)
        if ticket.file is not None:
            ticket.conversation.group.file(str(ticket.file.number))
        return ticket

    def _issue(
        self,
        account: Account,
        conversation: GroupConversation,
        name: SafeText,
        file: SharedFile | None,
    ) -> Ticket:
        now = self._now()
        lifetime = self.config.ticket_seconds or float("inf")
        for token, ticket in list(self._tickets.items()):
            if ticket.ends > now and len(self._tickets) < MAX_TICKETS:
                break  # they end in the order in which they were issued
            del self._tickets[token]
        token = secrets.token_hex(16)
        key = f"{account.party}/{conversation.id}/{name}"
        owner = _owner(account.name, not account.registered)
        ticket = Ticket(token, account, conversation, name, file, now + lifetime, key, owner)
        self._tickets[token] = ticket
        return ticket

    # Uploads.

    async def begin(self, ticket: Ticket, offset: int, size: int | None) -> Upload:
        """Begin an upload of *size* bytes in all (None: not known), or go on after *offset*.

        Raises `Refused`; nothing is reserved then.
        """
        key, owner = ticket.key, ticket.owner
        if size is not None and offset > size:
            raise Refused(Code.BAD_ARGUMENT, "The offset is beyond the size.")
        if key in self._under_way:
            raise Refused(Code.BUSY, "{name} is being sent already.", name=ticket.name)
        self._under_way[key] = owner
        reserved: int | None = None
        try:
            disk = await self.run(self.storage.disk)
            reserved = self.quotas.reserve(owner, size, disk)
            here = await self.run(self.storage.partial_size, owner, key)
            if offset > here:
                raise Refused(Code.BAD_ARGUMENT, "Of that file {here} bytes are here.", here=here)
            await self._make_room(owner)
            partial = await self.run(self.storage.begin, owner, key, offset)
        except BaseException as problem:
            del self._under_way[key]
            if reserved is not None:
                self.quotas.release(owner, reserved)
            if isinstance(problem, OSError):
                raise self.no_room(problem) from None
            raise
        return Upload(ticket, partial, reserved, reserved if size is None else size)

    async def _make_room(self, owner: Key) -> None:
        """Have older uploads of *owner* that were cut give way, if they go beyond the quota."""
        keeping = [key for key, each in self._under_way.items() if each == owner]
        unfinished = await self.run(self.storage.unfinished, owner, keeping)
        if not self.quotas.leaves(owner, unfinished):
            await self.run(self.storage.make_room, owner, keeping)

    async def share(self, upload: Upload, sha256: str) -> SharedFile:
        """Share what came, whose hash must be *sha256* if one is given.

        Raises `Refused` or `NotSaved`; then the file is gone.
        """
        ticket, partial = upload.ticket, upload.partial
        digest, size, id = partial.digest(), partial.size, secrets.token_hex(16)
        place = self.storage.place(id)
        try:
            if sha256 and sha256.lower() != digest:
                await self.run(partial.discard)
                raise Refused(
                    Code.BAD_ARGUMENT, "Its SHA-256 is {digest}: send it again.", digest=digest
                )
            await self.run(partial.move_to, place)
            self._chat.memory.require_present(ticket.account)
            group = ticket.conversation.group
            await self._chat.decide(
                ticket.conversation,
                lambda group: group.share(ticket.account.actor, ticket.name, size, digest, id),
            )
        except OSError as problem:
            raise self.no_room(problem) from None
        except BaseException:
            self.run(self.storage.remove, [id])
            raise
        finally:
            self._ended(upload)
        self._tickets.pop(ticket.token, None)  # it was for one file
        return next(file for file in group.files.values() if file.id == id)

    async def interrupt(self, upload: Upload) -> None:
        """Keep what came of an upload that was cut, to go on with it later."""
        with suppress(OSError):
            await self.run(upload.partial.close)
        self._ended(upload)

    async def discard(self, upload: Upload) -> None:
        """Throw away what came of an upload that cannot become a file."""
        with suppress(OSError):
            await self.run(upload.partial.discard)
        self._ended(upload)

    def _ended(self, upload: Upload) -> None:
        self.quotas.release(upload.ticket.owner, upload.reserved)
        del self._under_way[upload.ticket.key]

    def no_room(self, problem: OSError) -> Refused:
        """Return what somebody is told whose bytes could not be written."""
        self._log.warn("a file could not be written: {problem}", problem=problem.strerror)
        return Refused(Code.DISK_FULL, "The server cannot keep files now; try again later.")

    # What happens in the groups.

    def _happened(self, entry: Entry) -> None:
        """Count what was shared, and remove the bytes of what is gone."""
        event, files = entry.event, self._known.setdefault(entry.conversation, {})
        gone: list[FileShared | SharedFile] = []
        match event:
            case FileShared():
                files[event.number] = event
                self.quotas.shared(_owner(event.by, event.guest), event.size)
            case FileRemoved(number=number):
                gone = [files.pop(number)]
            case GroupClosed():
                gone = list(self._known.pop(entry.conversation).values())
            case _:
                return
        for file in gone:
            self.quotas.shared(_owner(file.by, file.guest), -file.size)
        if gone:
            removing = self.run(self.storage.remove, [file.id for file in gone])
            removing.addErrback(lambda failure: self._log.failure("removing failed", failure))

    def _now(self) -> float:
        return self._chat.reactor.seconds()


def _owner(name: str, guest: bool) -> Key:
    """Return whose quota counts. Guests of one name share one, which is not the name's owner's."""
    return Key(f"~{fold(name)}") if guest else fold(name)


def file_name(typed: str) -> SafeText:
    """Return what a file of the path *typed* is called for everybody. Raises `Refused`."""
    name = safe_text(typed.replace("\\", "/").rstrip("/").rpartition("/")[2]).strip()
    name = name.lstrip(".").strip()  # nobody should get a hidden file by surprise
    if not name:
        raise Refused(Code.BAD_NAME, "That is not the name of a file.")
    if len(name.encode()) > MAX_NAME_BYTES:
        raise Refused(Code.TOO_LONG, "A file's name has at most {most} bytes.", most=MAX_NAME_BYTES)
    return SafeText(name)
