"""The clients of others: OpenSSH, plink and dbclient."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pexpect
import pyte
import pytest

from tests.support.programs import Program
from tests.support.servers import Server
from tests.support.skips import require_program
from tests.support.ssh import PASSWORD, DbClient, OpenSsh, Plink, registers

pytestmark = pytest.mark.server(ssh=True, scope="module", toml='new_groups = "open"')


def messages(server: Server, name: str, group: str) -> list[str]:
    """Return the messages of *group*, as *name* can read them."""
    program = Program(server.port)
    program.logs_in(name, PASSWORD)
    entries = program.asks(line="/history 100", group=group)["entries"]
    program.close()
    return [str(each["text"]) for each in entries if each["type"] == "message"]


def screen_of(program: pexpect.spawn[str], seconds: float = 1.0) -> str:
    """Return what a terminal shows of everything that *program* prints within *seconds*."""
    screen = pyte.Screen(80, 24)
    stream = pyte.Stream(screen)
    program.expect([pexpect.TIMEOUT, pexpect.EOF], timeout=seconds)
    stream.feed(str(program.before))
    return "\n".join(line.rstrip() for line in screen.display).rstrip()


def test_a_new_name_with_a_key(server: Server, ssh: OpenSsh) -> None:
    """The dialogue registers it; the next login is at once, and another key is refused."""
    key = ssh.key()
    program = ssh.starts("zoe", key=key)
    program.expect("Your key is ssh-ed25519 SHA256:")
    program.expect("Enter, or a password: ")
    program.send("\r")
    program.expect("Group: ")
    program.send("zoes\r")
    program.expect("You are in")
    program.send("first words\r")
    program.expect(r"\d\d:\d\d \S*zoe\S*: first words")
    program.send("/quit\r")
    program.expect(pexpect.EOF)
    program.close()
    assert program.exitstatus == 0
    assert ssh.runs("zoe", "in", "zoes", "members", key=key).stdout.startswith("* 1 member of zoes")
    other = ssh.runs("zoe", "who", key=ssh.key(name="other"))
    assert other.returncode == 255
    assert "Permission denied (publickey)" in other.stderr


def test_a_password_of_a_new_name(server: Server, ssh: OpenSsh) -> None:
    """It is asked for twice, and does not show; the next login asks for it."""
    program = ssh.starts("yan", password="")
    program.expect("yan is new here")
    for question in ("Password: ", "The same again: "):
        program.expect(question)
        program.send(f"{PASSWORD}\r")
    program.expect("Group: ")
    assert PASSWORD not in str(program.before)
    program.send("\x04")  # no group
    program.expect("front desk")
    program.send("\x04")  # the end
    program.expect(pexpect.EOF)
    again = ssh.starts("yan")
    again.expect("Hello yan")
    again.close(force=True)


def test_one_shot_commands(server: Server, ssh: OpenSsh) -> None:
    """Messages from the input and the command line, and exit statuses."""
    key = ssh.key()
    public = Path(f"{key}.pub").read_text()
    registers(server, "carol", "news", public)
    said = ssh.runs("carol", "say", "news", key=key, text="hi\nthere\n")
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
    assert ssh.runs("carol", "say news from the line", key=key).returncode == 0
    assert messages(server, "carol", "news") == ["hi", "there", "from the line"]
    refused = ssh.runs("carol", "say", "nowhere", key=key, text="hi\n")
    assert refused.returncode == 1
    assert refused.stderr == "There is no group of that name; /groups lists them.\n"
    assert ssh.runs("carol", "frobnicate", key=key).returncode == 2
    token = ssh.runs("carol", "token", key=key).stdout.strip()
    program = Program(server.port)
    assert program.says_hello("carol", token=token)["ok"] is True
    program.close()


def test_ten_keys_in_an_agent(server: Server, ssh: OpenSsh, tmp_path: Path) -> None:
    """The last one is the right one."""
    agent = subprocess.run(
        [require_program("ssh-agent"), "-a", str(tmp_path / "agent"), "-s"],
        check=True,
        capture_output=True,
        text=True,
    )
    pid = agent.stdout.partition("SSH_AGENT_PID=")[2].partition(";")[0]
    try:
        keys = [ssh.key(name=f"key{number}") for number in range(10)]
        env = {"SSH_AUTH_SOCK": str(tmp_path / "agent"), "PATH": "/usr/bin:/bin"}
        subprocess.run(["ssh-add", "-q", *map(str, keys)], check=True, env=env)
        registers(server, "dave", "", Path(f"{keys[9]}.pub").read_text())
        command = ssh.command("dave", "who")
        command = [each for each in command if not each.startswith(("-oIdentit",))]
        done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=30)
        assert "Online: " in done.stdout, done.stderr
    finally:
        subprocess.run(["kill", pid], check=True)


def test_forwardings_are_refused(server: Server, ssh: OpenSsh) -> None:
    """Neither a port of the server is opened, nor one beyond it reached."""
    key = ssh.key()
    registers(server, "erin", "", Path(f"{key}.pub").read_text())
    forward = ["-oExitOnForwardFailure=yes", "-R", "0:127.0.0.1:22"]
    command = ssh.command("erin", "who", key=key)
    at = command.index("erin@127.0.0.1")
    command[at:at] = forward
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 255
    command[at : at + 3] = ["-W", "127.0.0.1:22"]
    done = subprocess.run(command[:-1], capture_output=True, text=True, timeout=30)
    assert done.returncode != 0
    assert "administratively prohibited" in done.stderr or done.stdout == ""


def test_compression_is_not_offered(server: Server, ssh: OpenSsh) -> None:
    """A client that asks for it does without."""
    command = ssh.command("frank", "who")
    command[1:1] = ["-C", "-v"]
    command = [each.replace("LogLevel=ERROR", "LogLevel=DEBUG1") for each in command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert "compression: none" in done.stderr
    assert "zlib" not in done.stderr.partition("kex: server->client")[2].partition("\n")[0]


def test_plink(server: Server, tmp_path: Path) -> None:
    """With the password: a session as at nc, and a command."""
    registers(server, "gina", "ginas")
    plink = Plink(server, tmp_path)
    done = plink.runs("gina", text="ginas\nhello\n/quit\n")
    assert "You are in ginas" in done.stdout, done.stderr
    assert messages(server, "gina", "ginas") == ["hello"]
    said = plink.runs("gina", "say", "ginas", text="from plink\n")
    assert (said.returncode, messages(server, "gina", "ginas")) == (0, ["hello", "from plink"])
    assert plink.runs("gina", "say", "nowhere", "x").returncode == 1


def test_plink_as_telnet(server: Server) -> None:
    """PuTTY's telnet logs in, in character mode from the first question on; no password shows."""
    registers(server, "kate", "kates")
    arguments = ["-telnet", "-P", str(server.port), "127.0.0.1"]
    program = pexpect.spawn(require_program("plink"), arguments, encoding="utf-8", timeout=30)
    for question, answer in (
        ("Username: ", "kate"),
        ("Password: ", PASSWORD),
        ("Group: ", "kates"),
    ):
        program.expect(question)
        program.send(f"{answer}\r")
    program.expect("You are in kates")
    assert PASSWORD not in str(program.before)
    program.expect(r"\[kates\] ")
    program.send("hellp\x7fo from plink\r")
    program.expect("hello from plink|o from plink")
    program.send("/quit\r")
    program.expect(pexpect.EOF)
    assert messages(server, "kate", "kates") == ["hello from plink"]


