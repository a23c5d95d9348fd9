# ruff: noqa: RUF001 - letters of many scripts are here on purpose
"""SafeText: nothing dangerous reaches a terminal, and nothing else is lost."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyconchat.domain.text import MAX_COMBINING, safe_text
from tests.support.examples import examples

steady = settings(deadline=None, derandomize=True, database=None, max_examples=examples(300))

BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
FORBIDDEN = re.compile(f"[\x00-\x1f\x7f-\x9f{BIDI}\u2028\u2029\ud800-\udfff]")

# Any text, with dangerous characters more often than by chance.
anything = st.text(
    alphabet=st.one_of(
        st.characters(),
        st.sampled_from(f"\x00\x07\x08\t\n\r\x1b\x7f\x85\x9b{BIDI}\u2028\u2029\ud800"),
        st.sampled_from("a\u0301\u0489\u20dd\u0e33\u200d\u200c\u200e\ufe0f"),
    )
)

WRITTEN = {
    "English": "Hello, team! (It's 50% off — really…)",
    "Persian with ZWNJ": "می\u200cخواهم کتاب\u200cها را ببینم؛ خوبی؟",
    "Arabic with vowel signs": "السَّلَامُ عَلَيْكُمْ",
    "Arabic with marks": "٣\u200f\u200e \u061cنص",
    "Hebrew with points and cantillation": "בְּרֵאשִׁ֖ית בָּרָ֣א אֱלֹהִ֑ים",
    "Hindi": "नमस्ते, क्या हाल है? स्त्री र्\u200dय",
    "Bengali": "আমি বাংলায় গান গাই",
    "Tamil": "வணக்கம், ஸ்ரீ",
    "Thai": "สวัสดีครับ ที่นี่ไม่มีน้ำ",
    "Lao": "ສະບາຍດີ ຂ້ອຍຊື່",
    "Khmer": "សួស្តី ខ្ញុំស្រឡាញ់អ្នក",
    "Tibetan": "བཀྲ་ཤིས་བདེ་ལེགས། རྒྱུད་བསྒྲུབས",
    "Burmese": "မင်္ဂလာပါ ကြောင့် မြို့",
    "Burmese with five marks on one letter": "လျှော့ပါ",
    "Chinese": "你好，世界！",
    "Japanese": "こんにちは、元気ですか？ ﾊﾛｰ が",
    "Korean": "안녕하세요 각",
    "Vietnamese, composed": "Tiếng Việt ở đây",
    "Vietnamese, decomposed": unicodedata.normalize("NFD", "Tiếng Việt ở đây"),
    "Emoji with ZWJ": "👨\u200d👩\u200d👧\u200d👦 ❤\ufe0f\u200d🔥 🏳\ufe0f\u200d🌈",
    "Emoji with colours, keys, flags": "👍🏽 1\ufe0f\u20e3 🇮🇷",
    "Emoji with tags": "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "Mathematics": "∀x∈ℝ: ⌈x⌉ = −⌊−x⌋ a\u0302 𝔸",
    "Yoruba": "Ẹ káàárọ̀ ọ̀rẹ́ mi",
    "no-break and ideographic spaces": "a\u00a0b\u3000c",
}


@given(anything)
@steady
def test_dangerous_characters_are_removed(raw: str) -> None:
    """No C0, C1, DEL, bidi override or isolate, line separator, or lone surrogate is left."""
    assert not FORBIDDEN.search(safe_text(raw))
    safe_text(raw).encode()


@given(anything)
@steady
def test_safe_text_stays_the_same(raw: str) -> None:
    """Making a safe text safe again does not change it."""
    assert safe_text(safe_text(raw)) == safe_text(raw)


@given(st.text(alphabet=st.sampled_from("a \u0301\u0489\u20dd\u0300\u200d\u200e\u202e\t")))
@steady
def test_at_most_four_combining_marks_in_a_row(raw: str) -> None:
    """Joiners and removed characters between the marks do not change that."""
    marks = 0
    for char in safe_text(raw):
        if unicodedata.category(char) in ("Mn", "Me"):
            marks += 1
            assert marks <= MAX_COMBINING
        elif unicodedata.category(char) != "Cf":
            marks = 0


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S", "Zs"])))
@steady
def test_printable_text_is_kept(raw: str) -> None:
    """Letters, digits, punctuation, symbols and spaces do not change."""
    assert safe_text(raw) == raw


@given(
    st.lists(
        st.tuples(
            st.characters(categories=["L"]),
            st.text(alphabet=st.characters(categories=["Mn"]), max_size=MAX_COMBINING),
        )
    )
)
@steady
def test_letters_keep_their_marks(letters: list[tuple[str, str]]) -> None:
    """Up to four marks on each letter are kept."""
    raw = "".join(letter + marks for letter, marks in letters)
    assert safe_text(raw) == raw


@pytest.mark.parametrize("language", WRITTEN)
def test_languages_are_kept_byte_for_byte(language: str) -> None:
    """Text in these languages and scripts does not change."""
    assert safe_text(WRITTEN[language]).encode() == WRITTEN[language].encode()


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("a\tb", "a b"),
        ("a\u2028b\u2029c", "a b c"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\x1b]0;title\x07", "]0;title"),
        ("bell\x07 back\x08space", "bell backspace"),
        ("del\x7f c1\x9b31m nel\x85", "del c131m nel"),
        ("cr\rlf\nnul\x00", "crlfnul"),
        ("user\u202egpj.exe", "usergpj.exe"),
        ("\u2066isolate\u2069", "isolate"),
        ("half \ud83d", "half "),
        ("z" + "\u0301" * 50 + "!", "z" + "\u0301" * 4 + "!"),
        ("z" + "\u0301\u202e" * 50, "z" + "\u0301" * 4),
        ("z" + "\u0301\u200d" * 6, "z" + "\u0301\u200d" * 4 + "\u200d\u200d"),
        ("", ""),
    ],
)
def test_dangerous_text_and_its_replacement(raw: str, safe: str) -> None:
    """Tabs and line separators become spaces; control characters are removed."""
    assert safe_text(raw) == safe
