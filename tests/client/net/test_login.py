"""Login: the token of last time, a password, or a person who is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from pyconchat.client.net.address import Address
from pyconchat.client.net.connection import GaveUp
from pyconchat.client.net.json_protocol import Object
from pyconchat.client.net.login import ClientLogin
from pyconchat.client.net.saved import Folder

HOST = Address("host", 8000)


class SocketUser:
    """Somebody who answers questions in turn, and then no more."""

    def __init__(self, folder: Folder, *answers: str) -> None:
        self.answers = [*answers]
        self.asked: list[tuple[str, bool]] = []
        self.told: list[str] = []
        self.folder = folder
        self.login: ClientLogin

    async def ask(self, question: str, secret: bool) -> str:
        self.asked.append((question, secret))
        if not self.answers:
            raise GaveUp("nobody answers")
        return self.answers.pop(0)

    @property
    def questions(self) -> list[str]:
        return [question for question, _ in self.asked]

    def hello(self, code: Any = None, error: Any = "No.") -> Object:
        """Return the hello after a refusal with *code*, or the first. Raises `GaveUp`."""
        refused = None if code is None else {"hello": 1, "ok": False, "code": code, "error": error}
        hellos: list[Object] = []
        failures: list[Any] = []
        doing = Deferred.fromCoroutine(self.login.hello(refused))
        doing.addCallbacks(hellos.append, failures.append)
        if failures:
            failures[0].raiseException()
        return hellos[0]


Meet = Callable[..., SocketUser]


@pytest.fixture
def meet(folder: Folder) -> Meet:
    """Return somebody, called *name* if one is given, and what they answer when asked."""

    def make(
        *answers: str, name: str = "", password: str | None = None, guest: bool = False
    ) -> SocketUser:
        person = SocketUser(folder, *answers)
        address = HOST._replace(name=name)
        person.login = ClientLogin(address, folder, person.ask, person.told.append, password, guest)
        return person

    return make


# Names.


def test_a_name_is_asked_for(meet: Meet) -> None:
    """Without one, and openly; blanks around it do not count."""
    person = meet("  alice ")
    assert person.hello() == {"name": "alice", "guest": False}
    assert person.asked == [("Username: ", False)]


def test_a_name_that_is_none_is_asked_for_again(meet: Meet) -> None:
    """The rule is told each time, before anything is sent."""
    person = meet("", "a b", "quit", "alice")
    assert person.hello()["name"] == "alice"
    assert len(person.told) == 3
    assert person.asked == [("Username: ", False)] * 4


def test_a_name_that_was_given_is_not_asked_for(meet: Meet) -> None:
    """Nobody is asked what they have said."""
    person = meet(name="alice")
    assert person.hello() == {"name": "alice", "guest": False}
    assert person.asked == []


@pytest.mark.parametrize("code", ["taken", "bad-name"])
def test_a_name_that_cannot_be(meet: Meet, code: str) -> None:
    """Who was asked is asked again; who has given a name gets the reason and the end."""
    person = meet("alice", "bob")
    person.hello()
    assert person.hello(code, "That is taken.") == {"name": "bob", "guest": False}
    assert person.told == ["That is taken."]
    given = meet("bob", name="alice")
    given.hello()
    with pytest.raises(GaveUp, match=r"That is taken\."):
        given.hello(code, "That is taken.")
    assert given.asked == []


def test_another_name_begins_anew(meet: Meet) -> None:
    """The choice to be a guest was made for the other name."""
    person = meet("alice", "", "bob")
    person.hello()
    assert person.hello("new-name") == {"name": "alice", "guest": True}
    assert person.hello("taken") == {"name": "bob", "guest": False}


# Passwords.


def test_a_password_is_asked_for_in_secret(meet: Meet) -> None:
    """A registered name needs one; what is typed does not show."""
    person = meet("pass-word", name="alice")
    person.hello()
    assert person.hello("password-needed") == {"name": "alice", "password": "pass-word"}
    assert person.asked == [("Password of alice: ", True)]


def test_a_wrong_password_is_asked_for_again(meet: Meet) -> None:
    """As often as the server lets it be tried."""
    person = meet("wrong", "worse", "right", name="alice")
    person.hello()
    person.hello("password-needed")
    person.hello("wrong-password", "Wrong password.")
    assert person.hello("wrong-password", "Wrong password.")["password"] == "right"
    assert person.told == ["Wrong password."] * 2
    assert person.asked == [("Password of alice: ", True)] * 3


def test_a_wrong_password_that_was_given(meet: Meet) -> None:
    """Nobody is asked in the place of a file or a variable: that would hide what is wrong."""
    person = meet("right", name="alice", password="wrong")
    assert person.hello() == {"name": "alice", "password": "wrong"}
    with pytest.raises(GaveUp, match=r"Wrong password\."):
        person.hello("wrong-password", "Wrong password.")
    assert person.asked == []


def test_a_password_that_was_given_registers(meet: Meet) -> None:
    """It goes with the name at once; nobody is asked."""
    person = meet("alice", password="pass-word")
    assert person.hello() == {"name": "alice", "password": "pass-word"}
    assert person.questions == ["Username: "]


def test_a_given_password_that_is_none(meet: Meet) -> None:
    """One that is too short cannot be, and is not asked for again."""
    person = meet("longer-word", name="alice", password="x")
    person.hello()
    with pytest.raises(GaveUp, match="at least 8"):
        person.hello("bad-argument", "A password has at least 8 characters.")


# New names.


def test_a_new_name_is_kept_by_a_password(meet: Meet) -> None:
    """It is asked for twice, in secret, after the server's sentence."""
    person = meet("pass-word", "pass-word", name="alice")
    person.hello()
    assert person.hello("new-name", "Nobody has it.") == {"name": "alice", "password": "pass-word"}
    assert person.told == ["Nobody has it."]
    assert [secret for _, secret in person.asked] == [True, True]
    assert "alice" in person.questions[0]


