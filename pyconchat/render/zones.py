"""Texts with times in the zone of the reader, not of the server."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from zoneinfo import ZoneInfo

from zope.interface import implementer

from pyconchat.chat.interfaces import IRenderer
from pyconchat.domain.errors import Refused
from pyconchat.domain.events import Entry
from pyconchat.domain.names import Key
from pyconchat.domain.replies import Reply, Where
from pyconchat.domain.settings import Settings
from pyconchat.domain.times import in_zone

__all__ = ["renderer_in_zone"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,31}(/[A-Za-z0-9_+-]{1,31}){0,2}", re.ASCII)

MAX_ZONES = 64
"""Maximum renderers of zones that are shared. Each further one is a style of its own."""


@implementer(IRenderer)
class _ZonedRenderer:
    """Renders as *renderer* does, with times in *zone*."""

    def __init__(self, renderer: IRenderer, zone: ZoneInfo) -> None:
        self._renderer = renderer
        self._zone = zone
        self._styles: dict[IRenderer, _ZonedRenderer] = {renderer: self}

    def talk(self, entries: Sequence[Entry], where: Where) -> list[str]:
        with in_zone(self._zone):
            pieces: list[str] = self._renderer.talk(entries, where)
        return pieces

    def entry(self, entry: Entry, where: Where, reader: Key) -> str:
        with in_zone(self._zone):
            piece: str = self._renderer.entry(entry, where, reader)
        return piece

    def replay(self, entries: Sequence[Entry], where: Where, reader: Key, heading: str) -> bytes:
        with in_zone(self._zone):
            block: bytes = self._renderer.replay(entries, where, reader, heading)
        return block

    def block(self, pieces: Iterable[str]) -> bytes:
        block: bytes = self._renderer.block(pieces)
        return block

    def reply(self, reply: Reply) -> bytes:
        with in_zone(self._zone):
            block: bytes = self._renderer.reply(reply)
        return block

    def refusal(self, refused: Refused) -> bytes:
        with in_zone(self._zone):
            block: bytes = self._renderer.refusal(refused)
        return block

    def styled(self, settings: Settings) -> _ZonedRenderer:
        styled = self._renderer.styled(settings)
        known = self._styles.get(styled)
        if known is None:
            known = _ZonedRenderer(styled, self._zone)
            known._styles = self._styles
            self._styles[styled] = known
        return known


def renderer_in_zone(renderer: IRenderer, name: str) -> IRenderer:
    """Return the renderer of texts as those of *renderer*, in the zone with that *name*.

    Readers in one zone share it. A zone that is not known is that of the server.
    """
    if not _NAME.fullmatch(name):
        return renderer
    try:
        return _in_zone(renderer, name)
    except (ValueError, OSError, LookupError):  # not a zone: LookupError is ZoneInfoNotFoundError's
        return renderer


@lru_cache(MAX_ZONES)
def _in_zone(renderer: IRenderer, name: str) -> IRenderer:
    return _ZonedRenderer(renderer, ZoneInfo(name))
