"""Files in private conversations: who has a right to them, their quota, and their end."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock

from pyconchat.config import Config, FilesConfig
from pyconchat.domain.decisions import Decision, DeleteAccount
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.names import Key
from pyconchat.domain.text import SafeText
from pyconchat.files import FileSharing, Storage
from pyconchat.files.places import GroupFiles
from pyconchat.files.tickets import Ticket
from pyconchat.store import SqlStore
from pyconchat.testing import TestUser, make_chat, services_of


class Pair:
    """Alice and bob, who talk in private, and carol."""

    def __init__(self, store: SqlStore, clock: Clock, folder: Path, files: FilesConfig) -> None:
        self.store, self.clock, self.folder, self.files = store, clock, folder, files
        self.start()

    def start(self) -> None:
        """Start with the content of the store."""
        self.chat = make_chat(self.store, self.clock, Config(files=self.files))
        self.sharing = FileSharing(self.chat, Storage(self.folder), maybeDeferred)
        services_of(self.chat, self.sharing)
        loaded = self.store.load()
        self.sharing.start(loaded.closed_files, loaded.direct_files)
        self.sharing.clean(2e12)
        people = (TestUser(self.chat, name, f"password {name}") for name in ("alice", "bob"))
        self.alice, self.bob = people
        self.alice.types("/query bob")
        self.bob.types("/query alice")

    def result_of(self, coroutine: Coroutine[Deferred[Any], Any, Any]) -> Any:
        """Return the result of *coroutine*, which may wait for a commit."""
        results: list[Any] = []
        Deferred.fromCoroutine(coroutine).addBoth(results.append)
        self.alice.tick()
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

    def ticket(self, who: TestUser, other: TestUser, name: str = "notes.pdf") -> Ticket:
        """Return a ticket for an upload of *who* to *other*."""
        place = self.result_of(self.sharing.private_files(who.account, other.account))
        ticket, _ = self.result_of(
            self.sharing.offer(who.account, who.session.peer.network, place, SafeText(name))
        )
        assert isinstance(ticket, Ticket)
        self.result_of(self.sharing.issue(ticket))
        return ticket

    def download(self, who: TestUser, other: TestUser, which: str = "1") -> Ticket:
        """Return a ticket for a download of *who*."""
        place = self.result_of(self.sharing.private_files(who.account, other.account))
        ticket = self.sharing.ticket_for(who.account, "192.0.2.1", place, which)
        self.result_of(self.sharing.issue(ticket))
        return ticket

    def upload(self, ticket: Ticket, data: bytes = b"abc") -> Any:
        """Begin the upload of *ticket*, and store its bytes."""
        upload = self.result_of(self.sharing.begin(ticket, 0, len(data)))
        upload.partial.write([data])
        return upload

    def share(self, who: TestUser, other: TestUser, name: str = "a.txt", data: bytes = b"a") -> Any:
        """Share a file, and return it."""
        upload = self.upload(self.ticket(who, other, name), data)
        return self.result_of(self.sharing.share(upload, ""))

    def is_good(self, ticket: Ticket) -> bool:
        """Return whether *ticket* is accepted."""
        try:
            redeeming = self.sharing.redeem(ticket.token, ticket.file is None)
            return self.result_of(redeeming) is ticket
        except Refused:
            return False

    def left(self, who: TestUser) -> int:
        """Return how many bytes of the quota of *who* are left."""
        return self.sharing.quotas.left(who.account.key)

    def delete(self, name: str) -> None:
        """Delete the account *name*, as ``pyconchat-admin`` does."""
        self.store.commit([Decision(0, writes=[DeleteAccount(Key(name), f"{name}~0")])])
        Deferred.fromCoroutine(self.chat.stored_accounts.reload())
        for _ in range(5):
            self.alice.tick()

    def stored_bytes(self) -> int:
        """Return how many bytes are on the disk, of files and of unfinished uploads."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


Make = Callable[..., Pair]


@pytest.fixture
def pair(store: SqlStore, clock: Clock, tmp_path: Path) -> Make:
    return lambda **files: Pair(store, clock, tmp_path / "files", FilesConfig(**files))


def test_both_see_the_files_of_both(pair: Make) -> None:
    """The first may be the first entry of the conversation; nobody else sees any."""
    here = pair()
    carol = TestUser(here.chat, "carol", "password carol")
    for who, other, name in ((here.alice, here.bob, "a.txt"), (here.bob, here.alice, "b.txt")):
        here.share(who, other, name)
        who.sees()
        assert other.sees()[-1].startswith(f"* {who.account.name} shared {name} (1 byte)")
    for user in (here.alice, here.bob):
        assert [line.split()[1:3] for line in user.types("/files")[1:]] == [
            ["1", "a.txt"],
            ["2", "b.txt"],
        ]
        shown = user.types("/get a.txt")
        assert "download" in shown[1]
        assert "shared a.txt" in str(user.types("/history"))
    assert carol.sees() == []
    carol.types("/query alice")
    assert carol.types("/files") == ["* No file was shared with alice; /send FILE shares one."]
    assert "no such file with alice" in str(carol.types("/get 1"))
    assert "no such file with alice" in str(carol.types("/remove 1"))


