"""Files over HTTP, with the tickets of /send and /get."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.abstract import FileDescriptor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock

from pyconchat.config import Config, DoorsConfig, FilesConfig, LimitsConfig
from pyconchat.doors.transfer import upload
from pyconchat.doors.web import connection
from pyconchat.files import FileSharing, Storage
from pyconchat.store import SqlStore
from tests.support.programs import UNLIMITED, MemoryServer
from tests.support.web import Answer, HttpUser, WebUsers

NO_WEB = DoorsConfig()
DATA = bytes(range(256)) * 1000


class Files:
    """A server with a web door and files; alice is in tea."""

    def __init__(
        self, store: SqlStore, clock: Clock, folder: Path, doors: DoorsConfig = NO_WEB
    ) -> None:
        def keep(chat: Any) -> FileSharing:
            self.sharing = FileSharing(chat, Storage(folder), self._run)
            return self.sharing

        config = Config(
            limits=LimitsConfig(**UNLIMITED),
            doors=doors,
            files=FilesConfig(free_disk=0, file_bytes=10**6),
        )
        self.server = MemoryServer(store, clock, config, keep)
        self.sharing.start({}, {})
        self.web = WebUsers(self.server.factory, clock)
        self.alice = self.server.program("alice", "password of alice")
        self.alice.does("/create tea open")

    @staticmethod
    def _run(call: Any, *args: Any) -> Deferred[Any]:
        return maybeDeferred(call, *args)

    def connects(self) -> HttpUser:
        return self.web.connects()

    def ticket(self, line: str = "/send notes.pdf") -> str:
        """Return the ticket of an upload or download."""
        return str(self.alice.does(line, "tea")["ticket"])

    def puts(self, data: bytes, **headers: str) -> Answer:
        """Upload *data* with a new ticket."""
        return self.connects().asks("PUT", f"/file/{self.ticket()}", data, **headers)

    def gets(self, **headers: str) -> Answer:
        """Download file 1 with a new ticket."""
        user = self.connects()
        answer = user.asks("GET", f"/file/{self.ticket('/get 1')}/notes.pdf", **headers)
        return answer._replace(body=answer.body + user.receives())


@pytest.fixture
def files(store: SqlStore, clock: Clock, tmp_path: Path) -> Iterator[Files]:
    found = Files(store, clock, tmp_path / "files")
    yield found
    found.server.stop()


def test_a_file_there_and_back(files: Files) -> None:
    """It is never shown by the browser, only saved."""
    answer = files.puts(DATA)
    digest = hashlib.sha256(DATA).hexdigest()
    assert answer.status == 201
    assert json.loads(answer.body) == {"number": 1, "size": len(DATA), "sha256": digest}
    answer = files.gets()
    assert (answer.status, answer.body) == (200, DATA)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''notes.pdf"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-length"] == str(len(DATA))


def test_an_upload_that_was_cut_goes_on(files: Files) -> None:
    """Beyond what the server has it is refused, with the offset at which to go on."""
    user = files.connects()
    head = f"PUT /file/{files.ticket()} HTTP/1.1\r\nHost: localhost\r\n"
    user.sends(f"{head}Content-Length: {len(DATA)}\r\n\r\n".encode())
    user.sends(DATA[:70_000])
    user.wire.loseConnection()
    total = len(DATA)
    wrong = files.puts(DATA[99_000:], Content_Range=f"bytes 99000-{total - 1}/{total}")
    assert wrong.status == 409
    offset = int(wrong.headers["upload-offset"])
    assert 0 < offset <= 70_000
    rest = DATA[offset:]
    right = files.puts(rest, Content_Range=f"bytes {offset}-{total - 1}/{total}")
    assert right.status == 201
    assert files.gets().body == DATA


@pytest.mark.parametrize("before", [0, 70_000])
def test_an_upload_with_a_bad_chunk(files: Files, before: int) -> None:
    """It is refused; what came before the chunk is kept, and the upload can go on at once."""
    user = files.connects()
    head = f"PUT /file/{files.ticket()} HTTP/1.1\r\nHost: localhost\r\n"
    user.sends(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
    if before:
        user.sends(b"%x\r\n%b\r\n" % (before, DATA[:before]))
    user.sends(b"no length\r\n")
    assert user.answer().status == 400
    assert user.protocol.connection.connected, "the client may be sending still"
    total = len(DATA)
    rest = DATA[before:]
    right = files.puts(rest, Content_Range=f"bytes {before}-{total - 1}/{total}")
    assert right.status == 201
    assert files.gets().body == DATA


def test_a_bad_chunk_during_a_download(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is closed: the file is not mixed with a second response."""
    files.puts(DATA)
    user = files.connects()
    head = f"GET /file/{files.ticket('/get 1')}/notes.pdf HTTP/1.1\r\nHost: localhost\r\n"
    monkeypatch.setattr(files.sharing, "run", lambda *_: Deferred())  # the disk is slow
    user.sends(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
    user.sends(b"no length\r\n")
    assert user.receives() == b""
    assert not user.wire.connected


def test_large_reads(files: Files, clock: Clock) -> None:
    """An upload is read in large pieces, the requests after it on that connection in small ones."""
    user = files.connects()
    descriptor = FileDescriptor(clock)
    user.wire.transport = descriptor  # as if this were TLS
    head = f"PUT /file/{files.ticket()} HTTP/1.1\r\nHost: localhost\r\n"
    user.sends(f"{head}Content-Length: {len(DATA)}\r\n\r\n".encode())
    user.sends(DATA[:-1])
    assert descriptor.bufferSize == upload.READ_SIZE
    user.sends(DATA[-1:])
    assert user.receives().startswith(b"HTTP/1.1 201 ")
    assert descriptor.bufferSize == connection.READ_SIZE


def test_parts_of_a_file(files: Files) -> None:
    """Range resumes a download of the same file; of another one, all is sent."""
    files.puts(DATA)
    part = files.gets(Range="bytes=1000-")
    assert (part.status, part.body) == (206, DATA[1000:])
    assert part.headers["content-range"] == f"bytes 1000-{len(DATA) - 1}/{len(DATA)}"
    assert files.gets(Range="bytes=5-9").body == DATA[5:10]
    assert files.gets(Range="bytes=5-", If_Range=part.headers["etag"]).status == 206
    assert files.gets(Range="bytes=5-", If_Range='"other"').status == 200
    assert files.gets(Range=f"bytes={len(DATA)}-").status == 416


@pytest.mark.parametrize("value", ["bytes 0-5/100", "bytes a-b/c", "bytes 5-4/5", "lines 0-9/10"])
def test_bad_content_ranges(files: Files, value: str) -> None:
    """They are refused before anything is stored."""
    assert files.puts(b"0123456789", Content_Range=value).status == 400


def test_refused_transfers(files: Files) -> None:
    """Unknown and wrong tickets, files that are too long, other sites."""
    assert files.connects().asks("PUT", "/file/abcdef", b"a").status == 403
    assert files.connects().asks("GET", "/file/abcdef/x").status == 403
    assert (
        files.connects().asks("PUT", f"/file/{files.ticket()}", b"a", Origin="null").status == 403
    )
    long = b"a" * (10**6 + 1)
    assert files.puts(long).status == 413
    user = files.connects()
    user.asks("DELETE", "/file/abcdef")
    files.puts(DATA)
    assert files.connects().asks("PUT", f"/file/{files.ticket('/get 1')}", b"a").status == 403


def test_a_slow_reader(files: Files, log: Callable[[], list[str]]) -> None:
    """A download waits for its reader, and ends if nothing is read; the log has no ticket."""
    files.puts(DATA)
    slow, stuck = files.connects(), files.connects()
    for each in (slow, stuck):
        each.wire.room = 100_000
        ticket = files.ticket("/get 1")
        answer = each.asks("GET", f"/file/{ticket}/notes.pdf")
        assert 100_000 <= len(answer.body) < 140_000
        assert "web: GET /file/… 200 for 127.0.0.1\n" in log()
        assert ticket not in "".join(log())
        if each is slow:
            slow.wire.reads()
            assert answer.body + slow.receives() == DATA
    stuck.waits(62)
    assert stuck.wire.aborted


def test_links(store: SqlStore, clock: Clock, tmp_path: Path) -> None:
    """The answers to /send and /get have the URL, which transfers the file."""
    found = Files(store, clock, tmp_path / "files", DoorsConfig(web=("tcp:8080",)))
    found.alice.does("/create milk open")
    link = str(found.alice.does("/send a b.pdf", "milk")["link"])
    origin = "http://127.0.0.1:8080"
    assert found.connects().asks("PUT", link.removeprefix(origin), DATA).status == 201
    link = str(found.alice.does("/get 1", "milk")["link"])
    assert link.startswith(f"{origin}/file/")
    assert link.endswith("/a%20b.pdf")
    assert found.connects().asks("GET", link.removeprefix(origin)).status == 200
    found.server.stop()
