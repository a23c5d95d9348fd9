"""Command: a record from which help, completion and questions are computed."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pyconchat.chat.conversations import GroupConversation
from pyconchat.chat.interfaces import ISession
from pyconchat.commands.services import Services
from pyconchat.domain.accounts import Account, Accounts
from pyconchat.domain.decisions import RequestKey
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import AnyEvent, GroupEvent, Policy, ServerEvent
from pyconchat.domain.group import Actor, Group
from pyconchat.domain.names import Name, person_name
from pyconchat.domain.refusals import empty_message, note_too_long
from pyconchat.domain.replies import ArgumentHelp, CommandHelp, Reply
from pyconchat.domain.text import MAX_NOTE, SafeText, safe_line, safe_text

__all__ = [
    "FILE",
    "FILE_NUMBER",
    "GROUP",
    "MESSAGE",
    "NAME",
    "NAMES",
    "NUMBER",
    "PATH",
    "POLICY",
    "TEXT",
    "WORD",
    "Arg",
    "Args",
    "Call",
    "Cancelled",
    "Command",
    "PolicyChoice",
    "first_word",
    "optional",
]


AnyEventT = TypeVar("AnyEventT", bound=AnyEvent)


class Cancelled(Exception):
    """A question was answered with an empty line."""


class Call:
    """One use of a command: its session, and the group in which it was typed.

    *group* is None at the front desk. *answer* sends a reply to the caller.
    """

    def __init__(
        self,
        services: Services,
        session: ISession,
        current: GroupConversation | None,
        answer: Callable[[Reply], None],
        key: RequestKey | None = None,
    ) -> None:
        self.services = services
        self.chat = services.chat
        self.session = session
        self.current = current
        self.answer = answer
        self.key = key
        self.asked = False  # whether an argument was missing and was asked for

    @property
    def account(self) -> Account:
        """Return the account of the session."""
        account: Account = self.session.account
        return account

    @property
    def actor(self) -> Actor:
        """Return the account in the form that the rules take."""
        return self.account.actor

    def here(self) -> GroupConversation:
        """Return the conversation of the current group. Raises `Refused` at the front desk."""
        if self.current is None:
            raise Refused(
                Code.NO_GROUP, "You are at the front desk: enter a group first with /join GROUP."
            )
        return self.current

    def usable(self) -> Group:
        """Return the current group, also to operators outside. Raises `Refused`."""
        return self.services.memory.usable(self.here())

    def group(self) -> Group:
        """Return the current group. Raises `Refused` if the caller is not a member."""
        group = self.usable()
        group.require_member(self.actor)
        return group

    def decide(
        self, conversation: GroupConversation, rule: Callable[[Group], list[GroupEvent]]
    ) -> Awaitable[int]:
        """As `Chat.decide`, with the key of this request; the notices cost the caller's rate."""
        return self.chat.decide(conversation, lambda group: self._charged(rule(group)), self.key)

    def operate(self, rule: Callable[[Accounts], list[ServerEvent]]) -> Awaitable[None]:
        """As `Chat.operate`, with the key of this request; the notices cost the caller's rate."""
        return self.chat.operate(lambda accounts: self._charged(rule(accounts)), self.key)

    def _charged(self, events: list[AnyEventT]) -> list[AnyEventT]:
        texts = (getattr(each, name, "") for each in events for name in ("reason", "note", "topic"))
        self.services.rates.charge(self.account, sum(len(text.encode()) for text in texts))
        return events

    async def ask(self, prompt: str, secret: bool = False) -> str:
        """Ask a question and return the answer. Raises `Cancelled` if it is empty.

        Raises `Refused` if the caller has left the group when the answer comes.
        """
        self.asked = True
        answer = await self.session.ask(prompt, secret)
        if self.current is not None and not self.session.is_in(self.current):
            raise Refused(Code.NO_GROUP, "You have left the group; nothing was done.")
        if not secret:
            answer = answer.strip()
        if not answer:
            raise Cancelled
        return answer


@dataclass(frozen=True)
class PolicyChoice:
    """A policy that was typed, with the password if there was one."""

    policy: Policy
    password: str = ""


@dataclass(frozen=True)
class Arg:
    """An argument: its *label* in help, its parser, and the *prompt* that asks for it.

    Without a prompt it is optional, and None if it is missing. With *rest* it takes the rest of
    the line. *secret* arguments may be passwords. *kind* says what completion offers. *default*
    returns the value of a missing argument, if there is only one possible value.
    """

    label: str
    parse: Callable[[str], Any]
    prompt: str = ""
    rest: bool = False
    kind: str = "text"
    secret: bool = False
    default: Callable[[Call], str | None] = lambda _call: None

    def asked(self, prompt: str) -> Arg:
        """Return the argument with another *prompt*."""
        return replace(self, prompt=prompt)

    def labelled(self, label: str) -> Arg:
        """Return the argument with another name in help."""
        return replace(self, label=label)

    def hidden(self) -> Arg:
        """Return the argument as a secret: clients do not keep it in their history."""
        return replace(self, secret=True)

    def offering(self, kind: str) -> Arg:
        """Return the argument with another *kind* of completion."""
        return replace(self, kind=kind)

    def defaulting(self, default: Callable[[Call], str | None]) -> Arg:
        """Return the argument with a *default*."""
        return replace(self, default=default)

    @property
    def usage(self) -> str:
        """Return how help writes it."""
        return self.label if self.prompt else f"[{self.label}]"

    @property
    def help(self) -> ArgumentHelp:
        """Return what completion needs."""
        return ArgumentHelp(self.label, self.kind, not self.prompt, self.rest, self.secret)


