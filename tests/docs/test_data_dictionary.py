"""docs/data-dictionary.md, read as a Markdown parser reads it."""

import csv
import re
import shutil
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt  # comes with rich
from markdown_it.token import Token

from valuescope.reports.files.data_dictionary import PAGE, data_dictionary, main
from valuescope.warehouse.home import CLONE, SEEDS

Rows = list[list[str]]

# GitHub shows no longer page as Markdown.
LARGEST_PAGE = 500_000

# Ten points fold to three; four choices gain a middle; codes out of order; one outside the scale.
BY_HAND = {
    "Q182": """
code | native | choice                | score | paper | choice                  | score
1    | 1      | 1 (Never justifiable) | -1.00 | 1     | 1-3 (Never justifiable) | -1.00
2    | 2      | 2                     | -0.78 | 1     | 1-3 (Never justifiable) | -1.00
3    | 3      | 3                     | -0.56 | 1     | 1-3 (Never justifiable) | -1.00
4    | 4      | 4                     | -0.33 | 2     | 4-7                     | 0.00
5    | 5      | 5                     | -0.11 | 2     | 4-7                     | 0.00
6    | 6      | 6                     | 0.11  | 2     | 4-7                     | 0.00
7    | 7      | 7                     | 0.33  | 2     | 4-7                     | 0.00
8    | 8      | 8                     | 0.56  | 3     | 8-10 (Always justifiable) | 1.00
9    | 9      | 9                     | 0.78  | 3     | 8-10 (Always justifiable) | 1.00
10   | 10     | 10 (Always justifiable) | 1.00 | 3    | 8-10 (Always justifiable) | 1.00
""",
    "Q1": """
code | native  | choice               | score | paper | choice               | score
1    | 1       | Very important       | -1.00 | 1     | Very important       | -1.00
2    | 2       | Rather important     | -0.33 | 2     | Rather important     | -0.50
-1   | missing |                      |       | 3     | Don't know           | 0.00
3    | 3       | Not very important   | 0.33  | 4     | Not very important   | 0.50
4    | 4       | Not at all important | 1.00  | 5     | Not at all important | 1.00
""",
    "Q56": """
code | native and paper | choice         | score
1    | 1                | Better off     | -1.00
3    | 2                | About the same | 0.00
2    | 3                | Worse off      | 1.00
""",
    "Q221": """
code | native and paper | choice              | score
1    | 1                | Always              | -1.00
2    | 2                | Usually             | 0.00
3    | 3                | Never               | 1.00
4    | outside          | Not allowed to vote |
""",
}

# Texts that Markdown would read as more than text.
SPECIAL_TEXTS = (
    "a | b",
    "<b>bold</b> <script>",
    "*stars* and _lines_ and `ticks` and ~~waves~~",
    "[a link](https://example.org) ![a picture](x.png)",
    "&lt; &#60; R&D",
    r"back\slash \| C:\*",
    "$x$ and $$y$$",
)


class Page:
    """Headings in order, and under each the text of its paragraphs and the rows of its tables."""

    def __init__(self, markdown: str) -> None:
        self.headings: list[str] = []
        self.paragraphs: dict[str, list[str]] = {}
        self.rows: dict[str, Rows] = {}
        self.links: list[str] = []
        tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
        for before, token in pairwise(tokens):
            if before.type == "tr_open":
                self.rows[self.headings[-1]].append([])
            if token.type != "inline":
                continue
            text = shown(token)
            self.links += [
                str(child.attrs["href"])
                for child in token.children or []
                if child.type == "link_open"
            ]
            if before.type == "heading_open":
                self.headings.append(text)
                self.paragraphs[text] = []
                self.rows[text] = []
            elif before.type in ("th_open", "td_open"):
                self.rows[self.headings[-1]][-1].append(text)
            else:
                self.paragraphs[self.headings[-1]].append(text)


def shown(token: Token) -> str:
    """What a reader sees of a paragraph, heading or cell."""
    return "".join(
        " " if child.type == "softbreak" else child.content for child in token.children or []
    )


