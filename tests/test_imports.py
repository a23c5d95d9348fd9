"""The direction of imports: which package may use which, and no circle anywhere.

Imports under ``TYPE_CHECKING`` count as well: a reader follows them as any other.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

import pyconchat

ROOT = Path(pyconchat.__file__).parent

# From the top to the foundations. A package imports only packages of lower layers; those of one
# layer do not import each other.
LAYERS = (
    {"server"},
    {"testing", "doors"},
    {"sessions"},
    {"commands", "client"},
    {"auth", "bus", "files", "hooks", "render", "store"},
    {"chat"},
    {"net", "terminal"},
    {"config", "disk"},
    {"domain"},
)

# Packages that use less than their layer allows, and what they use.
MAY_ONLY_USE = {
    "bus": {"chat"},
    "client": {"disk", "domain", "net", "render", "terminal"},
    "disk": set(),
    "domain": set(),
    "hooks": {"domain"},
    "net": {"config", "disk", "domain"},
    "render": {"chat", "domain"},
    "store": {"chat", "disk", "domain"},
    "terminal": {"domain"},
}

# Packages that others use through an interface, and the only packages that name them.
ONLY_USED_BY = {
    "bus": {"server", "testing"},
    "store": {"server", "testing"},
    "doors": {"server"},
    "testing": set(),
}

WITHOUT_TWISTED = {"config", "disk", "domain", "hooks", "store", "terminal"}
LIBRARIES = {
    "alembic": {"store"},
    "argon2": {"auth"},
    "hiredis": {"bus"},
    "prometheus_client": {"server"},
    "psycopg": {"bus", "store"},
    "sqlalchemy": {"store"},
    "sqlite3": {"store"},
    "txredisapi": {"bus"},
}

# Objects that belong to one part of the server. Who needs one is handed it, and does not
# reach for it through another.
PARTS = {
    "accounts",
    "chat",
    "conversations",
    "fanout",
    "files",
    "groups",
    "hasher",
    "indexer",
    "journal",
    "memory",
    "portal",
    "presence",
    "publisher",
    "quotas",
    "recovery",
    "registration",
    "sharing",
    "statistics",
    "storage",
    "store",
    "threads",
    "throttle",
    "tokens",
}
HANDED = {"commands", "doors", "sessions"}
# The one module that takes a chat apart, so that the others are handed its parts.
TAKES_APART = "pyconchat.commands.services"


class Import(NamedTuple):
    """That *module* imports *name* from *target*, or *target* itself where *name* is empty."""

    module: str
    line: int
    target: str
    name: str

    @property
    def package(self) -> str:
        """Return the package of pyconchat that is imported; empty for another library."""
        library, _, rest = self.target.partition(".")
        return rest.partition(".")[0] if library == "pyconchat" else ""

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.name or '-'} of {self.target}"


def name_of(path: Path) -> str:
    """Return the name of the module at *path*."""
    name = ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
    return name.removesuffix(".__init__")


def imports_of(path: Path) -> Iterator[Import]:
    """Yield what the module at *path* imports, also inside of functions and for types only."""
    module = name_of(path)
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import(names=names, lineno=line):
                for alias in names:
                    yield Import(module, line, alias.name, "")
            case ast.ImportFrom(module=target, names=names, lineno=line, level=level):
                assert level == 0, f"{module}:{line} imports by dots; this test reads whole names"
                for alias in names:
                    whole = f"{target}.{alias.name}"
                    if whole in modules():
                        yield Import(module, line, whole, "")
                    else:
                        yield Import(module, line, str(target), alias.name)


def package_of(module: str) -> str:
    """Return the package to which *module* belongs."""
    return module.split(".")[1]


PATHS = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")
PACKAGES = {package_of(name_of(path)) for path in PATHS}


# Not when this module is imported, as each process does that collects the tests.
@cache
def imports() -> list[Import]:
    """Return all imports of pyconchat."""
    return [each for path in PATHS for each in imports_of(path)]


def across() -> list[Import]:
    """Return the imports of one package of pyconchat from another."""
    return [each for each in imports() if each.package not in ("", package_of(each.module))]


@cache
def modules() -> set[str]:
    """Return the names of all modules and packages of pyconchat."""
    return {name_of(path) for path in PATHS}


def chains_of(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the names of each chain of attributes, ``a.b().c`` included."""

    def names(node: ast.expr) -> list[str]:
        match node:
            case ast.Attribute(value=value, attr=attr):
                return [*names(value), attr]
            case ast.Call(func=func):
                return names(func)
            case ast.Name(id=id):
                return [id]
            case _:
                return [""]

    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            yield node.lineno, names(node)


