"""Options: what the command line asks for, and one line for what cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pyconchat.client.net.address import Address
from pyconchat.client.options import Options, parse_options

NOBODY: dict[str, str] = {}


def parsed(*words: str, **environ: str) -> Options:
    return parse_options(words, environ)


def refused(capsys: pytest.CaptureFixture[str], *words: str, **environ: str) -> str:
    """Return the line with which *words* are refused."""
    with pytest.raises(SystemExit) as caught:
        parse_options(words, environ)
    assert caught.value.code == 2
    written = capsys.readouterr()
    assert written.out == ""
    (line,) = written.err.splitlines()
    assert line.startswith("pyconchat: ")
    return line


@pytest.mark.parametrize(
    ("words", "address"),
    [
        (["host"], Address("host", 8000)),
        (["host", "9000"], Address("host", 9000)),
        (["alice@host:9000/tea"], Address("host", 9000, "alice", "tea")),
        (["--name", "bob", "host"], Address("host", 8000, "bob")),
        (["--name", "bob", "alice@host"], Address("host", 8000, "bob")),
        (["--group", "tea", "host"], Address("host", 8000, "", "tea")),
        (["--group", "12", "host/tea"], Address("host", 8000, "", "12")),
        (["--tls", "host"], Address("host", 8443, tls=True)),
        (["--tls", "host", "9000"], Address("host", 9000, tls=True)),
        (["pyconchats://alice@[::1]/tea"], Address("::1", 8443, "alice", "tea", True)),
    ],
)
def test_addresses(words: list[str], address: Address) -> None:
    """The address is one word or two; options win over what is in it."""
    assert parsed(*words).address == address


def test_what_is_not_asked_for() -> None:
    """Without options nothing is sent, fetched, or known."""
    options = parsed("host")
    assert options.password is None
    assert (options.downloads, options.auto_get) == (Path("."), -1)
    assert (options.send, options.get) == ((), "")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([], "host"),
        (["host", "9000", "more"], "more"),
        (["host", "eighty"], "1 to 65535"),
        (["host", "0"], "1 to 65535"),
        (["host:9000", "9000"], "two ports"),
        (["host:99999"], "1 to 65535"),
        (["::1"], "brackets"),
        (["@host"], "@host"),
        (["--nonsense", "host"], "--nonsense"),
        (["-x", "host"], "-x"),
        (["--name", "host"], "host"),
        (["--name", "a b", "host"], "A name"),
        (["--name", "a@b", "host"], "A name"),
        (["--name", "a/b", "host"], "A name"),
        (["--name", "quit", "host"], "quit"),
        (["--group", "a b", "host"], "A group's name"),
        (["--group", "a/b", "host"], "A group's name"),
        (["--group", "007", "host"], "A group's number"),
        (["--auto-get", "much", "host"], "much"),
        (["--auto-get", "5T", "host"], "5T"),
        (["--auto-get", "1.5M", "host"], "1.5M"),
        (["--auto-get", "", "host"], "size"),
        (["--send", "a.txt", "--", "host"], "--group"),
        (["--get", "1", "host"], "--group"),
        (["--password-file", "/nonexistent/file", "host"], "/nonexistent/file"),
        (["--password-file", "/", "host"], "--password-file"),
    ],
)
def test_slips(capsys: pytest.CaptureFixture[str], words: list[str], named: str) -> None:
    """Each slip is told of in one line that names it, and the exit status is 2."""
    assert named in refused(capsys, *words)


@pytest.mark.parametrize("name", ["--name", "--group"])
def test_an_empty_name(capsys: pytest.CaptureFixture[str], name: str) -> None:
    """An empty name, as of a variable that is not set, is as none or a slip; nothing worse."""
    assert parsed(name, "", "host").address == Address("host", 8000)


# Passwords.


@pytest.mark.parametrize(
    "words",
    [
        ["--password", "secret-word", "host"],
        ["--password=secret-word", "host"],
        ["--pass", "secret-word", "host"],
        ["-p", "secret-word", "host"],
        ["-psecret-word", "host"],
        ["alice:secret-word@host"],
        ["pyconchat://alice:secret-word@host/tea"],
        ["host", "9000", "secret-word"],
    ],
)
def test_no_password_on_the_command_line(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
) -> None:
    """There is no way to give one, where everybody who lists processes would read it."""
    monkeypatch.chdir(tmp_path)
    refused(capsys, *words)


def test_an_option_that_is_nearly_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--password is no short form of --password-file: its word is not taken for a file's name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hunter2").write_text("something else\n")
    refused(capsys, "--password", "hunter2", "host")


def test_the_password_of_the_environment() -> None:
    """PYCONCHAT_PASSWORD is the password, as it is."""
    assert parsed("host", PYCONCHAT_PASSWORD=" correct horse ").password == " correct horse "


@pytest.mark.parametrize(
    ("data", "password"),
    [
        ("word\n", "word"),
        ("word", "word"),
        ("word\r\n", "word"),
        ("word\nmore\n", "word"),
        (" two words \n", " two words "),
        ("pässwörd\n", "pässwörd"),
        ("\n", ""),
        ("", ""),
    ],
)
def test_the_password_of_a_file(tmp_path: Path, data: str, password: str) -> None:
    """Its first line is the password, and counts before the environment's."""
    file = tmp_path / "password"
    file.write_bytes(data.encode())
    options = parsed("--password-file", str(file), "host", PYCONCHAT_PASSWORD="other")
    assert options.password == password


