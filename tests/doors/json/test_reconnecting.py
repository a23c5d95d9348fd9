"""JSON mode: after a lost connection nothing is lost, repeated, or executed twice."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from pyconchat.chat.recovery import RETRY_SECONDS
from pyconchat.domain.errors import NotSaved
from pyconchat.domain.events import (
    Action,
    Entry,
    GroupCreated,
    MemberJoined,
    MemberKicked,
    Message,
)
from tests.support.examples import examples
from tests.support.groups import find_group
from tests.support.programs import (
    MemoryServer,
    Object,
    ReconnectingProgram,
    WiredProgram,
    line_of,
)
from tests.support.stores import quick_store

DAY = 24 * 3600


Ask = Callable[..., Object]


def founder(alice: WiredProgram, bob: Ask) -> Iterator[object]:
    """A story: bob creates groups, hands one over, and is kicked out of it."""
    yield bob(line="/create tea open")
    yield bob(line="/create plan password pw")
    yield bob(line="/create tiny invite")
    yield alice.does("/join tea")
    yield alice.does("/join plan pw")
    yield bob(group="tea", text="1 in tea")
    yield alice.does(group="tea", text="2 in tea: \u017c\u00f3\u0142w")
    yield bob(line="/msg alice 1 in private")
    yield alice.does("/msg bob 2 in private")
    yield bob(group="tea", line="/me waves")
    yield bob(group="plan", text="1 in plan")
    yield bob(group="tea", line="/topic all about tea")
    yield alice.does("/leave plan")
    yield bob(group="plan", text="2 in plan, alone")
    yield bob(group="tea", line="/policy approval")
    yield bob(group="tea", line="/transfer alice")
    yield alice.does(group="tea", text="3 in tea")
    yield alice.does("/kick bob out", group="tea")
    yield alice.does(group="tea", text="not for bob")
    yield bob(group="tiny", text="1 in tiny")
    yield alice.does("/msg bob 3 in private")
    yield bob(line="/msg alice 4 in private")


def applicant(alice: WiredProgram, bob: Ask) -> Iterator[object]:
    """A story: bob is rejected, approved, kicked, invited, and joins again."""
    yield alice.does("/create tea")
    yield alice.does(group="tea", text="before bob")
    yield bob(line="/join tea first")
    yield alice.does("/reject bob no", group="tea")
    yield alice.does(group="tea", text="while bob was out")
    yield bob(line="/join tea second")
    yield alice.does("/approve bob", group="tea")
    yield bob(group="tea", text="1 in tea")
    yield alice.does(group="tea", text="2 in tea")
    yield alice.does("/kick bob", group="tea")
    yield alice.does(group="tea", text="while bob was out again")
    yield alice.does("/invite bob", group="tea")
    yield bob(line="/join tea")
    yield bob(group="tea", text="3 in tea")
    yield alice.does("/msg bob 1 in private")
    yield bob(line="/msg alice 2 in private")


STORIES = {"founder": founder, "applicant": applicant}


def memberships(entries: list[Entry], name: str) -> list[tuple[int, int]]:
    """Return the first and the last entry of each membership of *name*."""
    spans: list[tuple[int, int]] = []
    for entry in entries:
        match entry.event:
            case MemberJoined(name=who) | GroupCreated(by=who) if who == name:
                spans.append((entry.seq, 10**9))
            case MemberKicked(name=who) if who == name:
                spans[-1] = (spans[-1][0], entry.seq)
    return spans


def check(server: MemoryServer, log: dict[str, list[int]]) -> None:
    """Check that bob has received what he must, once and in order, and nothing more."""
    for place, seqs in log.items():
        assert seqs == sorted(set(seqs)), f"{place}: {seqs}"
    for conversation in server.chat.groups:
        group = conversation.group
        assert group is not None
        entries = server.store.entries(conversation.id, 0, 10**9, 10**9)
        spans = memberships(entries, "bob")
        must = {e.seq for e in entries if any(a <= e.seq <= b for a, b in spans)}
        got = set(log[group.name])
        assert must <= got, f"{group.name}: lost {must - got}"
        if spans[-1][1] < 10**9:
            assert max(got) == spans[-1][1], f"{group.name}: may not have {max(got)}"
    count = server.store.direct(("alice", "bob"))
    assert count is not None
    assert log["@alice"] == list(range(1, count[1] + 1))


def add_to_log(log: dict[str, list[int]], entries: list[Object]) -> None:
    """Add the numbers of *entries* to *log*."""
    for each in entries:
        place = f"@{each['with']}" if "with" in each else str(each["group"])
        log.setdefault(place, []).append(each["seq"])


@pytest.mark.parametrize("story", STORIES)
def test_reconnecting_after_a_cut_at_any_byte(server: MemoryServer, story: str) -> None:
    """With *since* from the complete lines, every entry is received once, in order.

    The store has no receipt of this connection.
    """
    alice, bob = server.program("alice", "password a"), server.program("bob", "password b")
    for _ in STORIES[story](alice, bob.does):
        pass
    bob.receives()
    whole = bob.received
    bob.cut()
    tried: set[str] = set()
    for cut in range(len(whole) + 1):
        if 0 < cut < len(whole) and whole[cut - 1 : cut] != b"\n":
            continue  # an incomplete line does not count
        before, log = WiredProgram(server.connect()), dict[str, list[int]]()
        before._takes(whole[:cut])
        before.cut()
        add_to_log(log, before.entries)
        if str(log) in tried:
            continue
        tried.add(str(log))
        since = {place: seqs[-1] for place, seqs in log.items()}
        again = server.program("bob", "password b", since=since)
        again.cut()
        add_to_log(log, again.entries)
        check(server, log)
    assert len(tried) > 10


@contextmanager
def another_server() -> Iterator[MemoryServer]:
    """Return a separate server in memory."""
    with tempfile.TemporaryDirectory() as folder:
        store = quick_store(Path(folder))
        server = MemoryServer(store, Clock())
        yield server
        server.stop()
        store.close()


@pytest.mark.parametrize("story", STORIES)
@settings(
    max_examples=examples(6),
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
)
@given(cuts=st.lists(st.tuples(st.integers(100, 700), st.integers(0, 9000)), max_size=12))
def test_reconnecting_after_many_cuts(story: str, cuts: list[tuple[int, int]]) -> None:
    """Each request with a key is executed once, and every entry received once, in order."""
    with another_server() as server:
        alice = server.program("alice", "password a")
        server.program("bob", "password b").cut()
        bob = ReconnectingProgram(server, "bob", "password b", iter(cuts))
        posted: dict[tuple[object, object], int] = {}

        def asks(**fields: object) -> Object:
            answer = bob.asks_until_answered(key=f"key {len(posted)}", **fields)
            assert answer["ok"], (fields, answer)
            posted[fields.get("group"), fields.get("text", len(posted))] = answer.get("seq", 0)
            return answer

        for _ in STORIES[story](alice, asks):
            bob.receives_if_connected()
        bob.stays_connected()
        check(server, bob.log)
        for (place, text), seq in posted.items():
            if isinstance(text, str):
                assert stored(server, str(place), text) == [seq]


def stored(server: MemoryServer, place: str, text: str) -> list[int]:
    """Return the numbers of the messages and actions with *text*."""
    id = find_group(server.chat, place).id
    return [
        entry.seq
        for entry in server.store.entries(id, 0, 10**9, 10**9)
        if isinstance(entry.event, Message | Action) and entry.event.text == text
    ]


KEYED = {
    "message": ({"group": "tea", "text": "once"}, "message"),
    "action": ({"group": "tea", "line": "/me once"}, "action"),
    "private": ({"line": "/msg bob once"}, "message"),
    "create": ({"line": "/create coffee open"}, "created"),
    "approve": ({"group": "club", "line": "/approve bob"}, "joined"),
    "kick": ({"group": "tea", "line": "/kick bob"}, "kicked"),
    "ban": ({"group": "tea", "line": "/ban bob"}, "banned"),
    "topic": ({"group": "tea", "line": "/topic once"}, "topic"),
    "invite": ({"group": "club", "line": "/invite carol"}, "invited"),
    "join": ({"line": "/join carols"}, "joined"),
    "leave": ({"line": "/leave tea", "answers": ["yes"]}, "left"),
}


@pytest.fixture
def keyed(server: MemoryServer, alice: WiredProgram) -> MemoryServer:
    """A server where alice can make all requests of `KEYED`."""
    bob, carol = server.program("bob", "password b"), server.program("carol", "password c")
    bob.does("/join tea")
    alice.does("/create club")
    bob.does("/join club")
    carol.does("/create carols open")
    alice.cut()
    return server


def count_entries(server: MemoryServer) -> int:
    """Return the number of entries in all conversations."""
    return sum(len(server.store.entries(id, 0, 10**9, 10**9)) for id in range(1, 20))


@pytest.mark.parametrize("what", KEYED)
def test_a_request_with_a_repeated_key_is_executed_once(keyed: MemoryServer, what: str) -> None:
    """The answer has the number of the first time, also after a restart of the server."""
    fields, type = KEYED[what]
    alice = keyed.program("alice", "password a")
    start = len(alice.objects)
    first = alice.does(**fields, key="k")
    seq = alice.finds(lambda each: each.get("type") == type and "seq" in each, start)["seq"]
    assert first.get("seq", seq) == seq
    count = count_entries(keyed)
    assert alice.does(**fields, key="k")["seq"] == seq
    again = keyed.program("alice", "password a")
    assert again.does(**fields, key="k")["seq"] == seq
    keyed.restart()
    again = keyed.program("alice", "password a")
    assert again.does(**fields, key="k")["seq"] == seq
    assert count_entries(keyed) == count


@pytest.mark.parametrize("what", KEYED)
def test_a_request_that_was_lost_and_is_not_undone_yet(
    keyed: MemoryServer, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Repeated, it is executed or not saved again. It is never refused because of itself."""
    fields, _ = KEYED[what]
    alice = keyed.program("alice", "password a")

    def fail(_argument: object) -> NoReturn:
        raise NotSaved("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(keyed.store, "commit", fail)
        broken.setattr(keyed.store, "state", fail)
        assert alice.asks(**fields, key="k")["code"] == "not-saved"
        broken.undo()
        broken.setattr(keyed.store, "state", fail)
        answer = alice.asks(**fields, key="k")
        assert answer["ok"] or answer["code"] == "not-saved", answer
    keyed.waits(RETRY_SECONDS)
    assert alice.asks(**fields, key="k")["ok"]
    count = count_entries(keyed)
    assert alice.asks(**fields, key="k")["ok"]
    assert count_entries(keyed) == count


@pytest.mark.parametrize("what", KEYED)
def test_a_key_twice_in_one_packet_is_executed_once(keyed: MemoryServer, what: str) -> None:
    """Both answers have the same number."""
    fields, _ = KEYED[what]
    alice = keyed.program("alice", "password a")
    before = count_entries(keyed)
    alice.sends(line_of(id="a", **fields, key="k") + line_of(id="b", **fields, key="k"))
    first, second = alice.answer("a"), alice.answer("b")
    assert (first["ok"], second["ok"]) == (True, True)
    assert first.get("seq", second["seq"]) == second["seq"]
    count = count_entries(keyed)
    assert alice.does(**fields, key="k")["seq"] == second["seq"]
    assert count_entries(keyed) == count > before


def _with_key(fields: Object, key: str) -> bytes:
    """Return the request with *key*, which also stands in it where that is wanted."""
    return line_of(id=1, **fields, key=key).replace(b"{key}", key.encode())


@pytest.mark.parametrize("what", ["message", "private", "topic"])
def test_a_request_cut_at_any_byte_is_executed_once(keyed: MemoryServer, what: str) -> None:
    """The program sends it again on a new connection."""
    fields, _ = KEYED[what]
    if what == "topic":
        fields = {**fields, "line": "/topic {key}"}  # the same topic is refused the second time
    before = count_entries(keyed)
    length = len(_with_key(fields, "k00"))
    for cut in range(length + 1):
        line = _with_key(fields, f"k{cut:02}")
        alice = keyed.program("alice", "password a", since={"tea": 10**9})
        alice.sends(line[:cut])
        alice.cut()
        keyed.waits(1)  # within the limits of work
        alice = keyed.program("alice", "password a", since={"tea": 10**9})
        alice.sends(line)
        assert alice.answer(1)["ok"]
        alice.cut()
    assert count_entries(keyed) == before + length + 1


def test_the_same_key_of_another_account_is_another_request(
    server: MemoryServer, alice: WiredProgram
) -> None:
    """Keys belong to accounts."""
    bob = server.program("bob", "password b")
    bob.does("/join tea")
    first = alice.does(group="tea", text="a", key="k")
    second = bob.does(group="tea", text="b", key="k")
    assert second["seq"] == first["seq"] + 1


def test_a_later_guest_has_keys_of_its_own(server: MemoryServer, alice: WiredProgram) -> None:
    """A guest's keys are remembered until the guest disconnects."""
    for _ in range(2):
        gus = server.program("gus")
        gus.does("/join tea")
        first = gus.does(group="tea", text="from gus", key="k")
        assert gus.does(group="tea", text="from gus", key="k")["seq"] == first["seq"]
        gus.cut()
    assert len(stored(server, "tea", "from gus")) == 2


def test_a_guest_who_registers_keeps_their_keys(server: MemoryServer, alice: WiredProgram) -> None:
    """Their earlier requests are not executed again."""
    gus = server.program("gus")
    gus.does("/join tea")
    first = gus.does(group="tea", text="from gus", key="k")
    gus.does("/password", answers=["password g", "password g"])
    assert gus.does(group="tea", text="from gus", key="k")["seq"] == first["seq"]


def test_a_repeated_key_is_answered_after_a_kick(server: MemoryServer, alice: WiredProgram) -> None:
    """The earlier message has its number; a new key is refused."""
    bob = server.program("bob", "password b")
    bob.does("/join tea")
    seq = bob.does(group="tea", text="a", key="k")["seq"]
    alice.does("/kick bob", group="tea")
    assert bob.does(group="tea", text="a", key="k")["seq"] == seq
    assert bob.asks(group="tea", text="a", key="new")["code"] == "not-member"
    alice.does("/delete tea", answers=["tea"])
    assert bob.does(group="tea", text="a", key="k")["seq"] == seq


def test_the_key_of_a_refused_request_can_be_used_again(
    server: MemoryServer, alice: WiredProgram
) -> None:
    """A refused request was not executed."""
    bob = server.program("bob", "password b")
    assert bob.asks(group="tea", text="a", key="k")["code"] == "not-member"
    bob.does("/join tea")
    assert bob.does(group="tea", text="a", key="k")["seq"]


def test_keys_are_remembered_for_7_days(server: MemoryServer, alice: WiredProgram) -> None:
    """Within them no request is executed twice."""
    alice.does(group="tea", text="once", key="k")
    server.waits(7 * DAY - 60)
    again = server.program("alice", "password a")
    assert again.does(group="tea", text="once", key="k")["seq"] == 2
    assert stored(server, "tea", "once") == [2]
