"""Events that go straight to the sockets reach each client as they would without."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from pyconchat.chat import change_delivery, fanout
from pyconchat.chat.audience import Send
from pyconchat.doors.output_buffer import OutputBuffer
from tests.support.examples import examples
from tests.support.irc import IrcServer, IrcUser
from tests.support.stores import quick_store

CAPS: tuple[tuple[str, ...], ...] = (
    (),
    ("extended-join", "away-notify"),
    ("message-tags", "server-time", "account-tag", "draft/message-redaction"),
    ("labeled-response", "batch", "echo-message"),
    (),
)
NAMES = tuple(f"p{number}" for number in range(len(CAPS)))
GROUPS = ("#tea", "#pot")


@contextmanager
def direct_sends(is_direct: bool) -> Iterator[list[bytes]]:
    """Treat the connections in memory as sockets, or as what is none; yield what they are sent."""
    sent: list[bytes] = []

    def direct_send(output: OutputBuffer, leave: Callable[[], None]) -> Send | None:
        if not is_direct or not output.empty:
            return None
        output._leave = leave

        def send(block: bytes) -> int:
            sent.append(block)
            output._transport.write(block)
            return len(block)

        return send

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OutputBuffer, "direct_send", direct_send)
        for module in (fanout, change_delivery):
            patch.setattr(module, "MAX_WRITES_PER_PIECE", 2)
        yield sent


def play(folder: Path, script: list[tuple[str, str]], is_direct: bool) -> dict[str, bytes]:
    """Return what each of NAMES is sent while *script* says who sends which line."""
    store, shown = quick_store(folder), dict.fromkeys(NAMES, b"")
    with direct_sends(is_direct):
        irc = IrcServer(store, Clock(), new_groups="open")
        users = {name: irc.enters(name, *caps) for name, caps in zip(NAMES, CAPS, strict=True)}
        for user in users.values():
            user.sends("JOIN #tea,#pot")

        def receive() -> None:
            for name, user in users.items():
                user.receives()
                shown[name] += user.raw

        for name, line in script:
            irc.clock.advance(0.5)
            users[name].sends(line)
            if line.startswith("QUIT"):
                users[name].waits(3)
                receive()
                users[name] = irc.enters(name, *CAPS[NAMES.index(name)])
        receive()
        irc.stop()
    store.close()
    return shown


CHANGES = [
    *("JOIN {0}", "JOIN {0}", "JOIN #tea,#pot", "PART {0}", "@label=7 JOIN {0}", "QUIT :bye"),
    *("KICK {0} {1} :out", "MODE {0} +b {1}", "MODE {0} -b {1}", "MODE {0} +o {1}"),
    *("MODE {0} +i", "MODE {0} -i", "INVITE {1} {0}", "TOPIC {0} :new", "AWAY :out", "AWAY"),
    *("PRIVMSG {0} :hi", "@+a=b TAGMSG {0}", "@label=8 NAMES {0}", "CAP REQ extended-join"),
]


def lines() -> st.SearchStrategy[str]:
    """Return lines that change something, or say something, for everybody in a group."""
    parts = st.tuples(st.sampled_from(CHANGES), st.sampled_from(GROUPS), st.sampled_from(NAMES))
    return parts.map(lambda each: each[0].format(*each[1:]))


@settings(max_examples=examples(12), deadline=None)
@given(st.lists(st.tuples(st.sampled_from(NAMES), lines()), min_size=1, max_size=25))
def test_as_without(script: list[tuple[str, str]]) -> None:
    """Each client is sent the same, byte for byte, as if each event was written to it alone."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        shown, expected = play(Path(one), script, True), play(Path(other), script, False)
    for name in NAMES:
        assert shown[name].decode() == expected[name].decode(), name


def joined(irc: IrcServer, count: int) -> list[IrcUser]:
    """Return clients in #tea, who have been sent an event there."""
    users = [irc.enters(f"m{number}") for number in range(count)]
    for user in users:
        user.sends("JOIN #tea")
    irc.enters("first").sends("JOIN #tea", "PART #tea")
    for user in users:
        user.receives()
    return users


def test_a_join_is_one_block_for_all(irc: IrcServer) -> None:
    """It is made once, and nothing but the sockets is touched for each reader."""
    with direct_sends(True) as sent:
        joined(irc, 7)
        sent.clear()
        irc.enters("new").sends("JOIN #tea")
        assert sent == [b":new!new@pyconchat JOIN #tea\r\n"] * 7
        assert len({id(block) for block in sent}) == 1


def test_joins_of_one_tick_are_one_write(irc: IrcServer) -> None:
    """Those who come share a block, and each of them sees all."""
    with direct_sends(True) as sent:
        joined(irc, 3)
        new = [irc.enters(f"n{number}") for number in range(3)]
        for each in new:
            each.receives()
        sent.clear()
        for each in new:
            each.door.dataReceived(b"JOIN #tea\r\n")
        new[0].tick()
        lines = [f":n{number}!n{number}@pyconchat JOIN #tea\r\n" for number in range(3)]
        assert sent == ["".join(lines).encode()] * 3
        for each in new:
            each.tick()
            each.receives()
            names = next(line for line in each.raw.decode().splitlines() if " 353 " in line)
            assert {"n0", "n1", "n2"} <= {*names.split()}


def test_a_guest_of_two_groups_quits_once_for_each_reader(irc: IrcServer) -> None:
    """Those of the second group only, too; and a later guest of that name quits again."""
    with direct_sends(True):
        both, second = irc.enters("both"), irc.enters("second")
        for _ in range(2):
            gus = irc.enters("gus")
            for user in (both, gus):
                user.sends("JOIN #tea,#pot")
            second.sends("JOIN #pot")
            both.receives(), second.receives()
            gus.sends("QUIT :bye")
            gus.waits(3)
            assert both.sees() == second.sees() == ["gus QUIT bye"]
