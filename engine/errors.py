"""The error tree of the engine.

Every error that can reach a user or a bridge client is an :class:`IntercomError`: ``str()`` says what happened and
why, :attr:`~IntercomError.hint` says what to do next, and :attr:`~IntercomError.code` is stable, so that programs can
match it.

    IntercomError
      NotReady
      ConfigError       UnknownKey, InvalidValue
      StoreError        StoreLocked, StoreUnwritable, StoreCorrupt
      ProtocolError     LocalProtocolError, RemoteProtocolError (DecodeError, HandshakeFailed, FrameTooLarge)
      NetworkError      BindFailed, PeerUnreachable, TimedOut (RequestTimeout), RequestCancelled
      PolicyDenied      InviteRequired, WelcomeRequired, OwnerOnly, RateLimited, MessageTooLarge, InvalidChannel,
                        InvalidInvite, ChannelLimit
      WalletError       WalletLocked, WalletCorrupt, BadMnemonic
      BridgeError       BadRequest, BridgeMisconfigured
"""

from __future__ import annotations

import errno
from typing import ClassVar


class IntercomError(Exception):
    """Something went wrong in Intercom."""

    code: ClassVar[str] = "intercom.error"
    """Stable machine-readable name, sent to bridge clients."""

    default_hint: ClassVar[str] = ""
    """What to do next when the place that raises has nothing better to say."""

    def __init__(self, facts: str = "", *, hint: str | None = None) -> None:
        summary = (type(self).__doc__ or "").strip().splitlines()[0]
        super().__init__(facts or summary)
        self.hint = self.default_hint if hint is None else hint


class NotReady(IntercomError):
    """Sidechannel not ready."""

    code = "engine.not_ready"
    default_hint = "The peer is still starting; try again in a moment."


class ConfigError(IntercomError):
    """The configuration is not usable."""

    code = "config.invalid"
    default_hint = "See the settings and where each comes from: intercom-tui config show --origin"


class UnknownKey(ConfigError):
    """The configuration has a key that does not exist."""

    code = "config.unknown_key"


class InvalidValue(ConfigError):
    """A configuration value is out of range or of the wrong kind."""

    code = "config.invalid_value"


class StoreError(IntercomError):
    """The files of this peer cannot be used."""

    code = "store.error"
    default_hint = "Check that the path exists and that you may read and write it."


class StoreLocked(StoreError):
    """Another process uses this store."""

    code = "store.locked"
    default_hint = "Stop the other process, or start this one with another --peer-store-name."


class StoreUnwritable(StoreError):
    """A file of the store cannot be written."""

    code = "store.unwritable"
    default_hint = "Free disk space or make the directory writable, or choose another one with --home."


class StoreCorrupt(StoreError):
    """A file of the store is damaged."""

    code = "store.corrupt"
    default_hint = "Move the file away to start anew, or restore it from a backup."


class ProtocolError(IntercomError):
    """The protocol was violated."""

    code = "protocol.error"


class LocalProtocolError(ProtocolError):
    """The local program used a protocol object in a way that its state does not allow."""

    code = "protocol.local"


class RemoteProtocolError(ProtocolError):
    """The remote peer violated the protocol."""

    code = "protocol.remote"


class DecodeError(RemoteProtocolError):
    """Bytes from the network do not decode."""

    code = "protocol.decode"


class HandshakeFailed(RemoteProtocolError):
    """The encrypted handshake did not authenticate."""

    code = "protocol.handshake"


class FrameTooLarge(RemoteProtocolError):
    """The remote peer announced a frame above our limit."""

    code = "protocol.frame_too_large"


class NetworkError(IntercomError):
    """The network does not do what was asked."""

    code = "network.error"
    default_hint = "The program tries again by itself; intercom-tui doctor says what is wrong."


class BindFailed(NetworkError):
    """A local port cannot be opened."""

    code = "network.bind"
    default_hint = "Another program uses the port: stop it or choose another port."

    @classmethod
    def because(cls, facts: str, error: OSError | OverflowError) -> BindFailed:
        """The failure of a system call, with the hint that fits its reason."""
        number = error.errno if isinstance(error, OSError) else None
        why = error.strerror if isinstance(error, OSError) else None
        unresolved = number is not None and number < 0  # the codes of name resolution
        hint = _BIND_HINTS[errno.EADDRNOTAVAIL] if unresolved else _BIND_HINTS.get(number or 0)
        return cls(f"{facts}: {why or error}.", hint=hint)


