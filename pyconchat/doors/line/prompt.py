"""Prompt: keeps the question or prompt on a person's screen apart from what others say.

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
    """The prompt on the screen behind *output*. *erasing* is true of telnet, which can erase."""

    def __init__(self, output: OutputBuffer) -> None:
        self._output = output
        self._shown = b""
        self.erasing = False

    @property
    def shown(self) -> bool:
        """Return whether a prompt waits for an answer."""
        return bool(self._shown)

    def write(self, block: bytes) -> None:
        """Show *block*, which ends a line, above the prompt."""
        if self._shown:
            block = self._erase() + block + self._shown
        self._output.write(block)

    def show(self, prompt: bytes) -> None:
        """Show *prompt* in the place of the previous one, if there is one."""
        self._output.write((self._erase() if self._shown else b"") + prompt)
        self._shown = prompt

    def answered(self) -> None:
        """The person has ended the line: the prompt is no longer at the cursor."""
        self._shown = b""

    def write_last(self, block: bytes) -> None:
        """Show *block* in the prompt's place, and no prompt after it."""
        self._output.write((self._erase() if self._shown else b"") + block)
        self._shown = b""

    def _erase(self) -> bytes:
        return ERASE_LINE if self.erasing else b"\n"
