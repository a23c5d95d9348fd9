"""Hashes of passwords: the same password from another keyboard matches, and old hashes too."""

from __future__ import annotations

import unicodedata

import pytest
from argon2 import PasswordHasher
from twisted.internet.defer import succeed
from twisted.internet.testing import MemoryReactorClock

from pyconchat.auth import passwords
from pyconchat.auth.passwords import Hasher, hash_password

COMPOSED = unicodedata.normalize("NFC", "pässwörd")
DECOMPOSED = unicodedata.normalize("NFD", "pässwörd")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash with the least work, and at once."""
    monkeypatch.setattr(passwords, "_argon2", PasswordHasher(1, 8, 1))
    monkeypatch.setattr(
        passwords, "deferToThreadPool", lambda _reactor, _threads, call, *args: succeed(call(*args))
    )


def matches(hash: str, password: str) -> bool:
    verified: list[bool] = []
    Hasher(MemoryReactorClock()).verify(hash, password).addCallback(verified.append)
    return verified == [True]


@pytest.mark.parametrize("typed", [COMPOSED, DECOMPOSED])
@pytest.mark.parametrize("first", [COMPOSED, DECOMPOSED])
def test_a_password_from_another_keyboard(first: str, typed: str) -> None:
    """Letters and accents match whether they are composed or not."""
    hash = hash_password(first)
    assert matches(hash, typed)
    assert not matches(hash, "passwoerd")


@pytest.mark.parametrize("password", [DECOMPOSED, "a\u00a0b\u3000c", "tab\tbed", "\U000e0001"])
def test_a_hash_of_an_older_version(password: str) -> None:
    """A password that was hashed as it was typed still matches, also one that is invalid now."""
    assert matches(PasswordHasher(1, 8, 1).hash(password), password)


def test_an_unknown_name_takes_as_many_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check of a password takes as long for an unknown name as for a known one."""
    tried: list[str] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]
            tried.append(str(password))
            return super().verify(hash, password)  # type: ignore[return-value]

    known = hash_password("other")
    monkeypatch.setattr(passwords, "_argon2", Counting(1, 8, 1))
    for hash in (known, ""):
        tried.clear()
        assert not matches(hash, DECOMPOSED)
        assert tried == [COMPOSED, DECOMPOSED]
