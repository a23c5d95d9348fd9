"""Commands about files that are shared with a group."""

from __future__ import annotations

import shlex

from pyconchat.chat.interfaces import ServerAddress
from pyconchat.commands.command import Call, listed
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.replies import DownloadTicket, FileLine, Files, Reply, UploadTicket
from pyconchat.domain.text import SafeText, safe_text
from pyconchat.files.sharing import FileSharing, file_name


async def send(call: Call, path: str) -> Reply:
    """Share a file with the group."""
    group = call.group()
    name = file_name(path)
    ticket, offset = await _sharing(call).offer(call.account, call.here(), name)
    file = _quoted(safe_text(path.strip()))
    header = f'echo "upload {ticket.token} 0 $(wc -c < {file})"'
    program = _program(call.session.peer.reached)
    # First of all, so that nothing is begun that cannot be read.
    command = f": < {file} && ({header}; cat -- {file}) | {program}"
    most = _sharing(call).quotas.left(ticket.owner)
    return UploadTicket(ticket.token, group.name, name, offset, most, SafeText(command))


async def files(call: Call) -> Reply:
    """List the files of the group."""
    group = call.group()
    lines = [
        FileLine(file.number, file.name, file.size, file.sha256, file.by, file.at)
        for file in group.files.values()
    ]
    newest, more = listed(lines[::-1])
    return Files(group.name, newest[::-1], more)


async def get(call: Call, which: str) -> Reply:
    """Fetch a file of the group."""
    group = call.group()
    ticket = _sharing(call).ticket_for(call.account, call.here(), safe_text(which))
    file = ticket.file
    assert file is not None
    program = _program(call.session.peer.reached)
    command = f'echo "download {ticket.token}" | {program} > {shlex.quote(file.name)}'
    return DownloadTicket(
        ticket.token, group.name, file.number, file.name, file.size, file.sha256, SafeText(command)
    )


async def remove(call: Call, number: int) -> None:
    """Remove a file from the group."""
    await call.decide(call.here(), lambda group: group.remove(call.actor, number))


def _sharing(call: Call) -> FileSharing:
    sharing = call.chat.sharing
    if sharing is None:
        raise Refused(Code.TROUBLE, "This server takes no files.")
    assert isinstance(sharing, FileSharing)
    return sharing


def _quoted(path: str) -> str:
    """Return *path* for a shell, which still knows what a ``~`` is."""
    home, slash, rest = path.partition("/")
    return f"~/{shlex.quote(rest)}" if home == "~" and slash else shlex.quote(path)


def _program(reached: ServerAddress) -> str:
    """Return the command that connects a shell's pipe to where the peer has *reached* us."""
    host = shlex.quote(reached.host)
    if reached.tls:
        bracketed = f"[{reached.host}]" if ":" in reached.host else host
        return f"openssl s_client -quiet -connect {bracketed}:{reached.port}"
    return f"nc {host} {reached.port}"
