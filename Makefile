# Every target sets itself up in a fresh clone: see .ci/setup for what it installs and which variables it takes.
READY := .venv/.ready
BIN := .venv/bin

.PHONY: help demo test lint bench
help:
	@echo "make demo   reconstruct a bundled example, save a picture, open napari where there is a display"
	@echo "make test   ruff, mypy and every test"
	@echo "make lint   ruff and mypy"
	@echo "make bench  every method over the benchmark files, as one table"
	@echo "make release  wheel and sdist in dist/, tried out in an empty environment"

demo: $(READY)
	@$(BIN)/neuralfield demo

test: lint
	@$(BIN)/python -m pytest

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/mypy

bench: $(READY)
	@$(BIN)/python -m bench

# Needs no .venv: it makes environments of its own, outside the checkout.
.PHONY: release
release:
	@.ci/release

$(READY): pyproject.toml constraints.txt .ci/setup .ci/python
	@.ci/setup
	@touch $@
