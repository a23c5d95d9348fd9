# ruff: noqa: RUF001 - letters of many scripts are here on purpose
"""SafeText: nothing dangerous reaches a terminal, and nothing else is lost."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyconchat.domain.text import MAX_COMBINING, MAX_INVISIBLE, expand_tabs, safe_line, safe_text
from tests.support.examples import examples

steady = settings(deadline=None, derandomize=True, database=None, max_examples=examples(300))

BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
FORBIDDEN = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{BIDI}\u2028\u2029\ud800-\udfff]")

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
    """No C0 but line feed and tab, no C1, DEL, bidi override, separator or surrogate is left."""
    assert not FORBIDDEN.search(safe_text(raw))
    safe_text(raw).encode()


@given(anything)
@steady
def test_safe_text_stays_the_same(raw: str) -> None:
    """Making a safe text safe again does not change it."""
    assert safe_text(safe_text(raw)) == safe_text(raw)


@given(st.text(alphabet=st.sampled_from("a \u0301\u0489\u20dd\u0300\u200d\u200e\u202e\t")))
@steady
def test_at_most_so_many_combining_marks_in_a_row(raw: str) -> None:
    """Joiners and removed characters between the marks do not change that."""
    marks = 0
    for char in safe_text(raw):
        if unicodedata.category(char) in ("Mn", "Me"):
            marks += 1
            assert marks <= MAX_COMBINING
        elif unicodedata.category(char) != "Cf":
            marks = 0


@pytest.mark.parametrize("hidden", ["\u200b", "\U000e0041", "\u200d", "\u2060", "\ufeff", "\u00ad"])
def test_no_text_is_hidden_in_another(hidden: str) -> None:
    """Of invisible characters after one letter only as many stay as any script needs."""
    assert safe_text(f"a{hidden * 4000}b") == f"a{hidden * MAX_INVISIBLE}b"
    assert (
        safe_text("".join(f"{letter}{hidden}" for letter in "abc"))
        == f"a{hidden}b{hidden}c{hidden}"
    )


@pytest.mark.parametrize("char", "\u206a\u206f\ufff9\ufffb")
def test_deprecated_format_characters(char: str) -> None:
    """They go: old terminals may obey them."""
    assert safe_text(f"a{char}b") == "ab"


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S", "Zs"])))
@steady
def test_printable_text_is_kept(raw: str) -> None:
    """Letters, digits, punctuation, symbols and spaces stay as they are, in NFC."""
    normal = unicodedata.normalize("NFC", raw)
    assert safe_text(raw) in (normal, "")
    assert safe_text(f"a{raw}") == unicodedata.normalize("NFC", f"a{raw}")


@given(
    st.lists(
        st.tuples(
            st.characters(
                categories=["Ll", "Lu", "Lo"], exclude_characters="\u115f\u1160\u3164\uffa0"
            ),
            st.text(alphabet=st.characters(categories=["Mn"]), max_size=MAX_COMBINING - 1),
        )
    )
)
@steady
def test_letters_keep_their_marks(letters: list[tuple[str, str]]) -> None:
    """As many marks on one letter as any script needs are kept."""
    raw = "".join(letter + marks for letter, marks in letters)
    assert safe_text(raw) == unicodedata.normalize("NFC", raw)


@pytest.mark.parametrize("language", WRITTEN)
def test_languages_are_kept(language: str) -> None:
    """Text in these languages and scripts is kept byte for byte, in NFC."""
    assert safe_text(WRITTEN[language]) == unicodedata.normalize("NFC", WRITTEN[language])


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("a\tb", "a\tb"),
        ("a\nb\n\n  c\n", "a\nb\n\n  c"),
        ("a\u2028b\u2029c\vd\fe\x85f", "a\nb\nc\nd\ne\nf"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x9b31mred\x9b0m", "red"),
        ("\x1b[1;38;5;196mred", "red"),
        ("\x1b[?1049h\x1b[2Jgone", "gone"),
        ("cut short\x1b[31", "cut short"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://h/\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;cm0gLXJm\nnext line", "next line"),
        ("\x1bPq#0;2;0\x1b\\sixel", "sixel"),
        ("\x9d0;title\x9ctext", "text"),
        ("\x1b(0line drawing\x1b(B", "line drawing"),
        ("\x1bcreset", "reset"),
        ("bell\x07 back\x08space", "bell backspace"),
        ("del\x7f nul\x00", "del nul"),
        ("10%\r50%\r100%\r", "100%"),
        ("crlf\r\nnext", "crlf\nnext"),
        ("user\u202egpj.exe", "usergpj.exe"),
        ("\u2066isolate\u2069", "isolate"),
        ("half \ud83d", "half "),
        ("e\u0301", "\xe9"),
        ("e\u202e\u0301", "\xe9"),
        ("z" + "\u0301" * 50 + "!", "\u017a" + "\u0301" * 8 + "!"),
        ("z" + "\u0301\u202e" * 50, "\u017a" + "\u0301" * 8),
        ("", ""),
    ],
)
def test_dangerous_text_and_its_replacement(raw: str, safe: str) -> None:
    """Escape sequences go as a whole, control characters too; line ends become line feeds."""
    assert safe_text(raw) == safe


@pytest.mark.parametrize(
    "raw",
    [
        *(" ", "\t\n", "\u00a0\u3000", "\u200b", "\u3164", "\u2800", "\xad", "\u2060"),
        *("\ufeff", "\u034f", "\u115f\u1160", "\u200d\ufe0f", "\x1b[31m", "\r", "\u202e"),
    ],
)
def test_text_with_nothing_visible_is_empty(raw: str) -> None:
    """Spaces, joiners, fillers and blanks alone are no message."""
    assert safe_text(raw) == safe_text(raw * 3) == safe_line(raw) == ""


@given(anything)
@steady
def test_a_line_is_one_line(raw: str) -> None:
    """It has neither line feeds nor tabs, and is safe otherwise too."""
    line = safe_line(raw)
    assert not re.search(r"[\n\t]", line)
    assert safe_line(line) == line
    assert not FORBIDDEN.search(line)


@pytest.mark.parametrize(
    ("line", "before", "shown"),
    [
        ("a\tb", "", "a       b"),
        ("\tb", "bob: ", "   b"),
        ("1234567\tb", "", "1234567 b"),
        ("12345678\tb", "", "12345678        b"),
        ("\u8336\tb", "", "\u8336      b"),
        ("e\u0301\u0301\tb", "", "e\u0301\u0301       b"),
    ],
)
def test_tabs_lead_to_the_next_stop(line: str, before: str, shown: str) -> None:
    """Every eight columns, counted from the margin, with wide characters as two."""
    assert expand_tabs(line, before) == shown
