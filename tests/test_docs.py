"""The documents say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from pyconchat.commands.__main__ import document
from pyconchat.config import Config, read_config

DOCS = Path(__file__).parents[1] / "docs"


def test_the_page_of_commands_is_what_the_table_says() -> None:
    """docs/commands.rst is the output of ``make docs``."""
    assert (DOCS / "commands.rst").read_text() == document()


def test_the_configuration_in_the_docs_is_the_default(tmp_path: Path) -> None:
    """The TOML of docs/operations.rst is accepted and, the examples apart, is the default."""
    page = (DOCS / "operations.rst").read_text()
    block = re.search(r"code-block:: toml\n\n((?:   .*\n|\n)+)", page)
    assert block is not None
    path = tmp_path / "pyconchat.toml"
    path.write_text(re.sub(r"(?m)^   ", "", block[1]))
    config = read_config(path)
    assert (config.lobby, config.motd) == ("lobby", "Be kind.")
    assert config.state == str(tmp_path / "state")
    default = Config()
    assert (config.guests, config.doors, config.store, config.limits, config.files) == (
        default.guests,
        default.doors,
        default.store,
        default.limits,
        default.files,
    )
