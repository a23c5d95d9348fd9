"""JSON mode over a wire in memory, held to docs/line-protocol.rst."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from pyconchat.commands import TABLE
from pyconchat.config import Config, LimitsConfig
from pyconchat.domain.events import (
    Action,
    AnyEvent,
    Entry,
    GroupCreated,
    MemberJoined,
    MemberKicked,
    Message,
)
from pyconchat.domain.names import Name
from pyconchat.domain.replies import Ended, EndWhy, Live, PresenceChanged, Reply, Where
from pyconchat.domain.text import SafeText
from pyconchat.doors.json.door import MAX_BAD_LINES
from pyconchat.render.json import event_object, reply_object
from pyconchat.store import SqlStore
from tests.support.examples import examples
from tests.support.programs import (
    House,
    Object,
    Stubborn,
    WiredProgram,
    line_of,
    numbers,
    pieces,
)
from tests.support.stores import quick_store

DAY = 24 * 3600
ALL = 10**9
DOCS = (Path(__file__).parents[2] / "docs" / "line-protocol.rst").read_text()


@pytest.fixture
def house(store: SqlStore, clock: Clock) -> Iterator[House]:
    """A server in memory, without limits on rates."""
    house = House(store, clock)
    yield house
    house.closes()


@pytest.fixture
def limited(store: SqlStore, clock: Clock) -> Iterator[Callable[..., House]]:
    """Make a server in memory with these limits."""
    houses: list[House] = []

    def make(lobby: str | None = None, guests: bool = True, **limits: Any) -> House:
        config = Config(lobby=lobby, guests=guests, limits=LimitsConfig(**limits))
        houses.append(House(store, clock, config))
        return houses[-1]

    yield make
    for house in houses:
        house.closes()


@pytest.fixture
def alice(house: House) -> WiredProgram:
    """The admin of tea, which is open."""
    alice = house.program("alice", "password a")
    alice.does("/create tea open")
    return alice


def operator(house: House) -> WiredProgram:
    """Return a program that is the server's operator."""
    olga = house.program("olga", "password o")
    code = house.store.load().server.claim_code
    assert olga.does(f"/claim {code}")["type"] == "done"
    return olga


def shapes(beginning: str) -> dict[str, tuple[str, str]]:
    """Return the rows of the first table after *beginning*: what stands first, and the others."""
    page = DOCS[DOCS.index(beginning) :]
    table = re.search(r"(?m)^=+  =.*\n(?:.+\n)+", page)
    assert table is not None
    border, *lines = table[0].splitlines()
    columns = [match.start() for match in re.finditer(r"=+", border)]
    rows: list[list[str]] = []
    for line in lines[: lines.index(border, 2)]:
        if line == border:
            rows.clear()  # that was the head
            continue
        ends = [*columns[1:], None]
        cells = [line[start:end].strip() for start, end in zip(columns, ends, strict=True)]
        if cells[0]:
            rows.append(cells)
        else:
            rows[-1] = [f"{a} {b}".strip() for a, b in zip(rows[-1], cells, strict=True)]
    return {row[0].strip("`"): (row[1], row[-1]) for row in rows}


def words(cell: str) -> set[str]:
    """Return the fields that a cell names in its literals."""
    return set(" ".join(re.findall(r"``([^`]+)``", cell)).split())


# Hello.


def test_the_answer_to_a_hello_is_as_documented(house: House) -> None:
    """Fields, and fields of fields, are those of the example; values have its types."""
    example = re.search(r'\{"hello": 1, "ok": true,.*?\n\n', DOCS, re.DOTALL)
    assert example is not None
    documented = json.loads(re.sub(r"\n *", " ", example[0]).replace("NAME…", "NAME"))
    alice = house.program("alice", "password a")
    alice.does("/create tea open")
    answer = house.program("alice", "password a").hello
    assert kinds(answer) == kinds(documented)
    assert kinds(answer["groups"][0]) == kinds(documented["groups"][0])
    approve = next(each for each in answer["commands"] if each["name"] == "approve")
    expected = documented["commands"][0]
    assert {key: approve[key] for key in ("name", "also")} == {
        key: expected[key] for key in ("name", "also")
    }
    assert kinds(approve) == kinds(expected)
    assert kinds(approve["arguments"][0]) == kinds(expected["arguments"][0])
    assert answer["line_bytes"] == 4096


def kinds(fields: Object) -> dict[str, type]:
    """Return the type of each field."""
    return {name: type(value) for name, value in fields.items()}


def test_a_password_registers_a_new_name(house: House) -> None:
    """Who comes back with it is the same account; a token is given both times."""
    first = house.program("alice", "password a").hello
    again = house.program("Alice", "password a").hello
    assert first["registered"]
    assert again["name"] == "alice"
    assert first["token"] != again["token"]


def test_a_guest_has_no_token(house: House) -> None:
    """Without a password a new name is a guest's."""
    hello = house.program("gus").hello
    assert not hello["registered"]
    assert "token" not in hello


def test_a_token_lets_in_without_hashing(house: House) -> None:
    """The hasher, which is slow on purpose, is not asked."""
    token = house.program("alice", "password a").hello["token"]
    asked = house.hasher.asked
    hello = house.program("alice", token=token).hello
    assert hello["registered"]
    assert hello["token"] == token
    assert house.hasher.asked == asked


def test_a_token_is_good_after_a_restart(house: House) -> None:
    """Sessions outlive the server."""
    token = house.program("alice", "password a").hello["token"]
    house.restarts()
    assert house.program("alice", token=token).hello["ok"]


def test_a_token_is_for_its_account_alone(house: House) -> None:
    """Nobody comes in as somebody else, or as nobody, with it."""
    token = house.program("alice", "password a").hello["token"]
    house.program("bob", "password b")
    for name in ("bob", "carol"):
        answer = house.stranger().says_hello(name, token=token)
        assert (answer["ok"], answer["code"]) == (False, "bad-token")


@pytest.mark.parametrize(("known", "code"), [(False, "new-name"), (True, "password-needed")])
def test_who_does_not_want_to_be_a_guest(house: House, known: bool, code: str) -> None:
    """With ``guest: false`` the answer says what is needed; another hello may follow."""
    if known:
        house.program("alice", "password a")
    stranger = house.stranger()
    answer = stranger.says_hello("alice", guest=False)
    assert (answer["ok"], answer["code"]) == (False, code)
    assert answer["error"]
    assert stranger.says_hello("alice", "password a")["ok"]


def test_a_registered_name_needs_its_password(house: House) -> None:
    """Also for who would be a guest."""
    house.program("alice", "password a")
    assert house.stranger().says_hello("alice")["code"] == "password-needed"


def test_the_third_wrong_password_ends_the_connection(house: House) -> None:
    """The third is answered, then the end says why."""
    house.program("alice", "password a")
    stranger = house.stranger()
    for _ in range(3):
        assert stranger.says_hello("alice", "wrong")["code"] == "wrong-password"
    assert stranger.sees("end", why="wrong-password")["text"]
    assert stranger.is_cut_off()


def test_after_two_wrong_passwords_the_right_one_is_good(house: House) -> None:
    """Two are forgiven."""
    house.program("alice", "password a")
    stranger = house.stranger()
    for _ in range(2):
        stranger.says_hello("alice", "wrong")
    assert stranger.says_hello("alice", "password a")["ok"]


@pytest.mark.parametrize("password", [None, "password"])
def test_the_name_of_a_guest_is_taken(house: House, password: str | None) -> None:
    """As long as the guest is there."""
    gus = house.program("gus")
    stranger = house.stranger()
    assert stranger.says_hello("gus", password)["code"] == "taken"
    gus.cut()
    assert stranger.says_hello("gus", password)["ok"]


@pytest.mark.parametrize("way", ["password", "token", "guest"])
def test_who_is_banned_is_told_so(house: House, way: str) -> None:
    """Whatever they show."""
    olga = operator(house)
    token = house.program("bob", "password b").hello["token"]
    olga.does("/ban bob")
    shows = {"password": {"password": "password b"}, "token": {"token": token}, "guest": {}}
    assert house.stranger().says_hello("bob", **shows[way])["code"] == "banned"


