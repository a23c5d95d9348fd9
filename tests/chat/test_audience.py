"""Blocks that go straight to the sockets reach exactly those that they would reach without."""

from __future__ import annotations

import re
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyconchat.chat import change_delivery, fanout, journal
from pyconchat.chat.audience import Audience, Send
from pyconchat.chat.chat import Chat
from pyconchat.config import Config, LimitsConfig
from pyconchat.domain.replies import Where
from pyconchat.testing import FakePeer, TestUser, make_chat
from tests.support.examples import examples
from tests.support.stores import quick_store
from tests.support.turns import Turns

GROUPS = ("tea", "pot")
NAMES = tuple(f"p{number}" for number in range(7))


class Peer(FakePeer):
    """A peer with a socket that may be full, and a prompt that may be on its screen.

    It checks that a block is sent directly only while nothing has to come before it.
    """

    def __init__(self, is_direct: bool) -> None:
        super().__init__()
        self.is_direct = is_direct
        self.queue = b""
        self.room: int | None = None  # bytes that the kernel still takes; None: any number
        self.prompt = False
        self.sent_directly = 0
        self._leave: Callable[[], None] = lambda: None

    def direct_send(self, leave: Callable[[], None]) -> Send | None:
        if not self.is_direct or self.queue or self.prompt:
            return None
        self._leave = leave
        return self._send

    def _send(self, block: bytes) -> int:
        assert not self.queue, "the rest of an earlier block comes first"
        assert not self.prompt, "the prompt has to be removed first"
        self.sent_directly += 1
        taken = block if self.room is None else block[: self.room]
        if self.room is not None:
            self.room -= len(taken)
        if not taken:
            raise BlockingIOError
        self.written += taken
        return len(taken)

    def write(self, block: bytes) -> None:
        if self.queue or self.room is not None:
            self.write_rest(block, 0)
        else:
            self.written += block

    def write_rest(self, block: bytes, sent: int) -> None:
        self.queue += block[sent:]
        self._leave()

    def drain(self) -> None:
        """Have the kernel take everything."""
        self.written += self.queue
        self.queue, self.room = b"", None

    def show_prompt(self, is_shown: bool) -> None:
        """Show a prompt, or remove it."""
        if is_shown:
            self._leave()
        self.prompt = is_shown


class Person(TestUser):
    """A registered user of a `Peer`."""

    def __init__(self, chat: Chat, name: str, is_direct: bool) -> None:
        self.is_direct = is_direct
        super().__init__(chat, name, "password")

    @property
    def socket(self) -> Peer:
        """Return the peer."""
        assert isinstance(self.peer, Peer)
        return self.peer

    def make_peer(self, *answers: str) -> FakePeer:
        return Peer(self.is_direct)


class Room:
    """People in two groups; messages are numbered."""

    def __init__(self, folder: Path, is_direct: bool) -> None:
        self.store = quick_store(folder)
        config = Config(limits=LimitsConfig(messages_per_second=0))
        self.chat = make_chat(self.store, Turns(), config)
        self.is_direct = is_direct
        self.shown = dict.fromkeys(NAMES, b"")  # in earlier sessions
        self.said: dict[str, list[tuple[str, int]]] = {group: [] for group in GROUPS}
        self.people = {name: Person(self.chat, name, is_direct) for name in NAMES}
        for group in GROUPS:
            self.people[NAMES[0]].types(f"/create {group} open")
            for name in NAMES[1:]:
                self.people[name].types(f"/join {group}")
        for name in NAMES[::2]:  # the others are in the second group
            self.people[name].types(f"/join {GROUPS[0]}")
        self.turns(60)
        for person in self.people.values():
            person.peer.written = b""

    def turns(self, count: int) -> None:
        """Let *count* turns pass."""
        for _ in range(count):
            self.chat.reactor.advance(0)  # type: ignore[attr-defined]

    def say(self, name: str) -> None:
        """Post the next message in the current group of *name*."""
        person = self.people[name]
        current = person.session.current
        if current is not None:
            group = str(current.group.name)
            number = sum(map(len, self.said.values())) + 1
            self.said[group].append((name, number))
            person.session.line(f"{group}-{number}.")

    def back_again(self, name: str) -> None:
        """Disconnect *name*, who has read everything, and log in again."""
        old = self.people[name]
        old.socket.drain()
        old.session.close()
        self.shown[name] += old.peer.written
        self.people[name] = Person(self.chat, name, self.is_direct)

    def do(self, name: str, what: str) -> None:
        """Do *what* as *name*."""
        person = self.people[name]
        match what:
            case "say":
                self.say(name)
            case "say three times":
                for _ in range(3):
                    self.say(name)
            case "prompt":
                person.socket.show_prompt(True)
            case "answer":
                person.socket.show_prompt(False)
            case "full":
                person.socket.room = 5
            case "drain":
                person.socket.drain()
            case "back":
                self.back_again(name)
            case _:
                person.session.line(what)

    def everything_shown(self, name: str) -> str:
        """Return all that *name* has seen or will see."""
        peer = self.people[name].socket
        return (self.shown[name] + peer.written + peer.queue).decode()


SAFE = ["say", "say three times", "prompt", "answer", "full", "drain", "back", "/join tea"]
SAFE += ["/join pot", "/desk", "/mute tea", "/mute tea off"]
OTHER = [f"/ignore {NAMES[0]}", f"/unignore {NAMES[0]}", "/ignore p1"]
OTHER += ["/set joins off", "hello @p2", "/set joins on", "/set times on", "/set times off"]


