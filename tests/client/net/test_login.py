"""ClientLogin: the saved token, a password, or what a person answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from pyconchat.client.interfaces import GaveUp
from pyconchat.client.net.address import Address
from pyconchat.client.net.json_protocol import Object
from pyconchat.client.net.login import ClientLogin
from pyconchat.client.net.saved import SavedState

HOST = Address("host", 8000)


class Person:
    """Somebody who answers questions with *answers*, and then gives up."""

    def __init__(self, saved: SavedState, *answers: str) -> None:
        self.answers = [*answers]
        self.asked: list[tuple[str, bool]] = []
        self.shown: list[str] = []
        self.saved = saved
        self.login: ClientLogin

    async def ask(self, question: str, secret: bool) -> str:
        self.asked.append((question, secret))
        if not self.answers:
            raise GaveUp("nobody answers")
        return self.answers.pop(0)

    @property
    def questions(self) -> list[str]:
        """Return the questions that were asked."""
        return [question for question, _ in self.asked]

    def hello(self, code: Any = None, error: Any = "No.") -> Object:
        """Return the hello after a refusal with *code*, or the first. Raises `GaveUp`."""
        refused = None if code is None else {"hello": 1, "ok": False, "code": code, "error": error}
        hellos: list[Object] = []
        failures: list[Any] = []
        done = Deferred.fromCoroutine(self.login.hello(refused))
        done.addCallbacks(hellos.append, failures.append)
        if failures:
            failures[0].raiseException()
        return hellos[0]


MakePerson = Callable[..., Person]


@pytest.fixture
def make_person(saved: SavedState) -> MakePerson:
    """Create somebody with *answers* to questions, and what was given to the client."""

    def make(
        *answers: str, name: str = "", password: str | None = None, guest: bool = False
    ) -> Person:
        person = Person(saved, *answers)
        address = HOST._replace(name=name)
        person.login = ClientLogin(address, saved, person.ask, person.shown.append, password, guest)
        return person

    return make


# Names.


def test_a_name_is_asked_for(make_person: MakePerson) -> None:
    """If none was given; the answer is shown, and spaces around it are dropped."""
    person = make_person("  alice ")
    assert person.hello() == {"name": "alice", "guest": False}
    assert person.asked == [("Username: ", False)]


def test_an_invalid_name_is_asked_for_again(make_person: MakePerson) -> None:
    """The rule is shown each time, and nothing is sent."""
    person = make_person("", "a b", "quit", "alice")
    assert person.hello()["name"] == "alice"
    assert len(person.shown) == 2, "an empty line is no attempt"
    assert person.asked == [("Username: ", False)] * 4


@pytest.mark.parametrize("code", [None, "password-needed", "new-name", "wrong-password"])
def test_quit_in_answer_to_a_question(make_person: MakePerson, code: str | None) -> None:
    """It ends the client, as it says, and is no name and no password."""
    person = make_person(*([] if code is None else ["alice"]), " /Quit", "never asked")
    if code is not None:
        person.hello()
    with pytest.raises(GaveUp, match=r"^$"):
        person.hello(code)
    assert person.answers == ["never asked"]


@pytest.mark.parametrize("bad", ["/topic", "abc", "x" * 1025, "a\tbcd"])
def test_a_new_password_that_is_not_valid(make_person: MakePerson, bad: str) -> None:
    """The person is told before they repeat it."""
    person = make_person(bad, "pass-word", "pass-word", name="zoe")
    person.hello()
    assert person.hello("new-name", "New.")["password"] == "pass-word"
    assert len(person.shown) == 2
    assert person.questions == [person.questions[0]] * 2 + ["Repeat the password: "]


def test_a_given_name(make_person: MakePerson) -> None:
    """Nobody is asked."""
    person = make_person(name="alice")
    assert person.hello() == {"name": "alice", "guest": False}
    assert person.asked == []


@pytest.mark.parametrize("code", ["taken", "bad-name"])
def test_a_refused_name(make_person: MakePerson, code: str) -> None:
    """It is asked for again, unless it was given: then the login gives up."""
    person = make_person("alice", "bob")
    person.hello()
    assert person.hello(code, "That is taken.") == {"name": "bob", "guest": False}
    assert person.shown == ["That is taken."]
    given = make_person("bob", name="alice")
    given.hello()
    with pytest.raises(GaveUp, match=r"That is taken\."):
        given.hello(code, "That is taken.")
    assert given.asked == []


def test_another_name_after_a_refused_one(make_person: MakePerson) -> None:
    """The choice to be a guest was made only for the first name."""
    person = make_person("alice", "", "bob")
    person.hello()
    assert person.hello("new-name") == {"name": "alice", "guest": True}
    assert person.hello("taken") == {"name": "bob", "guest": False}


# Passwords.


def test_a_password_is_asked_for(make_person: MakePerson) -> None:
    """A registered name needs one; the answer is not shown."""
    person = make_person("pass-word", name="alice")
    person.hello()
    assert person.hello("password-needed") == {"name": "alice", "password": "pass-word"}
    assert person.asked == [("Password of alice: ", True)]


def test_a_wrong_password_is_asked_for_again(make_person: MakePerson) -> None:
    """As often as the server allows."""
    person = make_person("wrong", "worse", "right", name="alice")
    person.hello()
    person.hello("password-needed")
    person.hello("wrong-password", "Wrong password.")
    assert person.hello("wrong-password", "Wrong password.")["password"] == "right"
    assert person.shown == ["Wrong password."] * 2
    assert person.asked == [("Password of alice: ", True)] * 3


def test_a_given_password_that_is_wrong(make_person: MakePerson) -> None:
    """The login gives up: the file or variable with the password has to be corrected."""
    person = make_person("right", name="alice", password="wrong")
    assert person.hello() == {"name": "alice", "password": "wrong"}
    with pytest.raises(GaveUp, match=r"Wrong password\."):
        person.hello("wrong-password", "Wrong password.")
    assert person.asked == []


def test_a_given_password(make_person: MakePerson) -> None:
    """It is sent with the name at once."""
    person = make_person("alice", password="pass-word")
    assert person.hello() == {"name": "alice", "password": "pass-word"}
    assert person.questions == ["Username: "]


def test_a_given_password_that_is_too_short(make_person: MakePerson) -> None:
    """The login gives up."""
    person = make_person("longer-word", name="alice", password="x")
    person.hello()
    with pytest.raises(GaveUp, match="at least 8"):
        person.hello("bad-argument", "A password has at least 8 characters.")


# New names.


def test_a_new_name_is_registered(make_person: MakePerson) -> None:
    """The password is asked for twice, in secret, after the server's sentence."""
    person = make_person("pass-word", "pass-word", name="alice")
    person.hello()
    assert person.hello("new-name", "Nobody has it.") == {"name": "alice", "password": "pass-word"}
    assert person.shown == ["Nobody has it."]
    assert [secret for _, secret in person.asked] == [True, True]
    assert "alice" in person.questions[0]