@pytest.mark.parametrize("name", ["", "a b", "leave", "x" * 33, "\u0430lice"])
def test_a_bad_name_is_refused(house: House, name: str) -> None:
    """With the code that people's refusals have."""
    assert house.stranger().says_hello(name)["code"] == "bad-name"


def test_a_server_without_guests_says_so(limited: Callable[..., House]) -> None:
    """Nobody becomes a guest there."""
    assert limited(guests=False).stranger().says_hello("gus")["code"] == "guests-off"


def test_a_password_that_is_too_long_is_refused(house: House) -> None:
    """It is an error of the field, or of the password; the next hello is good."""
    stranger = house.stranger()
    assert not stranger.says_hello("alice", "x" * 1025)["ok"]
    assert stranger.says_hello("alice", "password a")["ok"]


def test_who_takes_too_long_to_log_in_is_cut_off(house: House) -> None:
    """The end says why."""
    stranger = house.stranger()
    stranger.sends(b"{")
    stranger.waits(61)
    stranger.sees("end", why="late")
    assert stranger.is_cut_off()


def test_a_lobby_is_entered_before_live(limited: Callable[..., House]) -> None:
    """The program is a member of it when all that was missed has been sent."""
    bob = limited(lobby="lobby").program("bob", "password b")
    types = [each["type"] for each in bob.events]
    assert types.index("created") < types.index("live")
    bob.does(text="hi", group="lobby")


def test_live_comes_once_after_what_was_missed(house: House, alice: WiredProgram) -> None:
    """Nothing that was missed comes after it."""
    bob = house.program("bob", "password b")
    bob.does("/join tea")
    bob.cut()
    for number in range(120):  # more than one page
        alice.does(text=f"{number}", group="tea")
    bob = house.program("bob", "password b")
    assert [each["type"] for each in bob.events].count("live") == 1
    assert bob.events[-1] == {"type": "live"}
    assert bob.hello["groups"][0]["unread"] == len(bob.entries)
    assert bob.hello["groups"][0]["head"] == bob.entries[-1]["seq"]


def test_a_second_hello_is_no_request(house: House) -> None:
    """Who is logged in is answered with an error, and stays."""
    alice = house.program("alice", "password a")
    assert alice.error_to(line_of(hello=1, name="alice")[:-1])["code"] == "bad-field"
    alice.does()


# Tokens.


def ended(house: House, token: str, name: str = "bob") -> bool:
    """Return whether *token* is no longer good; check that the refusal says so."""
    stranger = house.stranger()
    answer = stranger.says_hello(name, token=token)
    stranger.cut()
    assert answer["ok"] or answer["code"] == "bad-token"
    return not answer["ok"]


def test_a_change_of_the_password_ends_tokens(house: House) -> None:
    """All but the one in the answer, which is good."""
    bob = house.program("bob", "password b")
    other = house.program("bob", "password b")
    answer = bob.does("/password", answers=["password b", "new b", "new b"])
    assert other.sees("end")["why"] == "password"
    assert ended(house, bob.hello["token"])
    assert ended(house, other.hello["token"])
    assert not ended(house, answer["token"])


def test_a_guest_who_registers_gets_a_token(house: House) -> None:
    """It is in the answer to ``/password``."""
    gus = house.program("gus")
    answer = gus.does("/password", answers=["password g", "password g"])
    gus.cut()
    assert not ended(house, answer["token"], "gus")


def test_a_change_of_the_password_at_nc_ends_tokens(house: House) -> None:
    """Programs are ended too."""
    bob = house.program("bob", "password b")
    person = house.person("bob", "password b")
    person.types("/password", "password b", "new b")
    assert bob.sees("end")["why"] == "password"
    assert ended(house, bob.hello["token"])


def test_a_server_ban_ends_tokens(house: House) -> None:
    """They stay ended when the ban is lifted."""
    olga = operator(house)
    bob = house.program("bob", "password b")
    olga.does("/ban bob")
    assert bob.sees("end")["why"] == "put-off"
    olga.does("/unban bob")
    assert ended(house, bob.hello["token"])
    assert house.program("bob", "password b").hello["ok"]


def test_a_server_kick_does_not_end_tokens(house: House) -> None:
    """Who is kicked may come back."""
    olga = operator(house)
    bob = house.program("bob", "password b")
    olga.does("/kick bob")
    assert bob.sees("end")["why"] == "put-off"
    assert not ended(house, bob.hello["token"])


@pytest.mark.parametrize("how", ["program", "nc", "telnet"])
def test_quit_everywhere_ends_tokens_and_sessions(house: House, how: str) -> None:
    """Typed by a program or by a person."""
    bob = house.program("bob", "password b")
    person = house.person("bob", "password b")
    if how == "program":
        house.program("bob", "password b").requests("/quit everywhere")
        assert "quit everywhere" in person.sees()
    else:
        quitter = house.caller("\r\n" if how == "telnet" else "\n")
        quitter.types("bob", "password b", "", "/quit everywhere")
    assert bob.sees("end")["why"] == "everywhere"
    assert ended(house, bob.hello["token"])
    assert house.program("bob", "password b").hello["ok"]


def test_a_plain_quit_ends_no_token(house: House) -> None:
    """Nor another session."""
    bob, other = house.program("bob", "password b"), house.program("bob", "password b")
    bob.requests("/quit")
    bob.sees("end", why="bye")
    assert not ended(house, bob.hello["token"])
    other.does()


def test_an_unused_token_ends_after_30_days(house: House) -> None:
    """Not before."""
    used, unused = (house.program("bob", "password b") for _ in range(2))
    for bob in (used, unused):
        bob.cut()
    house.waits(29 * DAY)
    assert not ended(house, used.hello["token"])  # which renews it
    house.waits(2 * DAY)
    assert ended(house, unused.hello["token"])
    assert not ended(house, used.hello["token"])


def test_a_token_is_good_for_30_days_after_its_last_use(house: House) -> None:
    """Also when that was soon after it was given."""
    bob = house.program("bob", "password b")
    bob.cut()
    house.waits(3000)
    assert not ended(house, bob.hello["token"])
    house.waits(30 * DAY - 1000)
    assert not ended(house, bob.hello["token"])


def test_an_account_has_at_most_16_tokens(house: House) -> None:
    """The one unused for longest makes room; others' are not touched."""
    alice = house.program("alice", "password a")
    tokens: list[str] = []
    for _ in range(18):
        bob = house.program("bob", "password b")
        tokens.append(bob.hello["token"])
        bob.cut()
        house.waits(3)
    assert [ended(house, token) for token in tokens] == [True, True] + [False] * 16
    assert not ended(house, alice.hello["token"], "alice")


# Since.


def test_since_gives_what_follows(house: House, alice: WiredProgram) -> None:
    """From the number on, whatever the server knows to have been received."""
    for text in "abcd":
        alice.does(text=text, group="tea")
    for since, expected in [(0, [1, 2, 3, 4, 5]), (3, [4, 5]), (5, []), (99, [])]:
        again = house.program("alice", "password a", since={"tea": since})
        assert numbers(again.events) == expected
        assert again.hello["groups"][0]["unread"] == len(expected)
        again.waits(3)  # the receipts are noted


def test_since_takes_names_whatever_their_case(house: House, alice: WiredProgram) -> None:
    """Names are the same whatever the case of their letters."""
    assert numbers(house.program("alice", "password a", since={"TEA": 0}).events) == [1]


def test_after_a_since_beyond_the_head_what_happens_comes(
    house: House, alice: WiredProgram
) -> None:
    """Nothing is lost of what is said from then on."""
    again = house.program("alice", "password a", since={"tea": 99})
    alice.does(text="hi", group="tea")
    again.receives()
    assert numbers(again.events)[-1] == 2


def test_since_of_what_is_not_known_is_ignored(house: House, alice: WiredProgram) -> None:
    """Groups that are not, of which one is no member, and people who are not."""
    house.program("bob", "password b")
    since = {"nosuch": 5, "tea": 0, "@nobody": 0, "@": 0, "": 0, "@bob": 0, "@alice": 3}
    bob = house.program("bob", "password b", since=since)
    assert bob.entries == []


