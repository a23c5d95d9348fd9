"""Shared files with the commands that the server prints: a real shell, nc and openssl."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import signal
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.programs import Program
from tests.support.servers import PATIENCE, Server
from tests.support.skips import require_program
from tests.support.users import SocketUser, UserOf

pytestmark = pytest.mark.server(scope="module", tls=True)

MEGABYTE = 1_000_000

SOON = 3.0
"""Maximum seconds for something immediate."""


@pytest.fixture
def program(server: Server) -> Iterator[Callable[..., Program]]:
    """Log a program in, and have it create or join a group."""
    programs: list[Program] = []

    def log_in(name: str, group: str, password: str | None = "a long password") -> Program:
        each = Program(server.port)
        programs.append(each)
        each.logs_in(name, password)
        each.asks(f"/create {group} open")  # fails if it exists
        each.does(f"/join {group}")
        return each

    yield log_in
    for each in programs:
        each.close()


def some_bytes(count: int) -> bytes:
    """Return bytes of every value, with lines that look like commands of openssl."""
    return (b"Q\nR\nk\n\x00\xff\xf4refused " + os.urandom(65536) * (count // 65536 + 1))[:count]


def shell(
    command: str, folder: Path, limit: float = PATIENCE
) -> subprocess.CompletedProcess[bytes]:
    """Paste *command* to a shell without further input; kill it after *limit* seconds."""
    with subprocess.Popen(
        ["/bin/sh", "-c", command],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as running:
        try:
            out, err = running.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            out, err = running.communicate()
            raise AssertionError(f"{command!r} hangs; it printed {out!r} and {err!r}") from None
    return subprocess.CompletedProcess(command, running.returncode, out, err)


def pasted(person: SocketUser, line: str, wanted: str) -> str:
    """Type *line*; return the command in the answer, which must have *wanted*."""
    before = len(person.everything())
    person.types(line)
    person.sees("in another terminal:\n")
    person.sees(wanted)
    person.sees("\n")
    shown = person.everything()[before:].decode()
    (command,) = re.findall(r"in another terminal:\n(.*)\n", shown)
    return str(command)


def admin_of(user: UserOf, name: str, group: str, policy: str = "open") -> SocketUser:
    """Log in a user who creates a group."""
    person = user("nc", name, "a long password")
    person.types(f"/create {group} {policy}")
    person.sees(f"You are in {group}")
    return person


@pytest.mark.parametrize(
    "name", ["notes.pdf", "it's a 'file' $(exit).txt", "-rf", "\u043d\u043e\u0442\u044b.txt"]
)
def test_a_file_by_nc(
    user: UserOf,
    server: Server,
    tmp_path: Path,
    name: str,
) -> None:
    """The commands of /send and /get work as printed: the file is uploaded and downloaded."""
    require_program("nc")
    group = f"nc{len(name)}"
    data = some_bytes(1_200_000)
    (tmp_path / name).write_bytes(data)
    alice = admin_of(user, f"alice-{group}", group)
    bob = user("nc", f"bob-{group}", "a long password")
    bob.types(f"/join {group}")
    bob.sees("You are in")
    carol = user("nc", f"carol-{group}", "a long password")
    carol.types(f"/join {group}")
    carol.sees("You are in")
    carol.types("/quit")
    carol.is_disconnected()

    command = pasted(alice, f"/send {name}", "nc 127.0.0.1")
    assert len(re.findall(r"\b[0-9a-f]{32}\b", command)) == 1
    done = shell(command, tmp_path)
    digest = hashlib.sha256(data).hexdigest()
    assert (done.stdout.decode(), done.stderr) == (f"shared 1 {len(data)} {digest}\n", b"")
    bob.sees(f"* alice-{group} shared {name} (1.2 MB), number 1 (")

    fetched = tmp_path / "fetched"
    fetched.mkdir()
    command = pasted(bob, "/get 1", "nc 127.0.0.1")
    done = shell(command, fetched)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert [path.name for path in fetched.iterdir()] == [name]
    assert (fetched / name).read_bytes() == data

    late = user("nc", f"carol-{group}", "a long password")
    late.sees(f"alice-{group} shared {name} (1.2 MB), number 1 (")
    bob.types("/history")
    bob.sees(f"alice-{group} shared {name} (1.2 MB), number 1\n")
    bob.types("/files")
    bob.sees(name)


def test_a_private_file_by_nc(user: UserOf, server: Server, tmp_path: Path) -> None:
    """Only the two parties see it; the printed commands work as for a group."""
    require_program("nc")
    (tmp_path / "notes.pdf").write_bytes(b"for bob")
    alice, bob, carol = (
        user("nc", f"{name}-two", "a long password") for name in ("al", "bo", "ca")
    )
    alice.types("/query bo-two")
    alice.sees("You are talking to bo-two in private")
    done = shell(pasted(alice, "/send notes.pdf", "nc 127.0.0.1"), tmp_path)
    assert done.stdout.startswith(b"shared 1 7 ")
    bob.sees("* [@al-two] al-two shared notes.pdf (7 bytes), number 1 (")
    bob.types("/query al-two")
    bob.sees("You are talking to al-two in private")
    fetched = tmp_path / "fetched"
    fetched.mkdir()
    assert shell(pasted(bob, "/get notes.pdf", "nc 127.0.0.1"), fetched).returncode == 0
    assert (fetched / "notes.pdf").read_bytes() == b"for bob"
    carol.types("/query al-two", "/get 1")
    carol.sees("There is no such file with al-two")
    carol.does_not_see("notes.pdf")


def test_a_file_by_openssl(user: UserOf, server: Server, tmp_path: Path) -> None:
    """At a TLS port the command uses openssl, and transfers any bytes in both directions."""
    openssl = require_program("openssl")
    data = some_bytes(1_500_000)
    (tmp_path / "notes.pdf").write_bytes(data)
    login = ["alice-tls", "a long password", "tls-tea", "/send notes.pdf"]
    said = _by_openssl(openssl, server, login)
    done = shell(said, tmp_path)
    digest = hashlib.sha256(data).hexdigest()
    assert done.stdout.decode() == f"shared 1 {len(data)} {digest}\n", done.stderr.decode()
    login[-1] = "/get notes.pdf"
    fetched = tmp_path / "fetched"
    fetched.mkdir()
    shell(_by_openssl(openssl, server, login), fetched)
    assert (fetched / "notes.pdf").read_bytes() == data


def test_refusals_over_tls(program: Callable[..., Program], server: Server) -> None:
    """At a TLS port a refusal arrives, too, and the connection is closed by TLS's rules."""
    alice = program("alice-no", "no-tls")
    ticket = alice.does("/send a.txt", "no-tls")["ticket"].encode()
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    for data in (
        b"download %b\n" % (b"0" * 32),
        b"upload %b 0 3 %b\nabc" % (ticket, b"0" * 64),
        b"upload %b 7 9\n" % ticket,
    ):
        address = ("127.0.0.1", server.tls_port)
        with (
            socket.create_connection(address, timeout=SOON) as plain,
            trust.wrap_socket(plain, suppress_ragged_eofs=False) as peer,
        ):
            peer.sendall(data)
            shown = b""
            while more := peer.recv(4096):
                shown += more
        assert re.fullmatch(rb"refused [a-z-]+: [^\n]+\n", shown)


