"""Accounts: who may log in, who is an operator, what operators decide."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyconchat.chat.group_directory import GroupDirectory
from pyconchat.domain.accounts import RESERVED, Account, Accounts
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import (
    OperatorMade,
    ServerBanned,
    ServerEvent,
    ServerKicked,
    ServerUnbanned,
)
from pyconchat.domain.group import Actor
from pyconchat.domain.group_state import Ban
from pyconchat.domain.names import Name, fold
from pyconchat.domain.password_rules import (
    MAX_LENGTH,
    MIN_LENGTH,
    check_password,
    password_spellings,
)
from pyconchat.domain.text import SafeText

NOON = 1_700_000_000_000


def account(name: str, registered: bool = True, operator: bool = False) -> Account:
    return Account(Name(name), "hash" if registered else "", operator)


@pytest.fixture
def accounts() -> Accounts:
    """The operator Olga, the registered Bob and Ann, the guest Gus, and the banned Bert."""
    accounts = Accounts()
    accounts.claim_code = "3f9a-77b2"
    for each in (
        account("Olga", operator=True),
        account("Bob"),
        account("Ann"),
        account("Bert"),
        account("Gus", registered=False),
    ):
        accounts.add(each)
    accounts.bans[fold("bert")] = Ban(Name("Bert"), Name("Olga"), NOON, SafeText("spam"))
    return accounts


def known(accounts: Accounts) -> Any:
    """Return all state that decisions can change."""
    people = ("Olga", "Bob", "Ann", "Bert", "Gus")
    return (
        accounts.claim_code,
        dict(accounts.bans),
        [accounts.find(name).actor for name in people],
    )


def refused(accounts: Accounts, decide: Callable[[], Any], code: Code) -> str:
    """Check that *decide* is refused with *code* and changes nothing; return the sentence."""
    before = known(accounts)
    with pytest.raises(Refused) as caught:
        decide()
    assert caught.value.code is code, caught.value
    assert known(accounts) == before
    assert "\n" not in caught.value.sentence
    return caught.value.sentence


def apply_all(accounts: Accounts, events: list[ServerEvent]) -> list[ServerEvent]:
    for event in events:
        accounts.apply(event, NOON)
    return events


OLGA, BOB, GUS = Actor(Name("Olga"), operator=True), Actor(Name("Bob")), Actor(Name("Gus"), True)

POWERS: dict[str, Callable[[Accounts, Actor], Any]] = {
    "kick": lambda accounts, by: accounts.kick(by, "ann", online=True),
    "ban": lambda accounts, by: accounts.ban(by, Name("ann"), NOON),
    "unban": lambda accounts, by: accounts.unban(by, "bert", NOON),
    "banned": lambda accounts, by: accounts.banned(by, NOON),
    "make_operator": lambda accounts, by: accounts.make_operator(by, "ann"),
}


@pytest.mark.parametrize("power", POWERS)
def test_only_operators_have_power_over_the_server(power: str, accounts: Accounts) -> None:
    """Other accounts and guests are refused. A decision alone changes nothing."""
    for by in (BOB, GUS, Actor(Name("Nobody"))):
        refused(accounts, lambda: POWERS[power](accounts, by), Code.NOT_OPERATOR)  # noqa: B023
    before = known(accounts)
    assert POWERS[power](accounts, OLGA)
    assert known(accounts) == before


# Accounts and names.


def test_names_are_found_in_any_case(accounts: Accounts) -> None:
    """An account is found by its name in any case, and keeps its spelling."""
    assert accounts.find("BOB").name == "Bob"
    assert accounts.get("nobody") is None
    with pytest.raises(Refused) as caught:
        accounts.find("nobody")
    assert caught.value.code is Code.NO_SUCH_NAME


def test_a_name_belongs_to_one_account(accounts: Accounts) -> None:
    """A second account with the same name is refused and does not replace the first."""
    bob = accounts.find("bob")
    refused(accounts, lambda: accounts.add(account("BOB", registered=False)), Code.TAKEN)
    assert accounts.find("bob") is bob


def test_a_guests_name_is_free_again(accounts: Accounts) -> None:
    """A later guest may have the name, and does not share the former's private conversations."""
    gus = accounts.find("gus")
    accounts.remove(gus)
    other = account("GUS", registered=False)
    accounts.add(other)
    assert accounts.find("gus") is other
    assert gus.party != other.party


