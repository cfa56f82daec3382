from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest

from engine import errors
from engine.errors import BindFailed, IntercomError, OwnerOnly, PeerUnreachable, ProtocolError


def all_errors(kind: type[IntercomError] = IntercomError) -> Iterator[type[IntercomError]]:
    """Every error of the tree, the root left out."""
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from all_errors(child)


USER_ERRORS = [kind for kind in all_errors() if not issubclass(kind, ProtocolError)]


def test_codes_are_unique() -> None:
    codes = [kind.code for kind in all_errors()]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("kind", USER_ERRORS, ids=lambda kind: kind.__name__)
def test_an_error_that_a_person_sees_names_what_to_do(kind: type[IntercomError]) -> None:
    error = kind()
    assert str(error).endswith((".", ")."))
    assert error.hint
    assert kind("a cause", hint="a step").hint == "a step"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EADDRINUSE, "in use"), "Another program"),
        (OSError(errno.EADDRNOTAVAIL, "not available"), "does not belong to this machine"),
        (socket.gaierror(socket.EAI_NONAME, "unknown name"), "does not belong to this machine"),
        (OSError(errno.EACCES, "denied"), "below 1024"),
        (OverflowError("port out of range"), "Another program"),
    ],
)
def test_a_port_that_cannot_be_opened_says_what_to_change(error: OSError | OverflowError, words: str) -> None:
    assert words in BindFailed.because("UDP port 1", error).hint


def test_the_place_that_raises_may_say_more() -> None:
    assert str(OwnerOnly("Only 9f3a..c01d writes here.")) == "Only 9f3a..c01d writes here."
    assert PeerUnreachable(reason="REMOTE_ABORTED").reason == "REMOTE_ABORTED"
