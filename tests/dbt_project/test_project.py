"""What the dbt project says about itself: grains, contracts, descriptions, tags, exposures."""

import json
import re
from typing import Any

import pytest

from tests.dbt_project.study import build, dbt_output
from valuescope.warehouse.home import CLONE, DBT_PROJECT, Home

TAGS = {"human", "model", "intervals", "comparisons", "map"}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `dbt parse` makes of the project."""
    result = build(Home(tmp_path_factory.mktemp("parsed") / "home"), "parse")
    assert result.returncode == 0, result.stdout
    parsed: dict[str, Any] = json.loads(
        (dbt_output() / "target" / "manifest.json").read_text(encoding="utf-8")
    )
    return parsed


@pytest.fixture(scope="module")
def models(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


@pytest.fixture(scope="module")
def marts(models: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [model for model in models if model["schema"] == "marts"]


def test_every_model_ends_its_description_with_its_grain(models: list[dict[str, Any]]) -> None:
    last_sentence = re.compile(r"(?:^|[.:!?] )One row (?:per|for) [^.]*\.$")
    assert [
        model["name"] for model in models if not last_sentence.search(model["description"].strip())
    ] == []


def test_every_mart_has_a_contract_and_says_what_its_columns_are(
    marts: list[dict[str, Any]],
) -> None:
    assert [mart["name"] for mart in marts if not mart["config"]["contract"]["enforced"]] == []
    assert [
        f"{mart['name']}.{name}"
        for mart in marts
        for name, column in mart["columns"].items()
        if not column["description"].strip() or not column["data_type"]
    ] == []


def test_columns_that_are_described_elsewhere_are_described(models: list[dict[str, Any]]) -> None:
    assert [
        f"{model['name']}.{name}"
        for model in models
        for name, column in model["columns"].items()
        if not column["description"].strip()
    ] == []


def test_every_model_has_one_of_the_tags(models: list[dict[str, Any]]) -> None:
    assert [
        (model["name"], model["tags"])
        for model in models
        if len(model["tags"]) != 1 or not TAGS.issuperset(model["tags"])
    ] == []


def test_the_human_side_needs_nothing_that_a_model_said(manifest: dict[str, Any]) -> None:
    nodes = manifest["nodes"]
    assert [
        (node["name"], parent)
        for node in nodes.values()
        if node["resource_type"] == "model" and "human" in node["tags"]
        for parent in node["depends_on"]["nodes"]
        if "human" not in nodes.get(parent, {}).get("tags", ())
        and not parent.startswith("source.valuescope.raw.")
    ] == []


def refs(manifest: dict[str, Any], exposure: str) -> set[str]:
    parents = manifest["exposures"][f"exposure.valuescope.{exposure}"]["depends_on"]["nodes"]
    return {parent.split(".")[-1] for parent in parents}


def test_exposures_name_what_is_read(manifest: dict[str, Any]) -> None:
    terminal = CLONE / "reports" / "terminal"
    reports = "".join(path.read_text(encoding="utf-8") for path in terminal.glob("*.py"))
    queries = CLONE / "reports" / "exhibits" / "queries"
    for name in re.findall(r'_rows\(connection, "(\w+)"', reports):
        reports += (queries / f"{name}.sql").read_text(encoding="utf-8")
    assert refs(manifest, "terminal_report") == set(re.findall(r"marts\.([a-z]\w+)", reports))

    analyses = "".join(
        path.read_text(encoding="utf-8") for path in (DBT_PROJECT / "analyses").glob("*.sql")
    )
    imports = "".join(re.findall(r"imports\((.*?)\)", analyses, flags=re.DOTALL))
    assert refs(manifest, "questions_of_users") == set(re.findall(r"'(\w+)'", imports))

    dictionary = (CLONE / "reports" / "files" / "data_dictionary.py").read_text(encoding="utf-8")
    assert refs(manifest, "data_dictionary") == set(re.findall(r'"(\w+)\.csv"', dictionary))


def test_only_tests_of_what_users_bring_warn(manifest: dict[str, Any]) -> None:
    assert {
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test" and node["config"]["severity"].lower() == "warn"
    } == {
        "countries_of_human",
        "countries_and_runs_of_model",
        "countries_of_comparisons",
        "countries_of_map",
    }


def test_every_table_is_tested(manifest: dict[str, Any], models: list[dict[str, Any]]) -> None:
    tested = {
        node["attached_node"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test"
        and node.get("test_metadata")
        and node["test_metadata"]["name"] == "columns_hold"
    }
    tables = {model["unique_id"] for model in models} | {
        name for name in manifest["nodes"] if name.startswith("seed.")
    }
    assert tables == tested


def test_the_grain_is_made_of_columns(models: list[dict[str, Any]]) -> None:
    grains = {model["name"]: model["config"]["meta"].get("grain") for model in models}
    assert [name for name, grain in grains.items() if not grain] == [
        "int_asked_distributions",
        "int_averaged_distributions",
    ]


def test_every_key_of_a_mart_is_looked_for_in_its_dimension(
    manifest: dict[str, Any], marts: list[dict[str, Any]]
) -> None:
    """By the name of its column, which ends as the dimension's own key is called.

    Views show the keys of other marts.
    """
    looked_for = {
        (table, dimension)
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test" and node["path"].startswith("keys/")
        for table in node["depends_on"]["nodes"]
        for dimension in node["depends_on"]["nodes"]
    }
    dimensions = {
        mart["config"]["meta"]["grain"][0]: mart["unique_id"]
        for mart in marts
        if mart["name"].startswith("dim_") and len(mart["config"]["meta"]["grain"]) == 1
    }
    missing = [
        f"{mart['name']}.{column}"
        for mart in marts
        for column in mart["columns"]
        for key, dimension in dimensions.items()
        if (column == key or column.endswith(f"_{key}"))
        and mart["unique_id"] != dimension
        and mart["config"]["materialized"] != "view"
        and (mart["unique_id"], dimension) not in looked_for
    ]
    assert missing == []


def test_what_is_parsed_with_a_variable_has_its_name() -> None:
    """`started_dbt.py` gives models in Python their variables by name."""
    taken = [
        found
        for file in (DBT_PROJECT / "models").rglob("*.yml")
        for found in re.findall(r"(\w+): .*\bvar\(['\"](\w+)", file.read_text(encoding="utf-8"))
    ]
    assert len(taken) > 10
    assert all(name == variable for name, variable in taken)
