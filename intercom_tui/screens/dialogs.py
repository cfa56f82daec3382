"""All dialogs of the channels pane."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from textual.widget import Widget

from engine.messages import ChannelMessage, Trust
from engine.status import OpenRequest
from intercom_tui.pasted import JoinWish, parse_join, parse_key, parse_signed
from intercom_tui.people import NAME_LIMIT, short_key
from intercom_tui.safe import safe_line, safe_text
from intercom_tui.screens.dialog import Choice, Dialog, Field
from intercom_tui.status_text import duration_text, plural
from intercom_tui.widgets.log_items import message_text, moment_text
from intercom_tui.widgets.row_list import Row, RowList
from intercom_tui.widgets.text_wrap import wrap_rows

VIEW_CHARS = 200_000
"""Characters of a message that the viewer shows."""


class JoinDialog(Dialog[JoinWish]):
    """Join by name, join command or invite."""

    heading = "Join a channel"

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self._text = text

    def words(self) -> Sequence[str]:
        """What may be pasted."""
        return ("A name, a join command you were given, or an invite.",)

    def fields(self) -> Sequence[Field]:
        """One line."""
        return (Field("channel", "Channel, command or invite", self._text, "builders"),)

    def choices(self) -> Sequence[Choice]:
        """Join."""
        return (Choice("join", "Join", main=True),)

    def chosen(self, choice: str) -> None:
        """Check and close."""
        wish = parse_join(self.value("channel"))
        if wish is None:
            self.complain("This is neither a name nor a join command nor an invite.")
        else:
            self.dismiss(wish)


@dataclass(frozen=True, slots=True)
class OpenWish:
    """Ask others to open a channel."""

    channel: str
    via: str


class OpenDialog(Dialog[OpenWish]):
    """Ask the peers of one channel to open another."""

    heading = "Ask others to open a channel"

    def __init__(self, via: str, channel: str = "") -> None:
        super().__init__()
        self._via = via
        self._channel = channel

    def words(self) -> Sequence[str]:
        """What happens."""
        return ("Everybody who has the second channel open is asked. They decide themselves.",)

    def fields(self) -> Sequence[Field]:
        """Channel and where to ask."""
        return (
            Field("channel", "Channel to open", self._channel, "swap-desk"),
            Field("via", "Ask in", safe_line(self._via, 60)),
        )

    def choices(self) -> Sequence[Choice]:
        """Ask."""
        return (Choice("ask", "Ask", main=True),)

    def chosen(self, choice: str) -> None:
        """Check and close."""
        if not self.value("channel"):
            self.complain("Give the channel a name.")
        else:
            self.dismiss(OpenWish(self.value("channel"), self.value("via") or self._via))


@dataclass(frozen=True, slots=True)
class InviteWish:
    """Invite a peer."""

    key: str
    ttl_s: int


class InviteDialog(Dialog[InviteWish]):
    """Whom to invite, and for how long."""

    def __init__(self, channel: str, invitee: str, ttl_s: int) -> None:
        super().__init__()
        self.heading = f"Invite a peer to {safe_line(channel, 40)}"
        self._invitee = invitee
        self._hours = max(ttl_s // 3600, 1)

    def words(self) -> Sequence[str]:
        """What an invite is."""
        return ("An invite is signed with your key and counts for one peer only.",)

    def fields(self) -> Sequence[Field]:
        """Peer and life."""
        return (
            Field("key", "Name you gave the peer, or its public key", self._invitee, "64 hex digits"),
            Field("hours", "Valid for hours", str(self._hours)),
        )

    def choices(self) -> Sequence[Choice]:
        """Create."""
        return (Choice("create", "Create invite", main=True),)

    def chosen(self, choice: str) -> None:
        """Check and close."""
        text = self.value("key")
        key = parse_key(text) or self.host.people.find(text)
        hours = self.value("hours")
        if key is None:
            self.complain("This is not a name you gave, and a public key has 64 hex digits.")
        elif not hours.isdecimal() or not 0 < int(hours) <= 87_600:
            self.complain("Hours must be a whole number from 1 to 87,600.")
        else:
            self.dismiss(InviteWish(key, int(hours) * 3600))


class TextDialog(Dialog[str]):
    """One line of text."""

    def __init__(
        self, heading: str, label: str, value: str = "", *, words: Sequence[str] = (), button: str = "OK",
        empty_ok: bool = False, placeholder: str = "",
    ) -> None:  # fmt: skip
        super().__init__()
        self.heading = heading
        self._words = words
        self._field = Field("text", label, value, placeholder)
        self._button = button
        self._empty_ok = empty_ok

    def words(self) -> Sequence[str]:
        """Paragraphs."""
        return self._words

    def fields(self) -> Sequence[Field]:
        """One line."""
        return (self._field,)

    def choices(self) -> Sequence[Choice]:
        """One button."""
        return (Choice("ok", self._button, main=True),)

    def chosen(self, choice: str) -> None:
        """Check and close."""
        if self.value("text") or self._empty_ok:
            self.dismiss(self.value("text"))
        else:
            self.complain("This must not be empty.")


class SignedDialog(Dialog[dict[str, Any]]):
    """Paste an invite or a welcome."""

    def __init__(self, what: str, channel: str, text: str = "") -> None:
        super().__init__()
        self.heading = f"Paste {what} for {safe_line(channel, 40)}"
        self._what = what
        self._text = text

    def words(self) -> Sequence[str]:
        """What is accepted."""
        return ("JSON or base64, as you were given it. It is checked before it counts.",)

    def fields(self) -> Sequence[Field]:
        """One line."""
        return (Field("text", self._what.capitalize(), self._text, '{"payload": ...}  or  b64:...'),)

    def choices(self) -> Sequence[Choice]:
        """Accept."""
        return (Choice("ok", "Check and accept", main=True),)

    def chosen(self, choice: str) -> None:
        """Check and close."""
        signed = parse_signed(self.value("text"))
        if signed is None:
            self.complain("This is neither a JSON object nor base64 of one.")
        else:
            self.dismiss(signed)


class ConfirmDialog(Dialog[str]):
    """A question with a few answers; the result is the answer's id."""

    def __init__(self, heading: str, words: Sequence[str], choices: Sequence[Choice], cancel: str = "Cancel") -> None:
        super().__init__()
        self.heading = heading
        self._words = words
        self._choices = choices
        self._cancel = cancel

    def words(self) -> Sequence[str]:
        """Paragraphs."""
        return self._words

    def choices(self) -> Sequence[Choice]:
        """Answers."""
        return self._choices

    def cancel_label(self) -> str:
        """Word on the last button."""
        return self._cancel

    def chosen(self, choice: str) -> None:
        """Close with the answer."""
        self.dismiss(choice)


