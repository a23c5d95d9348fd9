"""The command that explains the commands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from pyconchat.commands.call import Call
from pyconchat.commands.command import Command
from pyconchat.domain.replies import Help, Reply

__all__ = ["FILES", "GROUPS", "MODERATORS", "OPERATORS", "TALK", "YOU", "help_action"]

TALK, GROUPS, FILES = "talk", "groups", "files"
MODERATORS, OPERATORS, YOU = "moderators", "operators", "you"
SUBJECTS = (TALK, GROUPS, FILES, MODERATORS, OPERATORS, YOU)
"""The headings under which help lists the commands, in order."""


def help_action(
    table: Callable[[], Sequence[Command]], find: Callable[[str], Command]
) -> Callable[[Call, str | None], Awaitable[Reply]]:
    """Return the action that shows the commands of *table*, or the one that *find* finds."""

    async def help_(call: Call, name: str | None) -> Reply:
        """Show the commands, or one."""
        if name is not None:
            return Help([find(name).help], desk=False, brief=False)
        commands = sorted(table(), key=lambda command: SUBJECTS.index(command.subject))
        return Help([each.help for each in commands], desk=call.current is None, brief=True)

    return help_
