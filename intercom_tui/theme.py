"""Colours: theme files, the inks that widgets draw with, contrast.

A theme is a TOML file with three surfaces and ten inks. Widgets that draw cell by cell take their styles from
:class:`Inks`; everything else takes them from Textual's variables, which are made of the same values. Without colour
(``NO_COLOR``) the inks keep only bold, dim, underline and reverse.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

from rich.style import Style
from textual.color import Color, ColorParseError
from textual.theme import BUILTIN_THEMES, Theme

BUILT_IN = ("nightline", "daylight", "contrast", "colourblind", "terminal")
"""Themes that come with the program."""

INK_NAMES = ("text", "muted", "faint", "primary", "secondary", "accent", "success", "warning", "error", "msb")
SURFACE_NAMES = ("background", "surface", "panel")
HUES = 8
"""Colours of peer names."""


class ThemeError(ValueError):
    """A theme file is not usable."""


@dataclass(frozen=True, slots=True)
class ThemeSpec:
    """A theme as its file says it."""

    name: str
    title: str
    dark: bool
    ansi: bool
    min_contrast: float
    surfaces: dict[str, str]
    inks: dict[str, str]
    names: tuple[str, ...]

    def textual(self) -> Theme:
        """The same colours for Textual's style sheets."""
        ink, surface = self.inks, self.surfaces
        return Theme(
            name=self.name,
            primary=ink["primary"],
            secondary=ink["secondary"],
            accent=ink["accent"],
            success=ink["success"],
            warning=ink["warning"],
            error=ink["error"],
            foreground=ink["text"],
            background=surface["background"],
            surface=surface["surface"],
            panel=surface["panel"],
            dark=self.dark,
            ansi=self.ansi,
            variables={
                **(BUILTIN_THEMES["ansi-dark" if self.dark else "ansi-light"].variables if self.ansi else {}),
                "ink-muted": ink["muted"],
                "ink-faint": ink["faint"],
                "plane-msb": ink["msb"],
                "input-cursor-background": ink["primary"] if not self.ansi else "ansi_default",
                "input-cursor-foreground": surface["background"],
                "input-cursor-text-style": "reverse" if self.ansi else "none",
                "input-selection-background": "ansi_cyan" if self.ansi else f"{ink['primary']} 30%",
                "scrollbar": ink["faint"],
                "scrollbar-hover": ink["muted"],
                "scrollbar-active": ink["primary"],
                "scrollbar-background": surface["background"],
                "scrollbar-background-hover": surface["background"],
                "scrollbar-background-active": surface["background"],
                "scrollbar-corner-color": surface["background"],
                "screen-selection-background": "ansi_cyan" if self.ansi else f"{ink['primary']} 35%",
            },
        )


@dataclass(frozen=True, slots=True)
class Inks:
    """Styles for text drawn cell by cell, over whatever background the widget has."""

    text: Style
    muted: Style
    faint: Style
    primary: Style
    secondary: Style
    accent: Style
    success: Style
    warning: Style
    error: Style
    msb: Style
    strong: Style
    mention: Style
    """The word that names this peer."""
    link: Style
    cursor: Style
    """Background of the row under the cursor while its list has the focus."""
    cursor_blurred: Style
    selection: Style
    pill: Style
    tab: Style
    """Background of the tab that is shown."""
    tab_focused: Style
    key: Style
    """A key in a hint."""
    names: tuple[Style, ...]

    def name(self, public_key: str) -> Style:
        """Hue of a peer, from its key."""
        return self.names[crc32(public_key.encode("utf-8", "replace")) % len(self.names)]


def themes_directory() -> Path:
    """Where the built-in theme files are, installed or in a checkout."""
    here = Path(__file__).resolve().parent
    installed = here / "themes"
    return installed if installed.is_dir() else here.parent / "themes"


def load_theme(name: str, user_directory: Path | None = None) -> ThemeSpec:
    """Read a theme by name; a user's file wins over a built-in one.

    Raises:
        ThemeError: there is no such theme, or its file is not usable.
    """
    for directory in (user_directory, themes_directory()):
        if directory is not None and (path := directory / f"{name}.toml").is_file():
            return parse_theme(path.read_text("utf-8"), name)
    raise ThemeError(f"There is no theme {name!r}.")


def available_themes(user_directory: Path | None = None) -> tuple[str, ...]:
    """Names of all themes: built-in ones first."""
    own = sorted(path.stem for path in user_directory.glob("*.toml")) if user_directory else []
    return (*BUILT_IN, *(name for name in own if name not in BUILT_IN))


