"""The tick: stored first, then shown; and what becomes of what could not be stored."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar, cast

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from pyconchat.chat.chat import Chat
from pyconchat.chat.interfaces import IJournal, IStore
from pyconchat.chat.journal import MAX_PENDING, MAX_TURNS, MAX_WRITES_PER_TURN, Journal
from pyconchat.chat.pending import PendingDecision
from pyconchat.chat.recovery import RETRY_SECONDS
from pyconchat.chat.statistics import Statistics
from pyconchat.config import Config
from pyconchat.domain.decisions import Decision, NewEntry
from pyconchat.domain.errors import Conflict, NotSaved
from pyconchat.domain.events import AdminChanged, Entry, Message, Why
from pyconchat.domain.group_state import GroupState
from pyconchat.domain.names import Name
from pyconchat.domain.stored import ServerState, StoredGroup
from pyconchat.domain.text import SafeText
from pyconchat.store import SqlStore
from pyconchat.testing import EPOCH, PlainHasher, TestUser
from tests.support.threads import SlowThreads
from tests.support.turns import Turns

T = TypeVar("T")

NOT_SAVED = "* Not saved: the server cannot store anything now. Try again soon."
GUS_LEFT = "* gus has left the chat (disconnected)."
ENTERED = "* You are in tea"

Visit = Callable[..., TestUser]


class FullDisk(SqlStore):
    """A store on a disk that can be full: then nothing is stored, or not even read."""

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

    def state(self, ids: Iterable[int]) -> tuple[dict[int, StoredGroup], ServerState]:
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


@pytest.fixture(autouse=True)
def _nothing_goes_wrong() -> Iterator[None]:
    """Whatever the disk does, no traceback is logged."""
    with capturedLogs() as events:
        yield
    failures = [event["log_failure"] for event in events if "log_failure" in event]
    assert [failure.getTraceback() for failure in failures] == []


# The journal by itself.


class Bench:
    """A journal on a bench: a slow store that numbers what it is given, and what came of it."""

    def __init__(self) -> None:
        self.clock = Turns()
        self.threads = SlowThreads()
        self.threads.slow = True
        self.batches: list[list[str]] = []
        self.happened: list[str] = []
        self.result: Exception | None = None  # what the next commit raises
        self.pieces = 1  # in which a batch is shown
        self.late: set[str] = set()  # what it finds to be decided on a state that has passed
        store = cast("IStore", self)  # all that a journal asks of a store is `commit`
        self.journal = Journal(
            store,
            self.threads,
            self.clock,
            self._publish,
            self._recover,
            Statistics(self.clock.seconds),
        )

    def append(self, *names: str) -> None:
        """Append a decision of each name."""
        for name in names:
            done: Deferred[None] = Deferred()
            done.addCallbacks(
                lambda _, name=name: self.happened.append(f"done {name}"),
                lambda failure, name=name: failure.trap(NotSaved),
            )
            message = Message(Name("alice"), SafeText(name))
            self.journal.append(Decision(0, [NewEntry(2, message)]), done=done)

    def work(self) -> None:
        """Let the thread do one thing, and the reactor what comes of it."""
        self.threads.work()
        self.clock.advance(0)

    def gather(self) -> None:
        """Let as many turns pass as a batch waits for others at most."""
        for _ in range(MAX_TURNS):
            self.clock.advance(0)

    def commit(self, batch: Sequence[Decision]) -> list[list[Entry] | Conflict]:
        names = [name_of(decision) for decision in batch]
        self.batches.append(names)
        if self.result is not None:
            error, self.result = self.result, None
            raise error
        self.happened.append(f"stored {' '.join(names)}")
        return [Conflict() if name in self.late else [] for name in names]

    def _publish(
        self, decisions: Sequence[PendingDecision], entries: Sequence[Sequence[Entry]]
    ) -> Iterator[int]:
        assert len(decisions) == len(entries)
        if not decisions:
            return
        names = " ".join(name_of(pending.decision) for pending in decisions)
        for piece in range(self.pieces - 1):
            self.happened.append(f"piece {piece} {names}")
            yield MAX_WRITES_PER_TURN
        self.happened.append(f"published {names}")
        yield 1

    def _recover(self, journal: IJournal, decisions: Sequence[PendingDecision]) -> None:
        names = " ".join(name_of(pending.decision) for pending in decisions)
        self.happened.append(f"lost {names}")
        for pending in decisions:
            pending.not_saved()


def name_of(decision: Decision) -> str:
    """Return the name under which *decision* was appended."""
    event = decision.entries[0].event
    assert isinstance(event, Message)
    return event.text


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_tick_is_one_commit(bench: Bench) -> None:
    """All that is appended in one turn of the reactor is one batch, in its order."""
    bench.append("a", "b")
    bench.append("c")
    assert bench.batches == []
    bench.clock.advance(0)
    bench.work()
    assert bench.batches == [["a", "b", "c"]]
    bench.clock.advance(0)
    bench.append("d")
    bench.gather()
    bench.work()
    assert bench.batches == [["a", "b", "c"], ["d"]]


def test_what_comes_during_a_commit_is_the_next_batch(bench: Bench) -> None:
    """While one commit is under way no other is, and the rest gathers."""
    bench.append("a")
    bench.clock.advance(0)
    bench.append("b")
    bench.clock.advance(0)
    bench.append("c")
    bench.clock.advance(0)
    bench.work()
    assert bench.batches == [["a"]]
    bench.work()
    assert bench.batches == [["a"], ["b", "c"]]


def test_nothing_is_published_before_it_is_stored(bench: Bench) -> None:
    """Store, then publish, then tell those who wait: for each batch, in order."""
    bench.append("a", "b")
    bench.clock.advance(0)
    bench.append("c")
    assert bench.happened == []
    bench.work()
    first = ["stored a b", "published a b", "done a", "done b"]
    assert bench.happened == first
    bench.gather()
    bench.work()
    assert bench.happened == [*first, "stored c", "published c", "done c"]


def test_a_failure_takes_along_what_came_meanwhile(bench: Bench) -> None:
    """What was decided during a commit that fails may stand on it, and is lost with it."""
    bench.append("a")
    bench.clock.advance(0)
    bench.append("b")
    bench.result = NotSaved("the disk is full")
    bench.work()
    assert bench.happened == ["lost a b"]
    bench.append("c")
    bench.clock.advance(0)
    bench.work()
    assert bench.happened == ["lost a b", "stored c", "published c", "done c"]
    assert bench.batches == [["a"], ["c"]]


def test_a_conflict_is_one_decisions_own(bench: Bench) -> None:
    """What else was stored with it is published; what waits is stored next."""
    bench.late = {"b"}
    bench.append("a", "b", "c")
    bench.clock.advance(0)
    bench.append("d")
    bench.work()
    assert bench.happened == ["stored a b c", "published a c", "done a", "done c", "lost b"]
    bench.gather()
    bench.work()
    assert bench.happened[5:] == ["stored d", "published d", "done d"]


def test_reading_in_order(bench: Bench) -> None:
    """A read in order sees what is being committed, after that was published, and no later."""
    bench.append("a")
    bench.clock.advance(0)
    bench.append("b")
    reading = bench.journal.read_in_order(lambda: list(bench.happened))
    bench.work()
    bench.work()
    assert_fired(reading, ["stored a", "published a", "done a"])
    bench.work()
    assert bench.batches == [["a"], ["b"]]


def assert_fired(deferred: Deferred[T], result: T) -> None:
    """Check that *deferred* has fired with *result*."""
    results: list[T] = []
    deferred.addCallback(results.append)
    assert results == [result]


def test_the_journal_is_full_at_its_bound(bench: Bench) -> None:
    """What may wait for a commit is bounded; there is room again when the next one begins."""
    bench.append("first")
    bench.clock.advance(0)
    bench.append(*["waits"] * (MAX_PENDING - 1))
    assert not bench.journal.full
    assert_fired(bench.journal.when_not_full(), None)
    bench.append("last")
    assert bench.journal.full
    fired: list[None] = []
    for _ in range(2):
        bench.journal.when_not_full().addCallback(fired.append)
    assert fired == []
    bench.work()
    assert not bench.journal.full
    assert fired == [None, None]
    assert_fired(bench.journal.when_not_full(), None)
    bench.work()
    assert len(bench.batches[1]) == MAX_PENDING


def test_there_is_room_after_a_failure(bench: Bench) -> None:
    """Who waits for room is not forgotten when everything that took it is lost."""
    bench.append("first")
    bench.clock.advance(0)
    bench.append(*["waits"] * MAX_PENDING)
    room = bench.journal.when_not_full()
    bench.result = NotSaved("the disk is full")
    bench.work()
    assert_fired(room, None)
    assert not bench.journal.full


def test_idle_is_when_everything_is_published(bench: Bench) -> None:
    """Before the server stops, all that was said is stored and shown."""
    assert_fired(bench.journal.when_idle(), None)
    bench.append("a")
    fired: list[None] = []
    bench.journal.when_idle().addCallback(fired.append)
    bench.clock.advance(0)
    bench.append("b")
    bench.work()
    assert fired == []
    bench.work()
    assert fired == [None]
    assert bench.happened[-1] == "done b"


def begin(bench: Bench, *names: str) -> None:
    """Have *names* in a commit that is under way."""
    bench.append(*names)
    bench.clock.advance(0)


def test_a_batch_waits_a_moment_for_as_many_as_of_late(bench: Bench) -> None:
    """Who answers the same message is stored together; who is alone waits a few turns at most."""
    begin(bench, "a", "b", "c", "d")
    bench.work()
    begin(bench, "e")
    bench.append("f", "g")
    begin(bench, "h")
    bench.work()
    assert bench.batches == [["a", "b", "c", "d"], ["e", "f", "g", "h"]]
    bench.append("i")
    for _ in range(MAX_TURNS - 1):
        bench.clock.advance(0)
    assert bench.threads.idle
    bench.clock.advance(0)
    bench.work()
    assert bench.batches[2:] == [["i"]]


def test_a_batch_is_stored_while_the_one_before_is_shown(bench: Bench) -> None:
    """What goes to many goes in pieces; the next batch is shown only when all of it is out."""
    bench.pieces = 3
    begin(bench, "a")
    bench.append("b")
    bench.threads.work()
    shown = ["stored a", "piece 0 a"]
    assert bench.happened == shown
    bench.clock.advance(0)
    bench.threads.work()
    shown += ["piece 1 a", "stored b"]
    assert bench.happened == shown
    bench.append("c")
    bench.clock.advance(0)
    assert bench.threads.idle, "one is shown and one waits: no third is under way"
    shown += ["published a", "done a", "piece 0 b"]
    assert bench.happened == shown
    bench.clock.advance(0)
    bench.threads.work()
    assert bench.happened == [*shown, "piece 1 b", "stored c"]


def test_a_small_batch_waits_until_the_large_one_is_shown(bench: Bench) -> None:
    """It could not be shown before, and what comes meanwhile goes along."""
    begin(bench, "a", "b")
    bench.pieces = MAX_TURNS + 3
    bench.work()
    bench.append("c")
    for _ in range(MAX_TURNS):
        bench.clock.advance(0)
    assert bench.threads.idle
    begin(bench, "d")
    bench.work()
    assert bench.batches == [["a", "b"], ["c", "d"]]


@pytest.mark.parametrize("trouble", ["a failure", "a conflict", "a read in order"])
def test_all_is_shown_before_what_comes_after_it(bench: Bench, trouble: str) -> None:
    """A failure, a conflict and a read in order find nothing half shown."""
    bench.pieces = 3
    begin(bench, "a")
    bench.threads.work()
    begin(bench, "b")
    assert bench.happened == ["stored a", "piece 0 a", "piece 1 a"]
    match trouble:
        case "a failure":
            bench.result = NotSaved("the disk is full")
            bench.threads.work()
            assert bench.happened[3:] == ["published a", "done a", "lost b"]
        case "a conflict":
            bench.late = {"b"}
            bench.threads.work()
            assert bench.happened[3:] == ["stored b", "published a", "done a", "lost b"]
        case _:
            reading = bench.journal.read_in_order(lambda: None)
            reading.addCallback(lambda _: bench.happened.append("read"))
            bench.threads.work()
            bench.threads.work()
            assert bench.happened[-2:] == ["done b", "read"]
    fired: list[None] = []
    bench.journal.when_idle().addCallback(fired.append)
    bench.clock.advance(0)
    assert fired == [None]


def test_idle_is_not_before_the_last_piece(bench: Bench) -> None:
    """A server that stops shows all that it has stored."""
    bench.pieces = 2
    begin(bench, "a")
    bench.threads.work()
    fired: list[None] = []
    bench.journal.when_idle().addCallback(fired.append)
    assert fired == []
    bench.clock.advance(0)
    assert fired == [None]


# The journal and the chat.


def state_of(chat: Chat, name: str = "tea") -> GroupState:
    """Return what the group is in memory, which must be what is stored."""
    conversation = chat.groups.find(name)
    group = conversation.group
    assert group is not None
    stored = chat.store.load().groups[conversation.id]
    assert (group.state, group.version) == (stored.state, stored.version)
    return group.state


def members(chat: Chat, name: str = "tea") -> list[str]:
    """Return who is in the group, in memory and in the store."""
    return [member.name for member in state_of(chat, name).members]


@pytest.fixture
def tea(visit: Visit) -> tuple[TestUser, TestUser]:
    """The group tea, of alice, who is its admin, and bob."""
    alice, bob = visit("alice", "password a"), visit("bob", "password b")
    alice.types("/create tea open")
    bob.types("/join tea")
    alice.sees()
    bob.sees()
    return alice, bob


Tea = tuple[TestUser, TestUser]


def test_all_that_is_typed_in_a_tick_is_one_commit(tea: Tea, disk: FullDisk) -> None:
    """What several people type in one turn is stored at once, and only then shown."""
    alice, bob = tea
    disk.commits.clear()
    alice.session.line("one")
    bob.session.line("two")
    alice.session.line("/topic three")
    assert (alice.peer.lines, bob.peer.lines, disk.commits) == ([], [], [])
    assert bob.sees() == ["alice: one", "* alice changed the topic: three"]
    assert len(disk.commits) == 1


def test_nobody_sees_what_is_not_stored_yet(tea: Tea, threads: SlowThreads) -> None:
    """While the commit is under way, nothing that it stores is shown to anybody."""
    alice, bob = tea
    threads.slow = True
    alice.session.line("hello")
    assert (alice.sees(), bob.sees()) == ([], [])
    threads.catch_up()
    assert bob.sees() == ["alice: hello"]


def test_a_message_that_is_not_saved(tea: Tea, disk: FullDisk, chat: Chat) -> None:
    """The sender is told, nobody else sees anything, and the next message takes its number."""
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
        *("/kick bob", "/ban bob", "/ban mallory", "/unban trudy", "/transfer bob", "/leave"),
        *("/topic lost", "/policy approval", "/policy password x", "/invite carol"),
    ],
)
def test_a_change_that_is_not_saved(
    tea: Tea, visit: Visit, disk: FullDisk, chat: Chat, line: str
) -> None:
    """A command that cannot be stored changes nothing, shows nothing, and works later."""
    alice, bob = tea
    visit("carol", "password c")
    alice.types("/ban trudy")
    bob.sees()
    before = state_of(chat)
    disk.full = True
    assert alice.types(line) == [NOT_SAVED]
    assert bob.sees() == []
    assert state_of(chat) == before
    disk.full = False
    assert alice.types("still here") == []
    assert bob.sees() == ["alice: still here"]
    assert NOT_SAVED not in alice.types(line)
    assert chat.groups.find("tea").group.state != before  # type: ignore[union-attr]
    state_of(chat)


def test_an_approval_that_is_not_saved(visit: Visit, disk: FullDisk, chat: Chat) -> None:
    """Whom the admin approved is not a member, still asks, and can be approved again."""
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
    """Who could not be let in is not in, hears nothing, and may try again."""
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
    """A group that could not be stored does not exist, and its name is free."""
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


def test_a_group_that_closes_and_is_not_saved(visit: Visit, disk: FullDisk, chat: Chat) -> None:
    """A group whose end could not be stored is there, with its name and its number."""
    alice, bob = visit("alice"), visit("bob")
    alice.types("/create tea open")
    disk.full = True
    assert alice.types("/leave") == [NOT_SAVED]
    assert members(chat) == ["alice"]
    assert chat.groups.get("1") is chat.groups.get("tea")
    disk.full = False
    bob.types("/join tea", "hello")
    assert alice.sees()[-1] == "bob: hello"


def test_a_private_message_that_is_not_saved(visit: Visit, disk: FullDisk, chat: Chat) -> None:
    """Neither the message nor the conversation that it would have begun is there."""
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
    """A guest who could not be registered is a guest still, here and in their groups."""
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
    """The claim code of an operator who could not be stored is good for another try."""
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
    """Who could not be banned is not banned: neither here nor out of the groups."""
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
    assert members(chat) == ["alice"]


def test_what_was_decided_meanwhile_is_lost_too(
    tea: Tea, visit: Visit, disk: FullDisk, threads: SlowThreads, chat: Chat
) -> None:
    """What was decided during a commit that fails is undone, and all who asked are told."""
    alice, bob = tea
    carol = visit("carol")
    disk.full = threads.slow = True
    alice.session.line("/kick bob")
    alice.tick()  # the commit is under way
    alice.session.line("/topic on top of the kick")
    alice.session.line("said on top of the kick")
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
    assert len(disk.commits[-1]) == 1, "what came too late was not even tried"
    bob.types("hello")
    assert alice.sees() == ["bob: hello"]
    assert ENTERED in "".join(carol.types("/join tea"))


def test_a_store_that_fails_in_any_way_loses_nothing_else(
    tea: Tea, disk: FullDisk, chat: Chat
) -> None:
    """What people are told before the failure stays told, and is not told again."""
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


def test_until_it_was_read_again_a_group_waits(
    tea: Tea, visit: Visit, disk: FullDisk, clock: Clock, chat: Chat
) -> None:
    """While the store can be neither written nor read, its groups refuse, and others work."""
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


def test_a_guest_who_left_meanwhile_is_gone(
    visit: Visit, disk: FullDisk, clock: Clock, chat: Chat
) -> None:
    """The membership of a guest who disconnects while a group is in doubt ends afterwards."""
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


def test_a_guest_whose_end_is_not_saved_is_gone(
    visit: Visit, disk: FullDisk, threads: SlowThreads, clock: Clock, chat: Chat
) -> None:
    """The end of a guest's membership is tried again, now and then, until it is stored."""
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
    assert len(disk.commits) <= 2, "a full disk is not asked all the time"
    assert alice.sees() == []
    disk.full = False
    threads.catch_up()
    for _ in range(3):
        clock.advance(RETRY_SECONDS)
    assert members(chat) == ["alice"]
    assert alice.sees() == [GUS_LEFT]


