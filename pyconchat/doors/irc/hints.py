"""Hints: sentences of all doors that name commands, as an IRC client sends these.

In a client, ``/approve`` is a command of the client itself. Ours are sent to the service, and the
group comes first: ``/msg PyconChat approve #tea``.
"""

from __future__ import annotations

import re

from pyconchat.commands import find_command, is_command_name
from pyconchat.domain.errors import Refused
from pyconchat.render.irc_lines import SERVICE

__all__ = ["GROUP_FIRST", "sentence_of", "typed"]

GROUP_FIRST = frozenset({"join", "create", "leave", "part", "delete", "mute"})
"""Commands whose argument is a group, instead of being used in one."""

_OF_CLIENTS = frozenset({"join", "me", "msg", "query", "quit"})
"""Commands that all clients have themselves, and that mean the same there."""

_COMMAND = re.compile(r"(?<![\w/])/([a-z]+)\b( #?[\w{}.-]*[\w}])?")
"""A command in a sentence, and the word after it."""


def typed(sentence: str, channel: str = "") -> str:
    """Return *sentence* with its commands as an IRC client sends them, in *channel* if given.

    Nothing in *sentence* was written by people, except for names.
    """

    def written(found: re.Match[str]) -> str:
        word, after = found[1], found[2] or ""
        if not is_command_name(word):
            return found[0]
        command = f"/{word}"
        if word not in _OF_CLIENTS or after == " everywhere":
            command = f"/msg {SERVICE} {word}"
        if word in GROUP_FIRST:
            return (
                f"{command} #{after.strip(' #')}" if after else f"{command} {channel or '#GROUP'}"
            )
        return f"{command}{_place(word, channel)}{after}"

    return _COMMAND.sub(written, sentence)


def _place(word: str, channel: str) -> str:
    """Return the group after the command *word*, which is used in *channel*, if in a group."""
    command = find_command(f"/{word}", at_desk=False).command
    if command.only_here:
        return f" {channel or '#GROUP'}"
    return f" {channel}" if channel and command.args.group else ""


def sentence_of(refused: Refused, channel: str = "") -> str:
    """Return the sentence of *refused*, whose request was about *channel*, if about a group."""
    if not channel and "group" in refused.fields:
        channel = f"#{refused.fields['group']}"
    template = typed(refused.template, "{channel}" if channel else "")
    return template.format(**{**refused.fields, "channel": channel})
