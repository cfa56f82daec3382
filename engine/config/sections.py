"""Every setting of a peer, with its default.

Names, flags and environment names of the reference are kept (protocol references 06-sidechannel section 5, 07-sc-bridge
section 1, 15-terminal-commands section 7). A flag is written ``--name value``, ``--name=value`` or ``--name`` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.config.schema import Option, opt, section_options

ENTRY_CHANNEL = "0000intercom"
"""The lobby every peer joins."""

DEFAULT_DHT_BOOTSTRAP = (
    "116.202.214.149:10001",
    "157.180.12.214:10001",
    "88.99.3.86@node1.hyperdht.org:49737",
    "142.93.90.113@node2.hyperdht.org:49737",
    "138.68.147.8@node3.hyperdht.org:49737",
)
"""Bootstrap nodes of the public network, the reference's (protocol reference 15-terminal-commands section 7)."""

LOCAL_HOST = "127.0.0.1"
LOCAL_BOOTSTRAP_PORT = 49737
"""Where ``--local`` looks for, and starts, a bootstrap network."""

MSB_BOOTSTRAP = "acbc3a4344d3a804101d40e53db1dda82b767646425af73599d4cd6577d69685"
"""Bootstrap key of the settlement network."""
MSB_CHANNEL = "0000trac0network0msb0mainnet0000"
"""Channel of the settlement network."""


def _flag_env(name: str) -> tuple[str, str]:
    return f"--{name}", name.upper().replace("-", "_")


def _sc(name: str, default: Any, help: str, **more: Any) -> Any:
    flag, env = _flag_env(f"sidechannel-{name}")
    return opt(default, help, flag=flag, env=env, **more)


def _bridge(name: str, default: Any, help: str, **more: Any) -> Any:
    flag, env = _flag_env(f"sc-bridge{name}")
    return opt(default, help, flag=flag, env=env, **more)


@dataclass(frozen=True)
class IdentityConfig:
    """Who this peer is and where its files are."""

    peer_store_name: str = opt(
        "peer",
        "Name of this peer's store; one store = one identity.",
        flag="--peer-store-name",
        env="PEER_STORE_NAME",
        step="identity",
        why="Two peers on one machine need two names.",
    )
    peer_stores_directory: str = opt(
        "",
        "Directory that holds the stores; empty = the platform's data directory.",
        flag="--peer-stores-directory",
        env="PEER_STORES_DIRECTORY",
        kind="path",
    )
    keypair_password_file: str = opt(
        "",
        "File with the password of keypair.json; empty = no password, as the reference does.",
        flag="--keypair-password-file",
        env="INTERCOM_KEYPAIR_PASSWORD_FILE",
        kind="path",
        step="identity",
        why="With it the peer starts without asking for the passphrase.",
        cost="Whoever reads that file and keypair.json is you.",
    )


@dataclass(frozen=True)
class NetworkConfig:
    """How the DHT is reached."""

    local: bool = opt(
        False,
        "Stay on this machine: use (and start, when nobody listens) a bootstrap network on 127.0.0.1.",
        flag="--local",
        env="INTERCOM_LOCAL",
        step="start",
        why="Try everything without the internet.",
        cost="Peers on other machines cannot find you.",
    )
    dht_bootstrap: tuple[str, ...] = opt(
        DEFAULT_DHT_BOOTSTRAP,
        "DHT nodes to start from: host:port or ip@host:port, separated by commas.",
        flag=("--peer-dht-bootstrap", "--dht-bootstrap"),
        env=("PEER_DHT_BOOTSTRAP", "DHT_BOOTSTRAP"),
    )
    bind_host: str = opt("", "Address to bind; empty = all (127.0.0.1 with --local).", flag="--bind-host")
    bind_port: int = opt(0, "UDP port; 0 = the first free one of 49737-49741.", flag="--bind-port", ge=0, le=65535)
    local_bootstrap_port: int = opt(
        LOCAL_BOOTSTRAP_PORT,
        "Port of the local bootstrap network that --local uses.",
        flag="--local-bootstrap-port",
        env="INTERCOM_LOCAL_BOOTSTRAP_PORT",
        ge=1,
        le=65535,
    )
    max_peers: int = opt(64, "Connections this peer keeps at most by dialling.", flag="--max-peers", ge=1, le=1024)


