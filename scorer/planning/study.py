"""A study: what is asked of which models, fixed in a file before anything is scored."""

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

from valuescope.scorer.planning.design import (
    ASKED_HERE,
    DEFAULT_DRAWS,
    PromptDesign,
    canonical_hash,
    expand_orders,
)
from valuescope.scorer.planning.templates import DEFAULT_TEMPLATE, PERCENTAGES, named_template
from valuescope.scorer.runs.run import StudyReference
from valuescope.warehouse.errors import ValuescopeError, unknown_name
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import DEFAULT_SURVEY, Country, Instrument, Question
from valuescope.warehouse.instruments.subjects import (
    Group,
    Placebo,
    Subject,
    choose_groups,
    choose_placebos,
)
from valuescope.warehouse.instruments.wordings import OUR_WORDINGS, load_wording_set
from valuescope.warehouse.landing_zone.shards import write_text
from valuescope.warehouse.status.loaded import LoadedPeople

# In the place of names: what the loaded survey's people were asked.
LOADED = "loaded"
_REPLACED_LINES = re.compile(
    r"""^[ \t]*(countries|questions)[ \t]*=[ \t]*\[?\s*["']loaded["']\s*,?\s*\]?[ \t]*(\#.*)?\n?"""
    r"""|^[ \t]*survey[ \t]*=[ \t]*["'][^"']*["'][ \t]*(\#.*)?\n?""",
    re.MULTILINE,
)
_Number = TypeVar("_Number", int, float)
_STUDY_KEYS = {
    "name",
    "description",
    "models",
    "designs",
    "survey",
    "countries",
    "questions",
    "categories",
    "coding",
    "by",
    "placebos",
}
# Entries of earlier versions that nothing read.
_GONE = ("primary_outcome", "contrasts")
_DESIGN_KEYS = {
    *("template", "wordings", "answers", "orders", "chat"),
    *("elicit", "draws", "temperature"),
}


@dataclass(frozen=True)
class Plan:
    """A plan: each model with each design, over the same questions and subjects.

    `groups` are of the countries; `placebos` are invented ones.
    """

    models: tuple[str, ...]
    designs: tuple[PromptDesign, ...]
    questions: tuple[Question, ...]
    countries: tuple[Country, ...]
    study: StudyReference | None = None
    groups: tuple[Group, ...] = ()
    placebos: tuple[Placebo, ...] = ()

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Return everybody that is asked about, beside nobody in particular."""
        return (*self.countries, *self.groups, *self.placebos)


@dataclass(frozen=True)
class Study:
    """A study file, read and checked. `sha256` is of its content, comments and layout aside.

    In `text` and `sha256` the names that `loaded` stood for are written out; `asks_loaded` says
    that the file has that word.
    """

    name: str
    sha256: str
    text: str
    plan: Plan
    asks_loaded: bool = False


# Returns the loaded people of a survey, else of the survey that is loaded; None where none is.
Loaded = Callable[[str | None], LoadedPeople | None]


def nothing_loaded(_survey_id: str | None) -> None:
    """Return None, as if nothing were loaded."""
    return


def load_study(
    path: Path, home: Home, instrument: Instrument, loaded: Loaded = nothing_loaded
) -> Study:
    """Read and check a study file; `loaded` is asked where the file has that word.

    Raises ValuescopeError, naming the file and the entry, for anything that does not exist.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValuescopeError(f"Cannot read the study {path}: {error}.") from error
    try:
        written, resolved = _written_out(text, content, loaded)
        return _study(path, written, resolved, home, instrument, written != text)
    except ValuescopeError as error:
        raise ValuescopeError(f"The study {path} cannot be run. {error}") from error


def freeze_study(study: Study, home: Home) -> Path:
    """Keep the file of a study that is run in the landing zone, under its hash."""
    return write_text(home.landing / "studies" / f"{study.sha256}.toml", study.text)


