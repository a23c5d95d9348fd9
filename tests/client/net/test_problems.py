"""Why there is no connection, in words."""

from __future__ import annotations

import errno

import pytest
from twisted.internet import error

from pyconchat.client.net.login_endpoint import problem_of


@pytest.mark.parametrize(
    ("failure", "problem"),
    [
        (error.DNSLookupError("no results"), "the host name does not resolve"),
        (
            error.ConnectionRefusedError(osError=errno.ECONNREFUSED, string="refused"),
            "nothing listens there: the server is stopped, or has another port",
        ),
        (error.TimeoutError(), "the server does not answer"),
        (error.TCPTimedOutError(osError=errno.ETIMEDOUT), "the server does not answer"),
        (error.NoRouteError(osError=errno.EHOSTUNREACH), "No route to host"),
        (OSError("Something else.\nand more"), "Something else"),
    ],
)
def test_reasons_in_words(failure: Exception, problem: str) -> None:
    """A user needs neither the number of an error nor Twisted's sentence about it."""
    assert problem_of(failure) == problem
