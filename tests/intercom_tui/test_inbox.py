from __future__ import annotations

from engine.messages import ChannelMessage, Trust
from intercom_tui.inbox import COUNT_LIMIT, Inbox
from intercom_tui.state import UiState


def message(seq: int, text: object = "hi", channel: str = "a", trust: Trust = Trust.VERIFIED) -> ChannelMessage:
    return ChannelMessage(seq, channel, str(seq), "k" * 64, None, text, 0, 0, 3, None, None, trust)  # type: ignore[arg-type]


def inbox() -> Inbox:
    return Inbox(UiState(), lambda text: "@me" in text)


def test_messages_of_others_count_and_own_ones_do_not() -> None:
    box = inbox()
    assert not box.add([message(1), message(2, trust=Trust.OWN), message(3, {"json": 1})])
    assert box.unread("a").count == 2
    assert box.total == 2


def test_mentions_are_counted_and_reported() -> None:
    box = inbox()
    assert box.add([message(1, "@me please")])
    assert box.mentions == 1


def test_reading_clears_and_old_messages_do_not_count_again() -> None:
    box = inbox()
    box.add([message(1), message(2)])
    assert box.mark_read("a", 2)
    assert not box.mark_read("a", 2)
    box.add([message(2)])
    assert box.total == 0


def test_muted_channels_never_count() -> None:
    box = inbox()
    box.add([message(1)])
    assert box.toggle_mute("a")
    box.add([message(2, "@me")])
    assert (box.total, box.mentions, box.is_muted("a")) == (0, 0, True)
    assert not box.toggle_mute("a")


def test_counts_are_rebuilt_from_the_marker() -> None:
    box = inbox()
    box.mark_read("a", 3)
    box.recount("a", [message(seq) for seq in range(1, 8)])
    assert box.unread("a").text == "4"


def test_more_than_were_looked_at_is_shown_as_more() -> None:
    box = inbox()
    box.recount("a", [message(seq) for seq in range(100, 100 + COUNT_LIMIT)])
    assert box.unread("a").text == f"{COUNT_LIMIT}+"
    box.add([message(1000 + seq) for seq in range(2000)])
    box.recount("a", [])
    assert box.unread("a").text == ""


def test_mentions_come_before_other_unread_messages() -> None:
    box = inbox()
    channels = ["a", "b", "c", "d"]
    box.add([message(1, channel="b"), message(2, "@me", channel="d")])
    assert box.next_unread(channels, "a") == "d"
    box.mark_read("d", 2)
    assert box.next_unread(channels, "c") == "b"
    box.mark_read("b", 1)
    assert box.next_unread(channels, "a") is None
    assert box.next_unread([], "zz") is None
