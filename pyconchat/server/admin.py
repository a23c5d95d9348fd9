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
    NewEntry,
    SetPassword,
)
from pyconchat.domain.errors import NotSaved, Refused
from pyconchat.domain.events import ADMINISTRATOR, OperatorRemoved
from pyconchat.domain.names import fold, person_name
from pyconchat.domain.password_rules import check_password
from pyconchat.domain.stored import AccountRecord
from pyconchat.render.words import counted
from pyconchat.server.admin_groups import (
    GroupAdmin,
    Problem,
    local_time,
    require_stored,
    typed_again,
)
from pyconchat.server.backup import DATABASE, back_up, require_opened, require_regular
from pyconchat.server.process import running_server
from pyconchat.server.state_check import check_state
from pyconchat.store import KEPT_DAYS, BadStore, SqlStore

__all__ = ["main"]


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
        if not config.store.url and os.geteuid() == 0:
            require_regular(file)
        shared = bool(config.node_name)  # then other nodes are notified of changes
        self._store = SqlStore(config.store_url, config.store.durability, shared=shared)
        self._store.open_as_is()
        if not config.store.url and os.geteuid() == 0:
            require_opened(file)

    def close(self) -> None:
        """Close the database."""
        self._store.close()

    def backup(self, folder: str) -> None:
        """Copy the state folder to the new folder *folder*."""
        target = Path(folder)
        back_up(self._store, self._state, target)
        print(f"{target} is a complete state folder: a server can be started on it with --state.")

    def copy_database(self, url: str) -> None:
        """Copy the database into the new database *url*; the server must be stopped."""
        try:
            self._store.lock(alone=True)
        except BadStore as problem:
            raise Problem(f"{problem}: stop it first") from None
        target = SqlStore(url)
        try:
            target.lock()
            target.open()
            self._store.copy_to(target, lambda table, count: print(f"{table}: {count:,}"))
            if target.load() != self._store.load():
                raise Problem("the copy is not like the database: do not use it")
        finally:
            target.close()
        print(
            "Everything has been copied. Set store.url in the configuration file to use the copy."
        )

    def check(self) -> None:
        """Read the whole state and print its defects. Raises `Problem` if there are any."""
        loaded = self._store.load()
        groups = loaded.groups
        kept = [each for each in self._store.closed() if each.days <= KEPT_DAYS]
        every = groups | {each.id: each.stored for each in kept}
        found = check_state(self._store, every, loaded.direct_files, self._state)
        for problem in found:
            print(problem)
        if found:
            raise Problem("the state is damaged: restore a backup")
        open_groups = counted(len(groups), "group")
        print(f"No problems found: {open_groups}, and each log leads to the stored state.")

    def accounts(self) -> None:
        """List the registered accounts: name, rights, creation and last login."""
        server = self._store.load().server
        banned = {fold(ban.name) for ban in server.bans if ban.lasts(self._now())}
        for account in sorted(server.accounts, key=lambda each: fold(each.name)):
            notes = ["operator"] * account.operator
            notes += ["banned"] * (fold(account.name) in banned)
            last = local_time(account.last_login_at)
            words = ", ".join([account.name, *notes])
            print(f"{words}, created {local_time(account.created_at)}, last login {last}")

    @property
    def _groups(self) -> GroupAdmin:
        return GroupAdmin(self._store, self._now())

    def groups(self) -> None:
        """List the groups, and the deleted ones that can be restored."""
        self._groups.list()

    def delete_group(self, name: str, yes: bool) -> None:
        """Delete a group; it can be restored for 30 days."""
        self._groups.delete(name, yes)

    def restore_group(self, which: str, new_name: str | None) -> None:
        """Restore a deleted group, optionally under another name."""
        self._groups.restore(which, new_name)

    def export_group(self, which: str, file: str) -> None:
        """Write the log of a group to a file."""
        self._groups.export(which, file)

    def export_private(self, name: str, other: str, file: str) -> None:
        """Write the log of the private conversation of two accounts to a file."""
        self._groups.export_private(name, other, file)

    def reset_password(self, name: str) -> None:
        """Change the password of an account; its sessions end."""
        account = self._account(name)
        password = check_password(_new_password(account.name))
        write = SetPassword(fold(account.name), hash_password(password))
        self._commit(Decision(self._now(), writes=[write]))
        print(f"The password of {account.name} has been changed.")

    def make_operator(self, name: str) -> None:
        """Make an account an operator."""
        record = self._account(name)
        account = Account(record.name, record.password_hash, record.operator, keys=record.keys)
        accounts = Accounts()
        accounts.add(account)
        events = accounts.appoint(account.name)
        self._commit(Decision(self._now(), [NewEntry(SERVER, event) for event in events]))
        print(f"{account.name} is an operator now.")

    def remove_operator(self, name: str) -> None:
        """Make an operator an ordinary account."""
        account = self._account(name)
        if not account.operator:
            raise Problem(f"{account.name} is not an operator")
        event = OperatorRemoved(account.name, ADMINISTRATOR)
        self._commit(Decision(self._now(), [NewEntry(SERVER, event)]))
        print(f"{account.name} is no longer an operator.")

    def delete_account(self, name: str, yes: bool) -> None:
        """Delete an account. Its messages remain; its name is free afterwards.

        The running server ends its sessions and memberships; a stopped one does so at its start.
        """
        account = self._account(name)
        question = f"This cannot be undone. Type {account.name} to delete the account: "
        if not yes and not typed_again(account.name, question):
            raise Problem("that is not the name; nothing was changed")
        key = fold(account.name)
        self._commit(Decision(self._now(), writes=[DeleteAccount(key, deleted_party(key))]))
        print(f"The account of {account.name} has been deleted.")

    def _account(self, name: str) -> AccountRecord:
        for account in self._store.load().server.accounts:
            if fold(account.name) == fold(person_name(name)):
                return account
        raise Problem(f"there is no account {name}")

    def _commit(self, decision: Decision) -> None:
        require_stored(self._store, decision)
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