def reaches_through(chain: list[str]) -> bool:
    """Return whether *chain* gets one part of the server out of another, and uses it."""
    parts = [name.lstrip("_") in PARTS for name in chain]
    return any(one and other for one, other in pairwise(parts))


def test_every_package_has_a_layer() -> None:
    """The table lists every package once, in nine layers."""
    listed = [package for layer in LAYERS for package in layer]
    assert len(LAYERS) == 9
    assert sorted(listed) == sorted(PACKAGES)


def test_the_reader_finds_imports() -> None:
    """The reader of imports finds some that are known to exist."""
    assert ("chat", "domain") in {(package_of(each.module), each.package) for each in across()}
    assert any(each.target == "twisted.internet.defer" for each in imports())


def test_imports_point_downwards() -> None:
    """No package imports one of a higher layer, or of its own."""
    height = {package: row for row, layer in enumerate(LAYERS) for package in layer}
    wrong = [
        str(each) for each in across() if height[package_of(each.module)] >= height[each.package]
    ]
    assert wrong == []


def test_no_circle() -> None:
    """No module imports itself through others, not even for its types."""
    graph: dict[str, set[str]] = {module: set() for module in modules()}
    for each in imports():
        if each.target in modules():
            graph[each.module].add(each.target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(f"a circle: {' <- '.join(error.args[1])}") from None


@pytest.mark.parametrize("package", MAY_ONLY_USE)
def test_packages_that_use_little(package: str) -> None:
    """The rules, the renderers, the store and the client use no more than they need."""
    used = [each for each in across() if package_of(each.module) == package]
    allowed = MAY_ONLY_USE[package]
    assert [str(each) for each in used if each.package not in allowed] == []


@pytest.mark.parametrize("package", ONLY_USED_BY)
def test_packages_behind_an_interface(package: str) -> None:
    """Only the server names the store and the doors; nothing of the product names the fakes."""
    users = [each for each in across() if each.package == package]
    allowed = ONLY_USED_BY[package]
    assert [str(each) for each in users if package_of(each.module) not in allowed] == []


def test_no_part_is_reached_through_another() -> None:
    """Doors, sessions and commands are handed what they use: never ``x.chat.journal.y``."""
    wrong = [
        f"{name_of(path)}:{line} {'.'.join(chain)}"
        for path in PATHS
        if package_of(name_of(path)) in HANDED and name_of(path) != TAKES_APART
        for line, chain in chains_of(path)
        if reaches_through(chain)
    ]
    assert wrong == []


def test_the_reader_finds_what_reaches_through() -> None:
    """A chain counts with underscores and calls in it, and a part that was handed does not."""
    assert reaches_through(["self", "_factory", "chat", "journal", "full"])
    assert reaches_through(["call", "chat", "_store"])
    assert not reaches_through(["self", "_journal", "full"])
    assert not reaches_through(["call", "chat", "post"])


def test_packages_without_twisted() -> None:
    """The rules, the settings and the store can be used without Twisted."""
    wrong = [
        str(each)
        for each in imports()
        if each.target.split(".")[0] == "twisted" and package_of(each.module) in WITHOUT_TWISTED
    ]
    assert wrong == []


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_belongs_to_one_package(library: str) -> None:
    """Only the store knows databases, only `auth` knows hashing."""
    users = [each for each in imports() if each.target.split(".")[0] == library]
    assert {package_of(each.module) for each in users} <= LIBRARIES[library]


def test_the_rules_know_no_clock() -> None:
    """`Group` gets the time of each event as an argument; it never reads a clock."""
    parts = ("group", "group_state", "membership", "moderation", "rights")
    rules = {f"pyconchat.domain.{part}" for part in parts}
    used = {each.target for each in imports() if each.module in rules}
    assert {name for name in used if not name.startswith("pyconchat.")} == {
        "__future__",
        "collections.abc",
        "itertools",
        "types",
        "typing",
        "msgspec",
    }


def test_nothing_is_imported_from_a_conftest() -> None:
    """Shared code other than fixtures is in its own modules, such as `tests.support`."""
    tests = Path(__file__).parent
    imported = {
        (str(path.relative_to(tests)), target)
        for path in tests.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for target in targets_of(node)
    }
    assert ("conftest.py", "tests.support.servers.Server") in imported
    assert [each for each in imported if "conftest" in each[1].split(".")] == []


def targets_of(node: ast.Import | ast.ImportFrom) -> list[str]:
    """Return the imports of *node*, with its module."""
    module = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
    return [module + each.name for each in node.names]
