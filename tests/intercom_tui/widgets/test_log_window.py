from __future__ import annotations

from collections.abc import Sequence

import pytest

from engine.messages import ChannelMessage, Trust
from intercom_tui.widgets.log_items import Item, Kind
from intercom_tui.widgets.log_window import HARD_WINDOW, PAGE, WINDOW, LogWindow

DAY_MS = 86_400_000


def message(seq: int, *, sender: str = "ab" * 32, ts_ms: int = 0, trust: Trust = Trust.VERIFIED) -> ChannelMessage:
    return ChannelMessage(
        seq, "a", f"id{seq}", sender, None, f"m{seq}", ts_ms, ts_ms, 3, None, "cd", trust, False, None, 1
    )


class Store:
    def __init__(self, count: int) -> None:
        self.messages = [message(seq) for seq in range(1, count + 1)]
        self.reads = 0

    def __call__(self, channel: str, before: int | None, limit: int) -> Sequence[ChannelMessage]:
        self.reads += 1
        older = [entry for entry in self.messages if before is None or entry.seq < before]
        return older[-limit:]


def texts(window: LogWindow) -> list[str]:
    return [item.text for item in window.items]


def test_a_channel_opens_at_its_newest_page() -> None:
    window = LogWindow(Store(1000))
    window.open("a", 0)
    assert window.newest_seq == 1000
    assert sum(item.kind is Kind.MESSAGE for item in window.items) == PAGE
    assert not window.no_older
    assert window.items[0].kind is Kind.DAY


def test_the_divider_stands_before_the_first_unread_message() -> None:
    window = LogWindow(Store(10))
    window.open("a", 7)
    position = next(n for n, item in enumerate(window.items) if item.kind is Kind.NEW)
    assert window.items[position].text == "3 new"
    assert window.first_unread() is window.items[position + 1]
    assert window.items[position + 1].text == "m8"


@pytest.mark.parametrize("marker", [0, 10])
def test_without_unread_messages_there_is_no_divider(marker: int) -> None:
    window = LogWindow(Store(10))
    window.open("a", marker)
    assert window.first_unread() is None


def test_own_messages_are_never_new() -> None:
    store = Store(3)
    store.messages.append(message(4, trust=Trust.OWN))
    window = LogWindow(store)
    window.open("a", 3)
    assert window.first_unread() is None


def test_days_are_separated_and_authors_joined() -> None:
    store = Store(0)
    store.messages = [message(1), message(2), message(3, ts_ms=DAY_MS), message(4, sender="cd" * 32, ts_ms=DAY_MS)]
    store.messages.append(message(5, sender="cd" * 32, ts_ms=DAY_MS, trust=Trust.UNSIGNED))
    window = LogWindow(store)
    window.open("a", 0)
    assert [item.kind for item in window.items].count(Kind.DAY) == 2
    joined = [item.joined for item in window.items if item.kind is Kind.MESSAGE]
    assert joined == [False, True, False, False, False]


def test_messages_append_once_and_in_order() -> None:
    window = LogWindow(Store(3))
    window.open("a", 0)
    assert window.append([message(4), message(5)]) == 2
    assert window.append([message(5), message(4)]) == 0
    assert texts(window)[-3:] == ["m3", "m4", "m5"]


def test_a_message_being_sent_stays_last_until_its_copy_arrives() -> None:
    window = LogWindow(Store(1))
    window.open("a", 0)
    pending = Item(Kind.PENDING, 0, "mine")
    window.add_local(pending)
    window.append([message(2)])
    assert texts(window)[-1] == "mine"
    pending.style = "id3"
    window.append([message(3, trust=Trust.OWN)])
    assert texts(window)[-2:] == ["m2", "m3"]


def test_local_lines_stand_where_they_were_said() -> None:
    store = Store(5)
    window = LogWindow(store)
    line = Item(Kind.LOCAL, 3, "joined")
    window.open("a", 0, [line])
    assert texts(window)[1:] == ["m1", "m2", "m3", "joined", "m4", "m5"]
    assert window.discard(line)
    assert not window.discard(line)


def test_older_pages_are_put_in_front_and_numbers_stay() -> None:
    window = LogWindow(Store(PAGE * 2 + 50))
    window.open("a", 0)
    newest = window.items[-1]
    number = window.origin + len(window.items) - 1
    rows = window.older()
    assert rows == PAGE
    assert window.items[-1] is newest
    assert window.origin + len(window.items) - 1 == number
    assert window.older() == 50
    assert window.no_older
    assert window.older() == 0


def test_the_oldest_go_while_following() -> None:
    window = LogWindow(Store(1))
    window.open("a", 0)
    window.append([message(seq) for seq in range(2, WINDOW + PAGE + 50)])
    height = window.index.height
    number = window.origin + len(window.items) - 1
    gone = window.trim()
    assert gone == height - window.index.height > 0
    assert len(window.items) == WINDOW
    assert window.origin + len(window.items) - 1 == number
    assert not window.no_older
    assert window.trim() == 0


def test_far_back_the_window_lets_the_newest_go_and_says_so() -> None:
    window = LogWindow(Store(HARD_WINDOW + PAGE * 3))
    window.open("a", 0)
    while not window.detached:
        assert window.older()
    assert len(window.items) <= HARD_WINDOW
    assert window.append([message(10**6)]) == 1
    assert window.newest_seq < 10**6
    window.open("a", 0)
    assert not window.detached


def test_the_cursor_walks_over_messages_and_local_lines_only() -> None:
    window = LogWindow(Store(3))
    window.open("a", 2, [Item(Kind.LOCAL, 3, "line")])
    item = window.last_choosable()
    seen = []
    while item is not None:
        seen.append(item.text)
        item = window.neighbour(item, -1)
    assert seen == ["line", "m3", "m2", "m1"]
    assert window.neighbour(Item(Kind.LOCAL, 0, "stranger"), 1) is window.last_choosable()


def test_queued_notes_are_bounded() -> None:
    window = LogWindow(Store(0))
    for number in range(1000):
        window.note_queued(f"id{number}", 1)
    assert len(window._queued) <= 200


def test_another_width_breaks_the_texts_again() -> None:
    store = Store(0)
    store.messages = [ChannelMessage(1, "a", "i", "k", None, "word " * 20, 0, 0, 3, None, "s", Trust.VERIFIED)]
    window = LogWindow(store)
    window.open("a", 0)
    wide = window.index.height
    window.rewrap(10)
    assert window.index.height > wide
    window.rewrap(40)
    assert window.index.height == wide