def test_a_name_is_reserved_while_it_is_being_registered(accounts: Accounts) -> None:
    """Until the registration is stored nobody else gets the name."""
    with accounts.reserved(Name("Zoe"), NOON):
        refused(accounts, lambda: accounts.add(account("ZOE")), Code.TAKEN)
        with pytest.raises(Refused), accounts.reserved(Name("zoe"), NOON):
            pass
        with pytest.raises(Refused):
            accounts.add(account("Zoe"))
    accounts.add(account("Zoe"))
    with pytest.raises(Refused), accounts.reserved(Name("bob"), NOON):
        pass


def test_a_failed_registration_frees_the_name(accounts: Accounts) -> None:
    """If it cannot be stored, the name is free."""
    with pytest.raises(ZeroDivisionError), accounts.reserved(Name("Zoe"), NOON):
        raise ZeroDivisionError
    accounts.add(account("Zoe"))


def test_a_guest_who_registers() -> None:
    """The account outlives its connection."""
    gus = account("Gus", registered=False)
    assert (gus.registered, gus.actor.guest) == (False, True)
    gus.register("hash", NOON)
    assert (gus.registered, gus.actor.guest, gus.party) == (True, False, "gus")


def test_a_banned_person_cannot_log_in(accounts: Accounts) -> None:
    """The refusal says who banned them and why. All others may log in, registered or not."""
    sentence = refused(accounts, lambda: accounts.admit("BERT", NOON), Code.BANNED)
    assert "Bert is banned from this server by Olga: spam" in sentence
    accounts.admit("bob", NOON)
    accounts.admit("nobody", NOON)


# What operators decide.


def test_kicking_off_the_server(accounts: Accounts) -> None:
    """People who are online can be kicked, and may log in again."""
    assert apply_all(accounts, accounts.kick(OLGA, "BOB", True, SafeText("loud"))) == [
        ServerKicked(Name("Bob"), Name("Olga"), SafeText("loud"))
    ]
    accounts.admit("bob", NOON)
    refused(accounts, lambda: accounts.kick(OLGA, "bob", online=False), Code.NO_SUCH_NAME)
    refused(accounts, lambda: accounts.kick(OLGA, "nobody", online=False), Code.NO_SUCH_NAME)
    sentence = refused(accounts, lambda: accounts.kick(OLGA, "olga", online=True), Code.SELF)
    assert "/quit" in sentence


def test_banning_from_the_server(accounts: Accounts) -> None:
    """A banned name cannot log in until the ban is lifted, registered or not."""
    assert apply_all(accounts, accounts.ban(OLGA, Name("BOB"), NOON, SafeText("loud"))) == [
        ServerBanned(Name("Bob"), Name("Olga"), SafeText("loud"))
    ]
    assert apply_all(accounts, accounts.ban(OLGA, Name("Zoe"), NOON)) == [
        ServerBanned(Name("Zoe"), Name("Olga"))
    ]
    for name in ("bob", "zoe"):
        refused(accounts, lambda: accounts.admit(name, NOON), Code.BANNED)  # noqa: B023
        refused(accounts, lambda: accounts.ban(OLGA, Name(name), NOON), Code.EXISTS)  # noqa: B023
    refused(accounts, lambda: accounts.ban(OLGA, Name("OLGA"), NOON), Code.SELF)
    assert [ban.name for ban in accounts.banned(OLGA, NOON)] == ["Bert", "Bob", "Zoe"]
    assert apply_all(accounts, accounts.unban(OLGA, "ZOE", NOON)) == [
        ServerUnbanned(Name("Zoe"), Name("Olga"))
    ]
    accounts.admit("zoe", NOON)
    refused(accounts, lambda: accounts.unban(OLGA, "zoe", NOON), Code.NOT_BANNED)


