"""Small surveys for property tests, drawn from the instrument's own questions and countries."""

from collections import defaultdict
from collections.abc import Sequence

from hypothesis import strategies as st

from tests.ingest.survey_files import CsvStyle, Respondent, Survey
from valuescope.warehouse.instruments.seeds import Question, load_instrument

MISSING_CODES = (-1, -2, -3, -4, -5)
NOT_ASKED = -4


def questions() -> st.SearchStrategy[Question]:
    """A question, each kind of scale as likely as any other."""
    kinds = defaultdict(list)
    for question in load_instrument().questions.values():
        kind = (
            question.scale_kind,
            len(question.choices["native"]),
            0 in question.known_codes,
            bool(question.codes_outside_scale["native"]),
        )
        kinds[kind].append(question)
    return st.one_of([st.sampled_from(some) for some in kinds.values()])


def weights() -> st.SearchStrategy[float]:
    """Positive weights, of ordinary size mostly, and exactly 1 often."""
    return st.one_of(st.just(1.0), st.floats(0.05, 20), st.floats(1e-6, 1e3))


@st.composite
def surveys(
    draw: st.DrawFn,
    *,
    waves: Sequence[int] = (7,),
    max_countries: int = 4,
    max_respondents: int = 40,
    blanks: bool = False,
    question_ids: Sequence[str] = (),
) -> Survey:
    """A survey of at least one respondent a country, in one wave or one of `waves` each.

    It asks `question_ids`, or a few questions of any kind where none are named.

    Some countries were not asked some questions, some have no weights. With `blanks`, some
    answers are left out.
    """
    asked = [load_instrument().question(question_id) for question_id in question_ids] or draw(
        st.lists(questions(), min_size=2, max_size=8, unique_by=lambda q: q.question_id)
    )
    asked.sort(key=lambda question: int(question.question_id[1:]))
    codes = {
        question.question_id: st.sampled_from(
            [*sorted(question.known_codes), *MISSING_CODES, *([None] if blanks else [])]
        )
        for question in asked
    }
    known = [c.country_id for c in load_instrument().countries.values() if c.in_wvs7]
    countries = draw(
        st.lists(st.sampled_from(known), min_size=1, max_size=max_countries, unique=True)
    )
    unweighted = draw(st.sets(st.sampled_from(countries)))
    pairs = [(country, question) for country in countries for question in codes]
    not_asked = draw(st.sets(st.sampled_from(pairs), max_size=3))
    others = draw(st.lists(st.sampled_from(countries), max_size=max_respondents - len(countries)))
    respondents = []
    for number, country in enumerate([*countries, *others], start=1):
        answers = {
            question: NOT_ASKED if (country, question) in not_asked else draw(code)
            for question, code in codes.items()
        }
        wave = draw(st.sampled_from(waves))
        respondents.append(
            Respondent(
                country_id=country,
                wave=wave,
                year=draw(st.integers(2017, 2023)) if wave == 7 else 1976 + 6 * wave,
                weight=1.0 if country in unweighted else draw(weights()),
                interview=number,
                mode=draw(st.sampled_from(["1", "2", "3", None])),
                sex=draw(st.sampled_from([1, 2, -2, -5])),
                age=draw(st.one_of(st.integers(16, 103), st.sampled_from([-1, -2]))),
                education=draw(st.sampled_from([1, 2, 3, -2])),
                urban=draw(st.sampled_from([1, 2, -5])),
                answers={name: code for name, code in answers.items() if code is not None},
            )
        )
    return Survey(tuple(respondents), tuple(codes))


def csv_styles() -> st.SearchStrategy[CsvStyle]:
    """Every way of writing a CSV that a reader can tell from the file itself."""
    styles: st.SearchStrategy[CsvStyle] = st.fixed_dictionaries(  # type: ignore[assignment]
        {},
        optional={
            "delimiter": st.sampled_from([",", ";", "\t", "|"]),
            "encoding": st.sampled_from(["utf-8", "cp1252"]),
            "bom": st.booleans(),
            "line_end": st.sampled_from(["\n", "\r\n"]),
            "decimal": st.sampled_from([".", ","]),
            "quote_all": st.booleans(),
            "columns_case": st.sampled_from(["official", "lower", "upper"]),
        },
    )
    # A byte order mark is one of Unicode's.
    return styles.filter(lambda s: not (s.get("bom") and s.get("encoding") == "cp1252"))
