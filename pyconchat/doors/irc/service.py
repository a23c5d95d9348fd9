"""The service: the nick that takes the commands of the other doors, and answers with NOTICEs.

``/msg PyconChat approve #tea bob`` is ``/approve bob`` in tea. Messages to it are never stored.
"""

from __future__ import annotations

import re

from msgspec.structs import replace

from pyconchat.chat.conversations import GroupConversation
from pyconchat.commands import find_command
from pyconchat.domain.accounts import RESERVED
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.replies import CommandHelp, Help, Matches, Mentions, Missed, Replayed, Reply
from pyconchat.doors.irc.client import Client
from pyconchat.doors.irc.hints import GROUP_FIRST, sentence_of, typed
from pyconchat.doors.irc.login import identify
from pyconchat.render.help import command_columns
from pyconchat.render.irc_lines import SERVICE
from pyconchat.render.replies import reply_lines
from pyconchat.render.text import TextRenderer
from pyconchat.render.words import Hint

__all__ = ["is_service", "is_table_command", "say", "serve"]

_TEXT = TextRenderer("\n")
_WORD = re.compile(r"/?[A-Za-z]{1,32}", re.ASCII)


def is_service(target: str) -> bool:
    """Return whether *target* is a nick of the service."""
    return target.lower() in RESERVED


def is_table_command(word: str) -> bool:
    """Return whether *word* is a command of the other doors."""
    if not _WORD.fullmatch(word):
        return False
    try:
        find_command(f"/{word.lstrip('/').lower()}", at_desk=False)
    except Refused:
        return False
    return True


def say(client: Client, reply: Reply, channel: str = "") -> None:
    """Send *reply*, to a command in *channel* if it was in one, in the words of the line door."""
    match reply:
        case Help(brief=True):
            lines = _help_lines(reply)
        case Help():
            lines = [each for command in reply.commands for each in _explained(command)]
        case Replayed(where=where) | Matches(where=where):  # which the command has named
            here = replace(reply, where=replace(where, here=True))
            lines = _TEXT.log_lines(here)
        case Mentions():
            lines = _TEXT.log_lines(reply)
        case Missed(group=group) if group is not None:
            lines, channel = reply_lines(reply), f"#{group}"
        case _:
            lines = reply_lines(reply)
    for each in lines:
        text = typed(each, channel) if isinstance(each, Hint) else each
        client.notice(text.removeprefix("* "))


def _help_lines(reply: Help) -> list[str]:
    return [
        f"Commands: /msg {SERVICE} COMMAND. The group comes first, as in",
        f"/msg {SERVICE} approve #tea bob. /msg {SERVICE} help COMMAND explains one.",
        *command_columns((each for each in reply.commands if each.name not in _WINDOWS), slash=""),
    ]


def _explained(command: CommandHelp) -> list[str]:
    """Return what help says of one *command*."""
    usage = typed(command.usage.removesuffix(" [GROUP]"))
    also = [f"  Also {', '.join(command.also)}."] if command.also else []
    return [usage, f"  {typed(command.summary)}", *also]


async def serve(client: Client, text: str) -> None:
    """Carry out the command *text*, whose first argument may be a group, and answer.

    A refusal is answered, too. Raises `PeerGone`.
    """
    word, *rest = text.strip().split(" ")
    try:
        await _serve(client, word.lstrip("/"), rest)
    except Refused as refused:
        client.notice(sentence_of(refused))


async def _serve(client: Client, word: str, rest: list[str]) -> None:
    name = word.lower()
    if name in ("identify", "login"):
        await identify(client, rest)
        return
    if name in _WINDOWS:
        raise Refused(Code.UNKNOWN_COMMAND, "Your client has a window for each group instead.")
    client.answers = _answers(client, name, rest)
    if name == "register":
        word = "password"
    place: GroupConversation | None = None
    if rest and rest[0].startswith("#"):
        group = rest[0][1:]
        if name in GROUP_FIRST:
            rest[0] = group
        else:
            place = client.services.groups.find(client.actor, group)
            del rest[0]
    elif not is_table_command(word):
        raise Refused(
            Code.UNKNOWN_COMMAND, "There is no such command; /msg PyconChat help lists them."
        )
    elif _needs_group(word):
        place = _only_group(client)
    line = f"/{word} {' '.join(rest)}".rstrip()
    channel = "" if place is None else f"#{place.group.name}"
    try:
        await client.login.command(line, place, lambda reply: say(client, reply, channel))
    except Refused as refused:
        if refused.code is Code.NO_GROUP and place is None:
            # The sentence names the front desk and the current group, which IRC does not have.
            refused = Refused(
                Code.NO_GROUP, "Name the group first: /msg PyconChat {word} #GROUP", word=word
            )
        client.notice(sentence_of(refused, channel))


def _answers(client: Client, word: str, rest: list[str]) -> list[str]:
    """Take the answers to the questions of the command *word* from the words after it.

    ``password OLD NEW``, ``register NEW``, ``delete #tea tea``: the door cannot ask. Who gives up a
    membership here means it.
    """
    match word:
        case "register" if client.account.registered:
            raise Refused(Code.TAKEN, "{name} is registered.", name=client.account.name)
        case "password" if client.account.registered:
            if len(rest) != 2:
                raise Refused(Code.MISSING_ARGUMENT, _PASSWORD_USAGE)
            kept = 1 if rest[0].lower() == "none" else 0
            answers, rest[kept:] = rest[kept:], []
            return answers
        case "password" | "register":
            # A second word may be an e-mail address, as other networks ask for.
            if len(rest) != 1 or not rest[0]:
                raise Refused(Code.MISSING_ARGUMENT, _REGISTER_USAGE)
            answers, rest[:] = list(rest), []
            return answers
        case "delete":
            answers, rest[1:] = rest[1:], []
            return answers
        case "leave" | "part":
            return ["yes"]
        case _:
            return []


_PASSWORD_USAGE = (
    "Use /msg PyconChat password OLD NEW, or /msg PyconChat password none OLD; passwords with"
    " spaces are changed at the other doors."
)
_REGISTER_USAGE = "Use /msg PyconChat register PASSWORD, without spaces, and no e-mail address."

_WINDOWS = frozenset({"desk", "go", "qqq", "query"})
"""Commands that choose the place in which a session types: a client has windows instead."""


def _needs_group(word: str) -> bool:
    return find_command(f"/{word}", at_desk=False).command.only_here


def _only_group(client: Client) -> GroupConversation | None:
    groups = client.groups()
    return groups[0] if len(groups) == 1 else None
