"""The full-screen app: first-run questions, then the peer and its screen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from engine.config.write import write_config
from engine.crypto.wallet import Wallet
from engine.errors import IntercomError, WalletLocked
from engine.logs import RingHandler, setup_logging
from engine.net.tasks import TaskScope
from intercom_tui.cli.identity import begin_loading, read_password
from intercom_tui.cli.loop import run_loop, stop_on_signals
from intercom_tui.cli.options import Invocation, reload

if TYPE_CHECKING:
    from engine.engine import Engine
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
    password = read_password(call.loaded.config)
    while (locked := run_loop(_run(call, begin_loading(call.paths, password), ring))) is not None:
        from intercom_tui.cli.setup import ask_password

        answer = ask_password(call.paths.keypair, str(locked))
        if answer is None:
            return
        password = answer


async def _run(call: Invocation, load_identity: Callable[[], Wallet], ring: RingHandler) -> WalletLocked | None:
    """Run the app until it ends; the error when it ended because the identity needs a password."""
    from engine.engine import Engine
    from intercom_tui.app import IntercomApp
    from intercom_tui.cli.setup import settings_file

    config = call.loaded.config
    painted = asyncio.Event()
    async with Engine(config, call.paths, load_identity=load_identity, begin=painted.wait) as engine:
        stop_on_signals(engine.stop_requested)
        app = IntercomApp(
            engine,
            state_path=call.paths.ui_state,
            config=config,
            log_ring=ring,
            write_settings=settings_file(call),
            painted=painted,
        )
        scope = TaskScope("screen")
        scope.spawn("exit", _exit_with(app, engine.stop_requested))
        locked = scope.spawn("identity", _exit_when_locked(app, engine))
        try:
            await app.run_async()
            return locked.result() if locked.done() else None
        finally:
            await scope.close()


async def _exit_with(app: IntercomApp, stop_requested: asyncio.Event) -> None:
    await stop_requested.wait()
    app.exit()


async def _exit_when_locked(app: IntercomApp, engine: Engine) -> WalletLocked | None:
    try:
        await engine.ready()
    except WalletLocked as error:
        app.exit()
        return error
    except IntercomError:
        pass  # shown in the app: the start-up step says what failed
    return None


def run_demo() -> None:
    """The app with scripted peers: nothing touches the network or the disk."""
    run_loop(_demo())


async def _demo() -> None:
    from intercom_tui.app import IntercomApp
    from intercom_tui.demo import DemoEngine

    async with DemoEngine() as engine:
        await IntercomApp(engine).run_async()
