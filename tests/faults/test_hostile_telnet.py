"""Hostile bytes at real sockets: telnet commands, any pieces, endless lines, peers that never read.

The other users do not notice.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from itertools import count, pairwise
from pathlib import Path

import pytest

from tests.support.peers import (
    EVERYBODY,
    MEGABYTE,
    Friends,
    Peer,
    cpu,
    talk_on,
    talking,
)
from tests.support.programs import Program, line_of, pieces
from tests.support.safety import GO_AHEAD, OPTIONS
from tests.support.servers import Server, running

pytestmark = pytest.mark.server(scope="module", limits=EVERYBODY)

IAC, DONT, DO, WONT, WILL, SB, SE = b"\xff", b"\xfe", b"\xfd", b"\xfc", b"\xfb", b"\xfa", b"\xf0"
ECHO, TIMING_MARK, NEW_ENVIRON = b"\x01", b"\x06", b"\x27"
MAX_ANSWERS = 64


@pytest.fixture(scope="module")
def friends(shared_server: Server) -> Iterator[Friends]:
    """Two users who talk, and read what hostile users say."""
    with talking(shared_server) as friends:
        yield friends
        assert IAC not in b"".join(each.everything() for each in friends)


# Telnet commands.


class AtTelnet(Peer):
    """A user at a hostile telnet. `shown` has no option negotiation."""

    def __init__(self, port: int, room: int = 0) -> None:
        super().__init__(port, "\r\n", room=room)

    def answers(self) -> int:
        """Return the number of negotiations received once the server has read everything."""
        self.types("/nosuchcommand")
        self.sees("no command /nosuchcommand")
        return len(OPTIONS.findall(self.everything()))

    def _show(self, data: bytes) -> str:
        return OPTIONS.sub(b"", self.everything().replace(GO_AHEAD, b"")).decode(
            errors="surrogateescape"
        )


@pytest.fixture
def eve(server: Server, friends: Friends) -> Iterator[AtTelnet]:
    """A user in tea, at a hostile telnet."""
    with closing(AtTelnet(server.port)) as eve:
        eve.joins("eve")
        yield eve
        eve.types("/quit")
        eve.is_disconnected()


ENVIRON = IAC + SB + NEW_ENVIRON + b"\0\0USER\1root\3LD_PRELOAD\1/x\n/quit\r\n" + IAC + SE
COMMANDS = {
    "undefined": b"".join(IAC + bytes([command]) for command in range(240)),
    "without an option": b"".join(IAC + bytes([command]) for command in range(240, 246)),
    "environ": ENVIRON,
    "environ, offered": IAC + WILL + NEW_ENVIRON + ENVIRON,
    "all offers": b"".join(IAC + WILL + bytes([option]) for option in range(256)),
}


@pytest.mark.parametrize("commands", COMMANDS)
def test_commands_in_a_message(friends: Friends, eve: AtTelnet, commands: str) -> None:
    """In the middle of a message, whole or byte by byte, they do not change the message."""
    before = eve.answers()
    message = COMMANDS[commands].join([b"", b"he", b"llo", b"\r\n"])
    eve.sends(message)
    assert friends[0].sees("hello\n").endswith("\neve: hello\n")
    for byte in pieces(message):
        eve.sends(byte)
    assert friends[0].sees("hello\n") == "eve: hello\n"
    assert eve.answers() - before <= MAX_ANSWERS


def test_commands_in_a_password(server: Server, friends: Friends) -> None:
    """They are not part of it. A byte 255 is, and is refused as in any text."""
    with closing(AtTelnet(server.port)) as zoe:
        zoe.types("zoe")
        for question in ("Password: ", "The same again: "):
            zoe.sees(question)
            zoe.sends((ENVIRON + IAC + DO + ECHO).join([b"sec", b"ret w", b"ord"]) + b"\r\n")
        zoe.sees("Group: ")
        assert b"secret" not in zoe.everything()
    with closing(AtTelnet(server.port)) as again:
        again.types("zoe")
        again.sees("Password: ")
        again.sends(b"secret word" + IAC + IAC + b"\r\n")
        again.sees("The line is not UTF-8")
        again.sees("Password: ")
        again.types("secret word")
        again.sees("Group: ")
    assert b"secret" not in friends[0].everything()


def test_a_subnegotiation_without_an_end(server: Server, friends: Friends, eve: AtTelnet) -> None:
    """A hundred kilobytes are neither buffered nor shown; input after its end is handled."""
    memory, before = server.memory(), cpu(server)
    eve.sends(IAC + SB + NEW_ENVIRON)
    for _ in range(25):
        eve.sends((b"\nhidden\r\n" * 30 + IAC + IAC + IAC + WILL) * 14 + b"x" * 16)
    eve.sends(IAC + SE + b"\r\n")
    eve.types("the end")
    friends[0].sees("eve: the end\n")
    assert b"hidden" not in friends[0].everything()
    assert cpu(server) - before < 5
    assert server.memory() - memory < 4 * MEGABYTE


@pytest.mark.parametrize("verb", [WILL, WONT, DO, DONT], ids=["WILL", "WONT", "DO", "DONT"])
def test_thousands_of_negotiations(friends: Friends, eve: AtTelnet, verb: bytes) -> None:
    """Few of them are answered, and passwords are hidden as before."""
    eve.sends(IAC + DO + ECHO + IAC + DONT + ECHO)  # up to the password
    before = eve.answers()
    options = b"".join(IAC + verb + bytes([number % 249 + 7]) for number in range(3000))
    for at in range(0, len(options), 4000):  # not a multiple of 3: commands are split
        eve.sends(options[at : at + 4000])
    assert eve.answers() - before <= MAX_ANSWERS
    talk_on(friends, times=1)
    hidden = eve.everything().count(IAC + WILL + ECHO)
    eve.types("/password")
    eve.sees("New password: ")
    assert eve.everything().count(IAC + WILL + ECHO) == hidden + 1
    eve.sends(IAC + DO + ECHO + b"\r\n")
    eve.sees("Cancelled")


OPPOSITES = {WILL: DONT, WONT: DO, DO: WONT, DONT: WILL}


@pytest.mark.parametrize("option", [ECHO, b"\x03", NEW_ENVIRON], ids=["echo", "3", "environ"])
@pytest.mark.parametrize("verb", [WILL, DO], ids=["WILL", "DO"])
def test_a_loop_of_negotiations_ends(eve: AtTelnet, verb: bytes, option: bytes) -> None:
    """A peer that answers each negotiation with another is no longer answered in the end."""
    before = eve.answers()
    eve.sends(IAC + verb + option)
    while (after := eve.answers()) > before:
        assert after < 2 * MAX_ANSWERS, "it goes on for ever"
        for answer in OPTIONS.findall(eve.everything())[before:]:
            eve.sends(IAC + OPPOSITES[answer[1:2]] + option)
        before = after


def test_timing_marks_without_reading(server: Server, friends: Friends) -> None:
    """A peer that requests any number of them and reads no answer costs little memory."""
    alice, bob = friends
    with (
        closing(AtTelnet(server.port, room=4096)) as eve,
        closing(Program(server.port)) as operator,
    ):
        operator.logs_in("operator", "password o")
        operator.does(server.says(r"/claim \S+").group())
        eve.joins("deaf")
        while operator.does("/stats")["unsent"] == 0:  # then the kernel's buffers are full
            alice.types(*["w" * 3900] * 100, "that was that")
            bob.sees("that was that")
        memory = server.memory()
        eve.floods((IAC + DO + TIMING_MARK) * 2000, 300_000)
        talk_on(friends)
        assert server.memory() - memory < 8 * MEGABYTE


# Peers that do not read.

QUESTIONS = {
    "at the login": b"two words\n" * 3000,
    "in json": line_of(id=1, group="tea", line="/history 500") * 300 + line_of(id=2, line="/help"),
    "in a group": b"/history 500\n/members\n/help\n/groups\n" * 500,
}


@pytest.mark.parametrize("stage", QUESTIONS)
def test_asking_without_reading(server: Server, friends: Friends, stage: str) -> None:
    """The server stops reading from it after a little unread output; others talk on.

    At the login it reads, but discards input sent ahead of a refusal; no part of that is used as an
    answer.
    """
    alice, bob = friends
    alice.types(*(f"{number} {'y' * 3900}" for number in range(100)), "/help", "/history 500")
    alice.sees("99 yyy")
    bob.sees("99 yyy")
    memory = server.memory()
    with ExitStack() as stack:
        for number in range(2):
            peer = stack.enter_context(closing(Peer(server.port, room=4096)))
            if stage == "in json":
                peer.sends(line_of(hello=1, name=f"json{number}") + line_of(id=0, line="/join tea"))
                peer.sees('"re":0')
            elif stage == "in a group":
                peer.joins(f"nc{number}")
            sent = peer.floods(QUESTIONS[stage], 50 * MEGABYTE)
            assert sent < 50 * MEGABYTE or stage == "at the login"
            talk_on(friends)
        assert server.memory() - memory < 12 * MEGABYTE
    assert "words" not in server.whole_log()


def test_a_peer_that_never_reads_is_dropped(tmp_path: Path) -> None:
    """It is dropped when too much is unread, which is logged once; others do not notice."""
    limits = f"{EVERYBODY}unsent_hard_bytes = 131072\n"
    with (
        running(Server(tmp_path, limits=limits)) as server,
        talking(server) as friends,
        closing(Peer(server.port, room=4096)) as eve,
    ):
        alice, bob = friends
        eve.joins("eve")
        eve.floods(b"/help\n/members\n" * 200, 50 * MEGABYTE)
        said = 0
        while "dropped eve" not in server.log():
            assert (said := said + 1) < 1000
            alice.types("z" * 3900)
            bob.sees("z" * 3900)
        talk_on(friends)
        assert b"eve has left" in bob.everything()
    assert len(re.findall("eve.* unread", server.log())) == 1


# Pieces.

TALK = (
    (
        "eve\n\nGROUP\nhello\n\u05e9\u05dc\u05d5\u05dd \U0001f469\n/me waves\n//slash\n\n/members\n"
        f"{'x' * 5000}\n/msg alice hi\n/nosuch\n/kick alice\n/msg\nalice\nasked\nBAD\r\n/quit bye\n"
    )
    .encode()
    .replace(b"BAD", b"\xff\xfe\xc3")
)
AT_TELNET = ENVIRON + TALK.replace(b"\xff", IAC + IAC).replace(b"\n", b"\r\n").replace(
    b"ll", ENVIRON
)  # The first command shows that it is telnet: before it, the server takes it for nc.
ASKED = b"".join(
    [
        line_of(hello=1, name="eve"),
        line_of(id=1, line="/join GROUP"),
        '{"id": 2, "group": "GROUP", "text": "\u05e9\u05dc\u05d5\u05dd"}\n'.encode(),
        b'{"id": 3, "group": "GROUP", "line": "\xff"}\nnonsense\n' + b" " * 40_000 + b"\r\n\n",
        line_of(id=4, line="/msg", answers=["alice", "asked"]),
        line_of(id="five", group="GROUP", line="/members"),
        line_of(id=6, line="/quit bye"),
    ]
)
CONVERSATIONS = {"nc": TALK, "telnet": AT_TELNET, "json": ASKED}
ENDS = {
    "nc": [b"\n", b"\r\n", b"\r\0", b"\r"],
    "telnet": [b"\n", b"\r\n", b"\r\0", b"\r"],
    "json": [b"\n", b"\r\n"],  # in JSON, CR is a space
}
FIRST_ENDS = {"nc": [b"\n", b"\r"], "telnet": [b"\r\n", b"\r\0"], "json": ENDS["json"]}
"""Those by which the server knows the kind."""
VARYING = re.compile(
    rb'(?<="at":)"[^"]*"|(?<="seq":)\d+|(?<="number":)\d+|(?<=number )\d+|\[\w{3} \d[^]]*\]'
    rb"|Groups: [^\r\n]*"  # those of earlier conversations
)
SHOWN_AGAIN = re.compile(rb"\r\x1b\[K|> |\[GROUP\] |\xff[\xfb-\xfe].|\xff\xf9")
"""Prompts at telnet, whose number depends on timing, and options."""

LINE_ENDS = re.compile(rb"\r|\n|\x1b\[K")
"""Those after a question depend on whether its answer had arrived before it was asked."""

Outcome = tuple[list[bytes], bytes, str]
"""The result of a conversation: the answers, what another user saw, and the log."""


@pytest.fixture(scope="module")
def converse(shared_server: Server) -> Iterator[Callable[..., Outcome]]:
    """Have eve send a conversation in pieces, each time to a new group with frank."""
    frank, program, groups = Peer(shared_server.port), Program(shared_server.port), count(100)

    def run(
        kind: str, cut: Callable[[bytes], Iterable[bytes]], ends: random.Random | None = None
    ) -> Outcome:
        conversation = CONVERSATIONS[kind]
        if ends is not None:
            conversation = with_any_ends(ends, kind, conversation)
        group = f"{kind[0]}{next(groups)}"
        program.does(f"/create {group} open")
        frank.types(f"/join {group}")
        frank.sees(f"You are in {group}")
        frank.does_not_see("eve")
        before = len(frank.everything())
        with closing(Peer(shared_server.port)) as eve:
            for piece in cut(conversation.replace(b"GROUP", group.encode())):
                eve.sends(piece)
                time.sleep(0.0001 * (len(piece) == 1))  # so that the server reads it alone
            assert eve.is_disconnected()
        frank.sees("eve has left")
        frank.does_not_see("eve")
        entries = program.does("/history 500", group)["entries"]

        def same(data: bytes) -> bytes:
            data = VARYING.sub(b"", data.replace(group.encode(), b"GROUP"))
            return SHOWN_AGAIN.sub(b"", data) if kind == "telnet" else data

        answers = same(eve.everything()).splitlines()
        if kind != "json":
            answers = [LINE_ENDS.sub(b"", each) for each in [b"".join(answers)]]
        if kind == "json":  # messages are answered once they are stored, other requests before
            answers.sort()
        log = same(json.dumps(entries, separators=(",", ":")).encode()).decode()
        return answers, same(frank.everything()[before:]), log

    with closing(frank), closing(program):
        frank.logs_in("frank")
        program.logs_in("groups")
        yield run


def with_any_ends(ends: random.Random, kind: str, data: bytes) -> bytes:
    """Return *data* with line ends of all sorts, of which two never look like one."""
    lines = re.split(rb"\r?\n", data.replace(ENVIRON, b"ENVIRON"))  # which has no ends of lines
    parts, may_end = [lines[0]], FIRST_ENDS[kind]
    for line in lines[1:]:
        # With an LF after it, CR would be the beginning of CR LF.
        fits = [end for end in may_end if line or end != b"\r"]
        parts += [ends.choice(fits), line]
        may_end = ENDS[kind]
    return b"".join(parts).replace(b"ENVIRON", ENVIRON)


def in_ten(cuts: random.Random, data: bytes) -> list[bytes]:
    """Return *data* in ten pieces."""
    at = sorted(cuts.sample(range(1, len(data)), 9))
    return [data[start:end] for start, end in pairwise([0, *at, len(data)])]


def in_bytes(data: bytes) -> Iterator[bytes]:
    """Yield *data* byte by byte, except the middle of lines that are too long."""
    for run in re.split(rb"([x ]{4000,})", data):
        yield from [run] if len(run) >= 4000 else pieces(run)


@pytest.mark.parametrize("kind", CONVERSATIONS)
def test_a_conversation_in_any_pieces(converse: Callable[..., Outcome], kind: str) -> None:
    """Answers, what others see, and the log are the same as for one packet, however it is cut.

    That is so with every line end of its kind, also where they are mixed.
    """
    whole = converse(kind, lambda data: [data])
    _, seen, log = whole
    assert "\u05e9\u05dc\u05d5\u05dd" in seen.decode()
    assert log.count('"seq"') >= 5
    cuts = random.Random(1)
    assert converse(kind, lambda data: [data], cuts) == whole
    for _ in range(4):
        assert converse(kind, partial(in_ten, cuts), cuts) == whole
    assert converse(kind, in_bytes) == whole
    assert converse(kind, in_bytes, cuts) == whole


@pytest.mark.parametrize("who", ["a person", "a program", "a stranger"])
def test_a_line_without_an_end(server: Server, friends: Friends, who: str) -> None:
    """It gets one line as an answer, is not buffered, and costs time linear in its length."""
    with closing(Peer(server.port)) as eve:
        if who == "a person":
            eve.joins("long")
        elif who == "a program":
            eve.sends(line_of(hello=1, name="longer"))
            eve.sees('"live"')
        memory = server.memory()
        costs = []
        for size in (MEGABYTE, 5 * MEGABYTE):
            before = cpu(server)
            sizes = random.Random(1)
            while size > 0:
                size -= (piece := sizes.randint(1, 4096))
                eve.sends(b"x" * piece)
            eve.sends(b"\n")
            eve.sees("line has at most")
            eve.types("two words")
            if who == "a person":
                friends[0].sees("long: two words\n")
            else:
                eve.sees("bad-json" if who == "a program" else "A name has")
            costs.append(cpu(server) - before)
        # 5 times is linear, 25 times quadratic. The pauses of the budget cost a little, too.
        assert costs[1] < 10 * costs[0] + 0.6
        assert server.memory() - memory < 4 * MEGABYTE
        assert eve.everything().count(b"line has at most") == 2
