"""25 scripts of calls and payloads that the reference's own class was driven with: same outcome of every step.

The service runs with the reference's behaviour where ours is stricter; the neighbours are bare multiplexers that
record what they get.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from engine.config.sections import SidechannelConfig
from engine.crypto.keys import KeyPair
from engine.errors import MessageTooLarge, PolicyDenied
from engine.events import Event, MessageDropped, MessageReceived
from engine.net.tasks import TaskScope
from engine.proto.mux.channel import Channel
from engine.services.sidechannel.links import Frame
from engine.services.sidechannel.names import protocol_name
from engine.services.sidechannel.options import REFERENCE
from engine.services.sidechannel.service import SidechannelService
from engine.store.messages import MEMORY, MessageStore
from engine.wire.compact import Reader
from tests.harness.fakeswarm import FakeSwarm, ManualClock, connect, settle
from tests.harness.sidechannel_vectors import key_pairs, load

RECEIVE = load("receive")
KEYS = key_pairs(RECEIVE)
LABELS = {pair.public_key.hex(): label for label, pair in KEYS.items()}
ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


def config_of(options: dict[str, Any], channels: list[str]) -> SidechannelConfig:
    """The class options of the reference as configuration."""
    return SidechannelConfig(
        channels=tuple(channels[1:]),
        pow=options.get("powEnabled", False),
        pow_difficulty=options.get("powDifficulty", 0),
        rate_bytes=options.get("rateBytesPerSecond", 64_000),
        rate_burst=options.get("rateBurstBytes", 256_000),
        max_strikes=options.get("maxStrikes", 3),
        max_bytes=options.get("maxMessageBytes", 1_000_000),
        invite_required=options.get("inviteRequired", False),
        invite_channels=tuple(options.get("inviteRequiredChannels", ())),
        inviter_keys=tuple(options.get("inviterKeys", ())),
        owner=options.get("ownerKeys", {}),
        owner_write_only=options.get("ownerWriteOnly", False),
        owner_write_channels=tuple(options.get("ownerWriteChannels", ())),
        welcome={name: json.dumps(welcome) for name, welcome in options.get("welcomeByChannel", {}).items()},
        welcome_required=options.get("welcomeRequired", True),
        allow_remote_open=options.get("allowRemoteOpen", True),
        auto_join=options.get("autoJoinOnOpen", False),
        relay=options.get("relayEnabled", True),
    )


class Neighbour:
    """A peer that answers every channel and records what it gets."""

    def __init__(self, pair: KeyPair, names: set[str]) -> None:
        self.pair = pair
        self.received: list[tuple[str, Any]] = []
        self.channels: dict[str, Channel] = {}
        self._names = names

    def connect(self, swarm: FakeSwarm) -> None:
        """Appear on the swarm."""
        ours, theirs = connect(self.pair, swarm.key_pair)
        self._mux = ours.mux
        for name in self._names:
            self._mux.pair(protocol_name(name), None, lambda id, name=name: self._open(name))
        swarm.add(theirs)

    def _open(self, name: str) -> None:
        def received(payload: bytes) -> None:
            self.received.append((name, json.loads(Reader(payload).buffer())))

        channel = self._mux.create_channel(protocol_name(name), None, messages=(received,))
        assert channel is not None
        self.channels[name] = channel
        channel.open()

    def send(self, name: str, payload: Any) -> None:
        """Send one payload."""
        self.channels[name].send(0, Frame.of(json.dumps(payload, separators=(",", ":")).encode(), own=True).data)


class Script:
    """One scenario on its way."""

    def __init__(self, scenario: dict[str, Any]) -> None:
        self.scenario = scenario
        self.clock = ManualClock(RECEIVE["now"])
        self.events: list[Event] = []
        self.random: list[str] = []
        swarm = FakeSwarm(KEYS[scenario["self"]])
        self.swarm = swarm
        self.scope = TaskScope("test")
        self.service = SidechannelService(
            config_of(scenario["config"], scenario["channels"]),
            swarm.key_pair,
            None,
            swarm,  # type: ignore[arg-type]
            MessageStore(MEMORY),
            self.scope,
            self.events.append,
            clock=self.clock,
            random_bytes=self._random_bytes,
            ready=self._ready,
            hardening=REFERENCE,
        )
        names = set(scenario["channels"]) | {step["recv"]["channel"] for step in scenario["steps"] if "recv" in step}
        names |= {sent["channel"] for step in scenario["steps"] for sent in step["outcome"]["sent"]}
        self.neighbours = {label: Neighbour(KEYS[label], names) for label in scenario["connections"]}

    async def _ready(self) -> None:
        await asyncio.sleep(0)

    def _random_bytes(self, count: int) -> bytes:
        text = self.random.pop(0) if self.random else "zzzzzzzz"
        return bytes(ALPHABET.index(char) for char in text[:count])

    async def run(self) -> None:
        """Every step, then the state at the end."""
        await self.service.start()
        for step in self.scenario["steps"]:
            outcome = step["outcome"]
            ids = dict.fromkeys(sent["payload"]["id"] for sent in outcome["sent"])
            self.random = [id.rsplit(":", 1)[1] for id in ids]
            self.events.clear()
            blocked = self._blocked()
            if "recv" in step:
                self._receive(step["recv"])
            else:
                self.clock.now_ms += step.get("dt") or 0
                result = await self._call(step["do"], step.get("args") or [])
                assert result is step.get("result") or step["do"] in ("open", "acceptInvite"), step
            await settle()
            self._check(step, outcome, self._blocked() - blocked)
        self._check_state()
        await self.service.stop()

    def _blocked(self) -> int:
        return sum(status.drops.get("blocked", 0) for status in self.service.channel_statuses())

    def _receive(self, recv: dict[str, Any]) -> None:
        self.clock.now_ms += recv["dt"]
        self.neighbours[recv["from"]].send(recv["channel"], recv["payload"])

    async def _call(self, do: str, args: list[Any]) -> bool | None:
        try:
            match do:
                case "open":
                    for neighbour in self.neighbours.values():
                        neighbour.connect(self.swarm)
                    return None
                case "broadcast":
                    options = args[2] if len(args) > 2 else {}
                    await self.service.send(args[0], args[1], invite=options.get("invite"))
                case "requestOpen":
                    await self.service.request_open(args[0], via=args[1] if len(args) > 1 else None)
                case "addChannel":
                    await self.service.join(args[0])
                case "removeChannel":
                    return await self.service.leave(args[0])
                case "acceptInvite":
                    self.service.accept_invite(args[0], args[1], args[2] if len(args) > 2 else None)
                case _:
                    raise AssertionError(do)
        except PolicyDenied as error:
            self.error = error
            return False
        return True

    def _check(self, step: dict[str, Any], outcome: dict[str, Any], blocked: int) -> None:
        dropped = [event.reason for event in self.events if isinstance(event, MessageDropped)]
        delivered = [event.message.channel for event in self.events if isinstance(event, MessageReceived)]
        assert dropped == ([outcome["dropped"]] if outcome["dropped"] else []), step
        assert delivered == outcome["delivered"], step
        if "recv" in step:
            assert blocked == (not outcome["recv"]), step
        if any("too large" in note for note in outcome["notes"]):
            assert isinstance(self.error, MessageTooLarge)
        for label, neighbour in self.neighbours.items():
            expected = [(sent["channel"], sent["payload"]) for sent in outcome["sent"] if sent["to"] == label]
            received, neighbour.received = neighbour.received, []
            # the reference hashes its open requests with keys it does not send
            exact = len({payload["id"] for _, payload in expected}) == 1 and step.get("do") != "requestOpen"
            if "recv" in step or exact:
                assert received == expected, step
            else:
                assert sorted(map(essence, received)) == sorted(map(essence, expected)), step

    def _check_state(self) -> None:
        expected, service = self.scenario["stateAfter"], self.service
        access, now = service._access, self.clock.now_ms
        names = {*service._book.names, *expected["welcomed"], *access._invited, *access._local}
        assert service._book.names == expected["channels"]
        assert {name for name in names if access.welcome(name)} <= set(expected["welcomed"])
        assert {name for name in names if access.welcomed(name)} == set(expected["welcomed"])
        for name in names:  # expired entries are of no effect, whenever they are taken out
            invited = {key: expires for key, expires in access.invitees(name).items() if expires > now}
            assert invited == {
                key: expires for key, expires in expected["invited"].get(name, {}).items() if expires > now
            }
            local = access.local_invite(name, now)
            assert (local.expires_ms if local else 0) == (expected["locallyInvited"].get(name, 0) if local else 0)
            assert (local is not None) is (expected["locallyInvited"].get(name, 0) > now)
        assert service._policy.remembered == expected["seen"]


def essence(item: tuple[str, Any]) -> str:
    """A message without what depends on the order of sending."""
    channel, payload = item
    fixed = {key: value for key, value in payload.items() if key not in ("id", "pow", "sig")}
    return json.dumps([channel, fixed], sort_keys=True)


@pytest.mark.parametrize("scenario", RECEIVE["scenarios"], ids=lambda scenario: scenario["note"])
async def test_scenario(scenario: dict[str, Any]) -> None:
    await Script(scenario).run()
