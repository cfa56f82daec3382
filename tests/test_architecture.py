"""The layers of the source tree, proved from its imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
_IMPURE = frozenset({"asyncio", "socket", "time", "random", "os", "secrets", "threading", "textual", "rich", "logging"})
_PURE_PACKAGES = ("engine/wire", "engine/crypto", "engine/proto")
_RANK = {"wire": 0, "crypto": 0, "proto": 1, "net": 2, "store": 2, "services": 3, "commands": 4, "bridge": 4}
"""Layers of the engine; imports never point upwards."""
_ONE_SITE = {
    "nacl": "engine/crypto",
    "asyncio_dgram": "engine/net",
    "websockets": "engine/bridge",
    "tomli_w": "engine/config",
    "platformdirs": "engine/paths.py",
}


def modules(folder: str) -> Iterator[Path]:
    yield from sorted((ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Imported module names, with whether the import is only for type checkers."""
    tree = ast.parse(path.read_text())
    guarded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in guarded
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, id(node) in guarded


def is_policy(path: Path) -> bool:
    """Policies of the services are as pure as the protocol cores."""
    return path.is_relative_to(ROOT / "engine/services") and path.stem in {"policy", "ratelimit", "relay", "seen"}


def test_protocol_cores_touch_neither_clock_nor_network() -> None:
    offences = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules("engine")
        if any(path.is_relative_to(ROOT / package) for package in _PURE_PACKAGES) or is_policy(path)
        for name, typing_only in imports(path)
        if name.split(".")[0] in _IMPURE and not typing_only
    ]
    assert offences == []


def test_imports_inside_the_engine_point_down() -> None:
    offences = []
    for path in modules("engine"):
        own = _RANK.get(path.relative_to(ROOT / "engine").parts[0])
        for name, typing_only in imports(path):
            parts = name.split(".")
            if own is None or typing_only or parts[0] != "engine" or len(parts) < 2:
                continue
            if _RANK.get(parts[1], -1) > own:
                offences.append(f"{path.relative_to(ROOT)} imports {name}")
    assert offences == []


def test_the_engine_does_not_know_the_screen() -> None:
    code = (
        "import pkgutil, importlib, sys, engine\n"
        "for module in pkgutil.walk_packages(engine.__path__, 'engine.'):\n"
        "    importlib.import_module(module.name)\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('textual', 'rich', 'intercom_tui')])\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("package", sorted(_ONE_SITE))
def test_third_party_packages_have_one_import_site(package: str) -> None:
    site = ROOT / _ONE_SITE[package]
    offences = [
        str(path.relative_to(ROOT))
        for path in [*modules("engine"), *modules("intercom_tui")]
        for name, _ in imports(path)
        if name.split(".")[0] == package and path != site and not path.is_relative_to(site)
    ]
    assert offences == []


def test_every_public_name_is_explained() -> None:
    missing = []
    for path in [*modules("engine"), *modules("intercom_tui")]:
        tree = ast.parse(path.read_text())
        if ast.get_docstring(tree) is None:
            missing.append(str(path.relative_to(ROOT)))
        for owner in [
            tree,
            *(node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")),
        ]:
            for node in owner.body:
                if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    continue
                setter = any(ast.unparse(decorator).endswith(".setter") for decorator in node.decorator_list)
                textual_hook = path.is_relative_to(ROOT / "intercom_tui") and isinstance(owner, ast.ClassDef)
                if node.name.startswith("_") or setter or textual_hook or ast.get_docstring(node):
                    continue
                missing.append(f"{path.relative_to(ROOT)}:{node.name}")
    assert missing == []


def test_modules_stay_small() -> None:
    large = {
        str(path.relative_to(ROOT)): lines
        for path in [*modules("engine"), *modules("intercom_tui")]
        if (lines := len(path.read_text().splitlines())) > 500
    }
    assert large == {}


def test_tasks_have_owners() -> None:
    offences = [
        str(path.relative_to(ROOT))
        for path in [*modules("engine"), *modules("intercom_tui")]
        if path != ROOT / "engine/net/tasks.py"
        and any(word in path.read_text() for word in ("asyncio.create_task", "asyncio.ensure_future", ".create_task("))
    ]
    assert offences == []
