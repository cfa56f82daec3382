"""Filter grammar, against the reference's groups and matches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.bridge.filters import matches, parse_filter

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "bridge" / "filters.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("case", VECTORS["filters"], ids=lambda case: repr(case["filter"]))
def test_groups_and_matches_of_the_reference(case: dict[str, Any]) -> None:
    groups = parse_filter(case["filter"])
    assert [list(group) for group in groups] == case["groups"]
    assert [matches(groups, text.lower()) for text in VECTORS["texts"]] == case["matches"]


@given(st.lists(st.lists(st.from_regex(r"[a-z]{1,5}", fullmatch=True), min_size=1), min_size=1))
def test_words_are_found_whatever_separates_them(groups: list[list[str]]) -> None:
    text = " | ".join(" +,\t".join(group).upper() for group in groups)
    assert parse_filter(text) == tuple(tuple(group) for group in groups)
    assert matches(parse_filter(text), " ".join(groups[0]))


@given(st.text(), st.text())
def test_any_filter_parses(text: str, message: str) -> None:
    groups = parse_filter(text)
    assert all(groups)
    assert matches((), message)
    assert matches(groups, message) in (True, False)
