"""FileSharing: tickets, the rights that they need, and all the ways in which an upload ends."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, maybeDeferred
from twisted.internet.task import Clock

from pyconchat.chat.conversations import Conversation, GroupConversation
from pyconchat.config import Config, FilesConfig
from pyconchat.domain.decisions import Decision, DeleteAccount
from pyconchat.domain.errors import Code, NotSaved, Refused, Unknown
from pyconchat.domain.events import GroupClosed
from pyconchat.domain.names import Key, Name
from pyconchat.domain.text import SafeText
from pyconchat.files import FileSharing, Storage
from pyconchat.files.places import FilePlace, GroupFiles
from pyconchat.files.sharing import file_name
from pyconchat.files.tickets import Ticket
from pyconchat.store import SqlStore
from pyconchat.testing import TestUser, make_chat
from tests.support.groups import find_group

HOUR = 3600


class Room:
    """A group with alice, its admin, and bob, and files on a disk whose delays a test controls."""

    def __init__(self, store: SqlStore, clock: Clock, folder: Path, files: FilesConfig) -> None:
        self.clock = clock
        self.waiting: list[tuple[Deferred[Any], Callable[[], Any]]] | None = None
        self.chat = make_chat(store, clock, Config(files=files))
        self.folder = folder
        self.sharing = FileSharing(self.chat, Storage(folder), self.run)
        self.sharing.start({}, {})
        self.alice = TestUser(self.chat, "alice", "password of alice")
        self.bob = TestUser(self.chat, "bob", "password of bob")
        there_before = self.chat.groups.get("tea") is not None
        self.alice.types("/join tea" if there_before else "/create tea open")
        self.bob.types("/join tea")
        conversation = self.alice.session.current
        assert conversation is not None
        assert isinstance(conversation, GroupConversation)
        self.tea: Conversation = conversation
        self.place = GroupFiles(self.chat, conversation)

    def run(self, call: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Call at once, or in `run_disk` if calls are being delayed."""
        if self.waiting is None:
            return maybeDeferred(call, *args)
        done: Deferred[Any] = Deferred()
        self.waiting.append((done, lambda: call(*args)))
        return done

    def run_disk(self) -> None:
        """Make the delayed calls, in their order."""
        assert self.waiting is not None
        while self.waiting:
            done, call = self.waiting.pop(0)
            maybeDeferred(call).chainDeferred(done)
            self.alice.tick()

    def result_of(self, coroutine: Coroutine[Deferred[Any], Any, Any]) -> Any:
        """Return the result of *coroutine*, which may wait for a commit."""
        results: list[Any] = []
        Deferred.fromCoroutine(coroutine).addBoth(results.append)
        self.alice.tick()
        (result,) = results
        if hasattr(result, "raiseException"):
            result.raiseException()
        return result

    def refusal_of(self, coroutine: Coroutine[Deferred[Any], Any, Any]) -> Code:
        """Return the code with which *coroutine* is refused."""
        with pytest.raises(Refused) as caught:
            self.result_of(coroutine)
        return caught.value.code

    def ticket(self, who: TestUser, name: str = "notes.pdf") -> Ticket:
        """Return a ticket for an upload."""
        ticket, _ = self.result_of(
            self.sharing.offer(who.account, who.session.peer.network, self.place, SafeText(name))
        )
        assert isinstance(ticket, Ticket)
        self.result_of(self.sharing.issue(ticket))
        return ticket

    def download(self, who: TestUser) -> Ticket:
        """Return a ticket for a download of the first file."""
        ticket = self.sharing.ticket_for(who.account, "192.0.2.1", self.place, "1")
        self.result_of(self.sharing.issue(ticket))
        return ticket

    def redeem(self, token: str, upload: bool) -> Any:
        """Return the ticket of *token*."""
        return self.result_of(self.sharing.redeem(token, upload))

    def share(self, who: TestUser, name: str = "notes.pdf", data: bytes = b"abc") -> Any:
        """Share a file, and return it."""
        upload = self.result_of(self.sharing.begin(self.ticket(who, name), 0, len(data)))
        upload.partial.write([data])
        return self.result_of(self.sharing.share(upload, ""))

    def stored_bytes(self) -> int:
        """Return how many bytes are on the disk, of files and of unfinished uploads."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture
def room(store: SqlStore, clock: Clock, tmp_path: Path) -> Callable[..., Room]:
    return lambda **files: Room(store, clock, tmp_path / "files", FilesConfig(**files))


def test_a_ticket_lasts_an_hour(room: Callable[..., Room]) -> None:
    """After an hour a ticket is refused."""
    here = room()
    here.share(here.alice)
    sending = here.ticket(here.bob)
    fetching = here.download(here.bob)
    assert len(sending.token) == len(fetching.token) == 32
    here.clock.advance(HOUR - 1)
    assert here.redeem(sending.token, True) is sending
    assert here.redeem(fetching.token, False) is fetching
    here.clock.advance(1)
    for token, upload in ((sending.token, True), (fetching.token, False)):
        with pytest.raises(Refused) as caught:
            here.redeem(token, upload)
        assert caught.value.code is Code.BAD_TOKEN


def test_an_upload_ticket_is_for_one_file(room: Callable[..., Room]) -> None:
    """When its file is shared, the ticket is refused."""
    here = room()
    ticket = here.ticket(here.alice)
    upload = here.result_of(here.sharing.begin(here.redeem(ticket.token, True), 0, 0))
    here.result_of(here.sharing.share(upload, ""))
    with pytest.raises(Refused):
        here.redeem(ticket.token, True)


@pytest.mark.parametrize("how", ["/kick bob", "/ban bob", "/remove 1"])
def test_a_ticket_needs_the_right_behind_it(room: Callable[..., Room], how: str) -> None:
    """It is refused when its owner is not a member any more, or the file was removed."""
    here = room()
    here.share(here.alice)
    ticket = here.download(here.bob)
    here.alice.types(how)
    with pytest.raises(Refused):
        here.redeem(ticket.token, False)


def test_the_ticket_of_a_guest_who_disconnected(room: Callable[..., Room]) -> None:
    """It is refused, also when another guest has the same name."""
    here = room()
    here.share(here.alice)
    guest = TestUser(here.chat, "carol")
    guest.types("/join tea")
    ticket = here.download(guest)
    guest.leaves()
    TestUser(here.chat, "carol").types("/join tea")
    with pytest.raises(Refused):
        here.redeem(ticket.token, False)


def test_a_guest_with_the_name_of_an_earlier_guest(room: Callable[..., Room]) -> None:
    """They cannot remove the earlier guest's files."""
    here = room()
    guest = TestUser(here.chat, "carol")
    guest.types("/join tea")
    here.share(guest, "carols.txt")
    guest.leaves()
    other = TestUser(here.chat, "carol")
    other.types("/join tea")
    other.types("/remove 1")
    assert here.tea.group is not None
    assert list(here.tea.group.files) == [1]


