"""``pyconchat-admin``, on the state of running and of stopped servers."""

from __future__ import annotations

import json
import os
import pty
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.administration import PASSWORD, admin, share_file, tree
from tests.support.programs import Object, Program, numbers
from tests.support.servers import PATIENCE, Server, free_port
from tests.support.users import SocketUser

pytestmark = pytest.mark.server(scope="module", tls=True)

Enter = Callable[..., Program]

ADMIN = str(Path(sys.executable).with_name("pyconchat-admin"))

NEW = "another password"


# Accounts and groups.


def test_lists(stopped: Path, state: Path) -> None:
    """The commands accounts and groups list what is registered."""
    listed = admin(stopped, "accounts").lines
    assert [line.partition(", created ")[0] for line in listed] == ["alice", "Bob"]
    assert admin(stopped, "groups").lines == ["1 tea (open): admin alice, 2 members, 1,203 entries"]
    assert admin(state, "make-operator", "bob").lines == ["Bob is an operator now."]
    listed = admin(state, "accounts").lines
    assert listed[0].startswith("alice")
    assert "operator" in listed[1]


def test_the_database_is_copied(stopped: Path, server: Server, tmp_path: Path) -> None:
    """Only while no server uses it; the copy is used by its URL."""
    new = tmp_path / "new"
    new.mkdir()
    url = f"sqlite:///{new / 'pyconchat.db'}"
    assert "stop it first" in admin(server.state, "copy-database", url).line
    assert not list(new.iterdir())
    lines = admin(stopped, "copy-database", url).lines
    assert "accounts: 2" in lines
    assert lines[-1].startswith("Everything has been copied.")
    for command in ("accounts", "groups"):
        assert admin(new, command).lines == admin(stopped, command).lines
    assert "must be a new one" in admin(stopped, "copy-database", url).line


def test_a_password_is_reset_while_the_server_runs(server: Server, enter: Enter) -> None:
    """The account's sessions and tokens end at once; those of other accounts do not."""
    carol, dave = enter("carol"), enter("dave")
    token = carol.hello["token"]
    nc = SocketUser(server.port)
    nc.logs_in("carol", PASSWORD + "carol")
    assert admin(server.state, "reset-password", "CAROL", typed=NEW.encode() + b"\n").lines == [
        "The password of carol has been changed."
    ]
    assert carol.sees("end")["why"] == "password"
    nc.sees("Your password was changed by an administrator.")
    assert carol.is_disconnected()
    assert nc.is_disconnected()
    again = Program(server.port)
    assert again.says_hello("carol", token=token)["code"] == "bad-token"
    assert again.says_hello("carol", PASSWORD + "carol")["code"] == "wrong-password"
    again.logs_in("carol", NEW)
    assert dave.does("/who")["people"]
    assert NEW not in server.whole_log()
    for each in (again, nc):
        each.close()


