"""``python -m intercom_tui``: the composition root."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point; answers ``--version`` before anything heavy is imported."""
    if sys.argv[1:] == ["--version"]:
        from engine.version import VERSION

        print(f"intercom-tui, version {VERSION}")
        return
    from intercom_tui.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
