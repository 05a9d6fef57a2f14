# Two commands do all set-up: `make demo` (light) and `make test` (everything). PYTHON chooses the interpreter. `make web`
# builds the page that calls peaks in a browser, and needs Node 20 or later.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test fuzz kills types docs web clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.light: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) -e ".[kipoi]"
	touch $@

$(VENV)/.dev: $(VENV)/.light
	$(PIP) torch==2.13.0
	$(PIP) -e ".[all,book,dev]"
	touch $@

demo: $(VENV)/.light
	PATH="$(abspath $(BIN)):$$PATH" bash docs/demo.sh demo-output

$(VENV)/.web: $(VENV)/.light
	$(PIP) -e ".[kipoi,onnx]"
	touch $@

web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	npm --prefix web ci --ignore-scripts --no-audit --no-fund
	touch $@

web: $(if $(wildcard $(VENV)/.dev),,$(VENV)/.web) web/node_modules/.package-lock.json
	$(BIN)/python -m epizoo.web.page_data web/dist/data
	npm --prefix web run build
	npm --prefix web run types

test: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(MAKE) --no-print-directory types
	$(BIN)/python -m pytest -n 2 --dist worksteal

# N mutated files of each format, from seed SEED on.
N ?= 2000
SEED ?= 0
fuzz: $(VENV)/.dev
	EPIZOO_FUZZ_INPUTS=$(N) EPIZOO_FUZZ_SEED=$(SEED) $(BIN)/python -m pytest -n 2 tests/fuzz

# N kills of each long command, from seed SEED on.
kills: N = 20
kills: $(VENV)/.dev
	EPIZOO_KILLS=$(N) EPIZOO_KILLS_SEED=$(SEED) $(BIN)/python -m pytest -n 2 tests/kills

# mypy sees one package only where it lies in one folder, as it does once installed.
types: $(VENV)/.dev
	rm -rf $(VENV)/types && mkdir -p $(VENV)/types/epizoo
	ln -s $(CURDIR)/src/epizoo/* $(foreach part,model_zoo conversion plugins,$(CURDIR)/$(part)) $(VENV)/types/epizoo/
	MYPYPATH=$(VENV)/types $(BIN)/mypy

# Chapters run before the site is built, two at a time, each once for its cells and for this state of the package.
docs: $(VENV)/.dev
	$(BIN)/python docs/execute_chapters.py
	$(BIN)/python -m sphinx -c docs -W --keep-going . docs/_build/html

clean:
	rm -rf $(VENV) demo-output docs/_build build dist web/dist web/node_modules *.egg-info
