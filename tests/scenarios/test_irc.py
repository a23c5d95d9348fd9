"""IRC clients at a real server: a plain socket, WeeChat and irssi, with somebody at nc as third."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.administration import share_file
from tests.support.irc_sockets import Connect, ids_in, irc_clients
from tests.support.programs import Program
from tests.support.servers import PATIENCE, Server
from tests.support.skips import require_program
from tests.support.terminals import StartClient
from tests.support.users import UserOf, Visit

PASSWORD = "a long password"


pytestmark = pytest.mark.server(irc=True)


@pytest.fixture
def irc(server: Server) -> Iterator[Connect]:
    """Connect a client: ``irc("alice", PASSWORD)``."""
    with irc_clients(lambda: server.irc_port) as connect:
        yield connect


def test_an_evening(server: Server, irc: Connect, visit: Visit) -> None:
    """Asking, approving, talking, moderating, from both sides; and all is there after a kill."""
    for name in ("alice", "bob"):
        visit(name, PASSWORD).close()
    alice, carol = irc("alice", PASSWORD), visit("carol", PASSWORD)
    alice.sends("JOIN #tea")
    alice.sees("366 alice #tea")
    carol.types("/join tea let me in")
    alice.sees("NOTICE #tea :carol asks to join: let me in.")
    alice.sends("PRIVMSG PyconChat :approve #tea carol")
    alice.sees(":carol!carol@pyconchat JOIN #tea")
    carol.sees("You are in tea")
    bob = irc("bob", PASSWORD)
    bob.sends("JOIN #tea")
    bob.sees(" 473 bob #tea ")
    carol.sees_all()
    alice.sees("NOTICE #tea :bob asks to join.")
    alice.sends("MODE #tea +o carol")
    alice.sees_all()
    carol.types("/approve bob")
    bob.sees(":bob!bob@pyconchat JOIN #tea")
    bob.sees("366 bob #tea")

    bob.sends("PRIVMSG #tea :hello all", "PRIVMSG #tea :\x01ACTION waves\x01")
    carol.sees("bob: hello all\n~ bob waves\n")
    alice.sees("PRIVMSG #tea :\x01ACTION waves\x01")
    carol.types("hello bob", "/me nods", "/topic leaves")
    bob.sees(":carol!carol@pyconchat PRIVMSG #tea :hello bob")
    bob.sees("PRIVMSG #tea :\x01ACTION nods\x01")
    bob.sees("TOPIC #tea leaves")
    words = " ".join(f"word{number}" for number in range(450))
    carol.types(words)
    lines = bob.sees("word449").split("\r\n")
    assert " ".join(each.split(" :", 1)[1] for each in lines) == words

    device = irc("bob", PASSWORD)
    device.sees(":bob!bob@pyconchat JOIN #tea")
    device.sends("PRIVMSG #tea :from the train")
    bob.sees(":bob!bob@pyconchat PRIVMSG #tea :from the train")
    device.sends("PART #tea")
    bob.sees("PART #tea")
    carol.types("nobody there?")
    assert "nobody" not in bob.sees_all()
    bob.sends("JOIN #tea")
    bob.sees("366 bob #tea")
    device.close()

    carol.types("/kick bob enough")
    bob.sees("KICK #tea bob enough")
    alice.sends("MODE #tea -A", "MODE #tea +b carol!*@*")
    carol.sees("You were banned from tea by alice.")
    bob.sends("JOIN #tea")
    bob.sees("366 bob #tea")
    bob.close()
    alice.sees(":bob!bob@pyconchat JOIN #tea")
    alice.sends("PRIVMSG #tea :while you were out", "PRIVMSG bob :for later")
    alice.sees(" 301 alice bob ")

    server.kill()
    server.start()
    history = ("draft/chathistory", "batch", "message-tags", "server-time")
    again = irc("bob", PASSWORD, *history)
    again.sees("Messages wait for you from alice.")
    again.sends("CHATHISTORY LATEST alice * 5", "CHATHISTORY LATEST #tea * 5")
    again.sees(":alice!alice@pyconchat PRIVMSG bob :for later")
    again.sees(":alice!alice@pyconchat PRIVMSG #tea :while you were out")
    again.close()
    plain = irc("bob", PASSWORD)
    plain.sees("366 bob #tea")
    assert "while you were out" not in plain.sees_all()


def test_the_evening_of_all_doors(irc: Connect, user: UserOf) -> None:
    """What `test_evening.py` has people do with every other program, by IRC, and one at nc."""
    spend_evening(irc, user, "nc")


def spend_evening(irc: Connect, user: UserOf, at_dave: str) -> None:
    """Let alice, bob and carol spend it by IRC, and dave with another kind of program."""
    for name in ("alice", "bob", "carol"):
        user("nc", name, PASSWORD).close()
    caps = ("message-tags", "echo-message", "draft/message-redaction", "draft/read-marker")
    alice, bob, carol = (irc(name, PASSWORD, *caps) for name in ("alice", "bob", "carol"))
    alice.sends("create tea open")
    alice.sees("366 alice #tea")
    for each in (bob, carol):
        each.sends("JOIN #tea")
        each.sees(f"366 {each.nick} #tea")

    # A moderator, settings, a mention.
    alice.sends("MODE #tea +o bob")
    bob.sees(":alice!alice@pyconchat MODE #tea +o bob")
    carol.sends("set joins off")
    carol.sees("Your settings: times off, bell off, joins off.")
    alice.sends("PRIVMSG #tea :tea, carol?")
    carol.sees("PRIVMSG #tea :tea, carol?")
    carol.sends("mentions")
    carol.sees("alice (in tea): tea, carol?")

    # Quiet and slow.
    bob.sends("MODE #tea +b m:carol")
    carol.sees(":bob!bob@pyconchat MODE #tea +b m:carol!*@*")
    carol.sends("PRIVMSG #tea :let me speak")
    carol.sees(" 404 carol #tea :You may read and not speak in tea ")
    bob.sends("MODE #tea -b m:carol!*@*", "slow #tea 30")
    carol.sees("bob made the group slow: one message every 30 seconds.")
    carol.sends("PRIVMSG #tea :one", "PRIVMSG #tea :two")
    carol.sees(" 404 carol #tea :tea is slow, one message every 30 seconds")
    bob.sends("slow #tea 0")
    carol.sees("bob made the group as fast as people type.")

    # Corrected, removed, answered, reacted to, pinned.
    carol.sends("PRIVMSG #tea :the kettel is broken")
    kettle = id_of(alice.sees("PRIVMSG #tea :the kettel is broken"))
    carol.sends(f"edit #tea {number_in(kettle)} the kettle is broken")
    alice.sees("carol corrected: the kettle is broken")
    carol.sends("PRIVMSG #tea :my secret")
    secret = id_of(bob.sees("PRIVMSG #tea :my secret"))
    bob.sends(f"REDACT #tea {secret}")
    carol.sees(f":bob!bob@pyconchat REDACT #tea {secret}")
    bob.sends(f"@+draft/reply={kettle} PRIVMSG #tea :it is fixed")
    answered = carol.sees("PRIVMSG #tea :it is fixed")
    assert f"+draft/reply={kettle}" in answered
    fixed = id_of(answered)
    carol.sends(f"@+draft/react=👍;+draft/reply={fixed} TAGMSG #tea")
    assert "+draft/react=👍" in alice.sees("carol@pyconchat TAGMSG #tea")
    bob.sends(f"pin #tea {number_in(fixed)}")
    alice.sees(f'bob pinned #{number_in(fixed)}: bob "it is fixed"')

    # In private, and away.
    alice.sends("PRIVMSG bob :just us")
    bob.sees(":alice!alice@pyconchat PRIVMSG bob :just us")
    bob.sends("PRIVMSG alice :only us", "AWAY cooking")
    alice.sees(":bob!bob@pyconchat PRIVMSG alice :only us")
    bob.sees(" 306 bob ")
    alice.sends("PRIVMSG bob :still there?")
    alice.sees(" 301 alice bob cooking")
    bob.sees("PRIVMSG bob :still there?")
    alice.sends("WHOIS bob")
    alice.sees(" 301 alice bob cooking")

    # A newcomer at another door, and second devices.
    dave = user(at_dave, "dave", PASSWORD)
    dave.types("/join tea")
    dave.sees('"it is fixed"')
    dave.types("/history 30")
    told = dave.sees_all()
    assert "carol: the kettle is broken" in told
    assert "kettel" not in told
    assert "my secret" not in told
    phone = irc("bob", PASSWORD, "draft/chathistory", "batch")
    phone.sends("CHATHISTORY LATEST alice * 3")
    private = phone.sees("BATCH -")
    assert [private.find(each) > 0 for each in ("just us", "only us", "still there?")] == [True] * 3
    tablet = irc("carol", PASSWORD)
    tablet.sends("set")
    tablet.sees("Your settings: times off, bell off, joins off.")


def id_of(received: str) -> str:
    """Return the id of the last line of what was *received*."""
    tags = received.rstrip("\r\n").rpartition("\r\n")[2].partition(" ")[0]
    return tags.partition("msgid=")[2].partition(";")[0]


def number_in(id: str) -> str:
    """Return the number of the message with this *id* in its conversation."""
    return id.partition("-")[2]


def test_what_was_seen_is_in_the_history_once(server: Server, irc: Connect, visit: Visit) -> None:
    """A kill while people talk: every id that was seen live is read back, once, in order."""
    visit("alice", PASSWORD).close()
    caps = ("echo-message", "message-tags", "server-time", "batch", "draft/chathistory")
    alice = irc("alice", PASSWORD, *caps)
    alice.sends("JOIN #tea", "MODE #tea -A", *(f"PRIVMSG #tea :{number}" for number in range(200)))
    alice.sees("PRIVMSG #tea :20")
    server.kill()
    seen = alice.ids()
    server.start()
    again = irc("alice", PASSWORD, *caps)
    stored: list[str] = []
    while True:
        after = f"msgid={stored[-1]}" if stored else "timestamp=2000-01-01T00:00:00.000Z"
        again.sends(f"CHATHISTORY AFTER #tea {after} 50")
        again.sees("BATCH +")
        page = ids_in(again.sees("BATCH -"))
        if not page:
            break
        stored += page
    assert len(seen) > 20
    assert stored[: len(seen)] == seen
    assert len(set(stored)) == len(stored)


def test_files(server: Server, irc: Connect, enter: Callable[..., Program]) -> None:
    """A file is announced with the command that gets it, which names the line door's port."""
    alice = enter("alice")
    alice.does("/create tea open")
    bob = irc("bob")
    bob.sends("JOIN #tea")
    bob.sees("366 bob #tea")
    share_file(server, alice, "tea")
    bob.sees("number 1: /msg PyconChat get #tea 1")
    bob.sends("PRIVMSG PyconChat :get #tea 1")
    assert f" {server.port} " in bob.sees(f"127.0.0.1 {server.port}")


