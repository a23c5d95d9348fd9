"""Replies about files: the files of a conversation, and tickets for transfers."""

from __future__ import annotations

import msgspec

from pyconchat.domain.events import NO_TEXT
from pyconchat.domain.names import Name
from pyconchat.domain.replies.base import BaseReply, Where
from pyconchat.domain.text import SafeText

__all__ = ["DownloadTicket", "FileLine", "Files", "UploadTicket"]


class FileLine(msgspec.Struct, frozen=True):
    """One file of a `Files` reply; *size* in bytes, *at* in milliseconds since the epoch."""

    number: int
    name: SafeText
    size: int
    sha256: str
    by: Name
    at: int


class Files(BaseReply, frozen=True, tag="files"):
    """The files of the group, or of the private conversation, *where*."""

    where: Where
    files: list[FileLine]
    more: int = 0
    next: SafeText = NO_TEXT
    part: SafeText = NO_TEXT


class UploadTicket(BaseReply, frozen=True, tag="upload"):
    """A *ticket* for uploading the file *name* to *where* on a separate connection.

    The server has *offset* bytes of an earlier attempt and accepts at most *most* bytes.
    *command* is a shell command for the upload, *link* is the URL for it at the web door, if any.
    """

    ticket: str
    where: Where
    name: SafeText
    offset: int
    most: int
    command: SafeText
    link: SafeText = NO_TEXT


class DownloadTicket(BaseReply, frozen=True, tag="download"):
    """A *ticket* for downloading a file on a separate connection.

    *command* is a shell command for the download, *link* is its URL at the web door, if any.
    """

    ticket: str
    where: Where
    number: int
    name: SafeText
    size: int
    sha256: str
    command: SafeText
    link: SafeText = NO_TEXT
