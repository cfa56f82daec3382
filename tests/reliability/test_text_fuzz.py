"""Every reader of text from outside: JSON of peers and bridge clients, files, flags, commands; 50,000 inputs each."""

from __future__ import annotations

import contextlib
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from engine.bridge import tokens
from engine.bridge.tokens import read_token_file
from engine.commands.arguments import parse_arguments, parse_short, signed_argument, split_words
from engine.config import load as config_load
from engine.config.load import read_file
from engine.config.parse import parse_text
from engine.config.sections import ENTRY_CHANNEL, OPTIONS
from engine.config.write import render_config
from engine.crypto import keyfile, mnemonic
from engine.crypto.keyfile import open_keyfile
from engine.crypto.secretstream import secretbox_seal
from engine.crypto.slip10 import parse_path
from engine.crypto.wallet import Wallet
from engine.errors import (
    BadMnemonic,
    BadRequest,
    BridgeMisconfigured,
    ConfigError,
    DecodeError,
    InvalidValue,
    WalletCorrupt,
    WalletError,
    WalletLocked,
)
from engine.net.dht.bootstrap_list import BootstrapList
from engine.services.sidechannel.access import Access
from engine.services.sidechannel.attachments import decode_attachment, encode_attachment
from engine.services.sidechannel.book import ChannelBook
from engine.services.sidechannel.invites import check_invite
from engine.services.sidechannel.options import REFERENCE, ChannelRules, Hardening
from engine.services.sidechannel.policy import ReceivePolicy
from engine.services.sidechannel.ratelimit import PeerLimits, RateLimits
from engine.services.sidechannel.reception import Reception
from engine.services.sidechannel.signatures import signature_of
from engine.services.sidechannel.welcomes import verify_welcome
from engine.store.messages import MEMORY, MessageStore
from engine.wire import jsjson
from tests.harness.bridge_session import Conversation
from tests.harness.fake_engine import FakeEngine
from tests.harness.fakeswarm import ManualClock
from tests.harness.fuzz import INPUTS, SEED, attack, changed_copies, changed_texts, changed_values, load
from tests.harness.published import record_reliability

INVITES, WELCOMES = load("sidechannel/invite.json"), load("sidechannel/welcome.json")
RECEIVE, STABLE = load("sidechannel/receive.json"), load("sidechannel/stable_stringify.json")
KEYFILES = load("wallet/keypair_files.json")
PAYLOADS = [
    step["recv"]["payload"]
    for scenario in RECEIVE["scenarios"]
    for step in scenario["steps"]
    if isinstance(step.get("recv"), dict)
]
CHANNELS = sorted(
    {
        payload["channel"]
        for payload in PAYLOADS
        if isinstance(payload, dict) and isinstance(payload.get("channel"), str)
    }
    | {ENTRY_CHANNEL}
)
KEYS = {name: key["publicKey"] for name, key in RECEIVE["keys"].items()}


def record(request: pytest.FixtureRequest, name: str, tried: int) -> None:
    record_reliability(request, f"2. damaged input: {name}", f"{tried:,} inputs")


def texts(
    samples: list[str], words: tuple[bytes, ...] = (b"=", b'"', b"\\", b"--", b",", b":", b"\x00", b"\xff")
) -> Iterator[bytes]:
    return changed_copies([sample.encode() for sample in samples], SEED, words=words)


# -- peers ----------------------------------------------------------------------------------------------------------


def test_json_of_peers(request: pytest.FixtureRequest) -> None:
    def read(data: bytes) -> None:
        value = jsjson.parse(data)
        text = jsjson.stringify(value)
        assert jsjson.stringify(jsjson.parse(text)) == text
        jsjson.stable_stringify(value)

    samples = [json.loads(case["json"]) for case in STABLE["cases"]]
    outcome = attack(read, changed_texts([*samples, *PAYLOADS[:20]], SEED), count=INPUTS, allowed=DecodeError)
    assert outcome.accepted > INPUTS // 10
    record(request, "JSON", outcome.tried)