def test_a_guest_who_registers_while_the_group_is_in_doubt(
    visit: Visit, disk: FullDisk, clock: Clock, chat: Chat
) -> None:
    """Either all of it is stored or none, and memory and store agree afterwards."""
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


# Conflicts: another node was quicker.


@pytest.fixture
def elsewhere(tmp_path: Path) -> Callable[[], None]:
    """Another node changes every group, without a trace in memory."""

    def change() -> None:
        database = sqlite3.connect(tmp_path / "pyconchat.db")
        with database:
            database.execute("UPDATE conversations SET version = version + 1 WHERE id > 1")
        database.close()

    return change


def test_a_conflict_is_decided_once_more(
    tea: Tea, disk: FullDisk, elsewhere: Callable[[], None], chat: Chat
) -> None:
    """A change that came too late is decided on the new state; nobody notices."""
    alice, bob = tea
    elsewhere()
    disk.commits.clear()
    assert alice.types("/topic tea time") == ["* alice changed the topic: tea time"]
    assert bob.sees() == ["* alice changed the topic: tea time"]
    assert state_of(chat).topic == "tea time"
    assert len(disk.commits) == 2


def test_what_can_no_longer_be_done_is_refused(tea: Tea, chat: Chat, tmp_path: Path) -> None:
    """The second decision is made by the new state: here, alice is the admin no more."""
    alice, bob = tea
    conversation = chat.groups.find("tea")
    other = SqlStore(f"sqlite:///{tmp_path / 'pyconchat.db'}")
    other.open()
    handed = AdminChanged(Name("bob"), Why.TRANSFERRED, Name("alice"))
    other.commit([Decision(0, [NewEntry(conversation.id, handed, 2)])])
    other.close()
    assert alice.types("/topic tea time") == ["* Only the admin, bob, can change the topic."]
    assert bob.sees() == []
    assert state_of(chat).admin == "bob"
    assert bob.types("/topic mine") == ["* bob changed the topic: mine"]


