"""Bad input, with every kind of program: one line says why it is refused, and nothing changes."""

from __future__ import annotations

import pytest

from tests.support.safety import problems
from tests.support.servers import Server
from tests.support.users import KINDS, LINE_KINDS, PAIRS, SocketUser, User, UserOf

DESK = "* You are at the front desk: enter a group first with /join GROUP."
NAMED = "* You are at the front desk: name the group last, or enter a group first with /join GROUP."
BAD_NAME = (
    "* A name has 1 to 32 letters, digits, '_', '.' or '-', and begins with a letter or a digit."
)
ONE_SCRIPT = "* A name has letters of one script, and digits of one kind."
FEW_MARKS = "* A name has at most 4 marks on one letter, and none of them twice."
TAKEN = (
    "* bob is connected from your address already. If that is you, type the name once more to end"
    " that connection; or choose another name."
)
TAKEN_FOR_PROGRAMS = "* bob is in use; choose another name."  # they do not type it once more
NOTHING = "* The message is empty."
NOT_UTF8 = "* The line is not UTF-8: it was not understood."


def tea_of(admin: User, *others: User) -> None:
    """Have *admin* create tea, which *others* join."""
    admin.types("/create tea open")
    admin.sees("You are in tea")
    for other in others:
        other.types("/join tea")
        other.sees("You are in tea")
    admin.types("/policy approval")
    admin.sees("changed the policy to approval.")
    for each in (admin, *others):
        each.sees_all()


def roster(person: User) -> list[str]:
    """Return the members of the current group, as /members shows them."""
    return person.answer_to("/members")


@pytest.mark.parametrize("kind", KINDS)
def test_in_a_group(user: UserOf, kind: str) -> None:
    """Each of these is answered by one line, and nothing has changed afterwards."""
    alice, bob, carol = user(kind, "alice"), user(kind, "bob"), user(kind, "carol")
    tea_of(alice, bob)
    before = roster(alice)
    assert before == [
        "* 2 members of tea:",
        "*   alice (admin, guest, online)",
        "*   bob (guest, online)",
    ]
    said = alice.answer_to("/history 50")
    only_admin = "* Only the admin, alice, can"
    history = (
        "* Use /history N before WHAT @NAME; each part may be left out. WHAT is a number, a date"
        " such as 2026-11-20, or an age such as 2h."
    )
    number = "* How many? A number from 1 to 500."
    for who, line, answer in [
        (alice, "/kick alice", "* To leave the group yourself, use /leave."),
        (alice, "/kick ALICE too bad", "* To leave the group yourself, use /leave."),
        (alice, "/kick carol", "* carol is not a member of tea; see /members."),
        (alice, "/kick nobody", "* nobody is not a member of tea; see /members."),
        (alice, "/ban Alice", "* You cannot ban yourself; to leave the group, use /leave."),
        (alice, "/unban bob", "* bob is not banned from tea; see /bans."),
        (alice, "/unban", "* Nobody is banned here."),
        (alice, "/transfer carol", "* carol is not a member of tea; see /members."),
        (alice, "/transfer nobody", "* nobody is not a member of tea; see /members."),
        (alice, "/transfer alice", "* You are the admin already."),
        (alice, "/transfer bob to", "* There is no group to: the command takes NAME [GROUP]."),
        (alice, "/admin twa", "* There is no group twa: the command takes [GROUP]."),
        (alice, "/approve", "* Nobody asks to join tea."),
        (alice, "/reject", "* Nobody asks to join tea."),
        (alice, "/approve carol", "* carol has not asked to join tea; see /requests."),
        (alice, "/approve bob", "* bob has not asked to join tea; see /requests."),
        (alice, "/reject carol", "* carol has not asked to join tea; see /requests."),
        (alice, "/invite bob", "* bob is a member already."),
        (alice, "/invite nobody", "* nobody is neither online nor registered here."),
        (alice, "/policy nonsense", "* A policy is open, approval, invite, or password PASSWORD."),
        (alice, "/policy open sesame", "* Only the policy password takes a password."),
        (alice, "/policy approval", "* The policy is approval already."),
        (alice, "/create TEA", "* There is a group TEA already: /join TEA."),
        (
            alice,
            "/create 1",
            "* A number cannot name a new group: the server numbers them. Choose a name.",
        ),
        (alice, "/create two words", "* A policy is open, approval, invite, or password PASSWORD."),
        (alice, "/create ..", "* A group's name has" + BAD_NAME.removeprefix("* A name has")),
        (alice, "/join not/a/name", "* A group's name has" + BAD_NAME.removeprefix("* A name has")),
        (alice, "/leave nowhere", "* There is no group of that name; /groups lists them."),
        (alice, "/history 0", number),
        (alice, "/history 501", number),
        (alice, "/history x", number),
        (alice, "/history -1", number),
        (alice, "/history \u0663", number),
        (alice, "/history 0000000019999999", number),
        (alice, "/history 00000000019999999", number),
        (alice, "/history 1 2", history),
        (alice, "/history 1 before 2 3", history),
        (alice, "/search !", "* Search for at least one word."),
        (alice, "/me \x07", "* The message is empty."),
        (alice, "/topic \u202e", "* The text is empty."),
        (alice, "/msg nobody hello", "* nobody is neither online nor registered here."),
        (alice, "/msg alice hello", "* That is you. To whom do you want to talk?"),
        (alice, "/msg no|body hello", BAD_NAME),
        (alice, "/ignore alice", "* You cannot ignore yourself."),
        (alice, "/unignore bob", "* You do not ignore bob."),
        (alice, "/claim 0000", "* That is not the claim code; see the server's first lines."),
        (alice, "/operator bob", "* Only operators can make operators."),
        (alice, "/aprove bob",
         "* There is no command /aprove (did you mean /approve?); /help lists them."),
        (alice, "/", "* There is no command /; /help lists them."),
        (alice, "/xyzzy", "* There is no command /xyzzy; /help lists them."),
        (alice, "/" + "z" * 4000, f"* There is no command /{'z' * 32}; /help lists them."),
        (alice, "/desk now", "* Too many arguments: the command takes none."),
        (bob, "/kick alice", f"{only_admin} kick."),
        (bob, "/ban alice", f"{only_admin} ban."),
        (bob, "/unban alice", f"{only_admin} lift bans."),
        (bob, "/bans", f"{only_admin} see the bans."),
        (bob, "/approve carol", f"{only_admin} approve requests."),
        (bob, "/requests", f"{only_admin} see the requests."),
        (bob, "/reject carol", f"{only_admin} reject requests."),
        (bob, "/invite carol", f"{only_admin} invite."),
        (bob, "/transfer bob", f"{only_admin} transfer adminship."),
        (bob, "/policy open", f"{only_admin} change the policy."),
        (bob, "/topic mine", f"{only_admin} change the topic."),
    ]:  # fmt: skip
        assert who.answer_to(line) == [answer], line
    for line, question in (("/transfer", "Make whom the admin? "), ("/msg bob", "Message: ")):
        alice.types(line)
        assert alice.sees(question) == question
        alice.types("")
        assert alice.sees("Cancelled.\n").lstrip("\n") == "* Cancelled.\n"
    assert roster(alice) == before
    assert carol.answer_to("/groups")[1:] == ["*   1  tea   approval        2       2       -"]
    assert alice.answer_to("/history 50") == said


