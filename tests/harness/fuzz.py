"""Hostile input in large numbers: changed copies of valid samples, noise, and the measure of the work they cause.

Everything comes from a seed, so a failure names the input that made it. Work is counted, not timed: function calls and
peak memory of a sample of the inputs must stay proportional to their size.
"""

from __future__ import annotations

import copy
import json
import math
import sys
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

INPUTS = 50_000
"""Inputs for each decoder."""
SEED = 20_261_101
MEASURED_EVERY = 250
"""One input of so many is measured."""
CALLS = 2_000
CALLS_PER_BYTE = 60
MEMORY_BYTES = 512 * 1024
"""Room for a cache that grows once."""
MEMORY_PER_BYTE = 64

_VECTORS = Path(__file__).parent.parent / "vectors"
_NUMBERS = (b"\x00", b"\x01", b"\xfc", b"\xfd\x00\x00", b"\xfd\xff\xff", b"\xfe\xff\xff\xff\xff", b"\xff" * 9, b"\xff")
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 2**53, 1e308, math.inf),
    *("", " ", "x" * 300, "0" * 64, "F" * 128, "\u202e\x1b[2J\x00", "\ud800", "constructor"),
    *([], {}, [None], [[[]]], {"toString": 1}, {"type": "Buffer", "data": [1, -1, 1e308, "x", None, []]}),
    *({"control": "auth"}, {"control": "welcome"}, {"control": "open_channel"}),
)
_HOSTILE_VALUES = tuple(map(json.dumps, _VALUES))
_KEYWORDS = (
    b"null",
    b"1e999",
    b"-0",
    b'"\\ud800"',
    b"[[[[",
    b"}}}}",
    b'{"a":',
    b"\\u0000",
    b"NaN",
    b'"id":',
    b",,",
    b"\xff",
)


def changed_copies(samples: Sequence[bytes], seed: int, *, words: Sequence[bytes] = _NUMBERS) -> Iterator[bytes]:
    """An endless stream of damaged samples, truncations and noise.

    Args:
        samples: valid inputs.
        seed: of everything random.
        words: pieces that are put in, such as numbers that announce too much.
    """
    random = Random(seed)
    longest = max(64, *map(len, samples))
    while True:
        kind = random.random()
        if kind < 0.15:
            yield random.randbytes(int(random.random() ** 2 * longest))
            continue
        data = bytearray(samples[int(random.random() * len(samples))])
        place = int(random.random() * (len(data) + 1))
        if kind < 0.45:
            for _ in range(1 + int(random.random() * 4)):
                if data:
                    data[int(random.random() * len(data))] = random.getrandbits(8)
        elif kind < 0.6:
            del data[place:]
        elif kind < 0.8:
            word = words[int(random.random() * len(words))]
            data[place : place + (len(word) if random.random() < 0.5 else 0)] = word
        elif kind < 0.9:
            other = samples[int(random.random() * len(samples))]
            data[place:] = other[int(random.random() * (len(other) + 1)) :]
        else:
            end = place + int(random.random() * 16)
            data[place:place] = data[place:end] * (1 + int(random.random() * 3))
        yield bytes(data)


def changed_values(samples: Sequence[Any], seed: int) -> Iterator[Any]:
    """An endless stream of JSON values: samples with members replaced, taken out, repeated or exchanged."""
    random = Random(seed)
    texts = [json.dumps(sample) for sample in samples]
    while True:
        value = json.loads(texts[int(random.random() * len(texts))])
        for _ in range(1 + int(random.random() * 2)):
            value = _change(value, random)
        yield value


def changed_texts(samples: Sequence[Any], seed: int) -> Iterator[bytes]:
    """JSON texts of :func:`changed_values`, half of them damaged as bytes, too."""
    values = changed_values(samples, seed)
    damaged = changed_copies([json.dumps(sample).encode() for sample in samples], seed + 1, words=_KEYWORDS)
    random = Random(seed)
    while True:
        yield next(damaged) if random.random() < 0.5 else json.dumps(next(values)).encode()


def _hostile(random: Random) -> Any:
    return json.loads(_HOSTILE_VALUES[int(random.random() * len(_HOSTILE_VALUES))])


def _change(value: Any, random: Random) -> Any:
    if isinstance(value, (dict, list)) and value and random.random() < 0.95:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = keys[int(random.random() * len(keys))]
        kind = random.random()
        if kind < 0.35:
            value[key] = _change(value[key], random)
        elif kind < 0.75:
            value[key] = _hostile(random)
        elif kind < 0.9:
            del value[key]
        else:
            value[key] = copy.copy(value[keys[int(random.random() * len(keys))]])
        return value
    return _hostile(random)


@dataclass
class Outcome:
    """What came of an attack."""

    tried: int = 0
    accepted: int = 0
    measured: int = 0
    most_calls: int = 0
    most_memory: int = 0
    refusals: dict[str, int] = field(default_factory=dict)


def attack(
    decode: Callable[[Any], object],
    inputs: Iterator[Any],
    *,
    count: int,
    allowed: type[Exception] | tuple[type[Exception], ...],
) -> Outcome:
    """Give a decoder *count* inputs.

    Args:
        decode: takes one input.
        inputs: where they come from.
        count: how many.
        allowed: the documented errors; any other exception fails the test and shows its input.
    """
    outcome = Outcome()
    for number in range(count):
        data = next(inputs)
        measured = number % MEASURED_EVERY == 0
        try:
            if measured:
                _measure(decode, data, outcome)
            else:
                decode(data)
            outcome.accepted += 1
        except allowed as error:
            name = type(error).__name__
            outcome.refusals[name] = outcome.refusals.get(name, 0) + 1
        except Exception as error:
            shown = data.hex() if isinstance(data, bytes) else repr(data)
            raise AssertionError(f"input {number} made {type(error).__name__}: {shown[:4000]}") from error
        outcome.tried += 1
    return outcome


def _measure(decode: Callable[[Any], object], data: Any, outcome: Outcome) -> None:
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    size = len(data) if isinstance(data, bytes) else len(repr(data))
    tracemalloc.start()
    sys.setprofile(count)
    try:
        decode(data)
    finally:
        sys.setprofile(None)
        memory = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        outcome.measured += 1
        outcome.most_calls = max(outcome.most_calls, calls)
        outcome.most_memory = max(outcome.most_memory, memory)
        assert calls <= CALLS + CALLS_PER_BYTE * size, f"{calls} calls for {size} bytes: {data!r:.2000}"
        assert memory <= MEMORY_BYTES + MEMORY_PER_BYTE * size, f"{memory} bytes of memory for {size}: {data!r:.2000}"


def load(path: str) -> Any:
    """A file of the vectors."""
    return json.loads((_VECTORS / path).read_text())


def hex_samples(value: Any, name: str = "hex") -> list[bytes]:
    """The bytes of every text under *name* anywhere in a vector file."""
    if isinstance(value, list):
        return [sample for item in value for sample in hex_samples(item, name)]
    if not isinstance(value, dict):
        return []
    own = [bytes.fromhex(value[name])] if isinstance(value.get(name), str) else []
    return own + [sample for member in value.values() for sample in hex_samples(member, name)]