def _by_openssl(openssl: str, server: Server, lines: list[str]) -> str:
    """Log in over TLS, and return the command in the answer to the last of *lines*."""
    talking = subprocess.Popen(
        [openssl, "s_client", "-quiet", "-connect", f"127.0.0.1:{server.tls_port}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    shown, _ = talking.communicate("".join(f"{each}\n" for each in [*lines, "/quit"]).encode())
    found = re.search(r"in another terminal:\n(.*)\n", shown.decode())
    assert found is not None, shown.decode()
    return found[1]


def test_tickets_of_former_members(user: UserOf, server: Server, tmp_path: Path) -> None:
    """A ticket is void once its user was kicked or banned, or the file was removed."""
    group = "dead"
    (tmp_path / "secret.txt").write_bytes(b"for members")
    alice = admin_of(user, "alice-dead", group)
    shell(pasted(alice, "/send secret.txt", "nc 127"), tmp_path)
    alice.sees("number 1 (")
    for act in ("kick", "ban"):
        bob = user("nc", f"bob-{act}", "a long password")
        bob.types(f"/join {group}")
        bob.sees("You are in")
        getting = pasted(bob, "/get 1", "nc 127").partition(" > ")[0]
        sending = pasted(bob, "/send secret.txt", "nc 127")
        assert shell(getting, tmp_path).stdout == b"for members"
        getting = pasted(bob, "/get 1", "nc 127").partition(" > ")[0]
        alice.types(f"/{act} bob-{act}")
        alice.sees(f"bob-{act}")
        bob.sees("alice-dead")
        for command in (getting, sending):
            shown = shell(command, tmp_path).stdout
            assert shown.startswith(b"refused not-member: "), shown
            assert b"for members" not in shown
    getting = pasted(alice, "/get 1", "nc 127").partition(" > ")[0]
    alice.types("/remove 1")
    alice.sees("removed the file secret.txt, number 1")
    assert shell(getting, tmp_path).stdout.startswith(b"refused no-such-file: ")
    alice.types("/get 1")
    alice.sees("There is no such file")


def test_a_ticket_is_for_one_direction(
    program: Callable[..., Program], server: Server, tmp_path: Path
) -> None:
    """An upload ticket downloads nothing, and a download ticket uploads nothing."""
    alice = program("alice-way", "way")
    sent = alice.does("/send a.txt", "way")
    assert re.fullmatch(r"[0-9a-f]{32}", sent["ticket"])
    port = server.port
    assert _talks(port, b"upload %b 0 3\nabc" % sent["ticket"].encode()).startswith(b"shared 1 3 ")
    got = alice.does("/get 1", "way")
    bad = b"refused bad-token: "
    assert _talks(port, b"upload %b 0 3\nabc" % got["ticket"].encode()).startswith(bad)
    assert _talks(port, b"upload %b 0 3\nabc" % sent["ticket"].encode()).startswith(bad)
    again = alice.does("/send a.txt", "way")
    assert _talks(port, b"download %b\n" % again["ticket"].encode()).startswith(bad)
    assert _talks(port, b"download %b\n" % (b"0" * 32)).startswith(bad)
    assert _talks(port, b"download \n").startswith(bad)
    assert _talks(port, b"download %b\n" % got["ticket"].encode()) == b"abc"


def _talks(port: int, data: bytes, end: bool = False) -> bytes:
    """Send *data* on a new connection; return everything until the server ends it."""
    shown = b""
    with socket.create_connection(("127.0.0.1", port), timeout=SOON) as peer:
        peer.sendall(data)
        if end:
            peer.shutdown(socket.SHUT_WR)
        try:
            while more := peer.recv(65536):
                shown += more
        except TimeoutError:
            raise AssertionError(f"the server neither answers nor hangs up: {shown!r}") from None
    return shown


def test_a_file_without_a_size(program: Callable[..., Program], server: Server) -> None:
    """Without a size, the end of the input is the end of the file."""
    alice = program("alice-end", "end")
    for number, data in enumerate((some_bytes(MEGABYTE), b"", b"x"), 1):
        ticket = alice.does("/send log.txt", "end")["ticket"].encode()
        digest = hashlib.sha256(data).hexdigest()
        shown = _talks(server.port, b"upload %b\n" % ticket + data, end=True)
        assert shown.decode() == f"shared {number} {len(data)} {digest}\n"
        ticket = alice.does("/get log.txt", "end")["ticket"].encode()
        assert _talks(server.port, b"download %b\n" % ticket) == data


def test_fewer_bytes_than_the_size(program: Callable[..., Program], server: Server) -> None:
    """An upload that ends before its size is answered by one line, soon."""
    alice = program("alice-few", "few")
    ticket = alice.does("/send a.txt", "few")["ticket"].encode()
    assert _talks(server.port, b"upload %b 0 10\nabc" % ticket, end=True).startswith(b"refused ")


def test_more_bytes_than_the_size(program: Callable[..., Program], server: Server) -> None:
    """An upload with more bytes than its size is refused, and nothing is shared."""
    alice = program("alice-more", "more")
    ticket = alice.does("/send a.txt", "more")["ticket"].encode()
    shown = _talks(server.port, b"upload %b 0 3\nabcdef" % ticket, end=True)
    assert shown.startswith(b"refused "), shown
    assert alice.does("/files", "more")["files"] == []


def test_wrong_offsets_and_hashes(program: Callable[..., Program], server: Server) -> None:
    """An offset beyond the received bytes, or a wrong hash, is refused; nothing is shared."""
    alice = program("alice-bad", "bad")
    good = hashlib.sha256(b"abc").hexdigest().encode()
    for words, data in (
        (b"1 3", b"bc"),
        (b"4 3", b""),
        (b"0 3 " + b"0" * 64, b"abc"),
        (b"0 3 abc", b"abc"),
        (b"-1 3", b"abc"),
        (b"0 -3", b"abc"),
        (b"0x1 3", b"abc"),
        (b"0 99999999999999999999", b"abc"),
    ):
        ticket = alice.does("/send a.txt", "bad")["ticket"].encode()
        shown = _talks(server.port, b"upload %b %b\n%b" % (ticket, words, data))
        assert re.fullmatch(rb"refused [a-z-]+: [^\n]+\n", shown), (words, shown)
    assert alice.does("/files", "bad")["files"] == []
    assert not [each for each in alice.events if each["type"] == "shared"]
    ticket = alice.does("/send a.txt", "bad")["ticket"].encode()
    shown = _talks(server.port, b"upload %b 0 3 %b\nabc" % (ticket, good.upper()))
    assert shown == b"shared 1 3 %b\n" % good


def test_a_download_from_an_offset(program: Callable[..., Program], server: Server) -> None:
    """A download continues at the offset; one beyond the end of the file is refused."""
    alice = program("alice-from", "from")
    ticket = alice.does("/send a.txt", "from")["ticket"].encode()
    _talks(server.port, b"upload %b 0 6\nabcdef" % ticket)
    for offset, expected in ((b"0", b"abcdef"), (b"4", b"ef"), (b"6", b"")):
        ticket = alice.does("/get 1", "from")["ticket"].encode()
        assert _talks(server.port, b"download %b %b\n" % (ticket, offset)) == expected
    for offset in (b"7", b"9999999999999999"):
        ticket = alice.does("/get 1", "from")["ticket"].encode()
        shown = _talks(server.port, b"download %b %b\n" % (ticket, offset))
        assert shown.startswith(b"refused bad-argument: "), (offset, shown)


def test_a_command_that_starts_slowly(user: UserOf, server: Server, tmp_path: Path) -> None:
    """An upload whose first line comes after the greeting succeeds."""
    require_program("nc")
    alice = admin_of(user, "alice-slow", "slow")
    (tmp_path / "notes.txt").write_bytes(b"some notes\n")
    command = pasted(alice, "/send notes.txt", "nc 127")
    command = command.replace("(echo", "(sleep 0.3; echo", 1)
    assert "sleep" in command
    shown = shell(command, tmp_path, SOON).stdout
    assert shown.endswith(
        b"shared 1 11 %b\n" % hashlib.sha256(b"some notes\n").hexdigest().encode()
    )


@pytest.mark.parametrize("path", ["nosuch.txt", "~/notes.txt"])
def test_a_path_that_does_not_exist(
    user: UserOf, server: Server, tmp_path: Path, path: str
) -> None:
    """The command for a missing file ends soon and shares nothing; ~ is the home folder."""
    require_program("nc")
    (tmp_path / "notes.txt").write_bytes(b"some notes\n")
    group = "home" if path.startswith("~") else "nosuch"
    alice = admin_of(user, f"alice-{group}", group)
    command = pasted(alice, f"/send {path}", "nc 127")
    done = shell(f"HOME={shlex.quote(str(tmp_path))}; {command}", tmp_path, SOON)
    assert done.stdout.startswith(b"shared 1 11 ") is path.startswith("~")


def test_admins_and_uploaders_remove(program: Callable[..., Program], server: Server) -> None:
    """The admin removes any file, an uploader their own; they are removed from the disk, too."""
    admin, bob, carol = (program(f"{each}-rm", "rm") for each in ("admin", "bob", "carol"))
    for each in (admin, bob, bob):
        ticket = each.does("/send a.txt", "rm")["ticket"].encode()
        assert _talks(server.port, b"upload %b 0 3\nabc" % ticket).startswith(b"shared ")
    assert carol.is_refused("/remove 2", "rm") == "not-admin"
    assert bob.is_refused("/remove 1", "rm") == "not-admin"
    bob.does("/remove 2", "rm")
    admin.does("/remove 3", "rm")
    admin.does("/remove 1", "rm")
    assert admin.is_refused("/remove 1", "rm") == "no-such-file"
    carol.sees("removed", number=1, by="admin-rm")
    ticket = admin.does("/send a.txt", "rm")["ticket"].encode()
    assert _talks(server.port, b"upload %b 0 3\nabc" % ticket).startswith(b"shared 4 ")