def test_two_that_are_not_the_same(meet: Meet) -> None:
    """Then both are asked for again."""
    person = meet("one-word", "two-word", "pass-word", "pass-word", name="alice")
    person.hello()
    assert person.hello("new-name")["password"] == "pass-word"
    assert person.told == ["No.", "The two were not the same."]
    assert len(person.asked) == 4


def test_enter_is_a_guest(meet: Meet) -> None:
    """Who does not choose is a guest, also after a slip."""
    person = meet("", name="alice")
    person.hello()
    assert person.hello("new-name") == {"name": "alice", "guest": True}
    slip = meet("one-word", "", "", name="bob")
    slip.hello()
    assert slip.hello("new-name") == {"name": "bob", "guest": True}


def test_a_password_that_is_too_short_is_chosen_again(meet: Meet) -> None:
    """Twice again, with the server's reason."""
    person = meet("x", "x", "longer-word", "longer-word", name="alice")
    person.hello()
    person.hello("new-name", "Nobody has it.")
    assert person.hello("bad-argument", "Too short.")["password"] == "longer-word"
    assert person.told == ["Nobody has it.", "Too short."]


def test_a_program_is_a_guest_at_once(meet: Meet) -> None:
    """Where nobody can be asked, a name without a password need not be."""
    assert meet(name="alice", guest=True).hello() == {"name": "alice", "guest": True}


def test_nobody_answers(meet: Meet) -> None:
    """Who would not answer ends it."""
    person = meet(name="alice")
    person.hello()
    with pytest.raises(GaveUp, match="nobody answers"):
        person.hello("password-needed")


# Tokens.


def test_the_token_is_kept_and_used(meet: Meet, folder: Folder) -> None:
    """The next connection, and the next start, need no password."""
    person = meet("alice", password="pass-word")
    person.hello()
    person.login.accepted({"name": "Alice", "token": "t1", "registered": True})
    assert person.hello() == {"name": "Alice", "token": "t1"}
    assert folder.token(HOST, "alice") == "t1"
    later = meet(name="alice", password="other")
    assert later.hello() == {"name": "alice", "token": "t1"}


def test_a_token_that_has_ended(meet: Meet, folder: Folder) -> None:
    """It is forgotten, and the password asked for."""
    folder.keep_token(HOST, "alice", "old")
    person = meet("pass-word", name="alice")
    assert person.hello()["token"] == "old"
    assert person.hello("bad-token") == {"name": "alice", "guest": False}
    assert person.hello("password-needed") == {"name": "alice", "password": "pass-word"}
    assert folder.token(HOST, "alice") is None


