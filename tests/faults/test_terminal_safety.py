"""Whatever users send, in whatever way: nothing of it can harm another user's terminal.

The ways in are compared with the event types: a field of a new event that users can fill, and that
has no way here, fails.
"""

from __future__ import annotations

import re
import sqlite3
import typing
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from pyconchat.domain.events import AnyEvent, decode
from pyconchat.domain.names import Name
from pyconchat.domain.text import SafeText
from tests.faults.hostile import (
    EVIL,
    NAMES,
    OURS,
    SENDERS,
    TEXTS,
    attack,
)
from tests.support.safety import problems, unsafe
from tests.support.servers import Server
from tests.support.users import ALL_KINDS, KINDS, User, UserOf, users

TOML = '[doors]\nweb = ["tcp:0:interface=127.0.0.1"]\n[files]\nfree_disk = 0\n'
pytestmark = pytest.mark.server(scope="module", toml=TOML)


def fields(kind: object) -> set[str]:
    """Return the fields of type *kind* of all events, each after its event's tag."""
    return {
        f"{event.__struct_config__.tag}.{field}"
        for event in typing.get_args(AnyEvent)
        for field, hint in typing.get_type_hints(event).items()
        if field in event.__struct_fields__ and kind in (hint, *typing.get_args(hint))
    }


LAID_OUT = ("message.text", "action.text", "edit.text")
"""Fields that may have several lines, and tabs."""

ADMINISTRATION = {"restored.by", "restored.name"}
"""Fields that only ``pyconchat-admin`` fills."""


OF_IRC = {"unsay.reason"}
"""Fields that only IRC clients fill, in tests/doors/irc/test_hostile.py."""


def test_every_field_that_users_can_fill_has_a_way() -> None:
    """No field is left out of what is tried below."""
    assert fields(SafeText) - OF_IRC == TEXTS.keys() - {"presence.reason"}
    assert fields(Name) - ADMINISTRATION == NAMES.keys()
    assert fields(str) == OURS


# The readers.


class Outcome(NamedTuple):
    """What each user has received, and the server."""

    received: dict[str, bytes]
    server: Server


@pytest.fixture(scope="module")
def outcome(shared_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """Have hostile users of every kind try everything, and readers of every kind read it."""
    server = shared_server
    code = server.says(r"operator: type /claim (\S+)").group(1)
    with users(server, tmp_path_factory.mktemp("users"), ALL_KINDS) as user:
        senders = [hostile(server, kind, user) for kind, hostile in SENDERS.items()]
        readers = Readers(server, user)
        senders[0].does(f"/claim {code}", None)
        for sender in senders[1:]:
            senders[0].does(f"/operator {sender.name}", None)
        for sender in senders:
            sender.does(f"/create {sender.kind} open", None)
            readers.join(sender.kind)
        readers.late.close()
        server.says("user disconnected: late")
        for sender in senders:
            attack(server, sender, sender.kind)
        readers.look_around()
        for sender in senders:
            sender.does("/bans", sender.kind)
            sender.does("/bans", None)
            sender.types(TEXTS["presence.reason"].line.format(f"{EVIL}mark-{sender.kind}"))
            assert sender.who.is_disconnected()
            server.says(f"user disconnected: {sender.name}")
        received = readers.received()
        for sender in senders:
            received[sender.name] = sender.who.everything()
        yield Outcome(received, server)


class Readers:
    """One reader of each kind, and one who is offline; the one at nc is the admin of cups."""

    def __init__(self, server: Server, user: UserOf) -> None:
        self._server = server
        self._user = user
        self.people: dict[str, User] = {
            kind: user(kind, f"reader-{kind}", f"secret of {kind}") for kind in KINDS
        }
        self.late = user("nc", "late", "secret of late")
        self.people["nc"].types("/create cups approval", "/desk")
        self.people["nc"].sees("You are in cups")

    def join(self, group: str) -> None:
        """Become members of *group*."""
        for person in (*self.people.values(), self.late):
            person.types(f"/join {group}")
            person.sees(f"You are in {group}")

    def look_around(self) -> None:
        """Ask for all lists that could have something hostile in them."""
        looks = ["/groups", "/who", "/help", "/bans"]
        for group in SENDERS:
            looks += [f"/join {group}", "/members", "/files", "/get 1", "/history 500"]
            looks += ["/search mark"]
        looks += ["/join cups", "/requests"]
        for person in self.people.values():
            person.types(*looks)
            person.does_not_see("raw")

    def received(self) -> dict[str, bytes]:
        """Return what each has received, once the one who was offline has logged in."""
        self.people["late"] = self._user("nc", "late", "secret of late")
        for person in self.people.values():
            person.does_not_see("raw")
        return {name: person.everything() for name, person in self.people.items()}


@pytest.mark.parametrize("reader", [*KINDS, "late"])
def test_what_others_receive_is_safe(outcome: Outcome, reader: str) -> None:
    """Everything was received, from each kind of sender, and it is harmless."""
    received = outcome.received[reader]
    for sender in SENDERS:
        assert received.count(f"mark-{sender}".encode()) >= 7
        if reader != "late":  # disconnections are not in the log
            parting = [line for line in received.split(b"\n") if b"offline: " in line]
            parting += [line for line in received.split(b"\n") if b'"presence"' in line]
            assert any(f"mark-{sender}".encode() in line for line in parting)
    assert b"raw" not in received
    assert problems(received, reader) == []


@pytest.mark.parametrize("kind", SENDERS)
def test_answers_to_hostile_users_are_safe(outcome: Outcome, kind: str) -> None:
    """Hostile text is not sent back to its sender either, who may have pasted it."""
    assert problems(outcome.received[f"mallory-{kind}"], kind) == []


@pytest.mark.parametrize("door", SENDERS)
def test_what_is_stored_is_safe(outcome: Outcome, door: str) -> None:
    """Each field was filled, and the whole log and all tables are harmless."""
    with closing(sqlite3.connect(outcome.server.state / "pyconchat.db")) as database:
        tables = database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE '%VIRTUAL%'"
        ).fetchall()
        for (table,) in tables:
            for row in database.execute(f'SELECT * FROM "{table}"'):
                assert [
                    text for text in row if isinstance(text, str) and unsafe(text, "\n\t")
                ] == [], table
        bodies = [body for (body,) in database.execute("SELECT body FROM entries")]
    filled: set[str] = set()
    for body in bodies:
        event = decode(body)
        tag = event.__struct_config__.tag
        for field in event.__struct_fields__:
            value, place = getattr(event, field), f"{tag}.{field}"
            if place in NAMES and value is not None:
                for name in value if isinstance(value, tuple) else [value]:
                    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}", name), body
            elif place in TEXTS:
                layout = "\n\t" if place in LAID_OUT else ""
                assert unsafe(value, layout) == [], place
                if f"mark-{door}" in value:
                    filled.add(place)
    assert filled == TEXTS.keys() - {"presence.reason"}


def test_the_servers_own_log_and_its_files_are_safe(outcome: Outcome) -> None:
    """The log that administrators read, and the names in the state folder."""
    log = outcome.server.whole_log()
    assert "file transferred" in log
    assert unsafe(log) == []
    names: list[Path] = list(outcome.server.state.rglob("*"))
    assert len(names) > 4
    assert [path.name for path in names if not path.name.isascii() or unsafe(path.name)] == []
