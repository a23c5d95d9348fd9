"""InputLine: which of the typed lines its history keeps."""

from __future__ import annotations

from pathlib import Path

from prompt_toolkit.filters import Never

from pyconchat.client.completer import Completer
from pyconchat.client.groups import Groups
from pyconchat.client.ui.input_line import InputLine
from tests.client.people import MakeSession


def test_history_without_secrets(make_session: MakeSession, tmp_path: Path) -> None:
    """Neither a command with a password is saved, nor a line that may become an answer."""
    me = make_session().enters("tea")
    session, file = me.session, tmp_path / "history"
    line = InputLine(
        Completer(Groups()),
        file,
        session.may_have_secret,
        list,
        lambda buffer: bool(session.typed(buffer.text)),
        Never(),
        Never(),
    )

    def types(text: str) -> None:
        line.buffer.text = text
        line.buffer.validate_and_handle()

    for text in ("hello", "/join cellar hunter1", "hunter2"):
        types(text)
    for request in me.server.receives():
        me.server.answers(request)
    types("bye")
    saved = [each[1:] for each in file.read_text().splitlines() if each.startswith("+")]
    assert saved == ["hello", "bye"]
