"""The entry point: the group of commands and the way errors are told."""

import os
import sys
from importlib import import_module

import click

from valuescope.console import say
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.version import project_version

_COMMANDS = (
    "demo",
    "ingest",
    "doctor",
    "score",
    "send",
    "land",
    "build",
    "report",
    "sql",
    "export",
    "replicate",
    "status",
    "lake",
    "prompt",
    "models",
)


class _Commands(click.Group):
    """Commands in the order of a study, each imported only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        try:
            command: click.Command = import_module(f"valuescope.commands.{cmd_name}").command
        except ModuleNotFoundError as error:
            if error.name != "llama_cpp":
                raise
            return _without_engine(cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            known = f"{error.message} Commands: {', '.join(_COMMANDS)}."
            raise click.UsageError(known, ctx) from error


def _without_engine(name: str) -> click.Command:
    """Stands in for a command that scores, in the environment for shared warehouses."""

    def refuse() -> None:
        raise ValuescopeError(
            f"`{name}` needs llama.cpp, which this environment ({sys.prefix}) lacks: it is for "
            "shared warehouses. Call .venv/bin/valuescope, which `make setup` installs."
        )

    anything = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
    return click.Command(name, anything, refuse, short_help="Needs llama.cpp: use .venv.")


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(project_version(), prog_name="valuescope")
def cli() -> None:
    """Measure how closely a language model's picture of a country matches its survey answers.

    A study is three steps: `ingest` loads what people said, `score` asks a model the same
    questions, and `build` turns both into tables. Then `report` shows the main results and
    `sql` answers everything else.

    Database, landing zone, downloaded models and your own wordings lie in the folder that the
    environment variable VALUESCOPE_HOME names (default: the `warehouse` folder of the clone). Where
    VALUESCOPE_LAKE names a PostgreSQL database, the tables are shared (docs/shared-warehouse.md).
    Data goes to stdout, messages go to stderr. Exit codes: 0 done, 1 a problem (it is named), 2
    wrong usage, 130 interrupted.
    """


def main() -> None:
    """Run the command line and exit."""
    try:
        cli.main(standalone_mode=False)
    except ValuescopeError as error:
        say(f"Error: {error}")
        sys.exit(1)
    except click.exceptions.Exit as request:
        sys.exit(request.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        say("Interrupted. What had landed or was loaded is kept; repeat the command to go on.")
        sys.exit(130)
    except BrokenPipeError:
        # The reader of the pipe has gone (`| head`); nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
