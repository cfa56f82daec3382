from __future__ import annotations

import pytest

from engine.proto.swarm.duplicate import keep_incoming

_SMALL, _GREAT = b"\x01" * 32, b"\x02" * 32


@pytest.mark.parametrize(
    ("own", "remote", "read", "written", "keep"),
    [
        (_SMALL, _GREAT, 0, 0, True),
        (_GREAT, _SMALL, 0, 0, False),
        (_GREAT, _SMALL, 17, 0, False),
        (_GREAT, _SMALL, 0, 20, False),
        (_GREAT, _SMALL, 17, 20, True),
        (_SMALL, _GREAT, 17, 20, True),
    ],
)
def test_the_dial_of_the_greater_key_survives_unless_the_old_one_is_outdated(
    own: bytes, remote: bytes, read: int, written: int, keep: bool
) -> None:
    kept = keep_incoming(own_key=own, remote_key=remote, existing_bytes_read=read, existing_bytes_written=written)
    assert kept is keep


def test_both_sides_of_crossing_dials_agree() -> None:
    """Each side sees the other's dial as incoming; exactly one of the two dials is kept."""
    for own, remote in ((_SMALL, _GREAT), (_GREAT, _SMALL)):
        here = keep_incoming(own_key=own, remote_key=remote, existing_bytes_read=0, existing_bytes_written=0)
        there = keep_incoming(own_key=remote, remote_key=own, existing_bytes_read=0, existing_bytes_written=0)
        assert here is not there
