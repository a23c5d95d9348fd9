"""The command line of ``pyconchat``."""

from __future__ import annotations

import argparse
import os
import pwd
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, NoReturn

from pyconchat import __version__
from pyconchat.client.net.address import FORM, Address, BadAddress, parse_address
from pyconchat.client.net.saved import default_path
from pyconchat.domain.errors import Refused
from pyconchat.domain.names import person_name

__all__ = ["Options", "parse_options"]


class Options(NamedTuple):
    """The options. *password* is None if it was not given; *auto_get* is in bytes, -1 for never.

    *state* is the folder of the saved state, *user* the name of the user of this machine, or "".
    *notify* is the command that reports mentions, with its arguments. *view* is ``one``, ``all``,
    or "" for the saved one.
    """

    address: Address
    plain: bool
    password: str | None
    state: Path
    user: str = ""
    colours: bool = True
    create: bool = False
    notify: tuple[str, ...] = ()
    downloads: Path = Path(".")
    auto_get: int = -1
    send: tuple[Path, ...] = ()
    get: str = ""
    view: str = ""


def parse_options(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> Options:
    """Return the options. Exits with status 2 and one line if they are not valid."""
    parser = _parser()
    found = parser.parse_args(arguments)
    try:
        address = parse_address(found.host, found.port, found.tls)
        if found.name:
            address = address._replace(name=person_name(found.name))
        if found.group:
            address = address._replace(group=parse_address(f"host/{found.group}").group)
    except BadAddress as problem:
        parser.error(str(problem))
    except Refused as refused:
        parser.error(refused.sentence)
    password = environ.get("PYCONCHAT_PASSWORD")
    if found.password_file is not None:
        try:
            password = found.password_file.read_text().split("\n", 1)[0].rstrip("\r")
        except OSError as problem:
            parser.error(f"--password-file: {found.password_file}: {problem.strerror}")
        except UnicodeDecodeError:
            parser.error(f"--password-file: {found.password_file}: it is not UTF-8")
    try:
        state, downloads = default_path(environ), found.downloads.expanduser()
    except RuntimeError:  # no entry in the system's list of users, as in some containers
        parser.error("there is no home folder: set HOME or XDG_STATE_HOME")
    dumb = environ.get("TERM", "dumb") == "dumb"
    if (found.send or found.get) and not address.group:
        parser.error("--send and --get need a --group")
    return Options(
        address,
        found.plain or dumb or sys.stdout is None or not sys.stdout.isatty(),
        password,
        state,
        user_name(environ),
        not environ.get("NO_COLOR"),
        found.create,
        tuple(found.notify_command),
        downloads,
        found.auto_get,
        tuple(found.send),
        found.get,
        found.view,
    )


def user_name(environ: Mapping[str, str]) -> str:
    """Return the name of the user of this machine if it is a valid name, else ""."""
    candidates = [environ.get("USER", ""), environ.get("LOGNAME", "")]
    with suppress(KeyError):
        candidates.append(pwd.getpwuid(os.getuid()).pw_name)
    name = next(filter(None, candidates), "")
    try:
        return person_name(name)
    except Refused:
        return ""


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="pyconchat",
        allow_abbrev=False,  # --password must not mean --password-file
        usage=f"pyconchat [options] {FORM}\n       pyconchat [options] HOST PORT",
        description="The terminal client of PyconChat.",
        epilog="With input from a pipe, each line is sent to the group, and the exit status is 0"
        " if all were stored in a group that continues to exist:"
        " make 2>&1 | pyconchat --name ci --group builds HOST",
    )
    add = parser.add_argument
    add("host", help=f"{FORM}, also after pyconchat:// or pyconchats://")
    add("port", nargs="?", default="", help="instead of :PORT [8000; TLS: 8443]")
    add("--name", default="", help="instead of NAME@")
    add("--group", default="", help="instead of /GROUP: the group to enter")
    add("--tls", action="store_true", help="use TLS, as with pyconchats://")
    add(
        "--password-file",
        type=Path,
        metavar="FILE",
        help="the password is its first line, instead of $PYCONCHAT_PASSWORD",
    )
    add(
        "--plain",
        action="store_true",
        help="no colours and no cursor movement, as with TERM=dumb",
    )
    add("--create", action="store_true", help="create the group if it does not exist")
    add(
        "--notify-command",
        type=_command,
        default=(),
        metavar="COMMAND",
        help="run COMMAND SENDER TEXT for each mention and private message",
    )
    add(
        "--view",
        choices=["one", "all"],
        default="",
        help="show the current group only (one), or all in one stream [as /view was last set]",
    )
    add(
        "--downloads",
        type=Path,
        default=Path("."),
        metavar="DIR",
        help="the folder for fetched files [the current folder]",
    )
    add(
        "--auto-get",
        type=_size,
        default=-1,
        metavar="SIZE",
        help="fetch files of up to SIZE (200k, 5M, 1G) when others share them",
    )
    add(
        "--send",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="share files with the group and exit",
    )
    add("--get", default="", metavar="FILE", help="fetch a file of the group and exit")
    add("--version", action="version", version=f"pyconchat {__version__}")
    return parser


class _Parser(argparse.ArgumentParser):
    """Reports an error in one line; the usage is shown by ``--help``."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}\n")


def _command(line: str) -> list[str]:
    """Return the words of a command line. No shell runs it."""
    try:
        words = shlex.split(line)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(f"{line}: {problem}") from None
    if not words:
        raise argparse.ArgumentTypeError("the command is empty")
    return words


def _size(word: str) -> int:
    """Return the bytes of a size such as ``200k``."""
    found = re.fullmatch(r"(\d{1,12})([kMG]?)B?", word)
    if found is None:
        raise argparse.ArgumentTypeError(f"{word} is not a size such as 200k, 5M or 1G")
    return int(found[1]) * {"": 1, "k": 1000, "M": 1000**2, "G": 1000**3}[found[2]]
