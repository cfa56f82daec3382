"""What actions do. Each module has a table from action id to a coroutine that takes the text after the command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

Handler = Callable[[str], Awaitable[None]]
"""Does an action; the argument is what followed the slash command, empty otherwise."""

Table = Mapping[str, Handler]
