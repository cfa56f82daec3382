"""Run every benchmark and print one JSON object: ``python -m bench``.

Ratios are taken against the npm packages in ``tests/interop/pinned`` in the same run. Rates and times depend on the
machine; compare ratios, or runs on one machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

_MODULES = str(Path(__file__).parent.parent / "tests/interop/pinned/node_modules")
_BENCHES: dict[str, list[str]] = {
    "bridge_messages": ["bench.bridge_messages"],
    "stream_throughput": ["bench.stream_throughput", "--uvloop", "--node-modules", _MODULES],
    "udx_throughput": ["bench.udx_throughput", "--loop", "uvloop"],
    "udx_to_javascript": ["bench.udx_throughput", "--loop", "uvloop", "--peer", "js-sink"],
    "udx_from_javascript": ["bench.udx_throughput", "--loop", "uvloop", "--peer", "js-source"],
    "connect_time": ["bench.connect_time", "--uvloop", "--node-modules", _MODULES],
    "footprint": ["bench.footprint"],
    "ui_latency": ["bench.ui_latency"],
    "bridge_clients": ["bench.bridge_clients"],
}


def main() -> None:
    """Run the benchmarks one after the other."""
    results: dict[str, Any] = {}
    for name, words in _BENCHES.items():
        print(f"{name} ...", file=sys.stderr, flush=True)
        done = subprocess.run([sys.executable, "-m", *words], stdout=subprocess.PIPE, text=True, check=False)
        results[name] = json.loads(done.stdout) if done.returncode == 0 else f"failed with code {done.returncode}"
        print(json.dumps(results[name]), file=sys.stderr, flush=True)
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
