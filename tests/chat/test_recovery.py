"""The chat when a commit fails: nobody receives lost decisions, and memory follows the store."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from pyconchat.chat.bounds import MAX_TRIES
from pyconchat.chat.chat import Chat
from pyconchat.chat.recovery import RETRY_SECONDS
from pyconchat.config import Config
from pyconchat.domain.decisions import Decision, DeleteAccount, NewEntry, Register
from pyconchat.domain.errors import Code, Conflict, NotSaved, Refused
from pyconchat.domain.events import AdminChanged, Entry, Message, Why
from pyconchat.domain.group_state import GroupState
from pyconchat.domain.names import Key, Name
from pyconchat.domain.stored import ServerState, StoredGroup
from pyconchat.store import SqlStore
from pyconchat.testing import EPOCH, PlainHasher, TestUser
from tests.support.groups import find_group
from tests.support.threads import SlowThreads

NOT_SAVED = "* Not saved: the server cannot store anything now. Try again soon."


GUS_LEFT = "* gus has left the chat (disconnected)."


ENTERED = "* You are in tea"


Visit = Callable[..., TestUser]


class FullDisk(SqlStore):
    """A store on a disk that can be full (no commit succeeds) or *unreadable*."""

    full = False
    unreadable = False

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.commits: list[list[Decision]] = []

    def commit(self, batch: Sequence[Decision]) -> list[list[Entry] | Conflict]:
        self.commits.append(list(batch))
        if self.full:
            raise NotSaved("the disk is full")
        return super().commit(batch)

    def state(self, ids: Iterable[int]) -> tuple[dict[int, StoredGroup], ServerState | None]:
        if self.unreadable:
            raise NotSaved("the disk is gone")
        return super().state(ids)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[FullDisk]:
    disk = FullDisk(f"sqlite:///{tmp_path / 'pyconchat.db'}")
    disk.open()
    yield disk
    disk.close()


@pytest.fixture
def threads() -> SlowThreads:
    return SlowThreads()


@pytest.fixture
def chat(disk: FullDisk, threads: SlowThreads, clock: Clock) -> Chat:
    chat = Chat(
        disk,
        threads,
        clock,
        PlainHasher(),
        Config(),
        wall_clock=lambda: EPOCH + clock.seconds(),
    )
    chat.start(disk.load())
    return chat


# Failed commits.


def state_of(chat: Chat, name: str = "tea") -> GroupState:
    """Return the state of the group; check that memory and store agree."""
    conversation = find_group(chat, name)
    group = conversation.group
    assert group is not None
    stored = chat.store.load().groups[conversation.id]
    assert (group.state, group.version) == (stored.state, stored.version)
    return group.state


def members(chat: Chat, name: str = "tea") -> list[str]:
    """Return the names of the members; check that memory and store agree."""
    return [member.name for member in state_of(chat, name).members]


@pytest.fixture
def tea(visit: Visit) -> tuple[TestUser, TestUser]:
    """The admin alice, and bob, in the open group tea."""
    alice, bob = visit("alice", "password a"), visit("bob", "password b")
    alice.types("/create tea open")
    bob.types("/join tea")
    alice.sees()
    bob.sees()
    return alice, bob


Tea = tuple[TestUser, TestUser]


def test_the_lines_of_one_tick_are_one_commit(tea: Tea, disk: FullDisk) -> None:
    """Lines of several people in one turn are stored together, then delivered."""
    alice, bob = tea
    disk.commits.clear()
    alice.session.line("one")
    bob.session.line("two")
    alice.session.line("/topic three")
    assert (alice.peer.lines, bob.peer.lines, disk.commits) == ([], [], [])
    assert bob.sees() == ["alice: one", "* alice changed the topic: three"]
    assert len(disk.commits) == 1


def test_nothing_is_delivered_before_it_is_stored(tea: Tea, threads: SlowThreads) -> None:
    """During the commit nobody receives the message."""
    alice, bob = tea
    threads.slow = True
    alice.session.line("hello")
    assert (alice.sees(), bob.sees()) == ([], [])
    threads.catch_up()
    assert bob.sees() == ["alice: hello"]


def test_a_message_that_is_not_saved(tea: Tea, disk: FullDisk, chat: Chat) -> None:
    """Its sender gets an error, nobody receives it, and the next message gets its number."""
    alice, bob = tea
    disk.full = True
    assert alice.types("lost", "/me is lost") == [NOT_SAVED, NOT_SAVED]
    assert bob.sees() == []
    disk.full = False
    assert alice.types("kept") == []
    assert bob.sees() == ["alice: kept"]
    assert [event.text for event in alice.log() if isinstance(event, Message)] == ["kept"]


@pytest.mark.parametrize(
    "line",
    [
        *("/kick bob", "/ban bob", "/ban mallory", "/unban trudy", "/transfer bob", "/delete tea"),
        *("/topic lost", "/policy approval", "/policy password x", "/invite carol"),
    ],
)
def test_a_change_that_is_not_saved(
    tea: Tea, visit: Visit, disk: FullDisk, chat: Chat, line: str
) -> None:
    """It changes nothing, nobody receives it, and it can be repeated."""
    alice, bob = tea
    visit("carol", "password c")
    alice.types("/ban trudy")
    alice.peer.answers = ["tea", "tea"]
    bob.sees()
    before = state_of(chat)
    disk.full = True
    assert alice.types(line) == [NOT_SAVED]
    assert bob.sees() == []
    assert state_of(chat) == before
    disk.full = False
    assert alice.types("still here") == []
    assert bob.sees() == ["alice: still here"]
    group = find_group(chat, "tea").group
    assert NOT_SAVED not in alice.types(line)
    assert group.state != before


def test_an_approval_that_is_not_saved(visit: Visit, disk: FullDisk, chat: Chat) -> None:
    """The applicant is not a member, still applies, and can be approved again."""
    alice, bob = visit("alice"), visit("bob")
    alice.types("/create tea")
    bob.types("/join tea")
    disk.full = True
    assert alice.types("/approve bob") == [NOT_SAVED]
    assert bob.sees() == []
    assert members(chat) == ["alice"]
    assert [request.name for request in state_of(chat).requests] == ["bob"]
    disk.full = False
    alice.types("/approve")
    assert members(chat) == ["alice", "bob"]
    assert any("You are in tea" in line for line in bob.sees())
    bob.types("hello")
    assert alice.sees()[-1].endswith("bob: hello")


def test_a_join_that_is_not_saved(tea: Tea, visit: Visit, disk: FullDisk, chat: Chat) -> None:
    """The person is not a member, receives nothing, and may try again."""
    alice, _ = tea
    carol = visit("carol")
    disk.full = True
    assert carol.types("/join tea") == [NOT_SAVED]
    assert carol.session.current is None
    assert members(chat) == ["alice", "bob"]
    disk.full = False
    alice.types("carol does not see this")
    assert carol.sees() == []
    assert ENTERED in "".join(carol.types("/join tea"))
    assert members(chat) == ["alice", "bob", "carol"]


def test_a_group_that_is_not_saved(visit: Visit, disk: FullDisk, chat: Chat) -> None:
    """It does not exist, and its name is free."""
    alice, bob = visit("alice"), visit("bob")
    disk.full = True
    assert alice.types("/create tea open") == [NOT_SAVED]
    assert alice.session.current is None
    assert chat.groups.get("tea") is None
    assert list(chat.groups) == []
    assert chat.groups.memberships(alice.account.key) == []
    disk.full = False
    assert ENTERED in "".join(bob.types("/create tea open"))
    assert members(chat) == ["bob"]
    alice.types("/join tea", "hello")
    assert bob.sees()[-1] == "alice: hello"


def test_a_stale_group_that_may_not_exist(
    visit: Visit, disk: FullDisk, clock: Clock, chat: Chat
) -> None:
    """Nobody is told that its name, or one that looks like it, is taken."""
    alice, bob = visit("alice"), visit("bob")
    disk.full = disk.unreadable = True
    assert alice.types("/create tool open") == [NOT_SAVED]
    disk.full = False
    for name in ("tool", "TOOL", "too1"):
        assert bob.types(f"/create {name} open") == [NOT_SAVED], name
    assert chat.recovering
    disk.unreadable = False
    clock.advance(RETRY_SECONDS)
    assert not chat.recovering
    assert "* You are in tool" in "".join(bob.types("/create tool open"))


def test_the_end_of_a_group_that_is_not_saved(visit: Visit, disk: FullDisk, chat: Chat) -> None:
    """The group keeps its name and its number."""
    alice, bob = visit("alice", "", "yes"), visit("bob")
    alice.types("/create tea open")
    disk.full = True
    assert alice.types("/leave") == [NOT_SAVED]
    assert members(chat) == ["alice"]
    assert chat.groups.get("1") is chat.groups.get("tea")
    disk.full = False
    bob.types("/join tea", "hello")
    assert alice.sees()[-1] == "bob: hello"


def test_a_private_message_that_is_not_saved(visit: Visit, disk: FullDisk, chat: Chat) -> None:
    """Neither the message nor its new conversation exists."""
    alice, bob = visit("alice", "password a"), visit("bob", "password b")
    disk.full = True
    assert alice.types("/msg bob lost") == [NOT_SAVED]
    assert bob.sees() == []
    disk.full = False
    assert disk.direct(("alice", "bob")) is None
    assert alice.types("/msg bob kept") == ["* Sent to bob."]
    assert bob.sees() == ["alice (private): kept"]
    assert bob.types("/msg alice thanks") == ["* Sent to alice."]
    assert alice.sees() == ["bob (private): thanks"]


def test_a_password_that_is_not_saved(visit: Visit, disk: FullDisk, chat: Chat) -> None:
    """The guest is not registered, neither on the server nor in groups."""
    gus = visit("gus", "", "a password", "a password")
    gus.types("/create tea open")
    disk.full = True
    assert gus.types("/password") == [NOT_SAVED]
    assert not gus.account.registered
    assert state_of(chat).members[0].guest
    disk.full = False
    assert NOT_SAVED not in gus.types("/password")
    assert gus.account.registered
    assert not state_of(chat).members[0].guest


def test_a_claim_that_is_not_saved(visit: Visit, disk: FullDisk, chat: Chat) -> None:
    """The claim code is still valid."""
    alice = visit("alice", "password a")
    code = chat.accounts.claim_code
    disk.full = True
    assert alice.types(f"/claim {code}") == [NOT_SAVED]
    assert not alice.account.actor.operator
    assert chat.accounts.claim_code == code
    disk.full = False
    alice.types(f"/claim {code}")
    assert alice.account.actor.operator


def test_a_server_ban_that_is_not_saved(tea: Tea, disk: FullDisk, chat: Chat) -> None:
    """The person is not banned, and still a member of their groups."""
    alice, bob = tea
    alice.types(f"/claim {chat.accounts.claim_code}", "/desk")
    bob.sees()
    disk.full = True
    assert alice.types("/ban bob") == [NOT_SAVED]
    assert bob.sees() == []
    assert not bob.peer.closed
    assert chat.accounts.bans == {}
    assert members(chat) == ["alice", "bob"]
    disk.full = False
    alice.types("/ban bob")
    assert bob.peer.closed
    assert members(chat) == ["alice", "bob"], "a ban keeps memberships"


def test_decisions_during_a_failing_commit_are_lost_too(
    tea: Tea, visit: Visit, disk: FullDisk, threads: SlowThreads, chat: Chat
) -> None:
    """Each sender gets an error."""
    alice, bob = tea
    carol = visit("carol")
    disk.full = threads.slow = True
    alice.session.line("/kick bob")
    alice.tick()  # the commit has begun
    alice.session.line("/topic after the kick")
    alice.session.line("a message after the kick")
    carol.session.line("/join tea")
    carol.session.line("/create coffee")
    threads.catch_up()
    disk.full = False
    assert alice.sees() == [NOT_SAVED] * 3
    assert carol.sees() == [NOT_SAVED] * 2
    assert bob.sees() == []
    assert members(chat) == ["alice", "bob"]
    assert state_of(chat).topic == ""
    assert chat.groups.get("coffee") is None
    assert len(disk.commits[-1]) == 1, "the later decisions were not committed"
    bob.types("hello")
    assert alice.sees() == ["bob: hello"]
    assert ENTERED in "".join(carol.types("/join tea"))


def test_a_failed_commit_affects_no_earlier_message(tea: Tea, disk: FullDisk, chat: Chat) -> None:
    """Messages before the failure are not delivered again."""
    alice, bob = tea
    alice.types("one")
    assert bob.sees() == ["alice: one"]
    disk.full = True
    alice.types("lost")
    disk.full = False
    bob.leaves()
    alice.types("two")
    again = TestUser(chat, "bob", "password b")
    assert [line.partition("] ")[2] or line for line in again.sees()][1:] == ["alice (in tea): two"]


# Recovery.


def test_a_stale_group_refuses_until_it_was_read_again(
    tea: Tea, visit: Visit, disk: FullDisk, clock: Clock, chat: Chat
) -> None:
    """While the store can be neither written nor read, other groups work."""
    alice, bob = tea
    carol = visit("carol")
    carol.types("/create coffee open")
    disk.full = disk.unreadable = True
    assert alice.types("/kick bob") == [NOT_SAVED]
    disk.full = False
    assert alice.types("hello", "/topic x", "/kick bob") == [NOT_SAVED] * 3
    assert bob.types("hello", "/leave") == [NOT_SAVED] * 2
    assert carol.types("/join tea") == [NOT_SAVED]
    assert carol.types("/topic coffee works") == ["* carol changed the topic: coffee works"]
    for _ in range(3):
        clock.advance(RETRY_SECONDS)
        assert bob.types("hello") == [NOT_SAVED]
    disk.unreadable = False
    clock.advance(RETRY_SECONDS)
    assert members(chat) == ["alice", "bob"]
    assert bob.types("back again") == []
    assert alice.sees() == ["bob: back again"]


def test_a_guest_disconnects_while_the_group_is_stale(
    visit: Visit, disk: FullDisk, clock: Clock, chat: Chat
) -> None:
    """The membership ends when the group was read again."""
    alice, gus = visit("alice", "password a"), visit("gus")
    alice.types("/create tea open")
    gus.types("/join tea")
    disk.full = disk.unreadable = True
    alice.types("/topic x")
    disk.full = False
    gus.leaves()
    alice.sees()
    disk.unreadable = False
    for _ in range(3):
        clock.advance(RETRY_SECONDS)
    assert alice.sees() == [GUS_LEFT]
    assert members(chat) == ["alice"]


def test_the_end_of_a_guests_membership_is_retried(
    visit: Visit, disk: FullDisk, threads: SlowThreads, clock: Clock, chat: Chat
) -> None:
    """Once a second, until it is stored."""
    alice, gus = visit("alice", "password a"), visit("gus")
    alice.types("/create tea open")
    gus.types("/join tea")
    alice.sees()
    disk.full = threads.slow = True
    disk.commits.clear()
    gus.leaves()
    for _ in range(30):
        threads.work()
        clock.advance(0)
    assert len(disk.commits) <= 2, "a full disk is not tried in a tight loop"
    assert alice.sees() == []
    disk.full = False
    threads.catch_up()
    for _ in range(3):
        clock.advance(RETRY_SECONDS)
    assert members(chat) == ["alice"]
    assert alice.sees() == [GUS_LEFT]


def test_the_end_of_a_deleted_accounts_membership_is_retried(
    tea: Tea, disk: FullDisk, clock: Clock, chat: Chat
) -> None:
    """As that of a guest."""
    alice, _ = tea
    disk.commit([Decision(0, writes=[DeleteAccount(Key("bob"), "bob~0")])])
    disk.full = True
    Deferred.fromCoroutine(chat.stored_accounts.reload())
    for _ in range(3):
        alice.tick()
    assert members(chat) == ["alice", "bob"]
    disk.full = False
    for _ in range(3):
        clock.advance(RETRY_SECONDS)
    alice.tick()
    assert members(chat) == ["alice"]


def test_a_guest_registers_while_the_group_is_stale(
    visit: Visit, disk: FullDisk, clock: Clock, chat: Chat
) -> None:
    """All of it is stored or nothing; memory and store agree afterwards."""
    alice, gus = visit("alice", "password a"), visit("gus", "", "a password", "a password")
    alice.types("/create tea open")
    gus.types("/join tea")
    disk.full = disk.unreadable = True
    alice.types("/topic x")
    disk.full = False
    gus.types("/password")
    disk.unreadable = False
    for _ in range(3):
        clock.advance(RETRY_SECONDS)
    assert state_of(chat).members[1].guest is not gus.account.registered
    accounts = {each.name for each in chat.store.load().server.accounts}
    assert ("gus" in accounts) is gus.account.registered
    gus.types("/password")
    assert gus.account.registered
    assert not state_of(chat).members[1].guest


# Conflicts: another node has changed the group first.


@pytest.fixture
def change_elsewhere(tmp_path: Path) -> Callable[[], None]:
    """Return a function that changes all groups in the store, but not in memory."""

    def change() -> None:
        database = sqlite3.connect(tmp_path / "pyconchat.db")
        with database:
            database.execute("UPDATE conversations SET version = version + 1 WHERE id > 1")
        database.close()

    return change


def test_a_conflict_is_retried(
    tea: Tea, disk: FullDisk, change_elsewhere: Callable[[], None], chat: Chat
) -> None:
    """The change is decided once more, on the new state; nobody notices."""
    alice, bob = tea
    change_elsewhere()
    disk.commits.clear()
    assert alice.types("/topic tea time") == ["* alice changed the topic: tea time"]
    assert bob.sees() == ["* alice changed the topic: tea time"]
    assert state_of(chat).topic == "tea time"
    assert len(disk.commits) == 2


def test_a_retry_may_be_refused(tea: Tea, chat: Chat, tmp_path: Path) -> None:
    """The new state decides: here, alice is no longer the admin."""
    alice, bob = tea
    conversation = find_group(chat, "tea")
    other = SqlStore(f"sqlite:///{tmp_path / 'pyconchat.db'}")
    other.open()
    transferred = AdminChanged(Name("bob"), Why.TRANSFERRED, Name("alice"))
    other.commit([Decision(0, [NewEntry(conversation.id, transferred, 2)])])
    other.close()
    assert alice.types("/topic tea time") == ["* Only the admin, bob, can change the topic."]
    assert bob.sees() == []
    assert state_of(chat).admin == "bob"
    assert bob.types("/topic mine") == ["* bob changed the topic: mine"]


def test_several_conflicts_are_retried_in_order(
    tea: Tea, change_elsewhere: Callable[[], None], chat: Chat
) -> None:
    """Also changes that depend on each other."""
    alice, bob = tea
    change_elsewhere()
    alice.session.line("/topic tea time")
    alice.session.line("/transfer bob")
    bob.session.line("/kick alice")
    bob.tick()
    assert members(chat) == ["bob"]
    assert (state_of(chat).admin, state_of(chat).topic) == ("bob", "tea time")
    assert any("You were kicked from tea by bob" in line for line in alice.sees())


def test_decisions_that_depend_on_a_conflict_are_retried(
    tea: Tea, threads: SlowThreads, change_elsewhere: Callable[[], None], chat: Chat
) -> None:
    """Also those of the next batch."""
    alice, bob = tea
    change_elsewhere()
    threads.slow = True
    alice.session.line("/topic tea time")
    alice.tick()  # the commit has begun
    alice.session.line("/transfer bob")
    alice.tick()
    threads.catch_up()
    bob.tick()
    assert (state_of(chat).admin, state_of(chat).topic) == ("bob", "tea time")
    assert NOT_SAVED not in alice.sees()
    assert bob.sees() == [
        "* alice changed the topic: tea time",
        "* You are the admin of tea now, appointed by alice.",
    ]


def test_messages_beside_a_conflict_are_stored(
    tea: Tea, change_elsewhere: Callable[[], None], chat: Chat
) -> None:
    """Messages do not change the state, so they cannot conflict."""
    alice, bob = tea
    change_elsewhere()
    alice.session.line("before")
    alice.session.line("/topic tea time")
    alice.session.line("after")
    assert bob.sees() == ["alice: before", "alice: after", "* alice changed the topic: tea time"]
    assert state_of(chat).topic == "tea time"


def test_too_many_conflicts_are_refused(tea: Tea, disk: FullDisk, chat: Chat) -> None:
    """A change is decided again `MAX_TRIES` times; then its sender gets an error."""
    alice, bob = tea
    commit = disk.commit
    conflicts = [*[True] * (MAX_TRIES + 1), False]

    def commit_with_conflicts(batch: Sequence[Decision]) -> list[list[Entry] | Conflict]:
        return [Conflict() for _ in batch] if conflicts.pop(0) else commit(batch)

    disk.commit = commit_with_conflicts  # type: ignore[method-assign]
    assert alice.types("/topic tea time") == [NOT_SAVED]
    assert bob.sees() == []
    assert state_of(chat).topic == ""
    assert alice.types("/topic tea time") == ["* alice changed the topic: tea time"]
    assert state_of(chat).topic == "tea time"


def test_a_name_that_was_registered_elsewhere(chat: Chat, disk: FullDisk, clock: Clock) -> None:
    """It is refused, and the account keeps its password."""
    disk.commit([Decision(0, writes=[Register(Name("eve"), "plain:hers")])])
    refused: list[Failure] = []
    registering = chat.registration.register_new(Name("Eve"), "my password", "192.0.2.1")
    Deferred.fromCoroutine(registering).addErrback(refused.append)
    for _ in range(10):
        clock.advance(0)
    (failure,) = refused
    assert isinstance(failure.value, Refused)
    assert failure.value.code is Code.TAKEN
    assert chat.accounts.get("eve") is None
    assert [each.password_hash for each in disk.load().server.accounts] == ["plain:hers"]


def test_a_guest_whose_name_was_registered_elsewhere(tea: Tea, visit: Visit, chat: Chat) -> None:
    """They stay a guest, in memory and in the store."""
    gus = visit("gus", "", "a password")
    gus.types("/join tea")
    chat.store.commit([Decision(0, writes=[Register(Name("gus"), "plain:his")])])
    said = [line for typed in ("/password", *["my password"] * 2) for line in gus.types(typed)]
    assert any("gus is in use" in line for line in said)
    assert not gus.account.registered
    assert [each.guest for each in state_of(chat).members] == [False, False, True]