def parse_theme(text: str, name: str) -> ThemeSpec:
    """Parse a theme file.

    Raises:
        ThemeError: a table or a colour is missing or wrong.
    """
    try:
        table = tomllib.loads(text)
        surfaces = _colours(table.get("surfaces", {}), SURFACE_NAMES)
        inks = _colours(table.get("inks", {}), INK_NAMES)
        names = tuple(str(colour) for colour in table.get("names", table.get("inks", {}).get("names", ())))
        for colour in names:
            Color.parse(colour)
    except (tomllib.TOMLDecodeError, ValueError, ColorParseError) as error:
        raise ThemeError(f"Theme {name}: {error}") from error
    if len(names) != HUES:
        raise ThemeError(f"Theme {name}: names needs {HUES} colours.")
    return ThemeSpec(
        name=name,
        title=str(table.get("title", name)),
        dark=bool(table.get("dark", True)),
        ansi=bool(table.get("ansi", False)),
        min_contrast=float(table.get("min_contrast", 4.5)),
        surfaces=surfaces,
        inks=inks,
        names=names,
    )


def _colours(table: Any, wanted: tuple[str, ...]) -> dict[str, str]:
    colours = {}
    for name in wanted:
        if not isinstance(value := table.get(name), str):
            raise ValueError(f"{name} is missing")
        Color.parse(value)
        colours[name] = value
    return colours


def contrast_ratio(one: str, other: str) -> float:
    """WCAG 2 contrast of two ``#rrggbb`` colours, 1 to 21."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    def channel(value: float) -> float:
        return value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4

    red, green, blue = (channel(part) for part in Color.parse(colour).normalized)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def make_inks(spec: ThemeSpec, *, colour: bool) -> Inks:
    """Styles of a theme; ``colour`` False keeps attributes only."""
    if not colour:
        return _plain_inks()
    ink = {name: _style(value) for name, value in spec.inks.items()}
    panel, background = spec.surfaces["panel"], spec.surfaces["background"]
    if spec.ansi:
        reverse = Style(reverse=True)
        cursor, blurred, selection = reverse, Style(bold=True), Style(reverse=True)
        ink["muted"] = Style(dim=True)
    else:
        cursor = Style(bgcolor=_rich(panel))
        blurred = Style(bgcolor=_blend(background, panel, 0.6))
        selection = Style(bgcolor=_blend(background, spec.inks["primary"], 0.35))
    return Inks(
        text=ink["text"],
        muted=ink["muted"],
        faint=ink["faint"],
        primary=ink["primary"],
        secondary=ink["secondary"],
        accent=ink["accent"],
        success=ink["success"],
        warning=ink["warning"],
        error=ink["error"],
        msb=ink["msb"],
        strong=ink["text"] + Style(bold=True),
        mention=ink["accent"] + Style(bold=True),
        link=ink["primary"] + Style(underline=True),
        cursor=cursor,
        cursor_blurred=blurred,
        selection=selection,
        pill=Style(color=_rich(background), bgcolor=_rich(spec.inks["accent"]), bold=True)
        if not spec.ansi
        else Style(reverse=True, bold=True),
        tab=Style(bgcolor=_rich(panel)) if not spec.ansi else Style(underline=True),
        tab_focused=Style(color=_rich(background), bgcolor=_rich(spec.inks["primary"]))
        if not spec.ansi
        else Style(reverse=True),
        key=ink["primary"] + Style(bold=True),
        names=tuple(_style(value) for value in spec.names),
    )


def _plain_inks() -> Inks:
    plain, bold, dim, reverse = Style.null(), Style(bold=True), Style(dim=True), Style(reverse=True)
    return Inks(
        text=plain,
        muted=dim,
        faint=dim,
        primary=plain,
        secondary=plain,
        accent=bold,
        success=plain,
        warning=bold,
        error=bold,
        msb=plain,
        strong=bold,
        mention=Style(bold=True, underline=True),
        link=Style(underline=True),
        cursor=reverse,
        cursor_blurred=Style(bold=True),
        selection=reverse,
        pill=Style(reverse=True, bold=True),
        tab=Style(underline=True),
        tab_focused=reverse,
        key=bold,
        names=(plain,) * HUES,
    )


def _rich(colour: str) -> Any:
    return Color.parse(colour).rich_color


def _style(colour: str) -> Style:
    return Style(color=_rich(colour))


def _blend(one: str, other: str, factor: float) -> Any:
    return Color.parse(one).blend(Color.parse(other), factor).rich_color
