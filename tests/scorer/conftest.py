"""Real models and the real instrument; every test that writes gets a home of its own."""

import ctypes
from collections.abc import Iterator
from pathlib import Path

import llama_cpp.llama_cpp as llama
import pytest

from scorer.design import PromptDesign
from scorer.engine import Model, Numerics
from scorer.models import ModelFile, resolve_model
from scorer.templates import named_template
from warehouse.home import Home
from warehouse.instrument import Instrument, load_instrument


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture(scope="session")
def instrument() -> Instrument:
    return load_instrument()


@pytest.fixture(scope="session")
def models_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def smollm2_file(models_home: Home, instrument: Instrument) -> ModelFile:
    """SmolLM2 135M Instruct: chat, no BOS, a vocabulary of 49,152."""
    return resolve_model("smollm2-135m-instruct", models_home, instrument)


@pytest.fixture(scope="session")
def gemma_file(models_home: Home, instrument: Instrument) -> ModelFile:
    """Gemma 3 270M: base, BOS, a sliding window, a vocabulary of 262,144."""
    return resolve_model("gemma-3-270m", models_home, instrument)


@pytest.fixture(scope="session")
def smollm2(smollm2_file: ModelFile) -> Iterator[Model]:
    with Model(smollm2_file.path, smollm2_file.name, is_chat=True) as model:
        yield model


@pytest.fixture(scope="session")
def gemma(gemma_file: ModelFile) -> Iterator[Model]:
    with Model(gemma_file.path, gemma_file.name, is_chat=False) as model:
        yield model


@pytest.fixture(scope="session")
def exact_smollm2(
    smollm2_file: ModelFile, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Model]:
    """SmolLM2 with its weights written out in float32, free of activation rounding."""
    path = tmp_path_factory.mktemp("float32") / "smollm2.gguf"
    parameters = llama.llama_model_quantize_default_params()
    parameters.ftype = llama.LLAMA_FTYPE_ALL_F32
    parameters.allow_requantize = True
    parameters.nthread = 1
    code = llama.llama_model_quantize(
        str(smollm2_file.path).encode(), str(path).encode(), ctypes.byref(parameters)
    )
    assert code == 0
    with Model(path, "smollm2-float32", is_chat=True) as model:
        yield model
    path.unlink()


@pytest.fixture(scope="session")
def numerics() -> Numerics:
    return Numerics()


@pytest.fixture
def label_design() -> PromptDesign:
    """The design that decodes the fewest tokens."""
    return PromptDesign(named_template("paper"), answer_style="label", chat_mode="raw")
