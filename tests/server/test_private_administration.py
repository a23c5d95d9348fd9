"""``pyconchat-admin`` and private conversations: export, check, backup."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from pyconchat.config import FilesConfig
from pyconchat.server.admin import main
from pyconchat.server.backup import DATABASE
from pyconchat.store import SqlStore
from tests.files.test_private_files import Pair
from tests.support.stores import copy_empty


@pytest.fixture
def state(tmp_path: Path, clock: Clock) -> Path:
    """A state folder: alice and bob have talked in private, and shared a file."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    copy_empty(folder)
    (folder / DATABASE).chmod(0o600)
    store = SqlStore(f"sqlite:///{folder / DATABASE}")
    store.open()
    here = Pair(store, clock, folder / "files", FilesConfig())
    here.alice.types("the secret", "the kettle", "/edit 1 nothing", "/unsay 1")
    here.share(here.bob, here.alice)
    store.close()
    return folder


def run(state: Path, *words: str) -> int:
    return main(["--state", str(state), *words])


def test_an_export(state: Path, tmp_path: Path) -> None:
    """Each entry is a line as in JSON mode, without the removed text; only for its owner."""
    file = tmp_path / "export.jsonl"
    assert run(state, "export-private", "ALICE", "bob", str(file)) == 0
    assert file.stat().st_mode & 0o777 == 0o600
    entries = [json.loads(line) for line in file.read_text().splitlines()]
    assert [each["seq"] for each in entries] == [1, 2, 3, 4, 5]
    types = [each["type"] for each in entries]
    assert types == ["unsaid", "message", "edit", "unsay", "shared"]
    assert {each["with"] for each in entries} == {"bob"}
    assert "secret" not in file.read_text()
    assert "id" not in entries[-1]


def test_an_export_of_nothing(
    state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error is one line, and no file is made."""
    assert run(state, "export-private", "alice", "carol", str(tmp_path / "x")) == 1
    assert capsys.readouterr().err == (
        "pyconchat-admin: alice and carol have no private conversation\n"
    )
    assert not (tmp_path / "x").exists()


def test_a_backup_has_the_files(state: Path, tmp_path: Path) -> None:
    """And `check` finds that one is missing."""
    copy = tmp_path / "copy"
    assert run(state, "backup", str(copy)) == 0
    (file,) = copy.glob("files/??/*")
    assert file.read_bytes() == b"a"
    assert run(copy, "check") == 0
    file.unlink()
    assert run(copy, "check") == 1


def test_a_missing_file(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is named with its conversation."""
    (file,) = state.glob("files/??/*")
    file.unlink()
    assert run(state, "check") == 1
    assert "alice and bob in private: the content of file 1 is missing" in capsys.readouterr().out
