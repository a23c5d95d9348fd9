"""The commands for another terminal, in which a person uploads or downloads a file. Pure."""

from __future__ import annotations

import re
import shlex
from typing import NamedTuple

from pyconchat.chat.interfaces import ServerAddress
from pyconchat.domain.names import Name

__all__ = ["ScpFolder", "download", "scp_download", "scp_upload", "upload"]

SSH_PORT = 22

_GLOB = re.compile(r"[\\*?\[]")


class ScpFolder(NamedTuple):
    """The folder of *group* at the SSH door, as *account* sees it."""

    address: ServerAddress
    account: Name
    group: Name

    def __str__(self) -> str:
        """Return the folder as scp wants it."""
        host = self.address.host
        bracketed = f"[{host}]" if ":" in host else host
        return f"{self.account}@{bracketed}:{self.group}/"

    @property
    def program(self) -> str:
        """Return scp with the option that it needs."""
        port = self.address.port
        return "scp" if port == SSH_PORT else f"scp -P {port}"


def upload(address: ServerAddress, ticket: str, path: str) -> str:
    """Return the command that uploads the file *path* with *ticket*."""
    file = _quoted(path)
    header = f'echo "upload {ticket} 0 $(wc -c < {file})"'
    # `: <` first: a file that cannot be read must not begin an upload.
    return f": < {file} && ({header}; cat -- {file}) | {_program(address)}"


def download(address: ServerAddress, ticket: str, name: str) -> str:
    """Return the command that downloads a file with *ticket*, to the file *name*."""
    return f'echo "download {ticket}" | {_program(address)} > {shlex.quote(name)}'


def scp_upload(folder: ScpFolder, path: str) -> str:
    """Return the command that copies the file *path* to *folder*."""
    # scp takes an argument with a colon for a host, and one that begins with - for options.
    plain = f"./{path}" if path.startswith("-") or ":" in path.partition("/")[0] else path
    return f"{folder.program} {_quoted(plain)} {shlex.quote(str(folder))}"


def scp_download(folder: ScpFolder, name: str) -> str:
    """Return the command that copies the file *name* of *folder* to the current one."""
    escaped = _GLOB.sub(r"\\\g<0>", name)
    return f"{folder.program} {shlex.quote(f'{folder}{escaped}')} ."


def _quoted(path: str) -> str:
    """Return *path* quoted for a shell; a leading ``~/`` keeps its meaning."""
    home, slash, rest = path.partition("/")
    return f"~/{shlex.quote(rest)}" if home == "~" and slash else shlex.quote(path)


def _program(address: ServerAddress) -> str:
    """Return the shell command that connects a pipe to *address*."""
    if address.path:
        return f"nc -U {shlex.quote(address.path)}"
    host = shlex.quote(address.host)
    if address.tls:
        bracketed = f"[{address.host}]" if ":" in address.host else host
        return f"openssl s_client -quiet -connect {bracketed}:{address.port}"
    return f"nc {host} {address.port}"
