"""The sharing: tickets and the right behind them, and uploads that end in every way."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock

from pyconchat.chat.conversations import Conversation
from pyconchat.config import Config, FilesConfig
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.text import SafeText
from pyconchat.files import FileSharing, Storage
from pyconchat.files.sharing import Ticket, file_name
from pyconchat.store import SqlStore
from pyconchat.testing import TestUser, make_chat

HOUR = 3600


class Room:
    """A group of alice, its admin, and bob, with a sharing whose disk takes as long as we say."""

    def __init__(self, store: SqlStore, clock: Clock, folder: Path, files: FilesConfig) -> None:
        self.clock = clock
        self.waiting: list[tuple[Deferred[Any], Callable[[], Any]]] | None = None
        self.chat = make_chat(store, clock, Config(files=files))
        self.folder = folder
        self.sharing = FileSharing(self.chat, Storage(folder), self.run)
        self.sharing.start()
        self.alice = TestUser(self.chat, "alice", "password of alice")
        self.bob = TestUser(self.chat, "bob", "password of bob")
        self.alice.types("/create tea open")
        self.bob.types("/join tea")
        conversation = self.alice.session.current
        assert conversation is not None
        self.tea: Conversation = conversation

    def run(self, call: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Call at once, or when `disk_goes_on`."""
        if self.waiting is None:
            return maybeDeferred(call, *args)
        done: Deferred[Any] = Deferred()
        self.waiting.append((done, lambda: call(*args)))
        return done

    def disk_goes_on(self) -> None:
        """Do what waits for the disk, in the order in which it was asked for."""
        assert self.waiting is not None
        while self.waiting:
            done, call = self.waiting.pop(0)
            maybeDeferred(call).chainDeferred(done)
            self.alice.tick()

    def does(self, doing: Coroutine[Deferred[Any], Any, Any]) -> Any:
        """Return what comes of *doing*, once what it decides is stored."""
        results: list[Any] = []
        Deferred.fromCoroutine(doing).addBoth(results.append)
        self.alice.tick()
        (result,) = results
        if hasattr(result, "raiseException"):
            result.raiseException()
        return result

    def is_refused(self, doing: Coroutine[Deferred[Any], Any, Any]) -> Code:
        """Return the code with which *doing* is refused."""
        with pytest.raises(Refused) as caught:
            self.does(doing)
        return caught.value.code

    def ticket(self, who: TestUser, name: str = "notes.pdf") -> Ticket:
        """Return a ticket for an upload."""
        ticket, _ = self.does(self.sharing.offer(who.account, self.tea, SafeText(name)))
        assert isinstance(ticket, Ticket)
        return ticket

    def shares(self, who: TestUser, name: str = "notes.pdf", data: bytes = b"abc") -> Any:
        """Share a file, and return it."""
        upload = self.does(self.sharing.begin(self.ticket(who, name), 0, len(data)))
        upload.partial.write([data])
        return self.does(self.sharing.share(upload, ""))

    def bytes_kept(self) -> int:
        """Return how many bytes are on the disk, of whole files and of others."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture
def room(store: SqlStore, clock: Clock, tmp_path: Path) -> Callable[..., Room]:
    return lambda **files: Room(store, clock, tmp_path / "files", FilesConfig(**files))


def test_a_ticket_lasts_an_hour(room: Callable[..., Room]) -> None:
    """Up to an hour a ticket is good, and then no more."""
    here = room()
    here.shares(here.alice)
    sending = here.ticket(here.bob)
    fetching = here.sharing.ticket_for(here.bob.account, here.tea, "1")
    assert len(sending.token) == len(fetching.token) == 32
    here.clock.advance(HOUR - 1)
    assert here.sharing.redeem(sending.token, True) is sending
    assert here.sharing.redeem(fetching.token, False) is fetching
    here.clock.advance(1)
    for token, upload in ((sending.token, True), (fetching.token, False)):
        with pytest.raises(Refused) as caught:
            here.sharing.redeem(token, upload)
        assert caught.value.code is Code.BAD_TOKEN


def test_an_upload_ticket_is_for_one_file(room: Callable[..., Room]) -> None:
    """When its file is shared, a ticket is used up."""
    here = room()
    ticket = here.ticket(here.alice)
    upload = here.does(here.sharing.begin(here.sharing.redeem(ticket.token, True), 0, 0))
    here.does(here.sharing.share(upload, ""))
    with pytest.raises(Refused):
        here.sharing.redeem(ticket.token, True)


@pytest.mark.parametrize("how", ["/kick bob", "/ban bob", "/remove 1"])
def test_a_ticket_dies_with_the_right(room: Callable[..., Room], how: str) -> None:
    """Who is put out after /get gets nothing, and a file that is gone nobody."""
    here = room()
    here.shares(here.alice)
    ticket = here.sharing.ticket_for(here.bob.account, here.tea, "1")
    here.alice.types(how)
    with pytest.raises(Refused):
        here.sharing.redeem(ticket.token, False)


def test_a_guest_who_has_gone(room: Callable[..., Room]) -> None:
    """The next guest of a name has no use for the tickets of the one before."""
    here = room()
    here.shares(here.alice)
    guest = TestUser(here.chat, "carol")
    guest.types("/join tea")
    ticket = here.sharing.ticket_for(guest.account, here.tea, "1")
    guest.leaves()
    TestUser(here.chat, "carol").types("/join tea")
    with pytest.raises(Refused):
        here.sharing.redeem(ticket.token, False)


def test_a_guest_of_the_same_name_removes_nothing(room: Callable[..., Room]) -> None:
    """What a guest has shared is not the next guest's of that name to remove."""
    here = room()
    guest = TestUser(here.chat, "carol")
    guest.types("/join tea")
    here.shares(guest, "carols.txt")
    guest.leaves()
    other = TestUser(here.chat, "carol")
    other.types("/join tea")
    other.types("/remove 1")
    assert here.tea.group is not None
    assert list(here.tea.group.files) == [1]


