from __future__ import annotations

from pathlib import Path

import pytest
from rich.style import Style

from intercom_tui.theme import (
    BUILT_IN,
    HUES,
    INK_NAMES,
    ThemeError,
    available_themes,
    contrast_ratio,
    load_theme,
    make_inks,
    parse_theme,
    themes_directory,
)

RGB_THEMES = [name for name in BUILT_IN if name != "terminal"]
DECORATION = {"faint"}
"""Inks of rules and separators, which carry no words alone."""


@pytest.mark.parametrize("name", RGB_THEMES)
def test_every_ink_can_be_read_on_every_surface(name: str) -> None:
    spec = load_theme(name)
    assert spec.min_contrast >= (7.0 if name == "contrast" else 4.5)
    too_faint = [
        (ink, surface, round(ratio, 2))
        for ink, colour in [*spec.inks.items(), *((f"name {i}", c) for i, c in enumerate(spec.names))]
        if ink not in DECORATION
        for surface, background in spec.surfaces.items()
        if (ratio := contrast_ratio(colour, background)) < spec.min_contrast
    ]
    assert too_faint == []


@pytest.mark.parametrize("name", RGB_THEMES)
def test_reversed_labels_can_be_read(name: str) -> None:
    spec = load_theme(name)
    for ink in ("primary", "accent"):
        assert contrast_ratio(spec.surfaces["background"], spec.inks[ink]) >= 4.5


def test_contrast_is_measured_as_the_web_does() -> None:
    assert contrast_ratio("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast_ratio("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_all_built_in_themes_have_files_and_titles() -> None:
    assert {path.stem for path in themes_directory().glob("*.toml")} == set(BUILT_IN)
    titles = [load_theme(name).title for name in BUILT_IN]
    assert len(set(titles)) == len(BUILT_IN)
    assert all(load_theme(name).textual().name == name for name in BUILT_IN)


def test_a_users_theme_wins_and_is_listed(tmp_path: Path) -> None:
    text = (themes_directory() / "nightline.toml").read_text("utf-8")
    (tmp_path / "mine.toml").write_text(text.replace("Nightline", "Mine"), "utf-8")
    assert load_theme("mine", tmp_path).title == "Mine"
    assert available_themes(tmp_path) == (*BUILT_IN, "mine")


@pytest.mark.parametrize(
    "text",
    [
        "not toml [",
        "",
        "[surfaces]\nbackground = 'red-ish'\n",
        "[surfaces]\nbackground = '#000'\nsurface = '#000'\npanel = '#000'\n[inks]\ntext = 5\n",
    ],
)
def test_a_wrong_theme_file_says_what_is_wrong(text: str) -> None:
    with pytest.raises(ThemeError, match="Theme broken"):
        parse_theme(text, "broken")


def test_names_need_all_hues() -> None:
    text = (themes_directory() / "nightline.toml").read_text("utf-8")
    start = text.index("names = [")
    with pytest.raises(ThemeError, match="names"):
        parse_theme(text[:start] + "names = ['#ffffff']\n", "few")


def test_an_unknown_theme_is_an_error() -> None:
    with pytest.raises(ThemeError, match="no theme"):
        load_theme("no-such-theme")


@pytest.mark.parametrize("name", BUILT_IN)
def test_without_colour_inks_keep_only_attributes(name: str) -> None:
    inks = make_inks(load_theme(name), colour=False)
    styles = [getattr(inks, ink) for ink in (*INK_NAMES, "cursor", "selection", "pill", "mention")]
    assert all(style.color is None and style.bgcolor is None for style in styles)
    assert inks.cursor.reverse
    assert inks.mention.bold
    assert inks.mention != inks.text


def test_a_peer_keeps_its_hue_and_peers_differ() -> None:
    inks = make_inks(load_theme("nightline"), colour=True)
    keys = [f"{number:064x}" for number in range(64)]
    assert [inks.name(key) for key in keys] == [inks.name(key) for key in keys]
    assert len({inks.name(key) for key in keys}) == HUES
    assert isinstance(inks.name("\ud800"), Style)
