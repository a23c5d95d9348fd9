"""The command line: options, and one line for each error."""

from __future__ import annotations

import pwd
from pathlib import Path
from typing import Any

import pytest

from pyconchat.client.net.address import Address
from pyconchat.client.options import Options, parse_options

EMPTY: dict[str, str] = {}


def parsed(*arguments: str, **environ: str) -> Options:
    """Return the options for *arguments*."""
    return parse_options(arguments, environ)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str, **environ: str) -> str:
    """Return the line with which *arguments* are refused."""
    with pytest.raises(SystemExit) as caught:
        parse_options(arguments, environ)
    assert caught.value.code == 2
    written = capsys.readouterr()
    assert written.out == ""
    (line,) = written.err.splitlines()
    assert line.startswith("pyconchat: ")
    return line


@pytest.mark.parametrize(
    ("arguments", "address"),
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
def test_addresses(arguments: list[str], address: Address) -> None:
    """The address is one word or two; options override its parts."""
    assert parsed(*arguments).address == address


def test_defaults() -> None:
    """Without options there is no password, and nothing is sent or fetched."""
    options = parsed("host")
    assert options.password is None
    assert (options.downloads, options.auto_get) == (Path("."), -1)
    assert (options.view, parsed("--view", "all", "host").view) == ("", "all")
    assert (options.send, options.get) == ((), "")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "host"),
        (["host", "9000", "more"], "more"),
        (["host", "eighty"], "1 to 65535"),
        (["host", "0"], "1 to 65535"),
        (["host:9000", "9000"], "two ports"),
        (["host:99999"], "1 to 65535"),
        (["::1:"], "IPv6"),
        (["xn--ls8ha.st"], "host name"),
        (["--notify-command", "", "host"], "empty"),
        (["--notify-command", "a 'b", "host"], "a 'b"),
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
        (["--view", "two", "host"], "two"),
        (["--send", "a.txt", "--", "host"], "--group"),
        (["--get", "1", "host"], "--group"),
        (["--password-file", "/nonexistent/file", "host"], "/nonexistent/file"),
        (["--password-file", "/", "host"], "--password-file"),
    ],
)
def test_invalid_arguments(
    capsys: pytest.CaptureFixture[str], arguments: list[str], named: str
) -> None:
    """Each is reported in one line that names it, and the exit status is 2."""
    shown = refused(capsys, *arguments)
    assert named in shown
    assert "Errno" not in shown


@pytest.mark.parametrize("name", ["--name", "--group"])
def test_an_empty_name(capsys: pytest.CaptureFixture[str], name: str) -> None:
    """As from an unset variable: it counts as not given."""
    assert parsed(name, "", "host").address == Address("host", 8000)


# Passwords.


@pytest.mark.parametrize(
    "arguments",
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
    arguments: list[str],
) -> None:
    """It cannot be given there, where everybody who lists processes could read it."""
    monkeypatch.chdir(tmp_path)
    refused(capsys, *arguments)


def test_no_abbreviations(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--password does not mean --password-file, so its value is not read as a file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hunter2").write_text("something else\n")
    refused(capsys, "--password", "hunter2", "host")


def test_the_password_in_the_environment() -> None:
    """It is used unchanged."""
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
def test_the_password_in_a_file(tmp_path: Path, data: str, password: str) -> None:
    """It is the first line, and overrides the environment."""
    file = tmp_path / "password"
    file.write_bytes(data.encode())
    options = parsed("--password-file", str(file), "host", PYCONCHAT_PASSWORD="other")
    assert options.password == password


def test_an_invalid_password_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """It is reported like other errors, and its content is not shown."""
    file = tmp_path / "password"
    file.write_bytes(b"secret-\xff\xfe-word\n")
    assert "secret" not in refused(capsys, "--password-file", str(file), "host")


def test_a_password_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """No error message has it."""
    assert "secret-word" not in refused(capsys, "host:0", PYCONCHAT_PASSWORD="secret-word")


# The terminal.


@pytest.mark.parametrize(
    ("arguments", "environ", "tty", "plain"),
    [
        ([], {"TERM": "xterm"}, True, False),
        (["--plain"], {"TERM": "xterm"}, True, True),
        ([], {"TERM": "xterm"}, False, True),
        ([], {"TERM": "dumb"}, True, True),
        ([], {}, True, True),
        ([], {"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ([], {"TERM": "xterm", "NO_COLOR": ""}, True, False),
    ],
)
def test_plain(
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    environ: dict[str, str],
    tty: bool,
    plain: bool,
) -> None:
    """With the option, and on terminals that can do no more."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: tty, raising=False)
    assert parse_options([*arguments, "host"], environ).plain is plain


def test_no_colours() -> None:
    """NO_COLOR removes only the colours."""
    assert not parsed("host", NO_COLOR="1").colours
    assert parsed("host", NO_COLOR="").colours
    assert parsed("host").colours


# The user of this machine.


@pytest.mark.parametrize(
    ("environ", "user"),
    [
        ({"USER": "ann", "LOGNAME": "bob"}, "ann"),
        ({"LOGNAME": "backup"}, "backup"),
        ({"USER": "", "LOGNAME": "backup"}, "backup"),
        ({}, "of-the-uid"),
        ({"USER": "no name"}, ""),
    ],
)
def test_the_user(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], user: str) -> None:
    """Cron sets LOGNAME, and containers nothing."""
    entry = pwd.struct_passwd(("of-the-uid", "", 1, 1, "", "/home/x", ""))
    monkeypatch.setattr("pwd.getpwuid", lambda _: entry)
    assert parsed("host", **environ).user == user


def test_no_home(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without an entry in passwd(5), as in containers: one line names the variables."""

    def fail(_uid: int) -> None:
        raise KeyError

    monkeypatch.setattr("pwd.getpwuid", fail)
    monkeypatch.delenv("HOME", raising=False)
    assert "XDG_STATE_HOME" in refused(capsys, "host")
    assert parsed("host", XDG_STATE_HOME="/var/x").state == Path("/var/x/pyconchat/client")
    assert parsed("host", HOME="/h").state == Path("/h/.local/state/pyconchat/client")


def test_a_command_for_mentions() -> None:
    """It is split into words as a shell does, but no shell runs it."""
    assert parsed("--notify-command", "notify-send -a 'my chat'", "host").notify == (
        "notify-send",
        "-a",
        "my chat",
    )


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
    """Units are powers of 1000, as on the screen."""
    assert parsed("--auto-get", word, "host").auto_get == size


def test_files() -> None:
    """Files to send are paths; a file to get is a number or a name."""
    options: Any = parsed("host/tea", "--send", "a.txt", "b/c.txt", "--send", "d.txt")
    assert options.send == (Path("a.txt"), Path("b/c.txt"), Path("d.txt"))
    assert parsed("--get", "12", "host/tea").get == "12"
    assert parsed("--downloads", "/tmp/x", "host").downloads == Path("/tmp/x")


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version(capsys: pytest.CaptureFixture[str], option: str) -> None:
    """They are written to standard output, with status 0."""
    with pytest.raises(SystemExit) as caught:
        parse_options([option], EMPTY)
    assert caught.value.code == 0
    assert "pyconchat" in capsys.readouterr().out
