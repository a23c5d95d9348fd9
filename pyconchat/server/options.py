"""The command line options of ``twistd pyconchat``, and how a failed start ends."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import msgspec
from twisted.python import usage

from pyconchat import __version__
from pyconchat.config import BadConfig, Config, default_state, read_config
from pyconchat.server.process import Owner, running_server

__all__ = ["CannotStart", "Options", "stop"]


NO_PID_FILE = "twistd.pid"
"""twistd's default for ``--pidfile``."""


class CannotStart(Exception):
    """The server cannot start; the message is one line with the reason."""


def stop(problem: object) -> NoReturn:
    """End the program with one line on standard error and exit status 1.

    The line is written to descriptor 2, because twistd redirects `sys.stderr` to its log. A
    daemon's standard error is /dev/null. It raises `CannotStart` instead, so that the foreground
    twistd that started it prints the problem and also exits with status 1.
    """
    if os.path.samestat(os.fstat(2), os.stat(os.devnull)):
        raise CannotStart(str(problem))
    os.write(2, f"pyconchat: {problem}\n".encode())
    raise SystemExit(1)


class Options(usage.Options):
    """The part of twistd's command line after ``pyconchat``."""

    synopsis = "[options] [HOST PORT]"
    optParameters = [
        ["config", "c", None, "Read the settings from this TOML file."],
        ["state", "s", None, "The state folder [~/.local/state/pyconchat]."],
        ["lobby", None, None, "An open group that everyone enters at login [none]."],
        ["metrics", None, None, "Serve metrics for Prometheus on this endpoint [none]."],
    ]
    optFlags = [["no-guests", None, "Allow only registered users."]]
    longdesc = (
        "Group chat for telnet, nc and its own client. HOST PORT is short for"
        " --line tcp:PORT:interface=HOST. Options override the file."
    )

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.irc: list[str] = []
        self.ssh: list[str] = []
        self.web: list[str] = []
        self.owner: Owner = (None, None)
        self.result = Config()

    def opt_line(self, endpoint: str) -> None:
        """Listen on this Twisted server endpoint; repeatable [tcp:8000:interface=127.0.0.1]."""
        self.lines.append(endpoint)

    opt_l = opt_line

    def opt_irc(self, endpoint: str) -> None:
        """Listen for IRC clients on this Twisted server endpoint; repeatable [none]."""
        self.irc.append(endpoint)

    def opt_ssh(self, endpoint: str) -> None:
        """Listen for SSH on this Twisted server endpoint; repeatable [none]."""
        self.ssh.append(endpoint)

    def opt_web(self, endpoint: str) -> None:
        """Serve the web page on this Twisted server endpoint; repeatable [none]."""
        self.web.append(endpoint)

    def parseArgs(self, *address: str) -> None:
        if not address:
            return
        if len(address) != 2 or not address[1].isdigit():
            stop("expected HOST PORT, or nothing, after the options")
        host, port = address
        escaped = host.replace("\\", "\\\\").replace(":", "\\:")
        self.lines.append(f"tcp:{port}:interface={escaped}")

    def opt_version(self) -> NoReturn:
        """Print the version of PyconChat and exit."""
        print(f"PyconChat {__version__}")
        raise SystemExit(0)

    def postOptions(self) -> None:
        try:
            self.result = self._config().check()
        except BadConfig as problem:
            stop(problem)
        if self.parent is not None:  # the options of twistd itself, or of `twist`
            self.owner = (self.parent.get("uid"), self.parent.get("gid"))
            if "pidfile" in self.parent:  # `twist` writes none
                self._pid_file(self.parent)

    def _pid_file(self, twistd: usage.Options) -> None:
        """Write no pid file unless one was asked for, and remove one that is out of date.

        Whether the server may start is decided by the lock of the state folder. twistd would refuse
        a start because of a file whose process id now belongs to another process, such as to
        process 1 in each container.
        """
        if twistd["pidfile"] in ("", NO_PID_FILE):
            twistd["pidfile"] = ""
            return
        file = Path(twistd["pidfile"])
        with suppress(OSError, ValueError):
            int(file.read_text())  # it is a pid file
            if running_server(self.result.state_path) is None:
                file.unlink()

    def _config(self) -> Config:
        config = read_config(Path(self["config"])) if self["config"] is not None else Config()
        changes: dict[str, Any] = {}
        if self["state"] is not None:
            changes["state"] = str(Path(self["state"]).expanduser().absolute())
        elif not config.state:
            changes["state"] = default_state()
        if self["lobby"] is not None:
            changes["lobby"] = self["lobby"]
        if self["no-guests"]:
            changes["guests"] = False
        doors: dict[str, Any] = {}
        if self.lines:
            doors["line"] = tuple(self.lines)
        if self.irc:
            doors["irc"] = tuple(self.irc)
        if self.ssh:
            doors["ssh"] = tuple(self.ssh)
        if self.web:
            doors["web"] = tuple(self.web)
        if self["metrics"] is not None:
            doors["metrics"] = self["metrics"]
        changes["doors"] = msgspec.structs.replace(config.doors, **doors)
        return msgspec.structs.replace(config, **changes)
