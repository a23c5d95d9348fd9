"""Quotas: reserved before the first byte, given back at the end, refused with the numbers."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyconchat.config import FilesConfig
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.names import Key, fold
from pyconchat.files.quotas import Quotas
from pyconchat.files.storage import Disk

ALICE, BOB = fold("alice"), fold("bob")
LARGE = Disk(10**12, 10**12)


def refused(quotas: Quotas, owner: Key, size: int | None, disk: Disk = LARGE) -> Refused:
    """Return how a reservation is refused."""
    with pytest.raises(Refused) as caught:
        quotas.reserve(owner, size, disk)
    return caught.value


def test_ten_at_the_edge() -> None:
    """Of ten uploads at once only so many begin that the sum is within the quota."""
    quotas = Quotas(FilesConfig(account_bytes=1000, uploads_per_account=0))
    quotas.shared(ALICE, 100)
    began = 0
    for _ in range(10):
        with suppress(Refused):
            began += quotas.reserve(ALICE, 200, LARGE)
    assert refused(quotas, ALICE, 200).code is Code.QUOTA
    assert began == 800
    assert quotas.left(ALICE) == 100
    assert quotas.reserve(BOB, 1000, LARGE) == 1000


def test_two_at_a_time() -> None:
    """A third upload of one account waits; another account has its own two."""
    quotas = Quotas(FilesConfig())
    for owner in (ALICE, ALICE, BOB, BOB):
        quotas.reserve(owner, 1, LARGE)
    no = refused(quotas, ALICE, 1)
    assert (no.code, "2" in no.sentence) == (Code.TOO_MANY, True)
    quotas.release(ALICE, 1)
    assert quotas.reserve(ALICE, 1, LARGE) == 1


def test_refusals_have_the_numbers() -> None:
    """Each refusal says how much there may be and how much it is, or how much is left."""
    quotas = Quotas(FilesConfig(file_bytes=2000, account_bytes=10_000, free_disk=0.1))
    no = refused(quotas, ALICE, 2001)
    assert no.code is Code.TOO_LONG
    assert "2.0 kB" in no.sentence
    quotas.shared(ALICE, 9000)
    no = refused(quotas, ALICE, 1500)
    assert no.code is Code.QUOTA
    assert "1.0 kB" in no.sentence
    assert "10 kB" in no.sentence
    no = refused(quotas, BOB, 1001, Disk(11_000, 100_000))
    assert no.code is Code.DISK_FULL
    assert "1.0 kB" in no.sentence


def test_the_floor_of_the_disk() -> None:
    """What others have reserved, and the part that stays free, is not for the next one."""
    quotas = Quotas(FilesConfig(free_disk=0.5))
    disk = Disk(80_000, 100_000)
    assert quotas.reserve(ALICE, 20_000, disk) == 20_000
    assert refused(quotas, BOB, 10_001, disk).code is Code.DISK_FULL
    assert quotas.reserve(BOB, None, disk) == 10_000
    assert refused(quotas, ALICE, None, disk).code is Code.DISK_FULL


@given(st.lists(st.tuples(st.sampled_from("srx"), st.none() | st.integers(0, 700)), max_size=40))
def test_never_more_than_the_quota(steps: list[tuple[str, int | None]]) -> None:
    """Whatever begins, ends, is shared and is removed: shared and reserved is within the quota."""
    quotas = Quotas(FilesConfig(account_bytes=1000, file_bytes=600, uploads_per_account=0))
    under_way: list[int] = []
    shared: list[int] = []
    for what, size in steps:
        if what == "s":
            with suppress(Refused):
                under_way.append(quotas.reserve(ALICE, size, LARGE))
        elif under_way and what == "r":
            done = under_way.pop(0)
            if size is not None:  # it has become a file
                shared.append(min(size, done))
                quotas.shared(ALICE, shared[-1])
            quotas.release(ALICE, done)
        elif shared and what == "x":
            quotas.shared(ALICE, -shared.pop())
        assert sum(under_way) + sum(shared) <= 1000
        assert quotas.left(ALICE) == min(600, 1000 - sum(under_way) - sum(shared))
