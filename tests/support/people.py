"""Real servers, and people at real sockets who talk to them."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

from tests.support.processes import Twistd

__all__ = ["Server", "SocketUser", "free_port"]

PATIENCE = 10.0
"""Seconds after which something that was promised is taken not to come."""

# Tests connect from one address and type faster than people.
UNLIMITED = """
[limits]
connections_per_ip = 0
connections_per_ip_10min = 0
login_attempts_per_minute = 0
messages_per_second = 0
"""


def free_port() -> int:
    """Return a TCP port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A `twistd pyconchat` of its own, with its state in *folder*.

    *toml* is more of the configuration file; *limits* replaces its table of limits.
    """

    def __init__(self, folder: Path, toml: str = "", limits: str = UNLIMITED) -> None:
        self.folder = folder
        self.port = free_port()
        self.state = folder / "state"
        self._log = folder / "server.log"
        self._toml = toml
        self._limits = limits
        self.process: Twistd | None = None

    def start(self, *options: str) -> None:
        """Start, and wait until it listens."""
        config = self.folder / "pyconchat.toml"
        config.write_text(f'state = "{self.state}"\n{self._toml}\n{self._limits}')
        address = ("127.0.0.1", str(self.port))
        self.process = Twistd(
            ["--nodaemon", "--pidfile=", "pyconchat", "--config", str(config), *options, *address],
            self.folder,
            self._log,
        )
        self.says(r"connect with: ")

    def says(self, pattern: str) -> re.Match[str]:
        """Wait until the log has a line with *pattern*, and return the match."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = re.search(pattern, self.log())
            if found is not None:
                return found
            assert self.process is None or self.process.poll() is None, self.log()
            time.sleep(0.01)
        raise AssertionError(f"the server did not say {pattern!r}:\n{self.log()}")

    def log(self) -> str:
        """Return all that it printed since it was first started."""
        return self._log.read_text(errors="replace")

    def tracebacks(self) -> list[str]:
        """Return the lines of the log that tell of a failure of ours."""
        bad = re.compile(r"Traceback|Unhandled|#critical|#error")
        return [line for line in self.log().splitlines() if bad.search(line)]

    def stop(self) -> int:
        """Stop it as an administrator would; return the exit status."""
        if self.process is None:
            return 0
        process, self.process = self.process, None
        process.terminate()
        try:
            return process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def kill(self) -> None:
        """Kill it without warning."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)
        self.process = None
        self._log.write_text("")

    def restart(self) -> None:
        """Stop it and start it again, on the same state."""
        self.stop()
        self._log.write_text("")
        self.start()

    def memory(self) -> int:
        """Return its resident memory, in bytes."""
        assert self.process is not None
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


class SocketUser:
    """Somebody at a raw socket. *newline* is CRLF for one who seems to be at telnet."""

    def __init__(self, port: int, newline: str = "\n") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._newline = newline
        self._received = b""
        self._seen = 0  # how far `sees` has come

    def logs_in(self, name: str, password: str = "", at_desk: bool = True) -> None:
        """Answer the questions of the login, up to the front desk or only to the password."""
        self.types(name)  # at once: who waits is greeted a moment later
        self.sees("Username: ")
        self.sees("Password: ")
        self.types(password)
        if not at_desk:
            return
        self.sees("Group: ")
        self.types("")
        self.sees("You are at the front desk")
        self.sees("(help lists the commands)")

    def types(self, *lines: str) -> None:
        """Send *lines*."""
        self.sends("".join(line + self._newline for line in lines).encode())

    def sends(self, data: bytes) -> None:
        """Send *data* as it is."""
        self._socket.sendall(data)

    def sees(self, text: str) -> str:
        """Wait for *text* after what was seen last, and return what came up to its line's end."""
        wanted = text.encode()
        while True:
            at = self._received.find(wanted, self._seen)
            if at >= 0:
                skipped = self._received[self._seen : at]
                self._seen = at + len(wanted)
                return (skipped + wanted).decode()
            if not self._receive():
                raise AssertionError(f"did not see {text!r} but {self._unseen()!r}")

    def sees_nothing_of(self, text: str) -> None:
        """Check that *text* is not among what comes before the answer to a command."""
        self.types("/nosuchcommand")
        between = self.sees("/nosuchcommand").removesuffix("/nosuchcommand")
        assert text not in between, between

    def everything(self) -> bytes:
        """Return all bytes that ever came."""
        return self._received

    def is_cut_off(self) -> bool:
        """Wait until the server ends the connection."""
        while self._receive():
            pass
        return True

    def close(self) -> None:
        """Go away."""
        self._socket.close()

    def shuts_down_writing(self) -> None:
        """Send the end of the input, and go on reading."""
        self._socket.shutdown(socket.SHUT_WR)

    def _receive(self) -> bool:
        try:
            # Acknowledged at once, not 40 ms later: what was seen is known to be received.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            data = self._socket.recv(65536)
        except TimeoutError:
            raise AssertionError(f"nothing came after {self._unseen()!r}") from None
        except ConnectionResetError:
            return False
        self._received += data
        return bool(data)

    def _unseen(self) -> bytes:
        return self._received[self._seen :][-500:]
