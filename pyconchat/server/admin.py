"""``pyconchat-admin``: administration of a server's state from a shell.

It works on the database, also while the server runs. After a change it sends SIGHUP to the running
server, which then reads the accounts again.
"""

from __future__ import annotations

import argparse
import getpass
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from pyconchat.auth.passwords import hash_password
from pyconchat.config import BadConfig, Config, default_state, read_config
from pyconchat.domain.accounts import Account, Accounts, deleted_party
from pyconchat.domain.decisions import (
    SERVER,
    Decision,
    DeleteAccount,
    EndOperator,
    NewEntry,
    SaveAccount,
)
from pyconchat.domain.errors import NotSaved, Refused
from pyconchat.domain.names import fold, person_name
from pyconchat.domain.password_rules import check_password
from pyconchat.domain.replies import Where
from pyconchat.domain.stored import AccountRecord, StoredGroup
from pyconchat.render.json import JsonRenderer
from pyconchat.server.backup import DATABASE, back_up
from pyconchat.server.process import running_server
from pyconchat.server.state_check import check_state, read_log
from pyconchat.store import BadStore, SqlStore

__all__ = ["main"]


class Problem(Exception):
    """The command cannot be executed; the message is one line that says why."""


class Admin:
    """The commands, one method each, for the server with the configuration *config*.

    *wall_clock* returns the time in seconds since the epoch, as `time.time` does.
    """

    def __init__(self, config: Config, wall_clock: Callable[[], float] = time.time) -> None:
        self._wall_clock = wall_clock
        self._state = config.state_path
        file = self._state / DATABASE
        if not config.store.url and not file.exists():
            raise Problem(
                f"there is no server's state in {self._state}; use --state to name its folder"
            )
        self._store = SqlStore(config.store_url, config.store.durability)
        self._store.open_as_is()

    def close(self) -> None:
        """Close the database."""
        self._store.close()

    def backup(self, folder: str) -> None:
        """Copy the state folder to the new folder *folder*."""
        target = Path(folder)
        back_up(self._store, self._state, target)
        print(f"{target} is a complete state folder: a server can be started on it with --state.")

    def check(self) -> None:
        """Read the whole state and print what is wrong. Raises `Problem` if anything is."""
        groups = self._store.load().groups
        found = check_state(self._store, groups, self._state)
        for problem in found:
            print(problem)
        if found:
            raise Problem("the state is damaged: restore a backup")
        print(f"No problems found: {len(groups)} groups, and each log leads to the stored state.")

    def accounts(self) -> None:
        """List the registered accounts: name, rights, creation and last login."""
        server = self._store.load().server
        banned = {fold(ban.name) for ban in server.bans}
        for account in sorted(server.accounts, key=lambda each: fold(each.name)):
            notes = ["operator"] * account.operator
            notes += ["banned"] * (fold(account.name) in banned)
            last = _time(account.last_login_at)
            words = " ".join([account.name, *notes])
            print(f"{words}, created {_time(account.created_at)}, last login {last}")

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
        """Change the password of an account; its sessions end."""
        account = self._account(name)
        password = check_password(_new_password(account.name))
        write = SaveAccount(account.name, hash_password(password))
        self._commit(Decision(self._now(), writes=[write]))
        print(f"The password of {account.name} has been changed.")

    def make_operator(self, name: str) -> None:
        """Make an account an operator."""
        record = self._account(name)
        account = Account(record.name, record.password_hash, record.operator)
        accounts = Accounts()
        accounts.add(account)
        events = accounts.appoint(account.name)
        self._commit(Decision(self._now(), [NewEntry(SERVER, event) for event in events]))
        print(f"{account.name} is an operator now.")

    def remove_operator(self, name: str) -> None:
        """Make an operator an ordinary account."""
        account = self._account(name)
        if not account.operator:
            raise Problem(f"{account.name} is no operator")
        self._commit(Decision(self._now(), writes=[EndOperator(fold(account.name))]))
        print(f"{account.name} is no longer an operator.")

    def delete_account(self, name: str, yes: bool) -> None:
        """Delete an account. What it said remains; its name is free afterwards.

        The running server ends its sessions and memberships; a stopped one does so at its start.
        """
        account = self._account(name)
        if not yes and not _typed_again(account.name):
            raise Problem("that is not the name; nothing was changed")
        key = fold(account.name)
        self._commit(Decision(self._now(), writes=[DeleteAccount(key, deleted_party(key))]))
        print(f"The account of {account.name} has been deleted.")

    def export(self, name: str) -> None:
        """Print the log of a group, one entry per line, in the format of JSON mode."""
        for id, stored in self._store.load().groups.items():
            if name in (str(stored.state.number), stored.state.name) or fold(name) == fold(
                stored.state.name
            ):
                self._export(id, stored)
                return
        raise Problem(f"there is no group {name!r}")

    def _export(self, id: int, stored: StoredGroup) -> None:
        renderer, where = JsonRenderer(), Where(stored.state.name)
        for page in read_log(self._store, id, stored.head):
            sys.stdout.write("".join(renderer.talk(page, where)))

    def _account(self, name: str) -> AccountRecord:
        for account in self._store.load().server.accounts:
            if fold(account.name) == fold(person_name(name)):
                return account
        raise Problem(f"there is no account {name}")

    def _commit(self, decision: Decision) -> None:
        self._store.commit([decision])
        server = running_server(self._state)
        if server is not None:
            os.kill(server, signal.SIGHUP)

    def _now(self) -> int:
        return int(self._wall_clock() * 1000)


