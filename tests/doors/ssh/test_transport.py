"""The packets of a connection: what is offered, and what ends it."""

from __future__ import annotations

import struct

import pytest
from twisted.conch.ssh.common import NS, getNS
from twisted.logger import LogLevel, formatEvent, globalLogPublisher

from pyconchat.doors.ssh.packets import MAX_PACKET, NOT_SSH
from tests.support.ssh_wire import (
    GLOBAL_REQUEST,
    KEXINIT,
    PASSWORD,
    SERVICE_REQUEST,
    ServerOf,
    SshClient,
    SshServer,
)


def offered(client: SshClient) -> list[list[bytes]]:
    """Return the lists of the server's KEXINIT."""
    client.tick()
    payload = client.received.partition(b"\n")[2]
    padding = payload[4]
    packet = payload[5 : 4 + struct.unpack(">L", payload[:4])[0] - padding]
    *lists, _ = getNS(packet[17:], 10)
    return [each.split(b",") for each in lists]


def test_only_the_listed_algorithms_are_offered(ssh: SshServer) -> None:
    """No other key exchange, cipher, MAC, host key or compression."""
    exchanges, host_keys, *rest = offered(SshClient(ssh, connects=False))
    assert set(exchanges) <= {
        b"mlkem768x25519-sha256",
        b"curve25519-sha256",
        b"curve25519-sha256@libssh.org",
        b"ext-info-s",
    }
    assert host_keys == [b"ssh-ed25519"]
    ciphers, macs = [b"aes256-ctr", b"aes128-ctr"], [b"hmac-sha2-256", b"hmac-sha2-512"]
    assert rest == [ciphers, ciphers, macs, macs, [b"none"], [b"none"], [b""], [b""]]


@pytest.mark.parametrize(
    "kind", ["supportedCompressions", "supportedCiphers", "supportedMACs", "supportedKeyExchanges"]
)
def test_a_client_without_them(ssh: SshServer, kind: str, failures: list[object]) -> None:
    """It is told that nothing fits."""
    client = SshClient(ssh, connects=False)
    weak = {
        "supportedCompressions": b"zlib",
        "supportedCiphers": b"aes128-cbc",
        "supportedMACs": b"hmac-sha1",
        "supportedKeyExchanges": b"diffie-hellman-group14-sha1",
    }
    setattr(client.ssh, kind, [weak[kind]])
    client.ssh.makeConnection(client.out)
    client.tick()
    assert client.gone
    assert failures == []


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01", b"alice\n", b"SSH-1.5-old\r\n", b"\0"]
)
def test_what_is_not_ssh(ssh: SshServer, data: bytes, failures: list[object]) -> None:
    """It gets one line, and is cut."""
    client = SshClient(ssh, connects=False)
    client.sends_raw(data)
    client.tick(3)
    assert client.gone
    assert client.received.endswith(NOT_SSH)
    assert ssh.dropped("ssh") == 1
    assert failures == []


def test_a_version_in_pieces_and_without_an_end(ssh: SshServer) -> None:
    """It may arrive slowly, and has at most 255 bytes."""
    client = SshClient(ssh, connects=False)
    for byte in b"SSH-2.0-slow":
        client.sends_raw(bytes([byte]))
    assert not client.gone
    client.sends_raw(b"x" * 300)
    client.tick(3)
    assert client.gone


@pytest.mark.parametrize("length", [0, 1, 5, 11, MAX_PACKET + 4, 2**31, 2**32 - 1])
def test_lengths_of_packets(ssh: SshServer, length: int, failures: list[object]) -> None:
    """A bad length, before the keys and after, ends the connection at once."""
    early = SshClient(ssh, connects=False)
    early.sends_raw(b"SSH-2.0-x\r\n" + struct.pack(">LB", length, 4) + bytes(60))
    late = SshClient(ssh).begins()
    packet = struct.pack(">LB", length, 4) + bytes(27)
    late.sends_raw(late.ssh.currentEncryptions.encrypt(packet))
    assert early.gone
    assert late.gone
    assert ssh.dropped("ssh") == 2
    assert failures == []


def test_a_bad_checksum(ssh: SshServer) -> None:
    """It ends the connection."""
    client = SshClient(ssh).begins()
    packet = struct.pack(">LB", 12, 10) + b"\2" + bytes(10)
    client.sends_raw(client.ssh.currentEncryptions.encrypt(packet) + bytes(64))
    assert client.gone


