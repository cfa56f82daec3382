"""Datagrams of every kind on the sockets of a node, and the reply budget."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import RequestCancelled
from engine.net.dht.config import DhtConfig
from engine.net.dht.messages import IncomingRequest
from engine.net.dht.rpc_endpoint import RpcEndpoint
from engine.net.udx import Udx
from engine.proto.dht import rpc
from engine.proto.dht.budget import ReplyBudget
from engine.proto.dht.commands import Command, Internal
from engine.proto.dht.messages import encode_reply, encode_request
from engine.proto.dht.rpc import Failure
from tests.harness.dht_network import BOOTSTRAP, dht_network
from tests.harness.fakenet import Address
from tests.harness.virtual_loop import run_virtual

TOPIC = b"\x07" * 32
RPC: dict[str, Any] = json.loads((Path(__file__).parents[3] / "vectors" / "dht" / "rpc-messages.json").read_text())


def test_every_useless_datagram_is_counted() -> None:
    async def main() -> None:
        async with dht_network(1) as net:
            wire = await net.wire()
            for data in [
                b"",
                b"hello",
                b"\xff\x01" + bytes(30),
                b"\xff\x01",
                b"\x03\x00",
                b"\x13",
                encode_reply(1, BOOTSTRAP),
            ]:
                wire.socket.send(data, BOOTSTRAP)
            await asyncio.sleep(1)
            assert dict(net.nodes[0].drops) == {
                "unknown_datagram": 2,
                "unknown_stream": 2,
                "malformed": 1,
                "unexpected_reply": 1,
            }
            assert wire.received == []

    run_virtual(main())


def test_a_source_without_a_port_is_ignored() -> None:
    async def main() -> None:
        async with dht_network(1) as net:
            node = net.nodes[0]
            ping = encode_request(1, BOOTSTRAP, Internal.PING, internal=True)
            node._rpc.receive(node.server_socket, [(ping, ("30.0.0.1", 0))])
            assert node.drops["port_zero"] == 1

    run_virtual(main())


def test_forged_sources_get_no_more_than_the_budget() -> None:
    """One host asks from many ports, as a flood with a forged source would."""

    async def main() -> tuple[int, int, int]:
        async with dht_network(25) as net:
            node = net.nodes[0]
            node._rpc._budget._rate, node._rpc._budget._burst = 1000, 10_000
            wire = await net.wire()
            loop = asyncio.get_running_loop()
            begun = loop.time()
            sent = 0
            for _ in range(2000):
                request = encode_request(1, BOOTSTRAP, Command.LOOKUP, target=TOPIC)
                wire.socket.send(request, BOOTSTRAP)
                sent += len(request)
                if sent % 50 == 0:
                    await asyncio.sleep(0.2)
            await asyncio.sleep(1)
            limit = 10_000 + 1000 * (loop.time() - begun)
            other = await net.wire("30.0.0.2")
            assert await other.ask(BOOTSTRAP, Command.LOOKUP, target=TOPIC) is not None
            assert wire.received_bytes <= limit
            return sent, wire.received_bytes, node.drops["reply_budget"]

    sent, received, dropped = run_virtual(main())
    assert sent == 2000 * 43
    assert received > 5000
    assert dropped > 1500


def test_a_token_lifts_the_budget() -> None:
    async def main() -> None:
        async with dht_network(2) as net:
            node = net.nodes[0]
            node._rpc._budget._rate, node._rpc._budget._burst = 0, 300
            wire = await net.wire()
            first = await wire.ask(BOOTSTRAP, Command.LOOKUP, target=TOPIC)
            assert first is not None
            for _ in range(5):
                await wire.ask(BOOTSTRAP, Command.LOOKUP, target=TOPIC)
            count = len(wire.replies)
            assert count < 6
            for _ in range(5):
                await wire.ask(BOOTSTRAP, Command.LOOKUP, target=TOPIC, token=first.token)
            assert len(wire.replies) == count + 5

    run_virtual(main())


def test_the_budget_is_a_setting() -> None:
    async def main() -> None:
        async with dht_network(1) as net:
            config = DhtConfig((BOOTSTRAP,), reply_bytes_per_s=1, reply_burst_bytes=80)
            node = await net.start(net.fake.host("20.0.0.1"), config)
            wire = await net.wire()
            address = ("20.0.0.1", node.server_socket.local_address[1])
            for _ in range(10):
                await wire.ask(address, Internal.PING, internal=True)
            assert 1 <= len(wire.replies) < 10

    run_virtual(main())


@pytest.mark.parametrize(
    ("command", "fields", "limit"),
    [
        (Internal.PING, {"internal": True}, 4),
        (Internal.FIND_NODE, {"internal": True, "target": TOPIC}, 5),
        (Internal.DOWN_HINT, {"internal": True, "value": bytes(6)}, 3),
        (Command.FIND_PEER, {"target": TOPIC}, 6),
        (Command.LOOKUP, {"target": TOPIC}, 30),
        (Command.MUTABLE_GET, {"target": TOPIC, "value": b"\0"}, 6),
        (Command.IMMUTABLE_GET, {"target": TOPIC}, 6),
    ],
)
def test_amplification_per_command(command: int, fields: dict[str, object], limit: int) -> None:
    """Reply bytes per request byte with 20 known nodes and 20 records, as the reference has them."""

    async def main() -> float:
        async with dht_network(25) as net:
            node = net.nodes[0]
            assert node.storage is not None
            relays: list[Address] = [("1.2.3.4", 5)]
            for number in range(20):
                key = bytes([number]) * 32
                node.storage.records.add(TOPIC, key, key + b"\x01" + bytes(6 * len(relays)))
            wire = await net.wire()
            request = encode_request(1, BOOTSTRAP, command, **fields)  # type: ignore[arg-type]
            assert await wire.ask(BOOTSTRAP, command, **fields) is not None
            return wire.received_bytes / len(request)

    assert run_virtual(main()) <= limit


def test_too_many_unanswered_requests_fail_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "MAX_PENDING", 3)

    async def main() -> None:
        async with dht_network(1) as net:
            node = net.nodes[0]
            wire = await net.wire()
            waiting = [net.scope.spawn("ping", node.ping(wire.address, retries=0)) for _ in range(3)]
            await asyncio.sleep(0)
            with pytest.raises(RequestCancelled):
                await node.ping(wire.address)
            query = node.query(TOPIC, Command.LOOKUP, nodes=[wire.address])
            await query.finished()
            assert query.query.errors == 1
            await asyncio.gather(*waiting, return_exceptions=True)

    run_virtual(main())


class RecordingSocket:
    """Keeps what is sent."""

    local_address = ("127.0.0.1", 20002)

    def __init__(self) -> None:
        self.sent: list[tuple[str, Address]] = []

    def send(self, data: bytes, to: Address) -> None:
        """Record a datagram."""
        self.sent.append((data.hex(), to))


def reference_endpoint(on_request: Callable[[IncomingRequest], None]) -> RpcEndpoint:
    """An endpoint with the secrets and nodes of the vectors."""
    secrets = [b"\xa0" * 32, b"\xb1" * 32]
    nodes = [(node["host"], node["port"]) for node in RPC["responder_closest_nodes"]]
    return RpcEndpoint(
        Udx(),
        ReplyBudget(1e6, 1e6),
        lambda size: secrets.pop(0) if secrets else os.urandom(size),
        on_request=on_request,
        on_reply=lambda reply: None,
        on_failure=lambda node, failure: None,
        closest=lambda target: nodes,
    )


ANSWERS: dict[str, Callable[[IncomingRequest], None]] = {
    "PING": lambda request: request.reply(token=False, closer_nodes=False),
    "sender id": lambda request: request.reply(token=False, closer_nodes=False),
    "FIND_NODE": lambda request: request.reply(token=False),
    "unknown command": lambda request: request.reply(error=1, token=False),
    "user reply without value": lambda request: request.reply(),
    "user reply with value": lambda request: request.reply(b"\x00\x01\x02\x03"),
    "user reply {token:false": lambda request: request.reply(token=False, closer_nodes=False),
    "user error 16": lambda request: request.reply(error=16, token=False),
}


@pytest.mark.parametrize("case", RPC["replies"], ids=lambda case: str(case["name"]))
async def test_replies_have_the_bytes_of_the_reference(case: dict[str, Any]) -> None:
    name = case["name"]
    seen: list[IncomingRequest] = []

    def answer(request: IncomingRequest) -> None:
        seen.append(request)
        next(action for start, action in ANSWERS.items() if name.startswith(start))(request)

    endpoint = reference_endpoint(answer)
    server: Any = RecordingSocket()
    client: Any = RecordingSocket()
    endpoint.id_socket = server
    endpoint.id = bytes.fromhex(RPC["table_id"])
    (sent,) = case["sent"]
    socket = server if sent["socket"] == "server" else client
    host, port = case["from"].split(":")
    endpoint.receive(socket, [(bytes.fromhex(case["request"]), (host, int(port)))])
    to_host, to_port = sent["to"].split(":")
    assert socket.sent == [(sent["hex"], (to_host, int(to_port)))]
    expected = case["decoded_request"]
    assert [request.id and request.id.hex() for request in seen] == ([expected["from_id"]] if expected else [])
    endpoint.close()


async def test_forwarded_requests_have_the_bytes_of_the_reference() -> None:
    case = RPC["relayed"]
    (sent,) = case["sent"]
    host, port = sent["to"].split(":")
    endpoint = reference_endpoint(lambda request: endpoint.forward((host, int(port)), request, b"\x00\x01\x02", None))
    server: Any = RecordingSocket()
    endpoint.id_socket = server
    endpoint.id = bytes.fromhex(RPC["table_id"])
    endpoint.receive(server, [(bytes.fromhex(case["request"]), ("127.0.0.1", 30003))])
    assert server.sent == [(sent["hex"], (host, int(port)))]
    endpoint.close()


def test_overdue_timers_are_renewed_on_uvloop() -> None:
    """uvloop returns a handle without a time for what is already due."""
    import uvloop

    async def main() -> list[Failure]:
        endpoint = reference_endpoint(lambda request: None)
        socket: Any = RecordingSocket()
        failures: list[Failure] = []
        done = asyncio.Event()

        def failed(failure: Failure) -> None:
            failures.append(failure)
            if len(failures) == 2:
                done.set()

        for _ in range(2):
            endpoint.send(
                ("127.0.0.1", 9),
                Internal.PING,
                socket=socket,
                on_reply=lambda reply: None,
                on_failure=failed,
                internal=True,
                retries=0,
                timeout_s=-1.0,
            )
        await asyncio.wait_for(done.wait(), 5)
        endpoint.close()
        return failures

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(main()) == [Failure.TIMED_OUT] * 2
