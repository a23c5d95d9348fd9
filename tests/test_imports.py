"""The direction in which imports point: who may lean on whom.

What is imported under ``TYPE_CHECKING`` does not count: it is not there at run time.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import pyconchat

ROOT = Path(pyconchat.__file__).parent

# From the top of the house to its foundations. A part (a module, or a package with all of its
# modules) imports only parts of lower floors; those on the same floor do not know each other.
FLOORS = (
    {"testing"},
    {"service", "admin"},
    {"listening", "metrics", "threads"},
    {"selfsigned", "options"},
    {"doors", "client"},
    {"login", "requests"},
    {"session"},
    {"commands"},
    {"files"},
    {"chat"},
    {"recovery", "tokens", "guard"},
    {"fanout", "directory", "console", "accounts", "presence", "passwords"},
    {"journal", "indexer"},
    {"store"},
    {"render"},
    {"conversations"},
    {"conversation", "decisions", "limits", "statistics"},
    {"replies", "records", "config"},
    {"group"},
    {"events", "interfaces"},
    {"text", "names", "fingerprint", "framing", "process", "tls"},
    {"errors"},
    {"__init__"},
)

# Those that lean on little, and on exactly what.
MAY_ONLY_USE = {
    "group": {"events", "errors", "names", "text"},
    "render": {"events", "errors", "names", "text", "replies", "group", "interfaces"},
    "events": {"names", "text"},
    "names": {"errors"},
    "text": set(),
    "errors": set(),
    "interfaces": set(),
}

# What others may not even know by name, and who alone may.
ONLY_USED_BY = {
    "testing": set(),
    "service": set(),
    "store": {"service", "admin", "testing"},
    "journal": {"service", "chat"},
    "doors": {"service"},
}

# Parts that could be used without Twisted, and who alone knows some other library.
WITHOUT_TWISTED = {
    *{"config", "decisions", "errors", "events", "group", "limits", "names", "render"},
    *{"records", "replies", "store", "text"},
}
LIBRARIES = {
    "sqlalchemy": {"store"},
    "alembic": {"store"},
    "sqlite3": {"store"},
    "psycopg": {"store"},
    "argon2": {"passwords"},
    "prometheus_client": {"metrics"},
}

RECORDS_OF_GROUP = {"Actor", "Ban", "GroupState", "JoinRequest", "Member"}


class Import(NamedTuple):
    """That *module* imports *name* from *target*, or *target* itself where *name* is empty."""

    module: str
    line: int
    target: str
    name: str

    @property
    def part(self) -> str:
        """Return which part of pyconchat is imported; empty for another library."""
        library, _, rest = self.target.partition(".")
        if library != "pyconchat":
            return ""
        return rest.partition(".")[0] or (self.name if (ROOT / self.name).exists() else "__init__")

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.name or '-'} of {self.target}"


def imports_of(path: Path) -> Iterator[Import]:
    """Yield what the module at *path* imports at run time, inside of functions too."""
    module = ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)

    def visit(node: ast.AST) -> Iterator[Import]:
        match node:
            case ast.If(test=ast.Name(id="TYPE_CHECKING"), orelse=otherwise):
                for each in otherwise:
                    yield from visit(each)
                return
            case ast.Import(names=names, lineno=line):
                for alias in names:
                    yield Import(module, line, alias.name, "")
            case ast.ImportFrom(module=target, names=names, lineno=line, level=level):
                assert level == 0, f"{module}:{line} imports by dots; this test reads whole names"
                for alias in names:
                    whole = f"{target}.{alias.name}"
                    inner = ROOT.parent.joinpath(*whole.split("."))
                    if inner.is_dir() or inner.with_suffix(".py").exists():
                        yield Import(module, line, whole, "")
                    else:
                        yield Import(module, line, str(target), alias.name)
        for child in ast.iter_child_nodes(node):
            yield from visit(child)

    yield from visit(ast.parse(path.read_text()))


def part_of(module: str) -> str:
    """Return to which part *module* belongs."""
    return module.split(".")[1]


IMPORTS = [each for path in sorted(ROOT.rglob("*.py")) for each in imports_of(path)]
PARTS = sorted({path.relative_to(ROOT).with_suffix("").parts[0] for path in ROOT.rglob("*.py")})
INSIDE = [each for each in IMPORTS if each.part and each.part != part_of(each.module)]


def test_every_part_has_its_floor() -> None:
    """The table knows all parts, each once."""
    listed = [part for floor in FLOORS for part in floor]
    assert len(listed) == len(set(listed))
    assert set(PARTS) <= set(listed), "a new part needs its place in FLOORS"


def test_something_is_read() -> None:
    """The reader of imports finds those that are known to be there."""
    assert any(str(each).startswith("pyconchat.chat:") for each in INSIDE)
    assert ("group", "events") in {(part_of(each.module), each.part) for each in INSIDE}


def test_imports_point_downwards() -> None:
    """service, doors, session, commands, chat, journal, store: nobody looks up, or sideways."""
    height = {part: floor for floor, parts in enumerate(FLOORS) for part in parts}
    wrong = [str(each) for each in INSIDE if height[part_of(each.module)] >= height[each.part]]
    assert wrong == []


@pytest.mark.parametrize("part", MAY_ONLY_USE)
def test_the_core_leans_on_little(part: str) -> None:
    """The rules and the renderers know what can happen, and nothing of how it is carried out."""
    used = [each for each in INSIDE if part_of(each.module) == part]
    assert [str(each) for each in used if each.part not in MAY_ONLY_USE[part]] == []


@pytest.mark.parametrize("part", ONLY_USED_BY)
def test_what_is_used_through_its_interface(part: str) -> None:
    """The store is known by its interface, a fake by tests, a door by whoever opens it."""
    users = [each for each in INSIDE if each.part == part]
    assert [str(each) for each in users if part_of(each.module) not in ONLY_USED_BY[part]] == []


def test_renderers_use_only_the_records_of_group() -> None:
    """A renderer shows bans and requests; it decides nothing."""
    used = [each for each in INSIDE if part_of(each.module) == "render" and each.part == "group"]
    assert {each.name for each in used} <= RECORDS_OF_GROUP


def test_doors_know_no_rules() -> None:
    """A door translates: neither `Group`'s rules nor the store are its business."""
    used = [each for each in INSIDE if part_of(each.module) == "doors"]
    assert [str(each) for each in used if each.part in ("group", "store", "journal")] == []


def test_parts_without_twisted() -> None:
    """What only decides, renders or stores could be used without Twisted."""
    wrong = [
        str(each)
        for each in IMPORTS
        if each.target.split(".")[0] == "twisted" and part_of(each.module) in WITHOUT_TWISTED
    ]
    assert wrong == []


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_has_its_one_place(library: str) -> None:
    """Databases are the store's business alone, hashing that of passwords."""
    users = [each for each in IMPORTS if each.target.split(".")[0] == library]
    assert {part_of(each.module) for each in users} <= LIBRARIES[library]


def test_the_rules_know_no_clock() -> None:
    """`Group` is told when something happened; it never looks."""
    used = {each.target for each in IMPORTS if each.module == "pyconchat.group"}
    assert {name for name in used if not name.startswith("pyconchat.")} == {
        "__future__",
        "collections.abc",
        "typing",
        "msgspec",
    }