def test_operators_make_operators(accounts: Accounts) -> None:
    """A registered account becomes an operator, once. A guest is refused."""
    assert apply_all(accounts, accounts.make_operator(OLGA, "BOB")) == [
        OperatorMade(Name("Bob"), Name("Olga"))
    ]
    bob = accounts.find("bob").actor
    assert bob.operator
    assert accounts.claim_code is not None, "only the claim code itself uses it up"
    refused(accounts, lambda: accounts.make_operator(bob, "olga"), Code.UNCHANGED)
    assert "/password" in refused(accounts, lambda: accounts.make_operator(OLGA, "gus"), Code.GUEST)
    refused(accounts, lambda: accounts.make_operator(OLGA, "nobody"), Code.NO_SUCH_NAME)


def test_the_claim_code_works_once(accounts: Accounts) -> None:
    """The first account with the code becomes an operator; then the code is invalid."""
    bob, ann, gus = (accounts.find(name) for name in ("bob", "ann", "gus"))
    for wrong in ("", "0000-0000", "3f9a", "ü", "3f9a-77b2x"):
        refused(accounts, lambda: accounts.claim(bob, wrong), Code.WRONG_PASSWORD)  # noqa: B023
    refused(accounts, lambda: accounts.claim(gus, "3f9a-77b2"), Code.GUEST)
    assert apply_all(accounts, accounts.claim(bob, " 3F9A-77B2 ")) == [OperatorMade(Name("Bob"))]
    assert bob.actor.operator
    for code in ("3f9a-77b2", "other"):
        refused(accounts, lambda: accounts.claim(ann, code), Code.BAD_ARGUMENT)  # noqa: B023


# Passwords.


@pytest.mark.parametrize("password", ["x" * MIN_LENGTH, "x" * MAX_LENGTH, "with spaces ", "سلام"])
def test_valid_passwords(password: str) -> None:
    """A password is not changed, in any script."""
    assert check_password(password) == password


@pytest.mark.parametrize("password", ["", "x" * (MIN_LENGTH - 1), "x" * (MAX_LENGTH + 1)])
def test_invalid_passwords(password: str) -> None:
    """The refusal has both limits, and does not repeat the password."""
    with pytest.raises(Refused) as caught:
        check_password(password)
    assert caught.value.code is Code.BAD_ARGUMENT
    assert str(MIN_LENGTH) in caught.value.sentence
    assert str(MAX_LENGTH) in caught.value.sentence
    assert "x" * 3 not in caught.value.sentence


@pytest.mark.parametrize("password", ["tab\tbed", "nul\0nul", "\u200b" * 8, "lone\ud800"])
def test_passwords_that_cannot_be_typed_again(password: str) -> None:
    """Control characters and invisible ones are refused."""
    with pytest.raises(Refused) as caught:
        check_password(password)
    assert caught.value.code is Code.BAD_ARGUMENT


@given(st.text(min_size=MIN_LENGTH, max_size=40))
@settings(deadline=None, derandomize=True, database=None)
def test_a_password_matches_from_every_keyboard(typed: str) -> None:
    """The hashed form is among the spellings of the typed password, composed or not."""
    assert typed in password_spellings(typed), "older versions hashed it as it was typed"
    try:
        password = check_password(typed)
    except Refused:
        return
    for form in ("NFC", "NFD"):
        assert password_spellings(unicodedata.normalize(form, typed))[0] == password


# Names that look like others.


