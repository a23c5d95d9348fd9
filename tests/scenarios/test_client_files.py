"""The client and files: sent and fetched by scripts and at a terminal, through cuts and kills."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.programs import Program
from tests.support.servers import PATIENCE, Server
from tests.support.terminals import CLIENT, Terminal, at_terminals, environment

PASSWORD = "a long password"

GIVES_UP = 4.0
"""Seconds in which an errand that cannot succeed, or that needs no time, has to end."""

Run = Callable[..., subprocess.CompletedProcess[str]]
Member = Callable[..., Program]


class Proxy:
    """Stands between the clients and the server, and does to transfers what *mishaps* say.

    Each is for one connection, in order, and is asked for each piece in the direction of the
    file's bytes: it returns what is passed on, or None to cut the connection.
    """

    def __init__(self, port: int) -> None:
        self.mishaps: list[Callable[[bytes], bytes | None]] = []
        self.answers: list[Callable[[bytes], bytes | None]] = []  # the same, the other way
        self.transfers = 0
        self._server_port = port
        self._ports = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._ports.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        with suppress(OSError):
            self._ports.shutdown(socket.SHUT_RDWR)
        self._ports.close()

    def _serve(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._ports.accept()
                threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def _pass(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._server_port))
        except OSError:
            client.close()
            return
        opening = client.recv(65536)
        mishap = back = _nothing
        if opening.startswith((b"upload ", b"download ")):
            self.transfers += 1
            mishap = self.mishaps.pop(0) if self.mishaps else _nothing
            back = self.answers.pop(0) if self.answers else _nothing
        up = opening.startswith(b"upload ")
        down = threading.Thread(
            target=_pump, args=(server, client, back if up else mishap), daemon=True
        )
        down.start()
        _pump(client, server, mishap if up else back, opening)
        down.join()
        client.close()
        server.close()


def _nothing(data: bytes) -> bytes | None:
    return data


def _pump(
    source: socket.socket,
    target: socket.socket,
    mishap: Callable[[bytes], bytes | None],
    data: bytes = b"",
) -> None:
    with suppress(OSError):
        while data or (data := source.recv(65536)):
            passed = mishap(data)
            if passed is None:
                for each in (source, target):
                    each.shutdown(socket.SHUT_RDWR)
                return
            target.sendall(passed)
            data = b""
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def cut_after(
    count: int, then: Callable[[], None] = lambda: None
) -> Callable[[bytes], bytes | None]:
    """Cut a transfer when *count* bytes have passed, and call *then* first."""
    passed = [0]

    def pass_on(data: bytes) -> bytes | None:
        if passed[0] >= count:
            then()
            return None
        passed[0] += len(data)
        return data

    return pass_on


def flip(at: int) -> Callable[[bytes], bytes | None]:
    """Change the byte that passes as number *at*."""
    passed = [0]

    def pass_on(data: bytes) -> bytes | None:
        first, passed[0] = passed[0], passed[0] + len(data)
        if first <= at < passed[0]:
            changed = bytearray(data)
            changed[at - first] ^= 1
            return bytes(changed)
        return data

    return pass_on


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    proxy = Proxy(server.port)
    yield proxy
    proxy.close()


@pytest.fixture
def member(server: Server) -> Iterator[Member]:
    """Let a program into the group, which is made if need be."""
    programs: list[Program] = []

    def log_in(name: str = "boss") -> Program:
        each = Program(server.port)
        programs.append(each)
        each.logs_in(name, PASSWORD)
        each.asks("/create tea open")
        each.does("/join tea")
        return each

    yield log_in
    for each in programs:
        with suppress(OSError):  # some were cut off by a kill
            each.shuts_down_writing()
            each.is_disconnected()
        each.close()


@pytest.fixture
def run(server: Server, tmp_path: Path) -> Run:
    """Run the client as a script would, to its end."""

    def errand(
        *arguments: str | bytes,
        port: int = 0,
        name: str = "ci",
        limit: float = GIVES_UP,
        **environ: str,
    ) -> subprocess.CompletedProcess[str]:
        more = {"PYCONCHAT_PASSWORD": PASSWORD, **environ}
        if more["PYCONCHAT_PASSWORD"] == "":
            del more["PYCONCHAT_PASSWORD"]
        address = f"{name}@127.0.0.1:{port or server.port}/tea"
        try:
            return subprocess.run(
                [CLIENT, address, *arguments],
                env=environment(tmp_path, **more),
                cwd=tmp_path,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=limit,
                check=False,
            )
        except subprocess.TimeoutExpired as stuck:
            raise AssertionError(
                f"{arguments} does not end; it printed {stuck.stdout!r} and {stuck.stderr!r}"
            ) from None

    return errand


def listed(program: Program) -> list[str]:
    """Return the names of the group's files."""
    return [each["name"] for each in program.does("/files", "tea")["files"]]


