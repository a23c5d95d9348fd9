"""One browser for all tests, and one server for those of a module; a person is a context."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.support.programs import Program
from tests.support.servers import Server
from tests.support.skips import missing
from tests.web_e2e.people import Connect, Join, Person
from tests.web_e2e.site import CHROMIUM, OPTIONS, Site


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without what it would ask of the Internet."""
    if not os.path.exists(CHROMIUM):
        missing("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with the web door."""
    site = Site(tmp_path_factory.mktemp("site"))
    try:
        site.start()
        yield site
    finally:
        site.stop()
    assert site.server.tracebacks() == []


@pytest.fixture
def server(site: Site) -> Server:
    """The server of the site, for people at nc."""
    return site.server


@pytest.fixture
def person(browser: Browser, site: Site, tmp_path: Path) -> Iterator[Join]:
    """Open the page for somebody, and log in if there is a name; the console must stay empty."""
    people: list[Person] = []

    def join(name: str = "", password: str = "hush hush", **context: object) -> Person:
        one = Person(browser, site, **context)
        people.append(one)
        if name and password:
            one.has_session(name, password)
        elif name:
            one.logs_in(name, "")
        return one

    yield join
    problems = [problem for each in people for problem in each.problems]
    for each in people:
        each.context.close()
    assert problems == []


@pytest.fixture
def program(site: Site) -> Iterator[Connect]:
    """Log in a program: ``program("carl")``."""
    programs: list[Program] = []

    def connect(name: str) -> Program:
        one = Program(site.server.port)
        programs.append(one)
        one.logs_in(name, f"secret of {name}")
        return one

    yield connect
    for each in programs:
        each.close()