def test_a_token_that_has_ended_where_a_password_was_given(meet: Meet, folder: Folder) -> None:
    """The password is used instead, and nobody is asked."""
    folder.keep_token(HOST, "alice", "old")
    person = meet(name="alice", password="pass-word")
    person.hello()
    assert person.hello("bad-token") == {"name": "alice", "password": "pass-word"}


def test_a_token_that_ends_while_the_client_runs(meet: Meet) -> None:
    """A password that was given is still the password then: nobody is asked."""
    person = meet(name="alice", password="pass-word")
    person.hello()
    person.login.accepted({"name": "alice", "token": "t1", "registered": True})
    assert person.hello()["token"] == "t1"
    assert person.hello("bad-token") == {"name": "alice", "password": "pass-word"}


def test_a_token_that_cannot_be_forgotten(
    meet: Meet, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing can be written, a token that has ended is not tried again all the same."""
    folder.keep_token(HOST, "alice", "old")

    def fails(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(folder, "forget_token", fails)
    person = meet("pass-word", name="alice")
    person.hello()
    assert person.hello("bad-token") == {"name": "alice", "guest": False}


def test_a_token_that_cannot_be_kept(
    meet: Meet, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the password is asked for next time; this time goes on."""

    def fails(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(folder, "keep_token", fails)
    person = meet(name="alice", password="pass-word")
    person.hello()
    person.login.accepted({"name": "alice", "token": "t1"})
    assert person.hello()["token"] == "t1"


def test_a_guest_has_no_token(meet: Meet, folder: Folder) -> None:
    """Nothing is kept of a guest, who says the same again after a cut."""
    person = meet("", name="alice")
    person.hello()
    person.hello("new-name")
    person.login.accepted({"name": "alice", "registered": False})
    assert person.hello() == {"name": "alice", "guest": True}
    assert not folder.path.exists()


def test_a_new_token_counts(meet: Meet, folder: Folder) -> None:
    """As after a new password, with which that of old has ended."""
    person = meet(name="alice", password="pass-word")
    person.hello()
    person.login.accepted({"name": "alice", "token": "t1"})
    person.login.renewed("t2")
    assert person.hello()["token"] == "t2"
    assert folder.token(HOST, "alice") == "t2"


# Other refusals.


@pytest.mark.parametrize("code", ["busy", "too-many", "not-saved", "trouble"])
def test_what_may_be_different_in_a_moment(meet: Meet, code: str) -> None:
    """It is tried again, later, with the same."""
    person = meet("typed-word", name="alice")
    person.hello()
    person.hello("password-needed")
    with pytest.raises(ConnectionError, match="Busy"):
        person.hello(code, "Busy")
    assert person.hello() == {"name": "alice", "password": "typed-word"}


def test_our_own_name_is_taken_after_a_cut(meet: Meet) -> None:
    """By our own connection, of which the server does not know yet: it is tried again."""
    person = meet(name="alice", guest=True)
    person.hello()
    person.login.accepted({"name": "alice"})
    with pytest.raises(ConnectionError):
        person.hello("taken")
    asked = meet("alice", "")
    asked.hello()
    asked.hello("new-name")
    asked.login.accepted({"name": "alice"})
    with pytest.raises(ConnectionError):
        asked.hello("taken")


@pytest.mark.parametrize(
    "code", ["banned", "guests-off", "bad-field", "bad-json", "something-new", "", 1, [], {}, True]
)
def test_all_else_ends_it(meet: Meet, code: Any) -> None:
    """With the server's reason."""
    person = meet("alice")
    person.hello()
    with pytest.raises(GaveUp, match="You are banned"):
        person.hello(code, "You are banned.")


@pytest.mark.parametrize("error", [None, "", 0, [], {}])
def test_no_reason(meet: Meet, error: Any) -> None:
    """A refusal without a sentence gets one."""
    person = meet(name="alice")
    person.hello()
    with pytest.raises(GaveUp, match="The server said no"):
        person.hello("banned", error)


@pytest.mark.parametrize("wrong", [None, 1, [], ["x"], {}, {"x": 1}, True, ""])
def test_a_welcome_that_makes_no_sense(meet: Meet, folder: Folder, wrong: Any) -> None:
    """It is a welcome all the same; what is no token is not kept."""
    person = meet(name="alice", password="pass-word")
    person.hello()
    person.login.accepted({"name": wrong, "token": wrong})
    assert isinstance(person.hello()["name"], str)
    assert "token" not in person.hello()
    assert not folder.path.exists()
