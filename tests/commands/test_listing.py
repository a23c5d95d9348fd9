"""No answer is larger than the soft limit, and all items of a list can be reached."""

from __future__ import annotations

from typing import Any

import pytest

from pyconchat.chat.chat import Chat
from pyconchat.chat.conversations import GroupConversation
from pyconchat.commands.listing import MAX_LISTED
from pyconchat.config import LimitsConfig
from pyconchat.domain.events import Message, Policy
from pyconchat.domain.group import Group
from pyconchat.domain.group_state import Ban, GroupState, JoinRequest, Member, SharedFile
from pyconchat.domain.names import Name, fold
from pyconchat.domain.text import SafeText
from pyconchat.render.json import JsonRenderer
from pyconchat.render.text import TextRenderer
from pyconchat.testing import TestUser
from tests.support.groups import Tea, Visit

WIDE = SafeText("\U0001f375" * 300)
"""The longest topic, reason or note, of characters with 4 bytes."""

WHO = Name("\U0001f375" * 12)
LIMIT = LimitsConfig().unsent_soft_bytes


def name(number: int) -> Name:
    """Return a name of 32 characters and 64 bytes."""
    return Name(f"{number:05}" + "é" * 27)


def add_groups(chat: Chat, count: int, topic: SafeText) -> None:
    """Add groups that everybody sees, and that are not in the store."""
    for number in range(100, 100 + count):
        state = GroupState(number, name(number), Policy.OPEN, WHO, topic=topic)
        chat.groups.add(GroupConversation(number, 1, Group(number, state)))


def add_people(group: Group, count: int) -> None:
    """Add so many members, requests, bans and files, with the longest texts."""
    for number in range(count):
        who = name(number)
        group.members[fold(who)] = Member(who)
        group.requests[fold(who)] = JoinRequest(who, 0, WIDE)
        group.bans[fold(who)] = Ban(who, WHO, 0, WIDE)
        file = SharedFile(number + 1, SafeText("ä" * 100), who, 2**40, "f" * 64, "1" * 32, 0)
        group.files[number + 1] = file


class Recorder(TextRenderer):
    """Keeps the replies that it renders."""

    def __init__(self) -> None:
        super().__init__("\n")
        self.replies: list[Any] = []

    def reply(self, reply: Any) -> bytes:
        self.replies.append(reply)
        return super().reply(reply)


def pages(user: TestUser, line: str, field: str) -> list[list[Any]]:
    """Type *line*, and then the *next* command of each answer; return the items of each page."""
    recorder = user.session.renderer = Recorder()
    found: list[list[Any]] = []
    while line:
        user.types(line)
        reply = recorder.replies[-1]
        for renderer in (TextRenderer("\r\n"), JsonRenderer()):
            assert len(renderer.reply(reply)) <= LIMIT
        text = TextRenderer("\n").reply(reply).decode()
        assert (f"… and {reply.more:,} more: {reply.next}" in text) is bool(reply.more)
        found.append(getattr(reply, field))
        line = reply.next
    return found


def test_groups_with_long_topics(tea: Tea, chat: Chat) -> None:
    """500 topics of 1.2 kB: each page is small, and together they have every group once."""
    add_groups(chat, 500, WIDE)
    found = pages(tea.bob, "/groups", "groups")
    assert len(found) > 10
    assert [line.number for part in found for line in part] == [1, *range(100, 600)]


def test_many_groups(tea: Tea, chat: Chat) -> None:
    """10,000 groups come by the hundreds; part of a name finds one, on one page."""
    add_groups(chat, 10_000, SafeText(""))
    found = pages(tea.bob, "/groups", "groups")
    assert all(len(part) <= MAX_LISTED for part in found)
    assert [line.number for part in found for line in part] == [1, *range(100, 10_100)]
    assert [
        [line.number for line in part] for part in pages(tea.bob, "/groups 00123", "groups")
    ] == [[123]]


