"""What an answer must be, beyond what the schema says. Each rule returns what is wrong, empty when nothing is."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from engine.config.parse import parse_text
from engine.config.schema import Option
from engine.errors import InvalidValue
from engine.wire.hexkeys import parse_key

_STORE_NAME = re.compile(r"[^/\\\x00-\x1f\x7f]{1,100}")
_HOST_NAME = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse_answer(option: Option, text: str) -> tuple[Any, str]:
    """The value that typed text stands for, and what is wrong with it."""
    empty: dict[str, Any] = {"list": (), "map": {}, "text": "", "path": ""}
    typed = text.strip()
    if not typed and option.kind in empty and not option.choices:
        return empty[option.kind], ""
    if option.kind == "int":
        typed = typed.replace("_", "").replace(",", "")
    try:
        return parse_text(option, typed), ""
    except InvalidValue as error:
        words = str(error).rpartition(", but ")[2]
        return None, words[:1].upper() + words[1:]


def check_setting(key: str, value: Any) -> str:
    """What is wrong with a value of the right kind."""
    match key:
        case "identity.peer_store_name":
            return store_name(value)
        case "bridge.host":
            return host(value)
        case "subnet.channel":
            return "" if value else "A subnet needs a name."
        case _:
            return ""


def store_name(name: str) -> str:
    """The name of a store is the name of a directory."""
    if not name.strip():
        return "A store needs a name."
    if _STORE_NAME.fullmatch(name) is None or name in (".", "..") or name != name.strip():
        return "It becomes the name of a directory: no slashes, no blanks at its ends, at most 100 characters."
    return ""


def host(name: str) -> str:
    """An address to listen on."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        if _HOST_NAME.fullmatch(name) is None or name.replace(".", "").isdigit():
            return "It must be an IP address, for example 127.0.0.1."
    return ""


def exposed_host(name: str, *, allowed: bool) -> str:
    """An address that others reach must be allowed explicitly."""
    if is_loopback(name) or allowed:
        return ""
    return "Other machines could reach this address: allow it below, or use 127.0.0.1."


def bootstrap(key: str) -> str:
    """The key of a subnet to join."""
    if not key:
        return "Joining a subnet needs its bootstrap key."
    return "" if parse_key(key) is not None else f"It must be 64 hex digits; these are {len(key)} characters."


def repeated(passphrase: str, again: str) -> str:
    """A passphrase is typed twice."""
    return "" if passphrase == again else "The two passphrases differ."
