"""Paths: files named in the syntax of a shell, a terminal and a file manager."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from pyconchat.client.files.paths import files_named


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with some files."""
    for name in ("my file.txt", "plain.txt", "it's.txt", "a.log", "b.log", "back\\slash"):
        (tmp_path / name).touch()
    (tmp_path / unicodedata.normalize("NFD", "résumé.pdf")).touch()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "50% done.txt").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("plain.txt", ["plain.txt"]),
        (" my file.txt ", ["my file.txt"]),
        ("my\\ file.txt", ["my file.txt"]),
        ("'my file.txt'", ["my file.txt"]),
        ('"my file.txt"', ["my file.txt"]),
        ('"my file.txt" plain.txt', ["my file.txt", "plain.txt"]),
        ("it's.txt", ["it's.txt"]),
        ('"it\'s.txt"', ["it's.txt"]),
        ("back\\slash", ["back\\slash"]),
        ("*.log", ["a.log", "b.log"]),
        ("plain.txt *.log", ["plain.txt", "a.log", "b.log"]),
        ("sub/50%\\ done.txt", ["sub/50% done.txt"]),
        ("nosuch.txt", []),
        ("sub", []),
        ("'", []),
        ("x" * 5000, []),
        ("a\0b", []),
    ],
)
def test_files_named(typed: str, names: list[str]) -> None:
    """The whole text, or else the words in it."""
    assert [str(path) for path in files_named(typed)] == names


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_normal_forms(form: str) -> None:
    """A file from macOS has its name in NFD, and keyboards type NFC."""
    (path,) = files_named(unicodedata.normalize(form, "résumé.pdf"))  # type: ignore[arg-type]
    assert path.is_file()


@pytest.mark.parametrize("scheme", ["file://", "file://localhost", "file:", "FILE://"])
def test_urls(folder: Path, scheme: str) -> None:
    """As a terminal pastes a dropped file."""
    typed = f"{scheme}{folder}/sub/50%25%20done.txt {scheme}{folder}/my%20file.txt"
    assert [path.name for path in files_named(typed)] == ["50% done.txt", "my file.txt"]


@pytest.mark.parametrize("typed", ["file://other-host/etc/passwd", "file://[/x", "http://h/x"])
def test_urls_of_other_hosts(typed: str) -> None:
    """They name no file of this machine."""
    assert files_named(typed) == []
