# The front door: everything a developer, a visitor or the CI does has its target here. Only Python 3.11 to 3.14 and
# make must be there; the rest is installed into this folder, as uv.lock says.

# What a shell happens to have set must not lead elsewhere.
export UV_PROJECT_ENVIRONMENT := .venv
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest --quiet
# One worker for each core; a file stays with one, as its tests share servers.
PARALLEL := -n logical --dist loadfile
DEMO := $(BIN)/k8s-inventory-demo

.DEFAULT_GOAL := help
.PHONY: help setup check test test-clusters coverage demo ui demo-stop bench build

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/installed ## Install the environment of uv.lock into .venv (the other targets do it themselves)

.venv/installed: pyproject.toml demo/pyproject.toml uv.lock
	@uv=$$(.ci/find-uv) && echo "Installing the environment into .venv ..." && $$uv sync --frozen --quiet && touch $@

check: setup ## Lint, format, types, layers, spelling, and whether uv.lock fits pyproject.toml
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$$(.ci/find-uv) lock --check --quiet

test: setup ## Run all tests but those that need real control planes
	@$(PYTEST) $(PARALLEL)

test-clusters: setup ## Run the conformance tests against real control planes (needs Go once, to build them)
	@.ci/build-control-plane >/dev/null && $(PYTEST) $(PARALLEL) --control-plane=real tests/clusters tests/conformance

coverage: setup ## Run `make test` and list the lines of the package that no test runs
	@$(BIN)/coverage erase && $(BIN)/coverage run -m pytest --quiet $(PARALLEL)
	@$(BIN)/coverage combine --quiet && $(BIN)/coverage report

demo: setup ## Sync two simulated clusters with Airflow; CLUSTERS=kubeconfig and DSN=url take real ones
	@$(DEMO) $(if $(CLUSTERS),--clusters '$(CLUSTERS)') $(if $(DSN),--dsn '$(DSN)')

ui: setup ## Open the demo's Airflow in the browser; Ctrl-C ends it
	@$(DEMO) --ui $(if $(CLUSTERS),--clusters '$(CLUSTERS)') $(if $(DSN),--dsn '$(DSN)')

demo-stop: setup ## Stop what the demo left running; its data stays in .demo
	@$(DEMO) --stop

bench: setup ## Measure against the bare list, bare COPY and the plain Airflow way
	@$(BIN)/python -m tests.benchmarks

build: ## Build the wheel and the source distribution into dist
	rm -rf dist
	$$(.ci/find-uv) build --quiet
