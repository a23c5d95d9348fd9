"""The service: the nick that takes the commands of the other doors, and answers with NOTICEs.

``/msg PyconChat approve #tea bob`` is ``/approve bob`` in tea. Messages to it are never stored.
"""

from __future__ import annotations

import re

from pyconchat.chat.conversations import GroupConversation
from pyconchat.commands import find_command
from pyconchat.domain.accounts import RESERVED
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.replies import Help, Reply
from pyconchat.doors.irc.client import Client
from pyconchat.doors.irc.login import identify
from pyconchat.render.help import command_columns
from pyconchat.render.irc_lines import SERVICE
from pyconchat.render.text import TextRenderer

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


def say(client: Client, reply: Reply) -> None:
    """Send *reply*, in the words of the line door, as NOTICEs."""
    if isinstance(reply, Help) and reply.brief:
        client.notice(f"Commands: /msg {SERVICE} COMMAND. The group comes first, as in")
        client.notice(f"/msg {SERVICE} approve #tea bob. /msg {SERVICE} help COMMAND explains one.")
        for each in command_columns(reply.commands, slash=""):
            client.notice(each)
        return
    for each in _TEXT.reply(reply).decode().split("\n"):
        client.notice(each.removeprefix("* "))


async def serve(client: Client, text: str) -> None:
    """Carry out the command *text*, whose first argument may be a group, and answer.

    A refusal is answered, too. Raises `PeerGone`.
    """
    try:
        await _serve(client, text)
    except Refused as refused:
        client.notice(refused.sentence)


async def _serve(client: Client, text: str) -> None:
    word, *rest = text.strip().split(" ")
    word = word.lstrip("/")
    if word.lower() in ("identify", "login"):
        await identify(client, rest)
        return
    client.answers = _answers(client, word.lower(), rest)
    if word.lower() == "register":
        word = "password"
    place: GroupConversation | None = None
    if rest and rest[0].startswith("#"):
        name = rest[0][1:]
        if word.lower() in _NAMING:
            rest[0] = name
        else:
            place = client.services.groups.find(client.actor, name)
            del rest[0]
    elif not is_table_command(word):
        raise Refused(
            Code.UNKNOWN_COMMAND, "There is no such command; /msg PyconChat help lists them."
        )
    elif _needs_group(word):
        place = _only_group(client)
    line = f"/{word} {' '.join(rest)}".rstrip()
    try:
        await client.login.command(line, place, lambda reply: say(client, reply))
    except Refused as refused:
        if refused.code is not Code.NO_GROUP or place is not None:
            raise
        # The words of the other doors tell of the place of a session, which there is none of here.
        raise Refused(
            Code.NO_GROUP, "Name the group first: /msg PyconChat {word} #GROUP", word=word
        ) from None


def _answers(client: Client, word: str, rest: list[str]) -> list[str]:
    """Take the answers to the questions of the command *word* from the words after it.

    ``password OLD NEW``, ``register NEW``, ``delete #tea tea``: the door cannot ask. Who gives up a
    membership here means it.
    """
    match word:
        case "register" if client.account.registered:
            raise Refused(Code.TAKEN, "{name} is registered.", name=client.account.name)
        case "password" | "register":
            answers, rest[:] = list(rest), []
            return answers
        case "delete":
            answers, rest[1:] = rest[1:], []
            return answers
        case "leave" | "part":
            return ["yes"]
        case _:
            return []


_NAMING = frozenset({"join", "create", "leave", "part", "delete", "mute"})
"""Commands whose argument is a group, instead of being used in one."""


def _needs_group(word: str) -> bool:
    return find_command(f"/{word}", at_desk=False).command.only_here


def _only_group(client: Client) -> GroupConversation | None:
    groups = client.groups()
    return groups[0] if len(groups) == 1 else None
