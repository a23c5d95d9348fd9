"""Command: a record from which help, completion and questions are computed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pyconchat.chat.conversations import GroupConversation
from pyconchat.chat.places import Private
from pyconchat.commands.argument_list import Args
from pyconchat.commands.call import Call
from pyconchat.domain.replies import CommandHelp, Reply

__all__ = ["Command", "Right"]


@dataclass(frozen=True)
class Right:
    """The right that a command needs, in the words of the rules.

    *in_group* is the argument of `Group.require_right`, *on_server* that of
    `Accounts.require_operator` if the command is used outside a group. The rules check again when
    they decide: this check only prevents useless questions. It is empty if only the rules can
    decide.
    """

    in_group: str = ""
    on_server: str = ""

    def require(self, call: Call) -> None:
        """Raise `Refused` unless the caller has the right."""
        here = call.in_group() if self.in_group else None
        if here is not None:
            group = call.services.memory.usable(here)
            group.require_right(call.actor, self.in_group)
        elif self.on_server:
            in_groups = bool(self.in_group)
            call.services.accounts.require_operator(call.actor, self.on_server, in_groups)


@dataclass(frozen=True)
class Command:
    """A command: its *name*, action, arguments, and its other names in *also*.

    *subject* is the heading under which help lists it, *menu* its number in the front desk's menu.
    A command that works *only_here*, in a group, is refused at the front desk, and to people
    without its *right*, before it asks for anything; without a right of its own it is for members.
    One that works *in_private* does so in private conversations, too, where nobody has more rights;
    if its arguments may name another place, *in_any_place*, it is refused at once only without
    arguments.
    *before_asking* gets the arguments that were typed, and raises `Refused` if the command would be
    refused whatever is answered; it is called before each question.
    With *shows_alone* it needs the right only with arguments: without them it shows the current
    state, or concerns only the caller. One that *ends* something, such as a membership, is never
    suggested for a mistyped name.
    """

    name: str
    action: Callable[..., Awaitable[Reply | None]]
    args: Args = Args()
    also: tuple[str, ...] = ()
    menu: str = ""
    only_here: bool = False
    in_private: bool = False
    in_any_place: bool = False
    right: Right | None = None
    before_asking: Callable[..., Awaitable[None]] | None = None
    shows_alone: bool = False
    ends: bool = False
    subject: str = ""
    summary: str = ""

    async def run(self, call: Call, rest: str) -> Reply | None:
        """Read the arguments from *rest* and execute. Raises as `Args.read` and the action."""
        if self.args.group:
            rest = self.args.take_group(call, rest, needed=self.only_here)
        if isinstance(call.current, GroupConversation):
            await call.chat.states.know(call.current)
        in_private = self.in_private and isinstance(call.current, Private)
        if self.in_any_place and rest.strip():
            pass  # the action checks the right
        elif in_private:
            call.require_talk()
        elif self.only_here:
            call.here(self.args.group, self.args.unknown_group(call, rest))
            if self.right is None:
                call.group()
        right = None if in_private else self.right
        if right is not None and not (self.shows_alone and not rest.strip()):
            right.require(call)
        return await self.action(call, *await self.args.read(call, rest, self.before_asking))

    @property
    def help(self) -> CommandHelp:
        """Return what help shows."""
        usage = f"/{self.name} {self.args.usage}".rstrip()
        return CommandHelp(
            self.name,
            usage,
            list(self.also),
            self.summary,
            self.args.help,
            self.menu,
            self.subject,
        )
