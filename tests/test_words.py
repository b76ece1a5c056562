"""Words of code and docs: one meaning each, as in CONTRIBUTING's glossary, and plain English."""

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.test_imports import MODULES
from valuescope.warehouse.home import CLONE

PLAIN_WORDS = Path(__file__).with_name("plain_words.toml")
SUFFIXES = {".html", ".js", ".md", ".py", ".qmd", ".R", ".sql", ".yml"}
PROSE = (
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/*.md", "docs/examples/*"),
    *("dbt_project/models/**/*", "reports/page/*.js", "reports/page/*.html"),
    *(f"{room}/**/*.py" for room in ("valuescope", "warehouse", "ingest", "scorer", "reports")),
    *("reports/exhibits/queries/*.sql", "dbt_project/macros/*.sql", "dbt_project/python/**/*.py"),
    *("dbt_project/analyses/*", "dbt_project/seeds/*.yml", "warehouse/exports/*"),
)


def names(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for attribute in ("id", "attr", "arg", "name"):
            if isinstance(name := getattr(node, attribute, None), str):
                yield name


def test_no_two_classes_have_one_name() -> None:
    found = defaultdict(list)
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(module)
    assert {name: modules for name, modules in found.items() if len(modules) > 1} == {}


def test_a_place_is_on_the_cultural_map() -> None:
    places = {"place", "places", "placed"}
    assert {
        module
        for module, path in MODULES.items()
        if any(places & set(n.split("_")) for n in names(path))
    } == {"valuescope.reports.exhibits.culture"}


def prose() -> Iterator[tuple[str, str]]:
    """Yield path and text of what is written for readers, code included."""
    for pattern in PROSE:
        for path in CLONE.glob(pattern):
            # The data dictionary has the seeds' own words, which prompts use too.
            if path.suffix in SUFFIXES and path.name != "data-dictionary.md":
                yield path.relative_to(CLONE).as_posix(), path.read_text(encoding="utf-8")


def mannered(text: str) -> list[str]:
    """Return the phrases of a text that plain_words.toml lists, with a few words around each."""
    phrases = tomllib.loads(PLAIN_WORDS.read_text(encoding="utf-8"))
    # A phrase may go on in the next line of a comment or of a docstring.
    flat = re.sub(r"\s*\n\s*(?:(?:#|--|//)\s+)?", " ", text)
    return [
        f"{flat[max(0, found.start() - 30) : found.end() + 20]} (plainer: {plainer})"
        for phrase, plainer in phrases.items()
        for found in re.finditer(rf"(?<![\w-]){phrase}(?![\w-])", flat, re.IGNORECASE)
    ]


def test_plain_words_are_used() -> None:
    found = {name: phrases for name, text in prose() if (phrases := mannered(text))}
    assert found == {}


def test_mannered_words_are_found() -> None:
    text = "# A row a country: it is\n# no table, and there is no other.\nIt is no longer told."
    assert [phrase.partition(" (")[2] for phrase in mannered(text)] == [
        "plainer: is reported, says)",
        "plainer: one row per)",
        "plainer: is not a)",
    ]


def test_docstrings_of_functions_say_what_they_do() -> None:
    nouns = {"What", "Whether", "Those", "Where", "Who", "Whoever", "Which", "How"}
    found = [
        f"{name}:{node.lineno} {docstring.splitlines()[0]}"
        for name, text in prose()
        if name.endswith(".py")
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (docstring := ast.get_docstring(node)) and docstring.split()[0] in nouns
    ]
    assert found == []
