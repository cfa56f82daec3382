from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.proto.mux.frames import (
    FLUSH_BATCH_BYTES,
    MAX_FRAME_BYTES,
    BatchWriter,
    encode_close,
    encode_open,
    encode_reject,
)
from engine.wire.compact import Reader

_NUMBERS = st.integers(1, 2**53 - 1)


def test_examples_of_the_protocol_reference() -> None:
    assert (b"\0" + encode_open(1, "sidechannel/0000intercom", None, b"")).hex() == (
        "00010118736964656368616e6e656c2f30303030696e746572636f6d00"
    )
    assert (b"\0" + encode_reject(1)).hex() == "000201"
    assert (b"\0" + encode_close(1)).hex() == "000301"
    batch = BatchWriter()
    batch.add(1, b"\0\3one")
    batch.add(1, b"\1\2")
    batch.add(2, b"\0\5three")
    batch.add(1, b"\0\4four")
    assert batch.take().hex() == "0000010500036f6e65020102000207000574687265650001060004666f7572"
    assert batch.empty


@given(_NUMBERS, st.text(max_size=50), st.none() | st.binary(min_size=1, max_size=40), st.binary(max_size=40))
def test_open_round_trip(number: int, protocol: str, id: bytes | None, handshake: bytes) -> None:
    reader = Reader(encode_open(number, protocol, id, handshake))
    assert (reader.uint(), reader.uint()) == (1, number)
    assert reader.string() == protocol
    assert reader.optional_buffer() == id
    assert reader.raw() == handshake


@given(st.lists(st.tuples(st.integers(0, 300), st.binary(min_size=1, max_size=300)), min_size=1, max_size=30))
def test_batch_round_trip(items: list[tuple[int, bytes]]) -> None:
    batch = BatchWriter()
    for number, item in items:
        batch.add(number, item)
    reader = Reader(batch.take())
    assert (reader.uint(), reader.uint()) == (0, 0)
    number, seen = reader.uint(), []
    while reader.remaining:
        item = reader.buffer()
        if item:
            seen.append((number, item))
        else:
            number = reader.uint()
    assert seen == items


def test_a_batch_is_full_at_eight_megabytes_or_when_the_next_item_does_not_fit() -> None:
    batch = BatchWriter()
    assert not batch.full(MAX_FRAME_BYTES)
    batch.add(1, bytes(FLUSH_BATCH_BYTES - 100))
    assert not batch.full(100)
    assert batch.full(MAX_FRAME_BYTES - FLUSH_BATCH_BYTES + 100)
    batch.add(1, bytes(100))
    assert batch.full(1)