def test_without_since_what_was_received_counts(house: House, alice: WiredProgram) -> None:
    """What the peer's kernel has acknowledged does not come again."""
    alice.does(text="a", group="tea")
    alice.waits(3)
    alice.cut()
    assert house.program("alice", "password a").entries == []


def test_without_since_what_was_not_received_comes(house: House, alice: WiredProgram) -> None:
    """What was cut off comes again."""
    alice.does(text="a", group="tea")
    alice.cut()
    assert numbers(house.program("alice", "password a").events) == [1, 2]


def test_since_for_one_group_leaves_the_others_to_their_cursors(
    house: House, alice: WiredProgram
) -> None:
    """Each conversation for itself."""
    alice.does("/create plan open")
    alice.waits(3)
    alice.does(text="a", group="plan")
    again = house.program("alice", "password a", since={"tea": 0})
    assert numbers(again.events, "tea") == [1]
    assert numbers(again.events, "plan") == []
    assert len(again.hello["groups"]) == 2


def test_who_was_kicked_while_away_gets_the_kick_and_nothing_after(
    house: House, alice: WiredProgram
) -> None:
    """What was said up to there, too."""
    bob = house.program("bob", "password b")
    bob.does("/join tea")
    last = max(numbers(bob.events))
    bob.cut()
    alice.does(text="before", group="tea")
    alice.does("/kick bob", group="tea")
    alice.does(text="after", group="tea")
    for since, expected in [(0, [last, last + 1, last + 2]), (last, [last + 1, last + 2])]:
        bob = house.program("bob", "password b", since={"tea": since})
        assert numbers(bob.events) == expected
        assert bob.hello["groups"] == []
        bob.cut()


def test_an_applicant_never_sees_the_log(house: House) -> None:
    """Neither while they wait nor when they are rejected, whatever they have *since*."""
    alice = house.program("alice", "password a")
    alice.does("/create tea")
    alice.does(text="secret", group="tea")
    bob = house.program("bob", "password b")
    bob.does("/join tea please")
    bob.cut()
    waiting = house.program("bob", "password b", since={"tea": 0})
    assert {each["type"] for each in waiting.entries} <= {"requested"}
    waiting.cut()
    alice.does(text="secret", group="tea")
    alice.does("/reject bob", group="tea")
    alice.does(text="secret", group="tea")
    rejected = house.program("bob", "password b", since={"tea": 0})
    assert {each["type"] for each in rejected.entries} <= {"requested", "rejected"}
    assert "rejected" in str(rejected.entries)


@pytest.mark.parametrize("since", [None, 0, 1, 3])
def test_requests_of_others_are_the_admins(house: House, since: int | None) -> None:
    """A member sees none of them, live, missed, or in the history."""
    alice = house.program("alice", "password a")
    alice.does("/create tea")
    bob, carol = house.program("bob", "password b"), house.program("carol", "password c")
    bob.does("/join tea")
    alice.does("/approve bob", group="tea")
    carol.does("/join tea because")
    alice.does("/reject carol", group="tea")
    carol.does("/join tea because")
    carol.does("/leave tea")
    alice.does("/invite carol", group="tea")
    bob.receives()
    more = {} if since is None else {"since": {"tea": since}}
    bob.cut()
    again = house.program("bob", "password b", **more)
    history = again.does("/history 500", group="tea")["entries"]
    assert "carol" not in str([*bob.entries, *again.entries, *history])


def test_since_of_a_private_conversation(house: House) -> None:
    """It is named by ``@`` and the person, also when all of it is known to be received."""
    alice, bob = house.program("alice", "password a"), house.program("bob", "password b")
    for text in "abc":
        alice.does(f"/msg bob {text}")
    for each in (alice, bob):
        each.waits(3)
        each.cut()
    for since, expected in [(0, [1, 2, 3]), (2, [3]), (3, []), (9, [])]:
        for name, partner in (("alice", "bob"), ("bob", "alice")):
            again = house.program(name, f"password {name[0]}", since={f"@{partner}": since})
            assert numbers(again.events, f"@{partner}") == expected
            again.cut()


def test_since_of_a_private_conversation_with_a_guest(house: House) -> None:
    """What a guest has said is there for who had not got it, as long as the guest is."""
    alice, gus = house.program("alice", "password a"), house.program("gus")
    gus.does("/msg alice hi")
    alice.waits(3)  # her kernel has it, but the program dies before it looks
    alice.cut()
    again = house.program("alice", "password a", since={"@gus": 0})
    assert numbers(again.events, "@gus") == [1]


def test_another_guest_of_the_same_name_is_heard(house: House) -> None:
    """What the next guest of that name says is not taken for what the last one said."""
    alice, gus = house.program("alice", "password a"), house.program("gus")
    for _ in range(3):
        gus.does("/msg alice hi")
    gus.cut()
    alice.receives()
    since = alice.since()
    alice.waits(3)
    alice.cut()
    house.program("gus").does("/msg alice I am another")
    again = house.program("alice", "password a", since=since)
    assert "I am another" in str(again.entries)


@pytest.mark.parametrize("said", [1, 2])
def test_another_group_of_the_same_name_is_heard(
    house: House, alice: WiredProgram, said: int
) -> None:
    """Numbers of a group that is closed do not hide a new one that is younger than they are."""
    for text in "abcd":
        alice.does(text=text, group="tea")
    since = alice.since()
    alice.waits(3)
    alice.cut()
    bob = house.program("bob", "password b")
    person = house.person("alice", "password a")
    person.types("/leave tea")
    bob.does("/create tea open")
    person.types("/join tea")
    person.wire.loseConnection()
    house.waits(3)
    new = [f"new {n}" for n in range(said)]
    for text in new:
        bob.does(text=text, group="tea")
    again = house.program("alice", "password a", since=since)
    assert [each["text"] for each in again.entries if each["type"] == "message"] == new


def test_a_newcomer_gets_the_numbers_in_order(house: House, alice: WiredProgram) -> None:
    """The entries before the one with which one came precede it, or do not come at all."""
    for text in "abc":
        alice.does(text=text, group="tea")
    bob = house.program("bob", "password b")
    bob.does("/join tea")
    seqs = numbers(bob.events)
    assert seqs == sorted(set(seqs)), seqs
    assert seqs[-1] == 5


def test_an_applicant_who_is_let_in_gets_no_number_twice(house: House) -> None:
    """The request, which was shown when it was made, is not shown again."""
    alice = house.program("alice", "password a")
    alice.does("/create tea")
    alice.does(text="a", group="tea")
    bob = house.program("bob", "password b")
    bob.does("/join tea please")
    alice.does("/approve bob", group="tea")
    bob.receives()
    seqs = numbers(bob.events)
    assert seqs == sorted(set(seqs)), seqs


def test_what_was_noticed_outside_is_not_shown_again_to_a_member(house: House) -> None:
    """A rejection that was not known to be received comes once, and the rest after it."""
    alice = house.program("alice", "password a")
    alice.does("/create tea")
    bob = house.program("bob", "password b")
    bob.does("/join tea first")
    alice.does("/reject bob", group="tea")
    bob.does("/join tea second")
    alice.does("/approve bob", group="tea")
    bob.cut()
    again = house.program("bob", "password b", since={"tea": 2})  # the first request
    assert numbers(again.events) == [3, 4, 5]


def test_a_kick_of_which_one_has_come_back_is_not_shown_twice(
    house: House, alice: WiredProgram
) -> None:
    """Numbers come in order, without repeats, also over two memberships."""
    bob = house.program("bob", "password b")
    bob.does("/join tea")
    alice.does("/kick bob", group="tea")
    bob.does("/join tea")
    bob.cut()
    again = house.program("bob", "password b", since={"tea": 2})
    assert numbers(again.events) == [3, 4]


# Being cut off.

Asks = Callable[..., Object]


def founder(alice: WiredProgram, bob: Asks) -> Iterator[object]:
    """Tell of bob, who founds his groups, and is put out of one of them."""
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


def guest_of_others(alice: WiredProgram, bob: Asks) -> Iterator[object]:
    """Tell of bob, who is rejected, asks again, is let in, is kicked, invited, and comes back."""
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