@dataclass(frozen=True)
class SidechannelConfig:
    """Sidechannels (protocol reference 06-sidechannel section 5.2)."""

    channels: tuple[str, ...] = opt(
        (),
        "Extra channels to join at start; 0000intercom is always joined.",
        flag=("--sidechannels", "--sidechannel"),
        env="SIDECHANNELS",
        step="messaging",
        why="Rooms you always want to be in; others can be joined at any time.",
    )
    debug: bool = _sc("debug", False, "Log every drop with its reason.")
    quiet: bool = _sc("quiet", False, "Do not print messages; relay quietly.")
    max_bytes: int = _sc(
        "max-bytes",
        1_000_000,
        "Largest message this peer sends; 1000000 means 200,000: default receivers drop more than 256,000.",
        unit="bytes",
        ge=0,
        le=16_000_000,
        step="limits",
        why="It keeps a mistake from flooding everybody.",
        cost="Another limit than 1000000 lets larger messages out; receivers with default limits drop them.",
    )
    allow_remote_open: bool = _sc(
        "allow-remote-open",
        True,
        "Let others ask this peer to open channels.",
        step="messaging",
        why="Rooms are announced in 0000intercom; whoever opens one asks others in.",
    )
    auto_join: bool = _sc(
        "auto-join",
        False,
        "Join requested channels without asking.",
        step="messaging",
        cost="Neighbours decide which channels you are in.",
    )
    auto_join_limit: int = opt(
        32, "Most channels joined on request.", flag="--sidechannel-auto-join-limit", ge=0, le=1000
    )
    relay: bool = opt(
        True,
        "Relay messages for other peers.",
        flag="--sidechannel-relay",
        env="SIDECHANNEL_RELAY",
        step="messaging",
        why="Without relays, peers behind a strict NAT may miss messages.",
        cost="You spend bandwidth for channels you are authorised on.",
    )
    relay_ttl: int = opt(
        3,
        "Hops a message may be forwarded.",
        flag="--sidechannel-relay-ttl",
        env="SIDECHANNEL_RELAY_TTL",
        ge=0,
        le=8,
        step="messaging",
        cost="More traffic per hop.",
    )
    pow: bool = _sc(
        "pow",
        True,
        "Ask for proof of work.",
        step="messaging",
        why="It makes flooding expensive; peers with default settings drop messages without it.",
    )
    pow_difficulty: int = _sc(
        "pow-difficulty",
        12,
        "Leading zero bits of the proof of work.",
        unit="bits",
        ge=0,
        le=32,
        step="messaging",
        cost="Each bit doubles the work per message.",
    )
    pow_entry: bool = _sc("pow-entry", False, "Ask for proof of work in the entry channel only.")
    pow_channels: tuple[str, ...] = _sc("pow-channels", (), "Ask for proof of work in these channels only.")
    rate_bytes: int = _sc(
        "rate-bytes",
        64_000,
        "Bytes per second a neighbour may send; 0 = no limit.",
        unit="bytes/s",
        step="limits",
        why="One noisy neighbour cannot fill your line and your screen.",
        cost="A neighbour that relays much is cut too when the limit is low.",
    )
    rate_burst: int = _sc(
        "rate-burst", 256_000, "Bytes a neighbour may send at once.", unit="bytes", ge=0, step="limits"
    )
    max_strikes: int = _sc(
        "max-strikes",
        3,
        "Strikes within 5 s that block a neighbour for 30 s.",
        ge=1,
        le=1000,
        step="limits",
        why="Each message over the limits is a strike. 5 s and 30 s are fixed, as in the reference.",
        cost="Fewer strikes also block honest neighbours with a short burst.",
    )
    invite_required: bool = _sc("invite-required", False, "Protect channels by invites.")
    invite_channels: tuple[str, ...] = _sc("invite-channels", (), "Channels that need an invite.")
    invite_prefixes: tuple[str, ...] = _sc(
        "invite-prefixes", (), "Channels whose name starts like this need an invite."
    )
    inviter_keys: tuple[str, ...] = _sc("inviter-keys", (), "Public keys whose invites count.")
    invite_ttl: int = _sc("invite-ttl", 604_800, "Life of the invites this peer creates.", unit="s", ge=0)
    invites: Mapping[str, str] = opt(
        {},
        "Invite of this peer for each channel: channel:@file or channel:base64.",
        flag="--sidechannel-invite",
        env="SIDECHANNEL_INVITE",
    )
    owner: Mapping[str, str] = _sc("owner", {}, "Owner of each channel: channel:key, separated by commas.")
    owner_write_only: bool = _sc("owner-write-only", False, "Only owners write, in every channel but the entry.")
    owner_write_channels: tuple[str, ...] = _sc("owner-write-channels", (), "Channels where only the owner writes.")
    welcome: Mapping[str, str] = _sc("welcome", {}, "Welcome of each channel: channel:@file or channel:base64.")
    welcome_required: bool = _sc(
        "welcome-required",
        True,
        "Hold messages of a channel back until its owner's welcome verifies.",
        step="messaging",
        why="A welcome proves who owns a channel; the lobby needs none.",
        cost="Channels without an owner stay silent until you switch this off or get a welcome.",
    )
    require_signed: bool = opt(
        True,
        "Drop unsigned messages outside the entry channel.",
        flag="--sidechannel-require-signed",
        env="SIDECHANNEL_REQUIRE_SIGNED",
    )


