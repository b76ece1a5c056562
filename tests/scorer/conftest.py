"""Real models and the real instrument; every test that writes gets a home of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.scorer.shallow_models import write_first_layers
from valuescope.scorer.engine.contexts import Model
from valuescope.scorer.engine.numerics import Numerics
from valuescope.scorer.engine.weights import write_weights
from valuescope.scorer.models.files import ModelFile, resolve_model
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.templates import named_template
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument, load_instrument


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that the other tests do not fill."""
    monkeypatch.setenv("VALUESCOPE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


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
def shallow_file(smollm2_file: ModelFile, models_home: Home, instrument: Instrument) -> ModelFile:
    """SmolLM2's first two of 30 layers, under its name."""
    return _first_layers(smollm2_file, 2, models_home, instrument)


@pytest.fixture(scope="session")
def shallow_gemma_file(
    gemma_file: ModelFile, models_home: Home, instrument: Instrument
) -> ModelFile:
    """Gemma 3's first six of 18 layers, five with a window and one without, under its name."""
    return _first_layers(gemma_file, 6, models_home, instrument)


def _first_layers(whole: ModelFile, layers: int, home: Home, instrument: Instrument) -> ModelFile:
    path = home.path / f"{whole.name}-{layers}-layers.gguf"
    write_first_layers(whole.path, path, layers)
    found = resolve_model(str(path), home, instrument)
    return replace(found, name=whole.name, registered=whole.registered)


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
    with written_out(smollm2_file, tmp_path_factory.mktemp("f32"), is_chat=True) as model:
        yield model


@pytest.fixture(scope="session")
def exact_gemma(gemma_file: ModelFile, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    """Gemma 3 likewise."""
    with written_out(gemma_file, tmp_path_factory.mktemp("f32"), is_chat=False) as model:
        yield model


@pytest.fixture(scope="session")
def exact_shallow(
    shallow_file: ModelFile, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Model]:
    """SmolLM2's first two layers likewise."""
    with written_out(shallow_file, tmp_path_factory.mktemp("f32"), is_chat=True) as model:
        yield model


@contextmanager
def written_out(model_file: ModelFile, folder: Path, is_chat: bool) -> Iterator[Model]:
    path = folder / f"{model_file.name}.gguf"
    write_weights(model_file.path, path, "f32")
    with Model(path, f"{model_file.name}-f32", is_chat) as model:
        yield model
    path.unlink()


@pytest.fixture(scope="session")
def numerics() -> Numerics:
    return Numerics(compute_type="f32")


@pytest.fixture
def label_design() -> PromptDesign:
    """The design that decodes the fewest tokens."""
    return PromptDesign(named_template("paper"), answer_style="label", chat_mode="raw")
