"""The evening of the scenarios, and the five systems, with each person at another node."""

from __future__ import annotations

import pytest

from tests.scenarios import test_evening, test_five_systems, test_irc
from tests.support.clusters import ServerCluster
from tests.support.irc_sockets import Connect
from tests.support.users import UserOf

every_door = pytest.mark.nodes(count=2, bus="redis", doors=True)

# Over NOTIFY: nc, telnet, programs and the client.


def test_an_evening(user: UserOf) -> None:
    test_evening.spend_evening(user, "json", "client", "nc", "telnet")


def test_groups_with_an_admin(user: UserOf) -> None:
    test_five_systems.test_system_a_groups_with_an_admin(user, "nc", "telnet")


def test_by_number(user: UserOf) -> None:
    test_five_systems.act_by_number(user, "json", "nc")


def test_groups_with_passwords(user: UserOf) -> None:
    test_five_systems.test_system_c_groups_with_passwords(user, "nc", "json")


def test_rooms_and_private_messages(user: UserOf) -> None:
    test_five_systems.test_system_d_rooms_and_private_messages(user, "client", "nc")


def test_administrators(user: UserOf, cluster: ServerCluster) -> None:
    code = cluster.says(test_five_systems.CLAIM)[1]
    test_five_systems.act_as_administrators(user, code, "nc", "json")


# Over Redis: SSH, the web and IRC.


@pytest.mark.nodes(bus="redis", doors=True)
def test_an_evening_at_other_doors(user: UserOf) -> None:
    test_evening.spend_evening(user, "web", "ssh", "tls", "web")


@pytest.mark.nodes(bus="redis", doors=True)
def test_an_evening_by_irc(irc: Connect, user: UserOf) -> None:
    test_irc.spend_evening(irc, user, "web")


@every_door
def test_groups_with_an_admin_at_other_doors(user: UserOf) -> None:
    test_five_systems.test_system_a_groups_with_an_admin(user, "ssh", "web")


@every_door
def test_by_number_at_other_doors(user: UserOf) -> None:
    test_five_systems.act_by_number(user, "web", "ssh")


@every_door
def test_groups_with_passwords_at_other_doors(user: UserOf) -> None:
    test_five_systems.test_system_c_groups_with_passwords(user, "ssh", "web")


@every_door
def test_rooms_and_private_messages_at_other_doors(user: UserOf) -> None:
    test_five_systems.test_system_d_rooms_and_private_messages(user, "ssh", "web")


@every_door
def test_administrators_at_other_doors(user: UserOf, cluster: ServerCluster) -> None:
    code = cluster.says(test_five_systems.CLAIM)[1]
    test_five_systems.act_as_administrators(user, code, "ssh", "web")