_METAVARS = {"folder": "DIR", "which": "NAME-or-id"}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pyconchat-admin", description="Administration of a PyconChat server's state."
    )
    parser.add_argument("--config", metavar="FILE", type=Path, help="the server's TOML file")
    parser.add_argument("--state", metavar="DIR", type=Path, help="the server's state folder")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(
        name: str, run: Callable[..., None], help: str, *arguments: str
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help, description=help)
        added.set_defaults(run=run)
        for each in arguments:
            added.add_argument(each, metavar=_METAVARS.get(each, each.upper()))
        return added

    def ask_first(command: argparse.ArgumentParser) -> None:
        command.add_argument("--yes", action="store_true", help="do not ask for the name again")

    command(
        "backup",
        Admin.backup,
        "copy the state to a new folder, also while the server runs",
        "folder",
    )
    command(
        "copy-database",
        Admin.copy_database,
        "copy the database into a new one, for example in PostgreSQL (server stopped)",
        "url",
    )
    command("check", Admin.check, "read the whole state and report problems")
    command("accounts", Admin.accounts, "list the registered accounts")
    command("groups", Admin.groups, "list the groups")
    command("reset-password", Admin.reset_password, "change the password of an account", "name")
    command("make-operator", Admin.make_operator, "make an account an operator", "name")
    command("remove-operator", Admin.remove_operator, "end an account's operator rights", "name")
    ask_first(command("delete-account", Admin.delete_account, "delete an account", "name"))
    ask_first(
        command("delete-group", Admin.delete_group, "delete a group (server stopped)", "name")
    )
    command(
        "restore-group",
        Admin.restore_group,
        "restore a deleted group, by its name or id (server stopped)",
        "which",
    ).add_argument("--as", dest="new_name", metavar="NEWNAME", help="give it another name")
    command(
        "export-group",
        Admin.export_group,
        "write the log of a group, open or deleted, as JSON, one entry per line",
        "which",
        "file",
    )
    command(
        "export-private",
        Admin.export_private,
        "write the log of the private conversation of two accounts, as export-group does",
        "name",
        "other",
        "file",
    )
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
            given = {**vars(arguments)}
            run = given.pop("run")
            for option in ("config", "state"):
                del given[option]
            run(admin, **given)
        finally:
            admin.close()
        sys.stdout.flush()
    except Refused as refused:
        problem = refused.sentence
    except BrokenPipeError:  # the reader of an export has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except FileExistsError as error:
        problem = f"{error.filename}: this exists already, and nothing is overwritten"
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
