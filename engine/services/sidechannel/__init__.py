"""Sidechannels: ephemeral messaging over topics (protocol reference 06-sidechannel)."""