def test_several_late_changes_are_all_decided_once_more(
    tea: Tea, elsewhere: Callable[[], None], chat: Chat
) -> None:
    """Changes that stand on each other are decided again in their order."""
    alice, bob = tea
    elsewhere()
    alice.session.line("/topic tea time")
    alice.session.line("/transfer bob")
    bob.session.line("/kick alice")
    bob.tick()
    assert members(chat) == ["bob"]
    assert (state_of(chat).admin, state_of(chat).topic) == ("bob", "tea time")
    assert any("You were kicked from tea by bob" in line for line in alice.sees())


def test_what_was_decided_during_a_conflict_is_decided_once_more(
    tea: Tea, threads: SlowThreads, elsewhere: Callable[[], None], chat: Chat
) -> None:
    """What stands on a change that comes too late is late too, also in the next batch."""
    alice, bob = tea
    elsewhere()
    threads.slow = True
    alice.session.line("/topic tea time")
    alice.tick()  # the commit is under way
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


def test_what_is_said_beside_a_conflict_is_stored(
    tea: Tea, elsewhere: Callable[[], None], chat: Chat
) -> None:
    """Messages change no state: they are stored and shown, whatever becomes of the rest."""
    alice, bob = tea
    elsewhere()
    alice.session.line("before")
    alice.session.line("/topic tea time")
    alice.session.line("after")
    assert bob.sees() == ["alice: before", "alice: after", "* alice changed the topic: tea time"]
    assert state_of(chat).topic == "tea time"


def test_a_second_conflict_is_told(tea: Tea, disk: FullDisk, chat: Chat) -> None:
    """Once more is once: who comes too late again is told, and may type it again."""
    alice, bob = tea
    commit = disk.commit
    late = [True, True, False]

    def commit_late(batch: Sequence[Decision]) -> list[list[Entry] | Conflict]:
        return [Conflict() for _ in batch] if late.pop(0) else commit(batch)

    disk.commit = commit_late  # type: ignore[method-assign]
    assert alice.types("/topic tea time") == [NOT_SAVED]
    assert bob.sees() == []
    assert state_of(chat).topic == ""
    assert alice.types("/topic tea time") == ["* alice changed the topic: tea time"]
    assert state_of(chat).topic == "tea time"
