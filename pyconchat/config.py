"""Config: the TOML file and the twistd options as one typed record.

Types and ranges are checked when the file is read. An error is one line that names the key.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from pyconchat.domain.errors import Refused
from pyconchat.domain.names import group_name

__all__ = [
    "HOST_KEY_FILE",
    "BadConfig",
    "BusConfig",
    "Config",
    "DoorsConfig",
    "FilesConfig",
    "IrcConfig",
    "LimitsConfig",
    "NodeConfig",
    "StoreConfig",
    "WebConfig",
    "read_config",
]

Count = Annotated[int, Meta(ge=0, le=10_000_000)]
Bytes = Annotated[int, Meta(ge=0, le=2**31)]
Seconds = Annotated[float, Meta(ge=0, le=86_400 * 365)]

_PUBLIC = re.compile(
    r"(?:\[(?P<bracketed>[0-9a-fA-F:.]+)\]|(?P<host>[^\s:\[\]/@]+))(?::(?P<port>[0-9]{1,5}))?"
)

_URL = re.compile(
    r"https?://(?:\[[0-9a-fA-F:.]+\]|[^\s:\[\]/@?#\\]+)(?::(?P<port>[0-9]{1,5}))?/?", re.IGNORECASE
)

_PORT = re.compile(
    r"(?:haproxy:)?(?P<kind>tcp|tcp6|ssl|selfsigned):(?:port=)?(?P<port>[0-9]{1,5})(?::|$)"
)

# The package `bus` parses it; this check finds a mistake before the server starts.
_BUS = re.compile(
    r"rediss?://(?:[^\s/?#@]*@)?(?:\[[0-9a-fA-F:.]+\]|[^\s:\[\]/@?#\\]+)(?::[0-9]{1,5})?(?:/[0-9]*)?"
    r"(?:\?ssl_ca_certs=[^\s#&]+)?"
)

HOST_KEY_FILE = "ssh_host_ed25519_key"
"""The SSH door's host key in the state folder."""

_LOOPBACK = re.compile(r":interface=(?:127\.[0-9.]+|\\:\\:1|localhost)(?::|$)")

TLS_KINDS = ("ssl", "selfsigned")
"""The kinds of endpoints that have a certificate."""

DEFAULT_LINE = "tcp:8000:interface=127.0.0.1"


def _port_of(endpoints: Sequence[str]) -> tuple[int, bool] | None:
    # Only the proxy can connect to an endpoint for a proxy, so the others come first.
    for endpoint in sorted(endpoints, key=lambda each: each.startswith("haproxy:")):
        found = _PORT.match(endpoint)
        if found is not None:
            return int(found["port"]), found["kind"] in TLS_KINDS
    return None


class BadConfig(Exception):
    """The configuration cannot be used; the message is one line that names the key."""


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file. An unknown key is an error."""


class DoorsConfig(_Section, frozen=True):
    """Twisted server endpoint strings: of the doors, and of the metrics page."""

    line: tuple[str, ...] = (DEFAULT_LINE,)
    irc: tuple[str, ...] = ()
    ssh: tuple[str, ...] = ()
    web: tuple[str, ...] = ()
    metrics: str = ""

    @property
    def line_port(self) -> tuple[int, bool] | None:
        """Return the port of the first line endpoint that has one, and whether it has TLS.

        That of an endpoint for a proxy only if there is no other.
        """
        return _port_of(self.line)

    @property
    def irc_port(self) -> tuple[int, bool] | None:
        """Return the port of the first IRC endpoint that has one, and whether it has TLS."""
        return _port_of(self.irc)

    @property
    def ssh_port(self) -> int | None:
        """Return the port of the first SSH endpoint that has one."""
        found = _port_of(self.ssh)
        return None if found is None else found[0]


class StoreConfig(_Section, frozen=True):
    """Where the log is stored. An empty url is SQLite in the state folder."""

    url: str = ""
    durability: Literal["full", "normal"] = "full"


class BusConfig(_Section, frozen=True):
    """The bus by which the nodes of a chat notify each other: Redis; empty: PostgreSQL."""

    url: str = ""


class NodeConfig(_Section, frozen=True):
    """The node's *name*, which no other node of the chat has. Empty: that of the host."""

    name: Annotated[str, Meta(max_length=63, pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]*)?$")] = ""

    @property
    def shown_name(self) -> str:
        """Return the name, or that of the host."""
        host = re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname()).lstrip("._-")
        return self.name or host[:63] or "node"


