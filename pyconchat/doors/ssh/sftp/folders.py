"""Folders: the tree at SFTP: the groups of a person as folders, and the files in them.

Of several files with one name the newest has it; the others have their number behind it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pyconchat.chat.conversations import GroupConversation
from pyconchat.chat.interfaces import ISession
from pyconchat.commands.services import Services
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.group import Group
from pyconchat.domain.shared_files import SharedFile, names_of
from pyconchat.domain.text import safe_line
from pyconchat.doors.ssh.sftp.wire import Attributes, Entry

__all__ = ["FOLDER", "Folders", "Path", "attributes_of", "path_of"]

FOLDER = Attributes()
"""The attributes of a folder."""

RECENT_SECONDS = 180 * 86400
"""Maximum age of a file of which the time is listed, not the year."""

FILE_COST = 2e-7
"""Seconds of work for each file of a group in which a name is looked for."""


@dataclass(frozen=True)
class Path:
    """The *group* and the *file* of a path, as they were typed; empty at the root, in a folder."""

    group: str = ""
    file: str = ""

    def __str__(self) -> str:
        """Return the path in its canonical form."""
        return f"/{self.group}/{self.file}" if self.file else f"/{self.group}"


def path_of(raw: bytes) -> Path:
    """Return the path *raw*, which is relative to the root. Raises `Refused`."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise Refused(Code.NO_SUCH_FILE, "The name is not UTF-8.") from None
    parts: list[str] = []
    for part in text.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(safe_line(part))
    if len(parts) > 2 or "" in parts:
        raise Refused(Code.NO_SUCH_FILE, "There is only a folder for each group, with its files.")
    return Path(*parts)


class Folders:
    """The folders that the owner of *session* sees. Requests for others are refused.

    *pay* charges seconds of work: a group may have many files.
    """

    def __init__(self, services: Services, session: ISession, pay: Callable[[float], None]) -> None:
        self._services = services
        self._session = session
        self._pay = pay

    def group(self, path: Path) -> GroupConversation:
        """Return the group of *path*. Raises `Refused`."""
        self._session.require_welcome()
        if not path.group:
            raise Refused(Code.NO_GROUP, "Files are in the folders of groups: name one.")
        conversation = self._services.groups.find(self._session.actor, path.group)
        conversation.group.require_member(self._session.actor)
        return conversation

    def has(self, path: Path) -> bool:
        """Return whether there is a file at *path*. Raises `Refused`."""
        return path.file in self._names(self.group(path).group)

    def file(self, path: Path) -> SharedFile:
        """Return the file at *path*. Raises `Refused`."""
        group = self.group(path).group
        file = self._names(group).get(path.file)
        if file is None:
            raise Refused(
                Code.NO_SUCH_FILE,
                "There is no such file in {group}; see /files.",
                group=group.name,
            )
        return file

    def entries(self, path: Path) -> Iterator[Entry]:
        """Return the content of the folder *path*. Raises `Refused`."""
        if path.file:
            raise Refused(Code.BAD_ARGUMENT, "That is not a folder.")
        if path.group:
            named = self._names(self.group(path).group)
            return (_file_entry(name, file) for name, file in named.items())
        groups = self._services.groups.memberships(self._session.account.key)
        return (_folder_entry(each.group) for each in groups)

    def _names(self, group: Group) -> dict[str, SharedFile]:
        self._pay(FILE_COST * len(group.files))
        return names_of(group.files)


def attributes_of(file: SharedFile) -> Attributes:
    """Return the attributes of *file*."""
    return Attributes(file.size, file.at // 1000)


def _file_entry(name: str, file: SharedFile) -> Entry:
    """Return *file* as it is listed under *name*."""
    attributes = attributes_of(file)
    return Entry(
        name, _line("-rw-r--r--", str(file.by), file.size, attributes.at, name), attributes
    )


def _folder_entry(group: Group) -> Entry:
    newest = next(reversed(group.files.values()), None)
    attributes = Attributes(at=newest.at // 1000 if newest is not None else 0)
    name = str(group.name)
    return Entry(name, _line("drwxr-xr-x", "-", 0, attributes.at, name), attributes)


def _line(mode: str, owner: str, size: int, at: int, name: str) -> str:
    """Return a line as that of ``ls -l``, which some clients parse."""
    recent = time.time() - at < RECENT_SECONDS
    day = time.strftime("%b %e %H:%M" if recent else "%b %e  %Y", time.localtime(at))
    return f"{mode}    1 {owner:<8} {'-':<8} {size:>12} {day} {name}"
