"""bech32m: addresses as text with a checksum.

Protocol reference: 12-wallet section 4; BIP-350.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from engine.errors import DecodeError, LocalProtocolError

MAX_LENGTH: Final = 90
_CHARSET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES: Final = {character: value for value, character in enumerate(_CHARSET)}
_CHECKSUM_LENGTH: Final = 6
_CONSTANT: Final = 0x2BC830A3
_GENERATORS: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_PREFIX = re.compile(r"[a-z]{1,31}")


def _checksum(values: Iterable[int]) -> int:
    state = 1
    for value in values:
        top = state >> 25
        state = (state & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATORS):
            if top >> bit & 1:
                state ^= generator
    return state


def _expand(hrp: str) -> list[int]:
    return [ord(c) >> 5 for c in hrp] + [0] + [ord(c) & 31 for c in hrp]


def encode(hrp: str, payload: bytes) -> str:
    """The text of *payload* behind the human-readable prefix *hrp*.

    Raises:
        LocalProtocolError: the prefix is not 1 to 31 letters a-z, or the text would be longer than 90 characters.
    """
    if not _PREFIX.fullmatch(hrp):
        raise LocalProtocolError(f"{hrp!r} is not an address prefix of 1 to 31 letters.")
    padding = -len(payload) * 8 % 5
    bits = int.from_bytes(payload, "big") << padding
    count = (len(payload) * 8 + padding) // 5
    data = [bits >> 5 * (count - 1 - index) & 31 for index in range(count)]
    checksum = _checksum([*_expand(hrp), *data, *[0] * _CHECKSUM_LENGTH]) ^ _CONSTANT
    data += [checksum >> 5 * (_CHECKSUM_LENGTH - 1 - index) & 31 for index in range(_CHECKSUM_LENGTH)]
    text = f"{hrp}1{''.join(_CHARSET[value] for value in data)}"
    if len(text) > MAX_LENGTH:
        raise LocalProtocolError(f"{len(payload)} bytes do not fit into an address.")
    return text


def decode(text: str) -> tuple[str, bytes]:
    """HRP (lower case) and payload of an address, all lower or all upper case.

    Raises:
        DecodeError: too long, mixed case, no separator, foreign characters, a wrong checksum, or padding that is not
            zero.
    """
    lowered = text.lower()
    if text not in (lowered, text.upper()):
        raise DecodeError("An address is all lower or all upper case.")
    hrp, separator, body = lowered.rpartition("1")
    if len(text) > MAX_LENGTH or not separator or not hrp or len(body) < _CHECKSUM_LENGTH:
        raise DecodeError("An address has a prefix, the digit 1 and at most 90 characters.")
    if not all(33 <= ord(character) <= 126 for character in hrp) or not all(map(_VALUES.__contains__, body)):
        raise DecodeError("An address holds a character that does not belong there.")
    data = [_VALUES[character] for character in body]
    if _checksum([*_expand(hrp), *data]) != _CONSTANT:
        raise DecodeError("The checksum of the address is wrong.")
    del data[-_CHECKSUM_LENGTH:]
    size, padding = divmod(len(data) * 5, 8)
    bits = 0
    for value in data:
        bits = bits << 5 | value
    if padding >= 5 or bits & ((1 << padding) - 1):
        raise DecodeError("The padding of the address is not zero.")
    return hrp, (bits >> padding).to_bytes(size, "big")
