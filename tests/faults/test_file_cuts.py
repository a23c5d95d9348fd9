"""Transfers of files when connections are cut, the server is killed, or the disk is full."""

from __future__ import annotations

import hashlib
import itertools
import os
import random
import select
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.support.peers import Peer
from tests.support.programs import Program
from tests.support.servers import PATIENCE, Server
from tests.support.skips import missing, require_program

GROUP = "tea"
PASSWORD = "a long password"

FILES = """
[files]
free_disk = 0
uploads_per_account = 20
"""

pytestmark = pytest.mark.server(toml=FILES)

Enter = Callable[..., Program]


@pytest.fixture
def enter(server: Server) -> Iterator[Enter]:
    """Log a program in, and join the group, which is created if necessary."""
    programs: list[Program] = []

    def log_in(name: str) -> Program:
        each = Program(server.port)
        programs.append(each)
        each.logs_in(name, PASSWORD)
        each.asks(f"/create {GROUP} open")  # fails if it exists
        each.does(f"/join {GROUP}")
        return each

    yield log_in
    for each in programs:
        with suppress(OSError):  # some were disconnected by a kill
            each.shuts_down_writing()
            each.is_disconnected()
        each.close()


def transfer(port: int, header: str, data: bytes = b"", cut: bool = False) -> bytes:
    """Send *header* and *data*, and return the answer; with *cut*, disconnect at once."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as peer:
        shown = b""
        with suppress(ConnectionError):  # the server may be killed during the transfer
            peer.sendall(header.encode() + b"\n" + data)
            if cut and random.random() < 0.5:  # a reset; otherwise a FIN
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            while not cut and (more := peer.recv(65536)):
                shown += more
    return shown


def upload(program: Program, port: int, name: str, data: bytes, upto: int | None = None) -> bytes:
    """Send *data* from the offset that the server names, whole or up to *upto*.

    For a moment after a cut, the server may still refuse the file as busy.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        ticket = program.does(f"/send {name}", GROUP)
        offset = ticket["offset"]
        assert 0 <= offset <= len(data)
        header = (
            f"upload {ticket['ticket']} {offset} {len(data)} {hashlib.sha256(data).hexdigest()}"
        )
        if upto is not None:
            return transfer(port, header, data[offset : max(upto, offset)], cut=True)
        shown = transfer(port, header, data[offset:])
        if not shown.startswith(b"refused busy"):
            return shown
        assert time.monotonic() < deadline, "the upload that was cut is still busy"
        time.sleep(0.01)


def download(program: Program, port: int, number: int) -> bytes:
    """Return the bytes of a file."""
    return transfer(port, f"download {program.does(f'/get {number}', GROUP)['ticket']}")


def partials(server: Server) -> list[Path]:
    """Return the files of unfinished uploads."""
    return list((server.state / "files" / "partial").iterdir())


def test_cuts_at_random_bytes(enter: Enter, server: Server) -> None:
    """However often an upload is cut, it continues at the offset that the server names."""
    random.seed(7)
    alice, bob = enter("alice"), enter("bob")
    data = random.randbytes(3_000_000)
    for _ in range(12):
        upload(alice, server.port, "notes.pdf", data, random.randrange(len(data)))
        assert bob.does("/files", GROUP)["files"] == []
    shown = upload(alice, server.port, "notes.pdf", data)
    digest = hashlib.sha256(data).hexdigest()
    assert shown.decode() == f"shared 1 {len(data)} {digest}\n"
    bob.sees("shared", number=1, file="notes.pdf", size=len(data), sha256=digest)
    assert download(bob, server.port, 1) == data
    assert partials(server) == []


def threads(server: Server) -> int:
    """Return how many threads the server's process has."""
    assert server.process is not None
    return len(os.listdir(f"/proc/{server.process.pid}/task"))


def test_no_thread_is_started_later(enter: Enter, server: Server) -> None:
    """Hashing, reading, searching and files work when the system gives no more threads."""
    with closing(Peer(server.port)) as peer:
        peer.sees("Username: ")  # so the reactor runs, and with it the thread of the log
    before = threads(server)
    alice = enter("alice")
    upload(alice, server.port, "notes.pdf", b"x" * 100_000)
    assert download(alice, server.port, 1) == b"x" * 100_000
    for line in ("/history", "/search x"):
        alice.does(line, GROUP)
    assert threads(server) == before


