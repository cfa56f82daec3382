"""Random JSON texts, valid and damaged, read and written by JavaScript and by us."""

from __future__ import annotations

import random
import struct
from typing import Any

import pytest

from engine.errors import DecodeError
from engine.wire.jsjson import parse, stable_stringify, stringify

pytestmark = pytest.mark.interop

TEXTS_PER_SEED = 2000
NUMBERS = ["0", "-0", "1e21", "1e-7", "9007199254740993", "-9007199254740993", "1e400", "5e-324", "1e16", "1.0", "1E5"]
KEYS = [
    "0",
    "10",
    "9",
    "01",
    "-1",
    "4294967294",
    "4294967295",
    "1.5",
    "a",
    "__proto__",
    "",
    "\u0663",
    "\uffff",
    "\U0001f600",
]
PARTS = [
    "a",
    "Z",
    "\u00e9",
    "\u2028",
    "\x7f",
    "\ufeff",
    "\U0001f600",
    "\\ud83d\\ude00",
    "\\n",
    '\\"',
    "\\\\",
    "\\/",
    "7",
]
DAMAGE = '[]{}",:\\u0e+-.19tfn\n\x00\x1f \u00a0\ufeff'


class Texts:
    """A generator of JSON text that visits the corners where writers differ."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def number(self) -> str:
        choice = self._random.randrange(4)
        if choice == 0:
            return self._random.choice(NUMBERS)
        if choice == 1:
            return str(self._random.randint(-(10**25), 10**25) // 10 ** self._random.randrange(25))
        if choice == 2:
            return f"{self._random.randrange(10)}.{self._random.randrange(10**9)}e{self._random.randint(-330, 330)}"
        text = repr(struct.unpack(">d", self._random.randbytes(8))[0])
        return "1" if "n" in text else text

    def string(self) -> str:
        parts = [
            self._random.choice(PARTS) if self._random.random() < 0.7 else f"\\u{self._random.randrange(65536):04x}"
            for _ in range(self._random.randrange(6))
        ]
        return f'"{"".join(parts)}"'

    def key(self) -> str:
        return f'"{self._random.choice(KEYS)}"' if self._random.random() < 0.6 else self.string()

    def value(self, depth: int = 0) -> str:
        choice = self._random.random()
        if depth > 4 or choice < 0.35:
            return self._random.choice([self.number(), self.string(), "null", "true", "false"])
        separator = self._random.choice([",", " ,", ",\n\t"])
        if choice < 0.65:
            return f"[{separator.join(self.value(depth + 1) for _ in range(self._random.randrange(5)))}]"
        members = (f"{self.key()}:{self.value(depth + 1)}" for _ in range(self._random.randrange(6)))
        return f"{{{separator.join(members)}}}"

    def damaged(self) -> bytes:
        data = bytearray(self.value().encode("utf-8", "surrogatepass"))
        for _ in range(self._random.randint(1, 2)):
            position = self._random.randrange(len(data) + 1)
            if self._random.random() < 0.3:
                data[position:position] = self._random.randbytes(1)
            else:
                data[position : position + 1] = self._random.choice(DAMAGE).encode()
        return bytes(data)


def read(text: bytes) -> dict[str, str] | None:
    try:
        value = parse(text)
    except DecodeError:
        return None
    return {"stringify": stringify(value), "stable": stable_stringify(value)}


@pytest.mark.parametrize("seed", range(3))
async def test_same_values_and_refusals(pinned_stack: Any, seed: int) -> None:
    source = Texts(seed)
    texts = [source.value().encode() for _ in range(TEXTS_PER_SEED)]
    texts += [source.damaged() for _ in range(TEXTS_PER_SEED)]
    peer = await pinned_stack.spawn("json.js")
    peer.write_json({"texts": [text.hex() for text in texts]})
    answer = await peer.read_until("json")
    expected = [read(text) for text in texts]
    for text, ours, theirs in zip(texts, expected, answer["results"], strict=True):
        assert ours == theirs, text
    assert None in expected
