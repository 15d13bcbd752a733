# make demo   the main job on a sample workspace: the console in a terminal, headless without one
# make test   every test, servers included     make check  what else CI demands: style, types, directions, dead code
# make bench  measured figures                 make soak   the long loops          make screenshots  new pictures

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
WORKERS ?= 5
DEMO ?= demo-workspace

.PHONY: demo test check bench soak screenshots servers clean

demo: $(VENV)/.run
	$(BIN)/syncdeck demo $(DEMO)

test: $(VENV)/.test servers
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

check: $(VENV)/.check $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vulture
	$(BIN)/deptry .

bench: $(VENV)/.bench servers
	$(BIN)/python -m tests.benchmarks

soak: $(VENV)/.test servers
	SYNCDECK_KILLS=$${SYNCDECK_KILLS:-500} SYNCDECK_SEEDS=$${SYNCDECK_SEEDS:-20000} \
	SYNCDECK_DISK_SEEDS=$${SYNCDECK_DISK_SEEDS:-1000} SYNCDECK_CUTS=$${SYNCDECK_CUTS:-100000} \
	SYNCDECK_STORMS=$${SYNCDECK_STORMS:-20} SYNCDECK_HOLDING=$${SYNCDECK_HOLDING:-60} $(BIN)/python -m pytest -m soak --timeout 7200

screenshots: $(VENV)/.test
	$(BIN)/python -m tests.screenshots

servers:
	sh tests/servers/install.sh

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Syncdeck needs Python 3.11 or newer; this is $$($(PYTHON) --version). Say make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade --constraint constraints.txt pip

$(VENV)/.run: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) install --constraint constraints.txt --editable '.[ldap,nats,postgres,redis]'
	@touch $@

$(VENV)/.test: $(VENV)/.run
	$(PIP) install --constraint constraints.txt --group test
	@touch $@

$(VENV)/.bench: $(VENV)/.test
	$(PIP) install --constraint constraints.txt --group bench
	@touch $@

$(VENV)/.check: $(VENV)/.run
	$(PIP) install --constraint constraints.txt --group check
	@touch $@

clean:
	rm -rf $(VENV) $(DEMO) .cache build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