class TextView(RowList):
    """Wrapped text that scrolls."""

    def __init__(self, text: str, *, id: str | None = None) -> None:
        super().__init__(id=id, indent=0)
        self._text = safe_text(text, limit=VIEW_CHARS)

    def on_resize(self) -> None:
        """Wrap for the new width."""
        super().on_resize()
        ink = self.inks.text
        rows = wrap_rows(self._text, max(self.size.width - 2, 8), 5_000)
        self.set_rows([Row([(self._text[start:end], ink)]) for start, end in rows])


class TextResultDialog(Dialog[str]):
    """A text that was made, to copy or to save."""

    roomy = True

    def __init__(self, heading: str, text: str, words: Sequence[str] = (), also: Sequence[Choice] = ()) -> None:
        super().__init__()
        self.heading = heading
        self.text = text
        self._words = words
        self._also = also

    def words(self) -> Sequence[str]:
        """Paragraphs."""
        return self._words

    def extra(self) -> Iterable[Widget]:
        """The text."""
        yield TextView(self.text, id="view")

    def choices(self) -> Sequence[Choice]:
        """Copy, save."""
        return (Choice("copy", "Copy", main=True), Choice("save", "Save"), *self._also)

    def cancel_label(self) -> str:
        """Nothing is lost."""
        return "Close"

    def chosen(self, choice: str) -> None:
        """Close with the choice; the caller has the text."""
        self.dismiss(choice)