@pytest.mark.parametrize("number", [0, 5, 6, 21, 30, 31, 49, 50, 80, 90, 94, 192, 255])
def test_packets_before_the_keys(ssh: SshServer, number: int, failures: list[object]) -> None:
    """Nothing but the key exchange is taken before there are keys."""
    client = SshClient(ssh, connects=False)
    payload = bytes([number]) + bytes(10)
    client.sends_raw(b"SSH-2.0-x\r\n" + struct.pack(">LB", 16, 5) + payload[:10] + bytes(5))
    assert client.gone
    assert failures == []


@pytest.mark.parametrize("number", [2, 3, 4, 5, 7, 20, 30, 50, 61, 80, 90, 93, 94, 98, 200])
@pytest.mark.parametrize("logged_in", [False, True])
@pytest.mark.parametrize("payload", [b"", b"\xff" * 7, b"\0\0\0\4ab"])
def test_malformed_packets(
    ssh: SshServer, number: int, logged_in: bool, payload: bytes, failures: list[object]
) -> None:
    """They end the connection, or are ignored. Others are unaffected, and there is no traceback."""
    client = SshClient(ssh)
    client = client.logs_in("alice") if logged_in else client.begins()
    client.sends(number, payload)
    client.tick(3)
    assert failures == []
    other = SshClient(ssh, host="192.0.2.9").logs_in("bob")
    assert not other.gone


def test_the_log_has_one_line_a_minute(ssh: SshServer) -> None:
    """However many connections of one address are malformed."""
    logged: list[str] = []

    def observe(event: dict[str, object]) -> None:
        if event["log_level"] is LogLevel.warn:
            logged.append(str(event.get("cause")))

    globalLogPublisher.addObserver(observe)  # type: ignore[arg-type]
    for _ in range(30):
        SshClient(ssh, connects=False).sends_raw(b"nonsense\n")
    globalLogPublisher.removeObserver(observe)  # type: ignore[arg-type]
    assert ssh.dropped("ssh") == 30
    assert logged == ["ssh"]


def test_services(ssh: SshServer) -> None:
    """Only the user authentication, and only once."""
    client = SshClient(ssh)
    client.sends(SERVICE_REQUEST, NS(b"ssh-connection"))
    client.tick(3)
    assert client.gone
    client = SshClient(ssh).begins()
    client.sends(SERVICE_REQUEST, NS(b"ssh-userauth"))
    client.tick(3)
    assert client.gone


def test_key_exchanges(ssh: SshServer) -> None:
    """None before the login, then one in ten seconds."""
    client = SshClient(ssh).begins()
    client.ssh.sendKexInit()
    client.tick()
    assert client.gone
    client = SshClient(ssh).logs_in("alice")
    for count in (2, 3):
        client.ssh.sendKexInit()
        client.tick(11)
        assert client.ssh.exchanges == count
        client.tick(11)
    client.runs()
    assert "Hello alice" in client.sees()
    client.tick(11)
    client.ssh.sendKexInit()
    client.tick()
    client.ssh.sendKexInit()
    client.tick()
    assert client.gone


def test_a_key_exchange_without_an_end(ssh: SshServer) -> None:
    """It ends after ten seconds; meanwhile, nothing is sent, and little is kept."""
    client = SshClient(ssh).logs_in("alice")
    client.runs()
    client.sees()
    payload = client.ssh.ourKexInitPayload
    client.ssh.sendPacket(KEXINIT, payload[1:])
    client.ssh.dispatchMessage = lambda *_: None  # type: ignore[method-assign]
    client.tick()
    speaker = ssh.at_nc("bob", PASSWORD)
    speaker.types(*(f"/msg alice {'x' * 3000}" for _ in range(100)))
    assert sum(len(each) for _, each in client.door._blockedByKeyExchange or ()) < 100_000
    ssh.waits(11)
    assert client.gone


def test_new_keys_after_much_data_and_after_a_day(ssh: SshServer) -> None:
    """The server begins an exchange."""
    client = SshClient(ssh).logs_in("alice")
    client.runs()
    client.door._rekey_bytes = 4000
    for _ in range(20):
        client.sends(2, NS(b"x" * 500))
        client.tick(1)
    assert client.ssh.exchanges > 1
    before, client.door._rekey_bytes = client.ssh.exchanges, 2**30
    for _ in range(24 * 60 * 3):
        client.tick(21)
        client.sends(2, NS(b"alive"))
    assert client.ssh.exchanges == before + 1


