"""Sessions without a terminal: as at nc."""

from __future__ import annotations

import pexpect
import pytest

from tests.support.servers import Server
from tests.support.ssh import OpenSsh, registers

pytestmark = pytest.mark.server(ssh=True, scope="module")


def test_password_login_without_a_terminal(server: Server, ssh: OpenSsh) -> None:
    """Lines end in LF, without prompts and colours, and /quit ends with the status 0."""
    registers(server, "alice", "tea")
    program = ssh.starts("alice", "-T")
    program.expect("Hello alice. Groups: 1 tea")
    program.sendline("tea")
    program.expect("You are in tea")
    program.sendline("a message")
    program.sendline("/quit")
    program.expect("Bye.")
    program.expect(pexpect.EOF)
    assert "\x1b" not in str(program.before)
    program.close()
    assert program.exitstatus == 0
    server.says(r"SSH host key: SHA256:\S{43}\n")
