"""The client at a terminal: restarts of the server, and how the client ends."""

from __future__ import annotations

import re
import signal
import sys

import pytest

from tests.support.servers import Server
from tests.support.skips import require_program
from tests.support.terminals import (
    CLIENT,
    PASSWORD,
    StartClient,
    Terminal,
    settings_are_kept,
    stored_messages,
)
from tests.support.users import SocketUser, Visit

pytestmark = pytest.mark.server(scope="module")

# Restarts of the server.


def test_a_restart_of_the_server(log_in: StartClient, visit: Visit, own: Server) -> None:
    """While somebody types: no text is lost, and no message is sent twice."""
    own.start()
    rosa = log_in("rosa", "rosa-tea", own.port)
    rosa.types("/policy open")
    rosa.sees("changed the policy to open")
    friend = visit("friend-of-rosa", "a password", own.port)
    friend.types("/join rosa-tea")
    friend.sees("You are in rosa-tea")
    rosa.sees("friend-of-rosa has joined")
    rosa.types("before it")
    rosa.sees("rosa: before it")
    rosa.keys("half a line")
    rosa.sees_typed("[rosa-tea] half a line")
    own.kill()
    rosa.sees_below("reconnecting")
    rosa.sees_typed("[rosa-tea] half a line")
    rosa.types(" while it was down")
    rosa.sees_below("1 pending")
    rosa.types("and another")
    rosa.sees_below("2 pending")
    rosa.keys("the next ha")
    own.start()
    friend = visit("friend-of-rosa", "a password", own.port)
    friend.types("/join rosa-tea", "I am back")
    rosa.sees("friend-of-rosa: I am back")
    rosa.sees("rosa: and another")
    rosa.waits(lambda: "pending" not in rosa.bottom())
    assert "reconnecting" not in rosa.bottom()
    rosa.sees_typed("[rosa-tea] the next ha")
    rosa.types("lf")
    rosa.sees("rosa: the next half")
    for text in ("before it", "rosa: half a line while it was down", "rosa: and another"):
        assert rosa.times_seen(text) == 1, text
    rosa.types("/history")
    rosa.waits(lambda: rosa.times_seen("rosa: the next half") == 2)
    for text in ("before it", "rosa: half a line while it was down", "rosa: and another"):
        assert rosa.times_seen(text) == 2, text
    assert sorted(stored_messages(own, "rosa-tea")) == sorted(
        ["before it", "half a line while it was down", "and another", "I am back", "the next half"]
    )
    rosa.types("/quit")
    assert rosa.ends() == 0
    assert own.tracebacks() == []
    own.stop()


def test_restarts_of_the_server(log_in: StartClient, own: Server) -> None:
    """Each typed line becomes one message, in order."""
    own.start()
    sven = log_in("sven", "sven-tea", own.port)
    lines = [f"line {number}" for number in range(30)]
    for round_ in range(3):
        batch = lines[round_ * 10 : round_ * 10 + 10]
        sven.types(*batch[:5])
        own.kill()
        sven.types(*batch[5:])
        own.start()
    sven.sees("sven: line 29")
    sven.waits(lambda: "pending" not in sven.bottom())
    assert stored_messages(own, "sven-tea") == lines
    assert [sven.times_seen(f"sven: {line}") >= 1 for line in lines] == [True] * 30
    shown = [row[len("00:00 ") :] for row in sven.rows() if re.match(r"\d\d:\d\d sven: line", row)]
    assert shown == [f"sven: {line}" for line in lines]
    own.stop()


def test_a_message_after_a_command(log_in: StartClient) -> None:
    """It is sent to the group that the command enters."""
    runa = log_in("runa", "runa-one")
    runa.types("/create runa-two open", "hello two")
    runa.sees("hello two")
    assert runa.times_seen("(in runa-one): hello two") == 0


def test_starting_before_the_server(start_client: StartClient, own: Server) -> None:
    """The client logs in when the server has started."""
    tina = start_client("tina", f"tina@127.0.0.1:{own.port}", PYCONCHAT_PASSWORD=PASSWORD)
    tina.sees_below("connecting")
    own.start()
    tina.sees("You are at the front desk")
    tina.types("/quit")
    assert tina.ends() == 0
    own.stop()


# The end.


def in_shell(
    start_client: StartClient, who: str, *arguments: str, command: str = CLIENT, **environ: str
) -> Terminal:
    """Start the client in a shell at a terminal."""
    shell = start_client(
        who,
        "--norc",
        "-i",
        command=(require_program("bash"),),
        PS1="shell> ",
        PYCONCHAT_PASSWORD=PASSWORD,
        BASH_SILENCE_DEPRECATION_WARNING="1",
        **environ,
    )
    shell.sees_typed("shell>")
    shell.types(" ".join([command, *arguments]))
    return shell


def back_in_shell(shell: Terminal, status: str = "0") -> None:
    """Check that the shell's prompt begins a row, and that the shell works as before."""
    shell.sees_typed("shell>")
    shell.types("echo status=$?")
    shell.waits(lambda: f"status={status}" in shell.rows(), f"see status={status}")
    shell.types("stty -a | grep -o -e '[-]*icanon' -e '[-]*echo ' -e '[-]*isig' -e '[-]*icrnl'")
    shell.waits(lambda: "icrnl" in shell.rows(), "see icrnl")
    shell.waits(lambda: "isig" in shell.rows(), "see isig")
    shell.types("printf '%s\\n' shown")
    shell.waits(lambda: "shown" in shell.rows(), "see what is typed")


