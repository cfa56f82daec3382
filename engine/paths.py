"""Where a peer's files are.

With ``--home DIR`` everything is in one place. Otherwise the platform's directories are used. The layout below the
stores directory is the reference's: ``<stores>/<name>/db/keypair.json``, so a store of either can be used by the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import platformdirs

from engine.config.sections import Config

_APP = "intercom-tui"


@dataclass(frozen=True)
class Paths:
    """Files of one peer."""

    config_file: Path
    """Settings (TOML)."""
    store: Path
    """Directory of this identity."""
    state: Path
    """Directory of logs and of what the screen remembers."""

    @property
    def keypair(self) -> Path:
        """The wallet, in the reference's place and format."""
        return self.store / "db" / "keypair.json"

    @property
    def messages(self) -> Path:
        """The message history."""
        return self.store / "messages.sqlite3"

    @property
    def lock(self) -> Path:
        """Held while a process uses the store."""
        return self.store / "intercom.lock"

    @property
    def bridge_tokens(self) -> Path:
        """Tokens of SC-Bridge."""
        return self.store / "bridge-tokens.json"

    @property
    def ui_state(self) -> Path:
        """Read markers, drafts and petnames."""
        return self.state / "ui.json"

    @property
    def log(self) -> Path:
        """The log file."""
        return self.state / "intercom.log"


def config_path(home: str, store_name: str) -> Path:
    """The configuration file of a peer, known before anything else is."""
    if home:
        return Path(home).expanduser() / "config" / store_name / "config.toml"
    return Path(platformdirs.user_config_dir(_APP)) / store_name / "config.toml"


def resolve_paths(home: str, config: Config) -> Paths:
    """All files of a peer.

    Args:
        home: directory given with ``--home``; empty = the platform's directories.
        config: names the store and, optionally, its directory.
    """
    name = config.identity.peer_store_name
    base = Path(home).expanduser() if home else Path(platformdirs.user_data_dir(_APP))
    stores = Path(config.identity.peer_stores_directory or base / "stores").expanduser()
    state = Path(home).expanduser() / "state" if home else Path(platformdirs.user_state_dir(_APP))
    return Paths(config_file=config_path(home, name), store=stores / name, state=state / name)
