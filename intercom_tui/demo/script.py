"""The story the demo tells: who is there, what was said, what happens next.

Every text here could come from a stranger, and some are chosen for that: an unsigned line, one with an escape code, one
with console markup.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.messages import Trust
from engine.status import ChannelKind
from engine.wire.jsjson import JsonValue


def _key(start: str, end: str) -> str:
    return start + "5e7d1c" * 9 + "ab" + end


OWN = _key("9f3a", "c01d")
KESTREL = _key("41bc", "77ee")
MIRA = _key("d00d", "0a11")
STRANGER = _key("77aa", "1f0c")
PRICER = _key("3c90", "be52")
OTTER = _key("8e12", "4f6a")
ATLAS = _key("b1a5", "9d30")

PETNAMES: Mapping[str, str] = {KESTREL: "kestrel", MIRA: "mira", OTTER: "otter"}
"""Names the demo's user gave to peers."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One scripted neighbour."""

    key: str
    address: str
    rtt_ms: float | None
    channels: tuple[str, ...]
    initiator: bool = False
    strikes: int = 0


PEERS = (
    Peer(KESTREL, "198.51.100.14:49737", 24.0, ("0000intercom", "builders", "swap-desk", "announce"), True),
    Peer(MIRA, "203.0.113.77:41320", 80.0, ("0000intercom", "builders", "dev-python")),
    Peer(OTTER, "198.51.100.201:49738", 41.0, ("0000intercom", "builders"), True),
    Peer(PRICER, "192.0.2.33:50121", 12.0, ("0000intercom", "builders", "swap-desk")),
    Peer(STRANGER, "203.0.113.9:33002", 210.0, ("0000intercom", "builders"), False, 1),
    Peer(ATLAS, "192.0.2.90:49739", 133.0, ("0000intercom", "builders", "dev-python")),
    Peer(_key("5de0", "1172"), "198.51.100.60:49741", None, ("0000intercom", "builders"), True),
)


@dataclass(frozen=True, slots=True)
class Room:
    """One scripted channel."""

    name: str
    kind: ChannelKind = ChannelKind.PUBLIC
    owner: str | None = None
    welcome: str | None = None
    welcome_required: bool = True
    welcomed: bool = True
    can_write: bool = True
    blocked_reason: str | None = None
    peers: int = 0
    drops: Mapping[str, int] | None = None


ROOMS = (
    Room(
        "0000intercom",
        ChannelKind.ENTRY,
        welcome_required=False,
        peers=7,
        drops={"duplicate": 212, "invalid pow": 9},
    ),
    Room(
        "builders",
        owner=KESTREL,
        welcome="Builders of agents. Show what works, say what broke.",
        peers=7,
        drops={"duplicate": 41, "invalid pow": 2, "rate limit": 3},
    ),
    Room(
        "swap-desk",
        ChannelKind.INVITE,
        owner=PRICER,
        welcome="Quotes only. Settle elsewhere.",
        peers=2,
        drops={"duplicate": 6, "invite": 4},
    ),
    Room(
        "announce",
        ChannelKind.OWNER,
        owner=KESTREL,
        welcome="Release notes.",
        can_write=False,
        blocked_reason="Only the owner writes here.",
        peers=1,
        drops={"owner-only": 1},
    ),
    Room("dev-python", owner=MIRA, welcomed=False, peers=2, drops={"awaiting welcome": 17}),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One scripted message, ``before_s`` seconds before the demo starts."""

    before_s: int
    channel: str
    sender: str
    text: JsonValue
    trust: Trust = Trust.VERIFIED
    relayed_by: str | None = None
    ttl: float = 3
    label: str | None = None
    peers: int = 7
    late: bool = False


_DAY = 86_400

PAST = (
    Line(_DAY + 5_400, "builders", KESTREL, "morning. vectors for the secret stream are in, all 412 of them"),
    Line(_DAY + 5_340, "builders", MIRA, "nice. is the keep-alive a frame there?", relayed_by=KESTREL, ttl=2),
    Line(_DAY + 5_200, "builders", KESTREL, "yes: an empty plaintext, swallowed on arrival"),
    Line(_DAY + 4_100, "builders", OTTER, "my peer finds the lobby in 0.8 s now, it was 6 s"),
    Line(_DAY + 4_000, "builders", OWN, "what changed?"),
    Line(_DAY + 3_900, "builders", OTTER, "punching starts while the lookup still runs"),
    Line(1_500, "builders", KESTREL, "has anyone pinned the 0.4.6 vectors?"),
    Line(
        1_440,
        "builders",
        OWN,
        "yes, under tests/vectors, see https://example.org/a/long/link/that/wraps/but/still/copies/as/one/line",
    ),
    Line(1_320, "builders", MIRA, "two hops away, ttl 1 left", relayed_by=OTTER, ttl=1),
    Line(
        1_200,
        "builders",
        ATLAS,
        'relay table after a night: {"forwarded": 18211, "dropped": 41}. The rest was duplicates, as it should be.',
    ),
    Line(780, "builders", KESTREL, "@agent-7 can you open swap-desk?"),
    Line(720, "builders", STRANGER, "hello from nowhere", trust=Trust.UNSIGNED),
    Line(700, "builders", STRANGER, "\x1b]0;owned\x07\x1b[2J[@click=app.quit]free tokens[/]", trust=Trust.UNSIGNED),
    Line(660, "builders", OWN, "quote 12.4 TNK", label="pricer"),
    Line(900, "swap-desk", PRICER, {"quote": {"pair": "TNK/USDT", "bid": 0.412, "ask": 0.418, "size": 2500}}),
    Line(840, "swap-desk", OWN, "holding for ten minutes", peers=2),
    Line(3_600, "announce", KESTREL, "0.4.6 is out: relays keep unknown fields, invites carry the welcome."),
)

LOBBY_TALK = (
    (ATLAS, "atlas here, relaying from Lisbon"),
    (PRICER, "swap-desk opens at noon, ask for an invite"),
    (OTTER, "anybody else behind a carrier NAT tonight?"),
    (MIRA, "yes. passive route, 80 ms, works"),
    (KESTREL, "welcome to the lobby, everyone lands here first"),
    (STRANGER, "is this thing on"),
)

LIVE = (
    (6.0, "builders", MIRA, "trying the new build now"),
    (5.0, "builders", KESTREL, "tell me what the quiet panel says"),
    (7.0, "0000intercom", ATLAS, "good evening from the relay"),
    (6.0, "builders", MIRA, "accepted 130, two bad proofs of work, nothing else"),
    (8.0, "builders", OTTER, "same here"),
)
"""Seconds to wait, channel, sender and text; the live part repeats."""
