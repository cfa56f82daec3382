"""One connection per peer: which of two survives.

Both sides come to the same result without talking: of two crossing dials the one made by the side with the greater
public key stays. A connection that has carried data in both directions is taken for dead when its peer dials anew: the
peer has lost it, only we do not know yet.

Protocol reference: 05-hyperswarm section 5.
"""

from __future__ import annotations


def keep_incoming(*, own_key: bytes, remote_key: bytes, existing_bytes_read: int, existing_bytes_written: int) -> bool:
    """True if an incoming connection replaces the existing connection or dial to the same peer.

    Args:
        own_key: our public key.
        remote_key: the peer's public key.
        existing_bytes_read: data frame bytes the existing connection has received; 0 for a dial.
        existing_bytes_written: data frame bytes it has sent; 0 for a dial.
    """
    outdated = existing_bytes_read > 0 and existing_bytes_written > 0
    return outdated or own_key <= remote_key
