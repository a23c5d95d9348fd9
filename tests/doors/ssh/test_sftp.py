"""SFTP: the groups as folders, with the rights and limits of /send, /get and /remove."""

from __future__ import annotations

import pytest

from pyconchat.doors.ssh.sftp import handles
from tests.support import sftp
from tests.support.sftp import SftpClient
from tests.support.ssh_wire import PASSWORD, SshClient, SshServer

DATA = bytes(range(256)) * 1000
NEW = sftp.WRITE | sftp.CREATE | sftp.TRUNCATE


@pytest.fixture
def tea(ssh: SshServer) -> SshServer:
    """A server with the open group tea of alice and bob, and a closed one of carol."""
    ssh.registers("carol")
    for name in ("alice", "bob"):
        ssh.at_nc(name, PASSWORD).types("/join tea", "/quit")
        ssh.waits(2)
    ssh.at_nc("carol", PASSWORD).types("/create vault invite", "/create cups open", "/quit")
    ssh.waits(2)
    return ssh


@pytest.fixture
def files(tea: SshServer) -> SftpClient:
    """Alice's client."""
    return client_of(tea, "alice")


def client_of(server: SshServer, name: str) -> SftpClient:
    """Return the client of *name*."""
    return SftpClient(SshClient(server).logs_in(name))


def test_a_file_there_and_back(tea: SshServer, files: SftpClient) -> None:
    """It is shared when it is closed, in the folder of the group."""
    bob = tea.at_nc("bob", PASSWORD)
    bob.types("/join tea")
    bob.sees()
    opened = files.opens("/tea/notes.pdf", NEW)
    for at in range(0, len(DATA), 32_000):
        piece = DATA[at : at + 32_000]
        assert files.asks(sftp.WRITE_FILE, opened.string, [at], piece).status == sftp.OK
    assert "notes.pdf" not in bob.sees()
    assert files.asks(sftp.FSTAT, opened.string).size == len(DATA)
    assert files.asks(sftp.CLOSE, opened.string).status == sftp.OK
    assert "alice shared" in bob.sees()
    assert files.gets("tea/notes.pdf") == DATA
    assert client_of(tea, "bob").gets("/tea/./../tea//notes.pdf") == DATA
    assert files.asks(sftp.STAT, "/tea/notes.pdf").size == len(DATA)


@pytest.mark.parametrize("first", [1, 16_384, 65_536])
def test_no_answer_is_short(files: SftpClient, first: int) -> None:
    """Before the end of the file: sshfs takes a short answer for its end."""
    files.puts("/tea/long.bin", DATA * 3)
    opened, data, size = files.opens("/tea/long.bin"), b"", first
    while len(data) < len(DATA) * 3:
        read = files.asks(sftp.READ_FILE, opened.string, [len(data)], size).string
        assert len(read) == min(size, len(DATA) * 3 - len(data))
        data, size = data + read, 32_768
    assert data == DATA * 3
    assert files.asks(sftp.READ_FILE, opened.string, [len(data)], size).status == sftp.EOF


def test_the_folders(files: SftpClient) -> None:
    """The own groups; of several files with one name the newest has it."""
    assert files.lists("/") == ["tea"]
    assert files.lists(".") == ["tea"]
    for data in (b"one", b"two", b"three"):
        assert files.puts("/tea/a.txt", data).status == sftp.OK
    files.puts("/tea/a.txt (1)", b"another")
    assert files.lists("/tea") == ["a.txt (1) (1)", "a.txt (2)", "a.txt", "a.txt (1)"]
    assert [files.gets(f"/tea/{name}") for name in files.lists("tea")] == [
        b"one",
        b"two",
        b"three",
        b"another",
    ]
    for path in ("/", "/tea", "/tea/", "."):
        assert files.asks(sftp.STAT, path).size is None