@pytest.mark.parametrize("how", ["/kick bob", "/ban bob"])
def test_removed_from_the_group_during_an_upload(room: Callable[..., Room], how: str) -> None:
    """The file is neither shared nor stored."""
    here = room()
    upload = here.result_of(here.sharing.begin(here.ticket(here.bob), 0, 3))
    upload.partial.write([b"abc"])
    here.alice.types(how)
    assert here.refusal_of(here.sharing.share(upload, "")) is Code.NOT_MEMBER
    assert here.stored_bytes() == 0
    assert here.sharing.quotas.left(here.bob.account.key) == FilesConfig().file_bytes


def test_ten_uploads_at_once(room: Callable[..., Room]) -> None:
    """Of ten uploads that begin at once, as many are accepted as the quota allows."""
    here = room(account_bytes=1000, uploads_per_account=0)
    here.share(here.alice, "first", b"x" * 100)
    tickets = [here.ticket(here.alice, f"f{number}") for number in range(10)]
    here.waiting = []
    results: list[Any] = []
    for ticket in tickets:
        beginning = Deferred.fromCoroutine(here.sharing.begin(ticket, 0, 200))
        beginning.addBoth(results.append)
    here.run_disk()
    began = [each for each in results if hasattr(each, "partial")]
    assert (len(results), len(began)) == (10, 4)
    for upload in began:
        upload.partial.write([b"x" * 200])
        Deferred.fromCoroutine(here.sharing.share(upload, "")).addErrback(results.append)
    here.run_disk()
    assert here.stored_bytes() == 900
    assert here.sharing.quotas.left(here.alice.account.key) == 100


def test_two_uploads_of_one_file_at_once(room: Callable[..., Room]) -> None:
    """The second is refused until the first has ended."""
    here = room()
    upload = here.result_of(here.sharing.begin(here.ticket(here.alice), 0, 3))
    assert here.refusal_of(here.sharing.begin(here.ticket(here.alice), 0, 3)) is Code.BUSY
    others = here.result_of(here.sharing.begin(here.ticket(here.bob), 0, 3))
    here.result_of(here.sharing.interrupt(upload))
    again = here.result_of(here.sharing.begin(here.ticket(here.alice), 0, 3))
    for each in (others, again):
        here.result_of(here.sharing.discard(each))


