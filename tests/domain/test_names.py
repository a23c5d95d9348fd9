# ruff: noqa: RUF001 - letters of many scripts are here on purpose
"""Names: which are valid, and when two are equal."""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from precis_i18n import get_profile

from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.names import (
    COMMAND_WORDS,
    MAX_NAME,
    MAX_NAME_BYTES,
    Name,
    fold,
    group_name,
    group_number,
    person_name,
)
from pyconchat.domain.text import safe_line

Check = Callable[[str], Name]

ALLOWED = string.ascii_letters + string.digits + "_.-"
steady = settings(deadline=None, derandomize=True, database=None)

LANGUAGES = {
    "Amharic": "ሰላም",
    "Arabic": "محمد",
    "Armenian": "Արամ",
    "Bengali": "রবীন্দ্রনাথ",
    "Burmese": "အောင်ဆန်း",
    "Chinese": "李小龙",
    "Chinese with Bopomofo": "李ㄌㄧ",
    "French": "Zoé-Élise",
    "Georgian": "თამარ",
    "German": "Jürgen_Weiß",
    "Greek": "Οδυσσέας",
    "Gujarati": "ગાંધી",
    "Hebrew": "שָׂרָה",
    "Hindi": "प्रेमचंद",
    "Hindi with a joiner": "क्\u200dष",
    "Japanese": "山田タロウさん",
    "Japanese with a long vowel": "スーパー・マリオ",
    "Khmer": "សុខា",
    "Korean": "김철수",
    "Korean with Chinese letters": "金철수",
    "Lao": "ສົມຈິດ",
    "Persian with digits": "علی۱۲",
    "Russian": "Юлия.Иванова-2",
    "Tamil": "பாரதி",
    "Thai": "สมชาย",
    "Tibetan": "བསྟན་འཛིན",
    "Turkish": "İsmail",
    "Vietnamese": "Nguyễn",
}

NOTHING_TO_SEE = "\u200b\u3164\u2800\u00ad\u2060\ufeff\u034f\u115f\u1160\uffa0\u180b\u17b4\ufe0f"


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
        "\u0301e",  # begins with a mark
        "ali\u200bce",  # zero-width space
        "alice\u202e",  # right-to-left override
        "аlice",  # the first letter is Cyrillic
        "alice山田",
        "김さん",  # Korean and Japanese
        "Ωmega",
        "ᚠᚢᚦ",  # runes: no script of today
        "a\u0661",  # an Arabic digit
        "علی1۱",  # digits of two kinds
        "a\u200cb",  # a joiner that joins nothing
        "אa",  # letters in both directions
        "x\u0323\u0323",
        "q\u0301\u0302\u0303\u0304\u0305",
        "🎉",
        "ⅷ",
        "ﬁ",
        "a・b",
        "É" * 33,
        "山" * 22,  # 66 bytes
        "ß" * 17,  # 34 characters when it is folded
        "\u0390" * 32 + "x",
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
        "a\ud800",
        "e" + "\u0301" * 100_000,
        "É" * 100_000,
        *NOTHING_TO_SEE,
        *(f"a{invisible}" for invisible in NOTHING_TO_SEE),
    ],
)
def test_an_invalid_name_is_refused_in_one_line(check: Check, name: str) -> None:
    """A name that is not in one script is refused. The refusal does not repeat the name."""
    with pytest.raises(Refused) as caught:
        check(name)
    assert caught.value.code is Code.BAD_NAME
    assert caught.value.sentence.isprintable()


@pytest.mark.parametrize("check", [person_name, group_name])
@pytest.mark.parametrize("language", LANGUAGES)
def test_names_of_any_language(check: Check, language: str) -> None:
    """A name in one script is valid, however the keyboard composes its letters."""
    name = LANGUAGES[language]
    for form in ("NFC", "NFD"):
        written = unicodedata.normalize(form, name)
        assert check(written) == unicodedata.normalize("NFC", name)
        assert fold(written) == fold(name) == fold(fold(name))


@pytest.mark.parametrize(
    ("written", "name"), [("Ａｌｉｃｅ－１", "Alice-1"), ("ﾀﾛｳ", "タロウ"), ("\u212alaus", "Klaus")]
)
def test_letters_of_another_width_are_the_usual_ones(written: str, name: str) -> None:
    """Full-width and half-width letters, which some keyboards type, are mapped."""
    assert person_name(written) == name
    assert fold(written) == fold(name)


@pytest.mark.parametrize(
    ("one", "other"),
    [("STRASSE", "straße"), ("ΟΔΥΣΣΕΥΣ", "Οδυσσευς"), ("ЮЛИЯ", "юлия"), ("Ǆ", "ǆ"), ("É", "é")],
)
def test_upper_and_lower_case_are_equal(one: str, other: str) -> None:
    """Names are compared after full case folding."""
    assert fold(one) == fold(other)


def test_the_longest_names() -> None:
    """A name and its key have at most 32 characters and 64 bytes."""
    for longest in ("A" * 32, "É" * 32, "山" * 21, "ß" * 16, "İ" * 16, "\U00020000" * 16):
        assert person_name(longest) == longest
        assert len(fold(longest)) <= MAX_NAME
        assert len(fold(longest).encode()) <= MAX_NAME_BYTES


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


@pytest.mark.parametrize("number", ["0", "1", "42", "007", "9" * 32, "\uff11\uff12", "१२", "๔๒"])
def test_a_number_is_no_name_of_a_new_group(number: str) -> None:
    """In whatever digits, and however long: the server numbers the groups."""
    with pytest.raises(Refused) as caught:
        group_name(number)
    assert caught.value.code is Code.BAD_NAME
    assert "cannot name a new group" in caught.value.sentence


def test_a_person_may_have_a_number_as_their_name() -> None:
    """Full-width digits are mapped."""
    assert [person_name(name) for name in ("007", "\uff11\uff12")] == ["007", "12"]


@pytest.mark.parametrize(
    ("name", "number"), [("1", 1), ("42", 42), ("007", 7), ("9" * 9, 10**9 - 1)]
)
def test_numbers_of_groups(name: str, number: int) -> None:
    """They have at most nine ASCII digits."""
    assert group_number(name) == number


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


name_like = st.text(max_size=40) | st.text(
    alphabet=st.characters(categories=["Ll", "Lu", "Lo", "Lm", "Mn", "Mc", "Nd", "Cf"]), max_size=6
)


@given(name_like)
@steady
def test_any_text_is_a_name_or_refused(raw: str) -> None:
    """A text that is accepted stays the same, and is safe on every terminal and in the store."""
    for check in (person_name, group_name):
        try:
            name = check(raw)
        except Refused:
            continue
        key = fold(name)
        assert check(name) == name == safe_line(name)
        assert fold(raw) == key == fold(key)
        assert max(len(name), len(key)) <= MAX_NAME
        assert max(len(name.encode()), len(key.encode())) <= MAX_NAME_BYTES
        assert not any(char.isspace() or char in "/,:@" for char in name)


@given(name_like)
@steady
def test_names_follow_rfc_8265(raw: str) -> None:
    """A valid name is unchanged by the profiles of RFC 8265."""
    try:
        name = person_name(raw)
    except Refused:
        return
    assert get_profile("UsernameCasePreserved").enforce(raw) == name
    assert get_profile("UsernameCaseMapped:CaseFold").enforce(name) == fold(name)
