"""A plan from names: what is asked of whom where no study file says it."""

from collections.abc import Sequence

from valuescope.scorer.planning.study import (
    LOADED,
    Loaded,
    Plan,
    choose_countries,
    choose_questions,
    design_grid,
    nothing_loaded,
    people_loaded,
)
from valuescope.warehouse.counted import counted
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import DEFAULT_SURVEY, Instrument
from valuescope.warehouse.instruments.subjects import (
    choose_groups,
    choose_placebos,
    parse_traits,
    parse_years,
)
from valuescope.warehouse.instruments.wordings import OUR_WORDINGS


def chosen_plan(
    home: Home,
    instrument: Instrument,
    models: Sequence[str] = (),
    *,
    survey: str | None = None,
    countries: Sequence[str] | None = None,
    questions: Sequence[str] | None = None,
    categories: Sequence[str] | None = None,
    orders: Sequence[str] | None = None,
    answer: str | None = None,
    coding: str | None = None,
    template: str | None = None,
    wordings: str | None = None,
    chat: str | None = None,
    by: Sequence[str] = (),
    placebos: int = 0,
    elicit: str | None = None,
    draws: int | None = None,
    temperature: float | None = None,
    loaded: Loaded = nothing_loaded,
) -> tuple[Plan, str | None]:
    """Return the plan of these names, and what to say of what was not named.

    Where countries or questions are not named, those of the people that `loaded` returns are
    asked. `by` divides the people of each country into groups, which are asked about as well, as
    are so many `placebos`. Raises ValuescopeError for a name that does not exist, and for named
    questions without words in the wording set.
    """
    is_named = questions is not None and list(questions) != [LOADED]
    survey, countries, questions, notice = _asked(loaded, survey, countries, questions, categories)
    chosen = choose_questions(instrument, questions, categories, survey)
    asked_countries = choose_countries(instrument, countries)
    plan = Plan(
        models=tuple(models),
        designs=design_grid(
            home,
            instrument,
            templates=None if template is None else (template,),
            wording_sets=(wordings or OUR_WORDINGS.name,),
            answers=None if answer is None else (answer,),
            orders=orders or ("forward",),
            chats=(chat or "template",),
            coding_id=coding or "native",
            elicits=(elicit or "likelihood",),
            draws=draws,
            temperature=temperature,
            questions=chosen,
        ),
        questions=chosen,
        countries=asked_countries,
        groups=choose_groups(asked_countries, by),
        placebos=choose_placebos(placebos),
    )
    if is_named:
        _require_words(plan)
    return plan, " ".join(filter(None, (notice, _undivided(loaded, survey, by)))) or None


def _undivided(loaded: Loaded, survey: str, by: Sequence[str]) -> str | None:
    """Return what to say of groups that answers cannot be compared with."""
    people = loaded(survey) if by else None
    if people is None:
        return None
    by_traits = [division for division in by if parse_years(division) is None]
    divisions = dict.fromkeys(",".join(parse_traits(division)) for division in by_traits)
    missing = [division for division in divisions if division not in people.divisions]
    notices = []
    if missing:
        options = " ".join(f"--by {division}" for division in missing)
        notices.append(
            f"{people.population_id} is not loaded in groups by {' and '.join(missing)}, so that "
            f"there is nothing to compare with: valuescope ingest FILE {options}"
        )
    if len(by_traits) < len(by):
        known = ", ".join(map(str, people.years)) or "unknown years"
        notices.append(
            "Years are compared with the nearest wave of a country. Loaded people were asked in "
            f"{known}; other waves: valuescope ingest FILE --wave N"
        )
    return " ".join(notices) or None


def _asked(
    loaded: Loaded,
    survey: str | None,
    countries: Sequence[str] | None,
    questions: Sequence[str] | None,
    categories: Sequence[str] | None,
) -> tuple[str, Sequence[str] | None, Sequence[str] | None, str | None]:
    """Return the survey, countries and questions to ask: what is named, else what is loaded.

    With them what to say of it.
    """
    named = [list(names) if names is not None else None for names in (countries, questions)]
    takes_countries = named[0] in (None, [LOADED])
    takes_questions = named[1] == [LOADED] or (questions is None and categories is None)
    if not takes_questions and not takes_countries:
        return survey or DEFAULT_SURVEY, countries, questions, None
    people = people_loaded(loaded, survey) if [LOADED] in named else loaded(survey)
    if people is None:
        return survey or DEFAULT_SURVEY, countries, questions, None
    parts = []
    if takes_countries:
        countries = people.countries
        parts.append(counted(len(people.countries), "country"))
    if takes_questions:
        questions = people.questions
        parts.append(counted(len(people.questions), "question"))
    notice = f"Models are asked what is loaded ({people.population_id}): {' and '.join(parts)}."
    return people.survey_id, countries, questions, notice


def _require_words(plan: Plan) -> None:
    """Refuse named questions that have no words in the wording set."""
    design = plan.designs[0]
    unworded = design.wordings.unworded(plan.questions, design.coding_id, plan.subjects)
    if unworded:
        raise ValuescopeError(
            f"The wording set '{design.wordings.name}' has no words for "
            f"{', '.join(question.question_id for question in unworded)}. Add them to "
            f"{design.wordings.folder}, or leave them out of --questions."
        )
