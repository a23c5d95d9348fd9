"""The client and files: sent and fetched by scripts and at a terminal, over bad connections."""

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

from tests.support.processes import run_client
from tests.support.programs import Program
from tests.support.servers import Server
from tests.support.terminals import PASSWORD, Terminal, at_terminals, environment

MAX_SECONDS = 20.0
"""Maximum seconds for a run on a busy machine: less than the client waits for a server."""

Run = Callable[..., subprocess.CompletedProcess[str]]
Member = Callable[..., Program]


class Proxy:
    """A proxy between clients and server that damages transfers.

    Each of *damages* is for one connection, in order. It is called with each piece of the file,
    and returns what to pass on, or None to cut the connection. *answers* are for the other way.
    """

    def __init__(self, port: int) -> None:
        self.damages: list[Callable[[bytes], bytes | None]] = []
        self.answers: list[Callable[[bytes], bytes | None]] = []
        self.transfers = 0
        self._server_port = port
        self._ports = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._ports.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Accept no more connections."""
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
        damage = back = _unchanged
        if opening.startswith((b"upload ", b"download ")):
            self.transfers += 1
            damage = self.damages.pop(0) if self.damages else _unchanged
            back = self.answers.pop(0) if self.answers else _unchanged
        up = opening.startswith(b"upload ")
        down = threading.Thread(
            target=_pump, args=(server, client, back if up else damage), daemon=True
        )
        down.start()
        _pump(client, server, damage if up else back, opening)
        down.join()
        client.close()
        server.close()


def _unchanged(data: bytes) -> bytes | None:
    return data


def _pump(
    source: socket.socket,
    target: socket.socket,
    damage: Callable[[bytes], bytes | None],
    data: bytes = b"",
) -> None:
    with suppress(OSError):
        while data or (data := source.recv(65536)):
            passed = damage(data)
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
    """Cut a transfer after *count* bytes; call *then* before."""
    passed = [0]

    def pass_on(data: bytes) -> bytes | None:
        if passed[0] >= count:
            then()
            return None
        passed[0] += len(data)
        return data

    return pass_on


def flip(at: int) -> Callable[[bytes], bytes | None]:
    """Change the byte with the number *at*."""
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
    """Log in a program that joins the group tea, which it creates if necessary."""
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
    """Run the client as a script does, to its end."""

    def run(
        *arguments: str | bytes,
        port: int = 0,
        name: str = "ci",
        limit: float = MAX_SECONDS,
        **environ: str,
    ) -> subprocess.CompletedProcess[str]:
        more = {"PYCONCHAT_PASSWORD": PASSWORD, **environ}
        if more["PYCONCHAT_PASSWORD"] == "":
            del more["PYCONCHAT_PASSWORD"]
        address = f"{name}@127.0.0.1:{port or server.port}/tea"
        ended = run_client(
            *(address, *arguments),
            environ=environment(tmp_path, **more),
            folder=tmp_path,
            timeout=limit,
        )
        out, err = ended.stdout.decode(), ended.stderr.decode()
        return subprocess.CompletedProcess(ended.args, ended.returncode, out, err)

    return run


def listed(program: Program) -> list[str]:
    """Return the names of the group's files."""
    return [each["name"] for each in program.does("/files", "tea")["files"]]


def test_sending_and_fetching(run: Run, member: Member, tmp_path: Path) -> None:
    """Several files by one command; fetched by number or name; never over another file."""
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
def test_a_file_that_looks_like_a_refusal(
    run: Run, member: Member, tmp_path: Path, data: bytes
) -> None:
    """It is fetched as any other."""
    member()
    (tmp_path / "log.txt").write_bytes(data)
    assert run("--send", "log.txt").returncode == 0
    done = run("--get", "1", "--downloads", "in")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "in" / "log.txt").read_bytes() == data


def test_failures(run: Run, member: Member, tmp_path: Path) -> None:
    """One line on standard error, and status 1."""
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
def test_unreadable_files(run: Run, member: Member, tmp_path: Path, what: str) -> None:
    """A folder or an unreadable file is refused with a reason."""
    boss = member()
    path = tmp_path / "folder"
    path.mkdir()
    if what == "unreadable":
        path = Path("/proc/self/mem")
    done = run("--send", str(path))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert listed(boss) == []


def test_a_name_with_invalid_utf_8(run: Run, member: Member, tmp_path: Path) -> None:
    """The client ends, whether or not the file is shared."""
    boss = member()
    name = b"caf\xe9.txt"
    with open(os.fsencode(tmp_path) + b"/" + name, "wb") as file:
        file.write(b"abc")
    done = run("--send", name)
    assert (done.returncode == 0) is (len(listed(boss)) == 1)