@dataclass(frozen=True)
class BridgeConfig:
    """SC-Bridge (protocol reference 07-sc-bridge section 1)."""

    enabled: bool = _bridge(
        "",
        False,
        "Let local agents drive this peer over a WebSocket.",
        step="bridge",
        why="Agents read and send through it; a token is made in bridge-tokens.json at the first start.",
        cost="A program that can read that token acts as you.",
    )
    host: str = _bridge("-host", "127.0.0.1", "Address the bridge listens on.", step="bridge")
    port: int = _bridge("-port", 49222, "Port the bridge listens on.", ge=0, le=65535, step="bridge")
    token: str = _bridge(
        "-token",
        "",
        "Token of full power; prefer the token file, a flag is visible to other users.",
        secret=True,
    )
    token_file: str = opt(
        "",
        "File with the bridge tokens; empty = bridge-tokens.json beside the store, made when missing.",
        flag="--sc-bridge-token-file",
        env="SC_BRIDGE_TOKEN_FILE",
        kind="path",
    )
    cli: bool = _bridge(
        "-cli",
        False,
        "Let agents run terminal commands.",
        step="bridge",
        why="CLI mirroring: an agent can do everything a command can.",
        cost="Full control of this peer for every agent with the token.",
    )
    cli_dangerous: bool = opt(
        False,
        "Let agents with the admin scope run /exit and /get_keys.",
        flag="--sc-bridge-cli-dangerous",
        env="SC_BRIDGE_CLI_DANGEROUS",
    )
    filter: str = _bridge("-filter", "", "Filter every new client starts with.")
    filter_channels: tuple[str, ...] = _bridge("-filter-channel", (), "Channels filters apply to; empty = all.")
    debug: bool = _bridge("-debug", False, "Log every bridge request.")
    allowed_origins: tuple[str, ...] = opt(
        (), "Web origins that may connect; programs send none.", flag="--sc-bridge-origins", env="SC_BRIDGE_ORIGINS"
    )
    unsafe_bind: bool = opt(
        False,
        "Allow an address that is not loopback.",
        flag="--sc-bridge-unsafe-bind",
        env="SC_BRIDGE_UNSAFE_BIND",
        step="bridge",
        why="Needed only when agents run on other machines.",
        cost="Everybody who reaches the port and has the token controls this peer.",
    )