def test_two_different_passwords(make_person: MakePerson) -> None:
    """Both are asked for again."""
    person = make_person("one-word", "two-word", "pass-word", "pass-word", name="alice")
    person.hello()
    assert person.hello("new-name")["password"] == "pass-word"
    assert person.shown == ["No.", "The passwords are not the same."]
    assert len(person.asked) == 4


def test_an_empty_password(make_person: MakePerson) -> None:
    """The name is a guest's, also after two different passwords."""
    person = make_person("", name="alice")
    person.hello()
    assert person.hello("new-name") == {"name": "alice", "guest": True}
    other = make_person("one-word", "", "", name="bob")
    other.hello()
    assert other.hello("new-name") == {"name": "bob", "guest": True}


def test_a_chosen_password_that_the_server_refuses(make_person: MakePerson) -> None:
    """The server's reason is shown, and it is asked for again, twice."""
    person = make_person("one-word", "one-word", "longer-word", "longer-word", name="alice")
    person.hello()
    person.hello("new-name", "Nobody has it.")
    assert person.hello("bad-argument", "Too short.")["password"] == "longer-word"
    assert person.shown == ["Nobody has it.", "Too short."]


def test_a_guest_without_a_question(make_person: MakePerson) -> None:
    """Where nobody can be asked, a name without a password is a guest's."""
    assert make_person(name="alice", guest=True).hello() == {"name": "alice", "guest": True}


def test_an_unanswered_question(make_person: MakePerson) -> None:
    """The login gives up."""
    person = make_person(name="alice")
    person.hello()
    with pytest.raises(GaveUp, match="nobody answers"):
        person.hello("password-needed")


# Tokens.


def test_the_token_is_saved_and_used(make_person: MakePerson, saved: SavedState) -> None:
    """By the next connection and after the next start."""
    person = make_person("alice", password="pass-word")
    person.hello()
    person.login.accepted({"name": "Alice", "token": "t1", "registered": True})
    assert person.hello() == {"name": "Alice", "token": "t1"}
    assert saved.token(HOST, "alice") == "t1"
    later = make_person(name="alice", password="other")
    assert later.hello() == {"name": "alice", "token": "t1"}


def test_an_expired_token(make_person: MakePerson, saved: SavedState) -> None:
    """It is deleted, and the password is asked for."""
    saved.save_token(HOST, "alice", "old")
    person = make_person("pass-word", name="alice")
    assert person.hello()["token"] == "old"
    assert person.hello("bad-token") == {"name": "alice", "guest": False}
    assert person.hello("password-needed") == {"name": "alice", "password": "pass-word"}
    assert saved.token(HOST, "alice") is None


