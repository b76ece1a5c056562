"""README.md of a replication package: what is in it, how to rebuild, and what may be passed on."""

import json
from collections.abc import Mapping, Sequence

from valuescope.warehouse.replication.manifest import Manifest, SurveyFile
from valuescope.warehouse.tables.citations import Citation

README = "README.md"

_MARGINALS = (
    "for each wave, country, group of respondents, question and answer code how many gave it, with "
    "their summed weights"
)
_MOMENTS = (
    "sums of the cultural map's indicators and of their products over the respondents of a country"
)


def readme(
    manifest: Manifest,
    *,
    warning: str,
    citations: Sequence[Citation],
    smallest: Mapping[str, int | None],
    left_out_marts: Sequence[str],
    instrument: Sequence[str],
) -> str:
    """Return the page as Markdown.

    `warning` is what every report says of its numbers; `smallest` has the fewest respondents behind
    a row of the raw tables with counts, and `instrument` the parts of the user's instrument:
    `wordings`, `surveys`.
    """
    parts = [
        "# Replication package\n",
        "What a study with valuescope was computed from, and its tables: enough to build them "
        f"again on another machine. {warning}\n",
        "## Build it again\n",
        _rebuilding(manifest),
        "## What is here\n",
        _contents(manifest, smallest, instrument),
        "## What is left out\n",
        _left_out(manifest, left_out_marts),
        "## Models\n",
        "Named by the SHA-256 of the GGUF file that was scored (of its parts' hashes where it is "
        "split). To score again, take the file with that hash.\n",
        _models(manifest),
        "## Survey files\n",
        "\n".join(_survey_file(file) for file in manifest.surveys) + "\n"
        if manifest.surveys
        else "None was loaded.\n",
        "## What may be passed on\n",
        _licences(manifest, instrument),
        "## Please cite\n",
        _cited(citations),
    ]
    return "\n".join(parts)


def _rebuilding(manifest: Manifest) -> str:
    commit = f" at commit `{manifest.commit}`" if manifest.commit else ""
    ingest = [
        f"{command}    # SHA-256 {file.file_sha256[:16]}.."
        for file in manifest.left_out_surveys
        for command in file.commands
    ]
    steps = "\n".join(
        [
            "export VALUESCOPE_HOME=~/replication   # a new folder",
            "valuescope replicate THIS_FOLDER       # checks every file, then fills it",
            *ingest,
            "valuescope build",
            "valuescope replicate THIS_FOLDER --check   # compares the tables, cell by cell",
        ]
    )
    versions = ", ".join(f"{name} {number}" for name, number in manifest.versions.items())
    return (
        f"With valuescope {manifest.valuescope_version}{commit}:\n\n```\n{steps}\n```\n\n"
        "Numbers come out the same but for their last bits, since several processors add in "
        f"changing order. Made with {versions}.\n"
    )


def _contents(
    manifest: Manifest, smallest: Mapping[str, int | None], instrument: Sequence[str]
) -> str:
    lines = [
        f"- `landing/{manifest.landing_schema}/choice_log_likelihoods/`: every score, with the "
        "prompt and the answer in full, one file per run",
        f"- `landing/{manifest.landing_schema}/prompts/`, `models/`, `runs/`: the prompt designs, "
        "the model files, and how each run was computed, with the engine's version",
    ]
    if manifest.studies:
        names = ", ".join(str(study["study_name"]) for study in manifest.studies)
        lines.append(
            f"- `landing/{manifest.landing_schema}/studies/`: the study files ({names}), named by "
            "the hash that the runs carry"
        )
    if instrument:
        lines.append(f"- `instrument/`: {' and '.join(instrument)} beside valuescope's own")
    if manifest.has_survey:
        fewest = [f"`{name}` {count}" for name, count in smallest.items() if count is not None]
        lines.append(
            f"- `survey/`: aggregates of the surveys, no respondents. `human_marginals` has "
            f"{_MARGINALS}; `indicator_moments` {_MOMENTS}; `survey_loads` and `survey_fieldwork` "
            "what is known of files and fieldwork. "
            + (
                f"The fewest respondents behind a row: {', '.join(fewest)}."
                if fewest
                else "They are shares, without counts of respondents."
            )
        )
    if manifest.variables:
        given = json.dumps(dict(manifest.variables), sort_keys=True)
        lines.append(f"- `variables.json`: the dbt variables of the build, `{given}`")
    lines.append("- `marts/`: the tables as they were, with an index of their columns")
    lines.append("- `CITATION.cff`, `citation.bib`: whom to cite: valuescope and the surveys")
    lines.append("- `manifest.json`: versions, and the SHA-256 of each file")
    return "\n".join(lines) + "\n"


def _left_out(manifest: Manifest, left_out_marts: Sequence[str]) -> str:
    lines = [
        "- respondents: valuescope stores none, and none are here",
        "- the survey's own files and the models' weights; their hashes are below",
    ]
    if manifest.left_out_surveys:
        lines.append(
            "- the survey's aggregates: its files must be loaded before the tables are built"
        )
    if left_out_marts:
        names = ", ".join(f"`{name}`" for name in left_out_marts)
        lines.append(
            f"- tables that repeat shares, mean scores or places of its countries: {names}"
        )
    return "\n".join(lines) + "\n"


def _models(manifest: Manifest) -> str:
    if not manifest.models:
        return "None was scored.\n"
    lines = []
    for model in manifest.models:
        source = ""
        if model["hub_repository"] and model["hub_file"]:
            source = f"; {model['hub_repository']}, {model['hub_file']}"
            source += f" at {model['hub_revision']}" if model["hub_revision"] else ""
        lines.append(
            f"- {model['model_name']}: `{model['file_name']}`, {model['file_bytes']:,} bytes, "
            f"`{model['model_id']}`{source}; licence of the weights: "
            f"{model['licence'] or 'not known to valuescope'}"
        )
    return "\n".join(lines) + "\n"


def _survey_file(file: SurveyFile) -> str:
    loaded = "; ".join(f"`{command}`" for command in file.commands)
    return (
        f"- `{file.file_name}`, {file.file_bytes:,} bytes, SHA-256 `{file.file_sha256}`, loaded by "
        f"{loaded}"
    )


def _licences(manifest: Manifest, instrument: Sequence[str]) -> str:
    aggregates = (
        "This package holds aggregates of surveys. Whether they may be passed on is for each "
        "survey's terms of use to say; valuescope does not know them. Read them first, and where "
        "they do not allow it make the package anew with `--without-survey`."
        if manifest.has_survey
        else "This package holds no survey's aggregates. Its files come from the survey itself, "
        "under its terms of use."
    )
    questions = (
        "- Questions of other surveys are in `instrument/surveys/` and in the prompts, under "
        "those surveys' terms.\n"
        if "surveys" in instrument
        else ""
    )
    return (
        f"- {aggregates}\n"
        f"{questions}"
        "- The World Values Survey's questions are asked in wordings of valuescope's own, MIT "
        "licence, unless a prompt design names another wording set, translator and source, whose "
        "terms then hold.\n"
        "- What a model's licence says of its output holds for the scores.\n"
        "- valuescope itself is under the MIT licence.\n"
    )


def _cited(citations: Sequence[Citation]) -> str:
    entries = [citation.bibtex for citation in citations if citation.bibtex]
    if not entries:
        return "No citation is known of what was loaded.\n"
    return "```bibtex\n" + "\n\n".join(entries) + "\n```\n"
