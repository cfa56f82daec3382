"""Actions on the screen and the app."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported
from textual.widget import Widget

from engine.messages import ChannelMessage
from engine.status import BridgeListening
from intercom_tui.actions import ACTIONS
from intercom_tui.completion import engine_commands
from intercom_tui.handlers import Handler, Table
from intercom_tui.panes import PANES
from intercom_tui.safe import safe_line, safe_text
from intercom_tui.screens.dialogs import link_dialog, message_dialog, paste_dialog, quit_dialog
from intercom_tui.screens.picker import Entry, Picker
from intercom_tui.theme import ThemeError, available_themes, load_theme
from intercom_tui.widgets.log_items import links, message_json, message_text
from intercom_tui.widgets.message_log import MessageLog

if TYPE_CHECKING:
    from intercom_tui.app import IntercomApp


class ViewHandlers:
    """Panes, palette, themes, help, quit."""

    def __init__(self, app: IntercomApp) -> None:
        self._app = app

    def table(self) -> Table:
        """Action id to handler."""
        return {
            "palette": self.palette,
            "goto": self.goto,
            "theme": self.theme,
            "sidebar": self.sidebar,
            "details": self.details,
            "bare": self.bare,
            "screenshot": self.screenshot,
            "jump": self.jump,
            "settings": self.settings,
            "help": self.help,
            "quit": self.quit,
            **{f"pane.{number}": self._pane_opener(spec.id) for number, spec in enumerate(PANES, 1)},
        }

    def _pane_opener(self, name: str) -> Handler:
        async def show(argument: str) -> None:
            await self._app.show_pane(name)

        return show

    async def palette(self, argument: str) -> None:
        """Everything that can be done."""
        app = self._app
        entries = [
            Entry(action.id, action.title, action.slash, safe_line(app.why_not(action.id), 60), app.keys_of(action))
            for action in ACTIONS
            if action.title
        ]
        entries += [
            Entry(
                f"line:{command.name} ",
                f"command: {command.help}",
                f"{command.name} {command.usage}".strip(),
                "" if command.available else "not in this version",
            )
            for command in engine_commands()
        ]
        chosen = await app.push_screen_wait(Picker("What do you want to do?", entries))
        if chosen is None:
            return
        if chosen.startswith("line:"):
            app.main.channels.start_line(chosen.removeprefix("line:"))
        else:
            await app.perform(chosen, "")

    async def goto(self, argument: str) -> None:
        """Jump to a channel, a peer or a pane."""
        app = self._app
        status = app.engine.status
        entries = [
            Entry(
                f"channel:{channel.name}",
                f"channel: {safe_line(channel.name, 60)}",
                app.inbox.unread(channel.name).text,
            )
            for channel in status.channels
        ]
        entries += [Entry(f"pane:{spec.id}", f"pane: {spec.title}") for spec in PANES]
        entries += [
            Entry(f"peer:{peer.public_key}", f"peer: {app.people.full_label(peer.public_key)}") for peer in status.peers
        ]
        entries.append(Entry("settings:", "app: settings"))
        if argument and any(channel.name == argument for channel in status.channels):
            chosen: str | None = f"channel:{argument}"
        else:
            chosen = await app.push_screen_wait(
                Picker("Go to", entries, free=lambda text: f"Join {safe_line(text, 60)}")
            )
        if chosen is None:
            return
        kind, _, value = chosen.partition(":")
        match kind:
            case "channel":
                await app.show_pane("channels")
                app.main.channels.open_channel(value, focus=True)
            case "pane":
                await app.show_pane(value)
            case "peer":
                await app.perform("petname", value)
            case "free":
                await app.perform("join", value)
            case _:
                await app.perform("settings", "")

    async def theme(self, argument: str) -> None:
        """Choose a theme, with a preview."""
        app = self._app
        before = app.theme
        names = available_themes(app.theme_directory)
        chosen: str | None = argument or None
        if not argument:
            entries = [Entry(name, load_theme(name, app.theme_directory).title, name) for name in names]
            entries.sort(key=lambda entry: entry.key != before)
            chosen = await app.push_screen_wait(Picker("Theme", entries, preview=self._preview))
        try:
            app.use_theme(chosen or before)
        except ThemeError as error:
            app.toast(str(error), "error")
            return
        if chosen:
            app.state.theme = chosen
            app.save_state()

    def _preview(self, name: str) -> None:
        try:
            self._app.use_theme(name)
        except ThemeError as error:
            self._app.toast(str(error), "error")

    async def sidebar(self, argument: str) -> None:
        """Show or hide the left column."""
        self._app.toggle_column("sidebar")

    async def details(self, argument: str) -> None:
        """Show or hide the right column."""
        self._app.toggle_column("details")

    async def bare(self, argument: str) -> None:
        """Print the log as plain text on the normal screen."""
        await self._app.show_pane("channels")
        self._app.main.channels.log_view.action_bare()

    async def screenshot(self, argument: str) -> None:
        """Save the screen as SVG."""
        path = self._app.save_screenshot(path=str(self._app.save_directory))
        self._app.toast(f"Saved {safe_line(path, 200)}")

    async def jump(self, argument: str) -> None:
        """Letters over everything that can have the focus."""
        from intercom_tui.screens.jump import JumpScreen

        app = self._app
        targets = [widget for widget in app.main.focus_chain if isinstance(widget, Widget)]
        chosen = await app.push_screen_wait(JumpScreen(targets))
        if chosen is not None:
            chosen.focus()

    async def settings(self, argument: str) -> None:
        """Change settings."""
        await self._app.open_settings()

    async def help(self, argument: str) -> None:
        """What the focused part does, and all keys."""
        from intercom_tui.screens.help import HelpScreen, local_keys

        app = self._app
        focused = app.main.focused
        about = "Everything is also in the palette."
        local: list[tuple[str, str]] = []
        if focused is not None:
            about = str(getattr(focused, "HELP", None) or about)
            bindings = [binding for many in focused._bindings.key_to_bindings.values() for binding in many]
            local = local_keys([binding for binding in bindings if binding.id], dict(app.keymap))
        await app.push_screen_wait(HelpScreen(about, local, dict(app.keymap)))

    async def quit(self, argument: str) -> None:
        """Leave, after asking."""
        bridge = self._app.engine.status.bridge
        clients = len(bridge.clients) if isinstance(bridge, BridgeListening) else 0
        if await self._app.push_screen_wait(quit_dialog(clients)) == "quit":
            self._app.leave()

    async def message(self, what: str, message: ChannelMessage | None, detail: str) -> None:
        """Do something with a message of the log."""
        app = self._app
        match what:
            case "copy":
                await app.copy_text(detail, "message")
            case "copy-json" if message is not None:
                await app.copy_text(message_json(message), "message as JSON")
            case "details" if message is not None:
                await self._message_details(message)
            case "link":
                await self._link(detail)
            case "bare":
                self._print(detail)

    async def _message_details(self, message: ChannelMessage) -> None:
        app = self._app
        text = safe_text(message_text(message))
        addresses = [text[start:end] for start, end in links(text)]
        who = app.people.full_label(message.sender or "")
        match await app.push_screen_wait(message_dialog(message, who, bool(addresses))):
            case "link":
                await self._link(addresses[0])
            case "reply" | "resend" as what:
                app.main.channels.log_view.post_message(MessageLog.Asked(what, message))
            case "copy":
                await app.copy_text(text, "message")
            case "json":
                await app.copy_text(message_json(message), "message as JSON")
            case "save":
                await app.save_text(text, "message")
            case "name":
                await app.perform("petname", message.sender or "")

    async def _link(self, address: str) -> None:
        choice = await self._app.push_screen_wait(link_dialog(address))
        if choice == "copy":
            await self._app.copy_text(address, "address")
        elif choice == "open":
            self._app.open_url(address)

    def _print(self, text: str) -> None:
        try:
            with self._app.suspend():
                print(text)
                input("\nEnter goes back to Intercom. ")
        except (SuspendNotSupported, EOFError):
            self._app.toast("This terminal cannot show the plain view. Copy a message with y instead.", "warning")

    async def paste(self, text: str) -> None:
        """Ask what to do with a paste of several lines."""
        choice = await self._app.push_screen_wait(paste_dialog(text))
        composer = self._app.main.channels.composer
        if choice == "one":
            composer.insert_text(text)
        elif choice == "quote":
            composer.insert_text("".join(f"> {line}\n" for line in text.split("\n")))
        composer.focus()
