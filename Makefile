# Every target sets up .venv from nothing: Python 3.11 or newer and make are all that is needed.
#   make run PORT=8501 HOST=127.0.0.1     the app
#   make test                             all tests that need minutes, browser and GDAL included
# TORCH_VARIANT=cpu takes torch's CPU wheel on Linux, where the default one brings CUDA (several GB).

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8501
TORCH_VARIANT ?= default
WORKERS ?= 2
SECONDS ?= 60

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --disable-pip-version-check --quiet
# Workers that yield to the pages, as they do in service, would starve beside tests; and hundreds of processes that compile
# each module anew, where the environment says not to keep bytecode, cost minutes.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 NPF_NICE=0 $(PY) -m pytest -q
CPU_INDEX := https://download.pytorch.org/whl/cpu

.DEFAULT_GOAL := help
.PHONY: help gpu-check run test notebooks api test-ui test-browser test-long test-cluster test-group check-verdict check-resume check-mutants check-fuzz check-faults check-wheel check-advisories lock-image gallery bench bench-ui bench-lab lint format clean check-load

help:
	@echo "make run            the app at http://$(HOST):$(PORT) (PORT, HOST)"
	@echo "make test           unit, page, browser and GDAL tests"
	@echo "make test-browser   only the tests in a real browser;  make test-ui  a first visit counted, by keyboard too, and axe"
	@echo "make test-long      the tests that take hours;  make test-cluster, test-group  those against real servers"
	@echo "make gpu-check      what a graphics card gives: figures, steps a second, waits, beside the processor's (ARGS=--json)"
	@echo "make check-resume   kill -9 a training, resume it, compare with an unbroken one"
	@echo "make check-mutants  put a sample of small faults into the mathematics: do the tests see them? (SEED, COUNT, ROOMS)"
	@echo "make check-fuzz     damaged files for every reader: a field or a sentence, or a find (SECONDS for each)"
	@echo "make check-verdict  how often exact answers are condemned and wrong ones passed"
	@echo "make check-faults   hostile uploads, links, bundles and guesses against a real server"
	@echo "make check-wheel    the package from a clean clone, installed in an empty environment, used from an empty folder"
	@echo "make check-advisories  published advisories against the locked versions;  make lock-image  hashes for the image"
	@echo "make check-load     forty watchers of one training, lists of a thousand runs (SESSIONS)"
	@echo "make gallery        train the bundles of assets/gallery;  make api  docs/api.md from the docstrings"
	@echo "make notebooks      run the notebooks of examples/"
	@echo "make bench          benchmarks against peers;  make bench-ui  speed of the pages;  make bench-lab  the Monge lab"
	@echo "make lint           ruff and mypy;  make format  ruff format;  make clean  remove .venv and caches"

