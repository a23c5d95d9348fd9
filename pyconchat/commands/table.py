"""The command table. Help, completion, docs/commands.rst and questions are computed from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from pyconchat.commands import (
    accounts,
    amending,
    files,
    going,
    groups,
    hooks,
    inviting,
    joining,
    keys,
    log,
    mentions,
    messages,
    moderation,
    people,
)
from pyconchat.commands.argument_list import Args
from pyconchat.commands.arguments import (
    FILE,
    FILE_NUMBER,
    FOR_TIME,
    GROUP,
    MESSAGE,
    NAME,
    NAMES,
    OR_OFF,
    PACE,
    PATH,
    POLICY,
    SWITCH,
    TEXT,
    TIME_OR_OFF,
    WORD,
    Arg,
    first_word,
    optional,
    several_words,
)
from pyconchat.commands.command import Command, Right
from pyconchat.commands.help import (
    FILES,
    GROUPS,
    MODERATORS,
    OPERATORS,
    TALK,
    YOU,
    help_action,
)
from pyconchat.commands.listing import LISTING
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.moves import is_nearly_command_word
from pyconchat.domain.names import group_name
from pyconchat.domain.settings import Settings
from pyconchat.domain.similar import is_close
from pyconchat.domain.text import safe_line

__all__ = [
    "TABLE",
    "Found",
    "find_command",
    "is_command_name",
    "names_command",
    "works_at_desk",
]

REASON = replace(optional(TEXT.labelled("REASON")), claims=several_words)
SETTING = Arg("|".join(Settings.__struct_fields__), str.lower)

TABLE: tuple[Command, ...] = (
    Command("join", joining.join,
            Args(GROUP, optional(TEXT.labelled("CODE, PASSWORD or NOTE").hidden())), menu="1",
            subject=GROUPS,
            summary="Enter a group, ask to join it, or create it if it does not exist."),
    Command("create", groups.create, Args(GROUP, optional(POLICY)), menu="2",
            subject=GROUPS,
            summary="Create a group; you become its admin."),
    Command("leave", joining.leave, Args(optional(GROUP)), also=("part",),
            subject=GROUPS, ends=True,
            summary="Leave a group for good; your membership ends."),
    Command("qqq", joining.step_out,
            subject=GROUPS, ends=True,
            summary="Go to the desk; leave the group if you can join again without approval."),
    Command("delete", groups.delete, Args(GROUP),
            subject=MODERATORS, ends=True,
            summary="Delete a group, its log and its files (admin, operator)."),
    Command("desk", joining.desk,
            subject=GROUPS,
            summary="Go to the front desk without leaving the group."),
    Command("go", going.go, Args(optional(GROUP)),
            subject=GROUPS,
            summary="Make another of your groups current, by name or number; without GROUP, the"
                    " next one with unread messages."),
    Command("groups", groups.list_groups, Args(LISTING), also=("list",),
            subject=GROUPS,
            summary="List the groups on this server, or only those with FILTER in the name."),
    Command("requests", moderation.requests, Args(LISTING, group=True), also=("viewRequests", "1"),
            only_here=True,
            subject=MODERATORS, right=Right("see the requests"),
            summary="List the requests to join the group (moderator, operator)."),
    Command("approve", moderation.approve,
            Args(NAMES.asked("Approve whom? (names, or all) ").defaulting(moderation.only_request),
                 group=True),
            also=("approveRequest", "2"),
            only_here=True,
            subject=MODERATORS, right=Right("approve requests"),
            summary="Approve requests to join the group, or all of them (moderator, operator)."),
    Command("reject", moderation.reject,
            Args(NAME.asked("Reject whom? ").defaulting(moderation.only_request), REASON,
                 group=True),
            also=("rejectRequest",),
            only_here=True,
            subject=MODERATORS, right=Right("reject requests"), ends=True,
            summary="Reject a request to join the group (moderator, operator)."),
    Command("invite", inviting.invite, Args(inviting.INVITATION, group=True),
            only_here=True,
            subject=MODERATORS, right=Right("invite"),
            summary="Invite a person, or make, list and end invite codes (moderator)."),
    Command("members", groups.members, Args(LISTING, group=True), also=("allMembers", "4", "names"),
            only_here=True,
            subject=GROUPS,
            summary="List the members of the group, or only those with FILTER in the name."),
    Command("online", groups.online, Args(LISTING, group=True), also=("onlineMembers", "5"),
            only_here=True,
            subject=GROUPS,
            summary="List the members who are online, or only those with FILTER in the name."),
    Command("admin", groups.admin, Args(group=True), also=("whoAdmin", "7"),
            only_here=True,
            subject=GROUPS,
            summary="Show who are the admin and the moderators of the group."),
    Command("transfer", moderation.transfer, Args(NAME.asked("Make whom the admin? "), group=True),
            also=("changeAdmin", "6"),
            only_here=True,
            subject=MODERATORS, right=Right("transfer adminship"), ends=True,
            summary="Make another member the admin (admin, operator)."),
    Command("moderator", moderation.moderator, Args(optional(NAME), OR_OFF, group=True),
            also=("moderators",),
            only_here=True,
            subject=MODERATORS, right=Right("make moderators"), shows_alone=True, ends=True,
            summary="Show who moderates the group; make somebody a moderator, or not (admin)."),
    Command("kick", moderation.kick, Args(NAME.asked("Kick whom? "), REASON, group=True),
            also=("kickMember", "8"),
            subject=MODERATORS, right=Right("kick", "kick people off the server"), ends=True,
            summary="Remove somebody from the group; they can join again (moderator, operator)."),
    Command("ban", moderation.ban, Args(NAME.asked("Ban whom? "), FOR_TIME, REASON, group=True),
            subject=MODERATORS, right=Right("ban", "ban people from the server"), ends=True,
            summary="Remove somebody, who cannot join again, or for a time (moderator, operator)."),
    Command("unban", moderation.unban,
            Args(NAME.asked("Unban whom? ").defaulting(moderation.only_ban), group=True),
            subject=MODERATORS, right=Right("lift bans", "lift server bans"),
            summary="Lift a ban (moderator, operator)."),
    Command("bans", moderation.bans, Args(LISTING, group=True),
            subject=MODERATORS,
            summary="List the bans (moderator, operator)."),
    Command("quiet", moderation.quiet,
            Args(NAME.asked("Make whom quiet? "), TIME_OR_OFF, group=True),
            only_here=True,
            subject=MODERATORS, right=Right("quiet people"),
            summary="Let a member read but not speak, for a time or until off (moderator)."),
    Command("slow", moderation.slow, Args(PACE, group=True),
            only_here=True,
            subject=MODERATORS, right=Right("slow the group down"), shows_alone=True,
            summary="Show or set the seconds between messages of a member; 0: none (moderator)."),
    Command("policy", groups.policy, Args(optional(POLICY), group=True),
            only_here=True,
            subject=MODERATORS, right=Right("change the policy"), shows_alone=True,
            summary="Show or set the join policy of the group (admin)."),
    Command("hook", hooks.hook, Args(hooks.HOOK, group=True),
            only_here=True,
            subject=MODERATORS, right=Right("manage hooks"), shows_alone=True,
            summary="List the hooks, at which programs can post; add or remove one (admin)."),
    Command("topic", groups.topic, Args(optional(TEXT)),
            only_here=True,
            subject=MODERATORS, right=Right("change the topic"), shows_alone=True,
            summary="Show or set the topic of the group; - for none (moderator)."),
    Command("send", files.send, Args(PATH.asked("Which file? ")), also=("fileTransfer", "9"),
            only_here=True, in_private=True, before_asking=messages.before_speaking,
            subject=FILES,
            summary="Share a file with the group, or in a private conversation."),
    Command("files", files.list_files, Args(LISTING, group=True),
            only_here=True, in_private=True,
            subject=FILES,
            summary="List the files of the group or private conversation."),
    Command("get", files.get, Args(FILE.asked("Which file? A number or a name: "), group=True),
            only_here=True, in_private=True,
            subject=FILES,
            summary="Download a file, by its number or name."),
    Command("remove", files.remove,
            Args(FILE_NUMBER.asked("Remove which file? Its number: "), group=True),
            only_here=True, in_private=True,
            subject=FILES, ends=True,
            summary="Remove a file: your own, or any file of a group (moderator, operator)."),
    Command("msg", messages.msg, Args(NAME.asked("Recipient: "), MESSAGE.asked("Message: ")),
            also=("message", "w"), before_asking=messages.before_message,
            subject=TALK,
            summary="Send a private message; somebody who is offline gets it at the next login."),
    Command("query", messages.query, Args(optional(NAME), optional(MESSAGE)),
            subject=TALK,
            summary="Enter a private conversation; without NAME, or with /desk, leave it."),
    Command("r", messages.answer, Args(MESSAGE.asked("Message: ")),
            before_asking=messages.before_reply,
            subject=TALK,
            summary="Reply to the person of your last private message."),
    Command("me", messages.me, Args(MESSAGE.asked("Do what? ")),
            only_here=True, in_private=True, before_asking=messages.before_speaking,
            subject=TALK,
            summary="Describe what you do: /me waves."),
    Command("edit", amending.edit, Args(amending.OR_LAST, amending.CORRECTION),
            only_here=True, in_private=True, before_asking=amending.before_correction,
            subject=TALK,
            summary="Correct your last message, or your message N, for a day."),
    Command("unsay", amending.unsay, Args(optional(amending.SEQ), group=True),
            only_here=True, in_private=True,
            subject=TALK, right=Right(), shows_alone=True, ends=True,
            summary="Remove your last message, or N, for a day (moderator, operator: anybody's)."),
    Command("reply", amending.reply, Args(amending.SEQ, MESSAGE),
            only_here=True, in_private=True, before_asking=amending.before_answer,
            subject=TALK,
            summary="Answer the message N; /history has the numbers."),
    Command("react", amending.react, Args(amending.SEQ, amending.EMOJI, group=True),
            only_here=True, in_private=True, before_asking=amending.before_answer,
            subject=TALK,
            summary="React to the message N with an emoji."),
    Command("pin", amending.pin, Args(optional(amending.SEQ), OR_OFF, group=True),
            only_here=True,
            subject=MODERATORS, right=Right("pin messages"), shows_alone=True,
            summary="List the pinned messages, shown at entry; pin or unpin N (moderator)."),
    Command("who", people.who, Args(LISTING),
            subject=TALK,
            summary="List the people who are online, or only those with FILTER in the name."),
    Command("whois", people.whois, Args(NAME.asked("About whom? ")),
            subject=TALK,
            summary="Show who somebody is: online or last seen, registered or guest, away, idle."),
    Command("away", people.away, Args(optional(TEXT)),
            subject=TALK,
            summary="Set an away text; without TEXT, or with your next message, remove it."),
    Command("history", log.history, Args(log.HISTORY, group=True),
            subject=TALK,
            summary="Show the last N lines here, or 20; before a number or a time; with NAME."),
    Command("search", log.search, Args(log.SEARCH),
            only_here=True, in_private=True, in_any_place=True,
            subject=TALK,
            summary="Find messages with all the words; \"a phrase\" and begin* work, too."),
    Command("mentions", mentions.list_mentions, Args(mentions.WHICH),
            subject=TALK,
            summary="Show the last N messages that mention you, or 20; before the entry SEQ."),
    Command("mute", mentions.mute,
            Args(GROUP.asked("Mute which group? "), optional(SWITCH.labelled("off"))),
            subject=TALK,
            summary="Hide messages of a group that do not mention you, until you enter it."),
    Command("ignore", messages.ignore, Args(optional(NAME)),
            subject=TALK,
            summary="Hide somebody's messages from you; without NAME, list the people you ignore."),
    Command("unignore", messages.unignore, Args(NAME.asked("Unignore whom? ")),
            subject=TALK,
            summary="Show somebody's messages to you again."),
    Command("password", accounts.password, Args(optional(accounts.NO_PASSWORD)),
            subject=YOU,
            summary="Register your name, or change your password; none: only keys log you in."),
    Command("key", keys.key, Args(optional(keys.KEYS)),
            subject=YOU,
            summary="List the keys that log you in over SSH; add one, or remove number N."),
    Command("set", accounts.set_, Args(SETTING, SWITCH),
            subject=YOU,
            summary="Show your settings, or switch one: the time before lines, the bell, joins."),
    Command("claim", accounts.claim, Args(WORD.labelled("CODE").asked("Code: ").hidden()),
            subject=OPERATORS,
            summary="Become the first operator, with the code that the server printed."),
    Command("operator", accounts.operator,
            Args(NAME.asked("Make whom an operator? "), SWITCH.labelled("off")),
            subject=OPERATORS, right=Right(on_server="make operators"),
            summary="Make somebody an operator, or an ordinary user again (operator)."),
    Command("announce", accounts.announce, Args(TEXT),
            subject=OPERATORS, right=Right(on_server="make announcements"),
            summary="Send a text to everybody who is online (operator)."),
    Command("stats", accounts.stats,
            subject=OPERATORS,
            summary="Show the server's statistics (operator)."),
    Command("help", help_action(lambda: TABLE, lambda name: _named(name)),
            Args(optional(WORD.labelled("COMMAND").offering("command"))),
            subject=YOU,
            summary="List the commands, or explain one."),
    Command("quit", accounts.quit_, Args(REASON), also=("disconnect", "3", "exit"), menu="3",
            subject=YOU, ends=True,
            summary="Disconnect; /quit everywhere also ends your other sessions."),
)  # fmt: skip

_BY_NAME = {name.lower(): command for command in TABLE for name in (command.name, *command.also)}
_BY_MENU = {command.menu: command for command in TABLE if command.menu}


# Commands of other chats that have no counterpart here.
_ELSEWHERE = {
    "nick": "/nick: a name stays as it is. To have another one, /quit and log in with it.",
    "clear": "/clear: the server cannot clear your screen; most terminals do so with Ctrl-L.",
}


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
    if not word.startswith("/"):
        word = safe_line(word)  # a control key, such as Ctrl-L, may have been typed before it
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
            " /join {group} enters a group, /create {group} creates one, help lists the commands.",
            name=name,
            group=word if not rest and _may_be_group(word) else "GROUP",
        )
    if name.lower() in _ELSEWHERE:
        raise Refused(Code.UNKNOWN_COMMAND, _ELSEWHERE[name.lower()])
    near = (each for each in _close_to(name) if not each.ends)
    suggested = next(near, None)
    raise Refused(
        Code.UNKNOWN_COMMAND,
        "There is no command /{name}{hint}; /help lists them.",
        name=name,
        hint=f" (did you mean /{suggested.name}?)" if suggested is not None else "",
    )


def is_command_name(word: str) -> bool:
    """Return whether *word*, in lower case and without a slash, is the name of a command."""
    return word in _BY_NAME or word in _ELSEWHERE


def names_command(line: str) -> bool:
    """Return whether *line* begins with a slash and a command, even if it is mistyped."""
    word = first_word(line)[0]
    name = word[1:].lower()
    if not word.startswith("/") or not name[:1].isalnum():
        return False
    return is_command_name(name) or any(_close_to(name))


def works_at_desk(line: str, or_nearly: bool = False) -> bool:
    """Return whether *line*, without a slash, is a command at the front desk.

    With *or_nearly*, also a line that begins with a mistyped word, such as ``mesage``.
    """
    word = first_word(line)[0].lower()
    if word.isdigit():
        return word in _BY_MENU
    if word in _BY_NAME:
        return True
    return or_nearly and is_nearly_command_word(word)


def _may_be_group(word: str) -> bool:
    """Return whether *word* may be the name of a new group."""
    try:
        return group_name(word) == word
    except Refused:
        return False


def _close_to(name: str) -> Iterator[Command]:
    """Yield the commands of which *name* may be a mistyped name."""
    return (command for other, command in _BY_NAME.items() if is_close(name.lower(), other))


def _named(name: str) -> Command:
    """Return the command *name*, with or without its slash. Raises `Refused`."""
    return find_command("/" + name.lstrip("/"), at_desk=False).command
