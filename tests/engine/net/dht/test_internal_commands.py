"""Commands of the RPC layer, asked with raw packets."""

from __future__ import annotations

import asyncio

from engine.net.dht.internal_commands import MAX_DELAYED_PINGS, MAX_PING_DELAY_MS
from engine.proto.dht.commands import ErrorNumber, Internal
from engine.proto.dht.messages import encode_request
from engine.wire.compact import encode_address
from tests.harness.dht_network import BOOTSTRAP, dht_network
from tests.harness.virtual_loop import run_virtual

TARGET = b"\x07" * 32


def test_ping_and_find_node_carry_no_token() -> None:
    async def main() -> None:
        async with dht_network(5) as net:
            wire = await net.wire()
            ping = await wire.ask(BOOTSTRAP, Internal.PING, internal=True, target=TARGET, value=b"ignored")
            assert ping is not None
            assert (ping.token, ping.closer_nodes, ping.value, ping.error) == (None, [], None, 0)
            assert ping.to == wire.address
            found = await wire.ask(BOOTSTRAP, Internal.FIND_NODE, internal=True, target=TARGET)
            assert found is not None
            assert found.token is None
            assert set(found.closer_nodes) == {(f"10.0.0.{number}", 49737) for number in range(2, 6)}

    run_virtual(main())


def test_ping_nat_is_answered_to_the_other_port() -> None:
    async def main() -> None:
        async with dht_network(1) as net:
            asking, listening = await net.wire(port=3000), None
            listening = await type(asking).open(asking.socket.host, 4000)
            value = (4000).to_bytes(2, "little")
            assert await asking.ask(BOOTSTRAP, Internal.PING_NAT, internal=True, value=value) is None
            (reply,) = listening.replies
            assert (reply.tid, reply.to) == (1, ("30.0.0.1", 4000))

    run_virtual(main())


def test_delayed_ping_waits() -> None:
    async def main() -> None:
        async with dht_network(1) as net:
            wire = await net.wire()
            value = (3000).to_bytes(4, "little")
            assert await wire.ask(BOOTSTRAP, Internal.DELAYED_PING, internal=True, value=value) is None
            await asyncio.sleep(1.9)
            assert wire.replies == []
            await asyncio.sleep(0.2)
            assert len(wire.replies) == 1

    run_virtual(main())


def test_delayed_pings_are_limited_and_die_with_the_node() -> None:
    async def main() -> None:
        async with dht_network(1) as net:
            wire = await net.wire()
            for tid in range(MAX_DELAYED_PINGS + 10):
                value = MAX_PING_DELAY_MS.to_bytes(4, "little")
                request = encode_request(tid, BOOTSTRAP, Internal.DELAYED_PING, internal=True, value=value)
                wire.socket.send(request, BOOTSTRAP)
            await asyncio.sleep(1)
            assert net.nodes[0].drops["delayed_ping_limit"] == 10
            await net.nodes[0].destroy()
            await asyncio.sleep(20)
            assert wire.received == []

    run_virtual(main())


def test_malformed_and_unknown_commands() -> None:
    async def main() -> None:
        async with dht_network(2) as net:
            wire = await net.wire()
            node = net.nodes[0]
            too_long = (MAX_PING_DELAY_MS + 1).to_bytes(4, "little")
            for command, value in [
                (Internal.PING_NAT, None),
                (Internal.PING_NAT, b"\x01"),
                (Internal.PING_NAT, b"\x00\x00"),
                (Internal.DOWN_HINT, None),
                (Internal.DOWN_HINT, b"short"),
                (Internal.DELAYED_PING, None),
                (Internal.DELAYED_PING, b"\x01"),
                (Internal.DELAYED_PING, too_long),
            ]:
                assert await wire.ask(BOOTSTRAP, command, internal=True, value=value) is None
            assert node.drops["malformed_value"] == 8
            assert await wire.ask(BOOTSTRAP, Internal.FIND_NODE, internal=True) is None
            assert node.drops["no_target"] == 1
            unknown = await wire.ask(BOOTSTRAP, 99, internal=True, target=TARGET)
            assert unknown is not None
            assert unknown.error == ErrorNumber.UNKNOWN_COMMAND
            assert unknown.closer_nodes == [("10.0.0.2", 49737)]
            hint = await wire.ask(BOOTSTRAP, Internal.DOWN_HINT, internal=True, value=encode_address(("1.2.3.4", 5)))
            assert hint is not None
            assert hint.error == 0

    run_virtual(main())
