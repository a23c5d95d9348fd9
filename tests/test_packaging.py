"""What an installed package has: every module of the tree, and its type annotations."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

import pyconchat

ROOT = Path(pyconchat.__file__).parents[1]


def test_setup_lists_every_package() -> None:
    """The list in setup.cfg is written by hand, and is that of the folders with Python files."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    listed = setup["options"]["packages"].split()
    folders = {
        file.parent for top in ("pyconchat", "twisted") for file in ROOT.glob(f"{top}/**/*.py")
    }
    assert listed == sorted(str(each.relative_to(ROOT)).replace("/", ".") for each in folders)


def test_the_type_annotations_are_published() -> None:
    """``py.typed`` (PEP 561) is in the package and in what setup.cfg installs."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert (ROOT / "pyconchat" / "py.typed").exists()
    assert setup["options.package_data"]["pyconchat"] == "py.typed"
