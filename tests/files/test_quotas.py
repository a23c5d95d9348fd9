"""Quotas: reserved before an upload, released after it, and refused with numbers."""

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
    """Return the refusal of a reservation."""
    with pytest.raises(Refused) as caught:
        quotas.reserve(owner, size, disk)
    return caught.value


def test_ten_uploads_near_the_quota() -> None:
    """Only as many begin as the quota allows."""
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


def test_two_uploads_at_a_time() -> None:
    """A third upload of one account is refused. Another account may have two as well."""
    quotas = Quotas(FilesConfig())
    for owner in (ALICE, ALICE, BOB, BOB):
        quotas.reserve(owner, 1, LARGE)
    no = refused(quotas, ALICE, 1)
    assert (no.code, "2" in no.sentence) == (Code.TOO_MANY, True)
    quotas.release(ALICE, 1)
    assert quotas.reserve(ALICE, 1, LARGE) == 1


def test_refusals_have_numbers() -> None:
    """Each refusal says what the limit is, and how much is asked for or left."""
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


def test_free_space_on_the_disk() -> None:
    """Reserved bytes, and the share that stays free, are not available."""
    quotas = Quotas(FilesConfig(free_disk=0.5))
    disk = Disk(80_000, 100_000)
    assert quotas.reserve(ALICE, 20_000, disk) == 20_000
    assert refused(quotas, BOB, 10_001, disk).code is Code.DISK_FULL
    assert quotas.reserve(BOB, None, disk) == 10_000
    assert refused(quotas, ALICE, None, disk).code is Code.DISK_FULL


@given(st.lists(st.tuples(st.sampled_from("srx"), st.none() | st.integers(0, 700)), max_size=40))
def test_never_more_than_the_quota(steps: list[tuple[str, int | None]]) -> None:
    """After any sequence of uploads and removals, shared and reserved bytes are in the quota."""
    quotas = Quotas(FilesConfig(account_bytes=1000, file_bytes=600, uploads_per_account=0))
    active: list[int] = []
    shared: list[int] = []
    for what, size in steps:
        if what == "s":
            with suppress(Refused):
                active.append(quotas.reserve(ALICE, size, LARGE))
        elif active and what == "r":
            done = active.pop(0)
            if size is not None:  # the upload was shared
                shared.append(min(size, done))
                quotas.shared(ALICE, shared[-1])
            quotas.release(ALICE, done)
        elif shared and what == "x":
            quotas.shared(ALICE, -shared.pop())
        assert sum(active) + sum(shared) <= 1000
        assert quotas.left(ALICE) == min(600, 1000 - sum(active) - sum(shared))
