"""What the guide for agents promises is true."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

from engine.bridge.protocol import REQUEST_TYPES
from tests.harness.bridge_client import TOKEN, bridge
from tests.harness.fake_engine import FakeEngine, FakeNetwork

ROOT = Path(__file__).parent.parent.parent
GUIDE = (ROOT / "SKILL.md").read_text(encoding="utf-8")


def test_every_request_type_is_explained() -> None:
    named = set(re.findall(r'\{"type":"([a-z_]+)"', GUIDE)) - {"hello", "auth_ok", "error", "sidechannel_message"}
    assert named == {*REQUEST_TYPES, "auth"}


def test_every_code_of_the_bridge_is_explained() -> None:
    source = "".join(path.read_text() for path in (ROOT / "engine" / "bridge").glob("*.py"))
    codes = set(re.findall(r'"(bridge\.[a-z_]+)"', source)) | {"bridge.invalid_invite", "bridge.invalid_welcome"}
    assert codes <= set(re.findall(r"`(bridge\.[a-z_]+)`", GUIDE))


def test_nothing_is_downloaded_or_piped_to_a_shell() -> None:
    assert not re.search(r"\b(curl|wget|pip install|npm|npx|uvx|bash|sh -c)\b", GUIDE)


async def test_the_example_runs(tmp_path: Path) -> None:
    [example] = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    net = FakeNetwork()
    alice, bob = FakeEngine("alice", net), FakeEngine("bob", net)
    async with bridge(alice, tmp_path / "t") as server:
        environment = {**os.environ, "BRIDGE_URL": f"ws://127.0.0.1:{server.port}", "BRIDGE_TOKEN": TOKEN}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", example), env=environment, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
    assert process.returncode == 0
    assert "'type': 'sent'" in output.decode()
    assert [message.message for message in bob.sidechannel.stored] == [{"text": "hello", "kind": "greeting"}]
