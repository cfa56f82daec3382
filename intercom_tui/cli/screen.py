"""The full-screen app: first-run questions, then the peer and its screen."""

from __future__ import annotations

from pathlib import Path

from engine.config.write import write_config
from engine.engine import Engine
from engine.logs import RingHandler, setup_logging
from intercom_tui.cli.main import read_password, run_loop
from intercom_tui.cli.options import Invocation, reload


def run_screen(call: Invocation, *, ask: bool) -> None:
    """Show the wizard when there is no configuration file yet, then the app.

    Raises:
        IntercomError: the store cannot be used.
    """
    if ask and not call.paths.config_file.exists():
        from intercom_tui.cli.setup import ask_settings

        values = ask_settings(call)
        if values is None:
            return
        write_config(call.paths.config_file, values)
        call = reload(call)
    log = call.loaded.config.log
    path = Path(log.file).expanduser() if log.file else call.paths.log
    ring, _ = setup_logging(path, level=log.level, as_json=log.json, stderr=False)
    run_loop(_run(call, ring))


async def _run(call: Invocation, ring: RingHandler) -> None:
    from intercom_tui.app import IntercomApp

    config = call.loaded.config
    async with Engine(config, call.paths, password=read_password(call)) as engine:
        app = IntercomApp(engine, state_path=call.paths.ui_state, config=config, log_ring=ring)
        await app.run_async()
