"""Temporary tables that several modules of ingest use are declared, with who uses them."""

import re
from collections import defaultdict

from valuescope.ingest.tables import WORKING_TABLES
from valuescope.warehouse.home import CLONE

SOURCES = {
    ".".join(path.relative_to(CLONE / "ingest").with_suffix("").parts): path.read_text("utf-8")
    for path in (CLONE / "ingest").rglob("*.py")
    if path.name not in ("tables.py", "__init__.py")
}
MADE = re.compile(r"create (?:or replace )?temp (?:table|view) (\w+)|\b([A-Z_]+)\.create\(")
# Queries that are made for several tables are given the name of one.
READ = r"from|join|_mean_scores\(connection,"
DECLARED = {table.name: table for table in WORKING_TABLES}


def using(name: str, verbs: str) -> set[str]:
    found = re.compile(rf"\b(?:{verbs})\s+\"?{name}\b")
    return {module for module, text in SOURCES.items() if found.search(text)}


def test_writers_and_readers_are_those_that_are_declared() -> None:
    for table in WORKING_TABLES:
        makes = r"create (?:or replace )?temp table|insert into"
        assert using(table.name, makes) == set(table.writers), table.name
        assert using(table.name, READ) == set(table.readers), table.name


def test_a_table_that_is_not_declared_stays_in_its_module() -> None:
    makers: dict[str, set[str]] = defaultdict(set)
    for module, text in SOURCES.items():
        for name, _ in MADE.findall(text):
            makers[name].add(module)
    elsewhere = {
        name: using(name, f"{READ}|insert into") - modules
        for name, modules in makers.items()
        if name and name not in DECLARED
    }
    # A common table expression may have the same name.
    assert {
        name: modules
        for name, modules in elsewhere.items()
        if any(not re.search(rf"\b{name} as \(", SOURCES[module]) for module in modules)
    } == {}
