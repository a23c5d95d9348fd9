"""Names: which are valid, and when two are equal."""

from __future__ import annotations

import string
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.names import (
    COMMAND_WORDS,
    MAX_CHOSEN_NUMBER,
    Name,
    fold,
    group_name,
    group_number,
    person_name,
)

Check = Callable[[str], Name]

ALLOWED = string.ascii_letters + string.digits + "_.-"
steady = settings(deadline=None, derandomize=True, database=None)


@pytest.mark.parametrize("check", [person_name, group_name])
@pytest.mark.parametrize(
    "name", ["a", "Alice", "bob-2", "x_y.z", "1st", "9.9", "A" * 32, "Leave2", "whoami", "2-"]
)
def test_valid_names_stay_as_written(check: Check, name: str) -> None:
    """A valid name keeps its letters and their case."""
    assert check(name) == name


@pytest.mark.parametrize("check", [person_name, group_name])
@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "-dash",
        ".dot",
        "_low",
        "two words",
        "A" * 33,
        "é",
        "Ünal",
        "ali\u200bce",  # zero-width space
        "alice\u202e",  # right-to-left override
        "аlice",  # noqa: RUF001 - the first letter is Cyrillic
        "alice\n",
        "\nalice",
        "alice\r",
        "al\x00ice",
        "al\x1b[31mice",
        "/kick",
        "a/b",
        "a:b",
        "a,b",
        "a\tb",
        "１",  # noqa: RUF001 - a digit, but not of ASCII
    ],
)
def test_an_invalid_name_is_refused_in_one_line(check: Check, name: str) -> None:
    """Only ASCII letters, digits and ``_.-`` are valid. The refusal does not repeat the name."""
    with pytest.raises(Refused) as caught:
        check(name)
    assert caught.value.code is Code.BAD_NAME
    assert caught.value.sentence.isprintable()


@pytest.mark.parametrize("check", [person_name, group_name])
@pytest.mark.parametrize("word", sorted(COMMAND_WORDS))
def test_command_words_are_not_names(check: Check, word: str) -> None:
    """A word that works as a command without a slash is no name, in whatever case."""
    for written in (word, word.upper(), word.title()):
        with pytest.raises(Refused) as caught:
            check(written)
        assert caught.value.code is Code.BAD_NAME
        assert word in caught.value.sentence


def test_the_words_of_older_systems_are_command_words() -> None:
    """Users of older chat systems type these words without a slash."""
    assert {"message", "who", "join", "leave", "exit", "help", "qqq"} <= COMMAND_WORDS


@pytest.mark.parametrize("number", ["0", "01", "007", str(MAX_CHOSEN_NUMBER + 1), "9" * 32])
def test_numbers_that_no_group_can_have(number: str) -> None:
    """A group's name may be a number only if the group can have that number."""
    with pytest.raises(Refused) as caught:
        group_name(number)
    assert caught.value.code is Code.BAD_NAME
    assert person_name(number) == number, "a person may have that name"


@pytest.mark.parametrize("number", ["1", "42", str(MAX_CHOSEN_NUMBER)])
def test_a_group_with_a_number_as_its_name(number: str) -> None:
    """The group gets the number that its name is."""
    assert group_number(group_name(number)) == int(number)


@pytest.mark.parametrize("name", ["tea", "1st", "4-2", "", "-1", "+1", "1.0", "²", "٣", "1" * 10])
def test_names_that_are_not_numbers(name: str) -> None:
    """A number has at most 9 ASCII digits, and nothing else."""
    assert group_number(name) is None


@given(st.text(alphabet=ALLOWED, min_size=1, max_size=32))
@steady
def test_folding_removes_only_the_case(name: str) -> None:
    """Two names are equal if they differ only in the case of their letters."""
    assert fold(name) == fold(name.upper()) == fold(name.lower()) == fold(fold(name))
    assert len(fold(name)) == len(name)


@given(st.text(max_size=40))
@steady
def test_any_text_is_a_name_or_refused(raw: str) -> None:
    """A text that is accepted is returned unchanged, and is safe on every terminal."""
    for check in (person_name, group_name):
        try:
            name = check(raw)
        except Refused:
            continue
        assert name == raw
        assert set(name) <= set(ALLOWED)
        assert len(name) <= 32
