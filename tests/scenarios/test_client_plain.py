"""The client in plain mode: without colours and cursor movement."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.scripted_server import ScriptedServer
from tests.support.servers import Server
from tests.support.terminals import (
    CLIENT,
    PASSWORD,
    StartClient,
    Terminal,
    environment,
    stored_messages,
)
from tests.support.users import Visit

pytestmark = pytest.mark.server(scope="module")

# Prints whether its standard files are blocking, as programs expect of a terminal.
BLOCKING = "import os; print('blocking:', *(os.get_blocking(each) for each in (0, 1, 2)))"


@pytest.fixture
def log_in(start_client: StartClient, server: Server) -> StartClient:
    """Start the client in plain mode as a registered user, in a new group if one is given."""

    def start(name: str, group: str = "", port: int = 0) -> Terminal:
        path = f"/{group}" if group else ""
        address = f"{name}@127.0.0.1:{port or server.port}{path}"
        who = start_client(name, "--plain", address, PYCONCHAT_PASSWORD=PASSWORD)
        who.sees(f"You are in {group}" if group else "You are at the front desk")
        return who

    return start


@pytest.mark.parametrize(
    ("options", "environ"),
    [(("--plain",), {}), ((), {"TERM": "dumb"})],
    ids=["option", "dumb"],
)
def test_a_session(
    start_client: StartClient,
    server: Server,
    visit: Visit,
    request: pytest.FixtureRequest,
    options: tuple[str, ...],
    environ: dict[str, str],
) -> None:
    """Register, talk and leave: without escape sequences, and nothing is shown twice."""
    name = f"anna-{request.node.callspec.id}"
    anna = start_client(name, *options, f"127.0.0.1:{server.port}", **environ)
    anna.sees("Username:")
    anna.types(name)
    anna.sees("Choose a password")
    anna.waits(lambda: not anna.echoes(), "have its echo turned off")
    anna.types("qzxqzx")
    anna.sees("Repeat the password:")
    anna.waits(lambda: not anna.echoes(), "have its echo turned off")
    anna.types("qzxqzx")
    anna.sees("You are at the front desk")
    anna.waits(anna.echoes, "have its echo turned on")
    group = f"tea-of-{name}"
    anna.types(f"create {group} open")
    anna.sees("you are its admin")
    friend = visit(f"friend-of-{name}")
    friend.types(f"/join {group}", "hello there")
    anna.sees(f"friend-of-{name}: hello there")
    anna.types("good evening")
    friend.sees(f"{name}: good evening")
    anna.types("/quit")
    assert anna.ends() == 0
    assert anna.settings() == anna.settings_at_first
    shown = anna.everything()
    assert b"\x1b" not in shown
    assert b"qzx" not in shown
    assert [row for row in anna.rows() if row in ("*", "")] == []
    # Once: by the terminal itself, which shows what is typed.
    assert anna.times_seen("good evening") == 1
    assert anna.times_seen("hello there") == 1
    assert anna.times_seen("Choose a password") == 1
    assert anna.times_seen("Username:") == 1


def test_each_question_is_shown_once(start_client: StartClient, server: Server) -> None:
    """Also one that follows another."""
    bert = start_client("bert", "--plain", f"bert@127.0.0.1:{server.port}")
    bert.sees("Choose a password")
    bert.types("qzxqzx")
    bert.sees("Repeat the password:")
    bert.types("qzxqzx")
    bert.sees("You are at the front desk")
    assert bert.everything().count(b"Repeat the password:") == 1


def test_the_same_text_from_another_device(
    log_in: StartClient, visit: Visit, server: Server
) -> None:
    """It is shown, although the same text was typed here before."""
    cleo = log_in("cleo", "cleo-tea")
    cleo.types("/policy open")
    cleo.sees("changed the policy")
    other = visit("cleo", PASSWORD)
    other.types("/join cleo-tea")
    other.sees("You are in cleo-tea")
    cleo.types("again")
    other.sees("cleo: again")
    other.types("again")
    cleo.sees("cleo: again")
    cleo.types("//slash")
    other.sees("cleo: /slash")
    cleo.types("the end of it")
    other.sees("cleo: the end of it")
    other.types("from over there")
    cleo.sees("cleo: from over there")
    assert cleo.times_seen("again") == 2
    assert cleo.times_seen("/slash") == 1
    assert stored_messages(server, "cleo-tea") == [
        "again",
        "again",
        "/slash",
        "the end of it",
        "from over there",
    ]


def test_texts_that_the_server_changes(log_in: StartClient, visit: Visit) -> None:
    """A line that the server trims or makes safe is not shown again."""
    thalia = log_in("thalia", "thalia-tea")
    thalia.types("/policy open")
    thalia.sees("changed the policy")
    friend = visit("friend-of-thalia")
    friend.types("/join thalia-tea")
    thalia.sees("friend-of-thalia has joined")
    thalia.types("trailing spaces  ", " leading one", "a\u202eb")
    friend.sees("leading one")
    friend.types("all seen")
    thalia.sees("all seen")
    assert thalia.times_seen("trailing spaces") == 1
    assert thalia.times_seen("leading one") == 1


def test_the_end_of_the_input(log_in: StartClient) -> None:
    """Ctrl-D on an empty line ends the client with status 0."""
    dirk = log_in("dirk", "dirk-tea")
    dirk.types("/online")
    dirk.sees("1 member of dirk-tea online")  # so nothing is pending any more
    dirk.keys("\x04")
    assert dirk.ends() == 0
    assert dirk.settings() == dirk.settings_at_first


def test_leaving_with_pending_messages(log_in: StartClient, own: Server) -> None:
    """The second Ctrl-D ends the client, although the first has ended the input."""
    own.start()
    dora = log_in("dora", "dora-tea", own.port)
    own.kill()
    dora.sees("Not connected")
    dora.types("never sent")
    dora.sees("Will be sent when the server is back: never sent")
    dora.keys("\x04")
    dora.sees("repeat to leave anyway")
    dora.keys("\x04")
    dora.waits_for_end()
    assert dora.settings() == dora.settings_at_first


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_the_password(
    start_client: StartClient, server: Server, sent: signal.Signals
) -> None:
    """The terminal shows again what is typed."""
    edda = start_client("edda", "--plain", f"edda@127.0.0.1:{server.port}")
    edda.sees("Choose a password")
    edda.waits(lambda: not edda.echoes(), "have its echo turned off")
    edda.child.kill(sent)
    if sent == signal.SIGINT:  # Ctrl-C ends only when repeated
        edda.sees("Ctrl-C again")
        edda.child.kill(sent)
    assert edda.ends() in (0, 1, -sent, 128 + sent)
    assert edda.settings() == edda.settings_at_first
    assert b"Traceback" not in edda.everything()


def test_the_end_of_the_input_at_the_password(start_client: StartClient, server: Server) -> None:
    """The client ends, and the terminal shows again what is typed."""
    edna = start_client("edna", "--plain", f"edna@127.0.0.1:{server.port}")
    edna.sees("Choose a password")
    edna.waits(lambda: not edna.echoes(), "have its echo turned off")
    edna.keys("\x04")
    assert edna.ends() in (0, 1)
    assert edna.settings() == edna.settings_at_first
    assert b"Traceback" not in edna.everything()


def test_the_terminal_is_blocking_afterwards(start_client: StartClient, server: Server) -> None:
    """As the next program expects it."""
    address = f"fritz@127.0.0.1:{server.port}"
    shell = start_client(
        "fritz",
        "-c",
        f'{CLIENT} --plain {address}; {sys.executable} -c "{BLOCKING}"',
        command=("sh",),
        PYCONCHAT_PASSWORD=PASSWORD,
    )
    shell.sees("You are at the front desk")
    shell.types("/quit")
    assert shell.sees("blocking:") == "blocking: True True True"
    assert shell.ends() == 0


def test_a_restart_of_the_server(log_in: StartClient, own: Server) -> None:
    """Lines report both, and what is typed is sent once."""
    own.start()
    gerda = log_in("gerda", "gerda-tea", own.port)
    gerda.types("before")
    gerda.waits(lambda: stored_messages(own, "gerda-tea") == ["before"], "have it stored")
    own.kill()
    gerda.sees("* Not connected; trying again.")
    gerda.types("in between")
    own.start()
    gerda.sees("* Connected.")
    gerda.waits(
        lambda: stored_messages(own, "gerda-tea") == ["before", "in between"], "have it stored"
    )
    gerda.types("/quit")
    assert gerda.ends() == 0
    assert b"\x1b" not in gerda.everything()
    assert gerda.times_seen("Not connected; trying again.") == 1
    assert gerda.times_seen("before") == 1
    assert [row for row in gerda.rows() if row.endswith(": in between") and row[0] != "*"] == []
    own.stop()


def test_starting_before_the_server(start_client: StartClient, own: Server) -> None:
    """A line says so, and the client logs in when the server has started."""
    greta = start_client(
        "greta", "--plain", f"greta@127.0.0.1:{own.port}", PYCONCHAT_PASSWORD=PASSWORD
    )
    greta.waits(lambda: greta.times_seen("trying again"), "be told")
    own.start()
    greta.sees("You are at the front desk")
    own.stop()


def test_output_to_a_file(start_client: StartClient, server: Server, tmp_path: Path) -> None:
    """The client is plain without the option, and shows the user's own messages."""
    path = tmp_path / "evening.log"
    address = f"hilda@127.0.0.1:{server.port}/hilda-tea"
    hilda = start_client(
        "hilda", "-c", f"{CLIENT} {address} >{path}", command=("sh",), PYCONCHAT_PASSWORD=PASSWORD
    )
    hilda.waits(lambda: path.exists() and "You are in hilda-tea" in path.read_text())
    hilda.types("for the record")
    hilda.waits(lambda: "hilda: for the record\n" in path.read_text())
    hilda.types("/quit")
    assert hilda.ends() == 0
    assert "\x1b" not in path.read_text()