def test_a_guest_who_registers_during_an_upload(room: Callable[..., Room]) -> None:
    """The file is shared, and the upload has ended."""
    here = room()
    guest = TestUser(here.chat, "carol", "", "password of carol", "password of carol")
    guest.types("/join tea")
    upload = here.result_of(here.sharing.begin(here.ticket(guest), 0, 3))
    guest.types("/password")
    upload.partial.write([b"abc"])
    here.result_of(here.sharing.share(upload, ""))
    assert not here.sharing._active


def test_removing_a_file_frees_the_quota(room: Callable[..., Room]) -> None:
    """A file that was removed is deleted and does not count; those of a deleted group do."""
    here = room(account_bytes=1000)
    here.share(here.alice, data=b"x" * 400)
    here.share(here.alice, data=b"x" * 400)
    left = here.sharing.quotas.left
    assert left(here.alice.account.key) == 200
    here.alice.types("/remove 1")
    assert (left(here.alice.account.key), here.stored_bytes()) == (600, 400)
    here.alice.peer.answers = ["tea"]
    here.alice.types("/delete tea")
    assert (left(here.alice.account.key), here.stored_bytes()) == (600, 400)


def test_interrupted_uploads_count(room: Callable[..., Room]) -> None:
    """The bytes of interrupted uploads are within the owner's quota."""
    here = room(account_bytes=1000)
    for number in range(5):
        try:
            upload = here.result_of(
                here.sharing.begin(here.ticket(here.alice, f"f{number}"), 0, 500)
            )
        except Refused:
            continue
        upload.partial.write([b"x" * 400])
        here.result_of(here.sharing.interrupt(upload))
    assert here.stored_bytes() <= 1000


def test_an_upload_that_is_not_resumed(room: Callable[..., Room]) -> None:
    """After a day it is removed, and a new /send begins at 0."""
    here = room()
    upload = here.result_of(here.sharing.begin(here.ticket(here.alice), 0, 5))
    upload.partial.write([b"abc"])
    here.result_of(here.sharing.interrupt(upload))
    changed = upload.partial.path.stat().st_mtime
    for later, size in ((86_000, 3), (86_500, 0)):
        here.sharing.clean(changed + later)
        offered = here.result_of(
            here.sharing.offer(here.alice.account, "192.0.2.1", here.place, SafeText("notes.pdf"))
        )
        assert offered[1] == size


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("private", [False, True])
def test_an_upload_whose_commit_is_in_doubt(
    room: Callable[..., Room],
    store: SqlStore,
    monkeypatch: pytest.MonkeyPatch,
    private: bool,
    stored: bool,
) -> None:
    """Its bytes are kept until it is known, and after that if its entry was stored."""
    here = room()
    place: FilePlace = here.place
    if private:
        here.alice.types("/msg bob hi")
        place = here.result_of(here.sharing.private_files(here.alice.account, here.bob.account))
    ticket, _ = here.result_of(
        here.sharing.offer(here.alice.account, "192.0.2.1", place, SafeText("a.txt"))
    )
    upload = here.result_of(here.sharing.begin(ticket, 0, 3))
    upload.partial.write([b"abc"])
    changed = upload.partial.path.stat().st_mtime
    results: list[Any] = []
    answers: list[Callable[[], Any]] = [
        lambda: fail(NotSaved("the store is away")),
        lambda: results[0] if stored else None,
    ]

    def lose_answer(decisions: Sequence[Decision]) -> None:
        results.append(commit(decisions) if stored else None)
        monkeypatch.setattr(store, "commit", commit)
        raise Unknown("the answer was lost")

    commit = store.commit
    monkeypatch.setattr(store, "commit", lose_answer)
    monkeypatch.setattr(store, "settle", lambda: answers.pop(0)())
    assert here.refusal_of(here.sharing.share(upload, "")) is Code.UNKNOWN
    for left in (1, 0):
        here.sharing.clean(changed + 100_000)
        assert here.stored_bytes() == 3
        here.clock.advance(1)
        here.alice.tick()
        assert len(answers) == left
    here.alice.types("/topic one more commit")
    here.sharing.clean(changed + 100_000)
    assert [file.name for file in place.files.values()] == ["a.txt"] * stored
    assert here.stored_bytes() == 3 * stored
    if stored:
        (file,) = place.files.values()
        assert here.sharing.path_of(file).read_bytes() == b"abc"


