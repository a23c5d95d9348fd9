"""SFTP: hostile packets, bounds, quotas, and rights that end while a file is open."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from twisted.conch.ssh.common import NS

from pyconchat.config import FilesConfig
from pyconchat.doors.ssh.sftp.door import WINDOW
from tests.support import sftp
from tests.support.sftp import SftpClient
from tests.support.ssh_wire import DATA, PASSWORD, ServerOf, SshClient, SshServer

NEW = sftp.WRITE | sftp.CREATE | sftp.TRUNCATE
INIT = struct.pack(">LBL", 5, sftp.INIT, 3)


@pytest.fixture
def tea(server_of: ServerOf) -> SshServer:
    """A server whose files have at most 1 MB, with the open group tea of alice and bob."""
    limits = FilesConfig(free_disk=0, file_bytes=1_000_000, account_bytes=1_500_000)
    server = server_of(new_groups="open", files=limits)
    server.registers("alice", "bob")
    for name in ("alice", "bob"):
        server.at_nc(name, PASSWORD).types("/join tea", "/quit")
        server.waits(2)
    return server


@pytest.fixture
def files(tea: SshServer) -> SftpClient:
    """Alice's client."""
    return SftpClient(SshClient(tea).logs_in("alice"))


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


MALFORMED = [
    struct.pack(">L", 0),
    struct.pack(">LB", 2**32 - 1, sftp.READ_FILE),
    struct.pack(">LB", 256 * 1024 + 1, sftp.WRITE_FILE),
    INIT,
    struct.pack(">LB", 1, sftp.OPEN),
    struct.pack(">LBH", 3, sftp.STAT, 1),
    struct.pack(">LBLL", 9, sftp.STAT, 1, 2**32 - 1),
    struct.pack(">LBLL", 9, sftp.READ_FILE, 1, 0),
    struct.pack(">LBLL", 9, sftp.WRITE_FILE, 1, 0),
    struct.pack(">LBLL", 9, sftp.OPEN, 1, 0),
    struct.pack(">LBLL", 9, sftp.EXTENDED, 1, 7),
]


def test_malformed_packets(tea: SshServer) -> None:
    """The connection is cut, without a traceback, and counted."""
    for count, data in enumerate(MALFORMED, 1):
        files = SftpClient(SshClient(tea).logs_in("alice"))
        files.sends_raw(data)
        files.client.tick(0.1)
        assert files.client.gone, data
        assert tea.dropped("ssh") == count
        tea.waits(5)


@pytest.mark.parametrize(
    "data", [struct.pack(">LBL", 5, sftp.STAT, 1), b"\0\0\0\1\1", b"SSH-2.0-x"]
)
def test_a_session_that_does_not_begin_with_init(tea: SshServer, data: bytes) -> None:
    """It is cut, too."""
    client = SftpClient(SshClient(tea).logs_in("alice"), begins=False)
    client.sends_raw(data)
    client.client.tick(0.1)
    assert client.client.gone


def test_unknown_handles(files: SftpClient) -> None:
    """They are refused, and so are handles of another kind."""
    files.puts("/tea/a", b"x")
    folder, file = files.asks(sftp.OPENDIR, "/tea").string, files.opens("/tea/a").string
    new = files.opens("/tea/b", NEW).string
    for handle in (b"", b"99", b"\xff" * 300, folder, new):
        assert files.asks(sftp.READ_FILE, handle, [0], 10).status == sftp.FAILED
    for handle in (b"0", folder, file):
        assert files.asks(sftp.WRITE_FILE, handle, [0], b"x").status == sftp.FAILED
    for handle in (b"0", file, new):
        assert files.asks(sftp.READDIR, handle).status == sftp.FAILED
    for kind in (sftp.CLOSE, sftp.FSTAT, sftp.FSETSTAT):
        assert files.asks(kind, b"0", 0).status == sftp.FAILED
    assert files.asks(sftp.CLOSE, file).status == sftp.OK
    assert files.asks(sftp.CLOSE, file).status == sftp.FAILED
    assert files.asks(sftp.READ_FILE, file, [0], 10).status == sftp.FAILED


def test_open_files_are_few(files: SftpClient) -> None:
    """Sixteen; and all are closed with the session."""
    files.puts("/tea/a", b"x")
    before = open_descriptors()
    opened = [files.opens("/tea/a") for _ in range(14)]
    opened += [files.opens("/tea/b", NEW), files.asks(sftp.OPENDIR, "/tea")]
    assert {each.kind for each in opened} == {sftp.HANDLE}
    files.asks(sftp.WRITE_FILE, opened[14].string, [0], b"x")
    for refused in (
        files.opens("/tea/a"),
        files.opens("/tea/c", NEW),
        files.asks(sftp.OPENDIR, "/"),
    ):
        assert refused.status == sftp.FAILED
    assert open_descriptors() == before + 15
    files.asks(sftp.CLOSE, opened[0].string)
    assert files.opens("/tea/a").kind == sftp.HANDLE
    files.client.closes(files.channel)
    files.client.server.waits(3)
    assert open_descriptors() == before


