"""A crowd of programs, and of people at nc, in a process of its own: see `crowd_process`."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pyconchat.auth.passwords import hash_password
from pyconchat.domain.decisions import Decision, Register, SaveToken
from pyconchat.domain.events import Policy
from pyconchat.domain.group import Actor
from pyconchat.domain.names import Name, fold
from pyconchat.store import SqlStore
from tests.contracts.building import commit, create, register, store_events
from tests.support.programs import Object
from tests.support.servers import PATIENCE

__all__ = ["GROUPS", "MOST", "Crowd", "crowd", "settle"]

GROUPS = ("tea", "coffee", "cocoa", "juice", "water")
MOST = 30.0
"""Maximum seconds until all clients are connected again."""

PASSWORD = "secret of all people"


def settle(store: SqlStore, file: Path, clients: int, senders: int, people: int = 0) -> None:
    """Create accounts in groups, and list them in *file* for the crowd.

    *senders* of the *clients*, and half of the *people* at nc, send messages. Programs have no
    password hashes: their logins use tokens.
    """
    programs = [Actor(Name(f"client{number}")) for number in range(clients)]
    persons = [Actor(Name(f"person{number}")) for number in range(people)]
    tokens = {each.name: f"token of {each.name}" for each in programs}
    register(store, *programs)
    if persons:
        hashed = hash_password(PASSWORD)
        registered = [Register(each.name, hashed) for each in persons]
        commit(store, Decision(int(time.time() * 1000), writes=registered))
    saved = [
        SaveToken(fold(name), hashlib.sha256(token.encode()).hexdigest())
        for name, token in tokens.items()
    ]
    commit(store, Decision(int(time.time() * 1000), writes=saved))
    for number, name in enumerate(GROUPS):
        members = [*programs[number :: len(GROUPS)], *persons[number :: len(GROUPS)]]
        group = create(store, 2 + number, name, members[0], Policy.OPEN)
        for each in members[1:]:
            store_events(store, group, group.join(each, 0))
    listed: list[Object] = []
    for number, each in enumerate(programs):
        sends = {"group": GROUPS[number % len(GROUPS)], "sends": number < senders}
        listed.append({"name": each.name, "token": tokens[each.name], **sends})
    for number, each in enumerate(persons):
        sends = {"group": GROUPS[number % len(GROUPS)], "sends": number < people // 2}
        listed.append({"name": each.name, "password": PASSWORD, **sends})
    file.write_text(json.dumps(listed))


class Crowd:
    """The process that runs the clients."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.report: Object = {}

    def waits_for(self, what: Callable[[Object], bool], seconds: float) -> float:
        """Wait until its report is as wanted; return the seconds that took."""
        began = time.monotonic()
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.report = json.loads(line)
            assert self.report["problems"] == []
            took = time.monotonic() - began
            if self.report["at"] < began:
                continue  # it has waited in the pipe
            if what(self.report):
                return took
            assert took < seconds, self.report
        raise AssertionError(f"the crowd has ended: {self.report}")

    def ends(self, seconds: float = PATIENCE) -> Object:
        """Stop its messages, and return its report when all are answered and received.

        The answers may take *seconds*.
        """
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.waits_for(lambda report: report["ended"], seconds)
        assert self.process.stdout is not None
        for line in self.process.stdout:  # until all have the newest entry
            self.report = json.loads(line)
        assert self.process.wait(PATIENCE) == 0
        assert self.report["problems"] == []
        return self.report


@contextmanager
def crowd(ports: Sequence[int], file: Path) -> Iterator[Crowd]:
    """Run the crowd that *file* lists, at *ports*."""
    listed = ",".join(map(str, ports))
    command = [sys.executable, "-m", "tests.support.crowd_process", listed, str(file)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root
    ) as process:
        watch = threading.Timer(20 * MOST, process.kill)  # a crowd without reports tests nothing
        watch.start()
        try:
            yield Crowd(process)
        finally:
            watch.cancel()
            process.kill()
