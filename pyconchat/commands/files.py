"""Commands about files that are shared with a group, or in private."""

from __future__ import annotations

from urllib.parse import quote

from pyconchat.chat.interfaces import IKeyPeer, ServerAddress
from pyconchat.chat.places import Private
from pyconchat.commands.call import Call
from pyconchat.commands.listing import Listing, page
from pyconchat.commands.shell import ScpFolder, download, scp_download, scp_upload, upload
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.group_state import SharedFile
from pyconchat.domain.names import fold
from pyconchat.domain.replies import DownloadTicket, FileLine, Files, Reply, UploadTicket, Where
from pyconchat.domain.shared_files import names_of
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
    await _sharing(call).issue(ticket)
    typed = safe_line(path.strip())
    folder = _folder(call)
    if folder:
        command = scp_upload(folder, typed)
    else:
        command = upload(call.session.peer.server_address, ticket.token, typed)
    most = _sharing(call).left(ticket)
    link = _link(call, ticket.token)
    return UploadTicket(ticket.token, _where(call), name, offset, most, SafeText(command), link)


async def list_files(call: Call, listing: Listing | None) -> Reply:
    """List the files of the group, or of the private conversation; the newest are the last.

    Files of ignored people are left out, because their names are texts of these people.
    """
    listing, place = listing or Listing(), await _files(call)
    ignores = call.account.ignores
    files = [
        file
        for file in place.files.values()
        if listing.wants(file.name) and fold(file.by) not in ignores
    ]

    def line(file: SharedFile) -> FileLine:
        return FileLine(file.number, file.name, file.size, file.sha256, file.by, file.at)

    found = page(
        files[::-1], listing, lambda file: str(file.number), line, "/files", call.named_group
    )
    return Files(_where(call), found.items[::-1], found.more, found.next, listing.part)


async def get(call: Call, which: str) -> Reply:
    """Fetch a file."""
    place = await _files(call)
    ticket = _sharing(call).ticket_for(
        call.account, call.session.peer.network, place, safe_line(which)
    )
    await _sharing(call).issue(ticket)
    file = ticket.file
    assert file is not None
    folder = _folder(call)
    if folder:
        named = names_of(place.files)
        name = next(name for name, each in named.items() if each == file)
        command = scp_download(folder, name)
    else:
        command = download(call.session.peer.server_address, ticket.token, file.name)
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


def _folder(call: Call) -> ScpFolder | None:
    """Return the folder of the group for a person at SSH; None for others, and in private.

    Guests have none: scp cannot log in under their name, which is in use.
    """
    peer = call.session.peer
    if isinstance(call.current, Private) or not IKeyPeer.providedBy(peer):
        return None
    address: ServerAddress = peer.ssh_address
    if not (address.host and call.account.registered):
        return None
    return ScpFolder(address, call.account.name, call.group().name)


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
