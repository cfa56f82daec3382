"""White space as JavaScript sees it."""

from __future__ import annotations

import re

from engine.wire.jstext import WHITE_SPACE, WHITE_SPACE_CLASS, js_split, js_trim

# Printed by Node: every code unit for which String.fromCharCode(c).trim() is empty.
JAVASCRIPT = [9, 10, 11, 12, 13, 32, 160, 5760, *range(8192, 8203), 8232, 8233, 8239, 8287, 12288, 65279]


def test_set_is_that_of_javascript() -> None:
    assert sorted(map(ord, WHITE_SPACE)) == JAVASCRIPT
    matched = [code for code in range(0x10000) if re.fullmatch(WHITE_SPACE_CLASS, chr(code))]
    assert matched == JAVASCRIPT


def test_trim_differs_from_python() -> None:
    assert js_trim("\ufeff\u3000 name \u2029") == "name"
    assert js_trim("\x1cname\x85") == "\x1cname\x85"
    assert js_trim("\t \n") == ""


def test_split() -> None:
    assert js_split("/sc_send  --channel\u00a0x") == ["/sc_send", "--channel", "x"]
    assert js_split(" a ") == ["", "a", ""]
    assert js_split("a\x1cb") == ["a\x1cb"]
