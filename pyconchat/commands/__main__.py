"""Prints docs/commands.rst: ``python -m pyconchat.commands``."""

from __future__ import annotations

from pyconchat.commands.table import TABLE
from pyconchat.domain.replies import CommandHelp

_HEAD = """\
Commands
========

.. Made by ``make docs`` from the command table; do not edit.

Names match whatever the case of their letters. In a group, type them with a slash; at the front
desk the slash is not needed, and ``1``, ``2`` and ``3`` are the menu: join, create, exit. In a
group, ``leave`` and ``qqq`` alone leave it, and ``//text`` sends a message that starts with a
slash. What is missing and needed is asked for; an empty answer cancels.

Those marked *admin* are for a group's admin, *operator* for the server's operators, who may use
them in any group of which they are members. At the front desk, ``/kick``, ``/ban``, ``/unban``
and ``/bans`` are about the whole server and for operators only.

"""


def document() -> str:
    """Return the page."""
    return _HEAD + "\n".join(_entry(command.help) for command in TABLE)


def _entry(command: CommandHelp) -> str:
    also = f" Also {', '.join(f'``/{name}``' for name in command.also)}." if command.also else ""
    return f"``{command.usage}``\n   {command.summary}{also}\n"


if __name__ == "__main__":
    print(document(), end="")
