"""Strings never reach a widget that looks for markup in them: proved from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "intercom_tui"
MODULES = sorted(ROOT.rglob("*.py"))

WIDGET_SITES = {
    "Static": {"widgets/text.py"},
    "Input": {"widgets/line_input.py", "app.py", "setup/controls.py"},
    "TextArea": {"widgets/composer.py", "app.py"},
    "Button": {"screens/dialog.py"},
}
"""The only importers of each widget; app.py only asks which kind the focused one is."""
FORBIDDEN_CALLS = {"from_markup", "from_ansi", "render_markup", "escape_markup", "set_title"}
MARKUP_ATTRIBUTES = {"border_title", "border_subtitle", "tooltip", "placeholder", "sub_title"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def nodes(kind: type[ast.AST]) -> Iterator[tuple[str, ast.AST]]:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, kind):
                yield name_of(path), node


def is_cleaned(node: ast.expr) -> bool:
    """A literal, or something that went through content()."""
    return isinstance(node, ast.Constant) or (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "content"
    )


def test_widgets_that_parse_markup_have_one_import_site_each() -> None:
    offences = []
    for where, node in nodes(ast.ImportFrom):
        assert isinstance(node, ast.ImportFrom)
        if node.module and node.module.startswith("textual.widgets"):
            offences += [
                f"{where} imports {alias.name}"
                for alias in node.names
                if where not in WIDGET_SITES.get(alias.name, set())
            ]
    assert offences == []


def test_markup_is_never_parsed_and_notices_have_one_door() -> None:
    offences = []
    for where, node in nodes(ast.Call):
        assert isinstance(node, ast.Call)
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in FORBIDDEN_CALLS or (called == "notify" and where != "safe.py"):
            offences.append(f"{where}:{node.lineno} calls {called}")
        if any(
            keyword.arg == "markup" and getattr(keyword.value, "value", None) is not False for keyword in node.keywords
        ):
            offences.append(f"{where}:{node.lineno} switches markup on")
    assert offences == []


def test_button_labels_are_content() -> None:
    offences = []
    for where, node in nodes(ast.Call):
        assert isinstance(node, ast.Call)
        if getattr(node.func, "id", "") == "Button" and node.args and not is_cleaned(node.args[0]):
            offences.append(f"{where}:{node.lineno}")
    assert offences == []


def test_attributes_that_parse_markup_get_content() -> None:
    offences = []
    for where, node in nodes(ast.Assign):
        assert isinstance(node, ast.Assign)
        for target in node.targets:
            if isinstance(target, ast.Attribute) and target.attr in MARKUP_ATTRIBUTES and not is_cleaned(node.value):
                offences.append(f"{where}:{node.lineno} sets {target.attr}")
    assert offences == []


def test_only_the_clipboard_writes_to_the_terminal() -> None:
    offences = []
    for where, node in nodes(ast.Attribute):
        assert isinstance(node, ast.Attribute)
        if node.attr == "_driver" and where != "clipboard.py":
            offences.append(f"{where}:{node.lineno}")
    assert offences == []


@pytest.mark.parametrize("module", ["sys.stdout", "sys.stderr"])
def test_screens_and_widgets_do_not_print(module: str) -> None:
    offences = [
        name_of(path)
        for path in MODULES
        if name_of(path).split("/")[0] in ("widgets", "panes", "screens") and (module in path.read_text("utf-8"))
    ]
    assert offences == []
