"""Config: the TOML file, each key with its default, and errors that name the key."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pyconchat.config import BadConfig, Config, DoorsConfig, NodeConfig, default_state, read_config

# Every key of the file: its default, another value in TOML and in Python, and invalid values.
KEYS: dict[str, tuple[Any, str, Any, tuple[str, ...]]] = {
    "lobby": (None, '"Tea"', "Tea", ("1", "true", '["tea"]')),
    "guests": (True, "false", False, ('"yes"', "1", "[]")),
    "motd": ("", '"Be kind."', "Be kind.", ("1", "true")),
    "doors.line": (
        ("tcp:8000:interface=127.0.0.1",),
        '["tcp:1", "tcp:2"]',
        ("tcp:1", "tcp:2"),
        ('"tcp:8000"', "8000", "[8000]"),
    ),
    "doors.irc": ((), '["tcp:6667"]', ("tcp:6667",), ('"tcp:6667"', "6667", "[6667]")),
    "doors.ssh": ((), '["tcp:2222"]', ("tcp:2222",), ('"tcp:2222"', "2222", "[2222]")),
    "ssh_host_key": ("", '"/etc/chat/key"', "/etc/chat/key", ("1", "[]", "true")),
    "irc.name": ("", '"irc.example.org"', "irc.example.org", ("1", '"a b"', '":a"')),
    "irc.network": ("PyconChat", '"Home"', "Home", ("1", '""', '"a b"')),
    "new_groups": ("approval", '"open"', "open", ("1", '"password"', "true")),
    "public_host": (
        "",
        '"[2001:db8::1]:8000"',
        "[2001:db8::1]:8000",
        ("1", "true", "[]"),
    ),
    "public_url": (
        "",
        '"https://chat.example.org"',
        "https://chat.example.org",
        ("1", "true", "[]"),
    ),
    "trusted_proxies": (
        (),
        '["10.0.0.0/8", "::1", "unix"]',
        ("10.0.0.0/8", "::1", "unix"),
        ("1", '"10.0.0.1"', "[1]"),
    ),
    "doors.web": (
        (),
        '["tcp:8080:interface=127.0.0.1"]',
        ("tcp:8080:interface=127.0.0.1",),
        ("1", '"tcp:8080"', "[1]"),
    ),
    "web.metrics": ((), '["10.0.0.0/8"]', ("10.0.0.0/8",), ("1", '"10.0.0.1"', "[1]")),
    "web.acme_webroot": ("", '"/var/www"', "/var/www", ("1", "true", "[]")),
    "doors.metrics": ("", '"tcp:9000"', "tcp:9000", ("1", "true", "[]")),
    "store.url": ("", '"postgresql://h/n"', "postgresql://h/n", ("1", "false")),
    "store.durability": ("full", '"normal"', "normal", ('"fast"', "1", "true")),
    "bus.url": ("", '"redis://h:6379/1"', "redis://h:6379/1", ("1", "false", "[]")),
    "node.name": ("", '"chat-1.b_2"', "chat-1.b_2", ("1", '"a b"', '"-a"', f'"{"a" * 64}"')),
    "limits.line_bytes": (4096, "100", 100, ('"a"', "63", "65537", "1.5", "true", "0", "-1")),
    "limits.missed_entries": (200, "50", 50, ('"a"', "0", "1001", "1.5")),
    "limits.connections_per_ip": (64, "0", 0, ('"a"', "-1", "1.5", "10000001")),
    "limits.sessions_per_ip": (64, "0", 0, ('"a"', "-1", "1.5")),
    "limits.connections_per_ip_10min": (128, "0", 0, ('"a"', "-1", "1.5")),
    "limits.unauthenticated": (100, "0", 0, ('"a"', "-1", "1.5")),
    "limits.login_seconds": (60, "0", 0, ('"a"', "-1", "inf", "nan", "true")),
    "limits.login_attempts_per_minute": (3, "0", 0, ('"a"', "-1", "1.5")),
    "limits.login_delay_seconds": (5, "0", 0, ('"a"', "-1", "nan")),
    "limits.message_burst": (10, "0", 0, ('"a"', "-1", "1.5")),
    "limits.messages_per_second": (5, "0.5", 0.5, ('"a"', "-0.5", "inf", "nan")),
    "limits.unsent_soft_bytes": (65536, "1024", 1024, ('"a"', "-1", "1.5")),
    "limits.unsent_hard_bytes": (1048576, "0", 0, ('"a"', "-1", "1.5")),
    "limits.groups_per_account": (200, "0", 0, ('"a"', "-1", "1.5")),
    "limits.requests_per_account": (20, "0", 0, ('"a"', "-1", "1.5")),
    "limits.requests_per_group": (500, "0", 0, ('"a"', "-1", "1.5")),
    "limits.invitations_per_account": (100, "0", 0, ('"a"', "-1", "1.5")),
    "limits.invitations_per_group": (500, "0", 0, ('"a"', "-1", "1.5")),
    "limits.bans_per_group": (1000, "0", 0, ('"a"', "-1", "1.5")),
    "limits.ignores_per_account": (500, "0", 0, ('"a"', "-1", "1.5")),
    "limits.names_per_minute": (30, "0", 0, ('"a"', "-1", "1.5")),
    "limits.ping_seconds": (90, "0", 0, ('"a"', "-1", "nan")),
    "limits.silence_seconds": (150, "0", 0, ('"a"', "-1", "inf", "nan")),
    "files.file_bytes": (100 * 1024**2, "0", 0, ('"a"', "-1", "1.5")),
    "files.account_bytes": (1024**3, "0", 0, ('"a"', "-1", "1.5")),
    "files.free_disk": (0.05, "0.5", 0.5, ('"a"', "-0.1", "1.1", "nan")),
    "files.uploads_per_account": (2, "0", 0, ('"a"', "-1", "1.5")),
    "files.idle_seconds": (60, "0", 0, ('"a"', "-1", "inf", "nan")),
    "files.ticket_seconds": (3600, "0", 0, ('"a"', "-1", "inf", "nan")),
    "files.tickets_per_account": (32, "0", 0, ('"a"', "-1", "1.5")),
    "files.unfinished_seconds": (86_400, "0", 0, ('"a"', "-1", "inf", "nan")),
}


def value(config: Config, key: str) -> Any:
    """Return the value of the dotted *key*."""
    found: Any = config
    for part in key.split("."):
        found = getattr(found, part)
    return found


def text_with(key: str, toml: str) -> str:
    """Return the text of a file that sets *key*."""
    table, _, name = key.rpartition(".")
    return f"[{table}]\n{name} = {toml}\n" if table else f"{name} = {toml}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "pyconchat.toml"


def refuses(file: Path, text: str) -> str:
    """Check that a file with *text* is refused; return the error, which is one line."""
    file.write_text(text)
    with pytest.raises(BadConfig) as caught:
        read_config(file).check()
    line = str(caught.value)
    assert "\n" not in line
    assert line
    return line


def test_the_table_of_keys_is_complete() -> None:
    """The table above has every setting, except the state folder."""
    found: set[str] = set()
    for field in msgspec.structs.fields(Config):
        default = getattr(Config(), field.name)
        if isinstance(default, msgspec.Struct):
            found |= {f"{field.name}.{inner.name}" for inner in msgspec.structs.fields(default)}
        else:
            found.add(field.name)
    assert found == {*KEYS, "state"}


@pytest.mark.parametrize(
    ("line", "port"),
    [
        (("tcp:8000:interface=127.0.0.1",), (8000, False)),
        (("unix:/run/chat", "selfsigned:8443"), (8443, True)),
        (("haproxy:tcp:port=8001",), (8001, False)),
        (("haproxy:tcp:8001", "unix:/run/chat", "ssl:8443:privateKey=k"), (8443, True)),
        (("systemd:domain=INET:index=0",), None),
    ],
)
def test_the_port_of_the_line_door(line: tuple[str, ...], port: tuple[int, bool] | None) -> None:
    """That of the first endpoint that names one, and whether it has TLS; a proxy's is the last."""
    assert DoorsConfig(line=line).line_port == port


