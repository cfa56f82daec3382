"""Logging: a rotating file and a ring in memory; never the screen, never a secret."""

from __future__ import annotations

import json
import logging
import logging.handlers
import os
from collections import deque
from io import TextIOWrapper
from pathlib import Path

from engine.errors import StoreUnwritable

RING_RECORDS = 2_000
"""Records the activity pane can show."""

_MAX_FILE_BYTES = 4 * 1024 * 1024


class KeyValueFormatter(logging.Formatter):
    """``time level logger message`` on one line; line ends inside a record are made visible.

    Args:
        traces: also the traceback of an exception; a terminal gets only what happened.
    """

    def __init__(self, *, traces: bool = True) -> None:
        super().__init__()
        self._traces = traces

    def format(self, record: logging.LogRecord) -> str:
        """One line of text."""
        text = super().format(record) if self._traces else record.getMessage()
        text = _SECRETS.hide(text).replace("\r", "\\r").replace("\n", "\\n")
        stamp = self.formatTime(record, "%Y-%m-%dT%H:%M:%S")
        return f"{stamp} {record.levelname.lower()} {record.name} {text}"


class JsonFormatter(logging.Formatter):
    """One JSON object per record."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON."""
        return json.dumps(
            {
                "ts": round(record.created, 3),
                "level": record.levelname.lower(),
                "logger": record.name,
                "message": _SECRETS.hide(super().format(record)),
            }
        )


class LogFile(logging.handlers.RotatingFileHandler):
    """The log file. What cannot be written, on a full disk for example, is left out and counted."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=_MAX_FILE_BYTES, backupCount=3)
        self.left_out = 0
        """Records that could not be written."""

    def _open(self) -> TextIOWrapper:
        """Open the file, also after a rotation, readable by its owner only."""
        stream = super()._open()
        os.chmod(self.baseFilename, 0o600)
        return stream

    def handleError(self, record: logging.LogRecord) -> None:
        """Count instead of printing a trace into whatever is on the screen."""
        self.left_out += 1


class RingHandler(logging.Handler):
    """Keeps the newest records for the activity pane."""

    def __init__(self, size: int = RING_RECORDS) -> None:
        super().__init__()
        self.records: deque[logging.LogRecord] = deque(maxlen=size)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.records.append(record)


class SecretFilter(logging.Filter):
    """Replaces known secrets in every record, whatever wrote them."""

    def __init__(self) -> None:
        super().__init__()
        self._secrets: tuple[str, ...] = ()

    def add(self, secret: str) -> None:
        """Hide one more text from now on."""
        if len(secret) >= 4 and secret not in self._secrets:
            self._secrets += (secret,)

    def hide(self, text: str) -> str:
        """The text without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def filter(self, record: logging.LogRecord) -> bool:
        """Hide secrets; every record passes."""
        text = record.getMessage()
        hidden = self.hide(text)
        if hidden != text:
            record.msg, record.args = hidden, ()
        return True


_SECRETS = SecretFilter()


def hide_secret(secret: str) -> None:
    """Never let this text into a log of this process."""
    _SECRETS.add(secret)


def setup_logging(path: Path | None, *, level: str, as_json: bool, stderr: bool) -> tuple[RingHandler, SecretFilter]:
    """Install the handlers on the root logger.

    Args:
        path: log file, rotated at 4 MiB; None = no file.
        level: least serious record kept.
        as_json: JSON lines in the file.
        stderr: also to standard error, without tracebacks (headless only; the screen belongs to the app).

    Raises:
        StoreUnwritable: the file cannot be opened.
    """
    ring = RingHandler()
    handlers: list[logging.Handler] = [ring]
    if path is not None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handlers.append(LogFile(path))
        except OSError as error:
            raise StoreUnwritable(f"The log file {path} cannot be written: {error.strerror}.") from error
    formatter: logging.Formatter = JsonFormatter() if as_json else KeyValueFormatter()
    for handler in handlers:
        handler.setFormatter(formatter)
    if stderr:
        terminal = logging.StreamHandler()
        terminal.setFormatter(formatter if as_json else KeyValueFormatter(traces=False))
        handlers.append(terminal)
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level.upper())
    for handler in handlers:
        handler.addFilter(_SECRETS)
        root.addHandler(handler)
    logging.getLogger("websockets").setLevel(max(logging.WARNING, root.level))
    return ring, _SECRETS