def test_one_removes_only_ones_own(pair: Make) -> None:
    """The bytes are deleted, and the number is not given to another file."""
    here = pair(account_bytes=100)
    for data in (b"a" * 10, b"b" * 20):
        here.share(here.alice, here.bob, data=data)
    here.bob.sees()
    assert here.bob.types("/remove 2") == [
        "* alice has shared that file; only alice can remove it."
    ]
    assert here.alice.types("/remove 2") == ["* alice removed the file a.txt, number 2."]
    assert here.bob.sees() == ["* alice removed the file a.txt, number 2."]
    assert (here.stored_bytes(), here.left(here.alice), here.left(here.bob)) == (10, 90, 100)
    assert here.share(here.bob, here.alice).number == 3
    assert "no such file" in str(here.alice.types("/remove 2"))


def test_elsewhere_the_line_names_the_conversation(pair: Make) -> None:
    """At the front desk of the receiver."""
    here = pair()
    here.bob.types("/desk")
    here.share(here.alice, here.bob)
    assert here.bob.sees()[-1].startswith("* [@alice] alice shared a.txt")


def test_after_a_restart(pair: Make) -> None:
    """Files, numbers and quotas are the same."""
    here = pair(account_bytes=100)
    here.share(here.alice, here.bob, data=b"a" * 10)
    here.share(here.alice, here.bob, data=b"b" * 20)
    here.alice.types("/remove 2")
    here.start()
    assert (here.stored_bytes(), here.left(here.alice)) == (10, 90)
    ticket = here.download(here.bob, here.alice)
    assert ticket.file is not None
    assert here.sharing.path_of(ticket.file).read_bytes() == b"a" * 10
    assert here.share(here.bob, here.alice).number == 3


def test_two_uploads_that_end_at_once(pair: Make) -> None:
    """Each file has a number of its own, also if they are the first entries."""
    here = pair()
    uploads = [
        here.upload(here.ticket(who, other, name))
        for who, other, name in (
            (here.alice, here.bob, "a"),
            (here.bob, here.alice, "b"),
            (here.alice, here.bob, "c"),
        )
    ]
    shared: list[Any] = []
    for upload in uploads:
        Deferred.fromCoroutine(here.sharing.share(upload, "")).addBoth(shared.append)
    for _ in range(5):
        here.alice.tick()
    assert [(file.name, file.number) for file in shared] == [("a", 1), ("b", 2), ("c", 3)]


def test_tickets_are_for_the_parties(pair: Make) -> None:
    """They end with the file, with a ban from the server, and with the partner's account."""
    here = pair()
    here.share(here.alice, here.bob)
    here.share(here.alice, here.bob)
    fetching, sending = here.download(here.bob, here.alice, "1"), here.ticket(here.bob, here.alice)
    assert here.is_good(fetching)
    assert here.is_good(sending)
    here.alice.types("/remove 1")
    assert not here.is_good(fetching)
    assert here.is_good(sending)
    other = here.download(here.bob, here.alice, "2")
    upload = here.upload(sending)
    here.delete("alice")
    assert not here.is_good(other)
    assert not here.is_good(sending)
    assert here.refusal_of(here.sharing.share(upload, "")) is Code.NO_SUCH_NAME
    assert here.stored_bytes() == 0


@pytest.mark.parametrize("line", ["/ban bob", "/quit everywhere", "/password"])
def test_an_upload_whose_ticket_ends(pair: Make, line: str) -> None:
    """The file is neither shared nor stored, even if only the commit is missing."""
    here = pair()
    here.alice.types(f"/claim {here.chat.accounts.claim_code}", "/desk")
    upload = here.upload(here.ticket(here.bob, here.alice))
    here.bob.peer.answers = ["password bob", "another password"]
    (here.alice if "bob" in line else here.bob).types(line)
    assert here.refusal_of(here.sharing.share(upload, "")) is Code.BAD_TOKEN
    assert here.stored_bytes() == 0


