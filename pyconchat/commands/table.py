"""The command table. Help, completion, docs/commands.rst and questions are computed from it."""

from __future__ import annotations

import difflib
from typing import NamedTuple

from pyconchat.commands import accounts, files, groups, messages
from pyconchat.commands.arguments import (
    FILE,
    FILE_NUMBER,
    FILTER,
    GROUP,
    MESSAGE,
    NAME,
    NAMES,
    NUMBER,
    PATH,
    POLICY,
    TEXT,
    WORD,
    Args,
    first_word,
    optional,
)
from pyconchat.commands.command import Command
from pyconchat.commands.help import help_action
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.text import safe_line

__all__ = ["TABLE", "Found", "find_command"]

REASON = optional(TEXT.labelled("REASON"))

TABLE: tuple[Command, ...] = (
    Command("join", groups.join,
            Args(GROUP, optional(TEXT.labelled("PASSWORD or NOTE").hidden())), menu="1",
            summary="Enter a group, ask to join it, or create it if it does not exist."),
    Command("create", groups.create, Args(GROUP, optional(POLICY)), menu="2",
            summary="Create a group; you become its admin."),
    Command("leave", groups.leave, Args(optional(GROUP)), also=("qqq",),
            summary="Leave a group; your membership ends."),
    Command("desk", groups.desk,
            summary="Go to the front desk without leaving the group."),
    Command("groups", groups.list_groups, Args(FILTER),
            summary="List the groups on this server, or only those with FILTER in the name."),
    Command("requests", groups.requests, also=("viewRequests", "1"),
            only_here=True,
            summary="List the requests to join the group (admin)."),
    Command("approve", groups.approve,
            Args(NAMES.asked("Approve whom? ").defaulting(groups.only_request)),
            also=("approveRequest", "2"),
            only_here=True,
            summary="Approve requests to join the group (admin)."),
    Command("reject", groups.reject,
            Args(NAME.asked("Reject whom? ").defaulting(groups.only_request), REASON),
            also=("rejectRequest",),
            only_here=True,
            summary="Reject a request to join the group (admin)."),
    Command("invite", groups.invite, Args(NAME.asked("Invite whom? ")),
            only_here=True,
            summary="Invite somebody, who can then join without approval (admin)."),
    Command("members", groups.members, Args(FILTER), also=("allMembers", "4"),
            only_here=True,
            summary="List the members of the group, or only those with FILTER in the name."),
    Command("online", groups.online, Args(FILTER), also=("onlineMembers", "5"),
            only_here=True,
            summary="List the members who are online, or only those with FILTER in the name."),
    Command("admin", groups.admin, also=("whoAdmin", "7"),
            only_here=True,
            summary="Show who is the admin of the group."),
    Command("transfer", groups.transfer, Args(NAME.asked("Make whom the admin? ")),
            also=("changeAdmin", "6"),
            only_here=True,
            summary="Make another member the admin (admin)."),
    Command("kick", groups.kick, Args(NAME.asked("Kick whom? "), REASON),
            also=("kickMember", "8"),
            summary="Remove somebody from the group; they can join again (admin, operator)."),
    Command("ban", groups.ban, Args(NAME.asked("Ban whom? "), REASON),
            summary="Remove somebody from the group; they cannot join again (admin, operator)."),
    Command("unban", groups.unban, Args(NAME.asked("Unban whom? ").defaulting(groups.only_ban)),
            summary="Lift a ban (admin, operator)."),
    Command("bans", groups.bans,
            summary="List the bans (admin, operator)."),
    Command("policy", groups.policy, Args(POLICY),
            only_here=True,
            summary="Set how people can join the group (admin)."),
    Command("topic", groups.topic, Args(TEXT.asked("New topic (- for none): ")),
            only_here=True,
            summary="Set the topic of the group (admin)."),
    Command("send", files.send, Args(PATH.asked("Which file? ")), also=("fileTransfer", "9"),
            only_here=True,
            summary="Share a file with the group."),
    Command("files", files.list_files,
            only_here=True,
            summary="List the files of the group."),
    Command("get", files.get, Args(FILE.asked("Which file? A number or a name: ")),
            only_here=True,
            summary="Download a file of the group, by its number or name."),
    Command("remove", files.remove, Args(FILE_NUMBER.asked("Remove which file? Its number: ")),
            only_here=True,
            summary="Remove a file: your own, or any file (admin, operator)."),
    Command("msg", messages.msg, Args(NAME.asked("Recipient: "), MESSAGE.asked("Message: ")),
            also=("message",),
            summary="Send a private message; somebody who is offline gets it at the next login."),
    Command("me", messages.me, Args(MESSAGE.asked("Do what? ")),
            only_here=True,
            summary="Describe what you do: /me waves."),
    Command("who", accounts.who, Args(FILTER),
            summary="List the people who are online, or only those with FILTER in the name."),
    Command("history", messages.history, Args(optional(NUMBER)),
            only_here=True,
            summary="Show the last N lines of the group, or the last 20."),
    Command("search", messages.search, Args(TEXT.labelled("WORDS").asked("Search for? ")),
            only_here=True,
            summary="Find messages that contain all of the words."),
    Command("ignore", messages.ignore, Args(NAME.asked("Ignore whom? ")),
            summary="Hide somebody's messages from you."),
    Command("unignore", messages.unignore, Args(NAME.asked("Unignore whom? ")),
            summary="Show somebody's messages to you again."),
    Command("password", accounts.password,
            summary="Register your name, or change your password and end your other sessions."),
    Command("claim", accounts.claim, Args(WORD.labelled("CODE").asked("Code: ").hidden()),
            summary="Become the first operator, with the code that the server printed."),
    Command("operator", accounts.operator, Args(NAME.asked("Make whom an operator? ")),
            summary="Make somebody an operator (operator)."),
    Command("stats", accounts.stats,
            summary="Show the server's statistics (operator)."),
    Command("help", help_action(lambda: TABLE, lambda name: _named(name)),
            Args(optional(WORD.labelled("COMMAND").offering("command"))),
            summary="List the commands, or explain one."),
    Command("quit", accounts.quit_, Args(REASON), also=("disconnect", "3", "exit"), menu="3",
            summary="Disconnect; /quit everywhere also ends your other sessions."),
)  # fmt: skip