def test_files_are_sent_and_fetched(run: Run, member: Member, tmp_path: Path) -> None:
    """Several files go out with one command; each is fetched by number or by name, never over."""
    boss = member()
    contents = {"notes.pdf": os.urandom(1_500_000), "empty": b"", "a b.txt": b"some text\n"}
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    done = run("--send", *contents)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(listed(boss)) == sorted(contents)
    folder = tmp_path / "in"
    for name in contents:
        done = run("--get", name, "--downloads", str(folder))
        assert (done.returncode, done.stderr) == (0, "")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == contents
    (folder / "notes.pdf").write_bytes(b"mine")
    for _ in range(2):
        assert run("--get", "notes.pdf", "--downloads", str(folder)).returncode == 0
    assert (folder / "notes.pdf").read_bytes() == b"mine"
    assert (folder / "notes (1).pdf").read_bytes() == contents["notes.pdf"]
    assert (folder / "notes (2).pdf").read_bytes() == contents["notes.pdf"]
    assert len(list(folder.iterdir())) == 5


@pytest.mark.parametrize("data", [b"r", b"refused " * 120], ids=["r", "refused"])
def test_a_file_that_reads_like_a_refusal(
    run: Run, member: Member, tmp_path: Path, data: bytes
) -> None:
    """A file is fetched whatever it begins with."""
    member()
    (tmp_path / "log.txt").write_bytes(data)
    assert run("--send", "log.txt").returncode == 0
    done = run("--get", "1", "--downloads", "in")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "in" / "log.txt").read_bytes() == data


def test_an_errand_that_cannot_be(run: Run, member: Member, tmp_path: Path) -> None:
    """What is not there is one line on standard error, and status 1."""
    boss = member()
    for arguments, why in (
        (("--send", "nosuch.txt"), "nosuch.txt"),
        (("--get", "99"), "no such file"),
        (("--get", "nosuch.txt"), "no such file"),
    ):
        done = run(*arguments)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert why in done.stderr
    assert listed(boss) == []


@pytest.mark.parametrize("what", ["a folder", "unreadable"])
def test_what_cannot_be_read_is_not_sent(
    run: Run, member: Member, tmp_path: Path, what: str
) -> None:
    """A folder, or a file that the disk will not give, ends the errand with a reason."""
    boss = member()
    path = tmp_path / "folder"
    path.mkdir()
    if what == "unreadable":
        path = Path("/proc/self/mem")
    done = run("--send", str(path))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert listed(boss) == []


def test_a_name_that_is_no_utf8(run: Run, member: Member, tmp_path: Path) -> None:
    """A file whose name is from another time ends the errand, one way or the other."""
    boss = member()
    name = b"caf\xe9.txt"
    with open(os.fsencode(tmp_path) + b"/" + name, "wb") as file:
        file.write(b"abc")
    done = run("--send", name)
    assert (done.returncode == 0) is (len(listed(boss)) == 1)


def test_an_upload_goes_on_after_a_cut(
    run: Run, member: Member, proxy: Proxy, tmp_path: Path
) -> None:
    """A connection that is cut, twice, is made again, and the file is whole."""
    boss = member()
    data = os.urandom(3_000_000)
    (tmp_path / "big.bin").write_bytes(data)
    proxy.mishaps += [cut_after(1_000_000), cut_after(700_000)]
    done = run("--send", "big.bin", port=proxy.port)
    assert (done.returncode, done.stderr) == (0, "")
    (file,) = boss.does("/files", "tea")["files"]
    assert file["sha256"] == hashlib.sha256(data).hexdigest()
    assert proxy.transfers == 3


