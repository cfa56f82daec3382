"""Documents that the test run itself writes: the interop matrix and the reliability counts.

A test adds to them through its report's properties, so this also works when tests run in several processes:
``request.node.user_properties.append(("interop", ...))`` and :func:`record_reliability`.
"""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parent.parent.parent / "docs"
_COLUMNS = ("pinned", "newest")


def record_reliability(request: pytest.FixtureRequest, row: str, text: str) -> None:
    """Put a measured count into the reliability document.

    Args:
        request: of the running test.
        row: what was tried.
        text: how much of it, and what came out.
    """
    request.node.user_properties.append(("reliability", [row, text]))


def _by_number(row: str) -> tuple[int, str]:
    """Order of the rows: by the number they begin with."""
    digits = "".join(takewhile(str.isdigit, row))
    return (int(digits) if digits else 0), row


class PublishedDocuments:
    """Collects properties of reports and writes the documents at the end of a complete run."""

    def __init__(self) -> None:
        self.interop: dict[str, dict[str, str]] = {}
        self.reliability: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the properties of one finished phase of a test."""
        if report.when != "call" and not report.failed:
            return
        for name, value in report.user_properties:
            self._add(name, value, passed=report.passed)

    def _add(self, name: str, value: Any, *, passed: bool) -> None:
        if name == "interop":
            row, column = value
            cell = self.interop.setdefault(row, {})
            if cell.get(column) != "no":
                cell[column] = "yes" if passed else "no"
        elif name == "reliability" and passed:
            row, text = value
            self.reliability[row] = text

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write what a run over the whole suite collected; a partial run changes nothing."""
        if hasattr(session.config, "workerinput") or session.config.args != session.config.getini("testpaths"):
            return
        DOCS.mkdir(exist_ok=True)
        (DOCS / "interop.md").write_text(self.render_interop())
        (DOCS / "reliability.md").write_text(self.render_reliability())

    def render_interop(self) -> str:
        """The interop matrix as Markdown."""
        lines = [
            "# Interop with the JavaScript packages",
            "",
            "Written by the test run: every row is a test with real peers on this machine. `pinned` are the",
            "versions of the reference (hyperdht 6.27.0, hyperswarm 4.14.2, @hyperswarm/secret-stream 6.9.2,",
            "protomux 3.12.1), `newest` the newest releases locked in `tests/interop/newest`.",
            "",
            "| layer | what | pinned | newest |",
            "|---|---|---|---|",
        ]
        for row in sorted(self.interop):
            cells = " | ".join(self.interop[row].get(column, "-") for column in _COLUMNS)
            lines.append(f"| {row} | {cells} |")
        return "\n".join(lines) + "\n"

    def render_reliability(self) -> str:
        """The reliability counts as Markdown."""
        lines = [
            "# Reliability",
            "",
            "Written by the test run: how much bad input was tried and which faults were survived.",
            "",
            "| what | tried in this run |",
            "|---|---|",
        ]
        lines += [f"| {row} | {self.reliability[row]} |" for row in sorted(self.reliability, key=_by_number)]
        return "\n".join(lines) + "\n"
