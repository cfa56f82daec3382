"""What a stream tells its owner.

Protocol reference: 01-udx section 13.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class CloseReason(Enum):
    """Why a stream is closed."""

    CLEAN = "clean"
    """Both directions ended, or this side destroyed it."""
    RESET = "reset"
    """The peer destroyed it."""
    TIMED_OUT = "timed out"
    """The peer did not acknowledge a packet that was sent seven times."""
    OVERFLOW = "overflow"
    """More was written than may wait."""


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """An unordered, unreliable message arrived."""

    data: bytes


@dataclass(frozen=True, slots=True)
class RemoteEnded:
    """The peer will not send more; everything it sent is readable."""


@dataclass(frozen=True, slots=True)
class Drained:
    """After a write reported "full", there is room again."""


@dataclass(frozen=True, slots=True)
class RemoteChanged:
    """Everything sent before the change of the remote was acknowledged."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The stream is over."""

    reason: CloseReason


Event = MessageReceived | RemoteEnded | Drained | RemoteChanged | Closed