@pytest.mark.parametrize("kind", KINDS)
def test_empty_lines(user: UserOf, kind: str) -> None:
    """Lines of spaces, or of characters that cannot be shown, are not sent to anybody."""
    alice, bob = user(kind, "alice"), user(kind, "bob")
    tea_of(alice, bob)
    for line in ("", " ", "\t \t", "\u3000", "\u2028"):
        assert alice.answer_to(line) == [], repr(line)
    for line in ("\0", "\x1b\x07", "\u202e"):
        assert alice.answer_to(line)[:1] == ([] if kind in LINE_KINDS else [NOTHING]), repr(line)
    assert bob.sees_all() == ""
    alice.types("/desk")
    alice.sees("(help lists the commands)")
    for line in ("", "   ", "\t"):
        assert alice.answer_to(line) == [], repr(line)


@pytest.mark.parametrize("kind", KINDS)
def test_at_the_front_desk(user: UserOf, kind: str) -> None:
    """Commands that need a group say so, and other lines are refused."""
    alice, bob = user(kind, "alice"), user(kind, "bob")
    tea_of(bob)
    operators = "; a group's admin can do so inside the group."
    for command in (
        "/members", "/online", "/admin", "/requests", "/approve", "/approve bob", "/reject bob",
        "/invite bob", "/transfer bob", "/policy open", "/topic x", "/me waves", "/history",
        "/search x", "/viewRequests", "/ALLMEMBERS", "/1", "/2", "/4", "/5", "/6", "/7", "members",
    ):  # fmt: skip
        shown = alice.answer_to(command)[0]
        assert shown in (DESK, NAMED), command
    nobody = "is not a command, and at the front desk messages reach nobody"
    hint = "/join {0} enters a group, /create {0} creates one, help lists the commands."
    for line, answer in [
        ("hello everybody", f"* hello {nobody}: {hint.format('GROUP')}"),
        ("hello", f"* hello {nobody}: {hint.format('hello')}"),
        ("7", f"* 7 {nobody}: {hint.format('GROUP')}"),
        ("//hello", "* You are in no group: nobody would receive that."),
        ("/leave", "* You are in no group now; /leave GROUP leaves one."),
        ("leave", "* You are in no group now; /leave GROUP leaves one."),
        ("qqq", "* You are in no group now; /leave GROUP leaves one."),
        ("/leave tea", "* You are not a member of tea: there is nothing to leave."),
        ("/leave nowhere", "* There is no group of that name; /groups lists them."),
        ("/kick bob", f"* Only operators can kick people off the server{operators}"),
        ("/ban bob", f"* Only operators can ban people from the server{operators}"),
        ("/unban bob", f"* Only operators can lift server bans{operators}"),
        ("/bans", f"* Only operators can see the server's bans{operators}"),
    ]:
        assert alice.answer_to(line) == [answer], line
    assert roster(bob) == ["* 1 member of tea:", "*   bob (admin, guest, online)"]


