"""Replies about the commands."""

from __future__ import annotations

import msgspec

from pyconchat.domain.replies.base import BaseReply

__all__ = ["ArgumentHelp", "CommandHelp", "Help"]


class ArgumentHelp(msgspec.Struct, frozen=True):
    """One argument of a command. *kind* is what completion can offer for it.

    *rest* is true if it takes the rest of the line, *secret* if it should not be saved.
    """

    label: str
    kind: str
    optional: bool
    rest: bool
    secret: bool = False


class CommandHelp(msgspec.Struct, frozen=True):
    """One command, for help and completion. *menu* is its number at the front desk.

    *subject* is the heading under which help lists it.
    """

    name: str
    usage: str
    also: list[str]
    summary: str
    arguments: list[ArgumentHelp] = []
    menu: str = ""
    subject: str = ""


class Help(BaseReply, frozen=True, tag="help"):
    """Some or all commands; with *brief*, one line each."""

    commands: list[CommandHelp]
    desk: bool
    brief: bool