def test_a_password_file_that_is_no_text(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A wrong file is a slip as others, and nothing of it is shown."""
    file = tmp_path / "password"
    file.write_bytes(b"secret-\xff\xfe-word\n")
    assert "secret" not in refused(capsys, "--password-file", str(file), "host")


def test_a_password_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """No slip shows the password."""
    assert "secret-word" not in refused(capsys, "host:0", PYCONCHAT_PASSWORD="secret-word")


# The terminal.


@pytest.mark.parametrize(
    ("words", "environ", "tty", "plain"),
    [
        ([], {"TERM": "xterm"}, True, False),
        (["--plain"], {"TERM": "xterm"}, True, True),
        ([], {"TERM": "xterm"}, False, True),
        ([], {"TERM": "dumb"}, True, True),
        ([], {}, True, True),
        ([], {"TERM": "xterm", "NO_COLOR": "1"}, True, True),
        ([], {"TERM": "xterm", "NO_COLOR": ""}, True, False),
    ],
)
def test_plain(
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    environ: dict[str, str],
    tty: bool,
    plain: bool,
) -> None:
    """Plain is for those who ask for it, and for terminals that can do no more."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: tty, raising=False)
    assert parse_options([*words, "host"], environ).plain is plain


# Files.


@pytest.mark.parametrize(
    ("word", "size"),
    [
        ("0", 0),
        ("1", 1),
        ("200k", 200_000),
        ("200kB", 200_000),
        ("5M", 5_000_000),
        ("1G", 1_000_000_000),
        ("512B", 512),
    ],
)
def test_sizes(word: str, size: int) -> None:
    """Sizes are in powers of 1000, as they are shown."""
    assert parsed("--auto-get", word, "host").auto_get == size


def test_files() -> None:
    """Files to send are paths, to get a number or a name."""
    options: Any = parsed("host/tea", "--send", "a.txt", "b/c.txt", "--send", "d.txt")
    assert options.send == (Path("a.txt"), Path("b/c.txt"), Path("d.txt"))
    assert parsed("--get", "12", "host/tea").get == "12"
    assert parsed("--downloads", "/tmp/x", "host").downloads == Path("/tmp/x")


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_what_ends_at_once(capsys: pytest.CaptureFixture[str], option: str) -> None:
    """Help and version go to standard output, with status 0."""
    with pytest.raises(SystemExit) as caught:
        parse_options([option], NOBODY)
    assert caught.value.code == 0
    assert "pyconchat" in capsys.readouterr().out