STORIES = {"founder": founder, "guest of others": guest_of_others}


def memberships(entries: list[Entry], name: str) -> list[tuple[int, int]]:
    """Return the first and the last entry of each time that *name* was a member."""
    spans: list[tuple[int, int]] = []
    for entry in entries:
        match entry.event:
            case MemberJoined(name=who) | GroupCreated(by=who) if who == name:
                spans.append((entry.seq, 10**9))
            case MemberKicked(name=who) if who == name:
                spans[-1] = (spans[-1][0], entry.seq)
    return spans


def check(house: House, log: dict[str, list[int]]) -> None:
    """Check that bob has what he must have, once, in order, and not what he may not have."""
    for place, seqs in log.items():
        assert seqs == sorted(set(seqs)), f"{place}: {seqs}"
    for conversation in house.chat.groups:
        group = conversation.group
        assert group is not None
        entries = house.store.entries(conversation.id, 0, 10**9, 10**9)
        spans = memberships(entries, "bob")
        must = {e.seq for e in entries if any(a <= e.seq <= b for a, b in spans)}
        got = set(log[group.name])
        assert must <= got, f"{group.name}: lost {must - got}"
        if spans[-1][1] < 10**9:
            assert max(got) == spans[-1][1], f"{group.name}: may not have {max(got)}"
    count = house.store.direct(("alice", "bob"))
    assert count is not None
    assert log["@alice"] == list(range(1, count[1] + 1))


def note(log: dict[str, list[int]], entries: list[Object]) -> None:
    """Add the numbers of *entries* to *log*."""
    for each in entries:
        place = f"@{each['with']}" if "with" in each else str(each["group"])
        log.setdefault(place, []).append(each["seq"])


@pytest.mark.parametrize("story", STORIES)
def test_a_connection_cut_after_every_byte_that_comes(house: House, story: str) -> None:
    """Who comes back with the numbers of the whole lines has every entry once, in order.

    Wherever the connection is lost, the store does not know that anything was received.
    """
    alice, bob = house.program("alice", "password a"), house.program("bob", "password b")
    for _ in STORIES[story](alice, bob.does):
        pass
    bob.receives()
    whole = bob.received
    bob.cut()
    tried: set[str] = set()
    for cut in range(len(whole) + 1):
        if 0 < cut < len(whole) and whole[cut - 1 : cut] != b"\n":
            continue  # in the middle of a line, which does not count: as at its beginning
        before, log = WiredProgram(house.caller()), dict[str, list[int]]()
        before._takes(whole[:cut])
        before.cut()
        note(log, before.entries)
        if str(log) in tried:
            continue
        tried.add(str(log))
        since = {place: seqs[-1] for place, seqs in log.items()}
        again = house.program("bob", "password b", since=since)
        again.cut()
        note(log, again.entries)
        check(house, log)
    assert len(tried) > 10


@contextmanager
def another_house() -> Iterator[House]:
    """Return a server of its own."""
    with tempfile.TemporaryDirectory() as folder:
        store = quick_store(Path(folder))
        house = House(store, Clock())
        yield house
        house.closes()
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
def test_a_connection_cut_again_and_again(story: str, cuts: list[tuple[int, int]]) -> None:
    """Each request with a key is carried out once, and every entry comes once, in order."""
    with another_house() as house:
        alice = house.program("alice", "password a")
        house.program("bob", "password b").cut()
        bob = Stubborn(house, "bob", "password b", iter(cuts))
        said: dict[tuple[object, object], int] = {}

        def asks(**fields: object) -> Object:
            answer = bob.insists(key=f"key {len(said)}", **fields)
            assert answer["ok"], (fields, answer)
            said[fields.get("group"), fields.get("text", len(said))] = answer.get("seq", 0)
            return answer

        for _ in STORIES[story](alice, asks):
            bob.looks()
        bob.stays()
        check(house, bob.log)
        for (place, text), seq in said.items():
            if isinstance(text, str):
                assert stored(house, str(place), text) == [seq]


def stored(house: House, place: str, text: str) -> list[int]:
    """Return the numbers of the messages and actions with *text*."""
    id = house.chat.groups.find(place).id
    return [
        entry.seq
        for entry in house.store.entries(id, 0, 10**9, 10**9)
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
    "leave": ({"line": "/leave tea"}, "left"),
}


@pytest.fixture
def keyed(house: House, alice: WiredProgram) -> House:
    """A server in which alice can ask for all of `KEYED`."""
    bob, carol = house.program("bob", "password b"), house.program("carol", "password c")
    bob.does("/join tea")
    alice.does("/create club")
    bob.does("/join club")
    carol.does("/create carols open")
    alice.cut()
    return house


def entries_of(house: House) -> int:
    """Return how many entries there are, in all conversations."""
    return sum(len(house.store.entries(id, 0, 10**9, 10**9)) for id in range(1, 20))


@pytest.mark.parametrize("what", KEYED)
def test_a_repeated_key_is_carried_out_once(keyed: House, what: str) -> None:
    """It is answered well, with the number of then; also after a restart of the server."""
    fields, type = KEYED[what]
    alice = keyed.program("alice", "password a")
    start = len(alice.objects)
    first = alice.does(**fields, key="k")
    seq = alice.finds(lambda each: each.get("type") == type and "seq" in each, start)["seq"]
    assert first.get("seq", seq) == seq
    count = entries_of(keyed)
    assert alice.does(**fields, key="k")["seq"] == seq
    again = keyed.program("alice", "password a")
    assert again.does(**fields, key="k")["seq"] == seq
    keyed.restarts()
    again = keyed.program("alice", "password a")
    assert again.does(**fields, key="k")["seq"] == seq
    assert entries_of(keyed) == count


@pytest.mark.parametrize("what", KEYED)
def test_a_key_twice_in_one_packet_is_carried_out_once(keyed: House, what: str) -> None:
    """Both are answered well, and with the same number."""
    fields, _ = KEYED[what]
    alice = keyed.program("alice", "password a")
    before = entries_of(keyed)
    alice.sends(line_of(id="a", **fields, key="k") + line_of(id="b", **fields, key="k"))
    first, second = alice.answer("a"), alice.answer("b")
    assert (first["ok"], second["ok"]) == (True, True)
    assert first.get("seq", second["seq"]) == second["seq"]
    count = entries_of(keyed)
    assert alice.does(**fields, key="k")["seq"] == second["seq"]
    assert entries_of(keyed) == count > before


@pytest.mark.parametrize("what", ["message", "private", "topic"])
def test_a_request_cut_after_every_byte_is_carried_out_once(keyed: House, what: str) -> None:
    """However much of it came before the connection was lost, it is sent again."""
    fields, _ = KEYED[what]
    length = len(line_of(id=1, **fields, key="k00"))
    before = entries_of(keyed)
    for cut in range(length + 1):
        line = line_of(id=1, **fields, key=f"k{cut:02}")
        alice = keyed.program("alice", "password a", since={"tea": 10**9})
        alice.sends(line[:cut])
        alice.cut()
        alice = keyed.program("alice", "password a", since={"tea": 10**9})
        alice.sends(line)
        assert alice.answer(1)["ok"]
        alice.cut()
    assert entries_of(keyed) == before + length + 1


def test_the_same_key_of_another_account_is_another_request(
    house: House, alice: WiredProgram
) -> None:
    """Keys belong to accounts."""
    bob = house.program("bob", "password b")
    bob.does("/join tea")
    first = alice.does(group="tea", text="a", key="k")
    second = bob.does(group="tea", text="b", key="k")
    assert second["seq"] == first["seq"] + 1


def test_a_key_is_not_the_next_guests(house: House, alice: WiredProgram) -> None:
    """It is remembered for as long as the guest is connected, and not for their successor."""
    for _ in range(2):
        gus = house.program("gus")
        gus.does("/join tea")
        first = gus.does(group="tea", text="from gus", key="k")
        assert gus.does(group="tea", text="from gus", key="k")["seq"] == first["seq"]
        gus.cut()
    assert len(stored(house, "tea", "from gus")) == 2


