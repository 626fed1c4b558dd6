# `make` alone lists the targets. They need python3 (3.11 or newer), make and the network.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Stamps say for which lock file the environment was installed last.
RUN_READY := $(VENV)/.installed
DEV_READY := $(VENV)/.installed-dev
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
COMPILE := $(BIN)/pip-compile --quiet --allow-unsafe --generate-hashes --strip-extras \
	--no-emit-find-links --no-emit-index-url --no-emit-trusted-host
# Checks that look at a database use one of their own.
CHECK_HOME := REGISTRY_BROWSER_HOME=var/check

.DEFAULT_GOAL := help
.PHONY: help run demo test check bench lock

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' Makefile

run: $(RUN_READY) ## Serve the dashboard (REGISTRY=http://host:5000 connects it, PORT=8000)
	@$(BIN)/python manage.py up $(if $(REGISTRY),--registry '$(REGISTRY)')

demo: $(DEV_READY) ## Serve the dashboard with a bundled sample registry (PORT=8000)
	@$(BIN)/python -m tests.demo

test: $(DEV_READY) ## Run all tests, real registry and real browser included (ARGS="-k name")
	@sh tests/install_tools.sh
	$(BIN)/python -m pytest -n auto $(ARGS)

check: $(DEV_READY) ## Lint, check types, import contracts, migrations and settings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(CHECK_HOME) $(BIN)/python manage.py makemigrations --check --dry-run
	$(CHECK_HOME) CSRF_TRUSTED_ORIGINS=https://registries.example \
		$(BIN)/python manage.py check --deploy --fail-level WARNING

bench: $(DEV_READY) ## Measure speed and memory
	@sh tests/install_tools.sh
	$(BIN)/python -m benchmarks $(ARGS)

lock: $(DEV_READY) ## Choose the newest versions that pyproject.toml allows
	$(COMPILE) --upgrade --output-file requirements.txt pyproject.toml
	$(COMPILE) --upgrade --extra dev --constraint requirements.txt \
		--output-file requirements-dev.txt pyproject.toml

$(BIN)/python:
	@PYTHON='$(PYTHON)' VENV='$(VENV)' sh dashboard/make_venv.sh

$(RUN_READY): requirements.txt | $(BIN)/python
	@echo "Installing what the dashboard needs into $(VENV) ..."
	@$(PIP) -r requirements.txt
	@touch $@

$(DEV_READY): requirements-dev.txt | $(BIN)/python
	@echo "Installing what the dashboard, its tests and checks need into $(VENV) ..."
	@$(PIP) -r requirements-dev.txt
	@touch $(RUN_READY) $@
