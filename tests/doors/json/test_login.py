"""JSON mode: the hello, session tokens, and what precedes live."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.programs import (
    House,
    WiredProgram,
    line_of,
)

DAY = 24 * 3600


def test_a_password_registers_a_new_name(house: House) -> None:
    """The same password logs in to the account later; each login gets a token."""
    first = house.program("alice", "password a").hello
    again = house.program("Alice", "password a").hello
    assert first["registered"]
    assert again["name"] == "alice"
    assert first["token"] != again["token"]


def test_a_guest_has_no_token(house: House) -> None:
    """A new name without a password is a guest."""
    hello = house.program("gus").hello
    assert not hello["registered"]
    assert "token" not in hello


def test_a_login_by_token_hashes_nothing(house: House) -> None:
    """The hasher, which is slow on purpose, is not called."""
    token = house.program("alice", "password a").hello["token"]
    asked = house.hasher.asked
    hello = house.program("alice", token=token).hello
    assert hello["registered"]
    assert hello["token"] == token
    assert house.hasher.asked == asked


def test_a_token_is_valid_after_a_restart(house: House) -> None:
    """Tokens are stored."""
    token = house.program("alice", "password a").hello["token"]
    house.restarts()
    assert house.program("alice", token=token).hello["ok"]


def test_a_token_is_valid_for_its_account_only(house: House) -> None:
    """It is refused for another name, known or not."""
    token = house.program("alice", "password a").hello["token"]
    house.program("bob", "password b")
    for name in ("bob", "carol"):
        answer = house.stranger().says_hello(name, token=token)
        assert (answer["ok"], answer["code"]) == (False, "bad-token")


@pytest.mark.parametrize(("known", "code"), [(False, "new-name"), (True, "password-needed")])
def test_a_hello_that_declines_to_be_a_guest(house: House, known: bool, code: str) -> None:
    """With ``guest: false`` the answer says what is needed; another hello may follow."""
    if known:
        house.program("alice", "password a")
    stranger = house.stranger()
    answer = stranger.says_hello("alice", guest=False)
    assert (answer["ok"], answer["code"]) == (False, code)
    assert answer["error"]
    assert stranger.says_hello("alice", "password a")["ok"]


def test_a_registered_name_needs_its_password(house: House) -> None:
    """It cannot be used by a guest."""
    house.program("alice", "password a")
    assert house.stranger().says_hello("alice")["code"] == "password-needed"


def test_the_third_wrong_password_ends_the_connection(house: House) -> None:
    """The third is answered; then the end gives the reason."""
    house.program("alice", "password a")
    stranger = house.stranger()
    for _ in range(3):
        assert stranger.says_hello("alice", "wrong")["code"] == "wrong-password"
    assert stranger.sees("end", why="wrong-password")["text"]
    assert stranger.is_cut_off()


def test_the_right_password_after_two_wrong_ones(house: House) -> None:
    """The login succeeds."""
    house.program("alice", "password a")
    stranger = house.stranger()
    for _ in range(2):
        stranger.says_hello("alice", "wrong")
    assert stranger.says_hello("alice", "password a")["ok"]


@pytest.mark.parametrize("password", [None, "password"])
def test_the_name_of_a_guest_is_taken(house: House, password: str | None) -> None:
    """As long as the guest is connected."""
    gus = house.program("gus")
    stranger = house.stranger()
    assert stranger.says_hello("gus", password)["code"] == "taken"
    gus.cut()
    assert stranger.says_hello("gus", password)["ok"]


@pytest.mark.parametrize("way", ["password", "token", "guest"])
def test_a_banned_account_is_refused(house: House, olga: WiredProgram, way: str) -> None:
    """With a password, with a token and as a guest."""
    token = house.program("bob", "password b").hello["token"]
    olga.does("/ban bob")
    credentials = {"password": {"password": "password b"}, "token": {"token": token}, "guest": {}}
    assert house.stranger().says_hello("bob", **credentials[way])["code"] == "banned"


@pytest.mark.parametrize("name", ["", "a b", "leave", "x" * 33, "\u0430lice"])
def test_a_bad_name_is_refused(house: House, name: str) -> None:
    """The code is the one of the line door."""
    assert house.stranger().says_hello(name)["code"] == "bad-name"


def test_a_server_without_guests(limited: Callable[..., House]) -> None:
    """A hello without a password is refused."""
    assert limited(guests=False).stranger().says_hello("gus")["code"] == "guests-off"


def test_a_password_that_is_too_long_is_refused(house: House) -> None:
    """Another hello may follow."""
    stranger = house.stranger()
    assert not stranger.says_hello("alice", "x" * 1025)["ok"]
    assert stranger.says_hello("alice", "password a")["ok"]


def test_the_login_deadline(house: House) -> None:
    """The end gives the reason."""
    stranger = house.stranger()
    stranger.sends(b"{")
    stranger.waits(61)
    stranger.sees("end", why="late")
    assert stranger.is_cut_off()


def test_a_lobby_is_entered_before_live(limited: Callable[..., House]) -> None:
    """The program is a member of the lobby when all missed entries have been sent."""
    bob = limited(lobby="lobby").program("bob", "password b")
    types = [each["type"] for each in bob.events]
    assert types.index("created") < types.index("live")
    bob.does(text="hi", group="lobby")


def test_live_follows_the_missed_entries(house: House, alice: WiredProgram) -> None:
    """It is sent once, after the last of them."""
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


def test_a_second_hello_is_refused(house: House) -> None:
    """The session continues."""
    alice = house.program("alice", "password a")
    assert alice.error_to(line_of(hello=1, name="alice")[:-1])["code"] == "bad-field"
    alice.does()


# Tokens.


def has_ended(house: House, token: str, name: str = "bob") -> bool:
    """Return whether *token* is invalid; check the code of its refusal."""
    stranger = house.stranger()
    answer = stranger.says_hello(name, token=token)
    stranger.cut()
    assert answer["ok"] or answer["code"] == "bad-token"
    return not answer["ok"]


def test_a_new_password_ends_tokens(house: House) -> None:
    """All but the one in the answer."""
    bob = house.program("bob", "password b")
    other = house.program("bob", "password b")
    answer = bob.does("/password", answers=["password b", "new b", "new b"])
    assert other.sees("end")["why"] == "password"
    assert has_ended(house, bob.hello["token"])
    assert has_ended(house, other.hello["token"])
    assert not has_ended(house, answer["token"])


def test_a_guest_who_registers_gets_a_token(house: House) -> None:
    """It is in the answer to ``/password``."""
    gus = house.program("gus")
    answer = gus.does("/password", answers=["password g", "password g"])
    gus.cut()
    assert not has_ended(house, answer["token"], "gus")


def test_a_new_password_set_at_nc_ends_tokens(house: House) -> None:
    """Sessions of programs are ended too."""
    bob = house.program("bob", "password b")
    person = house.person("bob", "password b")
    person.types("/password", "password b", "new b")
    assert bob.sees("end")["why"] == "password"
    assert has_ended(house, bob.hello["token"])


def test_a_server_ban_ends_tokens(house: House, olga: WiredProgram) -> None:
    """They are still invalid after the ban has been lifted."""
    bob = house.program("bob", "password b")
    olga.does("/ban bob")
    assert bob.sees("end")["why"] == "put-off"
    olga.does("/unban bob")
    assert has_ended(house, bob.hello["token"])
    assert house.program("bob", "password b").hello["ok"]


def test_a_server_kick_does_not_end_tokens(house: House, olga: WiredProgram) -> None:
    """A kicked account may log in again."""
    bob = house.program("bob", "password b")
    olga.does("/kick bob")
    assert bob.sees("end")["why"] == "put-off"
    assert not has_ended(house, bob.hello["token"])


@pytest.mark.parametrize("how", ["program", "nc", "telnet"])
def test_quit_everywhere_ends_tokens_and_sessions(house: House, how: str) -> None:
    """By a program or by a person."""
    bob = house.program("bob", "password b")
    person = house.person("bob", "password b")
    if how == "program":
        house.program("bob", "password b").requests("/quit everywhere")
        assert "quit everywhere" in person.sees()
    else:
        quitter = house.caller("\r\n" if how == "telnet" else "\n")
        quitter.types("bob", "password b", "", "/quit everywhere")
    assert bob.sees("end")["why"] == "everywhere"
    assert has_ended(house, bob.hello["token"])
    assert house.program("bob", "password b").hello["ok"]


def test_a_plain_quit_ends_no_token(house: House) -> None:
    """It ends no other session either."""
    bob, other = house.program("bob", "password b"), house.program("bob", "password b")
    bob.requests("/quit")
    bob.sees("end", why="bye")
    assert not has_ended(house, bob.hello["token"])
    other.does()


def test_an_unused_token_ends_after_30_days(house: House) -> None:
    """Each use renews it."""
    used, unused = (house.program("bob", "password b") for _ in range(2))
    for bob in (used, unused):
        bob.cut()
    house.waits(29 * DAY)
    assert not has_ended(house, used.hello["token"])  # which renews it
    house.waits(2 * DAY)
    assert has_ended(house, unused.hello["token"])
    assert not has_ended(house, used.hello["token"])


def test_a_token_is_valid_for_30_days_after_its_last_use(house: House) -> None:
    """Also if that use was soon after it was issued."""
    bob = house.program("bob", "password b")
    bob.cut()
    house.waits(3000)
    assert not has_ended(house, bob.hello["token"])
    house.waits(30 * DAY - 1000)
    assert not has_ended(house, bob.hello["token"])


def test_an_account_has_at_most_16_tokens(house: House) -> None:
    """The one unused for longest is ended; those of other accounts are not affected."""
    alice = house.program("alice", "password a")
    tokens: list[str] = []
    for _ in range(18):
        bob = house.program("bob", "password b")
        tokens.append(bob.hello["token"])
        bob.cut()
        house.waits(3)
    assert [has_ended(house, token) for token in tokens] == [True, True] + [False] * 16
    assert not has_ended(house, alice.hello["token"], "alice")
