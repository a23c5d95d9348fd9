"""SavedState: the client's files on this machine: tokens, certificates, history, settings.

All of it is under ``$XDG_STATE_HOME/pyconchat/client``, readable only by its owner.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from pyconchat.client.net.address import Address
from pyconchat.domain.names import fold

__all__ = ["SavedState", "default_path"]


class SavedState:
    """The client's files in the folder *path*, which is created when something is saved."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def known_hosts(self) -> Path:
        """Return the path of the file of accepted certificates."""
        return self.path / "known_hosts"

    def history(self, address: Address) -> Path:
        """Return the path of the history of typed lines for *address*; create the file.

        Raises `OSError`.
        """
        self._create_folder()
        path = self.path / f"history-{_file_name(address)}"
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
        return path

    def token(self, address: Address, name: str) -> str | None:
        """Return the session token of *name* at *address*, if one is saved."""
        return self._tokens().get(_account(address, name))

    def last_name(self, address: Address) -> str | None:
        """Return the name that logged in at *address* last, if any."""
        end = _server(address)
        names = [each.removesuffix(end) for each in self._tokens() if each.endswith(end)]
        return names[-1] if names else None

    def save_token(self, address: Address, name: str, token: str) -> None:
        """Save *token* in place of the previous one. Raises `OSError`."""
        tokens = self._tokens()
        account = _account(address, name)
        if [*tokens.items()][-1:] != [(account, token)]:  # the last entry is the last login
            tokens.pop(account, None)
            self._write("tokens", tokens | {account: token})

    def delete_token(self, address: Address, name: str) -> None:
        """Delete the token, which is no longer valid. Raises `OSError`."""
        tokens = self._tokens()
        if tokens.pop(_account(address, name), None) is not None:
            self._write("tokens", tokens)

    def view(self) -> str:
        """Return the saved view, or ""."""
        return self._read("settings").get("view", "")

    def save_view(self, view: str) -> None:
        """Save the view for the next start. Raises `OSError`."""
        self._write("settings", self._read("settings") | {"view": view})

    def _tokens(self) -> dict[str, str]:
        return self._read("tokens")

    def _read(self, name: str) -> dict[str, str]:
        try:
            return msgspec.json.decode((self.path / name).read_bytes(), type=dict[str, str])
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return {}

    def _write(self, name: str, content: dict[str, str]) -> None:
        self._create_folder()
        path = self.path / f"{name}.{os.getpid()}"
        path.unlink(missing_ok=True)  # left by a crashed process with the same id
        with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(content)))
        path.replace(self.path / name)

    def _create_folder(self) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)


def default_path(environ: Mapping[str, str]) -> Path:
    """Return the folder for state, by the XDG Base Directory Specification.

    Raises `RuntimeError` if the user has no home folder.
    """
    base = environ.get("XDG_STATE_HOME", "")
    home = environ.get("HOME", "")
    root = Path(base)
    if not base.startswith("/"):
        root = (Path(home) if home else Path.home()) / ".local" / "state"
    return root / "pyconchat" / "client"


def _account(address: Address, name: str) -> str:
    return f"{fold(name)}{_server(address)}"


def _server(address: Address) -> str:
    """Return the server in a token's name.

    It includes the scheme, so that a token that came over TLS is never sent without TLS.
    """
    return f"@{'pyconchats' if address.tls else 'pyconchat'}://{address}"


def _file_name(address: Address) -> str:
    return "".join(char if char.isalnum() or char in ".-" else "_" for char in str(address).lower())