@pytest.fixture(autouse=True, params=[2, 50])
def _pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write in pieces of two, and the messages of both groups together."""
    for module in (fanout, change_delivery):
        monkeypatch.setattr(module, "MAX_WRITES_PER_PIECE", request.param)
    monkeypatch.setattr(journal, "MAX_WRITES_PER_TURN", request.param)


def acts(of: list[str]) -> st.SearchStrategy[list[tuple[str, str, int]]]:
    """Return lists of who does what, and how many turns pass afterwards."""
    talk = st.sampled_from(["say", "say three times"])
    act = st.tuples(
        st.sampled_from(NAMES), talk | st.sampled_from(of), st.sampled_from([0, 0, 1, 2, 4])
    )
    return st.lists(act, min_size=1, max_size=40)


@settings(max_examples=examples(15), deadline=None)
@given(acts(SAFE + OTHER))
def test_as_without(script: list[tuple[str, str, int]]) -> None:
    """Every session is shown the same, byte for byte, as if no block went straight to a socket."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        rooms = [Room(Path(one), is_direct=True), Room(Path(other), is_direct=False)]
        for room in rooms:
            for name, what, _ in script:
                room.do(name, what)
                room.turns(40)
            room.store.close()
        for name in NAMES:
            shown, expected = (room.everything_shown(name) for room in rooms)
            assert shown == expected, name


@settings(max_examples=examples(30), deadline=None)
@given(acts(SAFE))
def test_changes_in_the_middle_of_a_block(script: list[tuple[str, str, int]]) -> None:
    """Whatever happens between two pieces, each message is shown once, and in order."""
    with tempfile.TemporaryDirectory() as folder:
        room = Room(Path(folder), is_direct=True)
        for name, what, turns in script:
            room.do(name, what)
            room.turns(turns)
        room.turns(60)  # here, unlike at a door, a command does not wait for the one before
        for name in NAMES:
            room.do(name, "/mute tea off")
        room.turns(60)
        room.store.close()
    for name in NAMES:
        shown = room.everything_shown(name)
        for group, said in room.said.items():
            others = [number for author, number in said if author != name]
            numbers = [int(each) for each in re.findall(rf"{group}-(\d+)\.", shown)]
            # Own ones are shown after a disconnect that comes before their publication.
            assert [number for number in numbers if number in others] == others, name


def test_whose_blocks_go_straight_to_the_socket(tmp_path: Path) -> None:
    """From their second one on everybody's, but not the author's of a message."""
    room = Room(tmp_path, is_direct=True)
    for name in NAMES:
        room.do(name, "/join tea")
    room.turns(20)
    room.say("p0")
    room.turns(40)
    for author in ("p1", "p0", "p0"):
        before = {name: room.people[name].socket.sent_directly for name in NAMES}
        room.say(author)
        room.turns(40)
        now = {name: room.people[name].socket.sent_directly for name in NAMES}
        direct = [name for name in NAMES if now[name] > before[name]]
        assert direct == [name for name in NAMES if name != author]
    room.store.close()


@settings(max_examples=examples(100))
@given(st.data())
def test_one_block(data: st.DataObject) -> None:
    """A block is for those who were in the audience at its beginning, and have not left it."""
    audience = Audience()
    written: list[int] = []

    def send_to(session: int) -> Send:
        return lambda _: written.append(session) or 0  # type: ignore[func-returns-value]

    here, elsewhere = styles = [("renderer", Where(here=each), None) for each in (True, False)]
    for session in range(data.draw(st.integers(0, 12))):
        audience.add(session)
        style = data.draw(st.sampled_from([here, elsewhere, None]))
        if style is not None:
            audience.admit(session, style, send_to(session))
    expected = set(audience.sessions)
    left_out = data.draw(st.sets(st.integers(0, 14), max_size=4))

    def change() -> None:
        someone = st.sampled_from(sorted({*audience.sessions, 20, 21}))
        for session in data.draw(st.lists(someone, max_size=3)):
            what = data.draw(st.sampled_from([audience.add, audience.remove, audience.set_apart]))
            if what == audience.remove and session not in written:
                expected.discard(session)
            if what != audience.add or session not in audience.sessions:
                what(session)
        if data.draw(st.booleans()):
            assert not set(audience.pending) & set(written), "they have the block"

    for style, sends in audience.direct_pieces(2, left_out):
        assert style in styles
        for send in sends:
            send(b"block")
        assert not left_out & {*written}, "they get something else"
        change()
    pending = audience.pending
    while pending:
        session = next(iter(pending))
        del pending[session]
        written.append(session)
        if audience.is_apart(session) and data.draw(st.booleans()):
            audience.admit(session, here, send_to(session))
        change()
    assert sorted(written) == sorted({*written})
    assert expected <= {*written}
    assert not {20, 21} & {*written}


class _Someone:
    """A session."""


def test_no_session_is_kept_after_its_block() -> None:
    """The author of the last message may have disconnected."""
    audience = Audience()
    author, reader = _Someone(), _Someone()
    for session in (author, reader):
        audience.add(session)
        audience.admit(session, ("renderer", Where(), None), len)
    for _ in audience.direct_pieces(2, {author}):
        pass
    assert author in audience.pending
    audience.remove(author)
    freed = weakref.ref(author)
    del author, session
    assert freed() is None