def leave_dialog(channel: str) -> ConfirmDialog:
    """Leave a channel?"""
    return ConfirmDialog(
        f"Leave {safe_line(channel, 40)}?",
        ("You stop receiving and relaying its messages. What is stored here stays.",),
        (Choice("leave", "Leave", main=True),),
        "Stay",
    )


def quit_dialog(clients: int) -> ConfirmDialog:
    """Quit?"""
    words = ["This peer goes offline. Drafts and read marks are kept."]
    if clients:
        words.append(f"{plural(clients, 'agent')} on the bridge will be cut off.")
    return ConfirmDialog("Quit Intercom?", words, (Choice("quit", "Quit", main=True),), "Stay")


def request_dialog(request: OpenRequest, who: str, now_ms: int) -> ConfirmDialog:
    """Answer an open request."""
    age = duration_text((now_ms - request.received_ms) / 1000)
    return ConfirmDialog(
        f"Open {safe_line(request.channel, 60)}?",
        (
            f"{who} asked for it in {safe_line(request.via, 60)}, {age} ago.",
            "The key is a claim of the request; the channel's own rules still apply after you join.",
        ),
        (Choice("join", "Join it", main=True), Choice("forget", "Forget")),
        "Later",
    )


def link_dialog(address: str) -> ConfirmDialog:
    """Open a link? The whole address is shown."""
    return ConfirmDialog(
        "Open this address in your browser?",
        (safe_line(address, 2_000), "A peer sent it. The site will see your network address."),
        (Choice("copy", "Copy", main=True), Choice("open", "Open")),
    )


def paste_dialog(text: str) -> ConfirmDialog:
    """What to do with a paste of several lines."""
    lines = text.split("\n")
    shown = [safe_line(line, 60) for line in lines[:8]]
    if len(lines) > 8:
        shown.append(f"… {len(lines) - 8:,} more")
    return ConfirmDialog(
        f"Paste {len(lines):,} lines, {len(text):,} characters?",
        ("\n".join(shown),),
        (Choice("one", "As one message", main=True), Choice("quote", "As a quote")),
    )


def grouped_key(key: str) -> str:
    """A key in groups of four, two rows, as it is read out."""
    groups = [key[start : start + 4] for start in range(0, len(key), 4)]
    half = (len(groups) + 1) // 2
    return f"{' '.join(groups[:half])}\n{' '.join(groups[half:])}"


def petname_dialog(key: str, name: str) -> TextDialog:
    """Name a peer."""
    return TextDialog(
        f"Name for {short_key(key)}",
        f"Name, at most {NAME_LIMIT} characters; empty forgets it",
        name,
        words=("Only you see it. Compare the key with the peer, by voice or on paper:", grouped_key(key)),
        button="Save",
        empty_ok=True,
    )


def message_dialog(message: ChannelMessage, who: str, has_link: bool = False) -> TextResultDialog:
    """Everything about a message, and what can be done with it."""
    trust = {
        Trust.VERIFIED: "signed: the signature verifies with the sender's key for this channel",
        Trust.UNSIGNED: "not signed: the sender is only a claim",
        Trust.OWN: "yours",
    }[message.trust]
    facts = [
        f"from       {who}",
        f"key        {safe_line(message.sender or 'none', 80)}",
        f"trust      {trust}",
        f"sent       {moment_text(message.ts_ms)} by the sender's clock",
        f"received   {moment_text(message.received_ms)}",
    ]
    if message.relayed_by:
        facts.append(f"relayed by {short_key(message.relayed_by)}, hops left {message.ttl}")
    if message.own:
        facts.append(f"delivery   sent to {plural(message.peers, 'peer')}")
    if message.label:
        facts.append(f"agent      {safe_line(message.label, 60)} over the bridge")
    also = [Choice("json", "JSON"), Choice("reply", "Reply")]
    if has_link:
        also.append(Choice("link", "Link"))
    if message.own and not message.peers:
        also.append(Choice("resend", "Send again"))
    if message.sender and not message.own:
        also.append(Choice("name", "Name"))
    return TextResultDialog(
        f"Message in {safe_line(message.channel, 40)}", message_text(message), ("\n".join(facts),), also
    )


def signed_text(signed: dict[str, Any]) -> str:
    """An invite or welcome as one line of JSON."""
    return json.dumps(signed, separators=(",", ":"))
