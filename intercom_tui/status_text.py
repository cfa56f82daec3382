"""What the status says, as a pure function of the snapshot.

Every word on a status line comes from one :class:`~engine.status.EngineStatus`: ``online`` means that DHT nodes
answered.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.status import (
    BridgeFailed,
    BridgeListening,
    BridgeOff,
    ChannelStatus,
    EngineStatus,
    P2pBootstrapping,
    P2pOffline,
    P2pOnline,
    StartupStep,
    StepState,
)
from intercom_tui.safe import safe_line


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of the status bar."""

    id: str
    text: str
    mood: str
    """good, busy, bad or quiet."""
    pane: str
    """Pane it opens."""


def plural(count: int, noun: str) -> str:
    """A count with its noun: ``1 peer``, ``7 peers``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def network_segment(status: EngineStatus, now_s: float) -> Segment:
    """The connection, and how many peers."""
    match status.p2p:
        case P2pOnline():
            if not status.peers:
                return Segment("p2p", "online, no peers yet", "busy", "activity")
            return Segment("p2p", f"online  {plural(len(status.peers), 'peer')}", "good", "activity")
        case P2pBootstrapping(since_s, nodes):
            waited = max(now_s - since_s, 0)
            found = f", {plural(nodes, 'node')}" if nodes else ""
            return Segment("p2p", f"joining the DHT {waited:.0f} s{found}", "busy", "activity")
        case P2pOffline(reason, retry_in_s):
            retry = f", retry in {retry_in_s:.0f} s" if retry_in_s is not None else ""
            return Segment("p2p", f"offline: {safe_line(reason, 60)}{retry}", "bad", "activity")


def bridge_segment(status: EngineStatus) -> Segment:
    """The bridge and its clients."""
    match status.bridge:
        case BridgeOff():
            return Segment("bridge", "bridge off", "quiet", "activity")
        case BridgeListening(_, port, clients):
            return Segment("bridge", f"bridge :{port}  {plural(len(clients), 'client')}", "good", "activity")
        case BridgeFailed(reason, _):
            return Segment("bridge", f"bridge failed: {safe_line(reason, 60)}", "bad", "activity")


def status_segments(status: EngineStatus, now_s: float) -> tuple[Segment, ...]:
    """All segments, the most important first; the last ones are dropped where there is no room."""
    segments = [network_segment(status, now_s)]
    step = current_step(status)
    if step is not None and step.state is StepState.FAILED:
        segments.append(Segment("start", step_text(step, now_s), "bad", "activity"))
    segments.append(bridge_segment(status))
    return tuple(segments)


def current_step(status: EngineStatus) -> StartupStep | None:
    """The start-up step that holds things up: a failed one, else the first that is not done."""
    unfinished = [step for step in status.startup if step.state is not StepState.DONE]
    failed = [step for step in unfinished if step.state is StepState.FAILED]
    return next(iter([*failed, *unfinished]), None)


def step_text(step: StartupStep, now_s: float) -> str:
    """One start-up step in words: ``join DHT 3 s, attempt 2: no answer``."""
    text = safe_line(step.name, 40)
    if step.state is StepState.RUNNING:
        text += f" {max(now_s - step.since_s, 0):.0f} s"
    if step.state is StepState.FAILED:
        text += " failed"
    if step.attempt > 1:
        text += f", attempt {step.attempt}"
    if step.detail:
        text += f": {safe_line(step.detail, 80)}"
    return text


def channel_facts(channel: ChannelStatus) -> tuple[str, ...]:
    """Short facts for the channel's title row, the most important first."""
    facts = [plural(channel.peers, "peer")]
    if channel.welcome_required:
        facts.append("welcome ok" if channel.welcomed else "awaiting welcome")
    facts.append(f"ttl {channel.ttl}")
    return tuple(facts)


def bytes_text(count: int) -> str:
    """A size as ``812 B``, ``40 kB``, ``1.2 MB``."""
    if count < 1000:
        return f"{count} B"
    if count < 1_000_000:
        return f"{count / 1000:.0f} kB"
    return f"{count / 1_000_000:.1f} MB"


def duration_text(seconds: float) -> str:
    """A span as ``12 s``, ``3 min``, ``2 h 05``."""
    if seconds < 60:
        return f"{max(seconds, 0):.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:02.0f}"
