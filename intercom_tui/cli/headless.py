"""``intercom-tui run``: the same engine without a screen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import click

from engine.api import EngineAPI
from engine.crypto.wallet import Wallet
from engine.errors import IntercomError
from engine.events import (
    ChannelJoined,
    Event,
    Gap,
    InviteAccepted,
    MessageReceived,
    OpenRequested,
    PlaneFailed,
    StatusChanged,
)
from engine.logs import setup_logging
from engine.net.tasks import TaskScope
from engine.wire.jsjson import stringify
from intercom_tui.cli.announce import Announcer
from intercom_tui.cli.identity import begin_loading, read_password
from intercom_tui.cli.loop import run_loop, stop_on_signals
from intercom_tui.cli.options import Invocation
from intercom_tui.safe import safe_text

_logger = logging.getLogger(__name__)


def run_headless(call: Invocation) -> None:
    """Run until a signal or ``/exit``.

    Raises:
        IntercomError: the peer cannot start.
        KeyboardInterrupt: the peer ended in order after Ctrl+C.
    """
    log = call.loaded.config.log
    path = Path(log.file).expanduser() if log.file else call.paths.log
    setup_logging(path, level=log.level, as_json=log.json, stderr=True)
    load_identity = begin_loading(call.paths, read_password(call.loaded.config))
    if run_loop(_run(call, load_identity)):
        raise KeyboardInterrupt


async def _run(call: Invocation, load_identity: Callable[[], Wallet]) -> bool:
    """Run the peer to its end; whether that was Ctrl+C."""
    from engine.engine import Engine  # heavy: imported while the identity is being read

    engine = Engine(call.loaded.config, call.paths, load_identity=load_identity)
    interrupted = stop_on_signals(engine.stop_requested)
    async with engine:
        scope = TaskScope("headless")
        try:
            scope.spawn("print", _print_events(engine, Announcer(call.loaded.config, call.paths)))
            stop = scope.spawn("stop", engine.stop_requested.wait())
            failure = scope.spawn("ready", _failure(engine.ready()))
            await asyncio.wait({stop, failure}, return_when=asyncio.FIRST_COMPLETED)
            if failure.done() and (error := failure.result()) is not None:
                raise error
            await stop
        finally:
            await scope.close()
    return interrupted.is_set()


async def _failure(ready: Awaitable[None]) -> IntercomError | None:
    """Wait until the peer is in its channels; why it never will be."""
    try:
        await ready
    except IntercomError as error:
        return error
    return None


async def _print_events(engine: EngineAPI, announcer: Announcer) -> None:
    quiet = engine.config.sidechannel.quiet or engine.config.bridge.enabled
    kinds = (StatusChanged, MessageReceived, ChannelJoined, InviteAccepted, OpenRequested, PlaneFailed, Gap)
    events = engine.events(*kinds)
    try:
        async for event in events:
            for line in announcer.lines(event.status) if isinstance(event, StatusChanged) else _lines(event, quiet):
                click.echo(safe_text(line, breaks="symbol"))
    except OSError as error:
        _logger.warning("standard output is gone (%s); the peer goes on without it", error.strerror)
    finally:
        events.close()


def _lines(event: Event, quiet: bool) -> list[str]:
    match event:
        case MessageReceived(message) if not quiet:
            text = message.message if isinstance(message.message, str) else stringify(message.message)
            return [f"[sidechannel:{message.channel}] {message.sender or 'unknown'}: {text}"]
        case OpenRequested(channel=channel, requester=requester, via=via):
            hint = "--sidechannel-auto-join 1 joins by itself"
            return [f"[sidechannel:{via}] {requester} asks to open {channel} ({hint})"]
        case PlaneFailed(error=error, hint=hint):
            return [f"{error} {hint}".rstrip()]
        case Gap(count=count):
            return [f"({count} events not shown)"]
        case _:
            return []