@pytest.mark.parametrize(
    ("line", "field"),
    [("/members", "members"), ("/requests", "requests"), ("/bans", "bans"), ("/files", "files")],
)
def test_lists_of_a_group(line: str, field: str, tea: Tea) -> None:
    """Each has every item once, over all pages; with part of a name only those."""
    assert tea.alice.session.current is not None
    add_people(tea.alice.session.current.group, 1500)
    found = pages(tea.alice, line, field)
    assert len(found) >= 3
    names = [each.name if field != "files" else each.number for part in found for each in part]
    assert len(set(names)) == len(names) == 1500 + (3 if field == "members" else 0)
    if field != "files":
        assert [
            [each.name for each in part] for part in pages(tea.alice, f"{line} 00007", field)
        ] == [[name(7)]]


def test_people_who_share_many_groups(tea: Tea, chat: Chat, visit: Visit) -> None:
    """/who, and a group's /online, with any number of people and groups."""
    add_groups(chat, 200, WIDE)
    guests = [visit(f"guest{number:03}") for number in range(120)]
    for conversation in chat.groups:
        for user in (tea.alice, *guests):
            conversation.group.members[user.account.key] = Member(user.account.name)
            chat.groups._connected.setdefault(user.account.key, {})[conversation] = None
    found = pages(tea.alice, "/who", "people")
    assert len(found) > 10
    assert len({person.name for part in found for person in part}) == 123
    assert len(pages(tea.alice, "/online", "members")) == 1


def test_help(tea: Tea) -> None:
    """All of it is one small answer."""
    tea.alice.types("/help")
    assert len("".join(tea.alice.types("/help"))) < LIMIT / 2


def test_the_end_of_a_list(tea: Tea) -> None:
    """A page after a name that is not in the list is refused."""
    assert tea.alice.types("/members after nobody") == ["* nobody is not in the list."]
    assert tea.alice.types("/members after CAROL")[0].startswith("* 0 members")


@pytest.mark.parametrize("words", ["after", "tea after", "after b after c"])
def test_names_that_are_words_of_the_command(words: str, tea: Tea, visit: Visit) -> None:
    """A list of the names with "after" in them is possible, too."""
    assert not tea.bob.types(f"/groups {words}")[0].startswith("* Something went wrong")


def test_long_histories(tea: Tea) -> None:
    """Messages of the longest kind, in JSON and with tabs and lines on a terminal: all are read."""
    texts = [f"{number:03}" + "x\t" * 2040 for number in range(30)]
    texts += [f"{number:03}" + "\n" * 60 + "\U0001f375" * 990 for number in range(30, 60)]
    tea.alice.session.peer.program = True  # a program's messages may have several lines
    conversation = tea.alice.session.current
    assert conversation is not None
    for text in texts:
        chat_text = SafeText(text)
        tea.alice.chat.posting.post(tea.alice.session, conversation, chat_text)
    tea.alice.peer.program = False
    recorder = tea.bob.session.renderer = Recorder()
    read: list[str] = []
    line = "/history 60"
    while len(read) < len(texts):
        tea.bob.types(line)
        reply = recorder.replies[-1]
        for renderer in (TextRenderer("\r\n"), JsonRenderer()):
            assert len(renderer.reply(reply)) <= LIMIT
        said = [each.event.text for each in reply.entries if isinstance(each.event, Message)]
        read = said + read
        line = reply.next
    assert read == texts
    tea.bob.types("/search x*")
    assert recorder.replies[-1].more
    assert len(JsonRenderer().reply(recorder.replies[-1])) <= LIMIT


@pytest.mark.parametrize("line", ["/history x", "/history 5 5", "/history before x", "/history 0"])
def test_what_history_does_not_understand(line: str, tea: Tea) -> None:
    """It is refused with the correct form in one line."""
    (answer,) = tea.alice.types(line)
    assert "number" in answer or "/history" in answer
