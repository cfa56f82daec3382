"""The commands."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any, NoReturn

import click

from engine.config.write import write_config
from engine.errors import ConfigError, IntercomError, PolicyDenied, StoreLocked, TimedOut
from engine.version import VERSION
from intercom_tui.cli.options import explain_unknown_flag, invocation, normalise, settings_options

EXIT_ERROR, EXIT_USAGE, EXIT_CONFIG, EXIT_LOCKED, EXIT_TIMEOUT, EXIT_REFUSED, EXIT_INTERRUPTED = 1, 2, 3, 4, 5, 6, 130

_REPORT = "This is a defect of the program; the log file has the details. Please report it."
_logger = logging.getLogger(__name__)

_EXIT_CODES: tuple[tuple[type[IntercomError], int], ...] = (
    (ConfigError, EXIT_CONFIG),
    (StoreLocked, EXIT_LOCKED),
    (TimedOut, EXIT_TIMEOUT),
    (PolicyDenied, EXIT_REFUSED),
)


class _Commands(click.Group):
    """Keeps the commands in the order in which a newcomer needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in definition order."""
        return list(self.commands)


@click.group(cls=_Commands, invoke_without_command=True, context_settings={"max_content_width": 110})
@click.version_option(VERSION, prog_name="intercom-tui")
@click.option("--no-setup", is_flag=True, help="Skip the first-run questions and use the defaults.")
@click.option("--demo", is_flag=True, help="Look around among scripted peers; no network, nothing is stored.")
@settings_options
@click.pass_context
def cli(context: click.Context, /, no_setup: bool, demo: bool, **arguments: Any) -> None:
    """Intercom: encrypted peer-to-peer channels for people and agents. Without a command: the full-screen app."""
    if context.invoked_subcommand is None:
        from intercom_tui.cli.screen import run_demo, run_screen

        call = invocation(context, arguments)
        if not sys.stdout.isatty() or not sys.stdin.isatty():
            raise click.UsageError("The full-screen app needs a terminal. Without one, use: intercom-tui run")
        if demo:
            run_demo()
        else:
            run_screen(call, ask=not no_setup)


@cli.command()
@click.argument("store", required=False, default="")
@settings_options
@click.pass_context
def run(context: click.Context, /, store: str, **arguments: Any) -> None:
    """Run the peer without a screen until SIGTERM or Ctrl+C. STORE is the name of its store."""
    from intercom_tui.cli.headless import run_headless

    run_headless(invocation(context, arguments, label=store))


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to bind.")
@click.option("--port", default=49737, show_default=True, type=click.IntRange(1, 65535), help="UDP port.")
@click.option("--nodes", default=10, show_default=True, type=click.IntRange(1, 200), help="Number of DHT nodes.")
def dht(host: str, port: int, nodes: int) -> None:
    """Run a bootstrap network for a private network: the first node on the port, the others on free ones."""
    from intercom_tui.cli.bootstrap import run_bootstrap

    run_bootstrap(host, port, nodes)


@cli.command()
@click.option("--output", default="-", type=click.Path(dir_okay=False), help="File to write; - = standard output.")
@click.option("--invitee", "invitees", multiple=True, metavar="KEY", help="Public key to invite to protected channels.")
@settings_options
@click.pass_context
def script(context: click.Context, /, output: str, invitees: tuple[str, ...], **arguments: Any) -> None:
    """Write the run script of this peer, with one-line commands for those who join its channels."""
    from intercom_tui.cli.script import write_script

    write_script(invocation(context, arguments), output, invitees)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@settings_options
@click.pass_context
def doctor(context: click.Context, /, as_json: bool, **arguments: Any) -> None:
    """Say in words why the network does not work."""
    from intercom_tui.cli.doctor import run_doctor

    raise SystemExit(run_doctor(invocation(context, arguments), as_json=as_json))


@cli.group()
def wallet() -> None:
    """Show the identity of this peer."""


@wallet.command("show")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@settings_options
@click.pass_context
def wallet_show(context: click.Context, /, as_json: bool, **arguments: Any) -> None:
    """Print public key, address and file."""
    from intercom_tui.cli.wallet import print_identity

    print_identity(invocation(context, arguments), as_json=as_json)


@wallet.command("words")
@settings_options
@click.pass_context
def wallet_words(context: click.Context, /, **arguments: Any) -> None:
    """Print the recovery words, on a terminal only."""
    from intercom_tui.cli.wallet import print_words

    print_words(invocation(context, arguments))


@cli.group()
def config() -> None:
    """Show or write the settings."""


@config.command("show")
@click.option("--origin", is_flag=True, help="Also tell where each value comes from.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@settings_options
@click.pass_context
def config_show(context: click.Context, /, origin: bool, as_json: bool, **arguments: Any) -> None:
    """Print every setting."""
    from intercom_tui.cli.settings import print_settings

    print_settings(invocation(context, arguments), origin=origin, as_json=as_json)


@config.command("init")
@settings_options
@click.pass_context
def config_init(context: click.Context, /, **arguments: Any) -> None:
    """Write the configuration file with the settings given as flags."""
    call = invocation(context, arguments)
    from intercom_tui.cli.settings import explicit_values

    write_config(call.paths.config_file, explicit_values(call))
    click.echo(str(call.paths.config_file))


@config.command("docs")
def config_docs() -> None:
    """Print the table of all settings."""
    from intercom_tui.cli.settings import settings_table

    click.echo(settings_table())


def main(argv: list[str] | None = None) -> None:
    """Entry point of the commands ``intercom-tui`` and ``intercom``."""
    words = sys.argv[1:] if argv is None else argv
    try:
        cli.main(args=normalise(words, cli.commands), prog_name="intercom-tui", standalone_mode=False)
    except click.NoSuchOption as error:
        _fail(explain_unknown_flag(error), "See: intercom-tui --help", EXIT_USAGE)
    except click.exceptions.Exit as done:
        raise SystemExit(done.exit_code) from None
    except click.ClickException as error:
        _fail(error.format_message(), "See: intercom-tui --help", EXIT_USAGE)
    except (KeyboardInterrupt, click.Abort):
        raise SystemExit(EXIT_INTERRUPTED) from None
    except IntercomError as error:
        code = next((number for kind, number in _EXIT_CODES if isinstance(error, kind)), EXIT_ERROR)
        _fail(str(error), error.hint, code)
    except BrokenPipeError:
        _leave_pipe()
    except OSError as error:
        _fail(f"{error.filename or 'The output'}: {error.strerror or error}.", "", EXIT_ERROR)
    except Exception as error:
        _logger.exception("unexpected failure")
        _fail(f"Something went wrong inside: {type(error).__name__}: {error}", _REPORT, EXIT_ERROR)


def _leave_pipe() -> NoReturn:
    """Nobody reads the output any more: end without a word, also while Python flushes what is left."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(EXIT_ERROR)


def _fail(text: str, hint: str, code: int) -> NoReturn:
    click.echo(f"intercom-tui: {text}", err=True)
    if hint:
        click.echo(f"  {hint}", err=True)
    raise SystemExit(code)