def test_huge_reads_are_bounded(files: SftpClient) -> None:
    """An answer has at most 64 KiB; beyond the end there is nothing."""
    data = bytes(range(256)) * 2000
    files.puts("/tea/a", data)
    handle = files.opens("/tea/a").string
    assert files.asks(sftp.READ_FILE, handle, [100_000], 2**32 - 1).string == data[100_000:165_536]
    assert files.asks(sftp.READ_FILE, handle, [len(data) - 1], 10).string == data[-1:]
    assert files.asks(sftp.READ_FILE, handle, [3], 2).string == data[3:5]
    for offset in (len(data), 2**63, 2**64 - 1):
        assert files.asks(sftp.READ_FILE, handle, [offset], 10).status == sftp.EOF


def test_many_requests_at_once(files: SftpClient) -> None:
    """They are answered in their order, sixty-four at a time; the others wait in the channel."""
    numbers = []
    for _ in range(150):
        numbers.append(files.requests(sftp.REALPATH, "/tea"))
    for _ in range(20):
        files.client.server.waits(1)
        files.receives()
    assert [each.request for each in files.answers] == numbers


def test_a_flood_of_requests(tea: SshServer, files: SftpClient) -> None:
    """It is answered slowly, and its requests do not pile up in memory."""
    one = struct.pack(">LBLL", 13, sftp.STAT, 1, 4) + b"/tea"
    files.sends_raw(one * 3000)
    files.receives()
    assert len(files.answers) <= 300
    for _ in range(120):
        tea.waits(0.1)
        files.receives()
    assert len(files.answers) == 3000
    assert not files.client.gone


def test_a_client_that_does_not_read(tea: SshServer, files: SftpClient) -> None:
    """Little is read for it, and it is dropped."""
    files.puts("/tea/a", bytes(900_000))
    handle = files.opens("/tea/a").string
    files.client.wire.stops_reading()
    for at in range(0, 900_000, 65_536):
        files.requests(sftp.READ_FILE, handle, [at], 65_536)
    assert len(files.client.wire.value()) < 200_000
    tea.waits(31)
    assert files.client.gone


def test_a_window_that_does_not_open(tea: SshServer) -> None:
    """What the client's window does not take is one answer."""
    client = SshClient(tea).logs_in("alice")
    files = SftpClient(client)
    files.puts("/tea/a", bytes(900_000))
    client.closes(files.channel)
    channel = client.opens(window=1000)
    client.asks(channel or 0, b"subsystem", NS(b"sftp"))
    client.tick(0.1)
    opening = struct.pack(">BL", sftp.OPEN, 1) + NS(b"tea/a") + struct.pack(">2L", sftp.READ, 0)
    reading = struct.pack(">BL", sftp.READ_FILE, 2) + NS(b"1") + struct.pack(">QL", 0, 65_536)
    packets = INIT + NS(opening) + NS(reading) * 100
    client.sends(DATA, struct.pack(">L", channel or 0) + NS(packets))
    client.tick(0.5)
    door = next(each for each in tea.lines.open_doors if type(each).__name__ == "SftpDoor")
    assert len(door.channel._unsent) <= 70_000
    assert door.unsent == 0


def test_writes_to_a_slow_disk(tea: SshServer, files: SftpClient) -> None:
    """What waits for the disk is bounded: the window is not opened again."""
    handle = files.opens("/tea/a", NEW).string
    tea.disk_waits = []
    for at in range(0, 900_000, 30_000):
        files.requests(sftp.WRITE_FILE, handle, [at], bytes(30_000))
    files.client.tick(0.5)
    assert not files.client.gone
    door = next(each for each in tea.lines.open_doors if type(each).__name__ == "SftpDoor")
    assert door._waiting_bytes < 600_000
    assert WINDOW - files.client.door.service.channels[files.channel].localWindowLeft > 300_000
    tea.runs_disk()
    for _ in range(30):
        files.client.tick(0.1)
        tea.runs_disk()
    files.receives()
    assert [each.status for each in files.answers] == [sftp.OK] * 30


@pytest.mark.parametrize("what", ["write", "share", "read", "open", "remove"])
def test_closed_in_the_middle(tea: SshServer, files: SftpClient, what: str) -> None:
    """Whatever the disk is doing: nothing is left open, and no part of a file is shared."""
    files.puts("/tea/a", bytes(10_000))
    before = open_descriptors()
    new, old = files.opens("/tea/b", NEW).string, files.opens("/tea/a").string
    files.asks(sftp.WRITE_FILE, new, [0], b"abc")
    tea.disk_waits = []
    match what:
        case "write":
            files.requests(sftp.WRITE_FILE, new, [3], b"def")
        case "share":
            files.requests(sftp.CLOSE, new)
        case "read":
            files.requests(sftp.READ_FILE, old, [0], 100)
        case "open":
            files.requests(sftp.OPEN, "/tea/a", sftp.READ, 0)
        case "remove":
            files.requests(sftp.REMOVE, "/tea/a")
    files.client.tick(0.1)
    files.client.wire.loseConnection()
    tea.waits(1)
    for _ in range(5):
        tea.runs_disk()
        tea.waits(1)
    tea.disk_waits = None
    assert open_descriptors() == before
    again = SftpClient(SshClient(tea).logs_in("alice"))
    shared = {"share": ["a", "b"], "remove": []}.get(what, ["a"])
    assert again.lists("/tea") == shared
    if what != "share":
        assert again.asks(sftp.STAT, "/tea/b").size == (6 if what == "write" else 3)


