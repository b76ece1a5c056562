# Everything a clone needs, from setting up to checking. Works with GNU make 3.81 and newer.
#   make PYTHON=/path/to/python3.12 setup       use that Python
#   CMAKE_ARGS="-DGGML_CUDA=on" make setup      compile the engine for a GPU
#   CC=clang CXX=clang++ make setup             compile it with another compiler

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/stamps
PIP := $(BIN)/pip --disable-pip-version-check
REFERENCE := tests/scorer/reference
REFERENCE_VENV := .venv-reference
LAKE_VENV := .venv-lake
# The templater compiles models; that needs a connection, but no warehouse.
SQLFLUFF := VALUESCOPE_DATABASE=:memory: $(BIN)/sqlfluff lint --disable-progress-bar --processes 0 dbt_project
INSTALL := $(PIP) install --quiet --require-hashes --no-deps --requirement

.PHONY: help setup dev demo lake test lint unit bench calibrate reference docs dictionary scale lock clean FORCE
.DEFAULT_GOAL := help
# pip installs into one .venv, one call at a time.
.NOTPARALLEL:

help: ## List what make can do
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP)/package ## Install valuescope into .venv; the first time this compiles for minutes
	@echo "Ready: $(BIN)/valuescope --help"

demo: setup $(STAMP)/demo ## Install a small model and open survey data, and try valuescope on them
	$(BIN)/valuescope demo

lake: $(LAKE_VENV)/installed ## Install into .venv-lake what a warehouse needs that several people share
	@echo "Ready: $(LAKE_VENV)/bin/valuescope lake --help (docs/shared-warehouse.md)"

test: lint unit ## Run everything that CI checks

lint: dev ## Check style and types of Python, and style of SQL
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(SQLFLUFF)

unit: dev $(STAMP)/demo $(STAMP)/test-models $(LAKE_VENV)/installed
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

bench: dev $(STAMP)/demo $(STAMP)/test-models ## Measure speed and memory
	$(BIN)/pytest tests/benchmarks -m benchmark

calibrate: dev ## Write docs/calibration.md anew: coverage and rejection rates on generated studies
	$(BIN)/python -m tests.calibration

reference: setup $(STAMP)/demo $(STAMP)/test-models $(REFERENCE_VENV)/installed ## Compute the tests' reference anew with PyTorch
	$(BIN)/python -m tests.scorer.reference.cells $(REFERENCE_VENV)/cells.json
	$(REFERENCE_VENV)/bin/python $(REFERENCE)/generate.py $(REFERENCE_VENV)/cells.json \
		$(REFERENCE)/transformers.json

docs: setup ## Write the warehouse's documentation to dbt_project/target/static_index.html
	@home=$$($(BIN)/python -c 'from valuescope.warehouse.home import current_home as home; print(home().path)'); \
	test -f "$$home/valuescope.duckdb" || { \
		echo "error: no warehouse to document yet; make demo, then make docs" >&2; exit 1; }; \
	cd dbt_project && VALUESCOPE_HOME="$$home" ../$(BIN)/dbt docs generate --static

dictionary: setup ## Write docs/data-dictionary.md anew from the seeds
	$(BIN)/python -m valuescope.reports.files.data_dictionary

scale: setup ## Write docs/scale.md anew from the instrument and docs/scale.toml
	$(BIN)/python -m valuescope.scorer.planning.scale

dev: setup $(STAMP)/dev ## Install what checking needs too

lock: ## Write requirements/*.lock anew from pyproject.toml; needs uv
	scripts/lock.sh

clean: ## Remove all .venv, caches and dbt's output; databases, answers and compiled wheels stay
	rm -rf $(VENV) $(REFERENCE_VENV) $(LAKE_VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build \
		./*.egg-info dbt_project/target dbt_project/logs
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- How it is done: one stamp a step, so that a second call is instant. ---

$(STAMP)/venv:
	@scripts/create_venv.sh $(VENV) $(PYTHON)
	@mkdir -p $(STAMP) && touch $@

# CC, CXX, CFLAGS, CXXFLAGS, LDFLAGS and CMAKE_ARGS are remembered: a later call without them keeps
# the engine as it is. A .venv that meets another processor or compiler gets another engine.
$(STAMP)/engine-key: $(STAMP)/venv FORCE | $(STAMP)/run
	@$(BIN)/python -m scripts.engine_wheel state $(STAMP)

$(STAMP)/engine: $(STAMP)/engine-key
	@wheel=$$($(BIN)/python -m scripts.engine_wheel wheel $(STAMP)) \
		&& $(PIP) install --quiet --no-deps --force-reinstall "$$wheel"
	@$(BIN)/python -m scripts.engine_wheel state $(STAMP)
	@touch $@

$(STAMP)/%: requirements/%.lock | $(STAMP)/venv
	$(INSTALL) $<
	@touch $@

$(REFERENCE_VENV)/installed: $(REFERENCE)/requirements.txt
	scripts/create_venv.sh $(REFERENCE_VENV) $(PYTHON)
	$(REFERENCE_VENV)/bin/pip --disable-pip-version-check install --quiet --requirement $<
	@touch $@

# What users get, with the one DuckDB that DuckLake's extensions are made for.
$(LAKE_VENV)/installed: requirements/run.lock requirements/lake.lock pyproject.toml
	scripts/create_venv.sh $(LAKE_VENV) $(PYTHON)
	for lock in run lake; do \
		$(LAKE_VENV)/bin/pip --disable-pip-version-check install --quiet --require-hashes --no-deps \
			--requirement requirements/$$lock.lock || exit; \
	done
	$(LAKE_VENV)/bin/pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation \
		--editable .
	$(LAKE_VENV)/bin/python scripts/link_extensions.py
	@touch $@

$(STAMP)/package: pyproject.toml $(STAMP)/engine $(STAMP)/run
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
