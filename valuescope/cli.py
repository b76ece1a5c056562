"""The entry point: the group of commands and the way errors are reported."""

import os
import sys
from importlib import import_module

import click

from valuescope.console import say
from valuescope.warehouse.errors import ValuescopeError, WrongUsageError

# In the order of a study. The lines are here, so that `--help` imports no command.
COMMANDS = {
    "demo": "Try the whole job on real people and a real model, in a few minutes.",
    "ingest": "Load what people said: a survey FILE, or the open sample.",
    "doctor": "Check the engine, or a model before hours are spent on it.",
    "score": "Ask models the survey's questions and keep the log-likelihood of every answer.",
    "questions": "Write exactly what is to be asked: prompts, choices and their ids.",
    "send": "Upload what has landed here to a shared store.",
    "land": "Download what others have scored from a shared store, or bring a FILE of answers.",
    "build": "Turn what is loaded and scored into tables (`dbt build`).",
    "report": "Show how close models are to people: in the terminal, as a page, or as files.",
    "sql": "Ask the warehouse anything, read-only.",
    "export": "Write the tables to DIR, one file each, for other programs.",
    "replicate": "Fill this home from a package of `export --replication`, to build its tables "
    "again.",
    "status": "Show where everything is, what is loaded, scored, built and out of date.",
    "forget": "Remove what was loaded or scored: a survey load, a run, or all runs of a model.",
    "lake": "Make, fill and tidy a warehouse that several people share (docs/shared-warehouse.md).",
    "prompt": "Show exactly what a model is asked, token by token.",
    "models": "List the model registry, or show one model and where its file is.",
}


class _Commands(click.Group):
    """A group that imports a command only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"valuescope.commands.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            known = f"{error.message} Commands: {', '.join(COMMANDS)}."
            raise click.UsageError(known, ctx) from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="valuescope", prog_name="valuescope")
def cli() -> None:
    """Measure how closely a language model's picture of a country matches its survey answers.

    A study is three steps: `ingest` loads what people said, `score` asks a model the same
    questions, and `build` turns both into tables. Then `report` shows the main results and
    `sql` answers everything else.

    The environment variable VALUESCOPE_HOME names the folder of the database, the landing zone
    and your own wordings; `status` shows it, and the folders of models. If VALUESCOPE_LAKE
    names a PostgreSQL database, the tables are shared (docs/shared-warehouse.md).
    Data goes to stdout, messages go to stderr. Exit codes: 0 done, 1 a problem (it is named), 2
    wrong usage, 130 interrupted.
    """


def main() -> None:
    """Run the command line and exit."""
    if sys.platform == "win32":
        sys.exit(
            "Error: valuescope runs on Linux and macOS. On Windows, install it in WSL: "
            "`wsl --install`, then the same commands in its terminal."
        )
    try:
        cli.main(standalone_mode=False)
    except ValuescopeError as error:
        say(f"Error: {error}")
        sys.exit(2 if isinstance(error, WrongUsageError) else 1)
    except click.exceptions.Exit as request:
        sys.exit(request.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        say("Interrupted. What had landed or was loaded is kept; repeat the command to go on.")
        sys.exit(130)
    except BrokenPipeError:
        # The reader of the pipe has gone (`| head`); nothing can be reported.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