class LimitsConfig(_Section, frozen=True):
    """Limits in seconds, bytes and counts. 0 turns a limit off."""

    line_bytes: Annotated[int, Meta(ge=64, le=65_536)] = 4096
    connections_per_ip: Count = 64
    sessions_per_ip: Count = 64
    connections_per_ip_10min: Count = 128
    unauthenticated: Count = 100
    missed_entries: Annotated[int, Meta(ge=1, le=1000)] = 200
    login_seconds: Seconds = 60
    login_attempts_per_minute: Count = 3
    login_delay_seconds: Seconds = 5
    message_burst: Count = 10
    messages_per_second: Annotated[float, Meta(ge=0, le=10_000_000)] = 5
    unsent_soft_bytes: Bytes = 65_536
    unsent_hard_bytes: Bytes = 1_048_576
    groups_per_account: Count = 200
    requests_per_account: Count = 20
    requests_per_group: Count = 500
    invitations_per_account: Count = 100
    invitations_per_group: Count = 500
    bans_per_group: Count = 1000
    ignores_per_account: Count = 500
    names_per_minute: Count = 30
    ping_seconds: Seconds = 90
    silence_seconds: Seconds = 150


class FilesConfig(_Section, frozen=True):
    """Limits for shared files, in bytes, seconds and counts. 0 turns a limit off.

    *free_disk* is the share of the disk that stays free, from 0 to 1.
    """

    file_bytes: Annotated[int, Meta(ge=0, le=2**50)] = 100 * 1024**2
    account_bytes: Annotated[int, Meta(ge=0, le=2**50)] = 1024**3
    free_disk: Annotated[float, Meta(ge=0, le=1)] = 0.05
    uploads_per_account: Count = 2
    idle_seconds: Seconds = 60
    ticket_seconds: Seconds = 3600
    tickets_per_account: Count = 32
    unfinished_seconds: Seconds = 86_400


class IrcConfig(_Section, frozen=True):
    """The server's name for IRC clients. An empty *name* is that of the host."""

    name: Annotated[str, Meta(max_length=63, pattern=r"^([A-Za-z0-9][A-Za-z0-9.-]*)?$")] = ""
    network: Annotated[str, Meta(max_length=32, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = (
        "PyconChat"
    )

    @property
    def server_name(self) -> str:
        """Return the server's name in the lines that it sends."""
        host = re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname()).lstrip(".-")
        name = self.name or host or "pyconchat"
        return name if "." in name else f"{name}.local"  # a name without a dot would be a nick


class WebConfig(_Section, frozen=True):
    """The web door: the networks that may read *metrics*, and certbot's webroot."""

    metrics: tuple[str, ...] = ()
    acme_webroot: str = ""

    def may_read_metrics(self, address: str) -> bool:
        """Return whether *address* may read ``/metrics``."""
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found in ip_network(network) for network in self.metrics)