def test_after_a_restart(store: SqlStore, clock: Clock, tmp_path: Path) -> None:
    """Files, quotas and numbers are the same after a restart."""
    here = Room(store, clock, tmp_path / "files", FilesConfig(account_bytes=1000))
    here.share(here.bob, data=b"x" * 400)
    here.share(here.bob, data=b"y" * 100)
    here.alice.types("/remove 2")
    there = make_chat(store, clock, here.chat.config)
    sharing = FileSharing(there, Storage(tmp_path / "files"), maybeDeferred)
    sharing.start({}, {})
    bob = TestUser(there, "bob", "password of bob")
    assert sharing.quotas.left(bob.account.key) == 600
    (tea,) = there.groups
    assert tea.group is not None
    assert tea.group.last_file == 2
    sharing.clean(2e12)
    file = sharing.ticket_for(bob.account, "192.0.2.1", GroupFiles(there, tea), "1").file
    assert file is not None
    assert sharing.storage.path_of(file.id).read_bytes() == b"x" * 400


def test_a_deleted_group(store: SqlStore, clock: Clock, tmp_path: Path) -> None:
    """No ticket of it is valid. Its files stay, and count, until the group is purged."""
    here = Room(store, clock, tmp_path / "files", FilesConfig(account_bytes=1000))
    here.share(here.bob, data=b"x" * 400)
    file = here.tea.group.files[1]  # type: ignore[attr-defined]
    ticket = here.download(here.bob)
    here.chat.decide(here.tea, lambda group: [GroupClosed(Name("alice"))])  # type: ignore[arg-type]
    here.alice.tick()
    with pytest.raises(Refused):
        here.redeem(ticket.token, upload=False)
    there = make_chat(store, clock, here.chat.config)
    sharing = FileSharing(there, Storage(tmp_path / "files"), maybeDeferred)
    sharing.start(store.load().closed_files, {})
    for each in (here.sharing, sharing):
        each.clean(2e12)
        assert each.quotas.left(here.bob.account.key) == 600
        assert each.storage.path_of(file.id).read_bytes() == b"x" * 400
    sharing.purged(here.tea.id)
    assert sharing.quotas.left(here.bob.account.key) == 1000
    assert not sharing.storage.path_of(file.id).exists()
    sharing.purged(here.tea.id)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("notes.pdf", "notes.pdf"),
        ("/home/alice/notes.pdf", "notes.pdf"),
        ("..\\..\\notes.pdf", "notes.pdf"),
        ("folder/", "folder"),
        ("a\x1b[31mb\u202e.txt", "ab.txt"),
        ("a\nb.txt", "a b.txt"),
    ],
)
def test_the_name_of_a_file(typed: str, name: str) -> None:
    """It is the last part of the path, made safe for terminals."""
    assert file_name(typed) == name


@pytest.mark.parametrize("typed", ["", "/", "..", "a/..", ".", "\x1b", "\u202e", "x" * 201])
def test_a_path_without_a_file_name(typed: str) -> None:
    """It is refused."""
    with pytest.raises(Refused):
        file_name(typed)


def tickets_of(here: Room, who: TestUser) -> list[Ticket]:
    """Return a ticket of *who* for an upload, and one for a download."""
    fetching = here.download(who)
    return [here.ticket(who), fetching]


def are_good(here: Room, tickets: list[Ticket]) -> bool:
    """Return whether all *tickets* are good; false if none is."""
    good = []
    for ticket in tickets:
        try:
            good.append(here.redeem(ticket.token, ticket.file is None) is ticket)
        except Refused:
            good.append(False)
    assert len(set(good)) == 1
    return good[0]


@pytest.mark.parametrize("line", ["/quit everywhere", "/password", "/kick bob", "/ban bob"])
def test_tickets_end_with_the_right_to_them(line: str, room: Callable[..., Room]) -> None:
    """A new password, /quit everywhere, a kick and a ban end them, and uploads that run."""
    here = room()
    here.share(here.alice)
    here.alice.types(f"/claim {here.chat.accounts.claim_code}", "/desk")
    tickets = tickets_of(here, here.bob)
    upload = here.result_of(here.sharing.begin(tickets[0], 0, 3))
    assert are_good(here, tickets)
    here.bob.peer.answers = ["password of bob", "another password"]
    (here.alice if "bob" in line else here.bob).types(line)
    assert not are_good(here, tickets)
    upload.partial.write([b"abc"])
    assert here.refusal_of(here.sharing.share(upload, "")) is Code.BAD_TOKEN


