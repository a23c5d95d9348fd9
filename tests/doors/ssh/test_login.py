"""The user authentication: who gets in, and how many attempts there are."""

from __future__ import annotations

import struct

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from twisted.conch.ssh.common import NS
from twisted.conch.ssh.keys import Key

from pyconchat.domain.names import Name
from tests.support.ssh_wire import (
    INFO_RESPONSE,
    PASSWORD,
    REQUEST,
    ServerOf,
    SshClient,
    SshServer,
    new_key,
)


def line_of(key: Key) -> str:
    """Return the public half of *key*, as in a .pub file."""
    return str(key.public().toString("openssh").decode())


def lists(server: SshServer, name: str, *keys: Key) -> None:
    """Add *keys* to the account *name*."""
    user = server.at_nc(name, PASSWORD)
    for key in keys:
        user.types(f"/key add {line_of(key)}")
    user.types("/quit")
    server.waits(1)


def test_password(ssh: SshServer) -> None:
    """The right one lets in; after three wrong ones the connection ends."""
    assert SshClient(ssh).begins().password("alice") is True
    client = SshClient(ssh).begins()
    assert client.password("alice", "wrong") is False
    assert client.methods == b"publickey,password,keyboard-interactive"
    assert client.password("alice", "wrong again") is False
    assert not client.gone
    assert client.password("alice", "and again") is False
    assert client.gone
    assert "too many wrong passwords" in client.ssh.disconnected


def test_wrong_passwords_count_with_those_of_the_other_doors(ssh: SshServer) -> None:
    """The same guard: three in a minute from an address, and the right one is refused, too."""
    for _ in range(3):
        SshClient(ssh).begins().password("alice", "wrong")
    assert SshClient(ssh).begins().password("alice") is False
    assert SshClient(ssh, host="192.0.2.8").begins().password("alice") is True


def test_keyboard_interactive(ssh: SshServer) -> None:
    """A registered name is asked for the password."""
    client = SshClient(ssh).begins()
    assert client.tries("alice", b"keyboard-interactive", NS(b"") + NS(b"")) is None
    client.sends(INFO_RESPONSE, struct.pack(">L", 1) + NS(PASSWORD.encode()))
    assert client.result() is True


def test_a_listed_key(ssh: SshServer) -> None:
    """It lets in; another one does not, and neither does another's."""
    key, other = new_key(), new_key()
    lists(ssh, "alice", key)
    client = SshClient(ssh).begins()
    assert client.probe("alice", other) is False
    assert client.key("alice", other) is False
    assert client.probe("alice", key) is None
    assert client.key("bob", key) is False
    assert client.key("alice", key) is True
    account = ssh.chat.accounts.get(Name("alice"))
    assert account is not None
    assert account.keys[0].used is not None


@pytest.mark.parametrize("kind", ["ecdsa", "rsa-sha2-256", "rsa-sha2-512"])
def test_types_of_keys(ssh: SshServer, kind: str) -> None:
    """ECDSA, and RSA with SHA-2."""
    if kind == "ecdsa":
        key, algorithm = Key(ec.generate_private_key(ec.SECP384R1())), b""
    else:
        key, algorithm = Key(rsa.generate_private_key(65537, 2048)), kind.encode()
    lists(ssh, "alice", key)
    assert SshClient(ssh).begins().key("alice", key, algorithm) is True


def test_weak_keys(ssh: SshServer) -> None:
    """SHA-1, DSA and short RSA keys let nobody in, not even strangers."""
    key, short = (Key(rsa.generate_private_key(65537, bits)) for bits in (2048, 1024))
    lists(ssh, "alice", key, short)
    client = SshClient(ssh).begins()
    assert client.key("alice", key, b"ssh-rsa") is False
    assert client.key("alice", short, b"rsa-sha2-256") is False
    assert client.key("zoe", short, b"rsa-sha2-256") is False
    assert client.key("zoe", Key(dsa.generate_private_key(1024)), b"ssh-dss") is False
    assert client.key("zoe", key, b"rsa-sha2-256") is True


def test_bad_signatures(ssh: SshServer) -> None:
    """After two the connection ends."""
    key = new_key()
    lists(ssh, "alice", key)
    client = SshClient(ssh).begins()
    assert client.key("alice", key, good=False) is False
    assert not client.gone
    assert client.key("alice", key, good=False) is False
    assert client.gone


