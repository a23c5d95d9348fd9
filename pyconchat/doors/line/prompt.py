"""Prompt: keeps the question or prompt on a person's screen apart from the lines of others.

A block that arrives while a prompt waits for an answer is shown in the prompt's place, and the
prompt is shown again after it.
"""

from __future__ import annotations

from pyconchat.doors.output_buffer import OutputBuffer

__all__ = ["Prompt"]

ERASE_LINE = b"\r\x1b[K"
"""Carriage return and Erase in Line (ECMA-48, 8.3.41). It also erases a half-typed line, which
the telnet client still has, and sends when the line is complete."""


class Prompt:
    """The prompt on the screen behind *output*. *erasing* is true of telnet, which can erase.

    Usually the echo of an answer's line end moves the cursor below the prompt. It does not if the
    answer was typed, or pasted, before the prompt was shown: then the prompt is still at the
    cursor.
    """

    def __init__(self, output: OutputBuffer) -> None:
        self._output = output
        self._shown = b""
        self._typed_before = False  # the answer had arrived before the prompt was shown
        self._left = False  # an answered prompt may be at the cursor
        self.erasing = False

    @property
    def shown(self) -> bool:
        """Return whether a prompt waits for an answer."""
        return bool(self._shown)

    @property
    def matters(self) -> bool:
        """Return whether the next block has to begin with the removal of a prompt."""
        return bool(self._shown) or self._left

    def write(self, block: bytes) -> None:
        """Show *block*, which ends a line, above the prompt."""
        if self._shown or self._left:
            block = self._removal() + block + self._shown
        self._output.write(block)

    def show(self, prompt: bytes, typed_before: bool) -> None:
        """Show *prompt* in the place of the previous one, if there is one.

        *typed_before* is true if its answer has arrived already.
        """
        self._output.end_direct()
        self._output.write(self._removal() + prompt)
        self._shown, self._typed_before = prompt, typed_before

    def answered(self) -> None:
        """The person has ended the line.

        Telnet's cursor is taken to be behind the prompt even so: to erase an empty line is
        harmless, and lines that are pasted may arrive after the prompt was sent.
        """
        self._left = self.erasing or self._left or (self.shown and self._typed_before)
        self._shown = b""

    def end_line(self) -> None:
        """End the line at the cursor, in place of the person's client, which did not show it."""
        self._output.write(b"\r\n")
        self._left = False

    def write_last(self, block: bytes) -> None:
        """Show *block* in the prompt's place, and no prompt after it."""
        self._output.write(self._removal() + block)
        self._shown = b""

    def _removal(self) -> bytes:
        """Return the bytes before the next block, so that it begins a line."""
        if not self._shown and not self._left:
            return b""
        self._left = False
        return ERASE_LINE if self.erasing else b"\n"
