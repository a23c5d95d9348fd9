"""What a command is: a record from which help, completion and questions are computed."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pyconchat.chat.chat import Chat
from pyconchat.chat.conversation import Conversation
from pyconchat.chat.interfaces import ISession
from pyconchat.domain.accounts import Account, Accounts
from pyconchat.domain.decisions import RequestKey
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import GroupEvent, Policy, ServerEvent
from pyconchat.domain.group import Actor, Group
from pyconchat.domain.names import Name, person_name
from pyconchat.domain.replies import ArgumentHelp, CommandHelp, Reply
from pyconchat.domain.text import SafeText, safe_text

__all__ = [
    "FILE",
    "FILE_NUMBER",
    "FILTER",
    "GROUP",
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
    "has_part",
    "listed",
    "optional",
]


T = TypeVar("T")

MAX_LISTED = 500
"""Lines of an answer: nobody reads more, and a peer that asks and does not read costs no more."""


def listed(items: Sequence[T]) -> tuple[list[T], int]:
    """Return the first of *items*, as many as an answer has, and how many more there are."""
    return list(items[:MAX_LISTED]), max(0, len(items) - MAX_LISTED)


def has_part(part: SafeText) -> Callable[[str], bool]:
    """Return what tells whether a name has *part* in it; all have nothing."""
    wanted = part.casefold()
    return lambda name: wanted in name.casefold()


class Cancelled(Exception):
    """Somebody answered a question with an empty line."""


class Call:
    """One use of a command: by which session, of which chat, and where."""

    def __init__(
        self,
        chat: Chat,
        session: ISession,
        place: Conversation | None,
        say: Callable[[Reply], None],
        key: RequestKey | None = None,
    ) -> None:
        self.chat = chat
        self.session = session
        self.place = place  # where it was typed; None at the front desk
        self.say = say  # answers it
        self.key = key
        self.asked = False  # whether an argument was missing and was asked for

    @property
    def account(self) -> Account:
        """Return who typed the command."""
        account: Account = self.session.account
        return account

    @property
    def actor(self) -> Actor:
        """Return who that is to the rules."""
        return self.account.actor

    def here(self) -> Conversation:
        """Return the conversation of the current group. Raises `Refused` at the front desk."""
        if self.place is None:
            raise Refused(
                Code.NO_GROUP, "You are at the front desk: enter a group first with /join GROUP."
            )
        return self.place

    def group(self) -> Group:
        """Return the current group, of which the asker is a member. Raises `Refused`."""
        group = self.chat.usable(self.here())
        group.require_member(self.actor)
        return group

    def decide(
        self, conversation: Conversation, rule: Callable[[Group], list[GroupEvent]]
    ) -> Awaitable[int]:
        """As `Chat.decide`, under the key of this request."""
        return self.chat.decide(conversation, rule, self.key)

    def operate(self, rule: Callable[[Accounts], list[ServerEvent]]) -> Awaitable[None]:
        """As `Chat.operate`, under the key of this request."""
        return self.chat.operate(rule, self.key)

    async def ask(self, prompt: str, secret: bool = False) -> str:
        """Put a question. Raises `Cancelled` for an empty answer.

        What was begun in a group is not done elsewhere: raises `Refused` if the asker is no
        longer there when the answer comes.
        """
        self.asked = True
        answer = await self.session.ask(prompt, secret)
        if self.place is not None and not self.session.is_at(self.place):
            raise Refused(Code.NO_GROUP, "You have left the group; nothing was done.")
        if not secret:
            answer = answer.strip()
        if not answer:
            raise Cancelled
        return answer


@dataclass(frozen=True)
class PolicyChoice:
    """A policy that was typed, with the password if one was typed too."""

    policy: Policy
    password: str = ""


@dataclass(frozen=True)
class Arg:
    """An argument: *label* for help, *parse* for what was typed, *prompt* to ask for it.

    One without a prompt is optional and arrives as None. *rest* takes the rest of the line, and
    *secret* may be a password. *kind* is what completion can offer. *default* may know the one
    sensible value.
    """

    label: str
    parse: Callable[[str], Any]
    prompt: str = ""
    rest: bool = False
    kind: str = "text"
    secret: bool = False
    default: Callable[[Call], str | None] = lambda _call: None

    def asked(self, prompt: str) -> Arg:
        """Return the same argument, asked for with *prompt*."""
        return replace(self, prompt=prompt)

    def labelled(self, label: str) -> Arg:
        """Return the same argument, under another name in help."""
        return replace(self, label=label)

    def hidden(self) -> Arg:
        """Return the same argument, as one that should not be kept in a client's history."""
        return replace(self, secret=True)

    def offering(self, kind: str) -> Arg:
        """Return the same argument, completed by *kind*."""
        return replace(self, kind=kind)

    def defaulting(self, default: Callable[[Call], str | None]) -> Arg:
        """Return the same argument, with a *default*."""
        return replace(self, default=default)

    @property
    def usage(self) -> str:
        """Return how help shows it."""
        return self.label if self.prompt else f"[{self.label}]"

    @property
    def help(self) -> ArgumentHelp:
        """Return what completion needs."""
        return ArgumentHelp(self.label, self.kind, not self.prompt, self.rest, self.secret)


def optional(arg: Arg) -> Arg:
    """Return *arg*, not asked for when it is missing."""
    return replace(arg, prompt="")


class Args:
    """The arguments of a command, in order."""

    def __init__(self, *args: Arg) -> None:
        self._args = args

    @property
    def usage(self) -> str:
        """Return how help shows them."""
        return " ".join(arg.usage for arg in self._args)

    @property
    def help(self) -> list[ArgumentHelp]:
        """Return what completion needs."""
        return [arg.help for arg in self._args]

    async def read(self, call: Call, rest: str) -> list[Any]:
        """Return the values in *rest*, asking for what is missing.

        Raises `Refused` for what cannot be parsed, `Cancelled` for an empty answer.
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
                "That is more than it takes: {usage}.",
                usage=self.usage or "nothing follows it",
            )
        return values


@dataclass(frozen=True)
class Command:
    """A command: its *name*, what it does, what it takes, and its other names in *also*.

    *menu* is its number in the front desk's menu; one that is for groups *only_here* asks for
    nothing at the front desk. Who may use it is not said here: the rules decide, for every door.
    """

    name: str
    action: Callable[..., Awaitable[Reply | None]]
    args: Args = Args()
    also: tuple[str, ...] = ()
    menu: str = ""
    only_here: bool = False
    summary: str = ""

    async def run(self, call: Call, rest: str) -> Reply | None:
        """Read the arguments from *rest* and do it. Raises as `Args.read` and the action do."""
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


def first_word(line: str) -> tuple[str, str]:
    """Return the first word of *line* and the rest."""
    word, *rest = re.split(r"[ \t]+", line.strip(" \t"), maxsplit=1)
    return word, "".join(rest)


def _names(typed: str) -> list[Name]:
    return [person_name(word) for word in typed.replace(",", " ").split()]


def _text(typed: str) -> SafeText:
    text = safe_text(typed)
    if not text.strip():
        raise Refused(Code.BAD_TEXT, "Nothing in that can be shown.")
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
FILTER = Arg("FILTER", safe_text, "")
"""Of a name: a list then has only those that have it."""
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
