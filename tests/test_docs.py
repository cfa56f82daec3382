"""What the documents promise is there."""

from __future__ import annotations

import re
from pathlib import Path

from intercom_tui.cli.main import cli
from intercom_tui.cli.settings import settings_table

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_settings_document_is_fresh() -> None:
    assert (ROOT / "docs/settings.md").read_text() == f"# Settings\n\n{settings_table()}\n"


def test_every_link_of_the_readme_leads_somewhere() -> None:
    targets = re.findall(r"\]\(((?!https?:)[^)#]+)\)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_every_command_of_the_readme_exists() -> None:
    named = set(re.findall(r"`?intercom-tui (?!--)([a-z]+)", README))
    assert named
    assert named <= set(cli.commands)


def test_every_make_target_of_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^make ([a-z]+)|`make ([a-z]+)`", README, re.MULTILINE))
    names = {first or second for first, second in targets}
    assert {"run", "test"} <= names
    assert [name for name in names if f"\n{name}:" not in makefile] == []


def test_every_command_is_in_the_readme() -> None:
    assert [name for name in cli.commands if f"intercom-tui {name}" not in README] == []
