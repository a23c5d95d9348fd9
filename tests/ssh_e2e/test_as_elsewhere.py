"""What works with every other kind of program works at SSH, too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios import test_bad_input, test_evening, test_groups, test_private
from tests.support.servers import Server
from tests.support.ssh_user import SshUser
from tests.support.users import ALL_KINDS, UserOf, users

pytestmark = pytest.mark.server(ssh=True)


@pytest.fixture
def user(server: Server, tmp_path: Path) -> Iterator[UserOf]:
    """Connect a user with some kind of program, ``ssh`` among them."""
    with users(server, tmp_path, {**ALL_KINDS, "ssh": SshUser}) as connect:
        yield connect


def test_an_evening(user: UserOf) -> None:
    """Groups, moderators, quiet, muted groups, mentions and private messages."""
    test_evening.test_an_evening(user, "ssh")


def test_approval(user: UserOf) -> None:
    """By the admin of a group."""
    test_groups.test_approval(user, "ssh", "nc")


def test_invite_codes(user: UserOf) -> None:
    """They let people in."""
    test_groups.test_invite_codes(user, "json", "ssh")


def test_private_messages(user: UserOf, server: Server) -> None:
    """To somebody online and offline."""
    test_private.test_an_evening_for_two(user, server, "ssh")


def test_bad_input_in_a_group(user: UserOf) -> None:
    """Commands without rights, with wrong arguments, in the wrong order."""
    test_bad_input.test_in_a_group(user, "ssh")


def test_bad_input_at_the_front_desk(user: UserOf) -> None:
    """As in a group."""
    test_bad_input.test_at_the_front_desk(user, "ssh")


def test_long_lines(user: UserOf) -> None:
    """They are refused."""
    test_bad_input.test_a_line_that_is_too_long(user, "ssh")


def test_hostile_text(user: UserOf) -> None:
    """No control character reaches the terminal of another user."""
    test_bad_input.test_what_would_harm_a_terminal(user, "ssh", "ssh")
