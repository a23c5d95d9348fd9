"""Prints docs/commands.rst: ``python -m pyconchat.commands``."""

from __future__ import annotations

from pyconchat.commands.table import TABLE
from pyconchat.domain.replies import CommandHelp

_HEAD = """\
Commands
========

.. Made by ``make docs`` from the command table; do not edit.

**In a group**, a line that begins with a slash is a command, and every other line is a message.
``//text`` sends a message that begins with a slash. A line whose first word cannot be a command,
as in ``/usr/bin/env``, ``/* a comment */`` or ``// a comment``, is a message, unchanged.
``leave`` or ``qqq`` alone leaves the group, also in pasted text. A command after spaces is
refused, so that a password never becomes a message.

**In a private conversation**, which ``/query NAME`` enters, every line without a slash goes to
that person. ``/me``, ``/history``, ``/search`` and the commands for files work there.
``/desk``, and ``leave`` or ``/leave`` alone, go back to the front desk.

**At the front desk**, where you are in no group, every line is a command and the slash is optional.
``1``, ``2`` and ``3`` are the menu: join a group, create a group, exit.

Upper and lower case are the same in names. Arguments in brackets are optional. If another argument
is missing, the server asks for it, if you may use the command and what you have typed of it is
valid. An empty answer cancels it. An answer that is itself a command, with its slash, cancels it
too, and is executed instead; therefore a password cannot begin with a slash.

An approval or a kick moves you while you may be typing. A line that is a command at one of the
two places and a message at the other is then refused once; send it again to confirm it. So are
``/edit`` and ``/unsay`` without a number if your last message was private, by ``/msg`` or ``/r``
from elsewhere: they would change the one before it, here.

*admin* marks commands for the admin of the group, *moderator* commands for the admin and the
moderators, and *operator* commands for the operators of the server, who can use them in any group.
A moderator cannot act against the admin or another moderator. A time is a number and a unit:
``30m``, ``1h``, ``7d``, ``2w``. At the front desk, ``/kick``, ``/ban``, ``/unban`` and ``/bans``
apply to the whole server, and only operators can use them.

A last argument ``[GROUP]`` is the name or the number of the group that the command concerns, so
that it works at the front desk and in another group: ``/approve bob tea``. A word that can be
another argument is not taken for a group: in a group, ``/moderator bob`` names a person, and the
last word of a longer REASON is a part of the reason. A text, such as that of ``/topic``, ``/edit``
and ``/reply``, and the file of ``/send``, may end in any word: no group can follow them.

"""


def document() -> str:
    """Return the page."""
    return _HEAD + "\n".join(_entry(command.help) for command in TABLE)


def _entry(command: CommandHelp) -> str:
    also = f" Also {', '.join(f'``/{name}``' for name in command.also)}." if command.also else ""
    return f"``{command.usage}``\n   {command.summary}{also}\n"


if __name__ == "__main__":
    print(document(), end="")
