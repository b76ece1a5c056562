"""The methods section and a registration form, filled from the warehouse, with marked blanks."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from valuescope.reports.exhibits.filled_exhibit import FilledExhibit
from valuescope.reports.files.methods_facts import MethodsFacts
from valuescope.reports.files.report_files import markdown_table
from valuescope.warehouse.counted import counted

_STYLES = {
    "label": "the label alone (`A`)",
    "label_text": "label and text (`A) Never justifiable`)",
    "text": "the text alone (`Never justifiable`)",
}
_ORDERS = {"forward": "as in the questionnaire", "reverse": "reversed"}
_PROBABILITIES = {
    "likelihood": (
        "The probability of a choice is its likelihood divided by that of all choices: "
        "exp(l_k) / sum_j exp(l_j), where l_k is the log-likelihood of the answer's tokens after "
        "the prompt, by the model's full softmax."
    ),
    "probability": "Some probabilities are as another program stated them.",
    "sampled": "Some probabilities are shares of sampled answers.",
}
# The exhibits of a report that a registration asks for, under the form's headings.
_ASKED = "What was asked"
_TABLES = {
    _ASKED: ("prompts", "excluded"),
    "Of which model files": ("files_and_hashes",),
    "Of whom": ("survey_files",),
    "What was compared, and what is missing": ("missing_cells",),
    "Runs": ("deviations",),
}


def methods_document(
    facts: MethodsFacts,
    exhibits: Iterable[FilledExhibit],
    *,
    version: str,
    surveys: str,
    citation_keys: Sequence[str],
    bibliography: str,
) -> str:
    """Return the document as Markdown.

    `surveys` names the people that models are compared with, `citation_keys` are those of
    `bibliography`, which is BibTeX.
    """
    filled = {exhibit.exhibit.exhibit_id: exhibit for exhibit in exhibits}
    blocks = [
        "# Methods and registration",
        f"Filled by valuescope {version} from its tables. Every {blank('..')} is yours.",
        "## Methods",
        " ".join(_asking(facts, surveys)),
        " ".join(_computing(facts, citation_keys)),
        "## Registration",
        *_study_blocks(facts),
    ]
    for heading, names in _TABLES.items():
        shown = [filled[name] for name in names if name in filled]
        blocks += [f"### {heading}", *(_asked_blocks(facts) if heading == _ASKED else ())]
        blocks += [block for exhibit in shown for block in _table(exhibit)]
        if not shown:
            blocks.append(blank("the tables have nothing of it"))
    blocks += ["### Deviations from the frozen study", *_deviation_blocks(facts)]
    blocks += [
        "### Data and code",
        f"Replication package (`valuescope export --replication`): {blank('its DOI')}. Analysis "
        f"code: {blank('where it is')}.",
        "## Citations",
        f"```bibtex\n{bibliography.rstrip()}\n```",
    ]
    return "\n\n".join(blocks) + "\n"


def blank(what: str) -> str:
    """Return a mark that a reader cannot miss, for what only the author knows."""
    return f"**[FILL IN: {what}]**"


def _asking(facts: MethodsFacts, surveys: str) -> Iterator[str]:
    names = _listed([model.name for model in facts.models]) or blank("the models")
    yield (
        f"We measured how closely {counted(len(facts.models), 'language model')} ({names}) "
        f"{'matches' if len(facts.models) == 1 else 'match'} what people in "
        f"{counted(len(facts.countries), 'country')} answered to "
        f"{counted(len(facts.questions), 'question')} of a survey ({_survey(surveys)})."
    )
    yield f"The models were chosen because {blank('why these')}."
    without = ", and once without a country" if facts.is_asked_without_country else ""
    yield (
        f"Each model was asked a question as if in a country{without}: {facts.cells:,} cells of a "
        "question in a country, over all models and designs."
    )
    yield from _designs(facts)


def _survey(surveys: str) -> str:
    if surveys == "no survey":
        return blank("the survey")
    return surveys.replace("years not stated", blank("years of the interviews")).replace(
        "weighting not stated", blank("weighting")
    )


def _designs(facts: MethodsFacts) -> Iterator[str]:
    designs = facts.designs
    templates = _listed(_distinct(f"`{design.template_id}`" for design in designs))
    wordings = _listed(
        _distinct(f"`{design.wording_set}` ({design.language})" for design in designs)
    )
    yield f"Template of the prompts: {templates}; wordings: {wordings}; both are below in full."
    if any(design.coding_id == "paper" for design in designs):
        yield "The coding `paper`, with an odd number of choices, is a reconstruction."
    styles = _listed(_distinct(_STYLES[design.answer_style] for design in designs))
    yield f"Answers that were scored: {styles}."
    orders = _distinct(
        _ORDERS.get(design.choice_order, f"rotated (`{design.choice_order}`)") for design in designs
    )
    yield f"The choices were shown {_listed(orders)}" + (
        "; probabilities are averaged over the orders."
        if facts.is_averaged
        else ", in one order only, so a leaning to the first or last choice is part of the numbers."
    )
    chat = {design.chat_mode for design in designs}
    if any(model.is_chat for model in facts.models):
        yield {
            frozenset({"template"}): "Chat models were asked through their own chat template.",
            frozenset({"raw"}): "Chat models were asked without their chat template.",
        }.get(frozenset(chat), "Chat models were asked with and without their chat template.")


def _computing(facts: MethodsFacts, citation_keys: Sequence[str]) -> Iterator[str]:
    yield from (
        text
        for kind, text in _PROBABILITIES.items()
        if any(design.elicitation == kind for design in facts.designs)
    )
    if facts.engines:
        types = _listed([f"`{name}`" for name in facts.compute_types])
        yield (
            f"llama.cpp computed them (llama-cpp-python {_listed(facts.engines)}), with weights in "
            f"{types}"
            + (
                "."
                if facts.largest_path_difference is None
                else f"; another way of decoding moved an answer by at most "
                f"{facts.largest_path_difference:.2g} nats, on a few cells of each design."
            )
        )
    yield (
        "A mean score places the choices evenly from -1 to 1. Agreement in a country is Pearson's "
        "r between the model's and people's mean scores over the questions, beside that of a blind "
        "baseline, the mean of all other countries. 95% intervals are by a jackknife that leaves "
        "out one battery of questions at a time, with Student's t; tests of one family are "
        "corrected by Benjamini and Hochberg."
    )
    given = ", ".join(f"`{name}={json.dumps(value)}`" for name, value in facts.variables.items())
    cited = "; ".join(f"@{key}" for key in citation_keys)
    yield (
        f"Answers were scored by valuescope {_listed(facts.versions)} and the tables built with "
        + (f"the variables {given}" if given else "its default variables")
        + f" [{cited}]."
    )
    yield f"Main outcome and tests: {blank('which numbers, of which tables, answer the question')}."


def _study_blocks(facts: MethodsFacts) -> Iterator[str]:
    yield "### Study"
    yield "\n".join(
        f"- {what}: {blank(hint)}"
        for what, hint in (
            ("Title", "title"),
            ("Authors", "names and ORCIDs"),
            ("Question and hypotheses", "what is expected, in which direction"),
            ("Registered", "where and when, before or after scoring"),
            ("Stopping rule", "what decides that a run or a model is left out"),
        )
    )
    if not facts.studies:
        yield (
            "No study file was frozen: the records do not show what was planned before scoring. "
            + blank("where the plan is")
        )
    for study in facts.studies:
        yield f"Study `{study.name}`, SHA-256 `{study.sha256}`:"
        yield (
            f"```toml\n{study.text.rstrip()}\n```"
            if study.text is not None
            else blank("the study file, which is not in the landing zone")
        )
    if unknown := list(_unknown(facts)):
        yield "Not recorded of the models:"
        yield "\n".join(f"- {line}" for line in unknown)


def _asked_blocks(facts: MethodsFacts) -> Iterator[str]:
    yield f"Questions: {', '.join(facts.questions)}."
    yield f"Countries: {', '.join(facts.countries)}."


def _unknown(facts: MethodsFacts) -> Iterator[str]:
    for model in facts.models:
        for what, value in (
            ("licence of the weights", model.licence),
            ("month up to which the training text reaches", model.training_cutoff_month),
        ):
            if value is None:
                yield f"{model.name} (`{model.file_name}`): {blank(what)}"


def _deviation_blocks(facts: MethodsFacts) -> Iterator[str]:
    if facts.deviations:
        yield "\n".join(f"- {deviation}" for deviation in facts.deviations)
    elif facts.studies:
        yield "The records show none."
    yield "Others: " + blank("analyses that were not planned, or that none were made")


def _table(exhibit: FilledExhibit) -> Iterator[str]:
    if exhibit.exhibit.exhibit_id == "excluded":
        # Of the whole instrument, what was never asked needs no reason.
        asked = [row for row in exhibit.rows if row["countries_asked"]]
        exhibit = replace(exhibit, rows=asked)
    yield f"{exhibit.exhibit.title} {exhibit.exhibit.reading}"
    yield "\n".join(markdown_table(exhibit))


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _listed(texts: Sequence[str]) -> str:
    if len(texts) < 2:
        return "".join(texts)
    return f"{', '.join(texts[:-1])} and {texts[-1]}"
