"""What each request of SFTP does, with the rights of the person who is logged in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from pyconchat.chat.conversations import GroupConversation
from pyconchat.chat.interfaces import ISession
from pyconchat.commands.services import Services
from pyconchat.domain.errors import Code, NotSaved, Refused
from pyconchat.domain.refusals import not_saved
from pyconchat.domain.text import safe_line
from pyconchat.doors.ssh.sftp.folders import FOLDER, Folders, Path, attributes_of, path_of
from pyconchat.doors.ssh.sftp.handles import (
    MAX_DATA,
    MAX_HANDLES,
    Handles,
    NewFile,
    OpenFile,
    OpenFolder,
)
from pyconchat.doors.ssh.sftp.wire import (
    Attributes,
    Entry,
    Fields,
    Kind,
    Open,
    Status,
    attributes_answer,
    data_answer,
    handle_answer,
    limits_answer,
    names_answer,
    status_answer,
)
from pyconchat.doors.transfer.download import open_file
from pyconchat.files.places import GroupFiles
from pyconchat.files.sharing import FileSharing, file_name

__all__ = ["Request", "Requests", "refusal"]

_IMPOSSIBLE: dict[int, str] = {
    Kind.MKDIR: "A folder is a group: /create makes one.",
    Kind.RMDIR: "A folder is a group: /delete deletes it.",
    Kind.RENAME: "A shared file is not renamed: share it anew, and remove this one.",
    Kind.SYMLINK: "There are no links here.",
    Kind.READLINK: "There are no links here.",
}
"""Why some requests are refused."""

_STATUSES = {
    Code.NO_SUCH_FILE: Status.NO_SUCH_FILE,
    Code.NO_SUCH_GROUP: Status.NO_SUCH_FILE,
    Code.NOT_MEMBER: Status.PERMISSION_DENIED,
    Code.NOT_YOURS: Status.PERMISSION_DENIED,
    Code.NOT_ADMIN: Status.PERMISSION_DENIED,
    Code.QUIET: Status.PERMISSION_DENIED,
    Code.BANNED: Status.PERMISSION_DENIED,
    Code.BAD_TOKEN: Status.PERMISSION_DENIED,
    Code.UNKNOWN_COMMAND: Status.UNSUPPORTED,
}
"""The statuses of refusals; that of all others is FAILURE."""


class Request(NamedTuple):
    """A request: its type and number, and the rest of its packet, of *size* bytes."""

    kind: int
    id: int
    fields: Fields
    size: int


def refusal(request: int, refused: Refused) -> bytes:
    """Return the answer that the *request* with that number is refused."""
    status = _STATUSES.get(refused.code, Status.FAILURE)
    return status_answer(request, status, refused.sentence)


class Requests:
    """The requests of the owner of *session* about the *files*, and what they have open.

    *wait_for_turn* waits until the message rate allows another change.
    """

    def __init__(
        self,
        services: Services,
        session: ISession,
        files: FileSharing,
        folders: Folders,
        wait_for_turn: Callable[[], Awaitable[None]],
    ) -> None:
        self.handles = Handles()
        self._services = services
        self._session = session
        self._files = files
        self._folders = folders
        self._wait_for_turn = wait_for_turn

    async def answer(self, request: Request) -> bytes:
        """Return the answer to *request*. Raises `Refused`, `Malformed` or `OSError`."""
        id, fields, handles = request.id, request.fields, self.handles
        match request.kind:
            case Kind.READ:
                return await self._read(id, fields.string(), fields.long(), fields.number())
            case Kind.WRITE:
                await self.write(fields.string(), fields.long(), [fields.string()])
            case Kind.OPEN:
                path, flags = path_of(fields.string()), Open(fields.number() & 0x3F)
                return handle_answer(id, await self._open(path, flags))
            case Kind.CLOSE:
                await handles.remove(fields.string()).close()
            case Kind.STAT | Kind.LSTAT:
                return attributes_answer(id, await self._attributes(request))
            case Kind.FSTAT:
                return attributes_answer(id, handles.find(fields.string()).attributes)
            case Kind.SETSTAT:
                self._set_attributes(path_of(fields.string()), fields.size())
            case Kind.FSETSTAT:
                await self._set_open_attributes(fields.string(), fields.size())
            case Kind.OPENDIR:
                handles.require_room()
                folder = OpenFolder(self._folders.entries(path_of(fields.string())))
                return handle_answer(id, handles.add(folder))
            case Kind.READDIR:
                return self._list(id, fields.string())
            case Kind.REALPATH:
                path_text = str(path_of(fields.string()))
                return names_answer(id, [Entry(path_text, path_text, Attributes())])
            case Kind.REMOVE:
                await self._remove(path_of(fields.string()))
            case Kind.EXTENDED if fields.string() == b"limits@openssh.com":
                return limits_answer(id, MAX_DATA, MAX_DATA, MAX_HANDLES)
            case kind:
                why = _IMPOSSIBLE.get(kind, "That is not possible here.")
                raise Refused(Code.UNKNOWN_COMMAND, why)
        return status_answer(id, Status.OK)

    async def write(self, handle: bytes, offset: int, pieces: Sequence[bytes]) -> None:
        """Add *pieces*, of one request or several, to a new file. Raises `Refused`."""
        new = self.handles.find(handle)
        if not isinstance(new, NewFile):
            raise Refused(Code.BAD_ARGUMENT, "That is not open for writing.")
        await new.write(offset, pieces)

    # Files.

    async def _open(self, path: Path, flags: Open) -> bytes:
        self.handles.require_room()
        if flags & ~Open.READ:
            return await self._open_new(path, flags)
        file, place = self._folders.file(path), self._place(path)
        session = self._session
        ticket = self._files.ticket_for(
            session.account, session.peer.network, place, str(file.number)
        )
        self._files.use(ticket)
        descriptor = await open_file(self._files, file, 0)
        return self.handles.add(OpenFile(self._files, ticket, descriptor, attributes_of(file)))

    async def _open_new(self, path: Path, flags: Open) -> bytes:
        if flags & Open.READ:
            raise Refused(Code.BAD_ARGUMENT, "A shared file is not changed: send it whole.")
        if not path.file:
            raise Refused(
                Code.NO_GROUP, "A file is shared in the folder of a group: name it, as in tea/."
            )
        place = self._place(path)
        if flags & Open.NEW and self._folders.has(path):
            raise Refused(Code.EXISTS, "There is a file of that name.")
        await self._wait_for_turn()
        session = self._session
        ticket, here = await self._files.offer(
            session.account, session.peer.network, place, file_name(path.file)
        )
        self._files.use(ticket)
        resumes = bool(flags & Open.APPEND)
        return self.handles.add(NewFile(self._files, ticket, here, resumes, self._now))

    async def _read(self, id: int, handle: bytes, offset: int, size: int) -> bytes:
        file = self.handles.find(handle)
        if not isinstance(file, OpenFile):
            raise Refused(Code.BAD_ARGUMENT, "That is not open for reading.")
        data = await file.read(offset, size)
        return data_answer(id, data) if data else status_answer(id, Status.EOF)

    async def _remove(self, path: Path) -> None:
        conversation, file = self._folders.group(path), self._folders.file(path)
        await self._wait_for_turn()
        self._session.require_welcome()
        actor = self._session.actor
        try:
            await self._services.chat.decide(
                conversation, lambda group: group.remove(actor, file.number)
            )
        except NotSaved:
            raise not_saved() from None

    # Attributes and folders.

    async def _attributes(self, request: Request) -> Attributes:
        """Return the attributes of a file or a folder.

        A file of which the person has sent only a part has them, too: a client that goes on with it
        asks for its size, by a STAT.
        """
        path = path_of(request.fields.string())
        if not path.file:
            if path.group:
                self._folders.group(path)
            return FOLDER
        place, there = self._place(path), self._folders.has(path)
        if there and request.kind == Kind.LSTAT:
            return attributes_of(self._folders.file(path))
        session, name = self._session, safe_line(path.file)
        for new in self.handles.new_files:
            if new.ticket.name == name and new.ticket.place.key == place.key:
                return new.attributes
        size = await self._files.unfinished(session.account, session.peer.network, place, name)
        return Attributes(size) if size else attributes_of(self._folders.file(path))

    def _set_attributes(self, path: Path, size: int | None) -> None:
        """Accept times and permissions, which are not kept: many clients set them."""
        if size is not None:
            raise Refused(Code.BAD_ARGUMENT, "A shared file is not changed: send it whole.")
        if path.file:
            self._folders.file(path)

    async def _set_open_attributes(self, handle: bytes, size: int | None) -> None:
        new = self.handles.find(handle)
        if size is None:
            return
        if not isinstance(new, NewFile):
            raise Refused(Code.BAD_ARGUMENT, "A shared file is not changed: send it whole.")
        await new.cut_to(size)

    def _list(self, id: int, handle: bytes) -> bytes:
        folder = self.handles.find(handle)
        if not isinstance(folder, OpenFolder):
            raise Refused(Code.BAD_ARGUMENT, "That is not a folder.")
        entries = folder.next_entries()
        return names_answer(id, entries) if entries else status_answer(id, Status.EOF)

    def _place(self, path: Path) -> GroupFiles:
        conversation: GroupConversation = self._folders.group(path)
        return GroupFiles(self._services.chat, conversation)

    def _now(self) -> float:
        return self._services.chat.reactor.seconds()
