"""Every file and every section of the vectors is used by some test."""

from __future__ import annotations

import ast
import json
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
VECTORS = TESTS / "vectors"
AREAS = ("bridge", "dht", "encoding", "noise", "protomux", "secretstream", "sidechannel", "udx", "wallet")
CONTEXT = frozenset(
    {
        *("description", "format", "layout", "note", "notes", "packages", "rule", "sampler_rule", "classifier_rule"),
        *("source", "keys", "ports", "startupNote"),
        *("message1_layout", "message2_layout", "holepunch_secret_rule", "same", "responder_secrets", "now"),
    }
)
"""Sections that explain the others or repeat what is in them."""
NOT_OURS = {
    ("dht/payloads.json", "blind_relay"): "streams through a third peer are not part of this program",
    ("sidechannel/args.json", "startup"): "flags are parsed by click, which knows them and refuses strays",
}


@cache
def constants() -> dict[Path, frozenset[str]]:
    """The texts in every module of the tests."""
    found = {}
    for path in TESTS.rglob("*.py"):
        if path != Path(__file__):
            nodes = ast.walk(ast.parse(path.read_text()))
            found[path] = frozenset(
                node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)
            )
    return found


def users(file: Path) -> list[Path]:
    """Modules that name a vector file, with or without its ending."""
    return [
        path for path, texts in constants().items() if any(Path(text).name in (file.name, file.stem) for text in texts)
    ]


FILES = sorted(
    str(path.relative_to(VECTORS)) for area in AREAS for path in (VECTORS / area).iterdir() if path.is_file()
)


@pytest.mark.parametrize("name", FILES)
def test_every_file_and_section_is_used(name: str) -> None:
    file = VECTORS / name
    modules = users(file)
    assert modules, "no test names this file"
    if file.suffix == ".jsonl":
        return
    document = json.loads(file.read_text())
    named = frozenset().union(*(constants()[module] for module in modules))
    sections = document if isinstance(document, dict) else {}
    assert [
        section
        for section in sections
        if section not in named and section not in CONTEXT and (name, section) not in NOT_OURS
    ] == []


def test_key_files_are_those_of_their_index() -> None:
    index = json.loads((VECTORS / "wallet" / "keypair_files.json").read_text())
    listed = {entry["file"]: entry["text"] for entry in index["files"]}
    on_disk = {
        str(path.relative_to(VECTORS / "wallet")): path.read_text() for path in (VECTORS / "wallet/keypairs").iterdir()
    }
    assert on_disk == listed


def test_exceptions_still_exist() -> None:
    for name, section in NOT_OURS:
        assert section in json.loads((VECTORS / name).read_text())
