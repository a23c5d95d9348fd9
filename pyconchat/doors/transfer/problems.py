"""The problems of a transfer, in words for the peer."""

from __future__ import annotations

from twisted.logger import Logger
from twisted.python.failure import Failure

from pyconchat.domain.errors import NotSaved, Refused
from pyconchat.domain.refusals import internal_error, not_saved

__all__ = ["problem_of"]

_log = Logger()


def problem_of(failure: Failure) -> Refused | OSError:
    """Return the problem behind *failure*; log it if it is an error in the server."""
    problem = failure.value
    if isinstance(problem, Refused | OSError):
        return problem
    if isinstance(problem, NotSaved):
        return not_saved()
    _log.failure("a transfer failed", failure)
    return internal_error()