def design_grid(
    home: Home,
    instrument: Instrument,
    *,
    templates: Sequence[str] | None = None,
    wording_sets: Sequence[str] = (OUR_WORDINGS.name,),
    answers: Sequence[str] | None = None,
    orders: Sequence[str] = ("forward",),
    chats: Sequence[str] = ("template",),
    coding_id: str = "native",
    elicits: Sequence[str] = ("likelihood",),
    draws: int | None = None,
    temperature: float | None = None,
    questions: Sequence[Question] | None = None,
) -> tuple[PromptDesign, ...]:
    """Return every combination, each once.

    Template and answer style that are not named are those that go with the elicitation. Raises
    ValuescopeError for a name that does not exist, and for parts that do not go together.

    The order `cyclic` has as many rotations as the longest list of choices of `questions`, which
    are those of the default survey unless they are named.
    """
    coding_id = instrument.coding(coding_id)
    asked = questions or instrument.questions_of_survey(DEFAULT_SURVEY)
    largest = max(len(question.choices.get(coding_id, ())) for question in asked)
    if "sampled" not in elicits and (draws is not None or temperature is not None):
        raise ValuescopeError("Draws and their temperature are for sampled answers only.")
    designs = {}
    for elicit, wording_set in product(elicits, wording_sets):
        if elicit not in ASKED_HERE:
            known = f"Known: {', '.join(ASKED_HERE)}."
            raise unknown_name("way to elicit answers", elicit, ASKED_HERE, known)
        if elicit == "sampled" and "text" in (answers or ()):
            # A grammar gives each way to spell words its own weight.
            raise ValuescopeError(
                "Sampled answers begin with a label: words alone can be spelled in many ways, "
                "which weigh more or less than the answer. Ask for label or label_text answers."
            )
        is_stated = elicit == "verbalised"
        wordings = load_wording_set(home, wording_set, instrument)
        for template, answer, order, chat in product(
            templates or (PERCENTAGES if is_stated else DEFAULT_TEMPLATE,),
            answers or ("label" if is_stated else "label_text",),
            expand_orders(orders, largest),
            chats,
        ):
            design = PromptDesign(
                named_template(template, wordings),
                coding_id,
                answer,
                order,
                chat,
                wordings,
                elicit,
                DEFAULT_DRAWS if draws is None else draws,
                1.0 if temperature is None else temperature,
            )
            designs[design.prompt_id] = design
    return tuple(designs.values())


def choose_questions(
    instrument: Instrument,
    questions: Sequence[str] | None,
    categories: Sequence[str] | None,
    survey_id: str = DEFAULT_SURVEY,
) -> tuple[Question, ...]:
    """Return the named questions and those of the named categories, in survey order; None is all.

    Names are those of `survey_id` first; questions of other surveys have theirs before a colon.
    Raises ValuescopeError for a name that does not exist.
    """
    of_survey = instrument.questions_of_survey(survey_id)
    if questions is None and categories is None:
        return of_survey
    wanted = {instrument.question(name, survey_id).question_id for name in questions or ()}
    wanted |= {
        question.question_id
        for question in instrument.questions_of_categories(tuple(categories or ()), survey_id)
    }
    return tuple(q for q in instrument.questions.values() if q.question_id in wanted)


def choose_countries(
    instrument: Instrument, countries: Sequence[str] | None
) -> tuple[Country, ...]:
    """Return the named countries, each once; None is those of wave 7."""
    if countries is None:
        return tuple(country for country in instrument.countries.values() if country.in_wvs7)
    return tuple({c.country_id: c for c in map(instrument.country, countries)}.values())


def people_loaded(loaded: Loaded, survey_id: str | None) -> LoadedPeople:
    """Return the loaded people. Raises ValuescopeError where nothing is loaded."""
    people = loaded(survey_id)
    if people is None:
        what = f"The survey {survey_id} is not loaded" if survey_id else "No survey is loaded"
        raise ValuescopeError(
            f"{what} in this home (shared warehouses are not looked at), so 'loaded' is nothing. "
            "Load one with `valuescope ingest FILE`, or name countries and questions."
        )
    return people


