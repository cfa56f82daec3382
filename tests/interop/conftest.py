"""Real peers of the reference's npm packages, driven over JSON lines.

Two sets of packages stand beside this file, each with its own lock: ``pinned`` (the reference's versions) and
``newest``. ``npm ci`` in both is part of the test command; without Node these tests fail, they are never skipped.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

_HERE = Path(__file__).parent
STACKS = ("pinned", "newest")
_LAYERS = {
    "udx": "UDX",
    "dht": "DHT",
    "hyperdht": "HyperDHT",
    "stream": "Secret stream, Protomux",
    "swarm": "Hyperswarm",
    "sidechannel": "Sidechannels",
    "wallet": "Wallet",
    "jsjson": "JSON",
    "codec": "Encodings",
    "process": "Whole program",
}
"""Part of the file's name to the layer its tests are about."""
_PARAMETERS = {
    "javascript": "DHT of JavaScript nodes",
    "python": "DHT of Python nodes",
    "lan": "LAN",
    "open": "open server",
    "punch": "hole punch",
    "rounds": "hole punch in two rounds",
}
_SPELLINGS = {"javascript": "JavaScript", "python": "Python", "dht": "DHT", "udx": "UDX", "json": "JSON"}


class JsPeer:
    """One Node process that speaks one JSON object per line on stdin and stdout."""

    def __init__(self, process: asyncio.subprocess.Process, script: str) -> None:
        self.process = process
        self.script = script
        self._errors: list[str] = []
        self._drain = asyncio.get_running_loop().create_task(self._collect_errors())

    async def read_json(self, timeout_s: float = 30.0) -> Any:
        """The next JSON line of the script.

        Raises:
            AssertionError: the script ended or printed nothing in time; its standard error is part of the text.
        """
        assert self.process.stdout is not None
        try:
            async with asyncio.timeout(timeout_s):
                line = await self.process.stdout.readline()
        except TimeoutError:
            raise AssertionError(f"{self.script} said nothing for {timeout_s} s: {self.errors}") from None
        if not line:
            await self.process.wait()
            await self._drain
            raise AssertionError(f"{self.script} ended with {self.process.returncode}: {self.errors}")
        return json.loads(line)

    async def read_until(self, event: str, timeout_s: float = 30.0) -> Any:
        """The next JSON line whose ``event`` is the given one; others are dropped."""
        async with asyncio.timeout(timeout_s):
            while True:
                message = await self.read_json(timeout_s)
                if message.get("event") == event:
                    return message

    def write_json(self, value: Any) -> None:
        """Give the script one JSON line."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(value).encode() + b"\n")

    @property
    def errors(self) -> str:
        """What the script wrote to standard error so far."""
        return "".join(self._errors)

    def kill(self) -> None:
        """End the process at once, without any goodbye on the network."""
        if self.process.returncode is None:
            self.process.kill()

    async def close(self) -> None:
        """End the process and release its pipes."""
        self.kill()
        await self.process.wait()
        await self._drain
        if self.process.stdin is not None:
            self.process.stdin.close()

    async def _collect_errors(self) -> None:
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            self._errors.append(line.decode(errors="replace"))


class JsStack:
    """Starts scripts of ``tests/interop/js`` against one set of npm packages."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._peers: list[JsPeer] = []

    async def spawn(self, script: str, *args: str | int, flags: Sequence[str] = ()) -> JsPeer:
        """Start ``tests/interop/js/<script>`` with the arguments as text; *flags* are Node's own."""
        node = shutil.which("node")
        modules = _HERE / self.name / "node_modules"
        assert node is not None, "Node.js is needed for the interop tests"
        assert modules.is_dir(), f"run 'npm ci' in tests/interop/{self.name} first (make test does)"
        process = await asyncio.create_subprocess_exec(
            node,
            *flags,
            str(_HERE / "js" / script),
            *map(str, args),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=64 * 1024 * 1024,
            env={**os.environ, "NODE_PATH": str(modules), "INTEROP_MODULES": str(modules)},
        )
        peer = JsPeer(process, script)
        self._peers.append(peer)
        return peer

    async def close(self) -> None:
        """End every process this stack started."""
        for peer in self._peers:
            await peer.close()


@pytest.fixture(params=STACKS)
async def js_stack(request: pytest.FixtureRequest) -> AsyncIterator[JsStack]:
    """Both sets of npm packages, one test run each."""
    _publish(request, request.param)
    stack = JsStack(request.param)
    yield stack
    await stack.close()


@pytest.fixture
async def pinned_stack(request: pytest.FixtureRequest) -> AsyncIterator[JsStack]:
    """The reference's own versions only."""
    _publish(request, "pinned")
    stack = JsStack("pinned")
    yield stack
    await stack.close()


def _publish(request: pytest.FixtureRequest, column: str) -> None:
    """One row of the interop matrix: the first line of the test's docstring, else its name, and its parameters."""
    node = request.node
    title = (node.function.__doc__ or node.originalname.removeprefix("test_").replace("_", " ")).strip()
    row = title.splitlines()[0].rstrip(".")
    for name, spelling in _SPELLINGS.items():
        row = re.sub(rf"\b{name}\b", spelling, row)
    words = node.callspec.id.split("-") if _parametrised(node) else []
    parameters = [_PARAMETERS.get(word, word) for word in words if word not in STACKS]
    if parameters:
        row += f" ({', '.join(parameters)})"
    layer = _LAYERS[node.path.stem.removeprefix("test_").removesuffix("_interop")]
    node.user_properties.append(("interop", [f"{layer} | {row[0].upper()}{row[1:]}", column]))


def _parametrised(node: pytest.Item) -> bool:
    return hasattr(node, "callspec")
