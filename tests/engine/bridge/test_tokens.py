"""Bridge tokens and their file."""

from __future__ import annotations

import json
import logging
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.bridge.scopes import ALL_SCOPES, Scope
from engine.bridge.tokens import FLAG_LABEL, Token, TokenSet, load_tokens, read_token_file
from engine.errors import BridgeMisconfigured

REFERENCE_TEXT = "SC-Bridge requires --sc-bridge-token (auth is mandatory)."


class Entropy:
    """Random bytes that count up."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, size: int) -> bytes:
        self.calls += 1
        return bytes([self.calls]) * size


def write(path: Path, value: object) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    path.chmod(0o600)
    return path


def test_a_missing_file_is_made_private_with_one_token_per_power(tmp_path: Path) -> None:
    path = tmp_path / "new" / "bridge-tokens.json"
    tokens = load_tokens("", path, Entropy())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    entries = json.loads(path.read_text())["tokens"]
    assert [(entry["label"], entry["scopes"]) for entry in entries] == [
        ("reader", ["read"]),
        ("agent", ["read", "send"]),
        ("admin", ["admin"]),
    ]
    assert all(len(entry["token"]) == 64 for entry in entries)
    found = [tokens.find(entry["token"]) for entry in entries]
    assert [token.scopes if token else None for token in found] == [
        frozenset({Scope.READ}),
        frozenset({Scope.READ, Scope.SEND}),
        ALL_SCOPES,
    ]
    again = load_tokens("", path, Entropy())
    assert again.find(entries[1]["token"]) == found[1]


def test_a_token_flag_makes_no_file(tmp_path: Path) -> None:
    path = tmp_path / "bridge-tokens.json"
    tokens = load_tokens("tok", path, Entropy())
    assert not path.exists()
    token = tokens.find("tok")
    assert token is not None
    assert (token.label, token.scopes) == (FLAG_LABEL, ALL_SCOPES)


def test_flag_and_file_both_count(tmp_path: Path) -> None:
    path = write(tmp_path / "tokens.json", {"tokens": [{"label": "bot", "token": "x", "scopes": ["read"]}]})
    tokens = load_tokens("tok", path, Entropy())
    assert len(tokens) == 2
    bot = tokens.find("x")
    assert bot is not None
    assert bot.label == "bot"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "not json",
        [],
        {},
        {"tokens": {}},
        {"tokens": []},
        {"tokens": ["x"]},
        {"tokens": [{"label": "a", "token": "", "scopes": ["read"]}]},
        {"tokens": [{"label": "a", "token": "x"}]},
        {"tokens": [{"label": "a", "token": 5, "scopes": ["read"]}]},
        {"tokens": [{"label": "a", "token": "x", "scopes": ["root"]}]},
        {"tokens": [{"label": "a", "token": "x", "scopes": [[]]}]},
    ],
)
def test_unusable_files_stop_the_bridge(tmp_path: Path, content: object) -> None:
    with pytest.raises(BridgeMisconfigured) as refused:
        load_tokens("", write(tmp_path / "tokens.json", content), Entropy())
    assert refused.value.hint


def test_an_empty_file_gives_the_error_of_the_reference(tmp_path: Path) -> None:
    with pytest.raises(BridgeMisconfigured) as refused:
        load_tokens("", write(tmp_path / "tokens.json", {"tokens": []}), Entropy())
    assert str(refused.value) == REFERENCE_TEXT


def test_a_file_that_cannot_be_read_or_written_says_why(tmp_path: Path) -> None:
    with pytest.raises(BridgeMisconfigured, match="cannot be read"):
        load_tokens("", tmp_path, Entropy())
    blocked = write(tmp_path / "file", "x")
    with pytest.raises(BridgeMisconfigured, match="cannot be made"):
        load_tokens("", blocked / "tokens.json", Entropy())


def test_a_file_that_others_can_read_is_warned_about(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "tokens.json", {"tokens": [{"label": "a", "token": "secret", "scopes": ["read"]}]})
    path.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        read_token_file(path)
    assert "chmod 600" in caplog.text
    assert "secret" not in caplog.text


def test_a_token_does_not_show_its_secret() -> None:
    assert "hush" not in repr(Token("a", "hush", ALL_SCOPES))


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.text(alphabet=st.characters(codec=None))))
def test_nothing_else_is_a_token(value: bool | int | str | None) -> None:
    tokens = TokenSet([Token("a", "the right one", ALL_SCOPES)])
    assert tokens.find(value) is None
    assert tokens.find("the right one") is not None