_BY_NAME = {name.lower(): command for command in TABLE for name in (command.name, *command.also)}
_BY_MENU = {command.menu: command for command in TABLE if command.menu}


class Found(NamedTuple):
    """A command, and the rest of the line that named it."""

    command: Command
    rest: str


def find_command(line: str, at_desk: bool) -> Found:
    """Return the command that *line* names. Raises `Refused`.

    At the front desk, names without a slash and the menu's numbers are commands too. In a group,
    this is called for a line without a slash only if it is one of the words that leave.
    """
    word, rest = first_word(line)
    if word.startswith("/"):
        command = _BY_NAME.get(word[1:].lower())
    elif at_desk and word.isdigit():
        command = _BY_MENU.get(word)
    else:
        command = _BY_NAME.get(word.lower())
    if command is not None:
        return Found(command, rest)
    name = safe_line(word.lstrip("/"))[:32]
    if at_desk and not word.startswith("/"):
        raise Refused(
            Code.UNKNOWN_COMMAND,
            "{name} is not a command, and at the front desk messages reach nobody:"
            " join a group, or type help.",
            name=name,
        )
    near = difflib.get_close_matches(name.lower(), [*_BY_NAME], n=1)
    raise Refused(
        Code.UNKNOWN_COMMAND,
        "There is no command /{name}{hint}; /help lists them.",
        name=name,
        hint=f" (did you mean /{_BY_NAME[near[0]].name}?)" if near else "",
    )


def _named(name: str) -> Command:
    """Return the command *name*, with or without its slash. Raises `Refused`."""
    return find_command("/" + name.lstrip("/"), at_desk=False).command
