"""Command: a record from which help, completion and questions are computed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pyconchat.commands.arguments import Args
from pyconchat.commands.call import Call
from pyconchat.domain.replies import CommandHelp, Reply

__all__ = ["Command"]


@dataclass(frozen=True)
class Command:
    """A command: its *name*, action, arguments, and its other names in *also*.

    *menu* is its number in the front desk's menu. A command that works *only_here*, in a group, is
    refused at the front desk before it asks for anything. Permissions are not part of this record:
    the rules decide, for every door.
    """

    name: str
    action: Callable[..., Awaitable[Reply | None]]
    args: Args = Args()
    also: tuple[str, ...] = ()
    menu: str = ""
    only_here: bool = False
    summary: str = ""

    async def run(self, call: Call, rest: str) -> Reply | None:
        """Read the arguments from *rest* and execute. Raises as `Args.read` and the action."""
        if self.only_here:
            call.group()
        return await self.action(call, *await self.args.read(call, rest))

    @property
    def help(self) -> CommandHelp:
        """Return what help shows."""
        usage = f"/{self.name} {self.args.usage}".rstrip()
        return CommandHelp(
            self.name, usage, list(self.also), self.summary, self.args.help, self.menu
        )
