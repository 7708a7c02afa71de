# The one entrance. Needs Python >= 3.11, make and git; everything else goes into .venv.
# Choose an interpreter with PYTHON=..., the number of test processes with JOBS=...

PYTHON ?= python3
JOBS ?= 2

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
LOCK_VENV := build/lock-venv

PIP := -m pip --disable-pip-version-check install --quiet
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist loadgroup
# The tests of the API in which something is computed.
COMPUTING := $(patsubst %,tests/api/test_%.py,compute computed_columns delete distinct embedding_index group_by insert \
    joins query recompute samples similarity types update windows)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help venv demo test check bench docs lock clean

help:
	@echo "make venv    install the pinned dependencies and this project into $(VENV)"
	@echo "make demo    run examples/quickstart.py (DOCS=folder: on the .txt and .md files there)"
	@echo "make test    all tests; those of the API also without push-down, row by row, and with metadata read anew"
	@echo "make check   lint, format, spelling, types, architecture, doctests, news fragments"
	@echo "make bench   run bench/run.py (ARGS=... is passed to it)"
	@echo "make docs    check the documents: paths they name, code blocks they show"
	@echo "make lock    resolve the dependencies again into constraints.txt"
	@echo "make clean   remove everything that the targets above leave"

venv: $(INSTALLED)

# Two steps, because an editable install cannot carry a hash: what is pinned first, then this project alone.
$(INSTALLED): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "Python 3.11 or newer is needed, and '$(PYTHON)' is not: try make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; \
	    exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP) --require-hashes -r constraints.txt
	$(BIN)/python $(PIP) --no-deps --no-build-isolation -e .
	@touch $@

demo: $(INSTALLED)
	$(BIN)/python examples/quickstart.py $(if $(DOCS),'$(DOCS)')

test: $(INSTALLED)
	$(PYTEST)
	PIXELTABLE_TEST_CONFIG=no-pushdown $(PYTEST) -m "not slow" $(COMPUTING)
	PIXELTABLE_TEST_CONFIG=batch-1 $(PYTEST) -m "not slow" $(COMPUTING)
	PIXELTABLE_TEST_CONFIG=reload $(PYTEST) -m "not slow" tests/api

check: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/codespell
	$(BIN)/mypy
	$(PYTEST) -m "not slow" tests/architecture src
	@if git rev-parse --verify --quiet origin/main >/dev/null; then \
	    echo "$(BIN)/towncrier check --compare-with origin/main"; \
	    $(BIN)/towncrier check --compare-with origin/main; \
	else \
	    echo "no origin/main to compare with: tests/architecture looked at the names in changelog.d, that is all"; \
	fi

bench: $(INSTALLED)
	$(BIN)/python bench/run.py $(ARGS)

docs: $(INSTALLED)
	$(PYTEST) tests/architecture/test_docs.py

lock:
	@test -x $(LOCK_VENV)/bin/python || $(PYTHON) -m venv $(LOCK_VENV)
	$(LOCK_VENV)/bin/python $(PIP) --upgrade uv
	$(LOCK_VENV)/bin/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-emit-find-links --upgrade --quiet \
	    --custom-compile-command "make lock" --output-file constraints.txt

clean:
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