def test_an_empty_file_has_the_defaults(file: Path) -> None:
    """No setting is required."""
    file.write_text("")
    assert read_config(file).check() == Config()


@pytest.mark.parametrize("key", KEYS)
def test_each_key_has_its_default_and_can_be_set(key: str, file: Path) -> None:
    """A missing key has its default. Setting one key leaves the others at their defaults."""
    default, toml, other, _ = KEYS[key]
    assert value(Config(), key) == default
    file.write_text(text_with(key, toml))
    config = read_config(file).check()
    assert value(config, key) == other
    for another in KEYS:
        if another != key:
            assert value(config, another) == KEYS[another][0]


@pytest.mark.parametrize(
    ("key", "toml"), [(key, toml) for key, row in KEYS.items() for toml in row[3]]
)
def test_a_wrong_type_or_range_names_the_key(key: str, toml: str, file: Path) -> None:
    """An invalid value is refused in one line that names the file and the key."""
    line = refuses(file, text_with(key, toml))
    assert re.search(rf"\b{re.escape(key)}\b", line), line
    assert file.name in line


@pytest.mark.parametrize(
    ("toml", "key"),
    [
        ("sate = 1", "sate"),
        ("[limits]\nline_byte = 1", "line_byte"),
        ("[doors]\nicr = []", "icr"),
        ("[store]\nurll = ''", "urll"),
        ("[lobbies]\na = 1", "lobbies"),
    ],
)
def test_an_unknown_key_is_named(toml: str, key: str, file: Path) -> None:
    """A misspelt key is refused."""
    assert key in refuses(file, toml)


