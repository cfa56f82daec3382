from __future__ import annotations

import pytest

from engine.errors import DecodeError
from engine.wire.hostport import NodeText, parse_node


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:49737", NodeText("127.0.0.1", "127.0.0.1", 49737)),
        ("1.2.3.4@node.example:1", NodeText("1.2.3.4", "node.example", 1)),
        ("@node.example:65535", NodeText("node.example", "node.example", 65535)),
        ("::1:5", NodeText("::1", "::1", 5)),
    ],
)
def test_entries(text: str, expected: NodeText) -> None:
    assert parse_node(text) == expected


@pytest.mark.parametrize(
    "text", ["", "host", ":1", "host:", "host:0", "host:65536", "host:+1", "host:²", "host:1x", "a b:1", "ip@:1"]
)
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(DecodeError):
        parse_node(text)
