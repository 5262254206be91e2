# The commands for daily work. `make` alone lists them.
#
# The demo, the tests and the lints use one cargo profile (release), so dependencies are compiled
# once. The target directory is outside the checkout, so a fresh clone on this machine finds them.

PIPELINE ?= pipelines/demo.toml
CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/genie/target
CARGO ?= cargo

# The lineage of every output contains this revision. Without git it is unknown.
GENIE_GIT_REVISION := $(shell git describe --always --dirty --abbrev=40 --exclude='*' 2>/dev/null)

# Recipes read these from the environment, so a path may contain spaces and quotes.
export CARGO_TARGET_DIR GENIE_GIT_REVISION PIPELINE VIDEOS ROOT

GENIE = "$$CARGO_TARGET_DIR/release/genie"
# A dataset of own videos is named after them and the pipeline, unless ROOT is set. The demo's has
# only the name of the videos. Two pipelines in one dataset would replace each other's clips.
NAMED = data/$$({ basename "$$VIDEOS"; basename "$$PIPELINE" .toml; } | paste -sd- | \
	sed 's/-demo$$//' | tr -c 'A-Za-z0-9._\n-' _)
DATA = $(if $(VIDEOS),--videos "$$VIDEOS" --root "$${ROOT:-$(NAMED)}",$(if $(ROOT),--root "$$ROOT"))
# DEVICE applies to all models.
MODELS = tokenizer lam dynamics evaluate
DEVICES = $(if $(DEVICE),$(foreach section,$(MODELS),--set $(section).device=$(DEVICE)))
WITH_FEATURES = $(if $(FEATURES),--features $(FEATURES))
# Exit code 2 means: done, and some videos were rejected. For make this is no error.
RUN = $(GENIE) run "$$PIPELINE" $(DATA) $(DEVICES)
BINARIES = genie genie-ingest genie-tokenize genie-train genie-evaluate genie-play
PREFIX ?= /usr/local
UNITS = /etc/systemd/system
REJECTS_ARE_FINE = || [ $$? -eq 2 ]

.DEFAULT_GOAL := help
.PHONY: help setup setup-tests build demo play browse ingest tokenize train evaluate
.PHONY: retokenize status
.PHONY: install test test-slow test-s3 test-cluster test-device lint audit reference
.PHONY: bench-ingest bench-train bench-play bench-scale

help: ## List these commands
	@echo 'From videos to a world model that is controlled by learnt actions.'
	@echo 'Usage: make COMMAND [PIPELINE=pipelines/demo.toml] [VIDEOS=dir] [ROOT=dir]'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  VIDEOS=dir    own videos in place of the built-in game (a directory, a glob, @list.txt)'
	@echo '  ROOT=dir      the output directory; with VIDEOS, data/<name of VIDEOS>-<PIPELINE>'
	@echo '  FEATURES=cuda DEVICE=cuda   build for NVIDIA GPUs, and train and evaluate there'
	@echo '  FEATURES=s3   build with dataset roots in S3'
	@echo '  FEATURES=cluster   build drivers and executors; several: FEATURES=s3,cluster'

demo: build ## Run the whole pipeline, up to a report; what is up to date is not repeated
	@$(RUN) $(REJECTS_ARE_FINE)

play: build ## Play the trained world in a browser; the address is printed
	@"$$CARGO_TARGET_DIR/release/genie-play" serve --config "$$PIPELINE" \
		$(if $(VIDEOS)$(ROOT),--set data.root="$${ROOT:-$(NAMED)}") \
		$(if $(DEVICE),--device $(DEVICE)) $(if $(LISTEN),--listen $(LISTEN))

browse: build ## See and label the clips in a browser; the address is printed
	@"$$CARGO_TARGET_DIR/release/genie-ingest" browse --config "$$PIPELINE" \
		$(if $(VIDEOS)$(ROOT),--set data.root="$${ROOT:-$(NAMED)}") \
		$(if $(LISTEN),--listen $(LISTEN))

ingest: build ## Cut the videos into clips (without VIDEOS: record the built-in game first)
	@$(RUN) --stage ingest $(REJECTS_ARE_FINE)

tokenize: build ## Train the video tokenizer and encode every clip without tokens
	@$(RUN) --stage tokenize $(REJECTS_ARE_FINE)

train: build ## Train the latent action model, label the clips, train the dynamics model
	@$(RUN) --stage train $(REJECTS_ARE_FINE)

evaluate: build ## Measure on held-out videos and write the report
	@$(RUN) --stage evaluate $(REJECTS_ARE_FINE)

retokenize: build ## Ingest new videos, encode and label them with the existing models
	@$(GENIE) retokenize "$$PIPELINE" $(DATA) $(DEVICES) $(REJECTS_ARE_FINE)

status: build ## Show which steps are done and what is pending
	@$(GENIE) status "$$PIPELINE" $(DATA)

setup: ## Install the system packages that are missing
	@./setup.sh

setup-tests:
	@./setup.sh tests

build: setup ## Build all binaries
	@test -x $(GENIE) || echo 'building: about 15 minutes the first time, on two cores' >&2
	@$(CARGO) build --release --workspace --locked $(WITH_FEATURES)