def test_a_ticket_that_ends_while_another_file_is_stored(pair: Make) -> None:
    """It is checked again when it is its turn."""
    here = pair()
    here.alice.types("hello")
    uploads = [here.upload(here.ticket(here.bob, here.alice, name)) for name in "ab"]
    results: dict[str, Any] = {}
    for name, upload in zip("ab", uploads, strict=True):
        sharing = Deferred.fromCoroutine(here.sharing.share(upload, ""))
        sharing.addBoth(lambda result, name=name: results.update({name: result}))
    here.chat.registry.revoke(here.bob.account)
    for _ in range(5):
        here.alice.tick()
    assert results["a"].number == 1
    assert results["b"].value.code is Code.BAD_TOKEN
    assert here.stored_bytes() == 3


@pytest.mark.parametrize("how", ["leaves", "registers"])
def test_the_conversation_of_a_guest(pair: Make, how: str) -> None:
    """Ends with the connection, or as a guest's when they register; the files of both with it."""
    here = pair(account_bytes=100)
    gus = TestUser(here.chat, "gus", "", "password gus", "password gus")
    here.share(gus, here.alice, data=b"g" * 10)
    here.share(here.alice, gus, data=b"a" * 20)
    tickets = [here.download(here.alice, gus), here.download(gus, here.alice, "2")]
    upload = here.upload(here.ticket(gus, here.alice))
    assert here.stored_bytes() == 33
    if how == "leaves":
        gus.leaves()
    else:
        gus.types("/password")
    here.alice.tick()
    assert [*map(here.is_good, tickets)] == [False, False]
    with pytest.raises(Refused):
        here.result_of(here.sharing.share(upload, ""))
    assert (here.stored_bytes(), here.left(here.alice)) == (0, 100)
    if how == "leaves":
        again = TestUser(here.chat, "gus")
        again.types("/query alice")
        assert "No file was shared" in str(again.types("/files"))


def test_a_guest_removes_their_own(pair: Make) -> None:
    """In private it is certain whose a file is."""
    here = pair()
    gus = TestUser(here.chat, "gus")
    here.share(gus, here.alice)
    gus.types("/query alice")
    assert gus.types("/remove 1") == ["* gus removed the file a.txt, number 1."]
    assert here.stored_bytes() == 0


def test_the_files_of_guests_after_a_crash(pair: Make) -> None:
    """Nobody can get them any more: they are deleted, and count for nobody."""
    here = pair(account_bytes=100)
    gus = TestUser(here.chat, "gus")
    here.share(here.alice, gus, data=b"a" * 20)
    here.start()
    assert (here.stored_bytes(), here.left(here.alice)) == (0, 100)


@pytest.mark.parametrize("running", [True, False])
def test_a_deleted_account(pair: Make, running: bool) -> None:
    """The files of its private conversations are deleted; the next of that name gets none."""
    here = pair(account_bytes=100)
    here.share(here.alice, here.bob, data=b"a" * 10)
    here.share(here.bob, here.alice, data=b"b" * 20)
    if running:
        here.delete("bob")
    else:
        here.store.commit([Decision(0, writes=[DeleteAccount(Key("bob"), "bob~0")])])
        here.start()
    assert (here.stored_bytes(), here.left(here.alice)) == (0, 100)
    assert here.store.load().direct_files == {}
    bob = TestUser(here.chat, "bob", "password bob")
    bob.types("/query alice")
    assert "No file was shared" in str(bob.types("/files"))
    assert here.left(bob) == 100


def test_an_account_that_is_deleted_while_its_file_is_stored(pair: Make) -> None:
    """The file is deleted when it is stored."""
    here = pair(account_bytes=100)
    here.alice.types("hello")
    upload = here.upload(here.ticket(here.alice, here.bob))
    Deferred.fromCoroutine(here.sharing.share(upload, "")).addBoth(lambda _: None)
    here.delete("bob")
    assert (here.stored_bytes(), here.left(here.alice)) == (0, 100)
    assert here.store.load().direct_files == {}


def test_a_quota_counts_all_places(pair: Make) -> None:
    """Files in groups and in private together."""
    here = pair(account_bytes=30)
    here.share(here.alice, here.bob, data=b"a" * 10)
    here.alice.types("/create tea open")
    conversation = here.alice.session.current
    place = GroupFiles(here.chat, conversation)  # type: ignore[arg-type]
    offer = here.sharing.offer(here.alice.account, "192.0.2.1", place, SafeText("x"))
    ticket, _ = here.result_of(offer)
    assert here.sharing.left(ticket) == 20
    here.result_of(here.sharing.share(here.upload(ticket, b"x" * 20), ""))
    with pytest.raises(Refused) as caught:
        here.ticket(here.alice, here.bob)
    assert caught.value.code is Code.QUOTA


def test_the_partner_ignores_the_sender(pair: Make) -> None:
    """Then the file is not announced."""
    here = pair()
    here.bob.types("/ignore alice")
    here.share(here.alice, here.bob)
    assert here.bob.sees() == []
