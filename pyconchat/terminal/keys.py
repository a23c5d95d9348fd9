"""KeyDecoder: the bytes of a terminal as text, keys, and pastes.

The sequences are those of xterm, tmux, the Linux console and PuTTY. prompt_toolkit's `Vt100Parser`
is not used: it keeps every prefix of every sequence that it has seen, so that 8 KB of digits after
``ESC [`` cost 32 MB that are never freed, and seconds of work.
"""

from __future__ import annotations

import re
from codecs import utf_8_decode
from enum import Enum
from typing import Final, NamedTuple, TypeAlias

__all__ = ["MAX_PASTE", "WORD_SEQUENCES", "Alt", "Input", "Key", "KeyDecoder", "Paste"]

MAX_PASTE = 65_536
"""Maximum characters of one paste; a longer one is discarded."""

MAX_PIECES = 256
"""Maximum pieces in which the beginning of a paste is kept."""


class Key(Enum):
    """A key, by what it does."""

    ENTER = "end the line"
    BACKSPACE = "remove the character before the cursor"
    DELETE = "remove the character after the cursor"
    DELETE_OR_END = "as DELETE; in an empty line, end the input (Ctrl-D)"
    LEFT = "move left"
    RIGHT = "move right"
    WORD_LEFT = "move left by a word"
    WORD_RIGHT = "move right by a word"
    HOME = "move to the start"
    END = "move to the end"
    KILL_END = "remove what follows the cursor (Ctrl-K)"
    KILL_START = "remove what precedes the cursor (Ctrl-U)"
    KILL_WORD = "remove the word before the cursor (Ctrl-W)"
    KILL_WORD_AFTER = "remove the word after the cursor (Alt-D)"
    YANK = "insert what was removed last (Ctrl-Y)"
    UP = "the line before, of the history"
    DOWN = "the line after, of the history"
    SEARCH = "search the history (Ctrl-R)"
    CANCEL = "end a search without a result (Ctrl-G)"
    COMPLETE = "complete the word before the cursor (Tab)"
    INTERRUPT = "discard the line (Ctrl-C)"
    REDRAW = "clear the screen, and draw it again (Ctrl-L)"
    INVALID = "bytes that are not UTF-8, or a paste that was too long"


class Alt(NamedTuple):
    """Alt and a digit, 1 to 9."""

    number: int


class Paste(NamedTuple):
    """Text that was pasted."""

    text: str


Input: TypeAlias = str | Key | Alt | Paste
"""A ``str`` is text that was typed."""

CONTROLS: Final = {
    "\r": Key.ENTER,
    "\n": Key.ENTER,
    "\x7f": Key.BACKSPACE,
    "\b": Key.BACKSPACE,
    "\t": Key.COMPLETE,
    "\x01": Key.HOME,
    "\x02": Key.LEFT,
    "\x03": Key.INTERRUPT,
    "\x04": Key.DELETE_OR_END,
    "\x05": Key.END,
    "\x06": Key.RIGHT,
    "\x07": Key.CANCEL,
    "\x0b": Key.KILL_END,
    "\x0c": Key.REDRAW,
    "\x0e": Key.DOWN,
    "\x10": Key.UP,
    "\x12": Key.SEARCH,
    "\x15": Key.KILL_START,
    "\x17": Key.KILL_WORD,
    "\x19": Key.YANK,
    "\ufffd": Key.INVALID,
}
"""Control characters, and the replacement of the UTF-8 decoder for invalid bytes."""

WORD_SEQUENCES: Final = {
    "\x1bb": Key.WORD_LEFT,  # macOS sends it for Option-Left
    "\x1bf": Key.WORD_RIGHT,
    "\x1b[1;3D": Key.WORD_LEFT,
    "\x1b[1;3C": Key.WORD_RIGHT,
    "\x1bd": Key.KILL_WORD_AFTER,
    "\x1b\x7f": Key.KILL_WORD,
}
"""Alt with a letter, an arrow or Backspace, as in readline."""

