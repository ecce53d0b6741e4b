# Two words do everything on a fresh machine: `make demo` and `make test`.
# TORCH names a build of PyTorch's own index, as cpu or cu126; without it PyPI's is taken (Linux: for NVIDIA too).
PYTHON ?= python3
VENV ?= .venv
TORCH ?=
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check

.PHONY: help demo test test-slow tutorial check bench clean
.DEFAULT_GOAL := help

help:
	@echo "make demo   set up, then train, add views, blend: the whole road on drawn images"
	@echo "make demo TORCH=cpu   the same without what only NVIDIA's GPUs use: 5 GB less"
	@echo "make test   set up, then the tests;  make test-slow: those that take minutes"
	@echo "make tutorial  follow docs/tutorial.md, and see that it prints what it shows"
	@echo "make check  ruff, mypy --strict, doctests"
	@echo "make bench DATA=folder LABELS=test-labels.csv   the ladder of bench/RESULTS.md on a set of yours"
	@echo "make clean  remove .venv and the demo folder"

demo: $(VENV)/installed
	$(BIN)/ek demo

test: $(VENV)/installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile

test-slow: $(VENV)/installed-test
	$(BIN)/python -m pytest -q -m slow

tutorial: $(VENV)/installed-test
	$(BIN)/python -m pytest -q -m "slow or not slow" tests/test_tutorial.py

check: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --config-file bench/mypy.ini bench
	$(BIN)/python -m pytest -q --doctest-modules ensemble_kit models_zoo

bench: $(VENV)/installed
	@test -n "$(DATA)" -a -n "$(LABELS)" || { echo "Wanted: make bench DATA=folder LABELS=test-labels.csv"; exit 2; }
	$(BIN)/python bench/ladder.py "$(DATA)" --labels "$(LABELS)" --work bench-work

clean:
	rm -rf $(VENV) demo

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Wanted Python 3.11 or newer, got `$(PYTHON) --version 2>&1`. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) has no venv module. Debian and Ubuntu: apt install python3-venv. Then again: make $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(BIN)/python $(TORCH:%=$(VENV)/torch-%) Makefile setup.cfg pyproject.toml
	@echo "Installing (torch is large: some minutes and some gigabytes the first time)"
	$(PIP) -e '.[onnx,pretrained,report]'
	@touch $@

$(VENV)/torch-%: $(BIN)/python
	@test ! -e $(VENV)/installed || \
	  { echo "$(VENV) has another build of torch. First: make clean. Then again: make $(MAKECMDGOALS) TORCH=$*"; exit 2; }
	$(PIP) torch torchvision --index-url https://download.pytorch.org/whl/$*
	@touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(PIP) -e '.[test,check]'
	@touch $@
