"""The dialling side of the holepunch exchange against scripted servers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from engine.errors import PeerUnreachable, RequestTimeout
from engine.net.dht.dial_punch import DialPunch
from engine.net.tasks import TaskScope
from engine.proto.dht.handshake_messages import HolepunchMessage, Mode
from engine.proto.dht.holepunch import Puncher, RandomPunchBudget
from engine.proto.dht.nat_class import NatClassifier
from engine.proto.dht.payload import Firewall, HolepunchInfo, RelayInfo
from engine.proto.dht.punch_payload import PunchPayload, SealedChannel

RELAY, OTHER_RELAY = ("10.0.0.1", 1), ("10.0.0.2", 2)
SERVER, POOL = ("20.0.0.1", 1000), ("20.0.0.1", 2000)
SECRET = b"k" * 32
TOKEN = b"t" * 32

Script = Callable[[PunchPayload], PunchPayload | bytes | None]


class Session:
    """A punching session without sockets."""

    def __init__(self, firewall: Firewall) -> None:
        self.socket = object()
        self.core = Puncher(True, NatClassifier(firewalled=firewall != Firewall.OPEN), Firewall.UNKNOWN, lambda: 1)
        self.core.nat.firewall = firewall
        self.core.nat.addresses = (("30.0.0.1", 3000),)
        self.opened: list[tuple[str, int]] = []
        self.stable_after_reopen = True
        self.can_punch = True
        self.punches = 0

    @property
    def nat(self) -> NatClassifier:
        return self.core.nat

    def add_sample(self, address: tuple[str, int], source: tuple[str, int]) -> None:
        assert source in (RELAY, OTHER_RELAY)

    def open_mapping(self, to: tuple[str, int]) -> None:
        self.opened.append(to)

    async def analyze(self, *, reopen: bool) -> bool:
        if reopen and self.stable_after_reopen:
            self.core.nat.firewall = Firewall.CONSISTENT
            return True
        return not self.core.unstable

    async def punch(self) -> bool:
        self.punches += 1
        return self.can_punch


class Exchange:
    """A dial whose server answers from a script."""

    def __init__(self, *answers: Script, firewall: Firewall = Firewall.CONSISTENT, relay: Any = RELAY) -> None:
        self.session = Session(firewall)
        self.sent: list[PunchPayload] = []
        self.asked: list[tuple[Any, Any]] = []
        self.budget = RandomPunchBudget()
        self._answers = list(answers)
        self._server = SealedChannel(SECRET, os.urandom)
        self._relay = relay
        self.scope = TaskScope("test")

    async def request(self, to: Any, command: int, *, value: bytes, **_: Any) -> Any:
        message = HolepunchMessage.decode(value)
        assert (message.mode, message.id) == (Mode.FROM_CLIENT, 7)
        payload = self._server.open(message.payload)
        assert payload is not None
        self.sent.append(payload)
        self.asked.append((to, message.peer_address))
        answer = self._answers.pop(0)(payload) if self._answers else None
        if answer is None:
            raise RequestTimeout
        sealed = answer if isinstance(answer, bytes) else self._server.seal(answer)
        reply = HolepunchMessage(Mode.REPLY, 0, sealed, POOL).encode()
        return SimpleNamespace(value=reply, source=to, to=("30.0.0.1", 3000))

    async def run(self, *, fast_open: bool = True) -> None:
        context: Any = SimpleNamespace(node=self, budget=self.budget, scope=self.scope)
        session: Any = self.session
        found: Any = SimpleNamespace(relay=self._relay, server=SERVER)
        info = HolepunchInfo(7, (RelayInfo(OTHER_RELAY, SERVER), RelayInfo(RELAY, SERVER)))
        rounds = DialPunch(context, session, found, info, bytes(32), SealedChannel(SECRET, os.urandom))
        await rounds.run(fast_open=fast_open)

    async def reason(self) -> str:
        with pytest.raises(PeerUnreachable) as failure:
            await self.run()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await self.scope.close()
        return failure.value.reason


def probe_answer(firewall: Firewall = Firewall.CONSISTENT, token: bytes | None = TOKEN) -> Script:
    return lambda payload: PunchPayload(firewall=firewall, addresses=(POOL,), token=token)


def punch_answer(punching: bool = True, echo: bool = True) -> Script:
    return lambda payload: PunchPayload(
        firewall=Firewall.CONSISTENT,
        round=payload.round,
        punching=punching,
        addresses=(POOL,),
        remote_token=payload.token if echo else b"x" * 32,
    )


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.net.dht.dial_punch.UNKNOWN_PAUSE_S", 0.0)


async def test_both_rounds() -> None:
    dial = Exchange(probe_answer(), punch_answer())
    await dial.run()
    probe, punch = dial.sent
    assert (probe.round, probe.punching, probe.remote_address, probe.token) == (0, False, SERVER, None)
    assert (punch.round, punch.punching, punch.remote_address, punch.remote_token) == (1, True, None, TOKEN)
    assert dial.asked == [(RELAY, SERVER), (RELAY, POOL)]
    assert dial.session.opened == [SERVER, POOL]
    assert dial.session.core.remote_addresses[0].verified
    assert dial.session.nat.frozen


async def test_without_fast_open_nothing_is_opened_before_the_server_agreed() -> None:
    dial = Exchange(probe_answer(), punch_answer())
    await dial.run(fast_open=False)
    assert dial.sent[0].remote_address is None
    assert dial.session.opened == [POOL]


async def test_a_server_relay_of_its_own_leaves_the_address_of_the_handshake() -> None:
    dial = Exchange(probe_answer(), punch_answer(), relay=("10.0.0.3", 3))
    await dial.run()
    assert dial.asked == [(OTHER_RELAY, SERVER), (("10.0.0.3", 3), SERVER)]


async def test_a_wrong_echo_verifies_nothing() -> None:
    dial = Exchange(probe_answer(), punch_answer(echo=False))
    await dial.run()
    assert not dial.session.core.remote_addresses[0].verified


@pytest.mark.parametrize("first", [probe_answer(Firewall.UNKNOWN), probe_answer(token=None)])
async def test_an_undecided_server_is_asked_once_more(first: Script) -> None:
    dial = Exchange(first, probe_answer(), punch_answer())
    await dial.run()
    assert [payload.round for payload in dial.sent] == [0, 1, 2]


async def test_a_new_socket_is_announced_with_another_probe() -> None:
    dial = Exchange(probe_answer(), probe_answer(), punch_answer(), firewall=Firewall.UNKNOWN)
    await dial.run()
    assert [payload.firewall for payload in dial.sent] == [Firewall.UNKNOWN, Firewall.CONSISTENT, Firewall.CONSISTENT]


async def test_a_server_that_never_decides() -> None:
    dial = Exchange(probe_answer(Firewall.UNKNOWN), probe_answer(Firewall.UNKNOWN))
    assert await dial.reason() == "HOLEPUNCH_PROBE_TIMEOUT"
    assert dial.sent[-1].error == 1


async def test_an_own_nat_that_stays_unknown() -> None:
    dial = Exchange(probe_answer(), probe_answer(), firewall=Firewall.UNKNOWN)
    dial.session.stable_after_reopen = False
    assert await dial.reason() == "HOLEPUNCH_PROBE_TIMEOUT"


async def test_two_random_nats() -> None:
    dial = Exchange(probe_answer(Firewall.RANDOM), probe_answer(Firewall.RANDOM), firewall=Firewall.RANDOM)
    dial.session.stable_after_reopen = False
    assert await dial.reason() == "HOLEPUNCH_DOUBLE_RANDOMIZED_NATS"
    assert dial.sent[-1].error == 1


async def test_the_budget_of_random_schedules() -> None:
    dial = Exchange(probe_answer(Firewall.RANDOM), punch_answer())
    dial.budget.reserve()
    assert await dial.reason() == "HOLEPUNCH_ABORTED"


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ((), "HOLEPUNCH_ABORTED"),
        ((lambda payload: b"garbage" * 10,), "HOLEPUNCH_INVALID"),
        ((lambda payload: PunchPayload(error=3),), "REMOTE_ABORTED"),
        ((probe_answer(), punch_answer(punching=False)), "REMOTE_NOT_HOLEPUNCHING"),
        ((probe_answer(), lambda payload: None), "HOLEPUNCH_ABORTED"),
    ],
)
async def test_servers_that_do_not_take_part(answers: tuple[Script, ...], reason: str) -> None:
    assert await Exchange(*answers).reason() == reason


async def test_nothing_to_punch_at() -> None:
    dial = Exchange(probe_answer(), punch_answer())
    dial.session.can_punch = False
    assert await dial.reason() == "REMOTE_NOT_HOLEPUNCHABLE"