SEQUENCES: Final[dict[str, Key | Alt]] = {
    **{
        f"\x1b{mode}{final}": key
        for mode in "[O"
        for final, key in zip(
            "ABCDHF",
            (Key.UP, Key.DOWN, Key.RIGHT, Key.LEFT, Key.HOME, Key.END),
            strict=True,
        )
    },
    "\x1b[1~": Key.HOME,
    "\x1b[7~": Key.HOME,
    "\x1b[4~": Key.END,
    "\x1b[8~": Key.END,
    "\x1b[3~": Key.DELETE,
    "\x1b[1;5C": Key.WORD_RIGHT,
    "\x1b[1;5D": Key.WORD_LEFT,
    **WORD_SEQUENCES,
    **{f"\x1b{number}": Alt(number) for number in range(1, 10)},
}
"""The sequences of keys; others are ignored."""

_PASTE_BEGINS, _PASTE_ENDS = "\x1b[200~", "\x1b[201~"
_TOKEN = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufffd]+)"
    r"|(?P<sequence>\x1b(?:\[\[[A-E]|\[[0-?]{0,24}[ -/]{0,2}[@-Z\\-~]|O[@-~]|[1-9bdf\x7f]))"
    r"|(?P<begun>\x1b(?:\[\[|\[[0-?]{0,24}[ -/]{0,2}|O)?\Z)"
    r"|(?P<other>[\s\S])"
)
"""Text; a whole sequence (``ESC [ [ A`` is the Linux console's F1); one that may be cut in two."""


class KeyDecoder:
    """Decodes the input of one terminal, in whatever pieces it arrives."""

    __slots__ = ("_after_cr", "_begun", "_bytes", "_paste", "_paste_size", "_tail")

    def __init__(self) -> None:
        self._bytes = b""  # of an incomplete character
        self._begun = ""  # an incomplete sequence
        self._after_cr = False
        self._paste: list[str] | None = None  # the pieces of a paste that has not ended
        self._paste_size = 0
        self._tail = ""  # its last characters, which may begin the end sequence

    def decode(self, data: bytes) -> list[Input]:
        """Decode *data*. Escape alone, and keys that are not in `Key`, are ignored."""
        data = self._bytes + data
        text, used = utf_8_decode(data, "replace", False)
        self._bytes = data[used:]
        text, self._begun = self._begun + text, ""
        found: list[Input] = []
        at = 0
        while at < len(text):
            if self._paste is not None:
                at = self._continue_paste(text, at, found)
                continue
            token = _TOKEN.match(text, at)
            assert token is not None
            at = token.end()
            after_cr, self._after_cr = self._after_cr, False
            match token.lastgroup:
                case "text":
                    found.append(token[0])
                case "begun":
                    self._begun = token[0]
                case "sequence" if token[0] == _PASTE_BEGINS:
                    self._paste, self._paste_size, self._tail = [], 0, ""
                case "sequence":
                    key = SEQUENCES.get(token[0])
                    if key is not None:
                        found.append(key)
                case _:
                    self._after_cr = token[0] == "\r"
                    if token[0] in CONTROLS and not (after_cr and token[0] == "\n"):
                        found.append(CONTROLS[token[0]])
        return found

    def _continue_paste(self, text: str, at: int, found: list[Input]) -> int:
        """Add *text* from *at* to the paste; return where it ends."""
        assert self._paste is not None
        chunk = self._tail + text[at:]
        end = chunk.find(_PASTE_ENDS)
        self._tail = chunk[-len(_PASTE_ENDS) + 1 :] if end < 0 else ""
        piece = chunk[: len(chunk) - len(self._tail)] if end < 0 else chunk[:end]
        self._paste_size += len(piece)
        if self._paste_size > MAX_PASTE:
            self._paste.clear()
        else:
            self._paste.append(piece)
            if len(self._paste) > MAX_PIECES:
                self._paste[:] = ["".join(self._paste)]
        if end < 0:
            return len(text)
        whole, self._paste = "".join(self._paste), None
        found.append(Key.INVALID if self._paste_size > MAX_PASTE else Paste(whole))
        return len(text) - (len(chunk) - end - len(_PASTE_ENDS))
