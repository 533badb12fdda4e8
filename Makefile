# `make serve` and `make test` are all there is to know; the environment is made when it is missing.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export HF_HUB_OFFLINE ?= 1
export GRADIO_ANALYTICS_ENABLED := False

.PHONY: serve test lint bench bench-peers ablations eval-gate screenshots install clean

serve: $(STAMP)  ## index seeds/ and open the page at http://127.0.0.1:7860
	$(BIN)/pincite serve --docs seeds

test: lint  ## linter, type checker, tests, and the evaluation's gate
	$(BIN)/python -m pytest
	$(MAKE) eval-gate

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(STAMP)  ## speed of indexing and asking, as ratios; run/bench.json and a table
	$(BIN)/python -m qa.bench

bench-peers: $(STAMP)  ## other systems on the same work
	$(BIN)/python -m eval.peers

ablations: $(STAMP)  ## retrieval kinds, interpolation, passage sizes, k: one table
	$(BIN)/python -m eval.ablations

eval-gate: $(STAMP)  ## fails when a figure of eval/baselines drops by more than its interval
	$(BIN)/python -m eval.gate

screenshots: $(STAMP)  ## pictures of the page into docs/ (needs Chromium)
	$(BIN)/python -m ui.screenshots

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --retries 10 -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache build dist *.egg-info
