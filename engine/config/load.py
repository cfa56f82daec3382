"""Where settings come from: default < file < environment < flag; the origin of every value is kept."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.config.parse import check, parse_text
from engine.config.schema import Option
from engine.config.sections import OPTIONS, SECTIONS, Config
from engine.errors import ConfigError, StoreError, UnknownKey

_BY_KEY = {option.key: option for option in OPTIONS}


@dataclass(frozen=True)
class LoadedConfig:
    """A configuration and where each value that is not a default came from."""

    config: Config
    origins: Mapping[str, str] = field(default_factory=dict)
    """Option key to ``file``, an environment name, or a flag."""

    def origin(self, key: str) -> str:
        """Where the value of ``section.name`` came from."""
        return self.origins.get(key, "default")


def load_config(
    path: Path | None,
    environ: Mapping[str, str],
    flags: Mapping[str, str],
) -> LoadedConfig:
    """Merge all sources.

    Args:
        path: TOML file, read when it exists.
        environ: environment variables.
        flags: option key to the text given on the command line; empty text counts as not given.

    Raises:
        ConfigError: the file is not TOML, a key is unknown, or a value is not allowed.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    if path is not None and path.exists():
        for key, value in read_file(path).items():
            values[key] = value
            origins[key] = "file"
    for option in OPTIONS:
        for name in option.env:
            if text := environ.get(name, ""):
                values[option.key] = parse_text(option, text, origin=name)
                origins[option.key] = name
                break
    for key, text in flags.items():
        if text:
            option = _BY_KEY[key]
            values[key] = parse_text(option, text, origin=" or ".join(option.flags))
            origins[key] = option.flags[0]
    return LoadedConfig(with_values(Config(), values), origins)


def with_values(config: Config, values: Mapping[str, Any]) -> Config:
    """A copy of a configuration with some settings (by option key) replaced.

    Raises:
        UnknownKey: there is no such setting.
    """
    sections: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        if key not in _BY_KEY:
            raise _unknown(key, "")
        section, _, name = key.partition(".")
        sections.setdefault(section, {})[name] = value
    changed = {section: dataclasses.replace(getattr(config, section), **fields) for section, fields in sections.items()}
    return dataclasses.replace(config, **changed)


def values_of(config: Config) -> dict[str, Any]:
    """Every setting of a configuration by option key."""
    return {option.key: getattr(getattr(config, option.section), option.name) for option in OPTIONS}


def read_file(path: Path) -> dict[str, Any]:
    """The settings of a TOML file by option key.

    Raises:
        ConfigError: not readable, not TOML, an unknown key or a value that is not allowed.
    """
    try:
        with path.open("rb") as file:
            document = tomllib.load(file)
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(
            f"{path} is not valid TOML: {error}.", hint=f"Fix it, or restore the previous one: {path}.bak"
        ) from error
    result: dict[str, Any] = {}
    for section, table in document.items():
        if section not in SECTIONS or not isinstance(table, dict):
            raise _unknown(section, f" in {path}")
        for name, value in table.items():
            option = _BY_KEY.get(f"{section}.{name}")
            if option is None:
                raise _unknown(f"{section}.{name}", f" in {path}")
            result[option.key] = check(option, value, origin=f"{option.key} in {path.name}")
    return result


def nearest_option(name: str) -> Option | None:
    """The setting whose key or flag is most like the given text."""
    spellings = dict(_BY_KEY)
    for option in OPTIONS:
        spellings.update(dict.fromkeys(option.flags, option))
    found = difflib.get_close_matches(name, spellings, n=1, cutoff=0.5)
    return spellings[found[0]] if found else None


def _unknown(key: str, where: str) -> UnknownKey:
    near = nearest_option(key)
    hint = f"Did you mean {near.key}?" if near is not None else "See the list of settings: intercom-tui config docs"
    return UnknownKey(f"There is no setting {key}{where}.", hint=hint)
