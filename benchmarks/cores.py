"""Which core is whose: one for the server, another for the load, so that neither steals time."""

from __future__ import annotations

import os
import resource

__all__ = ["GENERATOR_CORE", "SERVER_CORE", "keep_to_our_core"]

_usable = sorted(os.sched_getaffinity(0))
SERVER_CORE, GENERATOR_CORE = _usable[0], _usable[-1]  # the same one, on a machine with one


def keep_to_our_core() -> None:
    """Pin this process to the generator's core, and let it open as many sockets as it may."""
    os.sched_setaffinity(0, {GENERATOR_CORE})
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
