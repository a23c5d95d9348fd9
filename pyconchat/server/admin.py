"""``pyconchat-admin``: looks after a server's state, from a shell, also while the server runs.

It works on the database. What it changes there, a running server reads again at the SIGHUP that
it is sent.
"""

from __future__ import annotations

import argparse
import getpass
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from pyconchat.auth.passwords import hash_password
from pyconchat.auth.rate_limits import TokenBucket
from pyconchat.config import BadConfig, Config, default_state, read_config
from pyconchat.domain.accounts import Account, Accounts
from pyconchat.domain.decisions import SERVER, Decision, NewEntry, SaveAccount
from pyconchat.domain.errors import NotSaved, Refused
from pyconchat.domain.events import GroupCreated
from pyconchat.domain.group import Group
from pyconchat.domain.names import fold, person_name
from pyconchat.domain.password_rules import check_password
from pyconchat.domain.replies import Where
from pyconchat.domain.stored import AccountRecord, StoredGroup
from pyconchat.net.selfsigned import CERTIFICATE_FILE, KEY_FILE
from pyconchat.render.json import JsonRenderer
from pyconchat.server.process import running_server
from pyconchat.store import BadStore, SqlStore

__all__ = ["main"]

PAGE = 1000
"""Entries that are read at once."""

FILES = "files"
DATABASE = "pyconchat.db"


class Problem(Exception):
    """What was asked for cannot be; the message is one line that says why."""


class Admin:
    """What can be done with the server of *config*."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._state = config.state_path
        file = self._state / DATABASE
        if not config.store.url and not file.exists():
            raise Problem(f"there is no server's state in {self._state}; --state says where it is")
        self._store = SqlStore(config.store_url, config.store.durability)
        self._store.open_as_is()

    def close(self) -> None:
        """Leave the database."""
        self._store.close()

    def backup(self, folder: Path) -> None:
        """Copy all that a server needs to *folder*, which is then a state folder itself.

        The database is copied first: then the files of all its entries are there to be copied.
        """
        folder.mkdir(mode=0o700, parents=True)
        try:
            self._copy_to(folder)
        except BaseException:
            shutil.rmtree(folder)  # half a backup is none
            raise
        print(f"{folder} is a state folder now: a server can be started on it with --state.")

    def _copy_to(self, folder: Path) -> None:
        self._store.snapshot(folder / DATABASE)
        for name in (KEY_FILE, CERTIFICATE_FILE):
            if (self._state / name).exists():
                shutil.copy2(self._state / name, folder / name)
        if (self._state / FILES).exists():
            ignore = shutil.ignore_patterns("partial")
            shutil.copytree(self._state / FILES, folder / FILES, ignore=ignore)

    def check(self) -> None:
        """Read all of the database, and say what is wrong. Raises `Problem` if anything is."""
        found = self._store.problems()
        groups = self._store.load().groups
        for id, stored in sorted(groups.items()):
            found += self._check_group(id, stored)
        for problem in found:
            print(problem)
        if found:
            raise Problem("the state is damaged: restore a backup")
        print(f"All is well: {len(groups)} groups, and each log leads to the state that is stored.")

    def accounts(self) -> None:
        """List who is registered."""
        server = self._store.load().server
        banned = {fold(ban.name) for ban in server.bans}
        for account in sorted(server.accounts, key=lambda each: fold(each.name)):
            notes = ["operator"] * account.operator
            notes += ["banned"] * (fold(account.name) in banned)
            print(account.name, *notes)

    def groups(self) -> None:
        """List the groups: number, name, policy, admin, members and entries."""
        groups = self._store.load().groups.values()
        for stored in sorted(groups, key=lambda each: each.state.number):
            state = stored.state
            print(
                f"{state.number} {state.name} ({state.policy.value}): admin {state.admin},"
                f" {len(state.members)} members, {stored.head} entries"
            )

    def reset_password(self, name: str) -> None:
        """Give an account another password; its sessions end."""
        account = self._account(name)
        password = check_password(_new_password(account.name))
        self._commit(Decision(_now(), writes=[SaveAccount(account.name, hash_password(password))]))
        print(f"{account.name} has another password now.")

    def make_operator(self, name: str) -> None:
        """Give an account power over the whole server."""
        record = self._account(name)
        account = Account(
            record.name, record.password_hash, TokenBucket(0, 0, 0), operator=record.operator
        )
        accounts = Accounts()
        accounts.add(account)
        events = accounts.appoint(account.name)
        self._commit(Decision(_now(), [NewEntry(SERVER, event) for event in events]))
        print(f"{account.name} is an operator now.")

    def export(self, name: str) -> None:
        """Print the log of a group, an entry a line, as programs are told of it."""
        for id, stored in self._store.load().groups.items():
            if name in (str(stored.state.number), stored.state.name) or fold(name) == fold(
                stored.state.name
            ):
                self._export(id, stored)
                return
        raise Problem(f"there is no group {name!r}")

    def _export(self, id: int, stored: StoredGroup) -> None:
        renderer, where = JsonRenderer(), Where(stored.state.name)
        for after in range(0, stored.head, PAGE):
            entries = self._store.entries(id, after, stored.head, PAGE)
            sys.stdout.write("".join(renderer.talk(entries, where)))

    def _check_group(self, id: int, stored: StoredGroup) -> list[str]:
        """Say if the log of a group does not lead to the state that is stored."""
        try:
            group = self._folded(id, stored)
        except Exception as problem:  # whatever an entry says that nobody has written
            return [f"group {stored.state.name}: its log cannot be read: {problem!r}"]
        if group is None or group.state != stored.state:
            return [f"group {stored.state.name}: its log does not lead to the state that is stored"]
        return [
            f"group {stored.state.name}: the bytes of file {file.number} are missing"
            for file in stored.state.files
            if not (self._state / FILES / file.id[:2] / file.id).exists()
        ]

    def _folded(self, id: int, stored: StoredGroup) -> Group | None:
        """Return the group to which the log leads."""
        group: Group | None = None
        for after in range(0, stored.head, PAGE):
            for entry in self._store.entries(id, after, stored.head, PAGE):
                if isinstance(entry.event, GroupCreated):
                    group = Group.created(id, entry.event)
                elif group is not None:
                    group.apply(entry.event, entry.at)  # type: ignore[arg-type]
        return group

    def _account(self, name: str) -> AccountRecord:
        for account in self._store.load().server.accounts:
            if fold(account.name) == fold(person_name(name)):
                return account
        raise Problem(f"nobody is registered here as {name}")

    def _commit(self, decision: Decision) -> None:
        self._store.commit([decision])
        server = running_server(self._state)
        if server is not None:
            os.kill(server, signal.SIGHUP)


def _new_password(name: str) -> str:
    """Ask for a password twice; take a line where nobody is there to be asked."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass(f"New password of {name}: ")
    if getpass.getpass("The same again: ") != password:
        raise Problem("the two were not the same; nothing has changed")
    return password