def test_a_new_name_that_looks_like_another_is_refused(accounts: Accounts) -> None:
    """Registered people, guests, and names that are being registered are protected."""
    for name, other in (("B0b", "Bob"), ("o1ga", "Olga"), ("ɡus", "Gus")):  # noqa: RUF001
        said = refused(
            accounts, lambda name=name: accounts.require_free(Name(name), NOON), Code.TAKEN
        )
        assert said == f"{name} looks like {other}; choose another name."
    with accounts.reserved(Name("alice"), NOON):
        refused(accounts, lambda: accounts.require_free(Name("a1ice"), NOON), Code.TAKEN)
    accounts.require_free(Name("a1ice"), NOON)


def test_a_guests_name_is_free_after_they_have_gone(accounts: Accounts) -> None:
    """The names that look like a former guest's, or a deleted account's, may be used."""
    for name, other in (("Bob", "b0b"), ("Gus", "Guѕ")):  # noqa: RUF001 - a Cyrillic letter
        found = accounts.find(Name(name))
        refused(accounts, lambda other=other: accounts.require_free(Name(other), NOON), Code.TAKEN)
        accounts.remove(found)
        accounts.require_free(Name(other), NOON)
        accounts.add(found)


def test_a_guest_who_registers_keeps_the_name(accounts: Accounts) -> None:
    """Their name is theirs alone before and after."""
    gus = accounts.find(Name("Gus"))
    gus.register("hash", NOON)
    refused(accounts, lambda: accounts.require_free(Name("gus"), NOON), Code.TAKEN)
    accounts.remove(gus)
    accounts.add(gus)
    assert accounts.find(Name("GUS")) is gus


def test_stored_names_stay_whatever_they_look_like(accounts: Accounts) -> None:
    """Accounts from before the rule load side by side, and each can be found."""
    names = ["alice", "a1ice", "aIice2", *RESERVED]
    for name in names:
        accounts.add(account(name))
    assert [accounts.find(Name(name)).name for name in names] == names


@pytest.mark.parametrize("name", [*RESERVED, "NickServ", "N1ckServ", "pyc0nchat", "ChanServ"])
def test_reserved_names(accounts: Accounts, name: str) -> None:
    """New accounts cannot have the server's names, or confusable ones."""
    refused(accounts, lambda: accounts.require_free(Name(name), NOON), Code.BAD_NAME)


def test_names_that_look_like_a_banned_one(accounts: Accounts) -> None:
    """A ban would be undone by another spelling. It ends with the ban, and survives a restart."""
    for event in accounts.ban(OLGA, Name("mallory"), NOON):
        accounts.apply(event, NOON)
    refused(accounts, lambda: accounts.require_free(Name("ma11ory"), NOON), Code.TAKEN)
    restarted = Accounts()
    restarted.restore_bans(accounts.bans.values())
    with pytest.raises(Refused, match="looks like mallory"):
        restarted.require_free(Name("mall0ry"), NOON)
    for event in accounts.unban(OLGA, Name("mallory"), NOON):
        accounts.apply(event, NOON)
    accounts.require_free(Name("ma11ory"), NOON)


def test_names_that_look_like_one_whose_ban_has_ended(accounts: Accounts) -> None:
    """They are free, unless they look like another banned name, too."""
    for event in accounts.ban(OLGA, Name("mallory"), NOON, until=NOON + 1):
        accounts.apply(event, NOON)
    refused(accounts, lambda: accounts.require_free(Name("mall0ry"), NOON), Code.TAKEN)
    accounts.require_free(Name("mall0ry"), NOON + 1)
    for event in accounts.ban(OLGA, Name("ma11ory"), NOON):
        accounts.apply(event, NOON)
    refused(accounts, lambda: accounts.require_free(Name("mall0ry"), NOON + 1), Code.TAKEN)


@pytest.mark.parametrize("name", ["he1p", "j0in", "exіt", "lеave", "wh0"])  # noqa: RUF001
def test_names_that_look_like_a_command(accounts: Accounts, name: str) -> None:
    """A person or a group with such a name could be taken for the command."""
    refused(accounts, lambda: accounts.require_free(Name(name), NOON), Code.TAKEN)
    with pytest.raises(Refused):
        GroupDirectory().require_free(Name(name))
