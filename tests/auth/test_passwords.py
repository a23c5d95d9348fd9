"""Hashes of passwords: the same password from another keyboard matches, and old hashes too."""

from __future__ import annotations

import unicodedata

import argon2._password_hasher
import pytest
from argon2 import PasswordHasher
from argon2.exceptions import HashingError, VerificationError
from argon2.low_level import error_to_str, lib
from twisted.internet.defer import execute, succeed
from twisted.internet.testing import MemoryReactorClock

from pyconchat.auth import passwords
from pyconchat.auth.passwords import Hasher, hash_password
from pyconchat.chat.interfaces import Asker
from pyconchat.domain.errors import Code

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


@pytest.mark.parametrize("call", ["hash_secret", "verify_secret"])
def test_without_memory(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A right password is not called wrong when the server has no memory to check it."""
    hash = hash_password("right")
    error = {"hash_secret": HashingError, "verify_secret": VerificationError}[call]

    def fails(*_: object, **__: object) -> None:
        raise error(error_to_str(lib.ARGON2_MEMORY_ALLOCATION_ERROR))

    monkeypatch.setattr(argon2._password_hasher, call, fails)
    monkeypatch.setattr(
        passwords, "deferToThreadPool", lambda _reactor, _threads, *call: execute(*call)
    )
    hasher = Hasher(MemoryReactorClock())
    done = (
        hasher.verify(hash, "right")
        if call == "verify_secret"
        else hasher.hash("new", Asker("alice", "192.0.2.1"))
    )
    refused: list[object] = []
    done.addErrback(lambda failure: refused.append(failure.value.code))
    assert refused == [Code.BUSY]
    assert hasher.pending == 0
