"""The real `telnet` in tmux: text that arrives while one types leaves the typed line whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.servers import Server
from tests.support.skips import require_program
from tests.support.tmux import Tmux, wrapped
from tests.support.users import UserOf


@pytest.fixture
def alice(server: Server, tmp_path: Path) -> Iterator[Tmux]:
    """A guest at telnet, in an open group, in a window of 40 columns."""
    command = f"TERM=screen {require_program('telnet')} 127.0.0.1 {server.port}"
    tmux = Tmux(tmp_path / "tmux", command, 40, 24)
    try:
        tmux.sees("Username:")
        tmux.types("alice\r")
        tmux.sees("Password:")
        tmux.types("\r")
        tmux.sees("Group:")
        tmux.types("\r")
        tmux.sees(">")
        tmux.types("/create tea open\r")
        tmux.ends("[tea]")
        yield tmux
    finally:
        tmux.close()


def test_the_typed_line_stays_whole(alice: Tmux, user: UserOf) -> None:
    """Eighty columns of wide characters and combining marks are half typed when text arrives.

    The window is resized from 40 columns to 30 and to 60 meanwhile.
    """
    bob = user("nc", "bob", group="tea")
    alice.sees("* bob has joined the chat!")
    text = "三四" * 20
    alice.types(text)
    alice.ends(*wrapped(text, 40))
    bob.types("hello")
    alice.ends("bob: hello", *wrapped(text, 40))
    for columns in (30, 60):
        alice.resizes(columns)
        alice.ends("bob: hello", *wrapped(text, columns))
        bob.types(f"at {columns}")
        alice.ends(f"bob: at {columns}", *wrapped(text, columns))
        bob.types("hello")
        alice.ends("bob: hello", *wrapped(text, columns))
    screen = alice.screen()
    assert sum("bob: at 30" in row for row in screen) == 1
    assert sum("[tea] 三" in row for row in screen) == 1
    alice.presses("Home")
    alice.types("e\u0301: ")
    alice.presses("Enter")
    bob.sees(f"alice: \u00e9: {text}\n")
    alice.ends("[tea]")
