"""The command that explains the commands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from pyconchat.commands.call import Call
from pyconchat.commands.command import Command
from pyconchat.domain.replies import Help, Reply

__all__ = ["help_action"]


def help_action(
    table: Callable[[], Sequence[Command]], find: Callable[[str], Command]
) -> Callable[[Call, str | None], Awaitable[Reply]]:
    """Return the action that shows the commands of *table*, or the one that *find* finds."""

    async def help_(call: Call, name: str | None) -> Reply:
        """Show the commands, or one."""
        if name is not None:
            return Help([find(name).help], desk=False, brief=False)
        return Help([each.help for each in table()], desk=call.current is None, brief=True)

    return help_
