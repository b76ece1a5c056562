import csv
import hashlib
import re
from importlib import metadata
from pathlib import Path

import pytest

MODELS = Path(__file__).resolve().parents[2] / "dbt_project" / "seeds" / "models.csv"

Rows = list[dict[str, str]]

BILLION = 10**9
TRILLION = 10**12

# Training tokens and sizes as the paper's models were published with.
PAPER = {
    "phi-1.5": (1.3 * BILLION, 0.15 * TRILLION),
    "phi-2": (2.7 * BILLION, 1.4 * TRILLION),
    "phi-3-mini-instruct": (3.8 * BILLION, 3.3 * TRILLION),
    "llama-2-7b": (7 * BILLION, 2 * TRILLION),
    "llama-2-7b-chat": (7 * BILLION, 2 * TRILLION),
    "llama-2-13b": (13 * BILLION, 2 * TRILLION),
    "llama-2-13b-chat": (13 * BILLION, 2 * TRILLION),
    "llama-2-70b": (70 * BILLION, 2 * TRILLION),
    "llama-2-70b-chat": (70 * BILLION, 2 * TRILLION),
    "llama-3-8b": (8 * BILLION, 15 * TRILLION),
    "llama-3-8b-instruct": (8 * BILLION, 15 * TRILLION),
    "llama-3-70b": (70 * BILLION, 15 * TRILLION),
    "llama-3-70b-instruct": (70 * BILLION, 15 * TRILLION),
    "yi-6b": (6 * BILLION, 3 * TRILLION),
    "yi-6b-chat": (6 * BILLION, 3 * TRILLION),
    "yi-34b": (34 * BILLION, 3 * TRILLION),
    "yi-34b-chat": (34 * BILLION, 3 * TRILLION),
}


@pytest.fixture(scope="module")
def models() -> Rows:
    with MODELS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_names_are_unique_and_easy_to_type(models: Rows) -> None:
    names = [row["model_name"] for row in models]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name) for name in names)


def test_the_papers_17_models_have_their_sizes_and_training_tokens(models: Rows) -> None:
    found = {
        row["model_name"]: (int(row["parameter_count"]), int(row["training_tokens"]))
        for row in models
        if row["in_paper"] == "true"
    }
    assert found == PAPER


def test_base_and_chat_models_name_each_other(models: Rows) -> None:
    by_name = {row["model_name"]: row for row in models}
    for row in models:
        if row["partner_model_name"]:
            partner = by_name[row["partner_model_name"]]
            assert partner["partner_model_name"] == row["model_name"]
            assert partner["is_chat"] != row["is_chat"]
            for shared in ("family", "parameter_count", "training_tokens", "in_paper"):
                assert partner[shared] == row[shared], (row["model_name"], shared)


def test_a_hub_file_has_a_repository_and_the_other_way_round(models: Rows) -> None:
    for row in models:
        assert bool(row["hub_repository"]) == bool(row["hub_file"]), row["model_name"]
        if row["hub_file"]:
            assert re.fullmatch(r"[\w.-]+/[\w.-]+", row["hub_repository"])
            assert row["hub_file"].lower().endswith(".gguf")


def test_checksums_and_revisions_are_of_files_and_of_one_only(models: Rows) -> None:
    checksums = [row["file_sha256"] for row in models if row["file_sha256"]]
    assert len(checksums) == len(set(checksums))
    for row in models:
        assert re.fullmatch(r"([0-9a-f]{64})?", row["file_sha256"]), row["model_name"]
        assert re.fullmatch(r"([0-9a-f]{40})?", row["hub_revision"]), row["model_name"]
        assert row["hub_file"] or not row["hub_revision"], row["model_name"]
        assert row["hub_file"] or row["package_name"] or not row["file_sha256"], row["model_name"]
        assert row["file_sha256"] or not row["package_name"], row["model_name"]


def test_base_and_chat_model_of_a_pair_are_downloaded_in_the_same_quantization(
    models: Rows,
) -> None:
    def quantization(row: dict[str, str]) -> str:
        name = row["hub_file"] or row["package_file"].rpartition("/")[2]
        return re.sub(r"^.*[.-](?=I?Q\d|MXFP4|F16)", "", name.upper())

    by_name = {row["model_name"]: row for row in models}
    compared = 0
    for row in models:
        partner = by_name.get(row["partner_model_name"])
        if partner and quantization(row) and quantization(partner):
            assert quantization(row) == quantization(partner), row["model_name"]
            compared += 1
    assert compared >= 40


def test_packaged_files_have_the_listed_checksum(models: Rows) -> None:
    packaged = [row for row in models if row["package_name"]]
    assert {row["model_name"] for row in packaged} == {"smollm2-135m-instruct", "gemma-3-270m"}
    for row in packaged:
        packages, files = row["package_name"].split("|"), row["package_file"].split("|")
        digest = hashlib.sha256()
        for package, file in zip(packages, files, strict=True):
            path = metadata.distribution(package).locate_file(file)
            digest.update(Path(str(path)).read_bytes())
        assert digest.hexdigest() == row["file_sha256"], row["model_name"]


def test_months_are_months_and_text_ends_before_the_release(models: Rows) -> None:
    known = 0
    for row in models:
        months = row["training_cutoff_month"], row["release_month"]
        assert all(re.fullmatch(r"(20\d\d-(0[1-9]|1[0-2]))?", month) for month in months)
        if all(months):
            assert months[0] < months[1], row["model_name"]
            known += 1
    assert known >= 20
    by_name = {row["model_name"]: row for row in models}
    for row in models:
        if row["partner_model_name"]:
            partner = by_name[row["partner_model_name"]]
            assert partner["training_cutoff_month"] == row["training_cutoff_month"]


def test_every_model_has_a_licence(models: Rows) -> None:
    assert all(row["licence"] for row in models)


def test_metadata_is_supplied_for_registered_models_only(models: Rows) -> None:
    with MODELS.with_name("model_metadata.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = {row["model_name"] for row in models}
    assert {row["model_name"] for row in rows} <= names
    templates = {row["model_name"] for row in rows if row["metadata_key"].endswith("template")}
    assert templates == {name for name in names if re.fullmatch("llama-2-.*-chat", name)}