def test_a_silent_client(ssh: SshServer) -> None:
    """It is asked for a sign of life, and then dropped; one that answers stays."""
    silent, alive = (SshClient(ssh).logs_in(name) for name in ("alice", "bob"))
    silent.sends = lambda *_: None  # type: ignore[method-assign]
    asked = 0
    for _ in range(40):
        ssh.waits(5)
        silent.wire.clear()
        alive.tick()
        pings = [each for each in alive.ssh.packets if each[0] == GLOBAL_REQUEST]
        if pings:
            asked += 1
            alive.ssh.packets.clear()
            alive.sends(82, b"")
    assert asked >= 2
    assert silent.gone
    assert not alive.gone
    assert ssh.dropped("silent") == 1


def test_a_flood_of_small_packets_waits(ssh: SshServer) -> None:
    """The connection is read more slowly; others are not."""
    client = SshClient(ssh).logs_in("alice")
    for _ in range(3000):
        client.ssh.sendPacket(GLOBAL_REQUEST, NS(b"x@y") + b"\1")
    client.door.dataReceived(client.out.value())
    client.out.clear()
    assert client.wire.paused
    other = SshClient(ssh, host="192.0.2.9").logs_in("bob")
    assert not other.gone


def test_a_client_that_does_not_read(ssh: SshServer) -> None:
    """Nothing more is read from it, so that answers do not pile up; then it is dropped."""
    client = SshClient(ssh).logs_in("alice")
    client.wire.stops_reading()
    for _ in range(20):
        client.ssh.sendPacket(GLOBAL_REQUEST, NS(b"x@y") + b"\1")
    client.door.dataReceived(client.out.value())
    assert client.wire.paused
    assert len(client.wire.value()) < 1000
    ssh.waits(31)
    assert client.gone
    assert ssh.dropped("stuck") == 1


def test_the_log_has_no_text_of_strangers(ssh: SshServer) -> None:
    """The user name of SSH may be any text: lines of its own, and sequences for a terminal."""
    logged: list[str] = []

    def observe(event: dict[str, object]) -> None:
        logged.append(str(formatEvent(event)))

    globalLogPublisher.addObserver(observe)  # type: ignore[arg-type]
    for name in ("x\ny", "\x1b[31mx", "alice"):
        client = SshClient(ssh, host="192.0.2.9").enters(name) if name != "alice" else None
        client = client or SshClient(ssh).logs_in(name)
        client.wire.stops_reading()
        client.ssh.sendPacket(GLOBAL_REQUEST, NS(b"x@y") + b"\1")
        client.door.dataReceived(client.out.value())
        ssh.waits(31)
    globalLogPublisher.removeObserver(observe)  # type: ignore[arg-type]
    dropped = [line for line in logged if "did not read" in line]
    assert len(dropped) == 3
    assert [line.split()[1] for line in dropped] == ["somebody", "somebody", "alice"]


def test_connection_limits(server_of: ServerOf) -> None:
    """They count together with those of the other doors; a refusal is a line before the version."""
    server = server_of({"connections_per_ip": 3})
    clients = [SshClient(server, connects=False) for _ in range(3)]
    refused = SshClient(server, connects=False)
    refused.tick(3)
    assert refused.gone
    assert refused.received == (
        b"There are too many connections from your address that have not logged in; close one.\r\n"
    )
    assert server.dropped("connections_per_ip") == 1
    assert not any(each.gone for each in clients)
    assert not SshClient(server, host="192.0.2.9").gone


def test_the_oldest_gives_way(server_of: ServerOf) -> None:
    """If too many have not logged in."""
    server = server_of({"unauthenticated": 3})
    clients = [SshClient(server, host=f"192.0.2.{each}") for each in range(4)]
    server.waits(3)
    assert [each.gone for each in clients] == [True, False, False, False]


def test_the_end_of_the_server(ssh: SshServer) -> None:
    """Each client is told; those with a session get its last line."""
    stranger, idle, busy = SshClient(ssh).begins(), SshClient(ssh), SshClient(ssh)
    idle.logs_in("alice")
    busy.logs_in("bob").runs()
    busy.sees()
    ssh.lines.open_doors.shut_down()
    for client in (stranger, idle, busy):
        client.tick(3)
        assert client.gone
    assert stranger.ssh.disconnected == "the server is stopping"


def test_a_lost_connection_leaves_nothing(ssh: SshServer) -> None:
    """No door, no session, and no count."""
    before = ssh.lines.connection_limits.open
    client = SshClient(ssh).logs_in("alice")
    client.runs()
    client.runs(term="xterm")
    client.wire.loseConnection()
    ssh.waits(5)
    assert ssh.lines.connection_limits.open == before
    assert len(ssh.lines.open_doors) == 0
    assert not ssh.services.presence.online(ssh.chat.accounts.registered()[0].key)
