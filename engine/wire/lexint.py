"""Order-preserving integers: compared as bytes they sort like the numbers. Only storage keys contain them.

Up to 250 the number is its own byte. Up to 2^32-1 a byte tells the width (251 = 1 to 254 = 4) and the number minus 251
follows in big endian. Above, 255 is followed by the binary exponent (minus 32, itself a lexint) and the 44 leading
bits in six bytes: bits below are lost, as in the reference. The reference writes 2^32 to 2^32+250 in a form that nobody
can read; those are refused here, both ways.

Protocol reference: 03-secure-stream section 1.1.
"""

from __future__ import annotations

import math
from typing import Final

from engine.errors import DecodeError, LocalProtocolError
from engine.wire.compact import MAX_SAFE_INTEGER, Reader, Writer

_OFFSET: Final = 251
_MAX_WIDTH: Final = 4
_FLOAT_TAG: Final = 255
_MANTISSA_BITS: Final = 43
_MANTISSA_BYTES: Final = 6
_MIN_EXPONENT_BITS: Final = 32
_MAX_EXPONENT: Final = 20
"""Of 2^53, minus 32."""


def write_lexint(writer: Writer, value: int) -> None:
    """Append an unsigned integer.

    Raises:
        LocalProtocolError: negative, above 2^53-1, or one of the numbers without a readable form.
    """
    if value < 0 or value > MAX_SAFE_INTEGER or 0 <= value - 2**32 < _OFFSET:
        raise LocalProtocolError(f"{value} has no lexint form.")
    rest = value - _OFFSET
    if rest < 0:
        writer.uint8(value)
    elif value < 2**32:
        width = (value.bit_length() + 7) // 8
        writer.uint8(_OFFSET + width - 1)
        writer.raw(rest.to_bytes(width, "big"))
    else:
        exponent = math.floor(math.log(rest) / math.log(2)) - _MIN_EXPONENT_BITS  # rounds as the reference does
        shift = exponent + _MIN_EXPONENT_BITS - _MANTISSA_BITS
        writer.uint8(_FLOAT_TAG)
        writer.uint8(exponent)
        writer.raw((rest >> shift if shift >= 0 else rest << -shift).to_bytes(_MANTISSA_BYTES, "big"))


def read_lexint(reader: Reader) -> int:
    """Read an unsigned integer.

    Raises:
        DecodeError: cut short, or not the form of an integer of at most 53 bits.
    """
    before = reader.pos
    try:
        return _read(reader)
    except DecodeError:
        reader.pos = before
        raise


def _read(reader: Reader) -> int:
    tag = reader.uint8()
    if tag < _OFFSET:
        return tag
    if tag < _FLOAT_TAG:
        return int.from_bytes(reader.fixed(tag - _OFFSET + 1), "big") + _OFFSET
    exponent = reader.uint8()
    mantissa = int.from_bytes(reader.fixed(_MANTISSA_BYTES), "big")
    shift = exponent + _MIN_EXPONENT_BITS - _MANTISSA_BITS
    rest = mantissa << shift if shift >= 0 else mantissa >> -shift
    if exponent > _MAX_EXPONENT or rest + _OFFSET > MAX_SAFE_INTEGER or (shift < 0 and mantissa & ((1 << -shift) - 1)):
        raise DecodeError("Not the lexint form of an integer.")
    return rest + _OFFSET