@pytest.mark.parametrize(
    ("toml", "key"),
    [
        ('lobby = "two words"', "lobby"),
        ('lobby = ""', "lobby"),
        ('lobby = "leave"', "lobby"),
        ("[doors]\nline = []", "doors.line"),
        *(
            (f'public_url = "{url}"', "public_url")
            for url in (
                *("chat.example.org", "ftp://chat.example.org", "https://", "https://h:0"),
                *("https://h:99999", "https://user@h", "https://h/chat", "https://h?x", "//h"),
            )
        ),
        *(
            (f'[bus]\nurl = "{url}"', "bus.url")
            for url in (
                *("h", "notify", "http://h", "redis://", "redis://h/a", "redis://h:x"),
                *("redis://h?ssl_ca_certs=", "rediss://h?timeout=1", "redis://a b@h"),
            )
        ),
        ("[limits]\nunsent_soft_bytes = 2048\nunsent_hard_bytes = 1024", "unsent_hard_bytes"),
        ("[limits]\nping_seconds = 90\nsilence_seconds = 90", "silence_seconds"),
    ],
)
def test_values_that_contradict_each_other(toml: str, key: str, file: Path) -> None:
    """What types cannot express is checked too, and the key is named."""
    assert key in refuses(file, toml)


@pytest.mark.parametrize("text", ["state = ", "= 1", "[limits", "a = 1\na = 2", "\x00"])
def test_a_file_that_is_not_toml(text: str, file: Path) -> None:
    """The error names the file."""
    assert file.name in refuses(file, text)


def test_a_file_that_is_not_utf8(file: Path) -> None:
    """The error names the file, in one line."""
    file.write_bytes(b'motd = "\xff\xfe"\n')
    with pytest.raises(BadConfig) as caught:
        read_config(file)
    assert file.name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file and a folder are errors of one line with the path."""
    for missing in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(BadConfig) as caught:
            read_config(missing)
        assert str(missing) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_limit_that_is_off_needs_no_order(file: Path) -> None:
    """A limit that must be above another may be 0, which turns it off."""
    file.write_text("[limits]\nunsent_hard_bytes = 0\nsilence_seconds = 0\nping_seconds = 600\n")
    assert read_config(file).check().limits.ping_seconds == 600


def test_a_file_that_states_the_defaults(file: Path) -> None:
    """A file with the documented defaults gives the same configuration as no file."""
    file.write_text(
        """
