"""``intercom-tui run``: the same engine without a screen."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from pathlib import Path

import click

from engine.api import EngineAPI
from engine.crypto.wallet import Wallet
from engine.events import ChannelJoined, Event, Gap, InviteAccepted, MessageReceived, OpenRequested, PlaneFailed
from engine.logs import setup_logging
from engine.net.tasks import TaskScope
from engine.wire.jsjson import stringify
from intercom_tui.cli.identity import begin_loading, read_password
from intercom_tui.cli.loop import run_loop
from intercom_tui.cli.options import Invocation
from intercom_tui.safe import safe_line


def run_headless(call: Invocation) -> None:
    """Run until SIGTERM, SIGINT or ``/exit``.

    Raises:
        IntercomError: the peer cannot start.
    """
    log = call.loaded.config.log
    path = Path(log.file).expanduser() if log.file else call.paths.log
    setup_logging(path, level=log.level, as_json=log.json, stderr=True)
    load_identity = begin_loading(call.paths, read_password(call.loaded.config))
    run_loop(_run(call, load_identity))


async def _run(call: Invocation, load_identity: Callable[[], Wallet]) -> None:
    from engine.engine import Engine  # heavy: imported while the identity is being read

    engine = Engine(call.loaded.config, call.paths, load_identity=load_identity)
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(signum, engine.stop_requested.set)
    async with engine:
        scope = TaskScope("headless")
        try:
            scope.spawn("print", _print_events(engine))
            stop = scope.spawn("stop", engine.stop_requested.wait())
            ready = scope.spawn("ready", engine.ready())
            await asyncio.wait({stop, ready}, return_when=asyncio.FIRST_COMPLETED)
            if ready.done():
                ready.result()
                _announce(engine)
            await stop
        finally:
            await scope.close()


def _announce(engine: EngineAPI) -> None:
    identity = engine.status.identity
    assert identity is not None, "a peer that is ready has an identity"
    click.echo(f"Peer pubkey (hex): {identity.public_key}")
    click.echo(f"Peer trac address (bech32m): {identity.address}")
    click.echo("Sidechannel: ready")


async def _print_events(engine: EngineAPI) -> None:
    quiet = engine.config.sidechannel.quiet or engine.config.bridge.enabled
    events = engine.events(MessageReceived, ChannelJoined, InviteAccepted, OpenRequested, PlaneFailed, Gap)
    try:
        async for event in events:
            if line := _line(event, quiet=quiet):
                click.echo(safe_line(line))
    finally:
        events.close()


def _line(event: Event, *, quiet: bool) -> str:
    match event:
        case MessageReceived(message) if not quiet:
            text = message.message if isinstance(message.message, str) else stringify(message.message)
            return f"[sidechannel:{message.channel}] {message.sender or 'unknown'}: {text}"
        case OpenRequested(channel=channel, requester=requester, via=via):
            return f"[sidechannel:{via}] {requester} asks to open {channel} (--sidechannel-auto-join 1 joins by itself)"
        case PlaneFailed(error=error, hint=hint):
            return f"{error} {hint}"
        case Gap(count=count):
            return f"({count} events not shown)"
        case _:
            return ""