def test_a_guest_who_registers_keeps_their_keys(house: House, alice: WiredProgram) -> None:
    """They are still connected: what was asked is not carried out again."""
    gus = house.program("gus")
    gus.does("/join tea")
    first = gus.does(group="tea", text="from gus", key="k")
    gus.does("/password", answers=["password g", "password g"])
    assert gus.does(group="tea", text="from gus", key="k")["seq"] == first["seq"]


def test_a_key_is_answered_after_its_sender_was_kicked(house: House, alice: WiredProgram) -> None:
    """What was said was said, although it could not be said now; a new key is refused."""
    bob = house.program("bob", "password b")
    bob.does("/join tea")
    seq = bob.does(group="tea", text="a", key="k")["seq"]
    alice.does("/kick bob", group="tea")
    assert bob.does(group="tea", text="a", key="k")["seq"] == seq
    assert bob.asks(group="tea", text="a", key="new")["code"] == "not-member"
    alice.does("/leave", group="tea")
    assert bob.does(group="tea", text="a", key="k")["seq"] == seq  # the group is closed


def test_a_key_of_what_was_refused_is_free(house: House, alice: WiredProgram) -> None:
    """What was not carried out can be asked for once more."""
    bob = house.program("bob", "password b")
    assert bob.asks(group="tea", text="a", key="k")["code"] == "not-member"
    bob.does("/join tea")
    assert bob.does(group="tea", text="a", key="k")["seq"]


def test_keys_are_remembered_for_7_days(house: House, alice: WiredProgram) -> None:
    """Within them nothing is said twice."""
    alice.does(group="tea", text="once", key="k")
    house.waits(7 * DAY - 60)
    again = house.program("alice", "password a")
    assert again.does(group="tea", text="once", key="k")["seq"] == 2
    assert stored(house, "tea", "once") == [2]


# Requests.


@pytest.mark.parametrize("id", [0, -1, 7, 10**18, 10**40, "a", "x" * 64, "żółw", "\u0000"])
def test_an_id_comes_back_as_it_was(house: House, id: object) -> None:
    """A number or a string."""
    alice = house.program("alice", "password a")
    alice.sends(line_of(id=id))
    assert alice.answer(id) == {"re": id, "ok": True}


@pytest.mark.parametrize("group", ["tea", "TEA", "1"])
def test_a_group_is_named_by_name_or_number(house: House, alice: WiredProgram, group: str) -> None:
    """Whatever the case of its letters."""
    assert alice.does(group=group, text="a")["seq"] == 2


def test_a_group_that_is_not_is_refused(house: House, alice: WiredProgram) -> None:
    """With the code that people's refusals have."""
    assert alice.asks(group="nosuch", text="a")["code"] == "no-such-group"
    assert alice.asks(group="nosuch", line="a")["code"] == "no-such-group"
    assert alice.asks(group="nosuch", line="/members")["code"] == "no-such-group"


@pytest.mark.parametrize("text", ["/leave", "leave", "qqq", "//x", "{", " x ", "/"])
def test_a_text_is_a_message_whatever_it_begins_with(
    house: House, alice: WiredProgram, text: str
) -> None:
    """It comes back as it was."""
    alice.does(group="tea", text=text)
    alice.sees("message", text=text)


def test_a_line_is_what_a_person_could_type(house: House, alice: WiredProgram) -> None:
    """A message, a command, ``//`` for a slash, or one of the two words that leave."""
    alice.does(group="tea", line="hi")
    alice.sees("message", text="hi")
    alice.does(group="tea", line="//hi")
    alice.sees("message", text="/hi")
    assert alice.does(group="tea", line="/members")["type"] == "members"
    alice.does(group="tea", line="leave")
    alice.sees("left", name="alice")


def test_without_a_group_a_request_is_made_at_the_front_desk(
    house: House, alice: WiredProgram
) -> None:
    """Where commands need no slash, and nobody reads what is said."""
    assert alice.does("groups")["type"] == "groups"
    assert alice.does("/groups")["type"] == "groups"
    assert alice.is_refused("hello") == "unknown-command"
    assert alice.is_refused("/members") == "no-group"
    answer = alice.asks(text="hello")
    assert (answer["code"], answer["path"]) == ("bad-field", "group")


def test_a_request_has_a_line_or_a_text(house: House, alice: WiredProgram) -> None:
    """Not both."""
    answer = alice.asks("a", "tea", text="b")
    assert answer["code"] == "bad-field"


def test_a_program_is_nowhere_by_itself(house: House, alice: WiredProgram) -> None:
    """What it has joined is not where the next request is made."""
    assert alice.is_refused("/members") == "no-group"


def test_answers_are_for_what_a_command_asks(house: House) -> None:
    """In order; a question for which there is none is in the refusal, and nothing is done."""
    alice = house.program("alice", "password a")
    first = alice.asks("/password")
    assert (first["code"], first["secret"]) == ("missing-argument", True)
    assert first["ask"]
    second = alice.asks("/password", answers=["password a"])
    assert second["code"] == "missing-argument"
    assert second["ask"] != first["ask"]
    third = alice.asks("/password", answers=["password a", "new password"])
    assert third["code"] == "missing-argument"
    assert (
        alice.does("/password", answers=["password a", "new password", "new password"])["type"]
        == "password"
    )
    assert house.stranger().says_hello("alice", "new password")["ok"]


def test_a_group_password_can_be_asked_for(house: House, alice: WiredProgram) -> None:
    """In answers, or on the line."""
    alice.does("/create secret password pw")
    bob, carol = house.program("bob", "password b"), house.program("carol", "password c")
    asked = bob.asks("/join secret")
    assert (asked["code"], asked["secret"]) == ("missing-argument", True)
    assert bob.asks("/join secret", answers=["wrong"])["code"] == "wrong-password"
    assert bob.does("/join secret", answers=["pw"])["type"] == "entered"
    assert carol.does("/join secret pw")["type"] == "entered"


def test_a_missing_name_can_be_asked_for(house: House, alice: WiredProgram) -> None:
    """The question is what a person is asked, and no secret."""
    bob = house.program("bob", "password b")
    bob.does("/join tea")
    asked = alice.asks("/kick", "tea")
    assert (asked["code"], asked["ask"], asked["secret"]) == (
        "missing-argument",
        "Kick whom? ",
        False,
    )
    alice.does("/kick", "tea", answers=["bob"])
    bob.sees("kicked", name="bob")


def test_an_empty_answer_cancels(house: House, alice: WiredProgram) -> None:
    """As for people."""
    assert alice.asks("/kick", "tea", answers=[""])["code"] == "cancelled"


def test_answers_are_not_kept_for_the_next_request(house: House, alice: WiredProgram) -> None:
    """Those that were not asked for are forgotten."""
    alice.does("/groups", answers=["bob"])
    assert alice.asks("/kick", "tea")["code"] == "missing-argument"


@pytest.mark.parametrize("text", ["", " ", "\u0007", "\u202e"])
def test_a_text_of_which_nothing_shows_is_refused(
    house: House, alice: WiredProgram, text: str
) -> None:
    """As a person is told."""
    assert alice.asks(group="tea", text=text)["code"] == "bad-text"


