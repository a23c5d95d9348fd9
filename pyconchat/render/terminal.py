"""Text for terminals: with the time before each line, and colours.

The door puts it above the line that is typed. A message is rendered once for all terminals of one
style, as for `nc`.
"""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Callable

from msgspec.structs import replace

from pyconchat.domain.settings import Settings
from pyconchat.render.text import TextRenderer

__all__ = ["TerminalRenderer"]

_NAMES = (31, 32, 33, 34, 35, 36, 91, 92, 93, 94, 95, 96)
"""The colours of names: SGR parameters (ECMA-48, 8.3.117)."""

_DIM, _SERVER, _MARK = 2, 36, 93

_HEAD = re.compile(
    r"(?P<bell>\a?)(?P<time>(?:\d\d:\d\d |\[[^\]]{5,40}\] )?)(?P<mark>(?:» )?)(?P<kind>(?:[*~] )?)"
    r"(?P<name>[^\s:]*)(?P<rest>.*)",
    re.DOTALL,
)


class TerminalRenderer(TextRenderer):
    """Lines that end in CRLF; in *colours*, unless the client has asked for none."""

    def __init__(
        self,
        colours: bool,
        wall_clock: Callable[[], float] = time.time,
        settings: Settings | None = None,
    ) -> None:
        super().__init__("\r\n", wall_clock, _for_terminals(settings or Settings()))
        self._colours = colours
        self._terminals: dict[Settings, TerminalRenderer] = {}

    def styled(self, settings: Settings) -> TextRenderer:
        wanted = _for_terminals(settings)
        if wanted == self._settings:
            return self
        if wanted not in self._terminals:
            self._terminals[wanted] = TerminalRenderer(self._colours, self._wall_clock, wanted)
        return self._terminals[wanted]

    def _line(self, line: str) -> str:
        whole = super()._line(line)
        return _coloured(whole) if self._colours and whole else whole


def _for_terminals(settings: Settings) -> Settings:
    """Return *settings* with the time before each line, and the bell."""
    return replace(settings, times=True, bell=True)


def _coloured(line: str) -> str:
    head = _HEAD.match(line)
    assert head is not None, "every line matches"
    bell, time, mark, kind, name, rest = head.groups()
    time = _sgr(_DIM, time)
    mark = _sgr(_MARK, mark)
    if kind == "* ":
        text, end = name + rest.removesuffix("\r\n"), "\r\n"
        return f"{bell}{time}{mark}{_sgr(_SERVER, kind + text)}{end}"
    colour = _NAMES[zlib.crc32(name.lower().encode()) % len(_NAMES)]
    return f"{bell}{time}{mark}{kind}{_sgr(colour, name)}{rest}"


def _sgr(parameter: int, text: str) -> str:
    return f"\x1b[{parameter}m{text}\x1b[0m" if text else ""
