"""The command table. Help, completion, docs/commands.rst and questions are computed from it."""

from __future__ import annotations

import difflib
from typing import NamedTuple

from pyconchat.commands import accounts, files, groups, messages
from pyconchat.commands.command import (
    FILE,
    FILE_NUMBER,
    FILTER,
    GROUP,
    NAME,
    NAMES,
    NUMBER,
    PATH,
    POLICY,
    TEXT,
    WORD,
    Args,
    Command,
    first_word,
    optional,
)
from pyconchat.commands.help import help_action
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.text import safe_text

__all__ = ["TABLE", "Found", "find_command"]

REASON = optional(TEXT.labelled("REASON"))

TABLE: tuple[Command, ...] = (
    Command("join", groups.join,
            Args(GROUP, optional(TEXT.labelled("PASSWORD or NOTE").hidden())), menu="1",
            summary="Enter a group, create it if there is none, or ask to be let in."),
    Command("create", groups.create, Args(GROUP, optional(POLICY)), menu="2",
            summary="Create a group; you are its admin."),
    Command("leave", groups.leave, Args(optional(GROUP)), also=("qqq",),
            summary="Give up your membership of a group."),
    Command("desk", groups.desk,
            summary="Go to the front desk; you stay a member."),
    Command("groups", groups.list_groups, Args(FILTER),
            summary="List the groups of this server, or those with FILTER in the name."),
    Command("requests", groups.requests, also=("viewRequests", "1"),
            only_here=True,
            summary="List who asks to join (admin)."),
    Command("approve", groups.approve,
            Args(NAMES.asked("Approve whom? ").defaulting(groups.only_request)),
            also=("approveRequest", "2"),
            only_here=True,
            summary="Let in who has asked to join (admin)."),
    Command("reject", groups.reject,
            Args(NAME.asked("Reject whom? ").defaulting(groups.only_request), REASON),
            also=("rejectRequest",),
            only_here=True,
            summary="Turn down who has asked to join (admin)."),
    Command("invite", groups.invite, Args(NAME.asked("Invite whom? ")),
            only_here=True,
            summary="Let somebody in without asking (admin)."),
    Command("members", groups.members, Args(FILTER), also=("allMembers", "4"),
            only_here=True,
            summary="List all members of the group, or those with FILTER in the name."),
    Command("online", groups.online, Args(FILTER), also=("onlineMembers", "5"),
            only_here=True,
            summary="List the members who are online."),
    Command("admin", groups.admin, also=("whoAdmin", "7"),
            only_here=True,
            summary="Say who the group's admin is."),
    Command("transfer", groups.transfer, Args(NAME.asked("Make whom the admin? ")),
            also=("changeAdmin", "6"),
            only_here=True,
            summary="Hand adminship to another member (admin)."),
    Command("kick", groups.kick, Args(NAME.asked("Kick whom? "), REASON),
            also=("kickMember", "8"),
            summary="Put someone out of the group; they may come back (admin, operator)."),
    Command("ban", groups.ban, Args(NAME.asked("Ban whom? "), REASON),
            summary="As kick, and not back in (admin, operator)."),
    Command("unban", groups.unban, Args(NAME.asked("Unban whom? ").defaulting(groups.only_ban)),
            summary="Let someone come back (admin, operator)."),
    Command("bans", groups.bans,
            summary="List who is banned (admin, operator)."),
    Command("policy", groups.policy, Args(POLICY),
            only_here=True,
            summary="Change how people get into the group (admin)."),
    Command("topic", groups.topic, Args(TEXT.asked("New topic (- for none): ")),
            only_here=True,
            summary="Change what the group is about (admin)."),
    Command("send", files.send, Args(PATH.asked("Which file? ")), also=("fileTransfer", "9"),
            only_here=True,
            summary="Share a file with the group."),
    Command("files", files.list_files,
            only_here=True,
            summary="List the files of the group."),
    Command("get", files.get, Args(FILE.asked("Which file? A number or a name: ")),
            only_here=True,
            summary="Fetch a file of the group."),
    Command("remove", files.remove, Args(FILE_NUMBER.asked("Remove which file? Its number: ")),
            only_here=True,
            summary="Remove a file: your own, or any (admin, operator)."),
    Command("msg", messages.msg, Args(NAME.asked("Recipient: "), TEXT.asked("Message: ")),
            also=("message",),
            summary="Say something to one person; it waits for them if they are offline."),
    Command("me", messages.me, Args(TEXT.asked("Do what? ")),
            only_here=True,
            summary="Say what you do: /me waves."),
    Command("who", accounts.who, Args(FILTER),
            summary="List who is online, or those with FILTER in the name."),
    Command("history", messages.history, Args(optional(NUMBER)),
            only_here=True,
            summary="Read the last N entries again."),
    Command("search", messages.search, Args(TEXT.labelled("WORDS").asked("Search for? ")),
            only_here=True,
            summary="Find messages that have all of the words."),
    Command("ignore", messages.ignore, Args(NAME.asked("Ignore whom? ")),
            summary="Hide what someone says from yourself."),
    Command("unignore", messages.unignore, Args(NAME.asked("Unignore whom? ")),
            summary="See again what someone says."),
    Command("password", accounts.password,
            summary="Register your name, or change the password; ends your other sessions."),
    Command("claim", accounts.claim, Args(WORD.labelled("CODE").asked("Code: ").hidden()),
            summary="Become the first operator, with the code that the server printed."),
    Command("operator", accounts.operator, Args(NAME.asked("Make whom an operator? ")),
            summary="Make someone an operator (operator)."),
    Command("stats", accounts.stats,
            summary="Say how the server is and what it has done (operator)."),
    Command("help", help_action(lambda: TABLE, lambda name: _named(name)),
            Args(optional(WORD.labelled("COMMAND").offering("command"))),
            summary="Explain the commands, or one of them."),
    Command("quit", accounts.quit_, Args(REASON), also=("disconnect", "3", "exit"), menu="3",
            summary="Disconnect; /quit everywhere ends all of your sessions."),
)  # fmt: skip

_BY_NAME = {name.lower(): command for command in TABLE for name in (command.name, *command.also)}
_BY_MENU = {command.menu: command for command in TABLE if command.menu}


class Found(NamedTuple):
    """A command, and the rest of the line that named it."""

    command: Command
    rest: str


def find_command(line: str, at_desk: bool) -> Found:
    """Return the command that *line* names. Raises `Refused`.

    At the front desk the names are commands without a slash too, and the menu's numbers; in a
    group, a line without a slash comes here only when it is one of the words that leave.
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
    name = safe_text(word.lstrip("/"))[:32]
    if at_desk and not word.startswith("/"):
        raise Refused(
            Code.UNKNOWN_COMMAND,
            "{name} is no command, and here at the front desk nobody reads what you say:"
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
