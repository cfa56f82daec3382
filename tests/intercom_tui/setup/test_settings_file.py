from __future__ import annotations

from pathlib import Path

import pytest

from engine.config.load import read_file
from engine.errors import ConfigError, InvalidValue
from intercom_tui.setup.settings_file import SettingsFile


def test_changes_leave_the_other_settings_alone(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "config" / "config.toml")
    assert file({"sidechannel.relay": False}) == file.path
    file({"bridge.port": 1234})
    assert read_file(file.path) == {"sidechannel.relay": False, "bridge.port": 1234}
    assert read_file(file.path.with_name("config.toml.bak")) == {"sidechannel.relay": False}


def test_a_file_that_is_not_valid_is_not_replaced(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "config.toml")
    file.path.write_text("[[[")
    with pytest.raises(ConfigError):
        file({"bridge.port": 1234})
    assert file.path.read_text() == "[[["


def test_a_value_that_is_not_allowed_is_not_written(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "config.toml")
    with pytest.raises(InvalidValue):
        file({"bridge.port": 70_000})
    assert not file.path.exists()
