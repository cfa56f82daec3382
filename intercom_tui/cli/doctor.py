"""``intercom-tui doctor``: the findings on a terminal or as JSON."""

from __future__ import annotations

import json

import click

from engine.clock import SystemClock
from engine.doctor import Finding, Verdict, diagnose
from engine.net.udp import OsNetwork
from intercom_tui.cli.loop import run_loop
from intercom_tui.cli.options import Invocation

_MARKS = {Verdict.OK: "ok     ", Verdict.WARNING: "warning", Verdict.PROBLEM: "PROBLEM"}


def run_doctor(call: Invocation, *, as_json: bool) -> int:
    """Print all findings; 0 when there is no problem, else 1."""
    findings: list[Finding] = run_loop(_collect(call, as_json=as_json))
    if as_json:
        rows = [
            {"check": item.check, "verdict": item.verdict.value, "text": item.text, "hint": item.hint}
            for item in findings
        ]
        click.echo(json.dumps({"findings": rows}))
    return 1 if any(item.verdict is Verdict.PROBLEM for item in findings) else 0


async def _collect(call: Invocation, *, as_json: bool) -> list[Finding]:
    findings: list[Finding] = []
    async for finding in diagnose(call.loaded.config, call.paths, OsNetwork(), SystemClock()):
        findings.append(finding)
        if not as_json:
            click.echo(f"{_MARKS[finding.verdict]}  {finding.check}: {finding.text}")
            if finding.hint:
                click.echo(f"         {finding.hint}")
    return findings