def _now() -> int:
    return int(time.time() * 1000)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pyconchat-admin", description="Looks after the state of a PyconChat server."
    )
    parser.add_argument("--config", metavar="FILE", type=Path, help="the server's TOML file")
    parser.add_argument("--state", metavar="DIR", type=Path, help="the server's state folder")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: Callable[..., None], help: str, *argument: str) -> None:
        added = commands.add_parser(name, help=help, description=help)
        added.set_defaults(run=run, argument=argument[:1])
        for each in argument:
            added.add_argument(each, metavar=each.upper())

    command("backup", _backup, "copy the state to a new folder, consistently", "dir")
    command("check", Admin.check, "read everything, and say what is wrong")
    command("accounts", Admin.accounts, "list who is registered")
    command("groups", Admin.groups, "list the groups")
    command("reset-password", Admin.reset_password, "give an account another password", "name")
    command("make-operator", Admin.make_operator, "give an account power over the server", "name")
    command("export", Admin.export, "print the log of a group as JSON, a line each", "group")
    return parser


def _backup(admin: Admin, folder: str) -> None:
    admin.backup(Path(folder))


def _config(arguments: argparse.Namespace) -> Config:
    config = read_config(arguments.config) if arguments.config is not None else Config()
    if arguments.state is not None:
        return msgspec.structs.replace(config, state=str(arguments.state.expanduser().absolute()))
    return config if config.state else msgspec.structs.replace(config, state=default_state())


def main(words: Sequence[str] | None = None) -> int:
    """Run the program; return its exit status."""
    arguments = _parser().parse_args(words)
    try:
        admin = Admin(_config(arguments))
        try:
            arguments.run(admin, *(getattr(arguments, each) for each in arguments.argument))
        finally:
            admin.close()
        sys.stdout.flush()
    except Refused as refused:
        problem = refused.sentence
    except BrokenPipeError:  # whoever reads what is exported has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except shutil.Error as error:  # of several files; one is enough to know
        problem = str(error.args[0][0][2])
    except OSError as error:
        problem = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    except (EOFError, KeyboardInterrupt):
        problem = "nothing has changed"
    except UnicodeDecodeError:
        problem = "that is not UTF-8"
    except (Problem, BadConfig, BadStore, NotSaved) as error:
        problem = str(error)
    else:
        return 0
    print(f"pyconchat-admin: {problem}", file=sys.stderr)
    return 1