def test_many_keys_in_an_agent(ssh: SshServer) -> None:
    """Ten keys and then the right one work; after twenty wrong ones the connection ends."""
    key = new_key()
    lists(ssh, "alice", key)
    client = SshClient(ssh).begins()
    for _ in range(10):
        assert client.probe("alice", new_key()) is False
    assert client.probe("alice", key) is None
    assert client.key("alice", key) is True
    client = SshClient(ssh).begins()
    for _ in range(19):
        assert client.probe("alice", new_key()) is False
    assert not client.gone
    client.probe("alice", new_key())
    assert client.gone


def test_a_new_name(ssh: SshServer) -> None:
    """Any key with a valid signature, or no question at all, lets a stranger in."""
    client = SshClient(ssh).begins()
    assert client.tries("zoe", b"none", b"") is False
    assert client.methods == b"publickey,keyboard-interactive"
    key = new_key()
    assert client.key("zoe", key, good=False) is False
    assert client.probe("zoe", key) is None
    assert client.key("zoe", key) is True
    assert SshClient(ssh).enters("yan").gone is False


@pytest.mark.parametrize("name", ["", "a b", "x" * 400, "adm\nin", "\udcff\udcfe"])
def test_a_name_that_is_none(ssh: SshServer, name: str) -> None:
    """Whoever has it is a stranger, and is asked for another in the terminal."""
    client = SshClient(ssh).begins()
    packet = NS(name.encode(errors="surrogateescape")) + NS(b"ssh-connection")
    client.sends(REQUEST, packet + NS(b"keyboard-interactive") + NS(b"") + NS(b""))
    assert client.result() is None
    client.sends(INFO_RESPONSE, struct.pack(">L", 0))
    assert client.result() is True
    client.runs(term="xterm")
    assert "Username: " in client.sees()


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"\xff\xff\xff\xff",
        NS(b"ssh-ed25519"),
        NS(b"ssh-ed25519") + NS(b"short"),
        NS(b"x") * 900,
        NS(b"ecdsa-sha2-nistp256") + NS(b"nistp256") + NS(b"\4" + b"\1" * 64),
    ],
)
def test_keys_that_cannot_be_parsed(ssh: SshServer, blob: bytes, failures: list[object]) -> None:
    """They are refused like any other, without a traceback."""
    client = SshClient(ssh).begins()
    for algorithm in (b"ssh-ed25519", b"ecdsa-sha2-nistp256"):
        rest = b"\1" + NS(algorithm) + NS(blob) + NS(NS(algorithm) + NS(b"signature"))
        client.tries("zoe", b"publickey", rest)
    assert failures == []


def test_the_deadline_runs_from_the_connection_on(server_of: ServerOf) -> None:
    """A silent client, one within the key exchange, and one that logs in slowly, all end."""
    server = server_of({"login_seconds": 10})
    silent = SshClient(server, connects=False)
    slow = SshClient(server).begins()
    server.waits(5)
    assert slow.tries("zoe", b"none", b"") is False
    stranger = SshClient(server).enters("yan")
    server.waits(5.2)
    assert silent.gone
    assert slow.gone
    assert not stranger.gone
    stranger.runs(term="xterm")
    server.waits(5)
    stranger.tick(3)
    assert "You took too long to log in." in stranger.sees() or stranger.gone
    assert server.dropped("late") == 3


def test_a_request_before_the_last_was_answered(ssh: SshServer, failures: list[object]) -> None:
    """The connection is cut: passwords cannot be checked side by side."""
    client = SshClient(ssh).begins()
    packet = NS(b"alice") + NS(b"ssh-connection") + NS(b"password") + b"\0" + NS(b"wrong")
    for _ in range(5):
        client.ssh.sendPacket(REQUEST, packet)
    for _ in range(4):
        client.password("alice", "wrong")
    assert client.gone
    assert failures == []


def test_requests_are_bounded(ssh: SshServer) -> None:
    """Methods may not be asked for without an end."""
    client = SshClient(ssh).begins()
    for _ in range(100):
        if client.tries("alice", b"none", b"") is False and client.gone:
            break
    assert client.gone


def test_the_banner_is_the_motd(server_of: ServerOf) -> None:
    """It is shown once, before the login."""
    client = SshClient(server_of(motd="Be kind.\nPlease.")).begins()
    client.tries("zoe", b"none", b"")
    banners = [payload for number, payload in client.ssh.packets if number == 53]
    assert [each[4:-4] for each in banners] == [b"Be kind.\r\nPlease.\r\n"]