state = "state"
lobby = "lobby"
guests = true
motd = "Be kind."
[doors]
line = ["tcp:8000:interface=127.0.0.1"]
[store]
url = ""
durability = "full"
[limits]
line_bytes = 4096
connections_per_ip = 64
sessions_per_ip = 64
connections_per_ip_10min = 128
unauthenticated = 100
login_seconds = 60
login_attempts_per_minute = 3
message_burst = 10
messages_per_second = 5
unsent_soft_bytes = 65536
unsent_hard_bytes = 1048576
ping_seconds = 90
silence_seconds = 150
"""
    )
    config = read_config(file).check()
    assert (config.doors, config.store, config.limits) == (
        DoorsConfig(),
        Config().store,
        Config().limits,
    )
    assert (config.lobby, config.motd) == ("lobby", "Be kind.")


@pytest.mark.parametrize(
    ("state", "folder"),
    [("state", "state"), ("../beside", "../beside"), ("a/b", "a/b")],
)
def test_relative_paths_start_at_the_files_folder(state: str, folder: str, file: Path) -> None:
    """The working folder of the server does not matter."""
    file.write_text(f'state = "{state}"\n')
    assert read_config(file).state_path.resolve() == (file.parent / folder).resolve()
    assert read_config(file).state_path.is_absolute()


def test_an_absolute_state_folder(tmp_path: Path, file: Path) -> None:
    """An absolute path is used as it is; ~ is the user's home."""
    file.write_text(f'state = "{tmp_path / "elsewhere"}"\n')
    assert read_config(file).state_path == tmp_path / "elsewhere"
    file.write_text('state = "~/chat"\n')
    assert read_config(file).state_path == Path.home() / "chat"


def test_a_relative_config_path(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state folder is absolute even if the path of the file is relative."""
    file.write_text('state = "state"\n')
    monkeypatch.chdir(tmp_path)
    assert read_config(Path(file.name)).state_path == tmp_path / "state"


def test_the_default_state_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the XDG Base Directory Specification, which has relative paths ignored."""
    monkeypatch.setenv("HOME", "/home/alice")
    assert default_state({"XDG_STATE_HOME": "/var/s"}) == "/var/s/pyconchat"
    for environ in ({}, {"XDG_STATE_HOME": ""}, {"XDG_STATE_HOME": "relative"}):
        assert default_state(environ) == "/home/alice/.local/state/pyconchat"


def test_the_default_database_is_in_the_state_folder() -> None:
    """An empty url is an SQLite file in the state folder."""
    assert Config(state="/s").store_url == "sqlite:////s/pyconchat.db"
    other = msgspec.convert({"store": {"url": "postgresql://db/chat"}}, Config)
    assert other.store_url == "postgresql://db/chat"


def test_the_name_of_the_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one, that of the host, as far as it can be a name."""
    assert NodeConfig(name="one").shown_name == "one"
    for host, name in (("chat-1", "chat-1"), ("-ä b", "b"), ("é", "node"), ("a" * 99, "a" * 63)):
        monkeypatch.setattr(socket, "gethostname", lambda host=host: host)
        assert NodeConfig().shown_name == name


def test_no_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without HOME and an entry in passwd(5), one line names the option that is missing."""

    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", home)
    with pytest.raises(BadConfig, match="--state"):
        default_state({})
    assert default_state({"XDG_STATE_HOME": "/var/state"}) == "/var/state/pyconchat"


@pytest.mark.parametrize("host", ["a b", "2001:db8::1", "a:0", "a:70000", "nc://a", "a:b:1"])
def test_a_public_host_that_cannot_be(host: str) -> None:
    """The line has the expected form."""
    with pytest.raises(BadConfig, match="public_host: expected HOST or HOST:PORT"):
        Config(public_host=host).check()


@pytest.mark.parametrize("proxy", ["proxy.example.org", "10.0.0.1/8", "", "10.0.0.0/33"])
def test_a_trusted_proxy_that_is_no_network(proxy: str) -> None:
    """Names are not looked up."""
    with pytest.raises(BadConfig, match="trusted_proxies: "):
        Config(trusted_proxies=("10.0.0.0/8", proxy)).check()


def test_the_public_address() -> None:
    """With or without a port, by name or address."""
    forms = ["chat.example.org", "chat.example.org:8023", "[2001:db8::1]", "[2001:db8::1]:8023"]
    assert [Config(public_host=form).check().public_address for form in forms] == [
        ("chat.example.org", None),
        ("chat.example.org", 8023),
        ("2001:db8::1", None),
        ("2001:db8::1", 8023),
    ]