# --- environments: a stamp file each, made again when its requirements change ---

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || \
	  { echo "python -m venv failed; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.run: requirements.txt requirements.lock $(VENV)/.made
ifeq ($(TORCH_VARIANT),cpu)
	$(PIP) --index-url $(CPU_INDEX) -c requirements.lock torch
endif
	@echo "installing what the app runs on (once, some minutes) ..."
	$(PIP) -r requirements.txt
	@$(PY) -c 'from npf_engine.fields.places.cities import install; install()' || true  # or the first search would
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	$(PIP) -r requirements-dev.txt
	@touch $@

$(VENV)/.cluster: requirements-cluster.txt $(VENV)/.dev
	$(PIP) -r requirements-cluster.txt
	@touch $@

$(VENV)/.group: requirements-group.txt $(VENV)/.dev
	$(PIP) -r requirements-group.txt
	@touch $@

$(VENV)/.bench: requirements-bench.txt $(VENV)/.run
	$(PIP) -r requirements-bench.txt
	@touch $@

# --- the app ---

# Beyond this machine it serves with NPF_PASSWORD, or NPF_OPEN=yes; NPF_HOSTS names what else it is called (docs/security.md).
run: $(VENV)/.run
	@echo "serving on http://$(HOST):$(PORT) (Ctrl-C ends it; trainings go on)"
	@FORWARDED_ALLOW_IPS="" exec $(PY) -m streamlit run app.py --server.headless true --server.address $(HOST) --server.port $(PORT)

# --- tests ---

# Files go to the workers in their order: the browser's, few tests of half a minute each, would else come last, on one core.
test: $(VENV)/.dev
	$(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not long and not cluster and not group" --timeout 600 --durations 15

# A first visit counted, the same by keyboard, and axe over every page: some minutes, with what they took printed.
test-ui: $(VENV)/.dev
	$(PYTEST) -s tests/browser/test_visit.py tests/browser/test_axe.py --timeout 1800

test-browser: $(VENV)/.dev
	$(PYTEST) -m "browser and not group" --timeout 600

test-long: $(VENV)/.dev
	$(PYTEST) -m long

# With NPF_MANY_RUNS=100 so many runs are submitted to Ray at once, in place of 10; each may take 20 s on its two nodes.
NPF_MANY_RUNS ?= 10
test-cluster: $(VENV)/.cluster
	NPF_MANY_RUNS=$(NPF_MANY_RUNS) $(PYTEST) -m cluster --timeout $$((1000 + 20 * $(NPF_MANY_RUNS)))

# Two people sign in at a real identity provider, in a real browser.
test-group: $(VENV)/.group
	$(PYTEST) -m group --timeout 1200

SESSIONS ?= 40
notebooks: $(VENV)/.dev
	OMP_NUM_THREADS=1 PYTHONPATH=. $(PY) -m benchmarks.run_notebooks $(ARGS)

api: $(VENV)/.run
	PYTHONPATH=. $(PY) -m benchmarks.write_api

check-load: $(VENV)/.run
	OMP_NUM_THREADS=1 PYTHONPATH=. $(PY) benchmarks/check_load.py --sessions $(SESSIONS)

gpu-check: $(VENV)/.run
	@PYTHONPATH=. $(PY) -m benchmarks.gpu_check $(ARGS)

check-resume: $(VENV)/.run
	OMP_NUM_THREADS=1 PYTHONPATH=. $(PY) benchmarks/check_resume.py

# The first time it learns which tests run which lines (some minutes, kept in .mutants); then the sample, on one core.
SEED ?= 0
COUNT ?= 200
ROOMS ?= networks,divergences,transport,polar,sampling,measures,studies
check-mutants: $(VENV)/.dev
	OMP_NUM_THREADS=1 PYTHONPATH=. $(PY) -m benchmarks.mutants.run --seed $(SEED) --count $(COUNT) --rooms $(ROOMS)

check-verdict: $(VENV)/.run
	@OMP_NUM_THREADS=1 PYTHONPATH=. $(PY) benchmarks/check_verdict.py $(ARGS)

check-faults: $(VENV)/.dev
	OMP_NUM_THREADS=1 PYTHONPATH=. $(PY) benchmarks/check_faults.py $(ARGS)

check-wheel:
	@$(PYTHON) benchmarks/check_wheel.py --torch $(TORCH_VARIANT) $(ARGS)

check-advisories:
	@$(PYTHON) .ci/check_advisories.py

lock-image: $(VENV)/.run
	$(PIP) uv
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(PY) .ci/lock_image.py

check-fuzz: $(VENV)/.run
	@OMP_NUM_THREADS=1 PYTHONPATH=. $(PY) -m benchmarks.check_fuzz --seconds $(SECONDS) $(ARGS)

lint: $(VENV)/.dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy .

format: $(VENV)/.dev
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

# --- figures and bundles that the repository ships ---

gallery: $(VENV)/.run
	$(PY) -m npf_engine.runs.gallery

BENCHES := $(filter-out benchmarks/bench_ui.py benchmarks/bench_browser.py benchmarks/bench_lab.py,$(sort $(wildcard benchmarks/bench_*.py)))
# These take hours at their full size (benchmarks/README.md has the commands): make bench shows that they run.
BENCH_QUICK := terrain_peers gaussian known scaling

bench: $(VENV)/.bench
	@test -n "$(BENCHES)" || { echo "there is no benchmarks/bench_*.py to run" >&2; exit 2; }
	@set -e; for script in $(BENCHES); do \
	  size=; for name in $(BENCH_QUICK); do test "$$script" != benchmarks/bench_$$name.py || size=--quick; done; \
	  echo "== $$script $$size"; PYTHONPATH=. $(PY) $$script $$size; done

bench-ui: $(VENV)/.dev
	PYTHONPATH=. $(PY) benchmarks/bench_ui.py
	OMP_NUM_THREADS=1 PYTHONPATH=. $(PY) -m benchmarks.bench_browser
	OMP_NUM_THREADS=1 PYTHONPATH=. $(PY) -m benchmarks.check_models

bench-lab: $(VENV)/.run
	PYTHONPATH=. $(PY) benchmarks/bench_lab.py

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
