"""Thin asyncio shells around the protocol cores."""