@pytest.mark.parametrize("kind", KINDS)
def test_joining_twice(user: UserOf, kind: str) -> None:
    """A member who joins again enters the group; an applicant is told to wait."""
    alice, bob = user(kind, "alice"), user(kind, "bob")
    tea_of(alice)
    again = "* You are in tea (number 1): 1 member, 1 online; the admin is alice."
    assert alice.answer_to("/join tea") == [again]
    assert alice.answer_to("/join 1") == [again]
    bob.types("/join tea")
    bob.sees("alice, has to approve.")
    pending = "* You have asked to join tea already; its admin alice has to approve."
    assert bob.answer_to("/join TEA please") == [pending]
    requests = alice.answer_to("/requests")
    assert requests[0].endswith("1 asking to join tea (/approve NAME, /reject NAME):")
    assert len(requests) == 2
    assert roster(alice) == ["* 1 member of tea:", "*   alice (admin, guest, online)"]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_approving_applicants_who_have_gone(user: UserOf, one: str, other: str) -> None:
    """An applicant who withdrew, left or was banned before the approval is not let in."""
    alice = user(one, "alice")
    bob, carol, dave = (user(other, name) for name in ("bob", "carol", "dave"))
    tea_of(alice)
    for each in (bob, carol, dave):
        each.types("/join tea")
        each.sees("has to approve.")
    bob.types("/leave tea")
    bob.sees("* Your request to join tea was withdrawn.")
    carol.types("/quit")
    assert carol.is_disconnected()
    alice.types("/ban dave")
    dave.sees("* You were banned from tea by alice.")
    alice.sees("* dave was banned by alice.")
    for name in ("bob", "carol", "dave"):
        sentence = f"* {name} has not asked to join tea; see /requests."
        assert alice.answer_to(f"/approve {name}") == [sentence]
    assert alice.answer_to("/approve") == ["* Nobody asks to join tea."]
    assert dave.answer_to("/join tea") == ["* You are banned from tea by alice."]
    assert roster(alice) == ["* 1 member of tea:", "*   alice (admin, guest, online)"]

    # If one of the names does not ask, nobody is let in.
    bob.types("/join tea")
    alice.sees("bob asks to join tea")
    sentence = "* carol has not asked to join tea; see /requests."
    assert alice.answer_to("/approve bob carol") == [sentence]
    assert len(roster(alice)) == 2
    assert alice.answer_to("/approve bob, bob") == [
        "* bob has joined the chat! (approved by alice)"
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_two_commands_at_the_same_moment(user: UserOf, kind: str) -> None:
    """Commands are carried out in order: the first decides whether the second is allowed."""
    alice, bob, carol = user(kind, "alice"), user(kind, "bob"), user(kind, "carol")
    tea_of(alice, bob, carol)
    assert alice.answer_to("/transfer bob", "/kick bob") == [
        "* bob is the admin now, appointed by alice.",
        "* Only the admin, bob, can kick.",
    ]
    bob.sees("* You are the admin of tea now, appointed by alice.")
    bob.sees_all()
    carol.sees_all()

    # The old admin and the new one at once: one of the two is refused.
    bob.types("/transfer alice")
    alice.types("/kick carol")
    bob.sees_all()
    alice.sees_all()
    members = roster(bob)
    assert "*   alice (admin, guest, online)" in members
    kicked = not any("carol" in line for line in members)
    if kicked:
        carol.sees("* You were kicked from tea by alice.")
    else:
        alice.types("/kick carol")
        carol.sees("* You were kicked from tea by alice.")
    alice.sees_all()
    bob.sees_all()

    # Nobody receives what is typed after the line that leaves.
    alice.types("/policy open")
    bob.sees("* alice changed the policy to open.")
    alice.sees_all()
    bob.types("one", "/leave", "two")
    alice.sees("bob: one\n* bob has left the chat.\n")
    bob.sees("* two is not a command")
    assert roster(alice) == ["* 1 member of tea:", "*   alice (admin, guest, online)"]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_what_would_harm_a_terminal(user: UserOf, one: str, other: str) -> None:
    """No control, escape or bidi character of one user reaches another user's terminal."""
    alice, bob = user(one, "alice"), user(other, "bob")
    tea_of(alice, bob)
    label = "guest, private"  # of the first message
    for raw, shown in [
        ("\x1b[2J\x1b]0;title\x07wiped", "wiped"),
        ("be\x07ll", "bell"),
        ("\x9b31mred\x9d", "red"),
        ("\u202egnp.exe\u202c \u2066x\u2069", "gnp.exe x"),
        ("e" + "\u0301" * 50, "\u00e9" + "\u0301" * 8),
        ("\u05e9\u05dc\u05d5\u05dd", "\u05e9\u05dc\u05d5\u05dd"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),
    ]:  # fmt: skip
        alice.types(raw)
        bob.sees(f"alice: {shown}\n")
        alice.types(f"/me {raw}")
        bob.sees(f"~ alice {shown}\n")
        alice.types(f"/topic {raw}")
        bob.sees(f"* alice changed the topic: {shown}\n")
        alice.types(f"/msg bob {raw}")
        bob.sees(f"alice ({label}): {shown}\n")
        label = "private"
    alice.types("tab\there", "line\u2028* dave was banned by alice.")
    bob.sees("alice: tab")
    bob.sees(" here\nalice: line\n    * dave was banned by alice.\n")
    alice.types("/kick bob \x1b[31mbecause\u202e\u2028* Bye.")
    bob.sees("* You were kicked from tea by alice: because * Bye.\n")
    bob.types("/join tea \x1b]2;x\x07note")
    alice.sees('bob asks to join tea: "note"')
    alice.types("/reject bob \x9b0mno")
    bob.sees("rejected by alice: no\n")
    for person, kind in ((alice, one), (bob, other)):
        assert problems(person.everything(), kind) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_that_is_too_long(user: UserOf, kind: str) -> None:
    """A line with more than 4096 bytes is refused, and reaches nobody."""
    alice, bob = user(kind, "alice"), user(kind, "bob")
    tea_of(alice, bob)
    for line in ("x" * 4097, "\u20ac" * 1366, "/topic " + "y" * 5000):
        assert alice.answer_to(line)[0] == "* A line has at most 4096 bytes."
    assert alice.answer_to("x" * 4096) == []
    assert bob.sees("xxxx\n") == f"alice: {'x' * 4096}\n"


def test_lines_that_are_not_text(user: UserOf) -> None:
    """Invalid UTF-8, IAC from an LF client, and a line of 100,000 bytes are refused."""
    alice, bob = user("nc", "alice"), user("nc", "bob")
    assert isinstance(alice, SocketUser)
    tea_of(alice, bob)
    for line, answer in (
        *(
            (line, NOT_UTF8)
            for line in (
                b"\xff\xfb\x01\xff\xfd\x03", b"\xff\xf4\xff\xfd\x06", b"\xff" * 100, b"caf\xe9",
                b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"/msg bob \xfe", b"hello \xc3",
                b"\xff\xfa\x18\x00xterm",
            )
        ),
        (b"x" * 100_000, "* A line has at most 4096 bytes."),
    ):  # fmt: skip
        alice.sends(line + b"\n")
        assert alice.sees_all() == f"{answer}\n", line
    bob.does_not_see("alice")
    for person in (alice, bob):
        assert b"\xff" not in person.everything()
        assert b"\r" not in person.everything()


@pytest.mark.parametrize("kind", KINDS)
def test_names_that_are_refused(user: UserOf, kind: str) -> None:
    """Invalid names, commands, and names of other users are refused, and wrong passwords."""
    alice = user(kind, "alice", "password a")
    user(kind, "bob")
    command = "is a command, not a name: choose another."
    for name, answer in [
        ("two words", BAD_NAME),
        ("-dash", BAD_NAME),
        ("a" * 33, BAD_NAME),
        ("\u0430lice", ONE_SCRIPT),
        ("\u05d0a", ONE_SCRIPT),
        ("caf\u00e9" + "\u0301" * 2, FEW_MARKS),
        ("\u20ac", BAD_NAME),
        ("\x1b[31mred", BAD_NAME),
        ("/join tea", BAD_NAME),
        ("who", f"* who {command}"),
        ("QQQ", f"* qqq {command}"),
        ("BOB", TAKEN if kind in LINE_KINDS else TAKEN_FOR_PROGRAMS),
    ]:
        person = user(kind)
        assert f"* {person.cannot_log_in(name)}" == answer, name
        person.close()
    person = user(kind)
    assert person.cannot_log_in("carol", "abc") == "A password has 4 to 1024 characters."
    person.close()
    assert user(kind).cannot_log_in("alice", "not it") == "That is not the password of alice."
    assert alice.answer_to("/who") == ["* Online: 2", "*   alice", "*   bob (guest)"]


def test_at_the_questions_of_the_login(user: UserOf) -> None:
    """At nc each wrong answer is answered by one line, and the question again."""
    alice, bob, other = user("nc", "alice", "password a"), user("nc"), user("nc")
    assert isinstance(bob, SocketUser)
    bob.sees("Username: ")
    command = "is a command, not a name: choose another."
    for line, answer in [
        (b"two words", BAD_NAME),
        (b"bob\0", BAD_NAME),
        (b'{"hello": 1', BAD_NAME),
        (b"who", f"* who {command}"),
        (b"QQQ", f"* qqq {command}"),
        (b"x" * 513, "* A line has at most 512 bytes."),
        (b"y" * 100_000, "* A line has at most 512 bytes."),
        (b"\xff\xfb\x01bob", NOT_UTF8),
        (b"\xff\xfe\xff", NOT_UTF8),
    ]:
        bob.sends(line + b"\n")
        assert bob.sees("Username: ") == f"{answer}\nUsername: ", line
    for line in (b"", b"   "):
        bob.sends(line + b"\n")
        assert bob.sees("Username: ") == "Username: "
    bob.types("bob")
    bob.sees("Password: ")
    bob.types("abc")
    assert bob.sees("Password: ") == "* A password has 4 to 1024 characters.\nPassword: "
    bob.sends(b"\xff\xff\n")
    bob.sees(f"{NOT_UTF8}\nPassword: ")
    bob.types("")
    bob.sees("Group: ")
    other.types("BOB")
    other.sees("or choose another name.\nUsername: ")
    other.types("alice")
    for password in ("not it", "nor this", "nor that"):
        other.sees("Password: ")
        other.types(password)
        other.sees("* That is not the password of alice")
    other.sees("* There were too many wrong passwords.\n")
    assert other.is_disconnected()
    assert b"\xff" not in bob.everything() + other.everything()
    assert alice.answer_to("/who") == ["* Online: 2", "*   alice", "*   bob (guest)"]


@pytest.mark.parametrize("kind", LINE_KINDS)
def test_nonsense_at_the_question_for_a_group(user: UserOf, kind: str) -> None:
    """After any answer to `Group: ` the user is at the front desk or in a group."""
    for number, (line, answer) in enumerate(
        [
            ("not/a/group", "* A group's name has" + BAD_NAME.removeprefix("* A name has")),
            ("\x1b[2J", "* You are at the front desk."),
            ("/nosuch", "* There is no command /nosuch; /help lists them."),
            ("/members", NAMED),
            ("01", "* There is no group 01; /groups lists them."),
            ("/kick", "* Only operators can kick people off the server"),
            ("/msg", "Recipient: "),
        ]
    ):
        person = user(kind, f"person{number}", group=line)
        assert person.sees(answer).split("Group: ")[1].lstrip("\n") == answer
        person.types("")
        assert person.answer_to("/members") == [NAMED]
        person.close()


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_garbage_does_no_harm(user: UserOf, server: Server, newline: str) -> None:
    """Bytes of every value, before, during and after a login, do not harm the server."""
    garbage = bytes(range(256)) + bytes(range(255, -1, -1)) + b"\xff\xfa" * 50
    for opening in (b"", b"guest" + newline.encode(), b"guest" + newline.encode() * 3):
        person = SocketUser(server.port, newline)
        person.sees("Username: ")
        person.sends(opening + garbage + b"\n\n\n\xff\xf0" + garbage)
        person.shuts_down_writing()
        assert person.is_disconnected()
        person.close()
    alice = user("nc", "alice")
    assert alice.answer_to("/who") == ["* Online: 1", "*   alice (guest)"]
    assert server.tracebacks() == []
