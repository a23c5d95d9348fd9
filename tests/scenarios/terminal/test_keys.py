"""The client at a terminal: keys, history and pasting."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.support.scripted_server import ScriptedServer
from tests.support.servers import Server
from tests.support.terminals import PASSWORD, StartClient, stored_messages
from tests.support.users import Visit

pytestmark = pytest.mark.server(scope="module")


def test_tab(log_in: StartClient, visit: Visit) -> None:
    """It completes the only possible command, group or member, and lists several."""
    fred, friend = log_in("fred", "fred-tea"), visit("friend-of-fred")
    fred.types("/policy open")
    fred.sees("changed the policy to open")
    friend.types("/join fred-tea")
    fred.sees("friend-of-fred has joined")
    fred.keys("/appr\t")
    fred.sees_typed("[fred-tea] /approve")
    fred.keys("\x15/go fr\t")
    fred.sees_typed("[fred-tea] /go fred-tea")
    fred.keys("\x15/kick fri\t")
    fred.sees_typed("[fred-tea] /kick friend-of-fred")
    fred.keys("\x15fri\t")
    fred.sees_typed("[fred-tea] friend-of-fred:")
    fred.keys("you\r")
    friend.sees("fred: friend-of-fred: you")
    fred.keys("/re\t")
    fred.waits(lambda: any("/reject" in row and "/requests" in row for row in fred.rows()))
    fred.sees_typed("[fred-tea] /re")


def test_the_history(log_in: StartClient) -> None:
    """Up and Down show earlier lines, also those of an earlier run."""
    gerd = log_in("gerd", "gerd-tea")
    gerd.types("first of all", "second to that")
    gerd.sees("gerd: second to that")
    gerd.keys("\x1b[A\x1b[A")
    gerd.sees_typed("[gerd-tea] first of all")
    gerd.keys("\x1b[B")
    gerd.sees_typed("[gerd-tea] second to that")
    gerd.keys("\x03")
    gerd.sees_typed("[gerd-tea]")
    gerd.types("/quit")
    assert gerd.ends() == 0

    gerd = log_in("gerd", "gerd-tea")
    gerd.keys("\x1b[A")
    gerd.sees_typed("[gerd-tea] /quit")
    gerd.keys("\x1b[A")
    gerd.sees_typed("[gerd-tea] second to that")


def test_searching_the_history(log_in: StartClient) -> None:
    """Ctrl-R finds an earlier line by a part of it, and Enter accepts it."""
    gesa = log_in("gesa", "gesa-tea")
    gesa.types("first of all", "second to that")
    gesa.sees("gesa: second to that")
    gesa.keys("\x12of a")
    gesa.sees_now("of a")
    gesa.keys("\r")
    gesa.sees_typed("[gesa-tea] first of all")
    gesa.types("")
    gesa.waits(lambda: gesa.times_seen("gesa: first of all") == 2)


def test_a_search_shows_its_match(log_in: StartClient) -> None:
    """At each key."""
    gina = log_in("gina", "gina-tea")
    gina.types("first of all", "second to that")
    gina.sees("gina: second to that")
    gina.keys("\x12of a")
    gina.sees_now("backward: of a")
    assert "[gina-tea] first of all" in gina.screen()


def history(folder: Path) -> str:
    """Return the text of the only history file in *folder*, and check its permissions."""
    (path,) = folder.glob("state/pyconchat/**/history-*")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return path.read_text()


def test_no_password_in_the_history(log_in: StartClient, visit: Visit, tmp_path: Path) -> None:
    """However the command is spelled."""
    owner = visit("owner-of-locked")
    owner.types("/create locked password pass-word")
    owner.sees("you are its admin")
    hans = log_in("hans")
    hans.types("join locked pass-wordy")  # at the front desk, without a slash
    hans.sees("password")
    hans.types("/JOIN locked pass-wordx", "  /join locked pass-word")
    hans.sees_below("locked: ")
    hans.types("/create hans-own password pass-word")
    hans.sees_typed("[hans-own]")
    hans.types("/policy password pass-word2")
    hans.types("/claim 1111-pass-word")
    hans.sees("not the claim code")
    hans.types("a harmless line")
    hans.sees("hans: a harmless line")
    kept = history(tmp_path / "hans")
    assert "a harmless line" in kept
    assert "pass-word" not in kept


def test_no_password_from_the_menu_in_the_history(
    log_in: StartClient, visit: Visit, tmp_path: Path
) -> None:
    """At the front desk 1 is join."""
    owner = visit("owner-of-menu")
    owner.types("/create menu-tea password pass-word")
    owner.sees("you are its admin")
    ines = log_in("ines")
    ines.types("1 menu-tea pass-word")
    ines.sees_below("menu-tea: ")
    ines.types("a harmless line")
    ines.sees("ines: a harmless line")
    kept = history(tmp_path / "ines")
    assert "a harmless line" in kept
    assert "pass-word" not in kept


def test_no_password_in_the_history_before_the_first_hello(
    start_client: StartClient, tmp_path: Path
) -> None:
    """Before the login, any line may have a password: it is discarded."""
    jana = start_client("jana", "jana@127.0.0.1:1")
    jana.sees_below("connecting")
    jana.types("/join locked pass-word", "/claim 1111-pass-word")
    jana.sees("you are not logged in yet")
    assert "pass-word" not in history(tmp_path / "jana")


def test_pasting_several_lines(log_in: StartClient, server: Server) -> None:
    """The client asks once, and sends them as one message."""
    karl = log_in("karl", "karl-tea")
    karl.pastes("def tea():\n    /quit\n/topic is not a command\n")
    karl.sees_now("Send 3 lines to karl-tea? [y/N]")
    karl.types("y")
    karl.sees("karl: def tea():")
    karl.sees("    /topic is not a command")
    assert stored_messages(server, "karl-tea") == ["def tea():\n    /quit\n/topic is not a command"]
    assert karl.times_seen("Send 3 lines") == 1
    karl.sees_typed("[karl-tea]")


def test_a_message_of_several_lines(log_in: StartClient, server: Server) -> None:
    """By Alt-Enter or by a paste; blank lines, tabs and indentation are kept."""
    knut = log_in("knut", "knut-tea")
    knut.keys("first\x1b\r  second\x1b\r\x1b\rlast")
    knut.sees_now("last")
    knut.keys("\r")
    knut.sees("knut: first")
    knut.pastes("def tea():\n\tif hot:\n\n\t\treturn 1\n")
    knut.sees_now("Send 4 lines to knut-tea? [y/N]")
    knut.types("y")
    knut.sees("knut: def tea():")
    assert stored_messages(server, "knut-tea") == [
        "first\n  second\n\nlast",
        "def tea():\n\tif hot:\n\n\t\treturn 1",
    ]


def test_pasting_and_refusing(log_in: StartClient, server: Server) -> None:
    """Without a yes nothing is sent."""
    lena = log_in("lena", "lena-tea")
    for answer in ("n\r", "\r", "\x03", "\x04"):
        lena.pastes("one\ntwo\r\nthree")
        lena.waits(lambda: lena.line().startswith("Send 3 lines to lena-tea? [y/N]"))
        lena.keys(answer)
        lena.sees_typed("[lena-tea]")
    lena.types("afterwards")
    lena.sees("lena: afterwards")
    assert stored_messages(server, "lena-tea") == ["afterwards"]


def test_pasting_one_line(log_in: StartClient, server: Server) -> None:
    """It is inserted at the cursor, without its line end, and not sent."""
    mara = log_in("mara", "mara-tea")
    mara.keys("so ")
    mara.pastes("it was\n")
    mara.sees_typed("[mara-tea] so it was")
    mara.types(" then")
    mara.sees("mara: so it was then")
    assert stored_messages(server, "mara-tea") == ["so it was then"]


def test_pasting_into_a_line(log_in: StartClient, server: Server) -> None:
    """The text before the pasted lines is kept if they are refused."""
    mila = log_in("mila", "mila-tea")
    mila.keys("half a line ")
    mila.sees_typed("[mila-tea] half a line")
    mila.pastes("one\ntwo")
    mila.sees_now("Send 2 lines")
    mila.types("n")
    mila.waits(lambda: mila.line().startswith("[mila-tea]"), "be done with the question")
    assert mila.line() == "[mila-tea] half a line"


def test_resizing(log_in: StartClient, server: Server) -> None:
    """What was typed is kept when the window becomes smaller and larger."""
    nora = log_in("nora", "nora-tea")
    nora.keys("a line that is not quite finished yet and goes on")
    nora.sees_typed("[nora-tea] a line that is not quite finished yet and goes on")
    nora.resizes(40, 12)
    nora.waits(lambda: "quite finished yet and goes on" in "".join(nora.screen()), "see all of it")
    nora.resizes(100, 25)
    nora.sees_typed("[nora-tea] a line that is not quite finished yet and goes on")
    nora.types(", and on")
    nora.sees("yet and goes on, and on")
    assert stored_messages(server, "nora-tea") == [
        "a line that is not quite finished yet and goes on, and on"
    ]


def test_messages_while_typing(log_in: StartClient, visit: Visit) -> None:
    """They are shown above the line, which stays as it is."""
    olaf, friend = log_in("olaf", "olaf-tea"), visit("friend-of-olaf")
    olaf.types("/policy open")
    olaf.sees("changed the policy to open")
    friend.types("/join olaf-tea")
    olaf.sees("friend-of-olaf has joined")
    olaf.keys("half a li\x1b[D\x1b[D")
    for number in range(40):
        friend.types(f"disturbance {number}.")
    olaf.sees("disturbance 39.")
    olaf.sees_typed("[olaf-tea] half a li")
    olaf.types("X")
    friend.sees("olaf: half a Xli")
    assert [olaf.times_seen(f"disturbance {number}.") for number in range(40)] == [1] * 40


def test_days(start_client: StartClient) -> None:
    """Each day of old entries begins with a line."""
    server = ScriptedServer({"groups": [{"group": "tea", "number": 1, "topic": ""}]})
    paul = start_client("paul", f"paul@127.0.0.1:{server.port}", PYCONCHAT_PASSWORD=PASSWORD)
    paul.sees_below("tea: ")
    days = ("2001-02-03T10:00:00Z", "2001-02-03T23:59:59Z", "2001-02-04T00:00:00.5Z")
    server.says(
        *(
            {"type": "message", "group": "tea", "seq": n, "at": at, "from": "x", "text": f"m{n}"}
            for n, at in enumerate(days, 1)
        )
    )
    paul.sees("m3")
    rows = paul.rows()
    first = rows.index("- Saturday, 3 February 2001 -")
    assert rows[first : first + 5] == [
        "- Saturday, 3 February 2001 -",
        "10:00 x: m1",
        "23:59 x: m2",
        "- Sunday, 4 February 2001 -",
        "00:00 x: m3",
    ]
    server.close()