def _new_password(name: str) -> str:
    """Prompt for a password twice, or read one line if standard input is not a terminal."""
    if sys.stdin is None:  # standard input is closed
        raise EOFError
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass(f"New password of {name}: ")
    if getpass.getpass("Repeat it: ") != password:
        raise Problem("the two passwords differ; nothing was changed")
    return password


def _typed_again(name: str) -> bool:
    """Ask for *name* to be typed; return whether it was."""
    if sys.stdin is None:  # standard input is closed
        raise EOFError
    print(f"This cannot be undone. Type {name} to delete the account: ", end="", flush=True)
    return sys.stdin.readline().strip() == name


def _time(at: int | None) -> str:
    """Return the time *at* (milliseconds since the epoch) in the local time zone."""
    if at is None:
        return "unknown"
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at / 1000))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pyconchat-admin", description="Administration of a PyconChat server's state."
    )
    parser.add_argument("--config", metavar="FILE", type=Path, help="the server's TOML file")
    parser.add_argument("--state", metavar="DIR", type=Path, help="the server's state folder")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(
        name: str, run: Callable[..., None], help: str, *argument: str
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help, description=help)
        added.set_defaults(run=run, argument=argument[:1])
        for each in argument:
            added.add_argument(each, metavar=each.upper())
        return added

    command(
        "backup", Admin.backup, "copy the state to a new folder, also while the server runs", "dir"
    )
    command("check", Admin.check, "read the whole state and report problems")
    command("accounts", Admin.accounts, "list the registered accounts")
    command("groups", Admin.groups, "list the groups")
    command("reset-password", Admin.reset_password, "change the password of an account", "name")
    command("make-operator", Admin.make_operator, "make an account an operator", "name")
    command("remove-operator", Admin.remove_operator, "make an operator an account", "name")
    command("delete-account", Admin.delete_account, "delete an account", "name").add_argument(
        "--yes", action="store_true", help="do not ask for the name to be typed"
    )
    command("export", Admin.export, "print the log of a group as JSON, one entry per line", "group")
    return parser


def _config(arguments: argparse.Namespace) -> Config:
    config = read_config(arguments.config) if arguments.config is not None else Config()
    if arguments.state is not None:
        return msgspec.structs.replace(config, state=str(arguments.state.expanduser().absolute()))
    return config if config.state else msgspec.structs.replace(config, state=default_state())


def main(words: Sequence[str] | None = None) -> int:
    """Run the program and return its exit status."""
    arguments = _parser().parse_args(words)
    try:
        admin = Admin(_config(arguments))
        try:
            options = {"yes": arguments.yes} if "yes" in arguments else {}
            given = [getattr(arguments, each) for each in arguments.argument]
            arguments.run(admin, *given, **options)
        finally:
            admin.close()
        sys.stdout.flush()
    except Refused as refused:
        problem = refused.sentence
    except BrokenPipeError:  # the reader of an export has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        problem = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    except (EOFError, KeyboardInterrupt):
        problem = "nothing was changed"
    except UnicodeDecodeError:
        problem = "the input is not UTF-8"
    except (Problem, BadConfig, BadStore, NotSaved) as error:
        problem = str(error)
    else:
        return 0
    print(f"pyconchat-admin: {problem}", file=sys.stderr)
    return 1
