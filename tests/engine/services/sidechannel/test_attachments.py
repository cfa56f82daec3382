"""Invites and welcomes as text, base64 or files."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from engine.services.sidechannel.attachments import decode_attachment, encode_attachment, parse_attachment

VALUE = {"payload": {"text": "hé?>", "n": [1, None]}, "sig": "ab"}
BASE64 = encode_attachment(VALUE)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (' {"a": 1}\n', {"a": 1}),
        (BASE64, VALUE),
        (BASE64.rstrip("="), VALUE),
        (BASE64.replace("+", "-").replace("/", "_"), VALUE),
        ("MTIz", 123),
        ("bnVsbA==", None),
        ("", None),
        ("{bad", None),
        ("not base64!", None),
        ("MTIz\nMTIz", None),
        ("A", None),
        ("/////w==", None),
    ],
)
def test_decode(text: str, value: Any) -> None:
    assert decode_attachment(text) == value


def test_a_prefix_and_files_are_for_people_only(tmp_path: Path) -> None:
    path = tmp_path / "invite.json"
    path.write_text(f"b64:{BASE64}\n")
    assert parse_attachment(f"@{path}") == VALUE
    assert parse_attachment(f"b64:{BASE64}") == VALUE
    assert parse_attachment(f"@{tmp_path / 'missing'}") is None
    assert parse_attachment("@\0") is None
    assert decode_attachment(f"@{path}") is None
    assert decode_attachment(f"b64:{BASE64}") is None


def test_encoded_text_is_standard_base64() -> None:
    assert base64.b64decode(BASE64, validate=True).decode() == '{"payload":{"text":"hé?>","n":[1,null]},"sig":"ab"}'
