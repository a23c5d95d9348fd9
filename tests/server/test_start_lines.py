"""What a start prints about the database and the ports."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from pyconchat.client.net.address import parse_address
from pyconchat.config import BusConfig, Config, NodeConfig, StoreConfig
from pyconchat.server.start_lines import (
    Programs,
    database_line,
    irc_line,
    metrics_line,
    node_line,
    port_line,
    reserved_lines,
    ssh_line,
    web_line,
)

ALL = Programs("pyconchat", "nc", "openssl s_client -quiet -connect", "nc -U")


def address(host: str) -> IPv4Address | IPv6Address:
    """Return the address of a port that listens on *host*."""
    kind = IPv6Address if ":" in host else IPv4Address
    return kind("TCP", host, 8000)


HOSTS = ["0.0.0.0", "::", "127.0.0.1", "127.0.0.2", "::1", "192.0.2.7", "2001:db8::7"]


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("host", HOSTS)
def test_the_client_accepts_what_is_printed(host: str, tls: bool) -> None:
    """The command, split as a shell does, names the port, and TLS where there is TLS."""
    command = port_line(address(host), tls, ALL).partition("connect with: ")[2]
    words = shlex.split(command.partition("   ")[0])
    assert words.pop(0) == "pyconchat"
    if tls:
        assert words.pop(0) == "--tls"
    found = parse_address(*words)
    assert found.port == 8000
    expected = "localhost" if host in ("0.0.0.0", "::", "127.0.0.1") else host
    assert found.host.strip("[]") == expected


@pytest.mark.parametrize(
    ("host", "reach"),
    [
        ("127.0.0.1", "this machine only"),
        ("127.0.0.2", "this machine only"),
        ("::1", "this machine only"),
        ("0.0.0.0", "open to the network"),
        ("::", "open to the network"),
        ("192.0.2.7", "open to the network"),
        ("fe80::1%eth0", "open to the network"),
    ],
)
def test_who_can_reach_a_port(host: str, reach: str) -> None:
    """The line says it, and whether others can read along."""
    assert f"({reach}, without encryption)" in port_line(address(host), False, ALL)
    assert f"({reach}, with TLS)" in port_line(address(host), True, ALL)
    assert f"({reach}, with TLS)" in irc_line(address(host), True)
    for line in (ssh_line, metrics_line):
        assert f"({reach})" in line(address(host))
    assert f"({reach})" in web_line(address(host), True, "")


@pytest.mark.parametrize("host", HOSTS)
def test_localhost_is_not_for_other_machines(host: str) -> None:
    """Each door that they reach says so, after a command or an address with that name."""
    at = address(host)
    for line in (
        port_line(at, True, ALL),
        irc_line(at, True),
        ssh_line(at),
        web_line(at, True, ""),
    ):
        elsewhere = line.endswith("   (from elsewhere: the name of this machine, not localhost)")
        assert elsewhere == (host in ("0.0.0.0", "::")), line
    assert web_line(at, True, "https://chat.example").endswith(": open https://chat.example/")


def test_only_programs_that_are_installed_are_named(tmp_path: Path) -> None:
    """The client beside Python if it is not on the PATH; without any program, none is named."""
    client = tmp_path / ".venv" / "bin" / "pyconchat"
    client.parent.mkdir(parents=True)
    client.touch(0o755)

    def installed(*names: str, folder: Path = tmp_path) -> Programs:
        def which(name: str) -> str | None:
            return f"/usr/bin/{name}" if name in names else None

        return Programs.installed(which, client.with_name("python"), folder)

    assert installed("pyconchat", "telnet", "nc", "openssl") == Programs(
        "pyconchat", "telnet", "openssl s_client -quiet -connect", "nc -U"
    )
    assert installed("nc") == Programs(".venv/bin/pyconchat", "nc", unix="nc -U")
    assert installed(folder=Path("/nowhere")) == Programs(str(client))
    assert installed(folder=client.parent) == Programs("./pyconchat")
    client.chmod(0o644)
    assert installed() == Programs()
    assert "connect with" not in port_line(address("::1"), False, Programs())


def test_a_unix_socket() -> None:
    """Its line has the path, and the command that connects to it, which telnet cannot."""
    line = port_line(UNIXAddress(b"/run/my chat"), False, ALL)
    listening = "listening on the Unix socket /run/my chat (this machine only)"
    assert line == f"{listening}; connect with: nc -U '/run/my chat'"
    telnet = Programs("pyconchat", "telnet")
    assert port_line(UNIXAddress(b"/run/my chat"), False, telnet) == listening


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("", "database: /var/chat/pyconchat.db"),
        ("sqlite:////srv/chat.db", "database: /srv/chat.db"),
        ("postgresql://me:secret@db.example:5432/chat", "database: PostgreSQL, chat on db.example"),
        ("postgresql:///chat?password=secret", "database: PostgreSQL, chat on this machine"),
    ],
)
def test_the_database(url: str, line: str) -> None:
    """It is named without a password."""
    config = Config(state="/var/chat", store=StoreConfig(url=url))
    assert database_line(config) == line


def test_the_line_of_an_irc_port() -> None:
    """Who can reach it, and the command by which a client connects."""
    here = IPv4Address("TCP", "127.0.0.1", 6667)
    assert irc_line(here, False) == (
        "listening for IRC on port 6667 of 127.0.0.1 (this machine only, without encryption);"
        " in a client: /connect localhost 6667"
    )
    everywhere = irc_line(IPv4Address("TCP", "0.0.0.0", 6697), True)
    assert "(open to the network, with TLS)" in everywhere
    assert "/connect -tls localhost 6697   (from elsewhere" in everywhere


def test_accounts_with_the_name_of_a_service() -> None:
    """They are named, with what to do."""
    assert reserved_lines(["alice", "bob"]) == []
    (line,) = reserved_lines(["alice", "NickServ"])
    assert "delete-account NickServ" in line


@pytest.mark.parametrize(
    ("bus", "by"),
    [
        ("", "PostgreSQL's NOTIFY"),
        ("redis://:secret@bus.example.org", "bus.example.org, port 6379"),
        ("rediss://u:secret@bus.example.org:6380/1", "bus.example.org, port 6380"),
    ],
)
def test_the_line_of_a_node_names_its_bus_without_the_password(bus: str, by: str) -> None:
    config = Config(node=NodeConfig(name="one"), bus=BusConfig(url=bus))
    assert node_line(config) == f"node one, one of several on this database; bus: {by}"