# Real clients.


def test_weechat(server: Server, irc: Connect, visit: Visit, tmp_path: Path) -> None:
    """It logs in by SASL, joins, talks, and logs what others say."""
    program = require_program("weechat-headless")
    visit("wendy", PASSWORD).close()
    commands = [
        "/set logger.file.flush_delay 0",
        f"/server add py 127.0.0.1/{server.irc_port} -nossl",
        "/set irc.server.py.ssl off",
        "/set irc.server.py.sasl_username wendy",
        f'/set irc.server.py.sasl_password "{PASSWORD}"',
        # When it is connected; in this order, so that nothing need be waited for.
        r"/set irc.server.py.command /quote JOIN #tea\;/quote PRIVMSG #tea :hello from weechat"
        r"\;/quote PRIVMSG #tea :${\x01}ACTION waves${\x01}",
        "/connect py",
    ]
    alice, carol = irc("alice"), visit("carol")
    alice.sends("JOIN #tea", "MODE #tea -A")
    alice.sees("MODE #tea -A")
    carol.types("/join tea")
    alice.sees("carol")
    home = tmp_path / "weechat"
    process = subprocess.Popen(
        [program, "-d", str(home), "-r", ";".join(commands)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )
    try:
        alice.sees(":wendy!wendy@pyconchat JOIN #tea")
        alice.sees("PRIVMSG #tea :hello from weechat")
        carol.sees("wendy: hello from weechat")
        carol.sees("~ wendy waves")
        carol.types("hello from nc", "/me nods")
        log = home / "logs" / "irc.py.#tea.weechatlog"
        _waits(lambda: "carol nods" in log.read_text())
        assert "carol\thello from nc" in log.read_text()
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _waits(seen: Callable[[], bool]) -> None:
    """Wait until *seen*."""
    deadline = time.monotonic() + PATIENCE
    while not seen():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


IRSSI = """
servers = ( {{ address = "127.0.0.1"; chatnet = "py"; port = "{port}"; autoconnect = "yes"; }} );
chatnets = {{ py = {{ type = "IRC"; nick = "ida"; sasl_mechanism = "PLAIN";
  sasl_username = "ida"; sasl_password = "{password}"; }}; }};
settings = {{ core = {{ real_name = "Ida"; user_name = "ida"; nick = "ida"; }};
  "irc/core" = {{ cmds_max_at_once = "100"; cmd_queue_speed = "10msec"; }}; }};
"""


HIGH = 50
"""Rows for all that irssi shows at a login: pyte ignores the sequence with which it scrolls."""


def test_irssi(
    server: Server, irc: Connect, visit: Visit, start_client: StartClient, tmp_path: Path
) -> None:
    """A join that has to be approved, talk in both directions, and what was missed."""
    program = require_program("irssi")
    visit("ida", PASSWORD).close()
    home = tmp_path / "ida"
    home.mkdir()
    (home / "config").write_text(IRSSI.format(port=server.irc_port, password=PASSWORD))
    alice = irc("alice")
    alice.sends("JOIN #tea")
    ida = start_client("ida", "--home", str(home), command=[program], rows=HIGH)
    ida.sees("Welcome to PyconChat, ida.")
    ida.types("/join #tea")
    ida.sees("You asked to join tea")
    alice.sees("NOTICE #tea :ida asks to join.")
    alice.sends("PRIVMSG PyconChat :approve #tea ida", "PRIVMSG #tea :welcome ida")
    ida.sees("Act: 2")
    ida.types("/window goto #tea")
    ida.sees("welcome ida")
    ida.types("hello from irssi", "/me waves")
    alice.sees("PRIVMSG #tea :hello from irssi")
    alice.sees("PRIVMSG #tea :\x01ACTION waves\x01")
    ida.types("/quit")
    ida.ends()
    alice.sends("PRIVMSG #tea :while you were away")
    alice.sees_all()
    ida = start_client("ida", "--home", str(home), command=[program], rows=HIGH)
    ida.sees("1 new in tea since")
    ida.types("/window goto #tea")
    ida.sees("while you were away")
    ida.types("/quit")
    ida.ends()
