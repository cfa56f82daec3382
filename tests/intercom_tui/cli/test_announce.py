from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from engine.config.load import with_values
from engine.config.sections import Config
from engine.paths import resolve_paths
from engine.status import BridgeListening, BridgeOff, EngineStatus, Identity, P2pOffline, StartupStep, StepState
from intercom_tui.cli.announce import Announcer

STARTING = EngineStatus(identity=None, p2p=P2pOffline("starting"), bridge=BridgeOff())
KNOWN = replace(STARTING, identity=Identity("ab" * 32, "trac1x", "peer"))


def announcer(home: Path, **values: object) -> Announcer:
    config = with_values(Config(), {key.replace("__", "."): value for key, value in values.items()})
    return Announcer(config, resolve_paths(str(home), config))


def test_the_banner_comes_once_and_as_soon_as_the_identity_is_known(tmp_path: Path) -> None:
    said = announcer(tmp_path, network__local=True, sidechannel__channels=("a", "0000intercom", "b"))
    assert said.lines(STARTING) == []
    assert said.lines(KNOWN) == [
        "====================INTERCOM ====================",
        f"Peer store: {tmp_path}/stores/peer",
        "Peer DHT bootstrap nodes: 127.0.0.1:49737",
        "Peer pubkey (hex): " + "ab" * 32,
        "Peer trac address (bech32m): trac1x",
        "Sidechannel entry: 0000intercom",
        "Sidechannel extras: a, b",
        "=" * 64,
    ]
    assert said.lines(KNOWN) == []


def test_the_bridge_is_announced_when_it_listens_with_the_place_of_its_tokens(tmp_path: Path) -> None:
    listening = replace(STARTING, bridge=BridgeListening("::1", 49222))
    assert announcer(tmp_path).lines(listening) == [
        "SC-Bridge: ws://[::1]:49222",
        f"SC-Bridge tokens: {tmp_path}/stores/peer/bridge-tokens.json",
    ]
    assert announcer(tmp_path, bridge__token="secret").lines(listening) == ["SC-Bridge: ws://[::1]:49222"]


def test_channels_are_ready_when_their_step_is_done(tmp_path: Path) -> None:
    said = announcer(tmp_path)
    assert said.lines(replace(STARTING, startup=(StartupStep("channels", StepState.RUNNING, 0.0),))) == []
    done = replace(STARTING, startup=(StartupStep("channels", StepState.DONE, 0.0),))
    assert said.lines(done) == ["Sidechannel: ready"]
    assert said.lines(done) == []
