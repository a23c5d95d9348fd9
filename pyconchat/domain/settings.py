"""Settings: the display settings of an account, the same on every device."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from pyconchat.domain.errors import Code, Refused

__all__ = ["Settings"]


class Settings(msgspec.Struct, frozen=True):
    """The settings of an account, by the names that ``/set`` gives them.

    *times*: each line begins with its time. *bell*: at telnet and nc, private messages and
    mentions of the reader ring the bell. *joins*: joins and leaves of others are shown.
    """

    times: bool = False
    bell: bool = False
    joins: bool = True

    def changed(self, name: str, on: bool) -> Settings:
        """Return the settings with *name* switched. Raises `Refused` if it does not exist."""
        if name not in self.__struct_fields__:
            raise Refused(
                Code.BAD_ARGUMENT,
                "There is no setting {name}; there are {names}.",
                name=name,
                names=", ".join(self.__struct_fields__),
            )
        return msgspec.structs.replace(self, **{name: on})

    def stored(self, rows: Iterable[tuple[str, bool]]) -> Settings:
        """Return the settings with *rows* of the store, without those of a newer version."""
        known = {name: on for name, on in rows if name in self.__struct_fields__}
        return msgspec.structs.replace(self, **known)

    def differing(self) -> list[tuple[str, bool]]:
        """Return the settings that differ from the defaults."""
        usual = Settings()
        names = self.__struct_fields__
        return [(each, getattr(self, each)) for each in names if self._differs(usual, each)]

    def _differs(self, other: Settings, name: str) -> bool:
        return bool(getattr(self, name) != getattr(other, name))
