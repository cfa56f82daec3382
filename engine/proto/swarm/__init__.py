"""Hyperswarm policy: which peers to dial, when, and which connection survives (05-hyperswarm)."""
