"""Sidechannels: named, ephemeral broadcast channels between peers.

Pure policy first (no clock, no randomness, no input or output): :mod:`~.names`, :mod:`~.jsvalues`, :mod:`~.options`,
:mod:`~.payload`, :mod:`~.invites`, :mod:`~.welcomes`, :mod:`~.access`, :mod:`~.ratelimit`, :mod:`~.pacing`,
:mod:`~.seen`, :mod:`~.relay`, :mod:`~.drops`, :mod:`~.open_requests` and the decision table :mod:`~.policy`. Then the
shells: :mod:`~.channel_links` (channels on connections), :mod:`~.sending`, :mod:`~.receiving`, :mod:`~.mining` and the
facade :mod:`~.service`.

Protocol reference: 06-sidechannel.
"""
