"""Requirements of tests on the machine: without them, tests are skipped, or fail in CI.

If the environment variable ``PYCONCHAT_TEST_SKIPS`` is ``never``, nothing is skipped.
"""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

__all__ = ["missing", "require_program"]


def missing(what: str) -> NoReturn:
    """Skip the test because *what* is not on this machine, or fail it if no test may be skipped."""
    reason = f"{what} is not on this machine"
    if os.environ.get("PYCONCHAT_TEST_SKIPS") == "never":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def require_program(name: str) -> str:
    """Return the path of the program *name*. Without it, skip or fail the test."""
    return shutil.which(name) or missing(name)
