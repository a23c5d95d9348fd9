"""Commands about files that are shared with a group, or in private."""

from __future__ import annotations

import shlex
from urllib.parse import quote

from pyconchat.chat.interfaces import ServerAddress
from pyconchat.chat.places import Private
from pyconchat.commands.call import Call
from pyconchat.commands.listing import Listing, page
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.group_state import SharedFile
from pyconchat.domain.replies import DownloadTicket, FileLine, Files, Reply, UploadTicket, Where
from pyconchat.domain.text import SafeText, safe_line
from pyconchat.files.places import FilePlace, GroupFiles
from pyconchat.files.sharing import FileSharing, file_name


async def send(call: Call, path: str) -> Reply:
    """Share a file with the group, or the partner."""
    place = await _files(call)
    name = file_name(path)
    ticket, offset = await _sharing(call).offer(
        call.account, call.session.peer.network, place, name
    )
    file = _quoted(safe_line(path.strip()))
    header = f'echo "upload {ticket.token} 0 $(wc -c < {file})"'
    program = _program(call.session.peer.server_address)
    # `: <` first: a file that cannot be read must not begin an upload.
    command = f": < {file} && ({header}; cat -- {file}) | {program}"
    most = _sharing(call).left(ticket)
    link = _link(call, ticket.token)
    return UploadTicket(ticket.token, _where(call), name, offset, most, SafeText(command), link)


async def list_files(call: Call, listing: Listing | None) -> Reply:
    """List the files of the group, or of the private conversation; the newest are the last."""
    listing, place = listing or Listing(), await _files(call)
    files = [file for file in place.files.values() if listing.wants(file.name)]

    def line(file: SharedFile) -> FileLine:
        return FileLine(file.number, file.name, file.size, file.sha256, file.by, file.at)

    found = page(
        files[::-1], listing, lambda file: str(file.number), line, "/files", call.named_group
    )
    return Files(_where(call), found.items[::-1], found.more, found.next)


async def get(call: Call, which: str) -> Reply:
    """Fetch a file."""
    place = await _files(call)
    ticket = _sharing(call).ticket_for(
        call.account, call.session.peer.network, place, safe_line(which)
    )
    file = ticket.file
    assert file is not None
    program = _program(call.session.peer.server_address)
    command = f'echo "download {ticket.token}" | {program} > {shlex.quote(file.name)}'
    return DownloadTicket(
        ticket.token,
        _where(call),
        file.number,
        file.name,
        file.size,
        file.sha256,
        SafeText(command),
        _link(call, f"{ticket.token}/{quote(file.name, safe='')}"),
    )


def _link(call: Call, path: str) -> SafeText:
    """Return the URL of *path* among the files at the web door; empty if there is none."""
    address = call.services.config.web_address
    return SafeText(f"{address}/file/{path}" if address else "")


async def remove(call: Call, number: int) -> None:
    """Remove a file."""
    if isinstance(call.current, Private):
        place = await _sharing(call).private_files(call.account, call.current.partner)
        await place.remove(call.account, number, call.key)
    else:
        await call.decide(call.here(), lambda group: group.remove(call.actor, number))


async def _files(call: Call) -> FilePlace:
    """Return the files of the current place, if the caller may read them."""
    if isinstance(call.current, Private):
        return await _sharing(call).private_files(call.account, call.current.partner)
    call.group()
    return GroupFiles(call.chat, call.here())


def _where(call: Call) -> Where:
    if isinstance(call.current, Private):
        return Where(other=call.current.partner.name)
    return Where(group=call.group().name)


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
