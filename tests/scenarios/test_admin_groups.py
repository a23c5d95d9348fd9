"""``pyconchat-admin`` deletes, restores and exports groups."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.administration import FILE, PASSWORD, admin, exchange, tree
from tests.support.programs import Program, numbers
from tests.support.servers import Server

pytestmark = pytest.mark.server(scope="module", tls=True)

Serve = Callable[[Path], Server]


def deleted(state: Path) -> str:
    """Delete the group tea; return the id that is printed."""
    done = admin(state, "delete-group", "TEA", "--yes")
    found = re.search(r"^tea has been deleted\..* (id:[0-9]+)$", done.out.strip())
    assert found is not None, done
    return found[1]


def test_a_group_is_deleted_and_restored(state: Path, serve: Serve) -> None:
    """Log, members and files are as before; members get the events."""
    id = deleted(state)
    (line,) = admin(state, "groups").lines
    assert re.fullmatch(
        rf"{id} tea \(open\): admin alice, 2 members, 1,204 entries,"
        r" deleted [-0-9]{10} [0-9]{2}:[0-9]{2}, kept for 30 more days",
        line,
    )
    assert admin(state, "check").status == 0
    server = serve(state)  # it removes expired groups
    with closing(Program(server.port)) as bob:
        bob.logs_in("Bob", PASSWORD + "Bob")
        assert bob.sees("closed", group="tea")["by"] == "the administrator"
        assert bob.is_refused("hello", "tea") == "no-such-group"
        assert bob.does("/create tea open")["number"] != 1
    server.stop()
    assert "there is a group tea now: choose another name with --as NEWNAME" in (
        admin(state, "restore-group", "tea").line
    )
    restored = admin(state, "restore-group", id, "--as", "tea-2").lines
    assert restored == ["tea-2 has been restored: number 1, 2 members."]
    assert admin(state, "check").lines[0].startswith("No problems found: 2 groups")
    server = serve(state)
    with closing(Program(server.port)) as bob, closing(Program(server.port)) as alice:
        bob.logs_in("Bob", PASSWORD + "Bob")
        alice.logs_in("alice", PASSWORD + "alice")
        alice.does("hello again", "tea-2")
        assert bob.sees("restored", group="tea-2")["number"] == 1
        bob.sees("message", text="hello again")
        ticket = bob.does("/get 1", "tea-2")["ticket"]
        assert exchange(server, f"download {ticket}\n".encode()).endswith(FILE)
        assert bob.does("/search 1199", "tea-2")["entries"]


def test_the_name_has_to_be_typed(state: Path) -> None:
    """Any other input cancels the command."""
    before = tree(state)
    for typed in (b"", b"coffee\n", b"yes\n"):
        assert "nothing was changed" in admin(state, "delete-group", "tea", typed=typed).line
    assert "there is no group 'coffee'" in admin(state, "delete-group", "coffee", "--yes").line
    assert "there is no deleted group 'tea'" in admin(state, "restore-group", "tea").line
    assert tree(state) == before
    assert admin(state, "delete-group", "1", typed=b"tea\n").status == 0


def test_while_the_server_runs(server: Server) -> None:
    """Both are refused; the running server has the groups in memory."""
    with closing(Program(server.port)) as olga:
        olga.logs_in("olga", PASSWORD + "olga")
        olga.does("/create lilies open")
        assert "is in use by another server: stop it" in (
            admin(server.state, "delete-group", "lilies", "--yes").line
        )
        assert "is in use" in admin(server.state, "restore-group", "lilies").line
        olga.does("still here", "lilies")


def test_several_deleted_groups_of_one_name(state: Path) -> None:
    """Their ids distinguish them."""
    first = deleted(state)
    admin(state, "restore-group", "tea")
    with closing(sqlite3.connect(state / "pyconchat.db")) as database, database:
        copy_group(database, int(first.removeprefix("id:")), 900, number=9, name="old tea")
        database.execute("UPDATE groups SET closed = 1, closed_at = 5 WHERE conversation = 900")
        database.execute("UPDATE groups SET name = 'tea' WHERE conversation = 900")
    second = deleted(state)
    refused = admin(state, "restore-group", "tea").line
    assert "several deleted groups had that name: id:900 (1970-01-01" in refused
    assert second in refused
    assert admin(state, "restore-group", second).status == 0


def copy_group(database: sqlite3.Connection, id: int, new: int, number: int, name: str) -> None:
    database.execute(
        "INSERT INTO groups (conversation, number, name, policy, admin, password_hash, topic,"
        " closed, last_file) SELECT ?, ?, ?, policy, admin, password_hash, topic, 0, last_file"
        " FROM groups WHERE conversation = ?",
        (new, number, name, id),
    )
    database.execute("INSERT INTO conversations (id, head, version) VALUES (?, 0, 0)", (new,))


def test_a_name_that_is_somebody_else_now(state: Path, serve: Serve) -> None:
    """A new account with a deleted account's name does not get its membership."""
    deleted(state)
    admin(state, "delete-account", "bob", "--yes")
    server = serve(state)
    with closing(Program(server.port)) as bob:
        bob.logs_in("bob", "another password")
    server.stop()
    restored = admin(state, "restore-group", "tea").lines
    assert restored == ["tea has been restored: number 1, 1 member."]
    assert admin(state, "check").status == 0
    server = serve(state)
    with closing(Program(server.port)) as bob:
        bob.logs_in("bob", "another password")
        assert bob.hello["groups"] == []


def test_an_export_to_a_file(state: Path, tmp_path: Path) -> None:
    """Of an open or a deleted group; an existing file is not overwritten."""
    file = tmp_path / "tea.jsonl"
    assert admin(state, "export-group", "tea", str(file)).lines == []
    assert file.stat().st_mode & 0o777 == 0o600
    first = file.read_text().splitlines()
    assert numbers([json.loads(line) for line in first]) == list(range(1, 1204))
    again = admin(state, "export-group", "tea", str(file)).line
    assert "exists already, and nothing is overwritten" in again
    id = deleted(state)
    for which in ("tea", id):
        *before, last = admin(state, "export-group", which, "-").lines
        assert before == first
        assert json.loads(last)["type"] == "closed"
