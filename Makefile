# Every target sets itself up in a fresh clone: see .ci/setup for what it installs and which variables it takes.
READY := .venv/.ready
BIN := .venv/bin

.PHONY: help demo test plugin lint bench stress
help:
	@echo "make demo   reconstruct a bundled example, save a picture, open napari where there is a display"
	@echo "make test   ruff, mypy, every test, and those of the example plug-in"
	@echo "make plugin the tests of examples/plugin alone"
	@echo "make lint   ruff and mypy"
	@echo "make bench  every method over the benchmark files, as one table"
	@echo "make stress a thousand broken inputs and killed commands, ten of each kind resumed; COUNT=1000 SEED=1"
	@echo "make release  wheel and sdist in dist/, tried out in an empty environment"

demo: $(READY)
	@$(BIN)/neuralfield demo --overwrite

# Side by side: ruff, mypy and the plug-in's tests keep one core busy, and for two minutes.
test: $(READY)
	@$(MAKE) --no-print-directory -j 3 lint plugin suite

.PHONY: suite
suite: $(READY)
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# Into a folder of its own: the other tests run without a plug-in.
PLUGIN := .venv/plugin
plugin: $(READY)
	@rm -rf $(PLUGIN)
	@$(BIN)/python -m pip install --disable-pip-version-check -qq --no-deps --target $(PLUGIN) examples/plugin
	@PYTHONPATH=$(PLUGIN) $(BIN)/python -m pytest examples/plugin

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/mypy

bench: $(READY)
	@$(BIN)/python -m bench

# Minutes to an hour; each case prints a line only where it ends in another way than it should.
COUNT := 1000
SEED := 1
stress: $(READY)
	@$(BIN)/python -m tests.stress.fuzz --count $(COUNT) --seed $(SEED); ended=$$?; \
	$(BIN)/python -m tests.stress.kills --count $(COUNT) --seed $(SEED) || ended=1; \
	$(BIN)/python -m tests.stress.resume --count $$(($(COUNT) / 100)) --seed $(SEED) && exit $$ended

# Needs no .venv: it makes environments of its own, outside the checkout.
.PHONY: release
release:
	@.ci/release

$(READY): pyproject.toml constraints.txt .ci/setup .ci/python
	@.ci/setup
	@touch $@
