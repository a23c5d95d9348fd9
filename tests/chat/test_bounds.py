"""Maxima of one person, one group and one address: one more is refused in one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from pyconchat.chat.chat import Chat
from pyconchat.config import Config, LimitsConfig
from pyconchat.testing import TestUser, make_chat, make_store
from tests.support.programs import UNLIMITED, MemoryServer, WiredProgram


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Callable[..., Chat]]:
    """Return a function that makes a chat with these limits."""
    store = make_store(tmp_path)
    yield lambda **limits: make_chat(store, config=Config(limits=LimitsConfig(**limits)))
    store.close()


CASES: dict[str, tuple[list[str], list[str], list[str], str]] = {
    "groups_per_account: create": (
        ["/create a", "/create b"],
        ["/create c"],
        ["/leave a", "/create c"],
        "alice is in 2 groups, the maximum",
    ),
    "groups_per_account: join": (
        ["/create a", "/create b"],
        ["/join open1"],
        ["/leave a", "/join open1"],
        "alice is in 2 groups, the maximum",
    ),
    "requests_per_account": (
        ["/join asks1", "/join asks2"],
        ["/join asks3"],
        ["/leave asks1", "/join asks3"],
        "You have asked to join 2 groups",
    ),
    "requests_per_group": (
        [],
        ["/join full"],
        [],
        "full has too many join requests",
    ),
    "invitations_per_group": (
        ["/create a", "/invite p1", "/invite p2"],
        ["/invite p3"],
        [],
        "a has invited too many people",
    ),
    "invitations_per_account": (
        ["/create a", "/invite p1", "/create b", "/invite p1", "/create c"],
        ["/invite p1"],
        ["/invite p2"],
        "p1 has too many invitations",
    ),
    "bans_per_group": (
        ["/create a", "/ban x1", "/ban x2"],
        ["/ban x3"],
        ["/unban x1", "/ban x3"],
        "a has 2 bans, the maximum",
    ),
    "ignores_per_account": (
        ["/ignore x1", "/ignore x2"],
        ["/ignore x3"],
        ["/unignore x1", "/ignore x3"],
        "You ignore 2 people, the maximum",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_next_is_refused(case: str, limited: Callable[..., Chat]) -> None:
    """Two are allowed; a third is refused and changes nothing; removing one allows another."""
    before, one_more, room, refusal = CASES[case]
    chat = limited(**{case.partition(":")[0]: 2})
    other = TestUser(chat, "other", "password o")
    for number in range(1, 4):
        TestUser(chat, f"p{number}", "password p")
    if case.startswith("requests"):
        other.types("/create asks1", "/create asks2", "/create asks3", "/create full")
        for number in (1, 2):
            TestUser(chat, f"p{number}", "password p").types("/join full")
    else:
        other.types("/create open1 open")
    alice = TestUser(chat, "alice", "password a")
    alice.peer.answers = ["yes"]  # to the question of /leave
    for line in before:
        assert not any(refusal in shown for shown in alice.types(line))
    entries = {each.id: each.published for each in chat.groups}
    (shown,) = alice.types(*one_more)
    assert refusal in shown
    assert {each.id: each.published for each in chat.groups} == entries
    for line in room:
        assert not any(refusal in shown for shown in alice.types(line))


def test_an_approval_is_bounded_by_the_groups_of_the_applicant(
    limited: Callable[..., Chat],
) -> None:
    """The admin gets the reason."""
    chat = limited(groups_per_account=1)
    alice, bob = TestUser(chat, "alice", "password a"), TestUser(chat, "bob", "password b")
    alice.types("/create tea")
    bob.types("/join tea", "/create den")
    assert alice.types("/approve bob") == ["* bob is in 1 groups, the maximum: leave one first."]


@pytest.mark.parametrize("case", sorted({case.partition(":")[0] for case in CASES}))
def test_zero_turns_a_bound_off(case: str, limited: Callable[..., Chat]) -> None:
    """Then there is no maximum."""
    chat = limited(**{case: 0})
    TestUser(chat, "bob", "password b")
    alice = TestUser(chat, "alice", "password a")
    shown = alice.types("/create a", "/invite bob", "/ban x", "/ignore y")
    assert not any("too many" in line or "maximum" in line for line in shown)


def server_with(chat_limits: dict[str, Any], folder: Path) -> MemoryServer:
    """Return a server in memory with these limits."""
    limits = LimitsConfig(**{**UNLIMITED, **chat_limits})
    return MemoryServer(make_store(folder), Clock(), Config(limits=limits))


def test_names_that_are_asked_without_a_login(tmp_path: Path) -> None:
    """An address can try few names a minute, over all doors; logins are not counted."""
    server = server_with({"names_per_minute": 3, "login_seconds": 0}, tmp_path)
    server.program("alice", "password a").cut()
    program = WiredProgram(server.connect())
    codes = [program.says_hello(f"name{number}", guest=False)["code"] for number in range(6)]
    assert codes == ["new-name"] * 4 + ["too-many"] * 2
    elsewhere = WiredProgram(server.connect(host="192.0.2.9"))
    assert elsewhere.says_hello("name9", guest=False)["code"] == "new-name"
    for _ in range(5):
        server.program("alice", "password a").cut()
    server.waits(61)
    assert program.says_hello("name8", guest=False)["code"] == "new-name"
    server.stop()
    server.store.close()


def test_names_that_are_asked_at_nc(tmp_path: Path) -> None:
    """The question for a name is refused in one line after a few names."""
    server = server_with({"names_per_minute": 2}, tmp_path)
    server.program("alice", "password a").cut()
    person = server.connect()
    shown = ""
    for _ in range(4):  # an empty password leads back to the name
        shown = person.types("alice", "").sees()
        assert "too many names" not in shown, "the same name tells nothing new"
    server.program("bob", "password b").cut()
    shown = person.types("bob", "", "alice", "", "bob").sees()
    assert shown.count("You have tried too many names.") == 1
    server.stop()
    server.store.close()
