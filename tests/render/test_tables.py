"""Tables: columns are aligned for any text in the cells."""

from __future__ import annotations

from pyconchat.domain.names import Name
from pyconchat.domain.replies import FileLine, Files
from pyconchat.domain.text import columns, safe_line
from pyconchat.render.replies import reply_lines


def test_wide_and_combining_names() -> None:
    """The size ends in the same column in each line of /files."""
    names = ["漢字.txt", "cafe\u0301.txt", "plain.txt", "नमस्ते.txt", "👨‍👩‍👧.png"]
    files = [
        FileLine(number, safe_line(name), 12, "0" * 64, Name("bob"), 0)
        for number, name in enumerate(names, 1)
    ]
    lines = reply_lines(Files(Name("tea"), files))
    ends = {columns(line[: line.index("bytes") + 5]) for line in lines[1:]}
    assert ends == {columns(lines[0][: lines[0].index("Size") + 4])}
