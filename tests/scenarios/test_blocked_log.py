"""A server whose standard output nobody reads."""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from contextlib import closing, suppress
from pathlib import Path

from tests.support.processes import CLEAN, Twistd
from tests.support.programs import Program
from tests.support.servers import PATIENCE, free_port
from tests.support.stores import copy_empty


def test_standard_output_that_nobody_reads(tmp_path: Path) -> None:
    """With a full pipe as standard output the server serves, and stops within its time."""
    pipe, port = tmp_path / "log", free_port()
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    size = fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, 4096)
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    copy_empty(state)
    arguments = ["--nodaemon", "--pidfile=", "pyconchat", "--state", str(state)]
    server = Twistd([*arguments, "127.0.0.1", str(port)], tmp_path, pipe)
    try:
        alice = None
        deadline = time.monotonic() + PATIENCE
        while alice is None:
            assert time.monotonic() < deadline
            with suppress(ConnectionRefusedError):
                alice = Program(port)
        alice.logs_in("alice")
        for number in range(size // 100):  # each logs two lines of more than 60 bytes
            with closing(Program(port)) as guest:
                guest.logs_in(f"guest{number}")
        assert alice.does("/who")["people"]
        alice.close()
        server.terminate()
        assert server.wait(PATIENCE) in CLEAN
    except subprocess.TimeoutExpired:
        server.kill()
        raise
    finally:
        os.close(reading)
