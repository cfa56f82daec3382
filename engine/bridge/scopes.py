"""What a bridge token allows."""

from __future__ import annotations

from enum import Enum


class Scope(Enum):
    """One kind of power; ``admin`` includes the others."""

    READ = "read"
    """See messages, channels and information."""
    SEND = "send"
    """Send messages, join, leave and open channels."""
    ADMIN = "admin"
    """Everything, terminal commands included."""


ALL_SCOPES = frozenset(Scope)


def expand(scopes: frozenset[Scope]) -> frozenset[Scope]:
    """The scopes with all that they include."""
    return ALL_SCOPES if Scope.ADMIN in scopes else scopes
