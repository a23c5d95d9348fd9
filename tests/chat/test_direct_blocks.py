"""Blocks of several conversations that are sent in one loop."""

from __future__ import annotations

from collections.abc import Callable

from pyconchat.chat.audience import Audience, Send
from pyconchat.chat.direct_blocks import DirectBlocks
from pyconchat.domain.replies import Where

STYLE = ("renderer", Where(), None)


class _Session:
    """A session that is its own peer; its socket takes *room* bytes of each block."""

    def __init__(self, room: int, raises: bool = False) -> None:
        self.peer = self
        self.taken: list[bytes] = []
        self.queue: list[bytes] = []
        self._room = room
        self._raises = raises
        self.leave: list[Callable[[], None]] = []

    def send(self, block: bytes) -> int:
        assert not self.queue, "queued blocks come first"
        if self._raises:
            raise BlockingIOError
        self.taken.append(block[: self._room])
        return len(self.taken[-1])

    def write(self, block: bytes) -> None:
        assert self.queue, "a block is sent directly while nothing is queued"
        self.queue.append(block)

    def write_rest(self, block: bytes, sent: int) -> None:
        self.queue.append(block[sent:])
        for leave in self.leave:
            leave()


def _audience(sessions: list[_Session]) -> Audience:
    audience = Audience()
    for session in sessions:
        audience.add(session)
        send: Send = session.send
        audience.admit(session, STYLE, send)
        session.leave.append(lambda each=session: audience.set_apart(each))  # type: ignore[misc]
    return audience


def test_a_socket_that_takes_only_a_part() -> None:
    """The rest is queued, and so are the later blocks for the same session, of other groups too."""
    quick, slow, full = _Session(99), _Session(2), _Session(0, raises=True)
    sessions = [quick, slow, full]
    direct = DirectBlocks()
    for block in (b"tea-1", b"pot-1", b"tea-2"):
        audience = _audience(sessions)
        for style, sends in audience.direct_pieces(50):
            direct.add(audience, style, sends, block)
    assert direct.size == 9
    assert direct.send() == 9
    assert (direct.size, direct.send()) == (0, 0)
    assert quick.taken == [b"tea-1", b"pot-1", b"tea-2"]
    assert (slow.taken, slow.queue) == ([b"te"], [b"a-1", b"pot-1", b"tea-2"])
    assert (full.taken, full.queue) == ([], [b"tea-1", b"pot-1", b"tea-2"])