class Config(_Section, frozen=True):
    """All settings. *state* is a folder. Without a *lobby* (None) people choose a group.

    *new_groups* is the policy of a group that is created by joining it. *public_host* is the
    server's public address, ``HOST`` or ``HOST:PORT``; empty: the address of the connection.
    *public_url* is the web door's, such as ``https://chat.example.org``.
    *trusted_proxies* are addresses or networks from which the PROXY protocol is expected, and
    "unix" for Unix sockets. *ssh_host_key* is a file; empty: `HOST_KEY_FILE` in the state folder,
    which is made if it is missing.
    """

    state: str = ""
    lobby: str | None = None
    guests: bool = True
    motd: Annotated[str, Meta(max_length=2000)] = ""
    public_host: str = ""
    public_url: str = ""
    trusted_proxies: tuple[str, ...] = ()
    ssh_host_key: str = ""
    new_groups: Literal["approval", "open", "invite"] = "approval"
    doors: DoorsConfig = DoorsConfig()
    irc: IrcConfig = IrcConfig()
    web: WebConfig = WebConfig()
    store: StoreConfig = StoreConfig()
    bus: BusConfig = BusConfig()
    node: NodeConfig = NodeConfig()
    limits: LimitsConfig = LimitsConfig()
    files: FilesConfig = FilesConfig()

    @property
    def node_name(self) -> str:
        """Return the name among several nodes; empty if the server has the database alone.

        With a bus, the name is that of the host, unless another is given.
        """
        return self.node.shown_name if self.node.name or self.bus.url else ""

    @property
    def web_address(self) -> str:
        """Return the URL of the web door, without a slash at its end; empty if there is none.

        Without a `public_url` it is that of a port on loopback.
        """
        if not self.doors.web:
            return ""
        if self.public_url:
            return self.public_url.rstrip("/")
        found = next(filter(None, map(_PORT.match, self.doors.web)), None)
        if found is None:
            return ""
        scheme = "https" if found["kind"] in TLS_KINDS else "http"
        host = "[::1]" if found["kind"] == "tcp6" else "127.0.0.1"
        return f"{scheme}://{host}:{found['port']}"

    @property
    def state_path(self) -> Path:
        """Return the state folder."""
        return Path(self.state)

    @property
    def host_key_path(self) -> Path:
        """Return the file of the SSH door's host key."""
        return Path(self.ssh_host_key) if self.ssh_host_key else self.state_path / HOST_KEY_FILE

    @property
    def store_url(self) -> str:
        """Return the database URL of the store."""
        return self.store.url or f"sqlite:///{self.state_path / 'pyconchat.db'}"

    @property
    def public_address(self) -> tuple[str, int | None] | None:
        """Return host and port of `public_host`; the port may be None. None if it is not valid."""
        found = _PUBLIC.fullmatch(self.public_host)
        if found is None:
            return None
        port = int(found["port"]) if found["port"] else None
        if port is not None and not 0 < port < 65536:
            return None
        return found["bracketed"] or found["host"], port

    def check(self) -> Config:
        """Return self, after the checks that types cannot express. Raises `BadConfig`."""
        limits = self.limits
        if self.lobby is not None:
            try:
                group_name(self.lobby)
            except Refused as refused:
                raise BadConfig(f"lobby: {refused.sentence}") from None
        if self.public_host and self.public_address is None:
            raise BadConfig("public_host: expected HOST or HOST:PORT, an IPv6 address in brackets")
        if self.public_url:
            url = _URL.fullmatch(self.public_url)
            if url is None or not 0 < int(url["port"] or 80) < 65536:
                raise BadConfig("public_url: expected http or https, as https://chat.example.org")
        for proxy in self.trusted_proxies:
            try:
                ip_network(proxy if proxy != "unix" else "::")
            except ValueError as problem:
                raise BadConfig(f"trusted_proxies: {problem}") from None
        if self.bus.url and _BUS.fullmatch(self.bus.url) is None:
            raise BadConfig(
                "bus.url: expected redis://HOST, as rediss://:PASSWORD@redis.example.org:6380/0"
            )
        self._check_web()
        if not self.doors.line:
            raise BadConfig("doors.line: at least one endpoint is needed")
        if 0 < limits.unsent_hard_bytes < limits.unsent_soft_bytes:
            raise BadConfig("limits.unsent_hard_bytes: must not be below unsent_soft_bytes")
        if 0 < limits.silence_seconds <= limits.ping_seconds:
            raise BadConfig("limits.silence_seconds: must be above ping_seconds")
        return self

    def _check_web(self) -> None:
        """Raise `BadConfig` unless the web door protects the data sent to it."""
        for network in self.web.metrics:
            try:
                ip_network(network)
            except ValueError as problem:
                raise BadConfig(f"web.metrics: {problem}") from None
        for endpoint in self.doors.web:
            kind = endpoint.partition(":")[0]
            local = kind == "unix" or _LOOPBACK.search(endpoint) is not None
            # Only challenges are served at a port for them, and to clients other than the proxies.
            if local or self.trusted_proxies or (self.web.acme_webroot and self.public_url):
                continue
            if kind not in TLS_KINDS:
                raise BadConfig(
                    f"doors.web: {endpoint} would send passwords without encryption: use"
                    " interface=127.0.0.1, ssl:, selfsigned:, trusted_proxies, or acme_webroot"
                )
            if not self.public_url:
                raise BadConfig(
                    "public_url: the web door needs it: https://HOST or https://HOST:PORT"
                )


def default_state(environ: Mapping[str, str] = os.environ) -> str:
    """Return the default state folder (XDG Base Directory Specification).

    Raises `BadConfig` if there is no home folder.
    """
    base = environ.get("XDG_STATE_HOME", "")
    # "All paths must be absolute. If [...] relative [...] consider the path invalid".
    if base.startswith("/"):
        return str(Path(base) / "pyconchat")
    try:
        home = Path.home()
    except RuntimeError:  # HOME is not set, and the user has no entry in passwd(5)
        raise BadConfig("there is no home folder: use --state to name the state folder") from None
    return str(home / ".local" / "state" / "pyconchat")


def read_config(path: Path) -> Config:
    """Read the TOML file *path*. Relative paths in it start at its folder. Raises `BadConfig`."""
    try:
        config = msgspec.toml.decode(path.read_bytes(), type=Config)
    except OSError as error:
        raise BadConfig(f"{path}: {error.strerror}") from None
    except msgspec.ValidationError as error:
        raise BadConfig(f"{path}: {_naming_the_key(error)}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadConfig(f"{path}: not TOML: {str(error).splitlines()[0]}") from None
    folder = path.absolute().parent
    if config.state:
        state = str(folder / Path(config.state).expanduser())
        config = msgspec.structs.replace(config, state=state)
    if config.ssh_host_key:
        key = str(folder / Path(config.ssh_host_key).expanduser())
        config = msgspec.structs.replace(config, ssh_host_key=key)
    scheme, _, database = config.store.url.partition("sqlite:///")
    if not scheme and database:
        store = msgspec.structs.replace(config.store, url=f"sqlite:///{folder / database}")
        config = msgspec.structs.replace(config, store=store)
    return config


def _naming_the_key(error: msgspec.ValidationError) -> str:
    """Turn ``Expected `int`, got `str` - at `$.limits.x``` into ``limits.x: expected ...``."""
    text = str(error).splitlines()[0]
    problem, separator, key = text.partition(" - at `$.")
    if separator:
        return f"{key.rstrip('`')}: {problem[0].lower()}{problem[1:]}"
    return text[0].lower() + text[1:]
