"""`valuescope models`."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import click

from valuescope.console import out, say
from valuescope.reports.terminal.fitting_table import FittingTable
from valuescope.scorer.models.files import is_installed, local_file
from valuescope.scorer.models.found import found_files
from valuescope.scorer.models.stores import kept_hub_files
from valuescope.warehouse.errors import unknown_name
from valuescope.warehouse.home import current_home
from valuescope.warehouse.instruments.seeds import RegisteredModel, load_instrument
from valuescope.warehouse.tables.json_text import json_text


@click.command(
    name="models",
    epilog="""\b
    Examples:
      valuescope models
      valuescope models smollm2-135m-instruct
      valuescope models --found""",
)
@click.argument("name", required=False)
@click.option(
    "--found",
    is_flag=True,
    help="List the GGUF files that Ollama, LM Studio, llama.cpp and the Hugging Face cache keep on "
    "this machine, and whether each can be scored.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(name: str | None, found: bool, as_json: bool) -> None:
    """List the model registry, or show one model and where its file is.

    A GGUF outside the registry needs no entry: `score --model PATH` takes it as it is. Rows of your
    own in instrument/models.csv of the home say more about it (docs/scoring.md).
    """
    if found:
        if name is not None:
            raise click.UsageError("--found lists all files; leave the name out.")
        _print_found(as_json)
        return
    registry = load_instrument(current_home()).models
    if name is not None and name not in registry:
        raise unknown_name(
            "model",
            name,
            registry,
            "`valuescope models` lists all, `valuescope models --found` the files on this machine.",
        )
    chosen = [registry[name]] if name else list(registry.values())
    kept = kept_hub_files()
    if as_json:
        described = [_described(model, kept) for model in chosen]
        click.echo(json_text(described[0] if name else described), nl=False)
    elif name:
        for key, value in _described(chosen[0], kept).items():
            out().print(f"{key:18} {'unknown' if value is None else value}", soft_wrap=True)
    else:
        out().print(_table(chosen, kept))
        say("Here: the file is on this machine; hub: `score` downloads it (extra `hub`).")


def _print_found(as_json: bool) -> None:
    files = found_files()
    if as_json:
        listed = [dataclasses.asdict(file) | {"path": str(file.path)} for file in files]
        click.echo(json_text(listed), nl=False)
        return
    if not files:
        say("No GGUF file was found. `score --model PATH` takes a file from anywhere.")
        return
    table = FittingTable(header_style="bold")
    table.add_column("name", overflow="fold")
    table.add_column("size", justify="right")
    table.add_column("quantization")
    table.add_column("where", overflow="fold")
    table.add_column("can be scored", overflow="fold")
    for file in files:
        size = f"{file.file_bytes / 1e6:,.0f} MB" if file.file_bytes else ""
        names = "\n".join((file.name, *(f"= {name}" for name in file.other_names)))
        verdict = f"no: {file.problem}" if file.problem else "yes"
        table.add_row(names, size, file.quantization or "", file.store, verdict)
    out().print(table)
    say(
        "Score one by its name; names after = are of the same file. --json gives the paths. Only "
        "what the files say of themselves was read: `valuescope doctor --model NAME` examines one."
    )


def _described(model: RegisteredModel, kept: Mapping[str, Path]) -> dict[str, object]:
    path = local_file(model, current_home()) or kept.get(model.hub_reference)
    return dataclasses.asdict(model) | {"file": str(path) if path else None}


def _table(models: list[RegisteredModel], kept: Mapping[str, Path]) -> FittingTable:
    table = FittingTable(header_style="bold")
    table.add_column("name")
    table.add_column("model")
    table.add_column("kind")
    table.add_column("parameters", justify="right")
    table.add_column("file")
    for model in models:
        size = f"{model.parameter_count / 1e9:.2f}B" if model.parameter_count else "unknown"
        kind = "chat" if model.is_chat else "base"
        table.add_row(model.model_name, model.display_name, kind, size, _where(model, kept))
    return table


def _where(model: RegisteredModel, kept: Mapping[str, Path]) -> str:
    if is_installed(model, current_home()) or model.hub_reference in kept:
        return "here"
    if model.package_name:
        return "package, not installed"
    return f"hub: {model.hub_repository}" if model.hub_file else "no verified download"