@pytest.mark.parametrize(
    ("how", "keys"),
    [("quit", "/quit\r"), ("eof", "\x04"), ("interrupt", "half\x03\x03\x03")],
    ids=["quit", "c-d", "c-c"],
)
def test_leaving(start_client: StartClient, server: Server, how: str, keys: str) -> None:
    """By /quit, Ctrl-D, or Ctrl-C twice on an empty line: status 0, and a terminal as before."""
    shell = in_shell(
        start_client, f"leaver-{how}", f"leaver-{how}@127.0.0.1:{server.port}/leaving-{how}"
    )
    shell.sees_below(f"leaving-{how}: 1 online")
    shell.waits(lambda: "pending" not in shell.bottom())
    shell.keys(keys)
    back_in_shell(shell)
    assert shell.everything().count(b"\x1b[?2004h") <= shell.everything().count(b"\x1b[?2004l") + 1
    assert not [row for row in shell.rows() if "1 online" in row]


def test_sigterm(log_in: StartClient) -> None:
    """The client ends, and the terminal has its old settings."""
    ursula = log_in("ursula", "ursula-tea")
    assert ursula.settings() != ursula.settings_at_first
    ursula.child.kill(signal.SIGTERM)
    assert ursula.ends() in (0, 128 + signal.SIGTERM, -signal.SIGTERM)
    settings_are_kept(ursula)
    assert not [row for row in ursula.rows() if "online" in row]


def test_sigterm_at_a_password(start_client: StartClient, server: Server) -> None:
    """The terminal shows again what is typed."""
    vera = start_client("vera", f"vera@127.0.0.1:{server.port}")
    vera.sees_now("Choose a password")
    vera.child.kill(signal.SIGTERM)
    assert vera.ends() in (0, 128 + signal.SIGTERM, -signal.SIGTERM)
    settings_are_kept(vera)


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["c-c", "c-d"])
def test_leaving_at_the_password(start_client: StartClient, server: Server, key: str) -> None:
    """Ctrl-D at a question of the login ends the client; so does Ctrl-C, when repeated."""
    vito = start_client("vito", f"vito@127.0.0.1:{server.port}")
    vito.sees_now("Choose a password")
    vito.keys(key)
    if key == "\x03":
        vito.sees("Ctrl-C again")
        vito.keys(key)
    assert vito.ends() in (0, 1)
    settings_are_kept(vito)
    assert b"Traceback" not in vito.everything()


def test_suspending(start_client: StartClient, server: Server) -> None:
    """Ctrl-Z leads to the shell, fg back to what was typed."""
    shell = in_shell(start_client, "walter", f"walter@127.0.0.1:{server.port}/walter-tea")
    shell.sees_below("walter-tea: 1 online")
    shell.keys("half a li")
    shell.sees_typed("[walter-tea] half a li")
    shell.keys("\x1a")
    shell.sees_typed("shell>")
    shell.types("echo in between")
    shell.waits(lambda: "in between" in shell.rows())
    shell.types("fg")
    shell.sees_typed("[walter-tea] half a li")
    shell.types("ne")
    shell.sees("walter: half a line")
    shell.keys("\x04")
    back_in_shell(shell)


CRASHES = {
    "typed": "from pyconchat.client.session import ClientSession as C; C.typed = None",
    "drawn": "from pyconchat.client.ui.terminal import TerminalScreen as C;"
    " C._prompt = lambda _: 1 / 0",
}


@pytest.mark.parametrize("where", CRASHES)
def test_a_crash(start_client: StartClient, server: Server, where: str) -> None:
    """Whether or not the client ends, the terminal gets its old settings."""
    program = (
        f"import sys; {CRASHES[where]}; from pyconchat.client.main import main; sys.exit(main())"
    )
    name = f"crash-{where}"
    xenia = start_client(
        name,
        "-c",
        program,
        f"{name}@127.0.0.1:{server.port}/{name}",
        command=(sys.executable,),
        PYCONCHAT_PASSWORD=PASSWORD,
    )
    if where == "typed":
        xenia.sees_below(f"{name}: ")
        xenia.types("hello")
    while xenia.looks(0.5):  # only the end is promised
        pass
    xenia.child.kill(signal.SIGTERM)
    xenia.ends()
    settings_are_kept(xenia)


def test_a_crash_of_the_screen(start_client: StartClient, server: Server) -> None:
    """The client ends with a status that is not 0."""
    program = (
        f"import sys; {CRASHES['drawn']}; from pyconchat.client.main import main; sys.exit(main())"
    )
    xaver = start_client(
        "xaver",
        "-c",
        program,
        f"xaver@127.0.0.1:{server.port}",
        command=(sys.executable,),
        PYCONCHAT_PASSWORD=PASSWORD,
    )
    assert xaver.ends() != 0
    settings_are_kept(xaver)


def test_kicked_and_banned(log_in: StartClient, start_client: StartClient, own: Server) -> None:
    """The client ends with the reason, and so does the next login of a banned user."""
    own.start()
    claim = own.says(r"/claim (\S+)")[1]
    operator = SocketUser(own.port)
    operator.logs_in("operator", "a password")
    operator.types(f"/claim {claim}")
    operator.sees("operator")
    yuri = log_in("yuri", "", own.port)
    operator.types("/kick yuri too loud")
    assert yuri.ends() == 1
    yuri.sees("by operator: too loud")
    yuri.sees("pyconchat: An operator has disconnected you.")
    settings_are_kept(yuri)
    yuri = log_in("yuri", "", own.port)
    operator.types("/ban yuri still too loud")
    assert yuri.ends() == 1
    yuri.sees("still too loud")
    settings_are_kept(yuri)
    yuri = start_client("yuri", f"yuri@127.0.0.1:{own.port}")
    assert yuri.ends() == 1
    assert "banned" in yuri.sees("pyconchat: ")
    settings_are_kept(yuri)
    operator.close()
    own.stop()
    assert own.tracebacks() == []
