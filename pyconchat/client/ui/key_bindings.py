"""Key bindings of the terminal, apart from those of prompt_toolkit for editing a line."""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition, Filter
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.key_binding.bindings.completion import display_completions_like_readline
from prompt_toolkit.keys import Keys

from pyconchat.terminal.graphemes import length_after, length_before

__all__ = ["key_bindings"]


def key_bindings(
    buffer: Buffer,
    asked: Filter,
    hidden: Filter,
    answer: Callable[[str | None], None],
    interrupt: Callable[[], object],
    leave: Callable[[], object],
    paste: Callable[[str], None],
    go_to: Callable[[int], None],
) -> KeyBindings:
    """Return the bindings for *buffer*.

    While *asked*, or while the input is *hidden*, *answer* gets the answer; None cancels.
    *interrupt* is called for Ctrl-C on an empty line.
    *go_to* gets the number of a group, *paste* the text from the terminal.
    """
    keys = KeyBindings()

    @keys.add("enter", filter=asked | hidden)
    def _(event: KeyPressEvent) -> None:
        answer(buffer.text)  # not by the buffer, which would add it to the history

    @keys.add("escape", "enter", filter=~asked & ~hidden)
    def _(event: KeyPressEvent) -> None:
        buffer.insert_text("\n")

    @keys.add("tab", filter=~asked & ~hidden)
    def _(event: KeyPressEvent) -> None:
        display_completions_like_readline(event)

    empty = Condition(lambda: not buffer.text)

    @keys.add("c-d", filter=asked & empty)
    def _(event: KeyPressEvent) -> None:
        answer(None)

    @keys.add("c-c")
    def _(event: KeyPressEvent) -> None:
        if buffer.text:
            buffer.reset()
        else:
            interrupt()

    @keys.add("c-d", filter=~asked & empty)
    def _(event: KeyPressEvent) -> None:
        leave()

    # By grapheme clusters, not by code points.

    @keys.add("backspace", filter=~empty, save_before=lambda event: not event.is_repeat)
    def _(event: KeyPressEvent) -> None:
        buffer.delete_before_cursor(length_before(buffer.document.text_before_cursor))

    @keys.add("delete", filter=~empty, save_before=lambda event: not event.is_repeat)
    @keys.add("c-d", filter=~empty, save_before=lambda event: not event.is_repeat)
    def _(event: KeyPressEvent) -> None:
        buffer.delete(length_after(buffer.document.text_after_cursor))

    @keys.add("left")
    @keys.add("c-b")
    def _(event: KeyPressEvent) -> None:
        buffer.cursor_position -= length_before(buffer.document.text_before_cursor)

    @keys.add("right")
    @keys.add("c-f")
    def _(event: KeyPressEvent) -> None:
        buffer.cursor_position += length_after(buffer.document.text_after_cursor)

    @keys.add("c-z")
    def _(event: KeyPressEvent) -> None:
        event.app.suspend_to_background()

    @keys.add(Keys.BracketedPaste)
    def _(event: KeyPressEvent) -> None:
        paste(event.data)

    for number in range(1, 10):
        keys.add("escape", str(number), filter=~asked)(lambda _, number=number: go_to(number))
    return keys