_BIND_HINTS = {
    errno.EADDRNOTAVAIL: "The address does not belong to this machine: choose one that does, such as 127.0.0.1.",
    errno.EACCES: "Ports below 1024 need more rights: choose a higher one.",
    errno.EMFILE: "Too many files are open: close other programs, or raise the limit with ulimit -n.",
}


class PeerUnreachable(NetworkError):
    """The peer cannot be reached."""

    code = "network.unreachable"

    def __init__(self, facts: str = "", *, reason: str = "PEER_CONNECTION_FAILED", hint: str | None = None) -> None:
        super().__init__(facts or f"The peer cannot be reached ({reason}).", hint=hint)
        self.reason = reason
        """Error name of protocol reference 02-hyperdht section 22."""


class TimedOut(NetworkError):
    """An answer did not come in time."""

    code = "network.timeout"


class RequestTimeout(TimedOut):
    """A DHT node did not answer."""

    code = "network.request_timeout"


class RequestCancelled(NetworkError):
    """A DHT request was cancelled because its owner went away."""

    code = "network.request_cancelled"


class PolicyDenied(IntercomError):
    """The rules of the channel do not allow this."""

    code = "policy.denied"
    default_hint = "Look at the rules of the channel: its owner, invites and welcome."


class InviteRequired(PolicyDenied):
    """The channel needs an invite and this peer has none that is valid."""

    code = "policy.invite_required"
    default_hint = "Ask a member to create an invite for your public key, then join with it."


class WelcomeRequired(PolicyDenied):
    """The channel needs the owner's welcome and it has not arrived or does not verify."""

    code = "policy.welcome_required"
    default_hint = "Ask the owner for the welcome, or configure the owner's key for this channel."


class OwnerOnly(PolicyDenied):
    """Only the owner may write in this channel."""

    code = "policy.owner_only"
    default_hint = "Ask the owner to write, or use another channel."


class RateLimited(PolicyDenied):
    """Too much was sent in too short a time."""

    code = "policy.rate_limited"
    default_hint = "Wait a few seconds, then send less at a time."


class MessageTooLarge(PolicyDenied):
    """The message is larger than receivers accept."""

    code = "policy.too_large"
    default_hint = "Split it: receivers with default limits always drop more than 256,000 bytes."


class InvalidChannel(PolicyDenied):
    """The channel name is empty or not usable."""

    code = "policy.invalid_channel"
    default_hint = "Choose another name."


class InvalidInvite(PolicyDenied):
    """The invite does not verify."""

    code = "policy.invalid_invite"
    default_hint = "Ask for a new invite, made for this channel and your public key."


class ChannelLimit(PolicyDenied):
    """This peer is in as many channels as it allows itself."""

    code = "policy.channel_limit"
    default_hint = "Leave a channel first."


class WalletError(IntercomError):
    """The wallet cannot be used."""

    code = "wallet.error"
    default_hint = "Check what was entered, or restore keypair.json from a backup."


class WalletLocked(WalletError):
    """The wallet file needs a password."""

    code = "wallet.locked"
    default_hint = "Give the password of keypair.json with --keypair-password-file."


class WalletCorrupt(WalletError):
    """The wallet file does not decrypt or does not hold a key pair."""

    code = "wallet.corrupt"
    default_hint = "Restore keypair.json from a backup; do not delete it while you need this identity."


class BadMnemonic(WalletError):
    """The recovery words are not a valid mnemonic."""

    code = "wallet.bad_mnemonic"
    default_hint = "Compare every word with your copy: 12 or 24 English words in their order."


class BridgeError(IntercomError):
    """The bridge refuses a request."""

    code = "bridge.error"
    default_hint = "The log of the peer says more."


class BadRequest(BridgeError):
    """The request is not understood."""

    code = "bridge.bad_request"
    default_hint = "Compare the request with SKILL.md."


class BridgeMisconfigured(BridgeError):
    """SC-Bridge requires --sc-bridge-token (auth is mandatory)."""

    code = "bridge.misconfigured"
    default_hint = "Correct the setting and start again."