def test_the_answer_is_cut_off(run: Run, member: Member, proxy: Proxy, tmp_path: Path) -> None:
    """A file whose every byte has arrived, but not the answer, is shared once, not twice."""
    boss = member()
    (tmp_path / "notes.pdf").write_bytes(os.urandom(200_000))

    proxy.answers.append(lambda _answer: None)
    done = run("--send", "notes.pdf", port=proxy.port)
    assert (done.returncode, done.stderr) == (0, "")
    assert listed(boss) == ["notes.pdf"]


def test_a_download_goes_on_after_a_cut(
    run: Run, member: Member, proxy: Proxy, tmp_path: Path
) -> None:
    """A download that is cut goes on where it was."""
    member()
    data = os.urandom(3_000_000)
    (tmp_path / "big.bin").write_bytes(data)
    assert run("--send", "big.bin").returncode == 0
    proxy.mishaps += [cut_after(1_000_000), cut_after(500_000)]
    done = run("--get", "1", "--downloads", "in", port=proxy.port)
    assert (done.returncode, done.stderr) == (0, "")
    (path,) = (tmp_path / "in").iterdir()
    assert path.read_bytes() == data
    assert proxy.transfers == 3


@pytest.mark.parametrize("password", [PASSWORD, ""], ids=["registered", "guest"])
def test_the_server_is_killed_in_the_middle(
    run: Run, server: Server, proxy: Proxy, member: Member, tmp_path: Path, password: str
) -> None:
    """An upload goes on by itself when the server that was killed is back."""
    member()
    data = os.urandom(3_000_000)
    (tmp_path / "big.bin").write_bytes(data)

    def restart() -> None:
        server.kill()
        server.start()

    proxy.mishaps.append(cut_after(1_000_000, restart))
    done = run("--send", "big.bin", port=proxy.port, limit=PATIENCE, PYCONCHAT_PASSWORD=password)
    assert (done.returncode, done.stderr) == (0, "")
    (file,) = member().does("/files", "tea")["files"]
    assert file["sha256"] == hashlib.sha256(data).hexdigest()


def test_bytes_that_changed_on_the_way(
    run: Run, member: Member, proxy: Proxy, tmp_path: Path
) -> None:
    """The hash tells: an upload is made again, a download is not kept and status 1 says why."""
    boss = member()
    data = os.urandom(1_000_000)
    (tmp_path / "notes.pdf").write_bytes(data)
    proxy.mishaps.append(flip(500_000))
    assert run("--send", "notes.pdf", port=proxy.port).returncode == 0
    (file,) = boss.does("/files", "tea")["files"]
    assert file["sha256"] == hashlib.sha256(data).hexdigest()
    proxy.mishaps.append(flip(500_000))
    done = run("--get", "1", "--downloads", "in", port=proxy.port)
    assert done.returncode == 1
    assert "hash" in done.stderr
    assert list((tmp_path / "in").iterdir()) == []


def test_at_a_terminal(server: Server, member: Member, tmp_path: Path) -> None:
    """/send shares and /get fetches; the same file fetched twice at once becomes two files."""
    boss = member()
    with at_terminals(tmp_path) as start:
        alice: Terminal = start(
            "alice",
            f"alice@127.0.0.1:{server.port}/tea",
            "--downloads",
            str(tmp_path / "in"),
            PYCONCHAT_PASSWORD=PASSWORD,
        )
        alice.sees("You are in tea")
        data = os.urandom(2_000_000)
        (tmp_path / "alice" / "notes.pdf").write_bytes(data)
        alice.types("/send notes.pdf")
        alice.sees("shared notes.pdf (2.0 MB), number 1")
        alice.types("/send nosuch.pdf")
        alice.sees("There is no file nosuch.pdf here.")
        alice.types("/get 1", "/get 1")
        folder = tmp_path / "in"
        deadline = time.monotonic() + GIVES_UP
        wanted = {"notes.pdf": data, "notes (1).pdf": data}
        while {path.name: path.read_bytes() for path in folder.glob("*")} != wanted:
            assert time.monotonic() < deadline, sorted(folder.iterdir())
            alice.looks(0.05)
        assert listed(boss) == ["notes.pdf"]
        assert "Traceback" not in "\n".join(alice.rows())