def test_an_upload_that_is_cut(run: Run, member: Member, proxy: Proxy, tmp_path: Path) -> None:
    """Twice: it is continued, and the file is complete."""
    boss = member()
    data = os.urandom(3_000_000)
    (tmp_path / "big.bin").write_bytes(data)
    proxy.damages += [cut_after(1_000_000), cut_after(700_000)]
    done = run("--send", "big.bin", port=proxy.port)
    assert (done.returncode, done.stderr) == (0, "")
    (file,) = boss.does("/files", "tea")["files"]
    assert file["sha256"] == hashlib.sha256(data).hexdigest()
    assert proxy.transfers == 3


def test_an_upload_whose_answer_is_lost(
    run: Run, member: Member, proxy: Proxy, tmp_path: Path
) -> None:
    """The file is shared once."""
    boss = member()
    (tmp_path / "notes.pdf").write_bytes(os.urandom(200_000))

    proxy.answers.append(lambda _answer: None)
    done = run("--send", "notes.pdf", port=proxy.port)
    assert (done.returncode, done.stderr) == (0, "")
    assert listed(boss) == ["notes.pdf"]


def test_a_download_that_is_cut(run: Run, member: Member, proxy: Proxy, tmp_path: Path) -> None:
    """Twice: it is continued, and the file is complete."""
    member()
    data = os.urandom(3_000_000)
    (tmp_path / "big.bin").write_bytes(data)
    assert run("--send", "big.bin").returncode == 0
    proxy.damages += [cut_after(1_000_000), cut_after(500_000)]
    done = run("--get", "1", "--downloads", "in", port=proxy.port)
    assert (done.returncode, done.stderr) == (0, "")
    (path,) = (tmp_path / "in").iterdir()
    assert path.read_bytes() == data
    assert proxy.transfers == 3


@pytest.mark.parametrize("password", [PASSWORD, ""], ids=["registered", "guest"])
def test_an_upload_during_a_restart(
    run: Run, server: Server, proxy: Proxy, member: Member, tmp_path: Path, password: str
) -> None:
    """It is continued when the server is back."""
    member()
    data = os.urandom(3_000_000)
    (tmp_path / "big.bin").write_bytes(data)

    def restart() -> None:
        server.kill()
        server.start()

    proxy.damages.append(cut_after(1_000_000, restart))
    done = run("--send", "big.bin", port=proxy.port, PYCONCHAT_PASSWORD=password)
    assert (done.returncode, done.stderr) == (0, "")
    (file,) = member().does("/files", "tea")["files"]
    assert file["sha256"] == hashlib.sha256(data).hexdigest()


def test_changed_bytes(run: Run, member: Member, proxy: Proxy, tmp_path: Path) -> None:
    """By the hash, an upload is repeated, and a download fails with the reason."""
    boss = member()
    data = os.urandom(1_000_000)
    (tmp_path / "notes.pdf").write_bytes(data)
    proxy.damages.append(flip(500_000))
    assert run("--send", "notes.pdf", port=proxy.port).returncode == 0
    (file,) = boss.does("/files", "tea")["files"]
    assert file["sha256"] == hashlib.sha256(data).hexdigest()
    proxy.damages.append(flip(500_000))
    done = run("--get", "1", "--downloads", "in", port=proxy.port)
    assert done.returncode == 1
    assert "hash" in done.stderr
    assert list((tmp_path / "in").iterdir()) == []


def test_at_a_terminal(server: Server, member: Member, tmp_path: Path) -> None:
    """/send shares and /get fetches; a file fetched twice at once becomes two files."""
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
        deadline = time.monotonic() + MAX_SECONDS
        wanted = {"notes.pdf": data, "notes (1).pdf": data}
        while {path.name: path.read_bytes() for path in folder.glob("[!.]*")} != wanted:
            assert time.monotonic() < deadline, sorted(folder.iterdir())
            alice.looks(0.05)
        alice.sees("in/notes (1).pdf (2.0 MB).")
        assert listed(boss) == ["notes.pdf"]
        deadline = time.monotonic() + MAX_SECONDS
        (tmp_path / "alice" / "secret.pdf").write_bytes(b"for boss")
        alice.types("/query boss")
        alice.sees("You are talking to boss in private")
        alice.types("/send secret.pdf")
        alice.sees("alice shared secret.pdf (8 bytes), number 1")
        (file,) = boss.does("/files", **{"with": "alice"})["files"]
        assert file["sha256"] == hashlib.sha256(b"for boss").hexdigest()
        alice.types("/get 1")
        while not (folder / "secret.pdf").exists():
            assert time.monotonic() < deadline, sorted(folder.iterdir())
            alice.looks(0.05)
        assert (folder / "secret.pdf").read_bytes() == b"for boss"
        assert listed(boss) == ["notes.pdf"]
        assert "Traceback" not in "\n".join(alice.rows())
