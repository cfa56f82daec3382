from __future__ import annotations

from rich.style import Style
from textual.app import ComposeResult

from intercom_tui.app_base import AppBase
from intercom_tui.widgets.row_list import Row, RowList

PLAIN = Style.null()


class Lists(AppBase):
    def __init__(self, rows: list[Row]) -> None:
        super().__init__()
        self.rows_to_show = rows
        self.chosen: list[str] = []

    def compose(self) -> ComposeResult:
        yield RowList(id="rows")

    def on_mount(self) -> None:
        self.rows_widget.styles.height = 5
        self.rows_widget.set_rows(self.rows_to_show)
        self.rows_widget.focus()

    @property
    def rows_widget(self) -> RowList:
        return self.query_one("#rows", RowList)

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        self.chosen.append(event.key)


def rows(*keys: str) -> list[Row]:
    return [Row([(key or "heading", PLAIN)], key=key or None) for key in keys]


async def test_the_cursor_skips_headings_and_stops_at_the_ends() -> None:
    app = Lists(rows("", "a", "", "b", "c"))
    async with app.run_test() as pilot:
        await pilot.pause()
        assert app.rows_widget.cursor_key == "a"
        await pilot.press("down")
        assert app.rows_widget.cursor_key == "b"
        await pilot.press("j", "j", "j")
        assert app.rows_widget.cursor_key == "c"
        await pilot.press("g")
        assert app.rows_widget.cursor_key == "a"
        await pilot.press("up", "G")
        assert app.rows_widget.cursor_key == "c"


async def test_enter_and_click_choose() -> None:
    app = Lists(rows("a", "b", "c"))
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("enter", "down", "space")
        await pilot.click("#rows", offset=(2, 2))
        await pilot.pause()
        assert app.chosen == ["a", "b", "c"]


async def test_the_cursor_keeps_its_key_when_rows_change() -> None:
    app = Lists(rows("a", "b", "c"))
    async with app.run_test() as pilot:
        await pilot.pause()
        app.rows_widget.move_to("b")
        app.rows_widget.set_rows(rows("x", "y", "b", "a"))
        assert app.rows_widget.cursor_key == "b"
        app.rows_widget.set_rows(rows("x", "y"))
        assert app.rows_widget.cursor_key == "y"
        app.rows_widget.set_rows([])
        assert app.rows_widget.cursor_key is None
        await pilot.press("down", "up", "g", "G", "pageup", "pagedown", "enter")


async def test_pages_move_through_long_lists() -> None:
    app = Lists(rows(*(f"row{n}" for n in range(100))))
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("pagedown", "pagedown")
        assert app.rows_widget.cursor_key == "row8"
        assert app.rows_widget.scroll_y > 0
        await pilot.press("ctrl+u", "home")
        assert app.rows_widget.scroll_y == 0


async def test_text_without_keys_scrolls() -> None:
    app = Lists(rows(*([""] * 50)))
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("down", "pagedown")
        assert app.rows_widget.scroll_y > 0
        await pilot.press("end")
        assert app.rows_widget.scroll_y == app.rows_widget.max_scroll_y