install: build ## Install the binaries and the nightly systemd units (PREFIX=/usr/local, DESTDIR=)
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(PREFIX)/share/doc/genie" \
		"$(DESTDIR)$(UNITS)" "$(DESTDIR)/etc/genie"
	install -m 755 $(foreach name,$(BINARIES),"$$CARGO_TARGET_DIR/release/$(name)") \
		"$(DESTDIR)$(PREFIX)/bin"
	install -m 644 ingest/README.md "$(DESTDIR)$(PREFIX)/share/doc/genie/ingest.md"
	install -m 644 tokenize/README.md "$(DESTDIR)$(PREFIX)/share/doc/genie/tokenize.md"
	for job in ingest retokenize; do \
		unit="$(DESTDIR)$(UNITS)/genie-$$job" config="$(DESTDIR)/etc/genie/$$job.toml"; \
		sed 's|/usr/local|$(PREFIX)|' pipelines/nightly/genie-$$job.service > "$$unit.service" && \
		install -m 644 pipelines/nightly/genie-$$job.timer "$$unit.timer" && \
		{ test -e "$$config" || install -m 644 pipelines/nightly/$$job.toml "$$config"; } || exit 1; \
	done

test: setup-tests ## Build and run all tests
	@# The black-box tests run the binaries. `cargo test` alone does not build them.
	$(CARGO) build --release --workspace --locked
	$(CARGO) test --release --workspace --locked

test-slow: setup-tests ## Run tests of minutes: mutated videos, 10,000 known files, many players
	$(CARGO) test --release --workspace --locked --test fuzz --test run --test reports \
		-- --ignored --nocapture
	$(CARGO) test --release --locked --package genie-ingest --package genie-play --lib \
		-- --ignored
	$(CARGO) test --release --locked --package genie-model --test memory -- --ignored

test-s3: setup-tests ## Build with S3, and test dataset roots in a local S3 server
	$(CARGO) build --release --workspace --locked --features s3
	$(CARGO) test --release --workspace --locked --features s3 --test s3 -- --nocapture

test-cluster: setup-tests ## Build with Ballista and S3, and test drivers and executors
	$(CARGO) build --release --workspace --locked --features cluster,s3
	@# With genie-tokenize, cargo selects the features of the build. Else it compiles DataFusion again.
	$(CARGO) test --release --locked --package genie-cluster --package genie-ingest \
		--package genie-tokenize --lib --features genie-ingest/cluster,genie-ingest/s3 \
		--features genie-tokenize/cluster,genie-tokenize/s3 -- cluster ballista run_unit
	$(CARGO) test --release --workspace --locked --features cluster,s3 --test cluster_ballista \
		-- --nocapture

test-device: setup ## Compare a device with the CPU: make test-device FEATURES=cuda DEVICE=cuda
	@# Only this crate depends on the feature.
	GENIE_DEVICE=$(or $(DEVICE),cpu) $(CARGO) test --release --locked \
		$(if $(FEATURES),--package genie-model $(WITH_FEATURES),--workspace) \
		--test device -- --nocapture

lint: setup ## Check the format, the lints (those of the CUDA code, too) and the documentation
	$(CARGO) fmt --check
	$(CARGO) clippy --release --workspace --all-targets --locked -- -D warnings
	@# Only this crate depends on the feature. The whole workspace would check DataFusion again.
	$(CARGO) clippy --release --package genie-model --all-targets --features cuda --locked \
		-- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --release --workspace --no-deps --locked \
		--document-private-items

ADVISORIES = https://github.com/RustSec/advisory-db
audit: ## Check the dependencies: licences, sources, duplicate versions, known vulnerabilities
	@$(CARGO) deny --version >/dev/null 2>&1 || \
		{ echo 'cargo-deny is missing; install it: cargo install --locked cargo-deny' >&2; exit 1; }
	$(CARGO) deny --all-features check licenses bans sources
	@# Without a network, the missing database is reported and is no failure.
	@if git ls-remote --exit-code $(ADVISORIES) HEAD >/dev/null 2>&1; \
	then $(CARGO) deny check advisories; \
	else echo 'advisories: not checked, because $(ADVISORIES) cannot be reached' >&2; fi

bench-ingest: build ## Compare ingest with other programs (20 minutes; QUICK=1: two; GENIE_PYTHON=)
	@$(CARGO) bench --workspace --locked $(WITH_FEATURES) --bench ingest \
		$(if $(QUICK),-- --quick)

VENV = $$CARGO_TARGET_DIR/../reference-venv
reference: ## Compute the fixtures of the models' tests again, in PyTorch
	@# Any PyTorch works. One for CPUs is the smallest.
	@mkdir -p "$$CARGO_TARGET_DIR"
	@test -x "$(VENV)/bin/python" || python3 -m venv "$(VENV)"
	@"$(VENV)/bin/python" -c 'import torch, numpy' 2>/dev/null || \
		"$(VENV)/bin/pip" install --quiet torch numpy
	@"$(VENV)/bin/python" -B tests/reference/fixtures.py

bench-train: build ## Measure training steps and encoding, and PyTorch's (GENIE_PYTHON=, SIZE=64x64)
	@$(CARGO) bench --workspace --locked $(WITH_FEATURES) --bench train -- \
		--config "$$(realpath "$$PIPELINE")" \
		$(if $(DEVICE),--device $(DEVICE)) $(if $(SIZE),--size $(SIZE))

bench-play: build ## Measure play: key-to-frame latency, hiccups, several players (after make demo)
	@$(CARGO) bench --workspace --locked $(WITH_FEATURES) --bench play -- --config "$$PIPELINE" \
		$(if $(ROOT),--set data.root="$$ROOT") $(if $(DEVICE),--device $(DEVICE))

bench-scale: build ## Measure growth with the number of clips (SIZES=10000,100000 DIR=dir to keep)
	@$(CARGO) bench --workspace --locked $(WITH_FEATURES) --bench scale -- \
		$(if $(SIZES),--sizes $(SIZES)) $(if $(DIR),--dir "$$(realpath -m "$(DIR)")")