def test_an_expired_token_and_a_given_password(make_person: MakePerson, saved: SavedState) -> None:
    """The password is sent."""
    saved.save_token(HOST, "alice", "old")
    person = make_person(name="alice", password="pass-word")
    person.hello()
    assert person.hello("bad-token") == {"name": "alice", "password": "pass-word"}


def test_a_token_that_expires_while_the_client_runs(make_person: MakePerson) -> None:
    """The given password is sent."""
    person = make_person(name="alice", password="pass-word")
    person.hello()
    person.login.accepted({"name": "alice", "token": "t1", "registered": True})
    assert person.hello()["token"] == "t1"
    assert person.hello("bad-token") == {"name": "alice", "password": "pass-word"}


def test_a_token_that_cannot_be_deleted(
    make_person: MakePerson, saved: SavedState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not sent again all the same."""
    saved.save_token(HOST, "alice", "old")

    def fails(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(saved, "delete_token", fails)
    person = make_person("pass-word", name="alice")
    person.hello()
    assert person.hello("bad-token") == {"name": "alice", "guest": False}


def test_a_token_that_cannot_be_saved(
    make_person: MakePerson, saved: SavedState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is used until the client ends."""

    def fails(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(saved, "save_token", fails)
    person = make_person(name="alice", password="pass-word")
    person.hello()
    person.login.accepted({"name": "alice", "token": "t1"})
    assert person.hello()["token"] == "t1"


def test_a_guest_has_no_token(make_person: MakePerson, saved: SavedState) -> None:
    """Nothing is saved, and the next hello takes over the name from the lost connection."""
    person = make_person("", name="alice")
    person.hello()
    person.hello("new-name")
    person.login.accepted({"name": "alice", "registered": False})
    assert person.hello() == {"name": "alice", "guest": True, "replace": True}
    assert not saved.path.exists()


def test_a_new_token(make_person: MakePerson, saved: SavedState) -> None:
    """After a change of the password it replaces the old one."""
    person = make_person(name="alice", password="pass-word")
    person.hello()
    person.login.accepted({"name": "alice", "token": "t1"})
    person.login.password_changed("t2")
    assert person.hello()["token"] == "t2"
    assert saved.token(HOST, "alice") == "t2"


# Other refusals.


@pytest.mark.parametrize("code", ["busy", "too-many", "not-saved", "trouble"])
def test_temporary_refusals(make_person: MakePerson, code: str) -> None:
    """The same hello is sent again later."""
    person = make_person("typed-word", name="alice")
    person.hello()
    person.hello("password-needed")
    with pytest.raises(ConnectionError, match="Busy"):
        person.hello(code, "Busy")
    assert person.hello() == {"name": "alice", "password": "typed-word"}


def test_a_name_taken_by_our_old_connection(make_person: MakePerson) -> None:
    """The same hello is sent again later."""
    person = make_person(name="alice", guest=True)
    person.hello()
    person.login.accepted({"name": "alice"})
    with pytest.raises(ConnectionError):
        person.hello("taken")
    asked = make_person("alice", "")
    asked.hello()
    asked.hello("new-name")
    asked.login.accepted({"name": "alice"})
    with pytest.raises(ConnectionError):
        asked.hello("taken")


@pytest.mark.parametrize(
    "code", ["banned", "guests-off", "bad-field", "bad-json", "something-new", "", 1, [], {}, True]
)
def test_final_refusals(make_person: MakePerson, code: Any) -> None:
    """The login gives up, with the server's reason."""
    person = make_person("alice")
    person.hello()
    with pytest.raises(GaveUp, match="You are banned"):
        person.hello(code, "You are banned.")


@pytest.mark.parametrize("error", [None, "", 0, [], {}])
def test_a_refusal_without_a_reason(make_person: MakePerson, error: Any) -> None:
    """A sentence of the client's own is shown."""
    person = make_person(name="alice")
    person.hello()
    with pytest.raises(GaveUp, match="The server refused"):
        person.hello("banned", error)


@pytest.mark.parametrize("wrong", [None, 1, [], ["x"], {}, {"x": 1}, True, ""])
def test_invalid_fields_in_the_hello(
    make_person: MakePerson, saved: SavedState, wrong: Any
) -> None:
    """The login is accepted all the same, and an invalid token is not saved."""
    person = make_person(name="alice", password="pass-word")
    person.hello()
    person.login.accepted({"name": wrong, "token": wrong})
    assert isinstance(person.hello()["name"], str)
    assert "token" not in person.hello()
    assert not saved.path.exists()
