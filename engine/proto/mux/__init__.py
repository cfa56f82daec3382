"""Protomux: named channels over one stream (protocol reference 04-protomux)."""
