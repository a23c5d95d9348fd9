"""Shared files: the records of the files of a group or of a private conversation."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pyconchat.domain.events import FileShared
from pyconchat.domain.names import Name
from pyconchat.domain.text import SafeText, safe_line

__all__ = ["SharedFile", "find_file", "names_of", "shared_file"]

MAX_DIGITS = 9
"""Maximum digits of a file's number."""


class SharedFile(msgspec.Struct, frozen=True):
    """A file that *by* shared at *at* (milliseconds since the epoch).

    *size* is in bytes, *sha256* in hex; *id* is its name on the server's disk. *quota* is as in
    `FileShared`.
    """

    number: int
    name: SafeText
    by: Name
    size: int
    sha256: str
    id: str
    at: int
    guest: bool = False
    quota: str = ""


def shared_file(event: FileShared, at: int) -> SharedFile:
    """Return the file that *event* shared at *at* (milliseconds since the epoch)."""
    return SharedFile(
        number=event.number,
        name=event.file,
        by=event.by,
        size=event.size,
        sha256=event.sha256,
        id=event.id,
        at=at,
        guest=event.guest,
        quota=event.quota,
    )


def find_file(files: Mapping[int, SharedFile], which: str) -> SharedFile | None:
    """Return the one of *files* with the number *which*, or the newest with that name."""
    file = files.get(int(which)) if which.isdecimal() and len(which) <= MAX_DIGITS else None
    if file is None:
        wanted = safe_line(which)  # NFC, as the names of files are
        named = [each for each in files.values() if each.name == wanted]
        file = named[-1] if named else None
    return file


def names_of(files: Mapping[int, SharedFile]) -> dict[str, SharedFile]:
    """Return *files* by the names that they have in a folder, the oldest first.

    Of several files with one name, the newest keeps it; the others get their number appended.
    """
    newest = {str(file.name): file for file in files.values()}
    named: dict[str, SharedFile] = {}
    for file in files.values():
        name = str(file.name)
        if newest[name] is not file:
            name += f" ({file.number})"
            while name in newest or name in named:
                name += f" ({file.number})"
        named[name] = file
    return named