def test_invites(request: pytest.FixtureRequest) -> None:
    samples = [case["invite"] for case in INVITES["cases"]]
    genuine = INVITES["example"]["invite"]
    key = genuine["payload"]["inviteePubKey"]
    now = INVITES["now"]

    signatures = {signature_of(sample) for sample in [genuine, *samples]}
    valid = 0

    def check(invite: Any) -> None:
        nonlocal valid
        if check_invite(invite, "priv1", key, None, now).valid:
            valid += 1
            assert signature_of(invite) in signatures

    outcome = attack(check, changed_values([genuine, *samples], SEED), count=INPUTS, allowed=())
    assert valid > 0
    record(request, "invites", outcome.tried)


def test_welcomes(request: pytest.FixtureRequest) -> None:
    samples = [case["welcome"] for case in WELCOMES["cases"]]
    owner = WELCOMES["keys"]["owner"]["publicKey"]

    def check(welcome: Any) -> None:
        verify_welcome(welcome, "pub1", owner)

    outcome = attack(check, changed_values(samples, SEED), count=INPUTS, allowed=())
    record(request, "welcomes", outcome.tried)


def test_attachments(request: pytest.FixtureRequest) -> None:
    invite = INVITES["example"]["invite"]
    samples = [
        json.dumps(invite),
        encode_attachment(invite),
        encode_attachment({"é": "\U0001f600"}),
        "b64:" + encode_attachment(1),
    ]

    def read(data: bytes) -> None:
        decode_attachment(data.decode("latin-1"))

    outcome = attack(read, texts(samples), count=INPUTS, allowed=())
    record(request, "invites and welcomes as text", outcome.tried)


class Receiver:
    """The receiving half of a sidechannel peer, without connections."""

    def __init__(self, hardening: Hardening) -> None:
        rules = ChannelRules(
            KEYS["self"],
            invites=True,
            invite_channels=frozenset({"priv1"}),
            inviters=frozenset({KEYS["self"], KEYS["owner"]}),
            owners={"pub1": KEYS["owner"]},
            owner_write_channels=frozenset({"pub1"}),
        )
        access = Access(rules)
        limits = PeerLimits(RateLimits(bytes_per_s=0, max_strikes=1_000_000))
        self.policy = ReceivePolicy(access, limits, hardening)
        self.book = ChannelBook(access)
        for name in CHANNELS:
            self.book.enter(name)
        self.store = MessageStore(MEMORY)
        self.events = 0
        links: Any = ()
        self._reception = Reception(
            self.policy, access, self.book, links, self.store, self._publish, ManualClock(RECEIVE["now"])
        )
        self._link: Any = SimpleNamespace(key=KEYS["alice"])

    def _publish(self, event: object) -> None:
        self.events += 1

    def receive(self, channel: str, data: bytes) -> None:
        """One frame of a neighbour."""
        seat: Any = SimpleNamespace(name=channel)
        self._reception.receive(self._link, seat, data)

    @property
    def accepted(self) -> int:
        """Messages that passed."""
        return sum(entry.accepted for entry in self.book)

    @property
    def dropped(self) -> Counter[str]:
        """Refusals by reason."""
        return sum((entry.drops for entry in self.book), Counter())


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["sidechannel messages", "sidechannel messages under the reference's rules"])
def test_sidechannel_messages(name: str, request: pytest.FixtureRequest) -> None:
    hardening = REFERENCE if "reference" in name else Hardening()
    receivers = [Receiver(hardening)]
    random = Random(SEED)

    def receive(data: bytes) -> None:
        if receivers[-1].events > 500:
            receivers.append(Receiver(hardening))  # forgets what it has seen
        named = next((channel for channel in CHANNELS if b'"channel": "%s"' % channel.encode() in data), ENTRY_CHANNEL)
        receivers[-1].receive(named if random.random() < 0.9 else random.choice(CHANNELS), data)

    samples = [payload for payload in PAYLOADS if len(json.dumps(payload)) < 4000]
    outcome = attack(receive, changed_texts(samples, SEED), count=INPUTS, allowed=DecodeError)
    accepted = sum(receiver.accepted for receiver in receivers)
    reasons = sum((receiver.dropped for receiver in receivers), Counter[str]())
    assert accepted + reasons.total() == outcome.accepted, "every message is either accepted or counted as dropped"
    assert accepted > 100
    assert len(reasons) >= 7
    record(request, name, outcome.tried)


