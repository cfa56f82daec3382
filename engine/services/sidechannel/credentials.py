"""Invites and welcomes as the user handles them: making, accepting, passing on.

Protocol reference: 06-sidechannel sections 4, 6.4 and 10.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from engine.clock import Clock
from engine.crypto.keys import KeyPair
from engine.errors import DecodeError, InvalidInvite
from engine.events import Event, InviteAccepted, WelcomeAccepted
from engine.services.sidechannel.access import Access
from engine.services.sidechannel.attachments import encode_attachment, load_attachment
from engine.services.sidechannel.channel_links import ChannelLinks
from engine.services.sidechannel.invites import InviteCheck, create_invite, embedded_welcome
from engine.services.sidechannel.names import required_name
from engine.services.sidechannel.outgoing import Outgoing
from engine.services.sidechannel.payload import random_text
from engine.services.sidechannel.welcomes import create_welcome
from engine.wire.jsjson import MAX_EXACT_INTEGER, JsonValue
from engine.wire.jstext import js_trim


class Credentials:
    """Makes and takes invites and welcomes.

    Args:
        key_pair: signs them.
        address: own address, shown in invites.
        invite_ttl_s: life of invites by default, seconds.
        access: remembers what verified.
        links: the neighbours.
        outgoing: shows new ones to the neighbours.
        publish: takes events.
        clock: source of time.
        random_bytes: entropy.
    """

    def __init__(
        self,
        key_pair: KeyPair,
        address: str | None,
        invite_ttl_s: int,
        access: Access,
        links: ChannelLinks,
        outgoing: Outgoing,
        publish: Callable[[Event], None],
        clock: Clock,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._key_pair = key_pair
        self._address = address
        self._invite_ttl_s = invite_ttl_s
        self._access = access
        self._links = links
        self._outgoing = outgoing
        self._publish = publish
        self._clock = clock
        self._random_bytes = random_bytes
        self._shown: dict[str, JsonValue] = {}

    def create_invite(
        self, channel: str, invitee: str, *, ttl_s: int | None = None, welcome: JsonValue = None
    ) -> dict[str, JsonValue]:
        """A signed invite that carries the welcome, as far as it is known.

        Raises:
            InvalidChannel: empty name.
            InvalidInvite: the life time is not positive.
        """
        name = required_name(channel)
        life_s = self._invite_ttl_s if ttl_s is None else ttl_s
        if life_s <= 0:
            raise InvalidInvite(
                "Invite TTL is required. Pass --ttl <sec> or set --sidechannel-invite-ttl.",
                hint="A week is --ttl 604800.",
            )
        return create_invite(
            self._key_pair,
            name,
            js_trim(invitee).lower(),
            address=self._address,
            nonce=random_text(self._random_bytes),
            issued_ms=self._clock.wall_ms(),
            ttl_s=life_s,
            welcome=self.stored_welcome(name) if welcome is None else welcome,
        )

    def create_welcome(self, channel: str, text: str) -> dict[str, JsonValue]:
        """A signed welcome; the configured owner stores it and shows it to the neighbours.

        Raises:
            InvalidChannel: empty name.
        """
        name = required_name(channel)
        welcome = create_welcome(self._key_pair, name, text, self._clock.wall_ms())
        if self._access.rules.owned(name) and self.accept_welcome(name, welcome):
            for link in self._links:
                seat = link.ready_seat(name)
                if seat is not None:
                    self._outgoing.show_welcome(link, seat)
        return welcome

    def take(self, name: str, invite: JsonValue, welcome: JsonValue) -> InviteCheck | None:
        """Accept an invite for this peer and welcomes, as far as they verify.

        Returns:
            What the check of the invite said; None without one.
        """
        check: InviteCheck | None = None
        if invite is not None and name:
            check = self._access.accept_local(name, invite, self._clock.wall_ms())
            if check.valid:
                self._invite_accepted(name, check)
        for candidate in (embedded_welcome(invite), welcome):
            if candidate is not None:
                self.accept_welcome(name, candidate)
        return check

    def take_configured(self, welcomes: Mapping[str, str], invites: Mapping[str, str]) -> list[str]:
        """Accept welcomes and invites of the settings (channel to text); what could not be used, in sentences."""
        problems = []
        for channel, text in welcomes.items():
            if problem := self._welcome_problem(channel, text):
                problems.append(f"The configured welcome of {channel!r} is not used: {problem}.")
        for channel, text in invites.items():
            if problem := self._invite_problem(channel, text):
                problems.append(f"The configured invite for {channel!r} is not used: {problem}.")
        return problems

    def _welcome_problem(self, channel: str, text: str) -> str:
        try:
            welcome = load_attachment(text)
        except DecodeError as error:
            return str(error)
        if self._access.accept_welcome(channel, welcome) is not None:
            return ""
        if self._access.rules.owner(channel) is None:
            return "the channel has no owner; name it with --sidechannel-owner"
        return "the owner's signature for this channel does not verify"

    def _invite_problem(self, channel: str, text: str) -> str:
        try:
            check = self.take(channel, load_attachment(text), None)
        except DecodeError as error:
            return str(error)
        return f"it {check.problem.value}" if check is not None and check.problem is not None else ""

    def accept_welcome(self, name: str, welcome: JsonValue) -> bool:
        """Verify and remember the owner's welcome; False when it does not verify."""
        if self._access.accept_welcome(name, welcome) is None:
            return False
        self.welcome_verified(name)
        return True

    def welcome_verified(self, name: str) -> None:
        """A welcome of the channel was verified: report it if it is a new one."""
        welcome = self._access.welcome(name)
        if welcome is not None and self._shown.get(name) != welcome.welcome:
            self._shown[name] = welcome.welcome
            self._publish(WelcomeAccepted(name, welcome.text))

    def stored_welcome(self, name: str) -> JsonValue:
        """The verified welcome object of a channel, or None."""
        welcome = self._access.welcome(name)
        return welcome.welcome if welcome is not None else None

    def join_command(self, channel: str, invitee: str | None) -> str:
        """One line that joins the channel in any Intercom terminal.

        Raises:
            InvalidChannel: empty name.
            InvalidInvite: invites of this peer have no life time.
        """
        name = required_name(channel)
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        command = f'/sc_join --channel "{quoted}"'
        if invitee is not None:
            return f"{command} --invite {encode_attachment(self.create_invite(name, invitee))}"
        welcome = self.stored_welcome(name)
        return command if welcome is None else f"{command} --welcome {encode_attachment(welcome)}"

    def _invite_accepted(self, name: str, check: InviteCheck) -> None:
        self._publish(InviteAccepted(name, int(min(check.expires_ms, MAX_EXACT_INTEGER))))
        for link in self._links:
            seat = link.ready_seat(name)
            if seat is not None:
                self._outgoing.show_invite(link, seat)
