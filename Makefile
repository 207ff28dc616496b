# Two commands: `make book` builds the book, `make test` proves it.

# Where Linux without an NVIDIA card gets PyTorch: PyPI's wheel would bring
# several gigabytes of CUDA. TORCH names another build, or a wheel's file.
TORCH_INDEX = https://download.pytorch.org/whl/cpu
TORCH =

PYTHON = .venv/bin/python
STEP = $(PYTHON) scripts/step.py
SITE = _build/html/index.html
PDF = _build/vit-piece-by-piece.pdf
SOURCES = book vitlib _config.yml _toc.yml requirements pyproject.toml \
	.git/config
PORT = 8000

# Tests side by side, each on one core; conftest.py says which together.
ABREAST = -n logical --maxprocesses 4 --no-loadscope-reorder
ONE_CORE = OMP_NUM_THREADS=1

# Whoever asks the network in these steps finds nobody there.
OFFLINE = https_proxy=http://127.0.0.1:9 http_proxy=http://127.0.0.1:9

# The first Python from 3.11 to 3.14 that this machine has. Later ones are
# untried with the pinned packages.
FIND_PYTHON = for python in python3 python3.13 python3.12 python3.11 \
	python3.14 python; do \
	if $$python -c 'import sys; \
	sys.exit(not (3, 11) <= sys.version_info < (3, 15))' \
	>/dev/null 2>&1; then echo $$python; exit; fi; done
SYSTEM_PYTHON = $(shell $(FIND_PYTHON))
INSTALL = python="$(SYSTEM_PYTHON)"; \
	test -n "$$python" || { echo "make: Python 3.11 to 3.14 is needed\
	and was not found: install it (Debian: apt install python3 python3-venv;\
	macOS: brew install python@3.13), then try again" >&2; exit 1; }; \
	$$python scripts/install.py --torch-index "$(TORCH_INDEX)" \
	--torch "$(TORCH)"

.DEFAULT_GOAL = help
.NOTPARALLEL:
.PHONY: help book pdf test test-all test-versions lab serve notebooks cells \
	lint update bench status clean clean-all style \
	install install-test install-lab
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | \
	while IFS='|' read -r name text; do \
	printf 'make %-13s %s\n' "$$name" "$$text"; done

install:
	@$(INSTALL) book

install-test: install
	@$(INSTALL) test

install-lab: install
	@$(INSTALL) lab

book: install ## install what the book needs, build it, say where it is
	@$(STEP) "Building the book" --once _build/.book $(SOURCES) -- \
	env BOOK_REPOSITORY=$(BOOK_REPOSITORY) BOOK_SITE=$(BOOK_SITE) \
	sh -c 'rm -rf _build/html _build/.doctrees && \
	.venv/bin/jupyter-book build . -W --keep-going'
	@echo "Open $(CURDIR)/$(SITE)"

pdf: install-test book ## print the whole book into one PDF
	@test -f $(PDF) || rm -f _build/.pdf
	@$(STEP) "Printing the book" --once _build/.pdf $(SOURCES) \
	scripts/one_file.py scripts/one_file.js -- \
	$(PYTHON) scripts/one_file.py
	@echo "Open $(CURDIR)/$(PDF)"

test: install-test style book ## check everything: code, notebooks, book, site
	@$(STEP) "Tests of code, notebooks and site" -- \
	env $(ONE_CORE) $(OFFLINE) $(PYTHON) -m pytest -q $(ABREAST) \
	-m "not long" --doctest-modules --nbval --nbval-current-env \
	tests vitlib book

test-all: test ## and all that repeats: orders, threads, the wheel
	@$(PYTHON) scripts/repeat.py

test-versions: install-test ## test with the oldest and newest packages
	@$(PYTHON) scripts/versions.py --torch-index "$(TORCH_INDEX)" $(VERSIONS)

lab: install-lab ## open the chapters in JupyterLab
	@$(PYTHON) -m jupyterlab $(if $(filter 0,$(shell id -u)),--allow-root) book

serve: book ## build the book and serve it on this machine
	@echo "Serving http://127.0.0.1:$(PORT)/ (end with Ctrl-C)"
	@$(PYTHON) -m http.server $(PORT) --bind 127.0.0.1 \
	--directory _build/html >/dev/null 2>&1 || { \
	echo "make: port $(PORT) is taken; another: make serve PORT=8001" >&2; \
	exit 1; }

notebooks: install-test ## run all notebooks and store what they print
	@$(PYTHON) scripts/notebooks.py

cells: install ## tell the notebooks' first cells where vitlib comes from
	@$(PYTHON) scripts/notebooks.py --cells

lint: style ## check style, format and the core's types
	@$(STEP) "Types" -- $(PYTHON) -m mypy --no-error-summary

style: install-test
	@$(STEP) "Style" -- sh -c '$(PYTHON) -m ruff check -q \
	--output-format concise . && \
	$(PYTHON) -m ruff format -q --check . && \
	.venv/bin/oxlint --deny-warnings -f unix vitlib scripts && \
	.venv/bin/zizmor --offline --quiet --no-progress .github'

update: install ## pin the newest packages that fit together
	@$(PYTHON) scripts/update.py --upgrade

bench: install-test ## measure vitlib against other libraries (90 minutes)
	@$(STEP) "Installing the peers" --once build/.peers \
	benchmarks/requirements.txt -- $(PYTHON) -m pip install -q --no-deps \
	--upgrade --target build/peers -r benchmarks/requirements.txt || \
	echo "Going on without them"
	@env PYTHONPATH=build/peers $(PYTHON) benchmarks/bench.py

status: install-test ## measure the book itself, for its page on that
	@$(PYTHON) scripts/status.py $(PARTS)

clean: ## remove what was built
	@rm -rf _build build dist *.egg-info .ruff_cache .pytest_cache
	@find book scripts tests vitlib benchmarks -name __pycache__ -prune \
	-exec rm -rf {} +

clean-all: clean ## remove the environment too
	@rm -rf .venv
