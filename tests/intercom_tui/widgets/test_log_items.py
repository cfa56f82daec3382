from __future__ import annotations

import json

import pytest

from engine.messages import ChannelMessage, Trust
from engine.wire.jsjson import JsonValue
from intercom_tui.widgets.log_items import (
    FOLD_CHARS,
    FOLD_LINES,
    PREVIEW_ROWS,
    Item,
    Kind,
    RowIndex,
    clock_text,
    day_text,
    links,
    message_item,
    message_json,
    message_text,
)


def message(
    value: JsonValue,
    *,
    seq: int = 1,
    trust: Trust = Trust.VERIFIED,
    peers: int = 0,
    label: str | None = None,
    late: bool = False,
) -> ChannelMessage:
    return ChannelMessage(
        seq,
        "a",
        "id",
        "ab" * 32,
        None,
        value,
        1_762_949_220_000,
        1_762_949_220_000,
        3,
        None,
        "cd",
        trust,
        late,
        label,
        peers,
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ({"a": [1, "x"]}, '{"a": [1, "x"]}'),
        (None, "null"),
        (3, "3"),
        ({"control": "welcome", "welcome": {"payload": {"text": "hi there"}}}, "welcome: hi there"),
        ({"control": "welcome", "welcome": 5}, '{"control": "welcome", "welcome": 5}'),
    ],
)
def test_every_json_value_can_be_read(value: JsonValue, text: str) -> None:
    assert message_text(message(value)) == text


def test_json_of_a_message_is_ascii_and_complete() -> None:
    text = message_json(message("h\u00e9 \x1b \u202e"))
    assert text.isascii()
    assert "\x1b" not in text
    assert json.loads(text)["message"] == "h\u00e9 \x1b \u202e"


@pytest.mark.parametrize("value", ["x\n" * (FOLD_LINES + 1), "y" * (FOLD_CHARS + 1)])
def test_long_messages_are_folded(value: str) -> None:
    item = message_item(message(value), ())
    item.wrap(40)
    assert item.folded
    assert item.height == PREVIEW_ROWS + 1


def test_a_message_at_the_limit_is_not_folded() -> None:
    item = message_item(message("\n".join(["x"] * FOLD_LINES)), ())
    item.wrap(40)
    assert not item.folded
    assert item.height == FOLD_LINES


@pytest.mark.parametrize(
    ("peers", "queued", "label", "note", "warn"),
    [
        (7, 0, None, "sent to 7", False),
        (0, 2, None, "waiting for 2 peers to open the channel", False),
        (0, 1, None, "waiting for 1 peer to open the channel", False),
        (0, 0, None, "not delivered: no peer was there. R sends it again", True),
        (3, 0, "pricer", "via bridge: pricer, sent to 3", False),
    ],
)
def test_the_delivery_line_says_what_is_known(
    peers: int, queued: int, label: str | None, note: str, warn: bool
) -> None:
    item = message_item(message("x", trust=Trust.OWN, peers=peers, label=label), (), queued)
    assert (item.note, item.warn) == (note, warn)


def test_a_late_message_says_so() -> None:
    assert message_item(message("x", late=True), ()).note == "late, written Wed 12 Nov 12:07"


def test_links_end_before_the_punctuation_of_the_sentence() -> None:
    text = "see https://example.org/a?b=c), and http://x.y."
    assert [text[start:end] for start, end in links(text)] == ["https://example.org/a?b=c", "http://x.y"]
    assert list(links("no link")) == []


def test_mentions_are_found_once_per_word() -> None:
    item = message_item(message("@Agent-7 and @agent-77 and @agent-7"), ("@agent-7",))
    assert item.mention
    assert [item.text[a:b] for a, b in item.mentions] == ["@Agent-7", "@agent-7"]


@pytest.mark.parametrize("moment", [10**18, -(10**18), 2**63])
def test_absurd_clocks_are_blank(moment: int) -> None:
    assert clock_text(moment) == "--:--"
    assert day_text(moment) == ""


def test_the_row_index_knows_every_row() -> None:
    index = RowIndex()
    items = [Item(Kind.LOCAL, n, "x", rows=[(0, 1)] * (n % 4)) for n in range(12)]
    index.rebuild(items[:6])
    for item in items[6:]:
        index.append(item)
    expected = [(n, row) for n, item in enumerate(items) for row in range(item.height)]
    assert [index.at(row) for row in range(index.height)] == expected
    assert index.at(index.height) is None
    assert index.at(-1) is None
    assert index.pop() is items[-1]
    assert index.place(items[4]) == 4
    assert index.place(items[-1]) is None
    assert index.top(5) == sum(item.height for item in items[:5])