@dataclass(frozen=True)
class SubnetConfig:
    """Decisions about contracts; contracts are not part of this version, which only keeps the answers."""

    mode: str = opt(
        "off",
        "off = sidechannels only, contracts = contracts and chat, value = contracts and value transfer.",
        choices=("off", "contracts", "value"),
        step="start",
        why="Sidechannels work at once; contracts need a subnet, value transfer a funded address.",
        cost="Contracts and value transfer are not in this version: the answers are kept for one that has them.",
    )
    channel: str = opt(
        "trac-peer-subnet",
        "Name of the subnet channel.",
        flag="--subnet-channel",
        env="SUBNET_CHANNEL",
        step="subnet",
        why="Peers of one subnet share its name; a random one keeps strangers out of yours.",
    )
    bootstrap: str = opt(
        "",
        "Bootstrap key of the subnet, 64 hex digits; empty = create one.",
        flag="--subnet-bootstrap",
        env="SUBNET_BOOTSTRAP",
        step="subnet",
        why="Joining needs the key of the peer that created the subnet.",
        cost="Without the key a new subnet of your own is made.",
    )
    chat: bool = opt(
        False,
        "Contract chat.",
        step="subnet",
        why="A chat that every member of the subnet keeps, with moderators.",
        cost="Each message is stored by all members for ever.",
    )
    auto_add_writers: bool = opt(
        False,
        "Everybody who joins the subnet may write to it.",
        step="subnet",
        why="Saves the admin the approval of every member.",
        cost="Strangers can fill the subnet.",
    )
    sample_timer: bool = opt(
        False,
        "The sample timer, an entry every 60 s.",
        step="subnet",
        why="A demonstration that needs nobody to write.",
        cost="The subnet grows all the time.",
    )


@dataclass(frozen=True)
class MsbConfig:
    """Settlement network names; the settlement network is not part of this version."""

    store_name: str = opt(
        "",
        "Store of the settlement node; empty = the name of the peer's store and -msb.",
        flag="--msb-store-name",
        env="MSB_STORE_NAME",
        step="bridge",
        why="The settlement node keeps a store of its own.",
        cost="A transaction costs 0.03 TNK.",
    )
    stores_directory: str = opt(
        "", "Directory of that store.", flag="--msb-stores-directory", env="MSB_STORES_DIRECTORY", kind="path"
    )
    dht_bootstrap: tuple[str, ...] = opt(
        (), "DHT nodes of the settlement network.", flag="--msb-dht-bootstrap", env="MSB_DHT_BOOTSTRAP"
    )


@dataclass(frozen=True)
class UiConfig:
    """The full-screen app."""

    theme: str = opt("nightline", "Colours: a built-in theme or a file of the themes directory.", flag="--theme")
    glyphs: str = opt("unicode", "Symbols.", flag="--glyphs", choices=("unicode", "ascii"))
    bell: bool = opt(False, "Ring on mentions, invites and requests while the terminal is not focused.")
    keymap: Mapping[str, str] = opt({}, "Keys by action id, for example join = ctrl+n.")


@dataclass(frozen=True)
class LogConfig:
    """Logs; never on the screen, never with secrets."""

    level: str = opt(
        "info", "Least serious record kept.", flag="--log-level", choices=("debug", "info", "warning", "error")
    )
    file: str = opt("", "Log file; empty = intercom.log in the state directory.", flag="--log-file", kind="path")
    json: bool = opt(False, "One JSON object per record.", flag="--log-json")


@dataclass(frozen=True)
class Config:
    """All settings of one peer."""

    identity: IdentityConfig = field(default_factory=IdentityConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    sidechannel: SidechannelConfig = field(default_factory=SidechannelConfig)
    bridge: BridgeConfig = field(default_factory=BridgeConfig)
    subnet: SubnetConfig = field(default_factory=SubnetConfig)
    msb: MsbConfig = field(default_factory=MsbConfig)
    ui: UiConfig = field(default_factory=UiConfig)
    log: LogConfig = field(default_factory=LogConfig)


SECTIONS: Mapping[str, type] = {
    "identity": IdentityConfig,
    "network": NetworkConfig,
    "sidechannel": SidechannelConfig,
    "bridge": BridgeConfig,
    "subnet": SubnetConfig,
    "msb": MsbConfig,
    "ui": UiConfig,
    "log": LogConfig,
}
"""Section name to dataclass, in the order of the configuration file."""

OPTIONS: tuple[Option, ...] = tuple(option for name, cls in SECTIONS.items() for option in section_options(name, cls))
"""Every setting."""