def test_a_password_is_reset_while_the_server_is_stopped(
    state: Path, enter: Enter, serve: Callable[[Path], Server]
) -> None:
    """After a start only the new password is valid; it may end with CRLF or without a newline."""
    for name, end in (("alice", b""), ("bob", b"\r\n")):
        assert len(admin(state, "reset-password", name, typed=NEW.encode() + end).lines) == 1
    server = serve(state)
    enter("alice", server, NEW)
    enter("bob", server, NEW)
    with closing(Program(server.port)) as bob:
        assert bob.says_hello("bob", PASSWORD + "Bob")["code"] == "wrong-password"


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ([NEW, NEW], ""),
        ([NEW, "a slip"], "the two passwords differ; nothing was changed"),
        (["\x04"], "nothing was changed"),
    ],
    ids=["same", "different", "end of input"],
)
def test_a_password_at_a_terminal(typed: list[str], problem: str, state: Path) -> None:
    """It is asked for twice without echo; different passwords or Ctrl-D change nothing."""
    before = tree(state)
    master, slave = pty.openpty()
    with subprocess.Popen(
        [ADMIN, "--state", str(state), "reset-password", "alice"],
        stdin=slave,
        stdout=slave,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        os.close(slave)
        assert process.stderr is not None
        output = b""
        for line in typed:
            while not output.endswith(b": "):
                piece = process.stderr.read1()
                assert piece, output
                output += piece
            os.write(master, f"{line}\n".encode())
            output += b"\n"
        output += process.stderr.read()
        shown = os.read(master, 1000).decode() if not problem else ""
    os.close(master)
    lines = [line for line in output.decode().splitlines() if line.strip()]
    assert lines[: len(typed)] == ["New password of alice: ", "Repeat it: "][: len(typed)]
    if problem:
        (line,) = lines[len(typed) :]
        assert line.startswith("pyconchat-admin: ")
        assert problem in line
        assert process.returncode == 1
        assert tree(state) == before
    else:
        assert shown == "The password of alice has been changed.\r\n"
        assert process.returncode == 0
        assert tree(state) != before


def test_an_operator_is_made_while_the_server_runs(server: Server, enter: Enter) -> None:
    """It takes effect in open sessions, and the server's log has no gap."""
    erin, frank, gina = enter("erin"), enter("frank"), enter("gina")
    code = server.says(r"operator: type /claim (\S+)").group(1)
    assert erin.is_refused("/stats") == "not-operator"
    assert admin(server.state, "make-operator", "Erin").lines == ["erin is an operator now."]
    erin.finds(lambda each: "operator" in each.get("text", ""), 0)
    assert erin.does("/stats")["type"] == "stats"
    frank.is_refused(f"/claim {code}")
    assert erin.is_refused("/operator nobody-here") != "not-operator"
    erin.does("/operator gina")
    gina.does("/ban frank spam")
    assert frank.is_disconnected()
    assert "operator already" in admin(server.state, "make-operator", "erin").line
    with closing(sqlite3.connect(server.state / "pyconchat.db")) as database:
        log = database.execute(
            "SELECT seq, json_extract(body, '$.type') FROM entries"
            " WHERE conversation = 1 ORDER BY seq"
        ).fetchall()
    assert log == [(1, "operator"), (2, "operator"), (3, "server-banned")]
    time = r"\d{4}-\d\d-\d\d \d\d:\d\d"
    listed = "\n".join(admin(server.state, "accounts").lines)
    for who in ("erin, operator", "frank, banned"):
        assert re.search(f"^{who}, created {time}, last login {time}$", listed, re.MULTILINE)


def test_an_operator_is_removed_while_the_server_runs(server: Server, enter: Enter) -> None:
    """It takes effect in open sessions, is logged, and lasts."""
    hugo = enter("hugo")
    assert admin(server.state, "remove-operator", "hugo").line.endswith("hugo is not an operator")
    admin(server.state, "make-operator", "hugo")
    server.says("administration: operator made: hugo")
    hugo.finds(lambda each: "operator" in each.get("text", ""), 0)
    assert hugo.does("/stats")["type"] == "stats"
    lines = admin(server.state, "remove-operator", "HUGO").lines
    assert lines == ["hugo is no longer an operator."]
    server.says("administration: operator removed: hugo")
    assert hugo.is_refused("/stats") == "not-operator"
    assert "hugo, created" in admin(server.state, "accounts").out


def test_an_account_is_deleted_while_the_server_runs(server: Server, enter: Enter) -> None:
    """Its session ends, its group gets another admin, and the name is free at once."""
    iris, jack = enter("iris"), enter("jack")
    iris.does("/create orchids open")
    jack.does("/join orchids")
    iris.does("/msg jack only between us")
    command = ("delete-account", "iris")
    assert "nothing was changed" in admin(server.state, *command, typed=b"jack\n").line
    assert "nothing was changed" in admin(server.state, *command).line
    assert admin(server.state, *command, typed=b"iris\n").out.endswith(
        "The account of iris has been deleted.\n"
    )
    server.says("administration: account deleted: iris")
    assert iris.is_disconnected()
    jack.finds(lambda each: each.get("type") == "admin" and each.get("name") == "jack", 0)
    again = enter("iris")
    assert again.hello["groups"] == []
    assert admin(server.state, "check").status == 0
    assert "iris, created" in admin(server.state, "accounts").out
    assert len(admin(server.state, "delete-account", "iris", "--yes").lines) == 1


# Exports.


def test_an_export_is_what_a_program_received(server: Server, enter: Enter, stopped: Path) -> None:
    """By name in any case, or by number: each event exactly as a member's program received it."""
    hana, ivan = enter("hana"), enter("ivan")
    number = hana.does("/create Chess")["number"]
    ivan.does("/join chess")
    hana.does("/approve ivan", "chess")
    ivan.does('سلام «دنیا» \u2028 \\ " <b>', "chess")
    ivan.does("/me waves", "chess")
    hana.does("/policy password secret-word", "chess")
    hana.does("/topic endgames", "chess")
    share_file(server, hana, "chess")
    hana.does("/kick ivan be brief", "chess")
    seen: list[Object] = [each for each in hana.entries if each.get("group") == "Chess"]
    assert len(seen) >= 9
    for name in ("Chess", "cHESS", str(number)):
        assert [
            json.loads(line) for line in admin(server.state, "export-group", name, "-").lines
        ] == seen
    exported = [json.loads(line) for line in admin(stopped, "export-group", "tea", "-").lines]
    assert numbers(exported) == list(range(1, 1204))


def test_the_installed_command(stopped: Path) -> None:
    """It runs from a shell, and ends silently when the reader of an export closes the pipe."""
    done = subprocess.run(
        ["/bin/sh", "-c", f"{ADMIN} --state {stopped} export-group tea - | head -n 1"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert json.loads(done.stdout)["type"] == "created"
    assert done.stderr == ""


# Errors.


@pytest.mark.parametrize(
    ("arguments", "typed", "problem"),
    [
        (["reset-password", "nobody"], NEW.encode(), "there is no account nobody"),
        (["reset-password", "alice"], b"abc\n", "4 to 1024 characters"),
        (["reset-password", "alice"], b"", "4 to 1024 characters"),
        (["reset-password", "alice"], b"\xff\xfe\xfd\xfc\xfb\n", "UTF-8"),
        (["reset-password", "a b"], NEW.encode(), "name"),
        (["make-operator", "nobody"], b"", "there is no account nobody"),
        (["export-group", "coffee", "-"], b"", "there is no group 'coffee'"),
        (["--config", "/nowhere/chat.toml", "check"], b"", "/nowhere/chat.toml"),
    ],
)
def test_a_wrong_call(arguments: list[str], typed: bytes, problem: str, state: Path) -> None:
    """One line names the problem, and nothing is created or changed."""
    before = tree(state)
    assert problem in admin(state, *arguments, typed=typed).line
    assert tree(state) == before


def test_a_folder_that_is_not_a_state_folder(tmp_path: Path, state: Path) -> None:
    """Missing, empty, no database, or a database of another version: one line for each."""
    assert "there is no server's state" in admin(tmp_path / "nowhere", "groups").line
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "empty").mkdir()
    assert "there is no server's state" in admin(tmp_path / "empty", "backup", "b").line
    assert list((tmp_path / "empty").iterdir()) == []
    (tmp_path / "empty" / "pyconchat.db").write_text("my holiday photographs " * 100)
    assert "database" in admin(tmp_path / "empty", "check").line
    config = tmp_path / "chat.toml"
    config.write_text(f'[store]\nurl = "postgresql://nobody@127.0.0.1:{free_port()}/chat"\n')
    assert "database" in admin(None, "--config", str(config), "accounts").line
    for version, problem in (("0001", "start the server once"), ("9999", "newer version")):
        with closing(sqlite3.connect(state / "pyconchat.db")) as database, database:
            database.execute("UPDATE alembic_version SET version_num = ?", (version,))
        assert problem in admin(state, "accounts").line