def test_long_folders(files: SftpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are listed in pieces."""
    monkeypatch.setattr(handles, "MAX_NAMES", 3)
    for number in range(5):
        files.puts(f"/tea/{number}", b"")
    handle = files.asks(sftp.OPENDIR, "/tea").string
    sizes = [len(files.asks(sftp.READDIR, handle).names) for _ in range(2)]
    assert sizes == [3, 2]
    assert files.asks(sftp.READDIR, handle).status == sftp.EOF


def test_canonical_paths(files: SftpClient) -> None:
    """They are made of the path alone."""
    for path, canonical in (
        (".", "/"),
        ("", "/"),
        ("tea", "/tea"),
        ("/tea/../../../etc", "/etc"),
        ("/tea/x/", "/tea/x"),
        ("..", "/"),
    ):
        assert files.asks(sftp.REALPATH, path).names == [canonical]


NOT_THERE: list[tuple[str | bytes, int]] = [
    ("/nowhere", sftp.NO_SUCH_FILE),
    ("/tea/nothing", sftp.NO_SUCH_FILE),
    ("/tea/a/b", sftp.NO_SUCH_FILE),
    ("/vault", sftp.NO_SUCH_FILE),  # as one that does not exist
    ("/vault/x", sftp.NO_SUCH_FILE),
    ("/cups/x", sftp.PERMISSION_DENIED),
    ("/../../etc/passwd", sftp.NO_SUCH_FILE),
    ("/tea/\x1b[31m\x07", sftp.NO_SUCH_FILE),
    (b"/tea/\xff", sftp.NO_SUCH_FILE),
    (b"/\0/\0", sftp.NO_SUCH_FILE),
]


def test_what_is_not_there(files: SftpClient) -> None:
    """It cannot be seen, read or removed; nobody learns of groups that are not listed to them."""
    for path, status in NOT_THERE:
        for kind in (sftp.STAT, sftp.LSTAT, sftp.REMOVE):
            assert files.asks(kind, path).status == status, path
        assert files.asks(sftp.OPEN, path, sftp.READ, 0).status == status, path
        assert files.asks(sftp.OPENDIR, path).status in (status, sftp.FAILED), path


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (sftp.MKDIR, ("/new", 0)),
        (sftp.RMDIR, ("/tea",)),
        (sftp.RENAME, ("/tea/a", "/tea/b")),
        (sftp.SYMLINK, ("/tea/a", "/tea/b")),
        (sftp.READLINK, ("/tea/a",)),
        (sftp.EXTENDED, ("posix-rename@openssh.com", "/tea/a", "/tea/b")),
        (99, ()),
    ],
)
def test_what_cannot_be_done(files: SftpClient, kind: int, fields: tuple[str, ...]) -> None:
    """The answer has the reason; changes also show it, as clients do not."""
    files.puts("/tea/a", b"x")
    answer = files.asks(kind, *fields)
    assert answer.status == sftp.UNSUPPORTED
    assert answer.text.endswith(".")
    told = files.client.errors()
    assert told == ("" if kind > 20 or kind == sftp.READLINK else answer.text + "\n")
    assert files.lists("/tea") == ["a"]


def test_random_writes(files: SftpClient) -> None:
    """A file is written once, from its beginning to its end, and never changed."""
    files.puts("/tea/a", b"shared")
    for flags, offset in ((sftp.WRITE, 3), (sftp.WRITE | sftp.APPEND, 6), (NEW, 1)):
        opened = files.opens("/tea/a", flags)
        answer = files.asks(sftp.WRITE_FILE, opened.string, [offset], b"x")
        assert answer.status == sftp.FAILED
        assert "not changed" in files.client.errors()
        assert files.asks(sftp.CLOSE, opened.string).status == sftp.FAILED
    opened = files.opens("/tea/b", NEW)
    assert files.asks(sftp.WRITE_FILE, opened.string, [0], b"abc").status == sftp.OK
    for offset in (1, 4):
        assert files.asks(sftp.WRITE_FILE, opened.string, [offset], b"x").status == sftp.FAILED
    assert files.client.errors().count("beginning to its end") == 1
    assert files.asks(sftp.WRITE_FILE, opened.string, [3], b"x").status == sftp.FAILED
    assert files.asks(sftp.CLOSE, opened.string).status == sftp.FAILED
    assert files.opens("/tea/a", sftp.READ | sftp.WRITE).status == sftp.FAILED
    assert files.asks(sftp.SETSTAT, "/tea/a", 1, [0]).status == sftp.FAILED
    assert files.asks(sftp.SETSTAT, "/tea/a", 8, 1, 1).status == sftp.OK
    assert files.opens("/tea/a", NEW | sftp.NEW).status == sftp.FAILED
    assert files.lists("/tea") == ["a"]
    assert files.gets("/tea/a") == b"shared"


def test_files_outside_of_groups(files: SftpClient) -> None:
    """The refusal says where they are put."""
    assert files.opens("/a", NEW).status == sftp.FAILED
    assert "folder of a group" in files.client.errors()


@pytest.mark.parametrize("cut", ["connection", "channel", "input"])
def test_going_on_after_a_cut(tea: SshServer, files: SftpClient, cut: str) -> None:
    """What was sent is kept; a STAT says how much that is."""
    opened = files.opens("/tea/big", NEW)
    files.asks(sftp.WRITE_FILE, opened.string, [0], DATA[:20_000])
    match cut:
        case "connection":
            files.client.wire.loseConnection()
        case "channel":
            files.client.closes(files.channel)
        case "input":
            files.client.ends_input(files.channel)
    tea.waits(3)
    again = client_of(tea, "alice")
    assert again.asks(sftp.STAT, "/tea/big").size == 20_000
    assert client_of(tea, "bob").asks(sftp.STAT, "/tea/big").status == sftp.NO_SUCH_FILE
    assert again.lists("/tea") == []
    opened = again.opens("/tea/big", sftp.WRITE | sftp.CREATE | sftp.APPEND)
    assert again.asks(sftp.WRITE_FILE, opened.string, [20_000], DATA[20_000:]).status == sftp.OK
    assert again.asks(sftp.CLOSE, opened.string).status == sftp.OK
    assert again.gets("/tea/big") == DATA


def test_a_file_that_a_client_cuts_short(files: SftpClient) -> None:
    """Scp sets the size before it closes a file; the end of what was written is right."""
    opened = files.opens("/tea/a", NEW)
    files.asks(sftp.WRITE_FILE, opened.string, [0], b"abcdef")
    assert files.asks(sftp.FSETSTAT, opened.string, 1, [6]).status == sftp.OK
    assert files.asks(sftp.FSETSTAT, opened.string, 1, [3]).status == sftp.FAILED
    assert files.asks(sftp.CLOSE, opened.string).status == sftp.FAILED
    assert files.lists("/tea") == []
    assert files.asks(sftp.STAT, "/tea/a").size == 6


def test_removing(tea: SshServer, files: SftpClient) -> None:
    """As /remove: by who has shared the file, or a moderator."""
    bob = client_of(tea, "bob")
    bob.puts("/tea/bobs", b"x")
    files.puts("/tea/alices", b"y")
    assert bob.asks(sftp.REMOVE, "/tea/alices").status == sftp.PERMISSION_DENIED
    assert bob.asks(sftp.REMOVE, "/tea").status == sftp.NO_SUCH_FILE
    assert bob.asks(sftp.REMOVE, "/tea/bobs").status == sftp.OK
    assert files.asks(sftp.REMOVE, "/tea/alices").status == sftp.OK
    assert files.lists("/tea") == []


def test_commands_for_scp(tea: SshServer, files: SftpClient) -> None:
    """/send and /get show them to people at SSH who have an account, in groups."""
    for data in (b"one", b"two"):
        files.puts("/tea/a b*.txt", data)
    client = SshClient(tea).logs_in("alice")
    channel = client.runs("chat tea")
    client.sees()
    client.types(channel, "/send my notes.pdf", "/send -rf", "/get 1", "/get a b*.txt")
    shown = client.sees()
    host = "alice@10.0.0.1"
    for command in (
        f"scp -P 12345 'my notes.pdf' {host}:tea/",
        f"scp -P 12345 ./-rf {host}:tea/",
        f"scp -P 12345 '{host}:tea/a b\\*.txt (1)' .",
        f"scp -P 12345 '{host}:tea/a b\\*.txt' .",
    ):
        assert f"\n{command}\n" in shown
    client.types(channel, "/query bob", "/send a.txt")
    assert "| nc " in client.sees()
    guest = SshClient(tea).enters("zoe")
    channel = guest.runs("chat tea")
    guest.types(channel, "/send a.txt")
    assert "| nc " in guest.sees()
