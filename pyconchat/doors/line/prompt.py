"""Screen: what a person at the other end has before them, as far as a line door can know.

Where a question or a prompt waits for an answer, what others say must not run into it: it is
shown instead of the prompt, and the prompt comes again after it.
"""

from __future__ import annotations

from pyconchat.doors.output_buffer import OutputBuffer

__all__ = ["Screen"]

ERASE_LINE = b"\r\x1b[K"
"""Back to the margin, then Erase in Line (ECMA-48, 8.3.41): the prompt goes, and what is half
typed; that is still in the telnet client, which sends it all at the end of the line."""


class Screen:
    """The screen behind *outlet*. *erasing* is true of telnet, where a prompt can be erased."""

    def __init__(self, outlet: OutputBuffer) -> None:
        self._output = outlet
        self._prompt = b""
        self.erasing = False

    def write(self, block: bytes) -> None:
        """Show *block*, which ends a line."""
        if self._prompt:
            block = self._erase() + block + self._prompt
        self._output.write(block)

    def prompt(self, prompt: bytes) -> None:
        """Put *prompt*, in the place of the one that stands there, if any."""
        self._output.write((self._erase() if self._prompt else b"") + prompt)
        self._prompt = prompt

    @property
    def prompted(self) -> bool:
        """Return whether a prompt waits for an answer."""
        return bool(self._prompt)

    def typed(self) -> None:
        """The person has ended a line: the prompt is history."""
        self._prompt = b""

    def farewell(self, block: bytes) -> None:
        """Show the last there is to show; no prompt comes after it."""
        self._output.write((self._erase() if self._prompt else b"") + block)
        self._prompt = b""

    def _erase(self) -> bytes:
        return ERASE_LINE if self.erasing else b"\n"