def _written_out(text: str, content: dict[str, Any], loaded: Loaded) -> tuple[str, dict[str, Any]]:
    """Replace `loaded` in a study by names, so that it means the same on every machine."""
    asked = [key for key in ("countries", "questions") if content.get(key) in (LOADED, [LOADED])]
    if not asked:
        return text, content
    people = people_loaded(loaded, content.get("survey"))
    names: dict[str, object] = {"survey": people.survey_id}
    names |= {key: list(getattr(people, key)) for key in asked}
    # Lists of texts are written alike in JSON and TOML.
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in names.items())
    written = lines + _REPLACED_LINES.sub("", text)
    resolved = content | names
    try:
        is_same = tomllib.loads(written) == resolved
    except tomllib.TOMLDecodeError:
        is_same = False
    if not is_same:
        raise ValuescopeError(
            f"Write {', '.join(f'{key} = {json.dumps(LOADED)}' for key in asked)} and the survey, "
            "each in a line of its own."
        )
    return written, resolved


def _study(
    path: Path,
    text: str,
    content: dict[str, Any],
    home: Home,
    instrument: Instrument,
    asks_loaded: bool,
) -> Study:
    for key in _GONE:
        if key in content:
            raise ValuescopeError(
                f"'{key}' had no effect on tables and reports and is gone. Remove it, or say in "
                "the description what will be compared."
            )
    _known_keys("the study", content, _STUDY_KEYS)
    name = content.get("name", path.stem)
    models = _texts("models", content, required=True)
    tables = content.get("designs", [{}])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ValuescopeError("Write each design as a table: [[designs]].")
    questions = choose_questions(
        instrument,
        _texts("questions", content),
        _texts("categories", content),
        str(content.get("survey", DEFAULT_SURVEY)),
    )
    designs: dict[str, PromptDesign] = {}
    for table in tables:
        _known_keys("a design", table, _DESIGN_KEYS)
        grid = design_grid(
            home,
            instrument,
            templates=_texts("template", table),
            wording_sets=_texts("wordings", table) or (OUR_WORDINGS.name,),
            answers=_texts("answers", table),
            orders=_texts("orders", table) or ("forward",),
            chats=_texts("chat", table) or ("template",),
            coding_id=content.get("coding", "native"),
            elicits=_texts("elicit", table) or ("likelihood",),
            draws=_number("draws", table, int),
            temperature=_number("temperature", table, float),
            questions=questions,
        )
        designs |= {design.prompt_id: design for design in grid}
    sha256 = canonical_hash(content)
    countries = choose_countries(instrument, _texts("countries", content))
    plan = Plan(
        models=tuple(_relative_to(path, model) for model in models or ()),
        designs=tuple(designs.values()),
        questions=questions,
        countries=countries,
        study=StudyReference(name, sha256),
        groups=choose_groups(countries, _texts("by", content) or ()),
        placebos=choose_placebos(_number("placebos", content, int) or 0),
    )
    return Study(name, sha256, text, plan, asks_loaded)


def _known_keys(thing: str, table: dict[str, Any], known: Iterable[str]) -> None:
    for key in table:
        if key not in known:
            raise unknown_name(f"entry in {thing}", key, known, f"Known: {', '.join(known)}.")


def _texts(key: str, table: dict[str, Any], required: bool = False) -> tuple[str, ...] | None:
    """Return a text or a list of texts; None where there is none."""
    value = table.get(key)
    if value is None and not required:
        return None
    texts = [value] if isinstance(value, str) else value
    if not (isinstance(texts, list) and texts and all(isinstance(text, str) for text in texts)):
        raise ValuescopeError(f"'{key}' must be a list of names, not {value!r}.")
    return tuple(texts)


def _number(key: str, table: dict[str, Any], kind: type[_Number]) -> _Number | None:
    """Return a number; None where there is none."""
    value = table.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | kind):
        raise ValuescopeError(f"'{key}' must be a number, not {value!r}.")
    return kind(value)


def _relative_to(path: Path, model: str) -> str:
    """Resolve a model's path from the folder of the study."""
    if not model.endswith(".gguf"):
        return model
    # Not resolved: a link has the name of the model, its target often a hash.
    return str((path.parent / Path(model).expanduser()).absolute())
