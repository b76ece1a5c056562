"""`valuescope models`."""

import dataclasses

import click

from valuescope.console import out, say
from valuescope.reports.terminal.fitting_table import FittingTable
from valuescope.scorer.models.files import is_installed, local_file
from valuescope.warehouse.errors import unknown_name
from valuescope.warehouse.home import current_home
from valuescope.warehouse.instruments.seeds import RegisteredModel, load_instrument
from valuescope.warehouse.tables.json_text import json_text


@click.command(name="models")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(name: str | None, as_json: bool) -> None:
    """List the model registry, or show one model and where its file is.

    A GGUF outside the registry needs no entry: `score --model PATH` takes it as it is.
    """
    registry = load_instrument().models
    if name is not None and name not in registry:
        raise unknown_name("model", name, registry, "`valuescope models` lists all.")
    chosen = [registry[name]] if name else list(registry.values())
    if as_json:
        described = [_described(model) for model in chosen]
        click.echo(json_text(described[0] if name else described), nl=False)
    elif name:
        for key, value in _described(chosen[0]).items():
            out().print(f"{key:18} {'unknown' if value is None else value}", soft_wrap=True)
    else:
        out().print(_table(chosen))
        say("Here: the file is on this machine; hub: `score` downloads it (extra `hub`).")


def _described(model: RegisteredModel) -> dict[str, object]:
    path = local_file(model, current_home())
    return dataclasses.asdict(model) | {"file": str(path) if path else None}


def _table(models: list[RegisteredModel]) -> FittingTable:
    table = FittingTable(header_style="bold")
    table.add_column("name")
    table.add_column("model")
    table.add_column("kind")
    table.add_column("parameters", justify="right")
    table.add_column("file")
    for model in models:
        size = f"{model.parameter_count / 1e9:.2f}B" if model.parameter_count else "unknown"
        kind = "chat" if model.is_chat else "base"
        table.add_row(model.model_name, model.display_name, kind, size, _where(model))
    return table


def _where(model: RegisteredModel) -> str:
    if is_installed(model, current_home()):
        return "here"
    if model.package_name:
        return "package, not installed"
    return f"hub: {model.hub_repository}" if model.hub_file else "no verified download"
