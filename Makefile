# A thin layer over CMake: `make help` lists what it can do.
# PRESET=dev, clang, shared or asan chooses another of CMakePresets.json, e.g. `make test PRESET=asan`.
PRESET := release
BUILD := build$(if $(filter-out release,$(PRESET)),-$(PRESET))
JOBS := $(shell n=$$(nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2); echo $$((n < 2 ? 2 : n > 8 ? 8 : n)))
PREFIX := /usr/local
ifneq ($(shell command -v ninja),)
export CMAKE_GENERATOR ?= Ninja
endif

.DEFAULT_GOAL := build
.PHONY: fuzz build taut demo paper paper-quick test bench check install deps format format-check docs sandwich clean help

build: ## build everything (the default); missing packages are installed first
	@scripts/deps.sh build
	@cmake --preset $(PRESET) >/dev/null
	@cmake --build $(BUILD) -j $(JOBS)

taut: ## build the program build/taut alone
	@scripts/deps.sh build
	@cmake --preset $(PRESET) >/dev/null
	@cmake --build $(BUILD) -j $(JOBS) --target taut_program

demo: ## train on MNIST with and without a Lipschitz penalty, print the sandwich of both
	@scripts/deps.sh build
	@cmake --preset $(PRESET) >/dev/null
	@cmake --build $(BUILD) -j $(JOBS) --target demo
	$(BUILD)/examples/studies/demo --json $(BUILD)/demo.json

PAPER := $(BUILD)/paper

paper: paper-programs ## the tables and figures of the paper, into docs/paper; ARGS=--resume goes on after Ctrl-C
	scripts/paper.sh $(BUILD) $(PAPER) docs/paper -- --threads $(JOBS) $(ARGS)

paper-quick: paper-programs ## the same in minutes and small, into build/paper-quick alone
	scripts/paper.sh $(BUILD) $(PAPER)-quick -- --quick --threads $(JOBS) $(ARGS)

.PHONY: paper-programs
paper-programs:
	@scripts/deps.sh build
	@scripts/deps.sh paper || echo "There will be no figures." >&2
	@cmake --preset $(PRESET) >/dev/null
	@cmake --build $(BUILD) -j $(JOBS) --target paper_programs

test: build ## build and run every test
	@scripts/deps.sh test
	ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS)

bench: build ## run the benchmarks
	@for program in $$(find $(BUILD)/bench -maxdepth 1 -type f -perm -u+x | sort); do $$program || exit 1; done

check: ## what CI runs: tests, tests under sanitizers, format, examples
	.ci/run

SECONDS := 60
fuzz: ## fuzz the import of ONNX models for SECONDS=60 (needs Clang and its runtime)
	@scripts/deps.sh all
	scripts/fuzz.sh $(SECONDS)

install: build ## install below PREFIX (default /usr/local)
	cmake --install $(BUILD) --prefix $(PREFIX)

deps: ## install the missing packages, the formatter included
	@scripts/deps.sh all

format: ## format every source file
	@scripts/format.sh --fix

format-check: ## say which source files are not formatted
	@scripts/format.sh --check

ONNX_TESTDATA := /usr/share/libonnx-testdata/data
docs: build ## rewrite docs/primitives.md from the declarations, docs/onnx.md from ONNX's tests, docs/reference.md from the headers
	$(BUILD)/tests/house/documents/primitives_table >$(BUILD)/primitives.md
	mv $(BUILD)/primitives.md docs/primitives.md
	$(BUILD)/tests/onnx_conformance $(ONNX_TESTDATA) tests/onnx/conformance/reviewed.txt >$(BUILD)/onnx.md
	mv $(BUILD)/onnx.md docs/onnx.md
	python3 tools/reference.py >$(BUILD)/reference.md
	mv $(BUILD)/reference.md docs/reference.md

sandwich: demo ## redraw docs/sandwich.svg from the demo's results (needs python3)
	scripts/sandwich.py $(BUILD)/demo.json docs/sandwich.svg

clean: ## remove everything built
	cmake -E rm -rf $(BUILD) build-dev build-clang build-shared build-asan

help: ## print this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "  make %-13s %s\n", $$1, $$2}'
