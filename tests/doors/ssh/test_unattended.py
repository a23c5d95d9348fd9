"""Unattended sessions, of single commands and of SFTP, do not change the account's presence."""

from __future__ import annotations

import pytest
from twisted.conch.ssh.common import NS

from pyconchat.domain.names import Name, fold
from tests.support.ssh_wire import PASSWORD, SshClient, SshServer

ALICE = fold(Name("alice"))


@pytest.fixture
def changes(ssh: SshServer) -> list[tuple[str, bool]]:
    """Return the names that MONITOR of IRC has reported as online (True) and offline."""
    heard: list[tuple[str, bool]] = []
    ssh.chat.registry.watch_presence(lambda *change: heard.append((change[0].name, change[1])))
    return heard


def starts(server: SshServer, command: str) -> SshClient:
    """Return alice's SSH session, the only one of her account, which executes *command*."""
    client = SshClient(server).logs_in("alice")
    if command == "sftp":
        channel = client.opens()
        assert channel is not None
        client.asks(channel, b"subsystem", NS(b"sftp"))
        client.tick(0.1)
    else:
        client.runs(command)
    return client


@pytest.mark.parametrize(
    "command", ["who", "in tea members", "say tea hi", "say tea", "msg bob hi", "token", "sftp"]
)
def test_nothing_is_announced(
    ssh: SshServer, changes: list[tuple[str, bool]], command: str
) -> None:
    """Neither at its beginning, nor while it lasts, nor at its end."""
    ssh.at_nc("alice", PASSWORD).types("/join tea", "/quit")
    ssh.waits(2)
    seen = ssh.chat.accounts.find(Name("alice")).seen_at
    bob = ssh.at_nc("bob", PASSWORD)
    bob.types("/join tea")
    bob.sees()
    changes.clear()
    client = starts(ssh, command)
    bob.types("/who", "/whois alice")
    shown = bob.sees()
    assert "Online: 1" in shown
    assert "last seen" in shown
    client.wire.loseConnection()
    ssh.waits(2)
    assert "alice has" not in shown + bob.sees()
    assert changes == []
    assert not ssh.services.presence.sessions(ALICE)
    assert ssh.chat.accounts.find(Name("alice")).seen_at == seen


def test_somebody_follows(ssh: SshServer, changes: list[tuple[str, bool]]) -> None:
    """A session that prints events is attended: the account is online."""
    ssh.at_nc("alice", PASSWORD).types("/join tea", "/quit")
    ssh.waits(2)
    changes.clear()
    client = starts(ssh, "follow tea")
    assert changes == [("alice", True)]
    client.wire.loseConnection()
    ssh.waits(2)
    assert changes == [("alice", True), ("alice", False)]


def test_a_command_while_the_account_is_online(
    ssh: SshServer, changes: list[tuple[str, bool]]
) -> None:
    """Whether it comes or goes meanwhile is announced as if there were no command."""
    client = starts(ssh, "say tea")
    user = ssh.at_nc("alice", PASSWORD)
    assert changes == [("alice", True)]
    user.types("/quit")
    ssh.waits(2)
    assert changes == [("alice", True), ("alice", False)]
    client.wire.loseConnection()
    ssh.waits(2)
    assert changes == [("alice", True), ("alice", False)]


def test_away(ssh: SshServer) -> None:
    """A command sets the absence of other sessions, has none itself, and ends none."""
    alone = starts(ssh, "away lunch")
    assert "You are not online here" in alone.errors()
    assert alone.status() == 1
    user = ssh.at_nc("alice", PASSWORD)
    assert starts(ssh, "away lunch").status() == 0
    account = ssh.chat.accounts.find(Name("alice"))
    assert account.absence is not None
    for command in ("msg bob hi", "who"):
        assert starts(ssh, command).status() == 0
        assert account.absence is not None
    user.types("/msg bob hi")
    assert account.absence is None


def test_a_private_message_to_somebody_who_only_transfers(ssh: SshServer) -> None:
    """The sender is told that the receiver is offline; the next login delivers the message."""
    starts(ssh, "sftp")
    bob = ssh.at_nc("bob", PASSWORD)
    bob.types("/msg alice hi")
    assert "offline" in bob.sees()
    assert "bob (private): hi" in ssh.at_nc("alice", PASSWORD).everything.decode()


def test_a_guest(ssh: SshServer, changes: list[tuple[str, bool]]) -> None:
    """A guest account exists while it has any session."""
    client = SshClient(ssh).enters("zoe")
    client.runs("who")
    assert "Online: 1" in client.sees()
    ssh.waits(2)
    assert changes == [("zoe", True), ("zoe", False)]


def test_a_removed_password(ssh: SshServer) -> None:
    """Kicks, bans and new passwords end unattended sessions, too."""
    client = starts(ssh, "say tea")
    user = ssh.at_nc("alice", PASSWORD)
    user.types("/quit everywhere")
    ssh.waits(2)
    assert not ssh.services.presence.sessions(ALICE)
    assert client.status() is not None
