"""JSON mode: the hello, session tokens, and what precedes live."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.programs import (
    MemoryServer,
    WiredProgram,
    line_of,
)

DAY = 24 * 3600


def test_a_password_registers_a_new_name(server: MemoryServer) -> None:
    """The same password logs in to the account later; each login gets a token."""
    first = server.program("alice", "password a").hello
    again = server.program("Alice", "password a").hello
    assert first["registered"]
    assert again["name"] == "alice"
    assert first["token"] != again["token"]


def test_a_guest_has_no_token(server: MemoryServer) -> None:
    """A new name without a password is a guest."""
    hello = server.program("gus").hello
    assert not hello["registered"]
    assert "token" not in hello


def test_a_login_by_token_hashes_nothing(server: MemoryServer) -> None:
    """The hasher, which is slow on purpose, is not called."""
    token = server.program("alice", "password a").hello["token"]
    calls = server.hasher.calls
    hello = server.program("alice", token=token).hello
    assert hello["registered"]
    assert hello["token"] == token
    assert server.hasher.calls == calls


def test_a_token_is_valid_after_a_restart(server: MemoryServer) -> None:
    """Tokens are stored."""
    token = server.program("alice", "password a").hello["token"]
    server.restart()
    assert server.program("alice", token=token).hello["ok"]


def test_a_token_is_valid_for_its_account_only(server: MemoryServer) -> None:
    """It is refused for another name, known or not."""
    token = server.program("alice", "password a").hello["token"]
    server.program("bob", "password b")
    for name in ("bob", "carol"):
        answer = server.connect_program().says_hello(name, token=token)
        assert (answer["ok"], answer["code"]) == (False, "bad-token")


@pytest.mark.parametrize(("known", "code"), [(False, "new-name"), (True, "password-needed")])
def test_a_hello_that_declines_to_be_a_guest(server: MemoryServer, known: bool, code: str) -> None:
    """With ``guest: false`` the answer says what is needed; another hello may follow."""
    if known:
        server.program("alice", "password a")
    peer = server.connect_program()
    answer = peer.says_hello("alice", guest=False)
    assert (answer["ok"], answer["code"]) == (False, code)
    assert answer["error"]
    assert peer.says_hello("alice", "password a")["ok"]


def test_a_lookalike_is_no_new_name(server: MemoryServer) -> None:
    """A hello that declines to be a guest is refused at once if the name is unavailable."""
    server.program("alice", "password a")
    for guest in (True, False):
        assert server.connect_program().says_hello("a1ice", guest=guest)["code"] == "taken"


def test_a_registered_name_needs_its_password(server: MemoryServer) -> None:
    """It cannot be used by a guest."""
    server.program("alice", "password a")
    assert server.connect_program().says_hello("alice")["code"] == "password-needed"


def test_the_third_wrong_password_ends_the_connection(server: MemoryServer) -> None:
    """The third is answered; then the end gives the reason."""
    server.program("alice", "password a")
    peer = server.connect_program()
    for _ in range(3):
        assert peer.says_hello("alice", "wrong")["code"] == "wrong-password"
    assert peer.sees("end", why="wrong-password")["text"]
    assert peer.is_disconnected()


def test_the_right_password_after_two_wrong_ones(server: MemoryServer) -> None:
    """The login succeeds."""
    server.program("alice", "password a")
    peer = server.connect_program()
    for _ in range(2):
        peer.says_hello("alice", "wrong")
    assert peer.says_hello("alice", "password a")["ok"]


@pytest.mark.parametrize("password", [None, "password"])
def test_the_name_of_a_guest_is_taken(server: MemoryServer, password: str | None) -> None:
    """As long as the guest is connected, from another address."""
    gus = server.program("gus")
    peer = WiredProgram(server.connect(host="192.0.2.9"))
    assert peer.says_hello("gus", password)["code"] == "taken"
    assert WiredProgram(server.connect()).says_hello("gus", password)["code"] == "taken"
    assert peer.says_hello("gus", password, replace=True)["code"] == "taken"
    again = WiredProgram(server.connect())
    assert again.says_hello("gus", password, replace=True)["ok"]
    assert "replaced" in str(gus.finds(lambda each: each.get("type") == "end", 0))
    again.cut()
    if password is None:
        assert peer.says_hello("gus")["ok"]


@pytest.mark.parametrize("way", ["password", "token", "guest"])
def test_a_banned_account_is_refused(server: MemoryServer, olga: WiredProgram, way: str) -> None:
    """With a password, with a token and as a guest."""
    token = server.program("bob", "password b").hello["token"]
    olga.does("/ban bob")
    credentials = {"password": {"password": "password b"}, "token": {"token": token}, "guest": {}}
    assert server.connect_program().says_hello("bob", **credentials[way])["code"] == "banned"


@pytest.mark.parametrize("name", ["", "a b", "leave", "x" * 33, "\u0430lice"])
def test_a_bad_name_is_refused(server: MemoryServer, name: str) -> None:
    """The code is the one of the line door."""
    assert server.connect_program().says_hello(name)["code"] == "bad-name"


def test_a_server_without_guests(limited: Callable[..., MemoryServer]) -> None:
    """A hello without a password is refused."""
    assert limited(guests=False).connect_program().says_hello("gus")["code"] == "guests-off"


def test_a_password_that_is_too_long_is_refused(server: MemoryServer) -> None:
    """Another hello may follow."""
    peer = server.connect_program()
    assert not peer.says_hello("alice", "x" * 1025)["ok"]
    assert peer.says_hello("alice", "password a")["ok"]


def test_the_login_deadline(server: MemoryServer) -> None:
    """The end gives the reason."""
    peer = server.connect_program()
    peer.sends(b"{")
    peer.waits(61)
    peer.sees("end", why="late")
    assert peer.is_disconnected()


def test_a_lobby_is_entered_before_live(limited: Callable[..., MemoryServer]) -> None:
    """The program is a member of the lobby when all missed entries have been sent."""
    bob = limited(lobby="lobby").program("bob", "password b")
    types = [each["type"] for each in bob.events]
    assert types.index("created") < types.index("live")
    bob.does(text="hi", group="lobby")


def test_live_follows_the_missed_entries(server: MemoryServer, alice: WiredProgram) -> None:
    """It is sent once, after the last of them."""
    bob = server.program("bob", "password b")
    bob.does("/join tea")
    bob.cut()
    for number in range(120):  # more than one page
        alice.does(text=f"{number}", group="tea")
    bob = server.program("bob", "password b")
    assert [each["type"] for each in bob.events].count("live") == 1
    assert bob.events[-1] == {"type": "live"}
    assert bob.hello["groups"][0]["unread"] == len(bob.entries)
    assert bob.hello["groups"][0]["head"] == bob.entries[-1]["seq"]


def test_a_second_hello_is_refused(server: MemoryServer) -> None:
    """The session continues."""
    alice = server.program("alice", "password a")
    assert alice.error_to(line_of(hello=1, name="alice")[:-1])["code"] == "bad-field"
    alice.does()


# Tokens.


def has_ended(server: MemoryServer, token: str, name: str = "bob") -> bool:
    """Return whether *token* is invalid; check the code of its refusal."""
    peer = server.connect_program()
    answer = peer.says_hello(name, token=token)
    peer.cut()
    assert answer["ok"] or answer["code"] == "bad-token"
    return not answer["ok"]


def test_a_new_password_ends_tokens(server: MemoryServer) -> None:
    """All but the one in the answer."""
    bob = server.program("bob", "password b")
    other = server.program("bob", "password b")
    answer = bob.does("/password", answers=["password b", "new b", "new b"])
    assert other.sees("end")["why"] == "password"
    assert has_ended(server, bob.hello["token"])
    assert has_ended(server, other.hello["token"])
    assert not has_ended(server, answer["token"])


def test_a_guest_who_registers_gets_a_token(server: MemoryServer) -> None:
    """It is in the answer to ``/password``."""
    gus = server.program("gus")
    answer = gus.does("/password", answers=["password g", "password g"])
    gus.cut()
    assert not has_ended(server, answer["token"], "gus")


def test_a_new_password_set_at_nc_ends_tokens(server: MemoryServer) -> None:
    """Sessions of programs are ended too."""
    bob = server.program("bob", "password b")
    person = server.person("bob", "password b")
    person.types("/password", "password b", "new b")
    assert bob.sees("end")["why"] == "password"
    assert has_ended(server, bob.hello["token"])


def test_a_server_ban_ends_tokens(server: MemoryServer, olga: WiredProgram) -> None:
    """They are still invalid after the ban has been lifted."""
    bob = server.program("bob", "password b")
    olga.does("/ban bob")
    assert bob.sees("end")["why"] == "put-off"
    olga.does("/unban bob")
    assert has_ended(server, bob.hello["token"])
    assert server.program("bob", "password b").hello["ok"]


def test_a_server_kick_does_not_end_tokens(server: MemoryServer, olga: WiredProgram) -> None:
    """A kicked account may log in again."""
    bob = server.program("bob", "password b")
    olga.does("/kick bob")
    assert bob.sees("end")["why"] == "put-off"
    assert not has_ended(server, bob.hello["token"])


@pytest.mark.parametrize("how", ["program", "nc", "telnet"])
def test_quit_everywhere_ends_tokens_and_sessions(server: MemoryServer, how: str) -> None:
    """By a program or by a person."""
    bob = server.program("bob", "password b")
    person = server.person("bob", "password b")
    if how == "program":
        server.program("bob", "password b").requests("/quit everywhere")
        assert "quit everywhere" in person.sees()
    else:
        quitter = server.connect("\r\n" if how == "telnet" else "\n")
        quitter.types("bob", "password b", "", "/quit everywhere")
    assert bob.sees("end")["why"] == "everywhere"
    assert has_ended(server, bob.hello["token"])
    assert server.program("bob", "password b").hello["ok"]


def test_a_plain_quit_ends_no_token(server: MemoryServer) -> None:
    """It ends no other session either."""
    bob, other = server.program("bob", "password b"), server.program("bob", "password b")
    bob.requests("/quit")
    bob.sees("end", why="bye")
    assert not has_ended(server, bob.hello["token"])
    other.does()


def test_an_unused_token_ends_after_30_days(server: MemoryServer) -> None:
    """Each use renews it."""
    used, unused = (server.program("bob", "password b") for _ in range(2))
    for bob in (used, unused):
        bob.cut()
    server.waits(29 * DAY)
    assert not has_ended(server, used.hello["token"])  # which renews it
    server.waits(2 * DAY)
    assert has_ended(server, unused.hello["token"])
    assert not has_ended(server, used.hello["token"])


def test_a_token_is_valid_for_30_days_after_its_last_use(server: MemoryServer) -> None:
    """Also if that use was soon after it was issued."""
    bob = server.program("bob", "password b")
    bob.cut()
    server.waits(3000)
    assert not has_ended(server, bob.hello["token"])
    server.waits(30 * DAY - 1000)
    assert not has_ended(server, bob.hello["token"])


def test_an_account_has_at_most_16_tokens(server: MemoryServer) -> None:
    """The one unused for longest is ended; those of other accounts are not affected."""
    alice = server.program("alice", "password a")
    tokens: list[str] = []
    for _ in range(18):
        bob = server.program("bob", "password b")
        tokens.append(bob.hello["token"])
        bob.cut()
        server.waits(3)
    assert [has_ended(server, token) for token in tokens] == [True, True] + [False] * 16
    assert not has_ended(server, alice.hello["token"], "alice")