@pytest.mark.parametrize("letter", ["x", "\u017c", "\U0001f375"])
def test_a_text_has_at_most_line_bytes(house: House, alice: WiredProgram, letter: str) -> None:
    """Counted in UTF-8, however it was written in JSON."""
    whole = letter * (4096 // len(letter.encode()))
    alice.does(group="tea", text=whole)
    alice.sees("message", text=whole)
    assert alice.asks(group="tea", text=whole + "x")["code"] == "too-long"
    assert alice.asks(group="tea", line=whole + "x")["code"] == "too-long"


def test_the_longest_text_may_be_written_in_the_longest_way(
    house: House, alice: WiredProgram
) -> None:
    """Six bytes for each of the text's still make a line that is short enough."""
    escaped = b"\\u0041" * 4096
    alice.sends(b'{"id": "long", "group": "tea", "text": "' + escaped + b'"}\n')
    assert alice.answer("long")["ok"]


def test_500_messages_in_one_packet(house: House, alice: WiredProgram) -> None:
    """They are answered in order, with numbers without a gap, each after its event."""
    alice.sends(b"".join(line_of(id=f"m{n}", group="tea", text=f"{n}") for n in range(500)))
    alice.waits(1)
    answers = [each for each in alice.objects if str(each.get("re", "")).startswith("m")]
    assert [each["re"] for each in answers] == [f"m{n}" for n in range(500)]
    assert [each["seq"] for each in answers] == list(range(2, 502))
    assert [each["text"] for each in alice.events if each["type"] == "message"] == [
        f"{n}" for n in range(500)
    ]


def test_requests_are_carried_out_in_order(house: House, alice: WiredProgram) -> None:
    """A command sees what was said before it, and not what was said after it."""
    alice.sends(
        line_of(id="a", group="tea", text="one")
        + line_of(id="b", group="tea", line="/history")
        + line_of(id="c", group="tea", text="two")
        + line_of(id="d", group="tea", line="/leave")
        + line_of(id="e", group="tea", text="three")
    )
    assert alice.answer("b")["entries"][-1]["text"] == "one"
    assert alice.answer("c")["seq"] == 3
    assert alice.answer("d")["ok"]
    assert not alice.answer("e")["ok"]


def test_an_event_precedes_the_answer(house: House, alice: WiredProgram) -> None:
    """One's own message comes back, with its number, then the answer says the number."""
    other = house.program("alice", "password a")
    alice.sends(line_of(id="x", group="tea", text="hi"))
    *_, event, answer = alice.objects
    assert (event["type"], event["from"], event["text"]) == ("message", "alice", "hi")
    assert answer == {"re": "x", "ok": True, "seq": event["seq"]}
    assert other.sees("message")["seq"] == event["seq"]  # both have everything


def test_unknown_fields_are_ignored(house: House) -> None:
    """By the server, in a hello and in a request."""
    alice = house.program("alice", "password a", colour="red", since={}, more=[{}])
    assert alice.does("/groups", colour="red", more={"a": [None]})["type"] == "groups"


def test_null_stands_for_a_field_that_is_not_there(house: House) -> None:
    """In those that may be left out."""
    alice = house.stranger()
    assert alice.says_hello("alice", token=None, password=None)["ok"]
    alice.sends(line_of(id=1, group=None, line="/groups", text=None, key=None))
    assert alice.answer(1)["ok"]


# What commands answer, and what comes.


def grand_tour(house: House) -> tuple[list[Object], list[WiredProgram]]:
    """Use every command; return all answers that were good, and who was there."""
    olga, alice = operator(house), house.program("alice", "password a")
    house.chat.statistics.dropped["stuck"] += 1
    house.chat.statistics.turned_away["unauthenticated"] += 1
    bob, carol, gus = (
        house.program("bob", "password b"),
        house.program("carol", "password c"),
        house.program("gus"),
    )
    good = [
        alice.does("/create tea"),
        alice.does("/create vault password very-secret"),
        bob.does("/join tea please"),
        gus.does("/join tea"),
        carol.does("/join tea"),
        alice.does("/requests", "tea"),
        alice.does("/approve bob", "tea"),
        alice.does("/reject carol no", "tea"),
        gus.does("/leave tea"),
        alice.does("/invite gus", "tea"),
        alice.does("/invite carol", "tea"),
        carol.does("/join tea"),
        bob.does("/join vault very-secret"),
        alice.does("/policy password more-secret", "vault"),
        alice.does("/topic leaves", "tea"),
        alice.does(group="tea", text="hi there"),
        alice.does("/me waves", "tea"),
        alice.does("/msg bob hi"),
        alice.does("/members", "tea"),
        alice.does("/online", "tea"),
        alice.does("/admin", "tea"),
        alice.does("/kick bob out", "tea"),
        alice.does("/ban bob for good", "tea"),
        alice.does("/bans", "tea"),
        alice.does("/unban bob", "tea"),
        alice.does("/transfer carol", "tea"),
        alice.does("/history", "tea"),
        alice.does("/search hi", "tea"),
        alice.does("/who"),
        alice.does("/groups"),
        alice.does("/help"),
        alice.does("/help join"),
        alice.does("/ignore bob"),
        alice.does("/unignore bob"),
        alice.does("/desk"),
        alice.does("/desk", "tea"),
        olga.does("/operator alice"),
        olga.does("/stats"),
        olga.does("/kick bob"),
        olga.does("/ban bob no"),
        olga.does("/bans"),
        olga.does("/unban bob"),
        gus.does("/join tea"),
        gus.does("/password", answers=["password g", "password g"]),
        alice.does("/leave", "vault"),
        alice.does("/history", "tea"),
    ]
    return good, [olga, alice, bob, carol, gus]


REPLIES = shapes("What commands answer\n~~~")
EVENTS = shapes("Events\n~~~")
FILES = {"files", "upload", "download"}  # for which a server needs a sharing
NO_ENTRIES = shapes("Some events are no entries")


def test_every_reply_has_the_documented_fields(house: House) -> None:
    """Each type of the table appears, with its fields and theirs, and there is no other."""
    good, _ = grand_tour(house)
    seen: set[str] = set()
    for answer in good:
        if "type" not in answer:
            assert set(answer) in ({"re", "ok"}, {"re", "ok", "seq"})
            continue
        type = answer["type"]
        seen.add(type)
        top, _, inner = REPLIES[type][0].partition(":")
        assert set(answer) - {"re", "ok", "type"} == words(top), type
        for each in [each for each in answer.values() if isinstance(each, list)]:
            for item in each if words(inner) else []:
                assert set(item) == words(inner), type
    assert seen == set(REPLIES) - FILES


def test_the_table_of_replies_is_whole() -> None:
    """Every reply is in it, but what a message is answered with and what are events."""
    tags = {kind.__struct_config__.tag for kind in get_args(Reply)}
    assert set(REPLIES) == tags - {"said", "live", "presence", "end"}


@pytest.mark.parametrize("type", ["upload", "download"])
def test_a_ticket_has_the_documented_fields(type: str) -> None:
    """Those of the table."""
    kind = next(each for each in get_args(Reply) if each.__struct_config__.tag == type)
    fields = reply_object(kind(**{name: name for name in kind.__struct_fields__}))
    assert set(fields) - {"type"} == words(REPLIES[type][0])


def test_every_list_in_a_reply_was_seen_with_something_in_it(house: House) -> None:
    """So the test before has compared the fields of what is in them."""
    good, _ = grand_tour(house)
    empty = {
        (answer["type"], name) for answer in good for name, value in answer.items() if value == []
    }
    full = {
        (answer["type"], name)
        for answer in good
        for name, value in answer.items()
        if isinstance(value, list) and value
    }
    assert empty <= full


EXAMPLE: dict[str, object] = {"text": SafeText("x"), "name": Name("bob"), "sender": Name("alice")}


@pytest.mark.parametrize("kind", get_args(AnyEvent), ids=lambda kind: kind.__struct_config__.tag)
def test_every_event_has_the_documented_fields(kind: Any) -> None:
    """Those that all entries have, and those of the table."""
    tag = kind.__struct_config__.tag
    event = kind(**{name: EXAMPLE.get(name, name) for name in kind.__struct_fields__})
    fields = event_object(Entry(2, 1, 0, event), Where(group=Name("tea")))
    expected = words(re.split("[:;]", EVENTS[tag][0])[0])
    assert set(fields) == {"type", "group", "seq", "at"} | expected


def test_the_table_of_events_has_no_other() -> None:
    """Every type that it names can come."""
    assert set(EVENTS) == {kind.__struct_config__.tag for kind in get_args(AnyEvent)}


def test_what_is_no_entry_has_the_documented_fields() -> None:
    """And neither number nor time; every reason for the end is named."""
    ended = reply_object(Ended(EndWhy.BYE, SafeText("Bye.")))
    presence = reply_object(PresenceChanged(Name("bob"), True))
    live = reply_object(Live())
    assert set(NO_ENTRIES) == {"live", "presence", "end"}
    for fields, row in ((ended, "end"), (presence, "presence")):
        assert set(fields) == {"type"} | words(NO_ENTRIES[row][0].partition(":")[0])
    assert set(live) == {"type"}
    named = words(NO_ENTRIES["end"][0].partition(":")[2])
    assert named == {why.value for why in EndWhy}


def test_every_command_is_answered_by_one_object(house: House) -> None:
    """With ``re`` and ``ok``, at the front desk and in a group, whatever it makes of it."""
    for command in TABLE:
        for group in (None, "tea"):
            alice = house.program("alice", "password a")
            if "tea" not in str(alice.hello["groups"]):
                alice.does("/create tea open")
            id = alice.requests(f"/{command.name}", group)
            alice.waits(1)
            answers = [each for each in alice.objects if each.get("re") == id]
            assert len(answers) == 1, command.name
            assert isinstance(answers[0]["ok"], bool)
            types = [each.get("type") for each in alice.objects]
            if "end" in types:
                assert command.name == "quit"
                assert alice.objects[-1]["type"] == "end"
            alice.cut()


def test_no_password_hash_is_ever_sent(house: House) -> None:
    """Neither by its name nor by what is in it; nor is a password of a group."""
    _, everybody = grand_tour(house)
    again = house.program("alice", "password a", since={"vault": 0, "tea": 0})
    for program in (*everybody, again):
        for secret in (b"password_hash", b"plain:", b"very-secret", b"more-secret", b"password g"):
            assert secret not in program.received


def test_times_are_in_utc(house: House, alice: WiredProgram) -> None:
    """As in the example, with milliseconds."""
    alice.does(group="tea", text="hi")
    assert alice.sees("message")["at"] == "2023-11-14T22:13:20.000Z"


def test_a_private_conversation_has_with_instead_of_group(house: House) -> None:
    """For both, and for each it is the other."""
    alice, bob = house.program("alice", "password a"), house.program("bob", "password b")
    alice.does("/msg bob hi")
    for program, partner in ((alice, "bob"), (bob, "alice")):
        event = program.sees("message", text="hi")
        assert event["with"] == partner
        assert "group" not in event


def test_what_concerns_the_server_has_no_group(house: House) -> None:
    """``"group": null``, for everybody."""
    olga, alice = operator(house), house.program("alice", "password a")
    house.program("bob", "password b")
    olga.does("/kick bob enough")
    event = alice.sees("server-kicked", name="bob")
    assert event["group"] is None
    assert (event["by"], event["reason"]) == ("olga", "enough")


def test_presence_of_those_with_whom_one_shares_a_group(house: House, alice: WiredProgram) -> None:
    """Coming and going, with the reason, once for each account."""
    bob = house.program("bob", "password b")
    bob.does("/join tea")
    house.program("bob", "password b").cut()
    bob.requests("/quit for tea")
    alice.sees("presence", name="bob", online=False, reason="for tea")
    house.program("bob", "password b")
    alice.sees("presence", name="bob", online=True)
    assert len([each for each in alice.events if each["type"] == "presence"]) == 2


def test_people_and_programs_read_each_other(house: House, alice: WiredProgram) -> None:
    """What is said in JSON is a line at nc, and the other way round."""
    person = house.person("bob")
    person.types("/join tea", "hello from nc")
    alice.sees("message", text="hello from nc", **{"from": "bob"})
    alice.does(group="tea", text="hello from a program")
    assert "alice: hello from a program\n" in person.sees()
    person.types("/msg alice psst")
    assert alice.sees("message", text="psst")["with"] == "bob"


def test_what_is_typed_at_nc_comes_to_ones_own_program(house: House, alice: WiredProgram) -> None:
    """And what the program says comes to the person's screen, once."""
    person = house.person("alice", "password a")
    person.types("/join tea", "typed")
    alice.sees("message", text="typed")
    alice.does(group="tea", text="sent")
    assert person.sees().count("alice: sent") == 1


def test_who_is_ignored_is_not_heard(house: House, alice: WiredProgram) -> None:
    """Neither live nor when it was missed."""
    bob = house.program("bob", "password b")
    bob.does("/join tea")
    alice.does("/ignore bob")
    bob.does(group="tea", text="hi")
    alice.receives()
    again = house.program("alice", "password a", since={"tea": 0})
    assert "hi" not in [each.get("text") for each in (*alice.events, *again.events)]


# What is wrong.

NOT_JSON = {
    "words": b"hello there",
    "empty": b"",
    "half": b'{"id": 1',
    "two": b'{"id": 1} {"id": 2}',
    "NaN": b'{"id": NaN}',
    "infinity": b'{"id": 1e999}',
    "single quotes": b"{'id': 1}",
    "deep": b"[" * 30_000,
    "deep objects": b'{"a":' * 6_000,
    "deep in a field": b'{"id": 1, "x": ' + b"[" * 30_000,
    "surrogate": b'{"id": 1, "group": "tea", "text": "\\ud800"}',
    "NUL": b'{"id": 1, "line": "a\0b"}',
    "raw escape": b'{"id": 1, "line": "a\x1bb"}',
}


@pytest.mark.parametrize("what", NOT_JSON)
def test_a_line_that_is_not_json(house: House, alice: WiredProgram, what: str) -> None:
    """It is answered by one error, and the next request is carried out."""
    before = len(alice.objects)
    answer = alice.error_to(NOT_JSON[what])
    assert (answer["ok"], answer["code"]) == (False, "bad-json")
    assert set(answer) == {"ok", "code", "error"}
    alice.does()
    assert len(alice.objects) == before + 2


@pytest.mark.parametrize("data", [b"\xff\xfe", b'{"id": 1, "line": "\xff"}', b'"\xed\xa0\x80"'])
def test_invalid_utf_8_is_no_json(house: House, alice: WiredProgram, data: bytes) -> None:
    """It is answered by one error, and the next request is carried out."""
    answer = alice.error_to(data)
    assert answer["code"] in ("bad-json", "bad-text")
    assert "re" not in answer
    alice.does()


@pytest.mark.parametrize("pieces", [1, 7])
def test_a_line_over_the_bound(house: House, alice: WiredProgram, pieces: int) -> None:
    """It is answered by one error, its rest is thrown away, and the next request is good."""
    before = len(alice.objects)
    line = b'{"id": 1, "line": "' + b"x" * (8 * 4096) + b'"}'
    size = len(line) // pieces + 1
    for start in range(0, len(line), size):
        alice.sends(line[start : start + size])
    alice.sends(b"\n")
    alice.does()
    assert [each["ok"] for each in alice.objects[before:]] == [False, True]


def test_20_bad_lines_in_a_row_end_the_connection(house: House, alice: WiredProgram) -> None:
    """Nineteen do not, however often; the end says why."""
    assert MAX_BAD_LINES == 20
    for _ in range(2):
        alice.sends(b"bad\n" * 19)
        alice.does()
    alice.sends(b"bad\n" * 20)
    assert alice.sees("end")["why"] == "bad-json"
    assert alice.is_cut_off()
    assert len([each for each in alice.objects if each.get("code") == "bad-json"]) == 58


def test_20_bad_lines_before_the_hello_end_the_connection(house: House) -> None:
    """Strangers are no better."""
    stranger = house.stranger()
    stranger.sends(b"{bad\n" * 25)
    assert stranger.sees("end")["why"] == "bad-json"
    assert stranger.is_cut_off()


WRONG_HELLOS = {
    "hello": {"hello": 2},
    "hello as a word": {"hello": "1"},
    "name": {"name": 3},
    "password": {"password": ["x"]},
    "token": {"token": 3},
    "guest": {"guest": "no"},
    "since": {"since": [1]},
    "since.tea": {"since": {"plan": 3, "tea": "3"}},
}


@pytest.mark.parametrize("path", WRONG_HELLOS)
def test_a_wrong_field_of_a_hello(house: House, path: str) -> None:
    """The answer names it; the next hello is good."""
    stranger = house.stranger()
    fields = {"hello": 1, "name": "alice", **WRONG_HELLOS[path]}
    answer = stranger.error_to(line_of(**fields)[:-1])
    assert (answer["hello"], answer["code"]) == (1, "bad-field")
    assert answer["path"] == path.split()[0]
    assert stranger.says_hello("alice")["ok"]


@pytest.mark.parametrize("seq", [-1, 1.5, True, None, 2**63, 10**30])
def test_a_number_in_since_that_cannot_be(house: House, seq: object) -> None:
    """The answer names the conversation."""
    answer = house.stranger().says_hello("alice", since={"@bob": seq})
    assert (answer["code"], answer["path"]) == ("bad-field", "since.@bob")


WRONG_REQUESTS: dict[str, Object] = {
    "id": {"id": 1.5},
    "id true": {"id": True},
    "id null": {"id": None},
    "id list": {"id": [1]},
    "id empty": {"id": ""},
    "id long": {"id": "x" * 65},
    "group": {"group": 1},
    "line": {"line": 1},
    "text": {"text": ["a"]},
    "key": {"key": 1},
    "key empty": {"key": ""},
    "key long": {"key": "x" * 65},
    "key NUL": {"key": "\0"},
    "key beyond ASCII": {"key": "\u017c"},
    "key with a line end": {"key": "k\n"},
    "key long with a line end": {"key": "x" * 64 + "\n"},
    "answers": {"answers": "a"},
    "answers[0]": {"answers": [1]},
    "answers[2]": {"answers": ["a", "b", None]},
}


@pytest.mark.parametrize("what", WRONG_REQUESTS)
def test_a_wrong_field_of_a_request(house: House, alice: WiredProgram, what: str) -> None:
    """The answer names it, and the request where that can be; nothing is done."""
    fields = {"id": "wrong", "group": "tea", "line": "hi", **WRONG_REQUESTS[what]}
    answer = alice.error_to(line_of(**fields)[:-1])
    assert (answer["code"], answer["path"]) == ("bad-field", what.split()[0])
    if not what.startswith("id"):
        assert answer["re"] == "wrong"
    alice.does()
    assert alice.does("/history", "tea")["entries"][-1]["type"] == "created"


@pytest.mark.parametrize("data", [b"[]", b"3", b'"id"', b"null", b"true", b"{}", b'{"line": "a"}'])
def test_json_that_is_no_request(house: House, alice: WiredProgram, data: bytes) -> None:
    """It is answered by an error about fields, which does not count as bad JSON."""
    for _ in range(MAX_BAD_LINES + 1):
        answer = alice.error_to(data)
        assert answer["code"] == "bad-field"
        assert "re" not in answer
    alice.does()


@pytest.mark.parametrize("digits", [19, 20, 60, 400, 5000])
def test_huge_numbers(house: House, alice: WiredProgram, digits: int) -> None:
    """Whatever is made of them, there is one answer, and the next request is good."""
    before = len(alice.objects)
    alice.sends(b'{"id": ' + b"9" * digits + b"}\n")
    alice.does()
    assert len(alice.objects) == before + 2


def test_text_is_made_safe(house: House, alice: WiredProgram) -> None:
    """What a terminal would obey is left out of all that others are told."""
    bob = house.program("bob", "password b")
    bob.does("/join tea")
    raw = "a\x1b[31mb\x00c\u202ed\re\x9bf\tg\nh"
    alice.does(group="tea", text=raw)
    alice.does(group="tea", line=f"/me {raw}")
    alice.does(f"/msg bob {raw}")
    alice.does("/topic " + raw, "tea")
    alice.does("/kick bob " + raw, "tea")
    safe, one_line = "e\tg\nh", "e g h"
    assert bob.sees("message")["text"] == safe
    assert bob.sees("action")["text"] == safe
    assert bob.sees("message")["text"] == safe
    assert bob.sees("topic")["topic"] == one_line
    assert bob.sees("kicked")["reason"] == one_line


# The end.


def test_the_end_of_the_input_comes_after_all_answers(house: House, alice: WiredProgram) -> None:
    """Messages, commands, and a last line without its end."""
    alice.caller.door.dataReceived(
        b"".join(line_of(id=f"m{n}", group="tea", text=f"{n}") for n in range(30))
        + line_of(id="c", line="/history", group="tea")
        + line_of(id="m30", group="tea", text="last")
        + line_of(id="h")[:-1]
    )
    alice.caller.door.readConnectionLost()
    assert alice.is_cut_off()
    answered = [each["re"] for each in alice.objects if isinstance(each.get("re"), str)]
    assert sorted(answered) == sorted(["c", "h", *(f"m{n}" for n in range(31))])
    assert alice.wire.closed


def test_a_hello_alone_may_end_the_input(house: House) -> None:
    """Who says hello and nothing more is answered."""
    stranger = house.stranger()
    stranger.caller.door.dataReceived(line_of(hello=1, name="gus") + line_of(id="who", line="/who"))
    stranger.shuts_down_writing()
    assert stranger.is_cut_off()
    assert stranger.objects[0]["ok"]
    assert stranger.answer("who")["ok"]


def test_what_was_said_before_quit_is_answered(house: House, alice: WiredProgram) -> None:
    """``/quit`` ends the connection once all that came before it is carried out and answered."""
    alice.sends(line_of(id="a", group="tea", text="hi") + line_of(id="b", line="/quit"))
    alice.waits(1)
    assert alice.answer("a") == {"re": "a", "ok": True, "seq": 2}
    assert alice.answer("b")["ok"]
    assert alice.objects[-1]["type"] == "end"
    assert alice.objects[-1]["why"] == "bye"


# How much, and how fast.


def test_the_message_rate_delays_and_drops_nothing(limited: Callable[..., House]) -> None:
    """What comes too fast is said later."""
    house = limited(message_burst=10, messages_per_second=5)
    alice = house.program("alice", "password a")
    alice.does("/create tea open")
    alice.sends(b"".join(line_of(id=f"m{n}", group="tea", text=f"{n}") for n in range(40)))

    def answered() -> int:
        return len([each for each in alice.objects if str(each.get("re", ""))[:1] == "m"])

    assert answered() <= 10
    alice.waits(4)
    assert 20 <= answered() < 40
    alice.waits(6)
    assert answered() == 40
    assert [e["text"] for e in alice.events if e["type"] == "message"] == [
        str(n) for n in range(40)
    ]


def test_a_program_that_does_not_read_waits_for_its_answers(house: House) -> None:
    """What it asks for is not carried out before it has read; what waits is bounded."""
    alice = house.program("alice", "password a")
    alice.does("/create tea open")
    for _ in range(20):
        alice.does(group="tea", text="x" * 4000)
    alice.wire.stops_reading()
    for n in range(60):
        alice.caller.door.dataReceived(line_of(id=f"h{n}", group="tea", line="/history 500"))
        alice.caller.tick()
    door = alice.caller.door.door
    assert door is not None
    assert door._output.queued < 300_000
    assert alice.wire.paused
    for _ in range(200):
        alice.wire.reads(80_000)
        alice.receives()
    answers = [each["re"] for each in alice.objects if str(each.get("re", ""))[:1] == "h"]
    assert answers == [f"h{n}" for n in range(60)]


def test_a_program_that_never_reads_is_dropped(house: House) -> None:
    """After 30 seconds in which it took nothing."""
    alice = house.program("alice", "password a")
    alice.does("/create tea open")
    alice.wire.stops_reading()
    alice.sends(line_of(id=1, line="/help") + line_of(id=2, line="/help"))
    alice.caller.waits(35)
    assert alice.wire.aborted


def test_bytes_may_come_one_by_one(house: House) -> None:
    """However the network cuts what is sent."""
    alice = house.stranger()
    for piece in pieces(line_of(hello=1, name="alice", password="password a")):
        alice.caller.door.dataReceived(piece)
    alice.sees("live")
    for piece in pieces(line_of(id="żółw", line="/create tea")):
        alice.caller.door.dataReceived(piece)
    assert alice.answer("żółw")["ok"]


def test_lines_may_end_in_crlf(house: House) -> None:
    """Only LF is looked for; the CR is white space."""
    alice = house.stranger()
    alice.sends(b'{"hello": 1, "name": "alice"}\r\n{"id": 1, "line": "/create tea"}\r\n')
    assert alice.answer(1)["ok"]
    assert b"\r" not in alice.received