def optional(arg: Arg) -> Arg:
    """Return *arg* without a prompt: it is not asked for."""
    return replace(arg, prompt="")


class Args:
    """The arguments of a command, in order."""

    def __init__(self, *args: Arg) -> None:
        self._args = args

    @property
    def usage(self) -> str:
        """Return how help writes them."""
        return " ".join(arg.usage for arg in self._args)

    @property
    def help(self) -> list[ArgumentHelp]:
        """Return what completion needs."""
        return [arg.help for arg in self._args]

    async def read(self, call: Call, rest: str) -> list[Any]:
        """Return the values in *rest*; ask for missing ones.

        Raises `Refused` for a value that cannot be parsed, `Cancelled` for an empty answer.
        """
        values: list[Any] = []
        for arg in self._args:
            rest = rest.strip()
            typed, rest = (rest, "") if arg.rest else first_word(rest)
            if not typed:
                typed = arg.default(call) or ""
            if not typed and arg.prompt:
                typed = await call.ask(arg.prompt)
            values.append(arg.parse(typed) if typed else None)
        if rest.strip():
            raise Refused(
                Code.BAD_ARGUMENT,
                "Too many arguments: the command takes {usage}.",
                usage=self.usage or "none",
            )
        return values


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
            group = call.usable()
            if not call.actor.operator:  # what operators may do in other groups, the rules say
                group.require_member(call.actor)
        return await self.action(call, *await self.args.read(call, rest))

    @property
    def help(self) -> CommandHelp:
        """Return what help shows."""
        usage = f"/{self.name} {self.args.usage}".rstrip()
        return CommandHelp(
            self.name, usage, list(self.also), self.summary, self.args.help, self.menu
        )


def first_word(line: str) -> tuple[str, str]:
    """Return the first word of *line* and the rest."""
    word, *rest = re.split(r"[ \t]+", line.strip(" \t"), maxsplit=1)
    return word, "".join(rest)


def _names(typed: str) -> list[Name]:
    return [person_name(word) for word in typed.replace(",", " ").split()]


def _message(typed: str) -> SafeText:
    text = safe_text(typed)
    if not text:
        raise empty_message()
    return text


def _text(typed: str) -> SafeText:
    text = safe_line(typed)
    if not text:
        raise empty_message()
    if len(text) > MAX_NOTE:
        raise note_too_long()
    return text


def _number(typed: str) -> int:
    if not (typed.isascii() and typed.isdigit() and len(typed) <= 3 and 0 < int(typed) <= 500):
        raise Refused(Code.BAD_ARGUMENT, "How many? A number from 1 to 500.")
    return int(typed)


def _file_number(typed: str) -> int:
    if not (typed.isascii() and typed.isdigit() and len(typed) < 10):
        raise Refused(Code.BAD_ARGUMENT, "Which file? Its number; /files lists them.")
    return int(typed)


def _policy(typed: str) -> PolicyChoice:
    word, password = first_word(typed)
    try:
        policy = Policy(word.lower())
    except ValueError:
        raise Refused(
            Code.BAD_ARGUMENT, "A policy is open, approval, invite, or password PASSWORD."
        ) from None
    password = password.strip()
    if password and policy is not Policy.PASSWORD:
        raise Refused(Code.BAD_ARGUMENT, "Only the policy password takes a password.")
    return PolicyChoice(policy, password)


NAME = Arg("NAME", person_name, "Whom?", kind="name")
NAMES = Arg("NAME…", _names, "Whom?", rest=True, kind="name")
PATH = Arg("FILE", str, "Which file?", rest=True, kind="file")
FILE = Arg("FILE", str, "Which file?", rest=True)
FILE_NUMBER = Arg("NUMBER", _file_number, "Which file?")
GROUP = Arg("GROUP", str, "Group: ", kind="group")
WORD = Arg("WORD", str, "What?")
MESSAGE = Arg("TEXT", _message, "Text: ", rest=True)
TEXT = Arg("TEXT", _text, "Text: ", rest=True)
NUMBER = Arg("N", _number, "How many? ")
POLICY = Arg(
    "open|approval|invite|password PW",
    _policy,
    "Policy (open, approval, invite, password PW): ",
    rest=True,
    kind="policy",
    secret=True,
)
