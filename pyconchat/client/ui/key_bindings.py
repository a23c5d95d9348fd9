"""Key bindings of the terminal, apart from those of prompt_toolkit for editing a line."""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition, Filter
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.key_binding.bindings.completion import display_completions_like_readline
from prompt_toolkit.keys import Keys

__all__ = ["key_bindings"]


def key_bindings(
    buffer: Buffer,
    asked: Filter,
    answer: Callable[[str | None], None],
    leave: Callable[[], object],
    paste: Callable[[str], None],
    go_to: Callable[[int], None],
) -> KeyBindings:
    """Return the bindings for *buffer*. While *asked*, *answer* gets the answer; None cancels.

    *go_to* gets the index of a group, *paste* the text from the terminal.
    """
    keys = KeyBindings()

    @keys.add("enter", filter=asked)
    def _(event: KeyPressEvent) -> None:
        answer(buffer.text)  # not by the buffer, which would add it to the history

    @keys.add("tab", filter=~asked)
    def _(event: KeyPressEvent) -> None:
        display_completions_like_readline(event)

    @keys.add("c-c", filter=asked)
    @keys.add("c-d", filter=asked & Condition(lambda: not buffer.text))
    def _(event: KeyPressEvent) -> None:
        answer(None)

    @keys.add("c-c", filter=~asked)
    def _(event: KeyPressEvent) -> None:
        if buffer.text:
            buffer.reset()
        else:
            leave()

    @keys.add("c-d", filter=~asked & Condition(lambda: not buffer.text))
    def _(event: KeyPressEvent) -> None:
        leave()

    @keys.add("c-z")
    def _(event: KeyPressEvent) -> None:
        event.app.suspend_to_background()

    @keys.add(Keys.BracketedPaste)
    def _(event: KeyPressEvent) -> None:
        paste(event.data)

    for index in range(9):
        keys.add("escape", str(index + 1), filter=~asked)(lambda _, index=index: go_to(index))
    return keys