def read(name: str, seeds: Path = SEEDS) -> list[dict[str, str]]:
    with (seeds / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(data_dictionary())


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    """A copy of the seeds to change, without the time series."""
    copy = tmp_path / "seeds"
    shutil.copytree(SEEDS, copy)
    (copy / "trend_items.csv").unlink(missing_ok=True)
    return copy


def test_the_committed_page_is_what_the_seeds_make() -> None:
    committed = PAGE.read_text(encoding="utf-8")
    # Not compared by ==, whose report would be the difference of two long texts.
    is_current = committed == data_dictionary()
    assert is_current, "the seeds have changed: run `make dictionary` and commit the page"


def test_the_command_writes_the_page_to_the_file_it_is_given(tmp_path: Path) -> None:
    main(tmp_path / "page.md")
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == data_dictionary()


def test_the_page_is_short_enough_to_be_shown() -> None:
    assert len(data_dictionary().encode()) < LARGEST_PAGE


def test_every_question_has_an_entry_with_its_wording(page: Page) -> None:
    for row in read("questions.csv"):
        paragraphs = page.paragraphs[row["question_id"]]
        assert any(text.endswith(f" {row['wording']}") for text in paragraphs), row["question_id"]
        if row["caution"]:
            assert f"Caution: {row['caution']}" in paragraphs


def test_every_choice_stands_in_the_entry_of_its_question_with_all_its_codes(page: Page) -> None:
    for row in read("choices.csv"):
        header, *rows = page.rows[row["question_id"]]
        index_column = next(
            number for number, name in enumerate(header) if row["coding_id"] in name.split()
        )
        index = row["choice_index"] or "outside"
        codes = [
            code
            for cells in rows
            if cells[index_column : index_column + 2] == [index, row["choice_text"]]
            for code in cells[0].split(", ")
        ]
        assert sorted(codes) == sorted(row["survey_codes"].split("|")), row


def test_no_survey_code_is_listed_twice(page: Page) -> None:
    for row in read("questions.csv"):
        codes = [cells[0] for cells in page.rows[row["question_id"]]]
        assert len(codes) == len(set(codes)), row["question_id"]


def test_a_category_lists_its_questions(page: Page) -> None:
    questions = read("questions.csv")
    for category in read("categories.csv"):
        _, *rows = page.rows[category["category_name"]]
        assert [(cells[0], cells[1]) for cells in rows] == [
            (row["question_id"], row["short_label"])
            for row in questions
            if row["category_id"] == category["category_id"]
        ]


def test_every_country_has_a_row(page: Page) -> None:
    _, *rows = page.rows["Countries"]
    assert [cells[0] for cells in rows] == [row["country_id"] for row in read("countries.csv")]


def test_every_survey_has_a_row(page: Page) -> None:
    _, *rows = page.rows["Surveys"]
    assert [cells[1] for cells in rows] == [row["survey_name"] for row in read("surveys.csv")]


@pytest.mark.parametrize("question_id", BY_HAND)
def test_choices_read_as_worked_out_by_hand(page: Page, question_id: str) -> None:
    expected = BY_HAND[question_id].strip().splitlines()
    assert page.rows[question_id] == [
        [cell.strip() for cell in line.split("|")] for line in expected
    ]


def test_facts_read_as_worked_out_by_hand(page: Page) -> None:
    assert page.paragraphs["Q182"][1] == (
        "Ethical values and norms. Ordinal, 10 choices (3 in paper). Polarity 1: at the last "
        "choice, permissiveness. Battery justifiability, Q177-Q195. In the paper's set "
        "(confidence high)."
    )
    assert page.paragraphs["Q91"][1] == (
        "Social capital, trust and organizational membership. Knowledge, 3 choices. Right answer: "
        "India. No polarity. Battery international_knowledge, Q91-Q93. In the paper's set "
        "(confidence medium-high)."
    )
    assert page.paragraphs["Q56"][1].endswith(
        "Polarity -1: at the first choice, well-being. Battery standard_of_living, of its own. Not "
        "in the paper's set (confidence medium)."
    )


def test_countries_read_as_worked_out_by_hand(page: Page) -> None:
    header, *rows = page.rows["Countries"]
    country = {cells[0]: dict(zip(header, cells, strict=True)) for cells in rows}
    japan, cyprus, ulster = country["JPN"], country["CYP"], country["NIR"]
    assert (japan["number"], japan["name in prompts"]) == ("392", "Japan")
    assert (japan["continent"], japan["subregion"]) == ("Asia", "Eastern Asia")
    assert [cyprus[name] for name in header if name.startswith("Western")] == ["?", "no", "no"]
    assert (ulster["number"], ulster["Western: WEOG"], ulster["in wave 7"]) == ("909", "yes", "yes")
    remarks = {cells[0]: cells[1:] for cells in page.rows["Remarks on countries"]}
    assert {"101", "914"} <= set(remarks["BIH"][1].split("; "))
    assert "Trinidad & Tobago" in remarks["TTO"][2].split("; ")


def test_a_column_of_countries_is_shown_where_the_seed_has_it(seeds: Path) -> None:
    optional = {"iso_alpha_2": "alpha-2", "in_wvs": "in the WVS"}
    plain = [
        {name: value for name, value in row.items() if name not in optional}
        for row in read("countries.csv")
    ]
    write(seeds / "countries.csv", plain)
    header, *_ = Page(data_dictionary(seeds)).rows["Countries"]
    assert not set(optional.values()) & set(header)
    write(seeds / "countries.csv", [row | {"iso_alpha_2": "XX", "in_wvs": ""} for row in plain])
    header, first, *_ = Page(data_dictionary(seeds)).rows["Countries"]
    cells = dict(zip(header, first, strict=True))
    assert [cells[name] for name in optional.values()] == ["XX", "?"]


def test_variables_of_the_time_series_stand_beside_their_questions(seeds: Path) -> None:
    without = Page(data_dictionary(seeds))
    assert "time series" not in without.rows["Migration"][0]
    (seeds / "trend_items.csv").write_text(
        "trend_variable,question_id,recodes,confidence,note\n"
        "E143,Q130,,high,\n"
        "F118,Q182,1>10|2>9,memory,other words before wave 3\n",
        encoding="utf-8",
    )
    page = Page(data_dictionary(seeds))
    header, *rows = page.rows["Migration"]
    assert header[-1] == "time series"
    assert [cells[-1] for cells in rows if cells[0] in ("Q129", "Q130")] == ["", "E143"]
    assert "Time series: E143." in page.paragraphs["Q130"]
    assert page.paragraphs["Q182"][2] == (
        "Time series: F118, recoded 1 to 10, 2 to 9 (paired from memory; no source found); other "
        "words before wave 3."
    )
    assert page.rows["Q182"] == without.rows["Q182"]


def test_texts_of_the_seeds_are_shown_as_they_are(seeds: Path) -> None:
    questions, choices, countries = (
        read(name, seeds) for name in ("questions.csv", "choices.csv", "countries.csv")
    )
    first_choices = [
        row for row in choices if (row["coding_id"], row["choice_index"]) == ("native", "1")
    ]
    for text, question, choice, country in zip(
        SPECIAL_TEXTS, questions, first_choices, countries, strict=False
    ):
        question.update(short_label=text, wording=text, polarity="-1", pole=text, caution=text)
        choice.update(choice_text=text)
        country.update(country_name=text, continent_note=text)
    for name, rows in (
        ("questions.csv", questions),
        ("choices.csv", choices),
        ("countries.csv", countries),
    ):
        write(seeds / name, rows)
    markdown = data_dictionary(seeds)
    page = Page(markdown)
    _, *labels = page.rows["Social values, attitudes and stereotypes"]
    _, *remarks = page.rows["Remarks on countries"]
    for text, question, label, country, remark in zip(
        SPECIAL_TEXTS, questions, labels, countries, remarks, strict=False
    ):
        question_id = question["question_id"]
        assert (label[0], label[1], label[4]) == (question_id, text, text)
        paragraphs = page.paragraphs[question_id]
        assert paragraphs[0] == f"{text}. {text}"
        assert f"first choice, {text}. Battery" in paragraphs[1]
        assert paragraphs[-1] == f"Caution: {text}"
        assert page.rows[question_id][1][:3] == ["1", "1", text]
        assert text in page.rows["Countries"][countries.index(country) + 1]
        assert remark[:2] == [country["country_id"], text]
    # GitHub reads formulas between dollars, which the parser here does not.
    assert not re.search(r"(?<!\\)\$", markdown)


def test_links_lead_to_headings_and_files_that_exist(page: Page) -> None:
    anchors = Counter(
        re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in page.headings
    )
    assert set(anchors.values()) == {1}
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in anchors
        elif not link.startswith("https://doi.org/"):
            assert (PAGE.parent / link).is_file(), link


def test_every_category_question_and_table_is_linked(page: Page) -> None:
    linked = set(page.links)
    assert {f"#{row['question_id'].lower()}" for row in read("questions.csv")} <= linked
    assert {"#migration", "#happiness-and-well-being", "#countries", "#surveys"} <= linked


def test_the_readme_links_to_the_page() -> None:
    assert "(docs/data-dictionary.md)" in (CLONE / "README.md").read_text(encoding="utf-8")