def test_tickets_of_a_guest_end_with_the_connection(room: Callable[..., Room]) -> None:
    """The next guest of that name does not get them."""
    here = room()
    here.share(here.alice)
    gus = TestUser(here.chat, "gus")
    gus.types("/join tea")
    tickets = tickets_of(here, gus)
    assert are_good(here, tickets)
    gus.leaves()
    TestUser(here.chat, "gus").types("/join tea")
    assert not are_good(here, tickets)
    assert len(here.sharing.tickets) == 0


def test_tickets_of_one_account(room: Callable[..., Room]) -> None:
    """A new one replaces the account's own oldest."""
    here = room(tickets_per_account=3)
    first = here.ticket(here.bob)
    own = [here.ticket(here.alice) for _ in range(5)]
    assert not are_good(here, own[:2])
    assert are_good(here, [*own[2:], first])


def test_maximum_tickets(room: Callable[..., Room], monkeypatch: pytest.MonkeyPatch) -> None:
    """The account with the most loses its oldest."""
    monkeypatch.setattr("pyconchat.files.tickets.MAX_TICKETS", 5)
    here = room(tickets_per_account=0)
    first = here.ticket(here.bob)
    own = [here.ticket(here.alice) for _ in range(5)]
    assert not are_good(here, own[:1])
    later = here.ticket(here.bob)
    assert not are_good(here, own[:2])
    assert are_good(here, [*own[2:], first, later])


def test_guests_of_one_address_share_a_quota(
    room: Callable[..., Room], store: SqlStore, clock: Clock, tmp_path: Path
) -> None:
    """Also under other names, after they have left, and after a restart."""
    here = room(account_bytes=100)
    gus = TestUser(here.chat, "gus")
    gus.types("/join tea")
    here.share(gus, data=b"x" * 90)
    gus.leaves()
    ann = TestUser(here.chat, "ann")
    ann.types("/join tea")
    assert here.sharing.left(here.ticket(ann)) == 10
    far = TestUser(here.chat, "far")
    far.peer.network = "192.0.2.77"
    far.types("/join tea")
    assert here.sharing.left(here.ticket(far)) == 100
    assert here.sharing.left(here.ticket(here.bob)) == 100

    chat = make_chat(store, clock, Config(files=FilesConfig(account_bytes=100)))
    again = FileSharing(chat, Storage(tmp_path / "files"), maybeDeferred)
    again.start({}, {})
    eve = TestUser(chat, "eve")
    eve.types("/join tea")
    ticket, _ = here.result_of(
        again.offer(
            eve.account, "192.0.2.1", GroupFiles(chat, find_group(chat, "tea")), SafeText("x")
        )
    )
    assert again.left(ticket) == 10


@pytest.mark.parametrize("restarted", [True, False], ids=["restarted", "running"])
def test_the_files_of_a_deleted_account(
    restarted: bool, room: Callable[..., Room], store: SqlStore, clock: Clock
) -> None:
    """They stay in the group, and do not belong to the next account of that name."""
    here = room(account_bytes=10)
    clock.advance(60)
    here.share(here.bob, "before.pdf", b"0123456")
    clock.advance(60)
    store.commit([Decision(0, writes=[DeleteAccount(Key("bob"), "bob~0")])])
    Deferred.fromCoroutine(here.chat.stored_accounts.reload())
    for _ in range(5):
        here.alice.tick()
    again = TestUser(here.chat, "bob", "password of bob")
    if restarted:
        again.leaves()
        here.alice.leaves()
        here = room(account_bytes=10)
        again = here.bob
    again.types("/join tea")
    again.sees()
    assert here.sharing.left(here.ticket(again)) == 10
    assert again.types("/remove 1") == ["* Only the admin, alice, can remove the files of others."]
    here.share(again, "after.pdf", b"0123456")
    assert again.types("/remove 2") == ["* bob removed the file after.pdf, number 2."]
    here.alice.sees()
    assert here.alice.types("/remove 1") == ["* alice removed the file before.pdf, number 1."]
    assert here.stored_bytes() == 0


def test_files_of_ignored_people_are_not_listed(room: Callable[..., Room]) -> None:
    """Their names are texts of theirs."""
    here = room()
    here.share(here.bob, "rude-words.txt", b"0123456")
    here.share(here.alice, "cake.txt", b"0123456")
    here.alice.types("/ignore bob")
    assert "cake.txt" in str(here.alice.types("/files"))
    assert "words" not in str(here.alice.types("/files", "/files rude"))
    assert "rude-words.txt" in str(here.bob.types("/files"))