def test_dbclient(server: Server, tmp_path: Path) -> None:
    """With a key: a session as at nc, and a command."""
    client = DbClient(server, tmp_path)
    registers(server, "hugo", "hugos", client.key())
    done = client.runs("hugo", text="hugos\nhello\n/quit\n")
    assert "You are in hugos" in done.stdout, done.stderr
    said = client.runs("hugo", "say", "hugos", text="from dropbear\n")
    assert said.returncode == 0, said.stderr
    assert messages(server, "hugo", "hugos") == ["hello", "from dropbear"]


def test_two_terminals(server: Server, ssh: OpenSsh) -> None:
    """Text that arrives leaves the line that is half typed whole, also after a new size."""
    key = ssh.key()
    public = Path(f"{key}.pub").read_text()
    registers(server, "ivan", "talk", public)
    registers(server, "jane", "talk", public)
    ivan, jane = (
        pexpect.spawn(
            command[0],
            ["-t", *command[1:]],
            encoding="utf-8",
            timeout=30,
            dimensions=(24, 80),
        )
        for command in (ssh.command(name, "chat", "talk", key=key) for name in ("ivan", "jane"))
    )
    for each in (ivan, jane):
        each.expect("You are in")
    half = "三四" * 25 + "é"
    ivan.send(half)
    ivan.expect("é")
    jane.send("news from jane\r")
    ivan.expect("news from jane")
    ivan.setwinsize(24, 40)
    ivan.setwinsize(24, 80)
    ivan.send("!\r")
    jane.expect("三四")
    shown = str(jane.before) + screen_of(jane)
    assert "ivan" in shown
    assert messages(server, "jane", "talk")[-2:] == ["news from jane", half + "!"]
    for each in (ivan, jane):
        each.close(force=True)
