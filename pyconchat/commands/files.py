"""Commands about files that are shared with a group."""

from __future__ import annotations

import shlex

from pyconchat.chat.interfaces import ServerAddress
from pyconchat.commands.call import Call
from pyconchat.commands.listing import Listing, page
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.group_state import SharedFile
from pyconchat.domain.replies import DownloadTicket, FileLine, Files, Reply, UploadTicket
from pyconchat.domain.text import SafeText, safe_line
from pyconchat.files.sharing import FileSharing, file_name


async def send(call: Call, path: str) -> Reply:
    """Share a file with the group."""
    group = call.group()
    name = file_name(path)
    ticket, offset = await _sharing(call).offer(
        call.account, call.session.peer.network, call.here(), name
    )
    file = _quoted(safe_line(path.strip()))
    header = f'echo "upload {ticket.token} 0 $(wc -c < {file})"'
    program = _program(call.session.peer.server_address)
    # `: <` first: a file that cannot be read must not begin an upload.
    command = f": < {file} && ({header}; cat -- {file}) | {program}"
    most = _sharing(call).left(ticket)
    return UploadTicket(ticket.token, group.name, name, offset, most, SafeText(command))


async def list_files(call: Call, listing: Listing | None) -> Reply:
    """List the files of the group, the newest of them last."""
    listing, group = listing or Listing(), call.group()
    files = [file for file in group.files.values() if listing.wants(file.name)]

    def line(file: SharedFile) -> FileLine:
        return FileLine(file.number, file.name, file.size, file.sha256, file.by, file.at)

    found = page(
        files[::-1], listing, lambda file: str(file.number), line, "/files", call.named_group
    )
    return Files(group.name, found.items[::-1], found.more, found.next)


async def get(call: Call, which: str) -> Reply:
    """Fetch a file of the group."""
    group = call.group()
    ticket = _sharing(call).ticket_for(
        call.account, call.session.peer.network, call.here(), safe_line(which)
    )
    file = ticket.file
    assert file is not None
    program = _program(call.session.peer.server_address)
    command = f'echo "download {ticket.token}" | {program} > {shlex.quote(file.name)}'
    return DownloadTicket(
        ticket.token, group.name, file.number, file.name, file.size, file.sha256, SafeText(command)
    )


async def remove(call: Call, number: int) -> None:
    """Remove a file from the group."""
    await call.decide(call.here(), lambda group: group.remove(call.actor, number))


def _sharing(call: Call) -> FileSharing:
    sharing = call.services.files
    if sharing is None:
        raise Refused(Code.TROUBLE, "This server takes no files.")
    return sharing


def _quoted(path: str) -> str:
    """Return *path* quoted for a shell; a leading ``~/`` keeps its meaning."""
    home, slash, rest = path.partition("/")
    return f"~/{shlex.quote(rest)}" if home == "~" and slash else shlex.quote(path)


def _program(address: ServerAddress) -> str:
    """Return the shell command that connects a pipe to *address*."""
    if address.path:
        return f"nc -U {shlex.quote(address.path)}"
    host = shlex.quote(address.host)
    if address.tls:
        bracketed = f"[{address.host}]" if ":" in address.host else host
        return f"openssl s_client -quiet -connect {bracketed}:{address.port}"
    return f"nc {host} {address.port}"
