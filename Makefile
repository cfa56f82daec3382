# Needs Python 3.11 or newer and make; `make test` also needs Node.js with npm, for the interop tests.
PYTHON ?= python3
NAME ?= peer
FLAGS ?=
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test check bench interop-packages clean

run: $(VENV)/installed
	$(BIN)/intercom-tui --local --peer-store-name $(NAME) $(FLAGS)

test: $(VENV)/installed-test interop-packages
	$(BIN)/python -m pytest -q -n 2 --dist loadgroup

check: $(VENV)/installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/installed-test interop-packages
	$(BIN)/python -m bench

interop-packages: tests/interop/pinned/node_modules/.installed tests/interop/newest/node_modules/.installed

tests/interop/%/node_modules/.installed: tests/interop/%/package-lock.json
	cd tests/interop/$* && npm ci --no-audit --no-fund
	touch $@

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -e .
	touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(BIN)/python -m pip install -q --disable-pip-version-check -e ".[test]"
	touch $@

clean:
	rm -rf $(VENV) tests/interop/*/node_modules
