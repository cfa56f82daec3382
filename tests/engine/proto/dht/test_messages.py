"""Request and reply packets against packets recorded from the reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import DecodeError
from engine.proto.dht.messages import (
    MAX_CLOSER_NODES,
    ReplyPacket,
    RequestPacket,
    decode_message,
    encode_reply,
    encode_request,
)
from engine.proto.dht.peer_id import peer_id
from engine.wire.compact import Address

VECTORS = Path(__file__).parents[3] / "vectors" / "dht"
RPC: dict[str, Any] = json.loads((VECTORS / "rpc-messages.json").read_text())
TRACES: dict[str, Any] = json.loads((VECTORS / "traces.json").read_text())
PACKETS = [
    pytest.param(packet, id=f"{trace['name']}-{packet['n']}")
    for trace in TRACES["traces"]
    for packet in trace["packets"]
    if packet["decoded"]["kind"] in ("request", "reply")
]


def address(text: str) -> Address:
    host, port = text.split(":")
    return host, int(port)


def raw(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


def check_request(packet: RequestPacket | ReplyPacket, fields: dict[str, Any]) -> None:
    assert isinstance(packet, RequestPacket)
    assert packet.tid == fields["tid"]
    assert packet.to == address(fields["to"])
    assert packet.internal is fields["internal"]
    assert packet.target == raw(fields.get("target"))
    assert packet.token == raw(fields.get("token"))
    assert packet.value == raw(fields.get("value"))


@pytest.mark.parametrize("case", RPC["requests"], ids=lambda case: str(case["name"]))
def test_requests_of_the_reference(case: dict[str, Any]) -> None:
    fields = case["fields"]
    data = bytes.fromhex(case["hex"])
    packet = decode_message(data)
    check_request(packet, fields)
    assert isinstance(packet, RequestPacket)
    assert packet.id == raw(fields["id"])
    assert packet.command == fields["command"]
    assert encode(packet) == data


@pytest.mark.parametrize("case", RPC["replies"], ids=lambda case: str(case["name"]))
def test_replies_of_the_reference(case: dict[str, Any]) -> None:
    request = decode_message(bytes.fromhex(case["request"]))
    assert isinstance(request, RequestPacket)
    decoded = case["decoded_request"]
    if decoded is not None:
        check_request(request, decoded)
        source = address(case["from"])
        believed = request.id if request.id == peer_id(source) else None
        assert believed == raw(decoded["from_id"])
    for sent in case["sent"]:
        data = bytes.fromhex(sent["hex"])
        reply = decode_message(data)
        assert isinstance(reply, ReplyPacket)
        assert reply.tid == request.tid
        assert reply.to == address(sent["to"])
        assert (reply.id is not None) is (sent["socket"] == "server")
        assert encode(reply) == data


def test_a_forwarded_request_keeps_tid_command_and_target() -> None:
    case = RPC["relayed"]
    request = decode_message(bytes.fromhex(case["request"]))
    assert isinstance(request, RequestPacket)
    (sent,) = case["sent"]
    expected = decode_message(bytes.fromhex(sent["hex"]))
    assert isinstance(expected, RequestPacket)
    data = encode_request(
        request.tid,
        address(sent["to"]),
        request.command,
        id=bytes.fromhex(RPC["table_id"]),
        target=request.target,
        value=expected.value,
    )
    assert data.hex() == sent["hex"]


@pytest.mark.parametrize("case", RPC["ignored"], ids=lambda case: str(case["hex"]) or "empty")
def test_garbage_is_a_decode_error(case: dict[str, Any]) -> None:
    assert case["accepted"] is False
    with pytest.raises(DecodeError):
        decode_message(bytes.fromhex(case["hex"]))


@pytest.mark.parametrize("packet", PACKETS)
def test_recorded_packets_decode_and_encode_to_the_same_bytes(packet: dict[str, Any]) -> None:
    data = bytes.fromhex(packet["hex"])
    fields = packet["decoded"]
    message = decode_message(data)
    assert isinstance(message, RequestPacket if fields["kind"] == "request" else ReplyPacket)
    assert message.tid == fields["tid"]
    assert message.to == address(fields["to"])
    assert message.id == raw(fields.get("id"))
    assert message.token == raw(fields.get("token"))
    assert message.value == raw(fields.get("value"))
    if isinstance(message, ReplyPacket):
        assert message.closer_nodes == [address(node) for node in fields.get("closer_nodes", [])]
    else:
        assert message.target == raw(fields.get("target"))
    assert encode(message) == data


def encode(message: RequestPacket | ReplyPacket) -> bytes:
    if isinstance(message, RequestPacket):
        return encode_request(
            message.tid,
            message.to,
            message.command,
            id=message.id,
            token=message.token,
            internal=message.internal,
            target=message.target,
            value=message.value,
        )
    return encode_reply(
        message.tid,
        message.to,
        id=message.id,
        token=message.token,
        closer_nodes=message.closer_nodes,
        error=message.error,
        value=message.value,
    )


hosts = st.tuples(*[st.integers(0, 255)] * 4).map(lambda octets: ".".join(map(str, octets)))
addresses = st.tuples(hosts, st.integers(0, 65535))
fixed32 = st.none() | st.binary(min_size=32, max_size=32)
values = st.none() | st.binary(min_size=1, max_size=400)
requests = st.builds(
    RequestPacket,
    tid=st.integers(0, 65535),
    to=addresses,
    id=fixed32,
    token=fixed32,
    internal=st.booleans(),
    command=st.integers(0, 2**40),
    target=fixed32,
    value=values,
)
replies = st.builds(
    ReplyPacket,
    tid=st.integers(0, 65535),
    to=addresses,
    id=fixed32,
    token=fixed32,
    closer_nodes=st.lists(addresses, max_size=MAX_CLOSER_NODES),
    error=st.integers(0, 2**20),
    value=values,
)


@given(requests | replies)
def test_round_trip(message: RequestPacket | ReplyPacket) -> None:
    assert decode_message(encode(message)) == message


@given(requests | replies, st.binary(max_size=20))
def test_trailing_bytes_are_ignored(message: RequestPacket | ReplyPacket, trailing: bytes) -> None:
    assert decode_message(encode(message) + trailing) == message


@given(st.binary(max_size=120), st.sampled_from([b"", b"\x03", b"\x13"]))
def test_random_bytes_give_a_message_or_a_decode_error(data: bytes, kind: bytes) -> None:
    decode_or_refuse(kind + data)


@given(requests | replies, st.data())
def test_damaged_packets_give_a_message_or_a_decode_error(
    message: RequestPacket | ReplyPacket, data: st.DataObject
) -> None:
    packet = bytearray(encode(message))
    for _ in range(data.draw(st.integers(1, 4))):
        packet[data.draw(st.integers(0, len(packet) - 1))] = data.draw(st.integers(0, 255))
    decode_or_refuse(bytes(packet[: data.draw(st.integers(0, len(packet)))]))


def decode_or_refuse(data: bytes) -> None:
    try:
        message = decode_message(data)
    except DecodeError:
        return
    assert isinstance(message, RequestPacket | ReplyPacket)


def test_only_twenty_closer_nodes_are_read() -> None:
    nodes = [("10.0.0.1", port) for port in range(1, 40)]
    reply = decode_message(encode_reply(1, ("1.2.3.4", 5), closer_nodes=nodes, value=b"after"))
    assert isinstance(reply, ReplyPacket)
    assert reply.closer_nodes == nodes[:MAX_CLOSER_NODES]
    assert reply.value == b"after"