def test_output_to_dev_null(start_client: StartClient, server: Server) -> None:
    """What is typed is sent all the same."""
    address = f"ilse@127.0.0.1:{server.port}/ilse-tea"
    ilse = start_client(
        "ilse", "-c", f"{CLIENT} {address} >/dev/null; echo status=$?", command=("sh",),
        PYCONCHAT_PASSWORD=PASSWORD,
    )  # fmt: skip
    server.says("group created: ilse-tea ")
    ilse.types("into the void")
    ilse.waits(
        lambda: stored_messages(server, "ilse-tea") or ilse.times_seen("status="), "have it stored"
    )
    assert stored_messages(server, "ilse-tea") == ["into the void"]


def test_many_messages_at_once(start_client: StartClient) -> None:
    """5,000 are shown once and in order."""
    server = ScriptedServer({"groups": [{"group": "tea", "number": 1, "topic": ""}]})
    jan = start_client(
        "jan", "--plain", f"jan@127.0.0.1:{server.port}", PYCONCHAT_PASSWORD=PASSWORD
    )
    jan.sees("You are in tea")
    message = {"type": "message", "group": "tea", "at": "2001-02-03T10:00:00Z", "from": "x"}
    server.says(*({**message, "seq": n, "text": f"burst {n} of 5000"} for n in range(1, 5001)))
    jan.sees("burst 5000 of")
    shown = [int(row.split()[3]) for row in jan.rows() if " x: burst " in row]
    assert shown == list(range(1, 5001))
    server.close()


def test_the_version(server: Server, tmp_path: Path) -> None:
    """--version shows it."""
    ended = subprocess.run(
        [CLIENT, "--version"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert ended.returncode == 0
    assert ended.stdout.startswith("pyconchat ")


def test_views(log_in: StartClient, visit: Visit) -> None:
    """One stream at first; with a view for each group, a line says where something is new."""
    pia, friend = log_in("pia", "pia-one"), visit("friend-of-pia")
    pia.types("/policy open")
    pia.sees("changed the policy to open")
    friend.types("/join pia-one")
    pia.sees("friend-of-pia has joined")
    pia.types("/create pia-two open")
    pia.sees("You are in pia-two")
    friend.types("in the stream")
    pia.sees("friend-of-pia (in pia-one): in the stream")
    pia.types("/view one")
    pia.sees("The screen shows the current group")
    friend.types("one")
    pia.sees("* New in pia-one: /go ")
    pia.types("/go")
    pia.sees("— 1 new in pia-one since")
    pia.sees("friend-of-pia: one")
    friend.types("two")
    pia.sees("friend-of-pia: two")
    assert pia.times_seen("New in pia-one") == 1
    assert pia.times_seen("friend-of-pia: one") == 1