def test_quotas(tea: SshServer, files: SftpClient) -> None:
    """As of /send: of a file, and of the account."""
    opened = files.opens("/tea/a", NEW).string
    for at in range(0, 1_000_000, 100_000):
        assert files.asks(sftp.WRITE_FILE, opened, [at], bytes(100_000)).status == sftp.OK
    assert files.asks(sftp.WRITE_FILE, opened, [1_000_000], b"x").status == sftp.FAILED
    assert "There is room for" in files.client.errors()
    assert files.asks(sftp.CLOSE, opened).status == sftp.FAILED
    assert files.puts("/tea/b", bytes(900_000)).status == sftp.OK
    assert files.puts("/tea/c", bytes(600_000)).status == sftp.OK
    assert files.opens("/tea/d", NEW).status == sftp.FAILED
    assert "left of" in files.client.errors()


@pytest.mark.parametrize("ends", ["/kick alice", "/ban alice", "/quiet alice 1h"])
def test_rights_that_end(tea: SshServer, files: SftpClient, ends: str) -> None:
    """They are checked again when a file is shared, and before each part that is read."""
    files.puts("/tea/a", bytes(900_000))
    new, old = files.opens("/tea/b", NEW).string, files.opens("/tea/a").string
    files.asks(sftp.WRITE_FILE, new, [0], b"abc")
    folder = files.asks(sftp.OPENDIR, "/tea").string
    assert files.asks(sftp.READ_FILE, old, [0], 100).string == bytes(100)
    admin = tea.at_nc("alice", PASSWORD)
    admin.types("/join tea", "/transfer bob", "y", "/quit")
    bob = tea.at_nc("bob", PASSWORD)
    bob.types("/join tea", ends, "y")
    tea.waits(3)
    assert files.asks(sftp.CLOSE, new).status == sftp.PERMISSION_DENIED
    read = files.asks(sftp.READ_FILE, old, [100], 100)
    listed = files.asks(sftp.READDIR, folder)
    if ends.startswith("/quiet"):
        assert read.kind == sftp.FILE_DATA
        assert listed.kind == sftp.NAME
        assert files.opens("/tea/c", NEW).status == sftp.PERMISSION_DENIED
    else:
        assert read.status == sftp.PERMISSION_DENIED
        assert files.lists("/") == []
        assert files.asks(sftp.STAT, "/tea/a").status == sftp.PERMISSION_DENIED


def test_a_file_that_is_removed_while_it_is_read(tea: SshServer, files: SftpClient) -> None:
    """No more of it is sent."""
    files.puts("/tea/a", bytes(900_000))
    bob = SftpClient(SshClient(tea).logs_in("bob"))
    handle = bob.opens("/tea/a").string
    assert bob.asks(sftp.READ_FILE, handle, [0], 100).kind == sftp.FILE_DATA
    files.asks(sftp.REMOVE, "/tea/a")
    assert bob.asks(sftp.READ_FILE, handle, [100], 100).status == sftp.NO_SUCH_FILE


def test_an_upload_that_stands_still(tea: SshServer, files: SftpClient) -> None:
    """It is given up after a minute, and can be resumed: it must not reserve space for ever."""
    handle = files.opens("/tea/a", NEW).string
    files.asks(sftp.WRITE_FILE, handle, [0], b"abc")
    tea.waits(62)
    assert files.asks(sftp.WRITE_FILE, handle, [3], b"def").status == sftp.FAILED
    assert files.asks(sftp.CLOSE, handle).status == sftp.FAILED
    assert files.asks(sftp.STAT, "/tea/a").size == 3


def test_the_message_rate(server_of: ServerOf) -> None:
    """Files are shared and removed no faster than messages are said."""
    server = server_of({"messages_per_second": 1, "message_burst": 2}, new_groups="open")
    server.registers("alice")
    server.at_nc("alice", PASSWORD).types("/join tea", "/quit")
    server.waits(10)
    files = SftpClient(SshClient(server).logs_in("alice"))
    begin = server.clock.seconds()
    for number in range(5):
        assert files.puts(f"/tea/{number}", b"").status == sftp.OK
    assert server.clock.seconds() - begin >= 2.5


def test_guests(tea: SshServer) -> None:
    """A stranger is a guest, whose files count for its network."""
    client = SftpClient(SshClient(tea).enters("zoe"))
    assert client.lists("/") == []
    assert client.opens("/tea/a", NEW).status == sftp.PERMISSION_DENIED


def test_a_kick_from_the_server(tea: SshServer, files: SftpClient) -> None:
    """It ends the session, with a sentence."""
    account = tea.services.accounts.get("alice")
    assert account is not None
    for session in list(tea.services.presence.sessions(account.key)):
        session.peer.close(b"* Bye.\n")
    assert files.client.errors() == "* Bye.\n"
    assert files.client.status() == 0
