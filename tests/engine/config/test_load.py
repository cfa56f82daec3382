from __future__ import annotations

from pathlib import Path

import pytest

from engine.config.load import load_config, read_file, values_of, with_values
from engine.config.sections import OPTIONS, Config
from engine.config.write import render_config, write_config
from engine.errors import ConfigError, InvalidValue, UnknownKey


def test_defaults_are_the_references() -> None:
    sidechannel = load_config(None, {}, {}).config.sidechannel
    assert (sidechannel.max_bytes, sidechannel.rate_bytes, sidechannel.rate_burst) == (1_000_000, 64_000, 256_000)
    assert (sidechannel.pow, sidechannel.pow_difficulty, sidechannel.max_strikes) == (True, 12, 3)
    assert (sidechannel.allow_remote_open, sidechannel.auto_join, sidechannel.welcome_required) == (True, False, True)
    assert sidechannel.invite_ttl == 604_800


def test_flag_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[sidechannel]\nrelay_ttl = 5\npow_difficulty = 8\nmax_strikes = 9\n")
    environ = {"SIDECHANNEL_POW_DIFFICULTY": "10", "SIDECHANNEL_MAX_STRIKES": "4"}
    loaded = load_config(path, environ, {"sidechannel.max_strikes": "7"})
    sidechannel = loaded.config.sidechannel
    assert (sidechannel.relay_ttl, sidechannel.pow_difficulty, sidechannel.max_strikes) == (5, 10, 7)
    assert loaded.origin("sidechannel.relay_ttl") == "file"
    assert loaded.origin("sidechannel.pow_difficulty") == "SIDECHANNEL_POW_DIFFICULTY"
    assert loaded.origin("sidechannel.max_strikes") == "--sidechannel-max-strikes"
    assert loaded.origin("sidechannel.pow") == "default"


def test_an_empty_flag_counts_as_not_given() -> None:
    loaded = load_config(None, {"PEER_STORE_NAME": "env"}, {"identity.peer_store_name": ""})
    assert loaded.config.identity.peer_store_name == "env"


def test_every_flag_and_environment_name_belongs_to_one_setting() -> None:
    flags = [flag for option in OPTIONS for flag in option.flags]
    names = [name for option in OPTIONS for name in option.env]
    assert len(flags) == len(set(flags))
    assert len(names) == len(set(names))


def test_an_unknown_key_suggests_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[sidechannel]\nrelay_tll = 5\n")
    with pytest.raises(UnknownKey) as caught:
        load_config(path, {}, {})
    assert "sidechannel.relay_ttl" in caught.value.hint


@pytest.mark.parametrize("text", ["[sidechannel", "[sidechannel]\npow = 'x'\n", "pow = 1\n", "\xff"])
def test_a_bad_file_is_a_config_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError):
        load_config(path, {}, {})


def test_a_written_file_reads_back_and_keeps_the_previous_one(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "config.toml"
    first = {"sidechannel.relay_ttl": 4, "sidechannel.channels": ("a", "b"), "bridge.enabled": True}
    write_config(path, first)
    assert read_file(path) == first
    assert path.stat().st_mode & 0o777 == 0o600
    second = {"sidechannel.owner": {"my room": "cd" * 32}, "ui.keymap": {"join": "ctrl+n"}}
    write_config(path, second)
    assert read_file(path) == second
    assert read_file(path.with_name("config.toml.bak")) == first


def test_the_file_holds_every_setting_but_no_secret() -> None:
    text = render_config({"bridge.token": "s3cret-token"})
    assert "s3cret-token" not in text
    for option in OPTIONS:
        assert option.secret or f"{option.name} =" in text


def test_a_value_that_is_not_allowed_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    with pytest.raises(InvalidValue):
        write_config(path, {"sidechannel.relay_ttl": 99})
    assert not path.exists()


def test_values_go_in_and_out_of_a_config() -> None:
    config = with_values(Config(), {"sidechannel.relay": False, "network.local": True})
    values = values_of(config)
    assert (values["sidechannel.relay"], values["network.local"]) == (False, True)
    with pytest.raises(UnknownKey):
        with_values(Config(), {"sidechannel.nope": 1})


@pytest.mark.parametrize("content", [b"[network", b"\xff", b"a = " + b"[" * 10_000])
def test_a_file_that_is_no_toml_says_so_and_how_to_get_back(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="is not valid TOML") as caught:
        read_file(path)
    assert "config.toml.bak" in caught.value.hint


@pytest.mark.parametrize("text", ["\u2028", "\x85", "a\nb", "\x1c#", '"""'])
def test_settings_with_line_separators_are_written_readably(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    write_config(path, {"bridge.filter": text, "sidechannel.channels": (text,)})
    assert read_file(path) == {"bridge.filter": text, "sidechannel.channels": (text,)}
