"""The full-screen app: first-run questions, then the peer and its screen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from engine.config.write import write_config
from engine.crypto.wallet import Wallet
from engine.logs import RingHandler, setup_logging
from engine.net.tasks import TaskScope
from intercom_tui.cli.identity import begin_loading, read_password
from intercom_tui.cli.loop import run_loop
from intercom_tui.cli.options import Invocation, reload

if TYPE_CHECKING:
    from intercom_tui.app import IntercomApp


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
    load_identity = begin_loading(call.paths, read_password(call.loaded.config))
    run_loop(_run(call, load_identity, ring))


async def _run(call: Invocation, load_identity: Callable[[], Wallet], ring: RingHandler) -> None:
    from engine.engine import Engine
    from intercom_tui.app import IntercomApp

    config = call.loaded.config
    async with Engine(config, call.paths, load_identity=load_identity) as engine:
        app = IntercomApp(engine, state_path=call.paths.ui_state, config=config, log_ring=ring)
        scope = TaskScope("screen")
        scope.spawn("exit", _exit_with(app, engine.stop_requested))
        try:
            await app.run_async()
        finally:
            await scope.close()


async def _exit_with(app: IntercomApp, stop_requested: asyncio.Event) -> None:
    await stop_requested.wait()
    app.exit()
