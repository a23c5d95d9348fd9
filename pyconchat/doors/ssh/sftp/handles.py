"""What a client of SFTP has open: folders that it lists, files that it reads, and new files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TypeAlias

from twisted.logger import Logger

from pyconchat.domain.errors import Code, NotSaved, Refused
from pyconchat.domain.refusals import not_saved
from pyconchat.domain.text import in_bytes
from pyconchat.doors.ssh.sftp.folders import FOLDER
from pyconchat.doors.ssh.sftp.wire import Attributes, Entry
from pyconchat.files.sharing import FileSharing, Upload
from pyconchat.files.tickets import Ticket

__all__ = ["MAX_DATA", "MAX_HANDLES", "Handle", "Handles", "NewFile", "OpenFile", "OpenFolder"]

MAX_HANDLES = 16
"""Maximum files and folders that a client has open."""

MAX_DATA = 64 * 1024
"""Maximum bytes of a file in an answer."""

READ_SIZE = 256 * 1024
"""Bytes that are read from the disk at once: the requests that follow are usually for the rest."""

MAX_NAMES = 100
"""Maximum names in an answer."""


class OpenFolder:
    """A folder that is being listed."""

    def __init__(self, entries: Iterator[Entry]) -> None:
        self._entries = entries

    @property
    def attributes(self) -> Attributes:
        """Return the attributes."""
        return FOLDER

    def next_entries(self) -> Sequence[Entry]:
        """Return the next entries, none at the end."""
        return list(islice(self._entries, MAX_NAMES))

    async def close(self) -> None:
        """Nothing to do: it is in memory only."""

    async def give_up(self) -> None:
        """Nothing to do, either."""


class OpenFile:
    """A shared file that is being read; *descriptor* is that of its bytes."""

    def __init__(
        self, files: FileSharing, ticket: Ticket, descriptor: int, attributes: Attributes
    ) -> None:
        self.attributes = attributes
        self._files = files
        self._ticket = ticket
        self._descriptor = descriptor
        self._ahead = b""  # bytes that were read from the disk,
        self._ahead_at = 0  # and where they are in the file

    async def read(self, offset: int, size: int) -> bytes:
        """Return *size* bytes, but at most `MAX_DATA`, and fewer only at the end of the file.

        sshfs takes a shorter answer for the end. Raises `Refused` as soon as the owner of the
        ticket may not read the file.
        """
        self._files.require_right(self._ticket)
        size = min(size, MAX_DATA, max(0, (self.attributes.size or 0) - offset))
        start = offset - self._ahead_at
        if size and not 0 <= start <= len(self._ahead) - size:
            self._ahead = await self._files.run(os.pread, self._descriptor, READ_SIZE, offset)
            self._ahead_at, start = offset, 0
            self._files.require_right(self._ticket)
        end = start + size
        data = self._ahead[start:end]
        if end >= len(self._ahead):
            self._ahead = b""  # most files are read once, and many may be open
        return data

    async def close(self) -> None:
        """Close the file."""
        await self._files.run(os.close, self._descriptor)

    give_up = close


class NewFile:
    """A file that is being sent, and is shared when it is closed. *here* bytes were sent before.

    It is sent from its beginning, or on from there, to its end. A refusal is final, and is
    repeated. *resumes*: the client only goes on, and has nothing to share if it sends nothing.
    """

    def __init__(
        self,
        files: FileSharing,
        ticket: Ticket,
        here: int,
        resumes: bool,
        now: Callable[[], float],
    ) -> None:
        self.ticket = ticket
        self.moved_at = now()
        self._files = files
        self._here = here
        self._resumes = resumes
        self._now = now
        self._upload: Upload | None = None
        self.refused: Refused | None = None
        """Why nothing more is taken; None while that is not so."""

    @property
    def attributes(self) -> Attributes:
        """Return the attributes as they are now."""
        return Attributes(self._size)

    @property
    def _size(self) -> int:
        return self._upload.partial.size if self._upload is not None else 0

    async def write(self, offset: int, pieces: Sequence[bytes]) -> None:
        """Add *pieces*, the first of which is for *offset*. Raises `Refused`."""
        if self.refused is not None:
            raise self.refused
        size = sum(map(len, pieces))
        try:
            upload = await self._begun(offset)
            if offset != upload.partial.size:
                raise Refused(
                    Code.BAD_ARGUMENT, "A file is written from its beginning to its end, once."
                )
            if offset + size > upload.most:
                most = in_bytes(upload.most)
                raise Refused(Code.TOO_LONG, f"There is room for {most} only; it was not kept.")
            await self._files.run(upload.partial.write, pieces)
        except OSError as problem:
            await self._refuse(self._files.no_room(problem))
        except Refused as refused:
            await self._refuse(refused)
        self.moved_at = self._now()

    async def _begun(self, offset: int) -> Upload:
        if self._upload is None:
            if offset > self._here:
                raise Refused(
                    Code.BAD_ARGUMENT, "A shared file is not changed: send it whole, as a new one."
                )
            self._upload = await self._files.begin(self.ticket, offset, None)
        return self._upload

    async def _refuse(self, refused: Refused) -> None:
        """Keep nothing, and raise *refused*, now and later."""
        self.refused = refused
        upload, self._upload = self._upload, None
        if upload is not None:
            await self._files.discard(upload)
        raise refused

    async def cut_to(self, size: int) -> None:
        """Take *size* for the end of the file. Raises `Refused` unless that is where it is.

        A client that was interrupted does this before it closes the file.
        """
        if self.refused is None and size != self._size:
            self.refused = Refused(Code.BAD_ARGUMENT, "The file was cut short: it is not shared.")
            await self.give_up()
        if self.refused is not None:
            raise self.refused

    async def close(self) -> None:
        """Share the file. Raises `Refused`."""
        if self.refused is not None:
            raise self.refused
        if self._upload is None:
            if self._resumes:
                return
            await self._begun(0)
        upload, self._upload = self._upload, None
        assert upload is not None, "it has begun"
        try:
            await self._files.share(upload, "")
        except NotSaved:
            raise not_saved() from None

    async def give_up(self) -> None:
        """Keep the received part, so that it can be resumed."""
        upload, self._upload = self._upload, None
        if upload is not None:
            await self._files.interrupt(upload)

    async def expire(self) -> None:
        """Give up a file of which nothing was sent for too long."""
        self.refused = Refused(Code.BAD_ARGUMENT, "Nothing was sent for too long: send the rest.")
        await self.give_up()


Handle: TypeAlias = OpenFolder | OpenFile | NewFile


class Handles:
    """What one client has open, by the handles that it was given."""

    _log = Logger(namespace="pyconchat")

    def __init__(self) -> None:
        self._open: dict[bytes, Handle] = {}
        self._last = 0

    def require_room(self) -> None:
        """Raise `Refused` if no more may be opened."""
        if len(self._open) >= MAX_HANDLES:
            raise Refused(
                Code.TOO_MANY, "At most {most} files are open at a time.", most=MAX_HANDLES
            )

    def add(self, opened: Handle) -> bytes:
        """Return the handle of *opened*."""
        self._last += 1
        handle = b"%d" % self._last
        self._open[handle] = opened
        return handle

    def find(self, handle: bytes) -> Handle:
        """Return what *handle* is for. Raises `Refused`."""
        found = self._open.get(handle)
        if found is None:
            raise Refused(Code.BAD_ARGUMENT, "That is not open.")
        return found

    def remove(self, handle: bytes) -> Handle:
        """Return what *handle* is for, and forget it. Raises `Refused`."""
        found = self.find(handle)
        del self._open[handle]
        return found

    @property
    def new_files(self) -> list[NewFile]:
        """Return the files that are being sent."""
        return [each for each in self._open.values() if isinstance(each, NewFile)]

    async def give_up(self) -> None:
        """Close everything. Received parts of new files are kept, so that they can be resumed."""
        given_up = list(self._open.values())
        self._open.clear()
        for each in given_up:
            try:
                await each.give_up()
            except Exception:
                self._log.failure("a file could not be closed")