def test_a_download_that_is_cut(enter: Enter, server: Server) -> None:
    """A download in pieces, each from the offset reached so far, gives the file."""
    random.seed(8)
    alice = enter("alice")
    data = random.randbytes(2_000_000)
    assert upload(alice, server.port, "notes.pdf", data).startswith(b"shared 1 ")
    here = b""
    while len(here) < len(data):
        ticket = alice.does("/get 1", GROUP)["ticket"]
        stop = random.randrange(1, 600_000)
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as peer:
            peer.sendall(f"download {ticket} {len(here)}\n".encode())
            piece = b""
            while len(piece) < stop and (more := peer.recv(65536)):
                piece += more
        here += piece
    assert here == data


def test_a_slow_reader_is_not_cut(tmp_path: Path) -> None:
    """A download that makes progress is not idle, however slow its reader is."""
    folder = tmp_path / "slow"
    folder.mkdir()
    server = Server(folder, "[files]\nidle_seconds = 1\nfree_disk = 0\n")
    server.start()
    alice = Program(server.port)
    try:
        alice.logs_in("alice", PASSWORD)
        alice.does(f"/create {GROUP} open")
        upload(alice, server.port, "big.bin", b"x" * 3_000_000)
        ticket = alice.does("/get 1", GROUP)["ticket"]
        with socket.socket() as peer:
            peer.settimeout(PATIENCE)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            peer.connect(("127.0.0.1", server.port))
            peer.sendall(f"download {ticket}\n".encode())
            until = time.monotonic() + 2.2
            while time.monotonic() < until:
                assert peer.recv(4096)
                time.sleep(0.05)  # as on a slow line
    finally:
        alice.close()
        server.stop()


def test_an_upload_that_continues_with_another_file(enter: Enter, server: Server) -> None:
    """An upload that continues with the bytes of another file is refused: the hash differs."""
    alice = enter("alice")
    old, new = os.urandom(1_000_000), os.urandom(1_000_000)
    ticket = alice.does("/send notes.pdf", GROUP)
    transfer(server.port, f"upload {ticket['ticket']} 0 {len(old)}", old[:600_000], cut=True)
    deadline = time.monotonic() + PATIENCE
    while (ticket := alice.does("/send notes.pdf", GROUP))["offset"] == 0:
        assert time.monotonic() < deadline
    shown = upload(alice, server.port, "notes.pdf", new)
    assert shown.startswith(b"refused bad-argument: "), shown
    assert alice.does("/files", GROUP)["files"] == []
    assert alice.does("/send notes.pdf", GROUP)["offset"] == 0
    assert upload(alice, server.port, "notes.pdf", new).startswith(b"shared 1 ")


# The server removes unfinished uploads by the time at which they were last written.
@pytest.mark.skipif("FAKETIME" in os.environ, reason="faketime does not shift the times of files")
def test_killed_in_the_middle_of_an_upload(enter: Enter, server: Server) -> None:
    """After kill -9 nobody sees half a file, and the upload continues at what the disk has."""
    alice, bob = enter("alice"), enter("bob")
    data = os.urandom(4_000_000)
    ticket = alice.does("/send notes.pdf", GROUP)["ticket"]
    header = f"upload {ticket} 0 {len(data)}\n".encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as peer:
        peer.sendall(header + data[:2_500_000])
        deadline = time.monotonic() + PATIENCE
        while sum(path.stat().st_size for path in partials(server)) < 1_000_000:
            assert time.monotonic() < deadline
        server.kill()
    server.start()
    alice, bob = enter("alice"), enter("bob")
    assert bob.does("/files", GROUP)["files"] == []
    offset = alice.does("/send notes.pdf", GROUP)["offset"]
    assert 1_000_000 <= offset <= 2_500_000
    assert upload(alice, server.port, "notes.pdf", data).startswith(b"shared 1 ")
    assert download(bob, server.port, 1) == data


def keep_sharing(
    program: Program, port: int, name: str, answered: dict[str, bytes], enough: threading.Event
) -> None:
    """Share one file after the other until the server is killed; set *enough* at 25."""
    with suppress(OSError, AssertionError):
        for count in itertools.count():
            data = os.urandom(random.randrange(1, 60_000))
            if upload(program, port, f"{name}-{count}", data).startswith(b"shared "):
                answered[f"{name}-{count}"] = data
            if len(answered) >= 25:
                enough.set()


