"""Somebody in many groups: no line to a program is larger than the soft limit."""

from __future__ import annotations

from pyconchat.client.groups import Groups
from pyconchat.config import LimitsConfig
from tests.support.programs import MemoryServer, WiredProgram, numbers

COUNT = 100
LIMIT = LimitsConfig().unsent_soft_bytes


def test_the_hello_of_somebody_in_many_groups(server: MemoryServer) -> None:
    """The answer has the first groups; the others follow before the missed entries."""
    alice = server.program("alice", "password a")
    for number in range(COUNT):
        alice.does(f"/create g{number}")
        alice.does("/topic " + "\U0001f375" * 300, f"g{number}")
    alice.cut()
    again = WiredProgram(server.connect())
    hello = again.logs_in("alice", "password a", since={"g7": 0, "g99": 0})
    assert len(hello["groups"]) + hello["more"] == COUNT
    parts = [each for each in again.objects if each.get("type") == "own-groups"]
    assert len(parts) >= 2
    assert [part["more"] for part in parts][-1] == 0
    groups = [each for part in (hello, *parts) for each in part["groups"]]
    assert [each["group"] for each in groups] == [f"g{number}" for number in range(COUNT)]
    assert all(each["head"] == 2 and each["role"] == "admin" for each in groups)
    first = next(each for each in again.objects if "seq" in each)
    assert again.objects.index(first) > again.objects.index(parts[-1])
    assert numbers(again.entries, "g7") == numbers(again.entries, "g99") == [1, 2]
    assert max(map(len, again.received.split(b"\n"))) <= LIMIT

    # The bundled client has them all, and keeps the current one.
    known = Groups()
    known.logged_in({"name": "alice", "groups": [*groups, {"group": "old", "number": 500}]})
    known.enter(known.get("g99"))
    known.logged_in(hello)
    assert known.current is known.get("g99")
    changed = [known.event_received(part) for part in parts]
    assert not any(changed)
    assert [each.name for each in known.all()] == [f"g{number}" for number in range(COUNT)]