@pytest.mark.parametrize("how", ["/kick bob", "/ban bob"])
def test_put_out_while_sending(room: Callable[..., Room], how: str) -> None:
    """What comes from one who is put out in the middle is not shared, and not kept."""
    here = room()
    upload = here.does(here.sharing.begin(here.ticket(here.bob), 0, 3))
    upload.partial.write([b"abc"])
    here.alice.types(how)
    assert here.is_refused(here.sharing.share(upload, "")) is Code.NOT_MEMBER
    assert here.bytes_kept() == 0
    assert here.sharing.quotas.left(here.bob.account.key) == FilesConfig().file_bytes


def test_ten_uploads_at_once(room: Callable[..., Room]) -> None:
    """Ten that begin in the same moment, at the edge of the quota: the sum is within it."""
    here = room(account_bytes=1000, uploads_per_account=0)
    here.shares(here.alice, "first", b"x" * 100)
    tickets = [here.ticket(here.alice, f"f{number}") for number in range(10)]
    here.waiting = []
    results: list[Any] = []
    for ticket in tickets:
        beginning = Deferred.fromCoroutine(here.sharing.begin(ticket, 0, 200))
        beginning.addBoth(results.append)
    here.disk_goes_on()
    began = [each for each in results if hasattr(each, "partial")]
    assert (len(results), len(began)) == (10, 4)
    for upload in began:
        upload.partial.write([b"x" * 200])
        Deferred.fromCoroutine(here.sharing.share(upload, "")).addErrback(results.append)
    here.disk_goes_on()
    assert here.bytes_kept() == 900
    assert here.sharing.quotas.left(here.alice.account.key) == 100


def test_one_file_is_not_sent_twice_at_once(room: Callable[..., Room]) -> None:
    """A second upload of a name while the first is under way is refused, and then is not."""
    here = room()
    upload = here.does(here.sharing.begin(here.ticket(here.alice), 0, 3))
    assert here.is_refused(here.sharing.begin(here.ticket(here.alice), 0, 3)) is Code.BUSY
    others = here.does(here.sharing.begin(here.ticket(here.bob), 0, 3))
    here.does(here.sharing.interrupt(upload))
    again = here.does(here.sharing.begin(here.ticket(here.alice), 0, 3))
    for each in (others, again):
        here.does(here.sharing.discard(each))