def test_killed_while_files_are_shared(enter: Enter, server: Server) -> None:
    """Whenever the server is killed, acknowledged files are stored, and stored files are whole."""
    random.seed(9)
    for round in range(2):
        writers = [enter(f"writer{number}") for number in range(4)]
        answered: dict[str, bytes] = {}
        enough = threading.Event()
        threads = [
            threading.Thread(
                target=keep_sharing,
                args=(each, server.port, f"f{round}-{number}", answered, enough),
            )
            for number, each in enumerate(writers)
        ]
        for thread in threads:
            thread.start()
        assert enough.wait(PATIENCE)
        server.kill()
        for thread in threads:
            thread.join(PATIENCE)
        for each in writers:
            each.close()
        server.start()
        alice = enter("alice")
        files = {each["name"]: each for each in alice.does("/files", GROUP)["files"]}
        assert answered.keys() <= files.keys()
        for name, file in files.items():
            if not name.startswith(f"f{round}-"):
                continue
            data = download(alice, server.port, file["number"])
            assert (len(data), hashlib.sha256(data).hexdigest()) == (file["size"], file["sha256"])
            assert answered.get(name, data) == data
        assert len({each["number"] for each in files.values()}) == len(files)


# The disk.


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MB for the server's files."""
    folder = tmp_path / "state" / "files"
    folder.mkdir(parents=True)
    if os.geteuid() != 0:
        missing("the right to mount a small disk")
    mount = [require_program("mount"), "-t", "tmpfs", "-o", "size=3m,mode=700", "tmpfs", folder]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        missing("the right to mount a small disk")
    yield folder
    subprocess.run([require_program("umount"), "-l", folder], check=True)


def fill(disk: Path) -> None:
    """Fill *disk*."""
    with (disk / "ballast").open("ab", buffering=0) as ballast, suppress(OSError):
        while True:
            ballast.write(b"x" * 4096)


def test_a_full_disk(small_disk: Path, enter: Enter, server: Server) -> None:
    """With a full disk uploads are refused, before or during the transfer; the chat continues."""
    alice, bob = enter("alice"), enter("bob")
    data = os.urandom(2_000_000)
    shown = upload(alice, server.port, "big.bin", data * 2)
    assert shown.startswith(b"refused disk-full: "), shown
    assert b"MB" in shown  # the numbers
    ticket = alice.does("/send big.bin", GROUP)["ticket"]
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as peer:
        peer.sendall(f"upload {ticket} 0 {len(data)}\n".encode() + data[:500_000])
        deadline = time.monotonic() + PATIENCE
        while sum(path.stat().st_size for path in partials(server)) < 500_000:
            assert time.monotonic() < deadline
        fill(small_disk)
        with suppress(ConnectionError):
            peer.sendall(data[500_000:])
        shown = b""
        while b"\n" not in shown:
            shown += peer.recv(4096)
        assert shown.startswith(b"refused disk-full: "), shown
    deadline = time.monotonic() + PATIENCE
    # The unfinished upload is removed a moment later; it takes space until the server closes it.
    while partials(server) or shutil.disk_usage(small_disk).free < 500_000:
        assert time.monotonic() < deadline
    fill(small_disk)
    shown = upload(alice, server.port, "small.bin", b"x" * 100_000)
    assert shown.startswith(b"refused disk-full: "), shown
    alice.does("Is anybody there?", GROUP)
    bob.sees("message", text="Is anybody there?")
    assert bob.does("/files", GROUP)["files"] == []
    (small_disk / "ballast").unlink()
    assert upload(alice, server.port, "big.bin", data).startswith(b"shared 1 ")
    assert download(bob, server.port, 1) == data


def test_unfinished_uploads_count(tmp_path: Path) -> None:
    """Uploads that were cut, each under another name, count against the account's quota."""
    folder = tmp_path / "quota"
    folder.mkdir()
    server = Server(folder, "[files]\naccount_bytes = 1_000_000\nfree_disk = 0\n")
    server.start()
    alice = Program(server.port)
    try:
        alice.logs_in("alice", PASSWORD)
        alice.does(f"/create {GROUP} open")
        for number in range(4):
            line, sent = f"/send part{number}.bin", 800_000
            ticket = alice.asks(line, GROUP)
            if not ticket["ok"]:
                continue
            with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as peer:
                header = f"upload {ticket['ticket']} 0 900000\n"
                with suppress(ConnectionError):
                    peer.sendall(header.encode() + b"x" * sent)
                deadline = time.monotonic() + PATIENCE
                while not select.select([peer], [], [], 0)[0]:  # no refusal
                    if alice.does(line, GROUP)["offset"] == sent:
                        break
                    assert time.monotonic() < deadline
        kept = sum(path.stat().st_size for path in partials(server))
        assert kept <= 1_000_000, f"{kept} bytes of {len(partials(server))} files are kept"
    finally:
        alice.close()
        server.stop()
