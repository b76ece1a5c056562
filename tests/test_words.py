"""One meaning a word: what CONTRIBUTING's glossary says, held in the product's Python."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.test_imports import MODULES


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
