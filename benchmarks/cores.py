"""The cores of the server and of the load generator, so that they do not compete for one."""

from __future__ import annotations

import os
import resource

__all__ = ["GENERATOR_CORE", "SERVER_CORE", "pin_to_generator_core"]

_usable = sorted(os.sched_getaffinity(0))
SERVER_CORE, GENERATOR_CORE = _usable[0], _usable[-1]  # the same core if there is only one


def pin_to_generator_core() -> None:
    """Pin this process to the generator's core, and raise its limit of open sockets."""
    os.sched_setaffinity(0, {GENERATOR_CORE})
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
