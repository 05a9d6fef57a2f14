# Two commands do all set-up: `make demo` (light) and `make test` (everything). PYTHON chooses the interpreter.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test lint clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.light: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) -e ".[kipoi]"
	touch $@

$(VENV)/.dev: $(VENV)/.light
	$(PIP) torch==2.13.0
	$(PIP) -e ".[all,dev]"
	touch $@

demo: $(VENV)/.light
	PATH="$(CURDIR)/$(BIN):$$PATH" bash docs/demo.sh demo-output

test: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

clean:
	rm -rf $(VENV) demo-output build dist *.egg-info
