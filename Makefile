# The commands of a working day. `make` alone lists them.
#
# One cargo profile (release) for the demo, the tests and the lints, so that dependencies are compiled once; and one
# target directory outside the checkout, so that a fresh clone on the same machine finds them compiled.

PIPELINE ?= pipelines/demo.toml
CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/genie/target
CARGO ?= cargo

# Into the lineage of every output. Without git, or outside a clone, it is unknown.
GENIE_GIT_REVISION := $(shell git describe --always --dirty --abbrev=40 --exclude='*' 2>/dev/null)

# To the recipes by the environment, not as text: so that a path may hold spaces and quotes.
export CARGO_TARGET_DIR GENIE_GIT_REVISION PIPELINE VIDEOS ROOT

GENIE = "$$CARGO_TARGET_DIR/release/genie"
# Own videos get a dataset of their own, named after them, unless ROOT says where.
DATA = $(if $(VIDEOS),--videos "$$VIDEOS" --root "$${ROOT:-data/$$(basename "$$VIDEOS" | tr -c 'A-Za-z0-9._\n-' _)}",$(if $(ROOT),--root "$$ROOT"))
# All models on one device; and a binary that can use it.
DEVICES = $(if $(DEVICE),$(foreach section,tokenizer lam dynamics evaluate,--set $(section).device=$(DEVICE)))
# 2 is "done, some videos were rejected", which genie has said; to make, it is no error.
RUN = $(GENIE) run "$$PIPELINE" $(DATA) $(DEVICES)
BINARIES = genie genie-ingest genie-tokenize genie-train genie-evaluate
PREFIX ?= /usr/local
REJECTS_ARE_FINE = || [ $$? -eq 2 ]

.DEFAULT_GOAL := help
.PHONY: help setup setup-tests build demo ingest tokenize train evaluate retokenize status install test test-slow test-device lint bench-ingest bench-train reference audit

help: ## List these commands
	@echo 'From videos to a playable world model. Usage: make COMMAND [PIPELINE=pipelines/demo.toml] [VIDEOS=dir] [ROOT=dir]'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  VIDEOS=dir    your own videos instead of the built-in game (a directory, a glob or @list.txt)'
	@echo '  FEATURES=cuda DEVICE=cuda   build for NVIDIA GPUs, and train and evaluate there'
	@echo '  ROOT=dir      where everything is put; with VIDEOS, data/<name of VIDEOS> by default'

demo: build ## Everything, from nothing to a report: run it again and it does nothing
	@$(RUN) $(REJECTS_ARE_FINE)

ingest: build ## Cut the videos into clips (and record the built-in game, without VIDEOS)
	@$(RUN) --stage ingest $(REJECTS_ARE_FINE)

tokenize: build ## Learn the video tokenizer and encode every clip that lacks tokens
	@$(RUN) --stage tokenize $(REJECTS_ARE_FINE)

train: build ## Learn the latent actions, label the clips, learn the dynamics
	@$(RUN) --stage train $(REJECTS_ARE_FINE)

evaluate: build ## Measure on held-out videos and write the report
	@$(RUN) --stage evaluate $(REJECTS_ARE_FINE)

retokenize: build ## What is new: ingest it, encode and label it with the models that there are, and train nothing
	@$(GENIE) retokenize "$$PIPELINE" $(DATA) $(DEVICES) $(REJECTS_ARE_FINE)

status: build ## Say what exists and what does not
	@$(GENIE) status "$$PIPELINE" $(DATA)

setup: ## Install the system packages that are missing
	@./setup.sh

setup-tests:
	@./setup.sh tests

build: setup ## Build all binaries
	@test -x $(GENIE) || echo 'building: the first time takes half an hour on two cores, the next ones seconds' >&2
	@$(CARGO) build --release --workspace --locked $(if $(FEATURES),--features $(FEATURES))