def test_who_registers_in_the_middle(room: Callable[..., Room]) -> None:
    """A guest who chooses a password while sending shares the file, and may send it again."""
    here = room()
    guest = TestUser(here.chat, "carol", "", "password of carol", "password of carol")
    guest.types("/join tea")
    upload = here.does(here.sharing.begin(here.ticket(guest), 0, 3))
    guest.types("/password")
    upload.partial.write([b"abc"])
    here.does(here.sharing.share(upload, ""))
    assert not here.sharing._active


def test_removing_gives_back_the_quota(room: Callable[..., Room]) -> None:
    """What was removed, or went with its group, is gone from the disk and counts no more."""
    here = room(account_bytes=1000)
    here.shares(here.alice, data=b"x" * 400)
    here.shares(here.alice, data=b"x" * 400)
    left = here.sharing.quotas.left
    assert left(here.alice.account.key) == 200
    here.alice.types("/remove 1")
    assert (left(here.alice.account.key), here.bytes_kept()) == (600, 400)
    here.bob.types("/leave")
    here.alice.types("/leave")
    assert (left(here.alice.account.key), here.bytes_kept()) == (1000, 0)


def test_what_an_upload_leaves_counts(room: Callable[..., Room]) -> None:
    """The bytes of uploads that were cut are within the quota of who sent them."""
    here = room(account_bytes=1000)
    for number in range(5):
        try:
            upload = here.does(here.sharing.begin(here.ticket(here.alice, f"f{number}"), 0, 500))
        except Refused:
            continue
        upload.partial.write([b"x" * 400])
        here.does(here.sharing.interrupt(upload))
    assert here.bytes_kept() <= 1000


def test_after_a_day(room: Callable[..., Room]) -> None:
    """What was not gone on with for a day is removed, and a new /send begins at 0."""
    here = room()
    upload = here.does(here.sharing.begin(here.ticket(here.alice), 0, 5))
    upload.partial.write([b"abc"])
    here.does(here.sharing.interrupt(upload))
    changed = upload.partial.path.stat().st_mtime
    for later, size in ((86_000, 3), (86_500, 0)):
        here.sharing.clean(changed + later)
        offered = here.does(here.sharing.offer(here.alice.account, here.tea, SafeText("notes.pdf")))
        assert offered[1] == size


def test_after_a_restart(store: SqlStore, clock: Clock, tmp_path: Path) -> None:
    """Files, quotas and numbers are the same after a restart."""
    here = Room(store, clock, tmp_path / "files", FilesConfig(account_bytes=1000))
    here.shares(here.bob, data=b"x" * 400)
    here.shares(here.bob, data=b"y" * 100)
    here.alice.types("/remove 2")
    there = make_chat(store, clock, here.chat.config)
    sharing = FileSharing(there, Storage(tmp_path / "files"), maybeDeferred)
    sharing.start()
    bob = TestUser(there, "bob", "password of bob")
    assert sharing.quotas.left(bob.account.key) == 600
    (tea,) = there.groups
    assert tea.group is not None
    assert tea.group.last_file == 2
    sharing.clean(2e12)
    file = sharing.ticket_for(bob.account, tea, "1").file
    assert file is not None
    assert sharing.storage.path_of(file.id).read_bytes() == b"x" * 400


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("notes.pdf", "notes.pdf"),
        ("/home/alice/notes.pdf", "notes.pdf"),
        ("..\\..\\notes.pdf", "notes.pdf"),
        ("folder/", "folder"),
        ("a\x1b[31mb\u202e.txt", "a[31mb.txt"),
        ("a\nb.txt", "ab.txt"),
    ],
)
def test_names(typed: str, name: str) -> None:
    """A file is called by its base name, which is safe to show."""
    assert file_name(typed) == name


@pytest.mark.parametrize("typed", ["", "/", "..", "a/..", ".", "\x1b", "\u202e", "x" * 201])
def test_no_names(typed: str) -> None:
    """What is no name of a file is refused."""
    with pytest.raises(Refused):
        file_name(typed)