# -- bridge clients -------------------------------------------------------------------------------------------------


def test_bridge_frames(request: pytest.FixtureRequest) -> None:
    lines = (Path(__file__).parent.parent / "vectors/bridge/transcript.jsonl").read_text().splitlines()
    frames = [entry["text"] for entry in map(json.loads, lines) if entry["dir"] == "c2s" and entry["text"]]
    requests = []
    for frame in frames:
        with contextlib.suppress(ValueError):
            requests.append(json.loads(frame))
    engine = FakeEngine()
    conversations: list[Conversation] = []

    def receive(data: bytes) -> None:
        if not conversations or conversations[0].closes or conversations[0].pending:
            conversations[:] = [Conversation(engine)]
            conversations[0].authenticate()
            conversations[0].hold_operations = True
        conversation = conversations[0]
        session = conversation.session
        sent = conversation.run(session.receive(data, conversation.clock.now))
        due = session.next_timer()
        if due is not None:
            conversation.clock.now = max(conversation.clock.now, due)
            sent += conversation.run(session.handle_timer(conversation.clock.now))
        for text in sent:
            json.loads(text)

    outcome = attack(receive, changed_texts(requests, SEED), count=INPUTS, allowed=())
    record(request, "bridge requests", outcome.tried)


def test_token_files(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    content = [b""]
    monkeypatch.setattr(tokens, "read_limited", lambda path, limit: content[0])
    sample = {
        "tokens": [
            {"label": "agent", "token": "t" * 64, "scopes": ["read", "send"]},
            {"label": "a", "token": "x", "scopes": ["admin"]},
        ]
    }

    def read(data: bytes) -> None:
        content[0] = data
        read_token_file(tmp_path / "bridge-tokens.json")

    outcome = attack(read, changed_texts([sample], SEED), count=INPUTS, allowed=BridgeMisconfigured)
    assert outcome.accepted > 0
    record(request, "bridge token files", outcome.tried)


# -- the identity ---------------------------------------------------------------------------------------------------


def test_keypair_files(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyfile, "derive_key", lambda password, salt: bytes(32))
    samples = [json.loads(entry["text"]) for entry in KEYFILES["files"]]

    def read(data: bytes) -> None:
        open_keyfile(data, b"")

    outcome = attack(read, changed_texts(samples, SEED), count=INPUTS, allowed=(WalletCorrupt, WalletLocked))
    record(request, "keypair files", outcome.tried)


def test_content_of_keypair_files(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyfile, "derive_key", lambda password, salt: bytes(32))
    wallet = Wallet.from_mnemonic(" ".join(["abandon"] * 11 + ["about"]))
    sample = {
        "publicKey": wallet.public_hex,
        "secretKey": wallet.key_pair.secret_key.hex(),
        "mnemonic": wallet.mnemonic,
        "derivationPath": wallet.derivation_path,
    }
    nonce, salt = bytes(24).hex(), bytes(16).hex()

    def read(data: bytes) -> None:
        sealed = secretbox_seal(data, bytes(24), bytes(32)).hex()
        opened = Wallet.from_keyfile(json.dumps({"nonce": nonce, "salt": salt, "ciphertext": sealed}))
        assert opened.key_pair == wallet.key_pair
        assert opened.mnemonic in (None, wallet.mnemonic)

    outcome = attack(read, changed_texts([sample], SEED), count=INPUTS, allowed=WalletCorrupt)
    assert outcome.accepted > 0
    record(request, "content of keypair files", outcome.tried)


def test_recovery_words_and_paths(request: pytest.FixtureRequest) -> None:
    words = texts(
        [" ".join(["abandon"] * 11 + ["about"]), " ".join(["zoo"] * 23 + ["vote"])], (b" ", b"\n", b"zoo", b"\xc3\xa9")
    )
    paths = texts(["m/918'/0'/0'/0'", "m/44'/0'", "m/0"], (b"/", b"'", b"m", b"4294967296"))
    first = attack(
        lambda data: mnemonic.normalise(data.decode("utf-8", "replace")), words, count=INPUTS, allowed=BadMnemonic
    )
    second = attack(lambda data: parse_path(data.decode("utf-8", "replace")), paths, count=INPUTS, allowed=WalletError)
    record(request, "recovery words", first.tried)
    record(request, "derivation paths", second.tried)


# -- settings and commands ------------------------------------------------------------------------------------------


class _File:
    """A file in memory, as far as reading settings needs one."""

    name = "config.toml"

    def __init__(self, data: bytes) -> None:
        self._data = data

    def open(self, mode: str) -> io.BytesIO:
        """The content."""
        return io.BytesIO(self._data)


def test_settings_files(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_load, "nearest_option", lambda name: None)
    values = {
        "network.dht_bootstrap": ["127.0.0.1:1"],
        "sidechannel.owner": {"room": "ab" * 32},
        "sidechannel.invites": {"room": "e30="},
        "sidechannel.pow_difficulty": 12,
        "bridge.enabled": True,
        "ui.keymap": {"join": "ctrl+n"},
    }
    lines = [line for line in render_config(values).splitlines() if line and not line.startswith("#")]
    samples = [
        "\n".join(lines),
        '[sidechannel]\nowner = { a = "b" }\nchannels = ["x", "y"]\n',
        "[network]\nmax_peers = 0x40\n",
    ]
    words = (
        b"[",
        b"[[",
        b"]",
        b"{",
        b"=",
        b"\n",
        b'"""',
        b"1e400",
        b"nan",
        b"1979-05-27",
        b"'",
        b"\\",
        b"[a.b]\n",
        b"\xff",
    )

    def read(data: bytes) -> None:
        file: Any = _File(data)
        settings = read_file(file)
        render_config(settings)

    outcome = attack(read, texts(samples, words), count=INPUTS, allowed=ConfigError)
    assert outcome.accepted > 0
    record(request, "settings files", outcome.tried)


def test_flags_and_environment(request: pytest.FixtureRequest) -> None:
    random = Random(SEED)
    samples = ["1", "true", "off", "12", "-1", "a,b", "room:" + "ab" * 32, "x=@file,y:z", "127.0.0.1:49737", "ascii"]

    def read(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        if text:
            parse_text(random.choice(OPTIONS), text)

    outcome = attack(read, texts(samples), count=INPUTS, allowed=InvalidValue)
    assert outcome.accepted > 0
    record(request, "flags and environment", outcome.tried)


def test_command_lines(request: pytest.FixtureRequest) -> None:
    samples = [
        '/sc_send --channel "a b" --message \'{"x":1}\'',
        "/sc_invite --channel x --ttl 60 --welcome e30=",
        "/sc_join -- a\\ b",
    ]
    readers: tuple[Callable[[str], object], ...] = (
        split_words,
        parse_arguments,
        lambda line: parse_short(line, ("channel", "message"), rest=True),
        signed_argument,
    )

    def read(data: bytes) -> None:
        line = data.decode("utf-8", "replace")
        readers[len(line) % len(readers)](line)

    outcome = attack(read, texts(samples), count=INPUTS, allowed=(BadRequest, DecodeError))
    assert outcome.accepted > 0
    record(request, "command lines", outcome.tried)


def test_bootstrap_entries(request: pytest.FixtureRequest) -> None:
    samples = ["127.0.0.1:49737", "88.99.3.86@node1.hyperdht.org:49737", "node1.hyperdht.org:1"]
    outcome = attack(
        lambda data: BootstrapList([data.decode("utf-8", "replace")]),
        texts(samples),
        count=INPUTS,
        allowed=InvalidValue,
    )
    assert outcome.accepted > 0
    record(request, "bootstrap entries", outcome.tried)