install: build ## Install the binaries, and units for every night (PREFIX=/usr/local, DESTDIR=)
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(PREFIX)/share/doc/genie" "$(DESTDIR)/etc/systemd/system" "$(DESTDIR)/etc/genie"
	install -m 755 $(foreach binary,$(BINARIES),"$$CARGO_TARGET_DIR/release/$(binary)") "$(DESTDIR)$(PREFIX)/bin"
	install -m 644 ingest/README.md "$(DESTDIR)$(PREFIX)/share/doc/genie/ingest.md"
	install -m 644 tokenize/README.md "$(DESTDIR)$(PREFIX)/share/doc/genie/tokenize.md"
	for job in ingest retokenize; do \
		sed 's|/usr/local|$(PREFIX)|' pipelines/nightly/genie-$$job.service > "$(DESTDIR)/etc/systemd/system/genie-$$job.service" && \
		install -m 644 pipelines/nightly/genie-$$job.timer "$(DESTDIR)/etc/systemd/system" && \
		{ test -e "$(DESTDIR)/etc/genie/$$job.toml" || install -m 644 pipelines/nightly/$$job.toml "$(DESTDIR)/etc/genie/$$job.toml"; } || exit 1; \
	done

test: setup-tests ## Build and run all tests
	@# The black-box tests run the built binaries, which `cargo test` alone would not build.
	$(CARGO) build --release --workspace --locked
	$(CARGO) test --release --workspace --locked

test-slow: setup-tests ## Run the tests that take minutes: 2,000 mutated videos, 10,000 known files
	$(CARGO) test --release --workspace --locked --test fuzz --test run -- --ignored --nocapture

test-device: setup ## Compare what a device computes with the CPU: make test-device FEATURES=cuda DEVICE=cuda
	@# All that depends on the feature is in one crate, as for the lints.
	GENIE_DEVICE=$(or $(DEVICE),cpu) $(CARGO) test --release --locked $(if $(FEATURES),--package genie-model --features $(FEATURES),--workspace) --test device -- --nocapture

lint: setup ## Check formatting and lints, of what is for NVIDIA GPUs, too
	$(CARGO) fmt --check
	$(CARGO) clippy --release --workspace --all-targets --locked -- -D warnings
	@# All that depends on the feature is in this crate. The workspace with it would check Arrow and DataFusion a second time.
	$(CARGO) clippy --release --package genie-model --all-targets --features cuda --locked -- -D warnings

audit: ## Check the dependencies: licences, sources, duplicate versions, known vulnerabilities
	@$(CARGO) deny --version >/dev/null 2>&1 || { echo 'cargo-deny is missing: cargo install --locked cargo-deny' >&2; exit 1; }
	$(CARGO) deny --all-features check licenses bans sources
	@# The database of advisories is downloaded. Without a network, its absence is reported and is no failure.
	@if git ls-remote --exit-code https://github.com/RustSec/advisory-db HEAD >/dev/null 2>&1; then $(CARGO) deny check advisories; \
	else echo 'advisories: not checked, because the database at github.com/RustSec/advisory-db cannot be reached' >&2; fi

bench-ingest: build ## Measure ingest against FFmpeg, torchcodec and PyAV (20 minutes; QUICK=1: two)
	@$(CARGO) bench --workspace --locked $(if $(FEATURES),--features $(FEATURES)) --bench ingest $(if $(QUICK),-- --quick)

reference: ## Compute again, in PyTorch, what the models' tests compare with
	@# In a virtual environment beside the target directory. Any PyTorch will do, one for CPUs is the smallest.
	@mkdir -p "$$CARGO_TARGET_DIR" && cd "$$CARGO_TARGET_DIR/.." && { test -x reference-venv/bin/python || python3 -m venv reference-venv; }
	@cd "$$CARGO_TARGET_DIR/../reference-venv/bin" && { ./python -c 'import torch, numpy' 2>/dev/null || ./pip install --quiet torch numpy; }
	@"$$CARGO_TARGET_DIR/../reference-venv/bin/python" -B tests/reference/fixtures.py

bench-train: build ## Measure a training step of each model and encoding, and the same in PyTorch where there is one (GENIE_PYTHON=, SIZE=64x64)
	@$(CARGO) bench --workspace --locked $(if $(FEATURES),--features $(FEATURES)) --bench train -- --config "$$(realpath "$$PIPELINE")" $(if $(DEVICE),--device $(DEVICE)) $(if $(SIZE),--size $(SIZE))
