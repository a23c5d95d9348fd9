"""Two people with ssh in tmux: text that arrives while one types leaves the typed line whole."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.support.servers import Server
from tests.support.ssh import OpenSsh, registers
from tests.support.tmux import Tmux, wrapped

pytestmark = pytest.mark.server(ssh=True, toml='new_groups = "open"')


@pytest.fixture
def at_ssh(server: Server, ssh: OpenSsh, tmp_path: Path) -> Iterator[Callable[[str], Tmux]]:
    """Start the terminal of somebody in tea, of 40 columns."""
    key = ssh.key()
    with ExitStack() as stack:

        def start(name: str) -> Tmux:
            registers(server, name, "tea", Path(f"{key}.pub").read_text())
            words = ssh.command(name, "chat", "tea", key=key)
            command = shlex.join(["env", "TERM=screen", words[0], "-t", *words[1:]])
            tmux = stack.enter_context(closing(Tmux(tmp_path / name, command, 40, 24)))
            tmux.shows(lambda rows: "[tea]" in rows, "the prompt")
            return tmux

        yield start


def above(screen: list[str], rows: list[str]) -> str:
    """Return the row above the last *rows* before the status line; empty if they are not there."""
    return screen[-2 - len(rows)] if screen[-1 - len(rows) : -1] == rows else ""


def test_the_typed_line_stays_whole(at_ssh: Callable[[str], Tmux]) -> None:
    """Eighty columns of wide characters, then combining marks, while the size changes twice."""
    alice, bob = at_ssh("alice"), at_ssh("bob")
    text = "三四" * 20
    alice.types(text)
    alice.ends(*wrapped(text, 40))
    for columns in (40, 30, 60):
        alice.resizes(columns)
        alice.ends(*wrapped(text, columns))
        for said in (f"at {columns}", "hello"):
            bob.types(f"{said}\r")
            rows, end = wrapped(text, columns), f"bob: {said}"
            alice.shows(lambda screen, rows=rows, end=end: above(screen, rows).endswith(end), end)  # type: ignore[misc]
    screen = alice.screen()
    assert sum("bob: at 30" in row for row in screen) == 1
    assert sum("[tea] 三" in row for row in screen) == 1
    alice.presses("Home")
    alice.types("e\u0301: ")
    alice.presses("Enter")
    alice.ends("[tea]")
    bob.shows(lambda rows: any("alice: é: 三四" in row for row in rows), "the message")
